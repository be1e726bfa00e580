import type { Tx } from "../db/database.ts";
import type { Grant } from "../db/generated/client.ts";
import { later } from "./refresh-schedule.ts";

/**
 * One provider's token endpoint and one client, seen by all processes: after some failures in a row nobody asks for a while, then one
 * asks, and its answer decides. A row is there only while something is wrong.
 */
export type BreakerKey = Pick<Grant, "projectId" | "tokenOrigin" | "clientId">;

/** So many failures in a row, of any credentials, open it. */
const THRESHOLD = 5;
/** How long it stays open, from the first time on, doubled each time. */
const PAUSE = { firstSeconds: 10, longestSeconds: 60 };
/** A client that is refused is not going to be accepted in a moment: somebody has to do something. */
const PAUSE_OF_CLIENT = { firstSeconds: 60, longestSeconds: 600 };
/** What one credential was told to wait holds for all of them so long at most. */
const LONGEST_RETRY_AFTER_SECONDS = 900;

export interface Admission {
  /** Null: go ahead. Otherwise until when nobody asks. */
  until: Date | null;
  /** Something was wrong lately. */
  troubled: boolean;
}

/** Of all that come when a pause is over one goes ahead, for `probeMs` alone. */
export async function admit(tx: Tx, key: BreakerKey, probeMs: number): Promise<Admission> {
  const where = keyOf(key);
  const row = await tx.providerBreaker.findUnique({ where: { projectId_tokenOrigin_clientId: where } });
  const troubled = row !== null;
  if (!row?.openUntil) return { until: null, troubled };
  if (row.openUntil > tx.now) return { until: row.openUntil, troubled };
  const openUntil = later(tx.now, probeMs);
  const { count } = await tx.providerBreaker.updateMany({
    where: { ...where, openUntil: row.openUntil },
    data: { openUntil, updatedAt: tx.now },
  });
  return { until: count === 1 ? null : openUntil, troubled };
}

/** The provider could not be had, or refused the client itself. */
export async function noteTrouble(
  tx: Tx,
  key: BreakerKey,
  { clientRefused, retryAfterSeconds }: { clientRefused: boolean; retryAfterSeconds: number | null },
): Promise<void> {
  const { projectId, tokenOrigin, clientId } = key;
  const { firstSeconds, longestSeconds } = clientRefused ? PAUSE_OF_CLIENT : PAUSE;
  const asked = Math.min(retryAfterSeconds ?? 0, LONGEST_RETRY_AFTER_SECONDS);
  const jitter = 0.5 + Math.random() / 2;
  await tx.$executeRaw`
    INSERT INTO "ProviderBreaker" AS b ("projectId", "tokenOrigin", "clientId", "failures", "updatedAt")
    VALUES (${projectId}::uuid, ${tokenOrigin}, ${clientId}, 1, ${tx.now})
    ON CONFLICT ("projectId", "tokenOrigin", "clientId") DO UPDATE SET
      "failures" = b."failures" + 1,
      "updatedAt" = EXCLUDED."updatedAt",
      "openUntil" = CASE WHEN b."failures" + 1 >= ${THRESHOLD}::int THEN EXCLUDED."updatedAt" + make_interval(secs => GREATEST(
        LEAST(${firstSeconds}::float * power(2, LEAST(b."failures" + 1 - ${THRESHOLD}::int, 20)), ${longestSeconds}::float) * ${jitter}::float,
        ${asked}::float)) END`;
}

/** The provider answered as it should, be it with a refusal of this one grant: whatever was wrong is over. */
export async function noteAnswer(tx: Tx, key: BreakerKey): Promise<void> {
  await tx.providerBreaker.deleteMany({ where: keyOf(key) });
}

/** Somebody has given the client another secret: what was said of it before no longer counts, and what failed is tried soon. */
export async function trustClient(tx: Tx, projectId: string, clientId: string | null): Promise<void> {
  if (clientId === null) return;
  await tx.$executeRaw`
    UPDATE "Grant" SET "notBefore" = NULL, "refreshAt" = LEAST("refreshAt", moorline_now() + random() * interval '30 seconds')
    WHERE "projectId" = ${projectId}::uuid AND "clientId" = ${clientId} AND "failures" > 0 AND "refreshAt" IS NOT NULL`;
  await tx.providerBreaker.deleteMany({ where: { projectId, clientId } });
}

function keyOf({ projectId, tokenOrigin, clientId }: BreakerKey): BreakerKey {
  return { projectId, tokenOrigin, clientId };
}
