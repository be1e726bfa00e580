import { randomUUID } from "node:crypto";
import type { Tx } from "../../db/database.ts";
import type { Grant } from "../../db/generated/client.ts";
import { credentialStatus } from "../credential.ts";
import { recordCredentialEvent } from "../credential-event.ts";
import { type Admission, admit } from "../refresh-breaker.ts";
import { later } from "../refresh-schedule.ts";
import type { Services } from "../services.ts";
import { findLeftovers, finishAttempt, type Lease } from "./refresh-attempt.ts";
import { CUT_OFF } from "./refresh-words.ts";
import type { Loaded } from "./renew-tokens.ts";

/** TAKEN: another one is at it. CHANGED: what was loaded is not the present state. `until`: the provider is not to be asked before. */
export type Claim = { lease: Lease } | { until: Date } | "TAKEN" | "CHANGED";

/**
 * Of all processes one gets the lease: by the row's lock, the database's clock, and only for the state that the caller has seen.
 * `dueOnly`: only where the grant is due to be renewed by itself.
 */
export async function claimLease(services: Services, loaded: Loaded, { dueOnly = false } = {}): Promise<Claim> {
  const { leaseMs, requestMs } = services.refreshLimits;
  // Before the transaction, so that this clock never gives more than the database's.
  const sendUntil = performance.now() + leaseMs - requestMs;
  const { projectId, id: credentialId } = loaded;
  const { generation, failures } = loaded.grant;
  return services.database.transact(async (tx): Promise<Claim> => {
    const grant = await lockGrant(tx, loaded, "SKIP LOCKED");
    if (!grant || (grant.leaseUntil && grant.leaseUntil > tx.now)) return "TAKEN";
    if (grant.generation !== generation || grant.failures !== failures) return "CHANGED";
    if (dueOnly && !(grant.refreshAt && grant.refreshAt <= tx.now)) return "CHANGED";
    const left = await findLeftovers(tx, loaded, generation);
    await giveUp(tx, services, loaded, left.cutOff);
    const asks = left.journal === null || left.journal.wasRead;
    const { until, troubled } = asks ? await admission(tx, grant, leaseMs) : { until: null, troubled: true };
    if (until && left.cutOff.length === 0) return { until };
    const owner = randomUUID();
    const held = until ? {} : { leaseOwner: owner, leaseUntil: later(tx.now, leaseMs) };
    await tx.grant.update({
      where: { credentialId, projectId },
      data: { ...held, failures: { increment: left.cutOff.length }, updatedAt: tx.now },
      select: { credentialId: true },
    });
    const { journal, unheard } = left;
    return until ? { until } : { lease: { owner, generation, sendUntil, journal, unheard, troubled } };
  });
}

async function admission(tx: Tx, grant: Grant, leaseMs: number): Promise<Admission> {
  if (grant.notBefore && grant.notBefore > tx.now) return { until: grant.notBefore, troubled: true };
  return admit(tx, grant, leaseMs);
}

/** Attempts whose process has gone without a word: whether the provider acted on them, nobody knows. */
async function giveUp(tx: Tx, services: Services, loaded: Loaded, cutOff: readonly string[]): Promise<void> {
  const status = credentialStatus(loaded, tx.now);
  for (const attemptId of cutOff) {
    await finishAttempt(tx, services, loaded.projectId, attemptId, "RESPONSE_LOST");
    const event = { kind: "REFRESH_FAILED" as const, status, message: CUT_OFF };
    await recordCredentialEvent(tx, loaded, event, { kind: "UPDATED", statusBefore: status });
  }
}

/** Nothing was asked, so nothing is to be told: the next one may try at once. Of a lease that is lost already nothing is left to give back. */
export async function releaseLease(services: Services, loaded: Loaded, lease: Lease, attemptId: string | null): Promise<void> {
  const { projectId, id: credentialId } = loaded;
  await services.database.transact(async (tx) => {
    await tx.grant.updateMany({
      where: { projectId, credentialId, leaseOwner: lease.owner },
      data: { leaseOwner: null, leaseUntil: null, updatedAt: tx.now },
    });
    if (attemptId) await finishAttempt(tx, services, projectId, attemptId, "NOT_SENT");
  });
}

/** Holds the grant's row until the transaction ends; null: there is none, or, with SKIP LOCKED, another one holds it at this moment. */
export async function lockGrant(
  tx: Tx,
  { projectId, id }: { projectId: string; id: string },
  locked: "SKIP LOCKED" | "" = "",
): Promise<Grant | null> {
  const [row] = await tx.$queryRawUnsafe<Grant[]>(
    `SELECT * FROM "Grant" WHERE "projectId" = $1::uuid AND "credentialId" = $2::uuid FOR NO KEY UPDATE ${locked}`,
    projectId,
    id,
  );
  return row ?? null;
}
