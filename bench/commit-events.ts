import type { Database } from "../src/db/database.ts";
import { type ConnectionStatus, transition } from "../src/domain/connection-request.ts";
import { CHANNEL } from "../src/events/announce.ts";
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
  /** `machineNow()` when COMMIT, or the one statement that is its own transaction, was sent: writing it to disk is counted too. */
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

async function paced(database: Database, order: CommitOrder, perSecond: number): Promise<Commit[]> {
  const started = machineNow();
  const running: Promise<Commit>[] = [];
  for (const [index, id] of order.requestIds.entries()) {
    const early = started + (index * 1_000) / perSecond - machineNow();
    if (early > 0.5) await sleep(early);
    running.push(commitOne(database, order, id));
  }
  return Promise.all(running);
}

/**
 * What `transition` writes and announces, by one statement: its six round trips through Prisma, a thousand times a second, would
 * take more of a small machine than the server that is measured.
 */
const TRANSITION = `
  WITH changed AS (
    UPDATE "ConnectionRequest" SET "status" = $4, "sequence" = "sequence" + 1, "updatedAt" = moorline_now()
    WHERE "projectId" = $1::uuid AND "id" = $2::uuid AND "status" = $3 AND "expiresAt" > moorline_now()
    RETURNING "projectId", "id", "sequence", "status"
  ), stored AS (
    INSERT INTO "ConnectionEvent" ("projectId", "requestId", "sequence", "status") SELECT * FROM changed
  )
  SELECT pg_notify('${CHANNEL}', 'request:' || "id"), pg_notify('${CHANNEL}', 'requests:' || "projectId" || ':' || "id") FROM changed`;

async function commitOne(database: Database, { projectId, from, to }: CommitOrder, id: string): Promise<Commit> {
  const at = machineNow();
  const rows = await database.query("bench_transition", TRANSITION, [projectId, id, from, to]);
  if (rows.length !== 1) throw new Error(`The request ${id} was not ${from}.`);
  return { id, at };
}
