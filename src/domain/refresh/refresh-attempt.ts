import type { Tx } from "../../db/database.ts";
import type { Credential, RefreshAttempt } from "../../db/generated/client.ts";
import { newId } from "../../lib/ids.ts";
import { count } from "../../lib/metrics.ts";
import type { Secret } from "../../lib/secret.ts";
import type { Services } from "../services.ts";

/** The right to refresh one set of tokens, for a while. */
export interface Lease {
  owner: string;
  /** Of the tokens that it is about. */
  generation: number;
  /** By `performance.now()`: a request that leaves later might be answered after the lease has ended. It leaves not at all. */
  sendUntil: number;
  /** An answer that is there already: nobody is asked before it has been looked at. */
  journal: Journal | null;
  /** An earlier answer may have been lost. */
  unheard: boolean;
  /** The provider could not be had lately: that it answers is worth noting. */
  troubled: boolean;
}

/** What came of a token request. */
export type AttemptOutcome =
  | "STARTED"
  | "SUCCEEDED"
  /** Its tokens came after a second attempt had been refused: kept, and believed once they have been renewed themselves. */
  | "LATE"
  /** `invalid_grant`. */
  | "REFUSED"
  | "TRANSIENT"
  /** The provider may have acted on it, and nobody heard. */
  | "RESPONSE_LOST"
  /** Newer tokens were there already. */
  | "SUPERSEDED"
  /** The credential had ended. */
  | "REVOKED"
  /** Nothing of it left this process. */
  | "NOT_SENT";

const FINAL = new Set<string>(["SUCCEEDED", "LATE", "REFUSED", "SUPERSEDED", "REVOKED", "NOT_SENT"]);

/** False while something may yet come of it: it runs, or it is given up for lost and its process comes back with the answer. */
export function isSettled({ outcome }: RefreshAttempt): boolean {
  return FINAL.has(outcome);
}

/** On record before the request leaves; null where the lease has been lost. One statement, so that it is the lease's or nobody's. */
export async function writeAttempt(
  { database }: Services,
  { projectId, id }: Credential,
  { owner, generation }: Lease,
): Promise<string | null> {
  const [row] = await database.query<{ id: string }>(
    "refresh_attempt",
    `INSERT INTO "RefreshAttempt" ("id", "projectId", "credentialId", "generation", "leaseOwner", "startedAt")
     SELECT $1::uuid, "projectId", "credentialId", "generation", "leaseOwner", moorline_now() FROM "Grant"
     WHERE "projectId" = $2::uuid AND "credentialId" = $3::uuid AND "generation" = $4 AND "leaseOwner" = $5::uuid
     RETURNING "id"`,
    [newId(), projectId, id, generation, owner],
  );
  return row?.id ?? null;
}

/** The provider's answer as it came, safe before anything parses it: a rotated refresh token exists nowhere else. Any number of times. */
export function journalAnswer(
  { database, vault }: Services,
  credential: Credential,
  attempt: { id: string; generation: number },
  answer: { body: Secret; status: number },
): Promise<void> {
  const { projectId } = credential;
  return database.transact(async (tx) => {
    const { count: alive } = await tx.refreshAttempt.updateMany({
      where: { projectId, id: attempt.id, grant: { credential: { deletedAt: null } } },
      data: { answeredAt: tx.now, answerStatus: answer.status },
    });
    // What was deleted meanwhile has lost its key too; nothing makes it a new one.
    if (alive === 1) await vault.seal(tx, answerAddress(credential, attempt), answer.body);
  });
}

export function answerAddress({ projectId, userId }: Credential, { id, generation }: { id: string; generation: number }) {
  return { projectId, scope: userId ?? "project", table: "RefreshAttempt", id, column: "answer", generation };
}

/** An answer that lies sealed and of which nothing has come yet. */
export interface Journal {
  id: string;
  /** Of the tokens that it was asked for with: the present ones, or those before, where two asked at once. */
  generation: number;
  status: number;
  /** False: whoever asked for it did not get to look at it. True: it was looked at, and not understood. */
  wasRead: boolean;
}

export interface Leftovers {
  journal: Journal | null;
  /** Attempts that ended without anybody knowing how. */
  cutOff: string[];
  /** The provider may have rotated the refresh token without our hearing of it. */
  unheard: boolean;
}

/** What earlier attempts with the same tokens, or with those that they came from, have left behind; `tx` holds the grant. */
export async function findLeftovers(tx: Tx, { projectId, id }: Credential, generation: number): Promise<Leftovers> {
  const untold = [
    { finishedAt: null },
    { outcome: "RESPONSE_LOST" },
    { outcome: "TRANSIENT", answerStatus: { gte: 200, lt: 300 } },
  ];
  const rows = await tx.refreshAttempt.findMany({
    where: {
      projectId,
      credentialId: id,
      OR: [
        { generation, OR: untold },
        { generation: generation - 1, finishedAt: null },
      ],
    },
    orderBy: { startedAt: "desc" },
    take: 20,
  });
  const answered = rows.filter((row) => row.answeredAt !== null);
  // One that was looked at in vain only where there is nothing better: the connector's data may know by now what to make of it.
  const journal = answered.find((row) => row.outcome !== "TRANSIENT") ?? answered[0];
  const cutOff = rows.filter((row) => row.finishedAt === null && row.answeredAt === null);
  return {
    journal: journal ? { ...journal, status: journal.answerStatus ?? 200, wasRead: journal.outcome === "TRANSIENT" } : null,
    cutOff: cutOff.map((row) => row.id),
    unheard: rows.some((row) => row !== journal || row.outcome === "TRANSIENT"),
  };
}

export async function finishAttempt(
  tx: Tx,
  { vault }: Services,
  projectId: string,
  id: string,
  outcome: AttemptOutcome,
): Promise<void> {
  await tx.refreshAttempt.update({ where: { id }, data: { outcome, finishedAt: tx.now }, select: { id: true } });
  // An answer that was not understood stays sealed: it is tried once more before the provider is asked again.
  if (FINAL.has(outcome)) await vault.destroy(tx, { projectId, table: "RefreshAttempt", id });
  tx.afterCommit(() => count("refreshes", { outcome: outcome.toLowerCase() }));
}

/** Its answer is of no use to anybody. */
export function setAside(services: Services, { projectId }: Credential, id: string): Promise<void> {
  return services.database.transact((tx) => finishAttempt(tx, services, projectId, id, "SUPERSEDED"));
}
