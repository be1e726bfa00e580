import type { Database } from "../src/db/database.ts";
import { type ConnectionStatus, transition } from "../src/domain/connection-request.ts";
import { machineNow, sleep } from "./statistics.ts";

export interface CommitOrder {
  projectId: string;
  /** UUIDs of connection requests: each changes once. */
  requestIds: string[];
  from: ConnectionStatus;
  to: ConnectionStatus;
  /** Events a second, each in a transaction of its own; null: all in one transaction, so that they become known at one moment. */
  perSecond: number | null;
}

export interface Commit {
  id: string;
  /** `machineNow()` when COMMIT was sent: what PostgreSQL needs to write it is counted too. */
  at: number;
}

/** Changes connection requests just as the domain does, event and announcement included. */
export function commitEvents(database: Database, order: CommitOrder): Promise<Commit[]> {
  return order.perSecond === null ? inOneBurst(database, order) : paced(database, order, order.perSecond);
}

async function inOneBurst(database: Database, { projectId, requestIds, from, to }: CommitOrder): Promise<Commit[]> {
  let at = 0;
  await database.transact(async (tx) => {
    for (const id of requestIds) await transition(tx, { projectId, id }, [from], to);
    at = machineNow();
  });
  return requestIds.map((id) => ({ id, at }));
}

async function paced(
  database: Database,
  { projectId, requestIds, from, to }: CommitOrder,
  perSecond: number,
): Promise<Commit[]> {
  const started = machineNow();
  const running: Promise<Commit>[] = [];
  for (const [index, id] of requestIds.entries()) {
    const early = started + (index * 1_000) / perSecond - machineNow();
    if (early > 0.5) await sleep(early);
    running.push(
      database.transact(async (tx) => {
        await transition(tx, { projectId, id }, [from], to);
        return { id, at: machineNow() };
      }),
    );
  }
  return Promise.all(running);
}
