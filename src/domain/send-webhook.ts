import type { Prisma, Tx } from "../db/database.ts";
import { EgressError } from "../egress/index.ts";
import { encodeEventId } from "../lib/ids.ts";
import { count } from "../lib/metrics.ts";
import { retryAfterSeconds } from "../schemes/oauth2/failures.ts";
import { moorline, recordAuditAs } from "./audit.ts";
import type { Services } from "./services.ts";
import { signedHeaders } from "./webhook-secret.ts";

const TIME_LIMIT_MS = 15_000;
/** Longer than an attempt can take. After a crash the row is anybody's again then. */
const LEASE_SECONDS = 60;
/** Between attempts, a fifth more or less. */
const BACKOFF_SECONDS = [5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 43_200, 86_400];
export const GIVE_UP_DAYS = 3;
/** From so many failures in a row on nothing is sent for a while, then one at a time, until one arrives. */
const FAILURES_TO_PAUSE = 5;
const FIRST_PAUSE_SECONDS = 30;
const LONGEST_PAUSE_SECONDS = 900;

/** A delivery that is ours to send until its lease ends, with what sending it takes of its webhook. */
export interface DueDelivery {
  id: string;
  projectId: string;
  webhookId: string;
  eventId: string;
  payload: { type: string; timestamp: string; data: object };
  /** This one included. Another claim counts it up: what is written for this one counts only while it stays. */
  attempts: number;
  createdAt: Date;
  url: string;
  secretGeneration: number;
  previousSecretUntil: Date | null;
  /** Of the webhook, in a row, before this attempt. */
  failures: number;
  now: Date;
}

/**
 * Of every webhook a few, the longest due first, so that one that takes nothing or has much to take costs the others nothing. Of one
 * credential or request the first attempts are made in the order of its history; what has failed once holds up nothing behind it.
 */
const CLAIM = `
  WITH "present" AS MATERIALIZED (SELECT moorline_now() AS "now"),
  "due" AS (
    SELECT "mine"."id" FROM "present" CROSS JOIN "Webhook" w CROSS JOIN LATERAL (
      SELECT d."id", d."nextAttemptAt" FROM "WebhookDelivery" d
      WHERE d."projectId" = w."projectId" AND d."webhookId" = w."id" AND d."status" = 'PENDING'
        AND d."nextAttemptAt" <= "present"."now" AND (d."leaseUntil" IS NULL OR d."leaseUntil" <= "present"."now")
        AND NOT EXISTS (
          SELECT 1 FROM "WebhookDelivery" e
          WHERE e."webhookId" = d."webhookId" AND e."subjectId" = d."subjectId" AND e."sequence" < d."sequence"
            AND e."status" = 'PENDING' AND (e."attempts" = 0 OR e."leaseUntil" > "present"."now"))
      ORDER BY d."nextAttemptAt", d."sequence"
      LIMIT CASE WHEN w."failures" >= ${FAILURES_TO_PAUSE} THEN 1 ELSE $2::int END
      FOR UPDATE OF d SKIP LOCKED
    ) "mine"
    WHERE w."enabled" AND w."deletedAt" IS NULL AND (w."pausedUntil" IS NULL OR w."pausedUntil" <= "present"."now")
      AND w."id" <> ALL ($1::uuid[])
      AND (w."failures" < ${FAILURES_TO_PAUSE} OR NOT EXISTS (
        SELECT 1 FROM "WebhookDelivery" o
        WHERE o."projectId" = w."projectId" AND o."webhookId" = w."id" AND o."status" = 'PENDING' AND o."leaseUntil" > "present"."now"))
    ORDER BY "mine"."nextAttemptAt" LIMIT $3::int
  )
  UPDATE "WebhookDelivery" d
  SET "attempts" = d."attempts" + 1, "leaseUntil" = "present"."now" + interval '${LEASE_SECONDS} seconds'
  FROM "Webhook" w, "present"
  WHERE d."id" IN (SELECT "id" FROM "due") AND w."projectId" = d."projectId" AND w."id" = d."webhookId"
  RETURNING d."id", d."projectId", d."webhookId", d."eventId", d."payload", d."attempts", d."createdAt",
    w."url", w."secretGeneration", w."previousSecretUntil", w."failures", "present"."now"`;

/** Takes what is due, at most `limit` in all and `perWebhook` of each, and none of the webhooks in `without`. */
export function claimDeliveries(
  { database }: Services,
  { limit, perWebhook, without }: { limit: number; perWebhook: number; without: string[] },
): Promise<DueDelivery[]> {
  return database.query<DueDelivery>("webhooks_claim", CLAIM, [without, perWebhook, limit]);
}

/** What came of an attempt. */
interface Outcome {
  status: number | null;
  /** For the delivery log: in our words, never in the receiver's. */
  error: string | null;
  retryAfterSeconds: number | null;
}

/** One attempt. Where `signal` ends it, the next process may try at once. Sent and not written down, it is sent again: at least once. */
export async function deliver(services: Services, delivery: DueDelivery, signal: AbortSignal): Promise<void> {
  const outcome = await send(services, delivery, signal);
  if (!outcome) return release(services, delivery);
  await services.database.transact(async (tx) => {
    if (outcome.error === null) await recordArrival(tx, delivery, outcome);
    else if (outcome.status === 410) await recordGone(tx, delivery, outcome);
    else await recordFailure(tx, delivery, outcome);
  });
}

/** Null where `signal` ended it. */
async function send(services: Services, delivery: DueDelivery, signal: AbortSignal): Promise<Outcome | null> {
  const { type, timestamp, data } = delivery.payload;
  const body = JSON.stringify({ type, timestamp, data });
  const webhook = { ...delivery, id: delivery.webhookId };
  const headers = await signedHeaders(services, webhook, { id: encodeEventId(delivery.eventId), at: delivery.now, body });
  if (!headers) return { status: null, error: "The signing secret is gone.", retryAfterSeconds: null };
  try {
    // No answer is too long: it is not read.
    const limits = { timeoutMs: TIME_LIMIT_MS, maxBytes: Number.POSITIVE_INFINITY, signal };
    const response = await services.egress.fetch(delivery.url, { method: "POST", headers, body, ...limits });
    void discard(response);
    return { status: response.status, error: wordsFor(response.status), retryAfterSeconds: retryAfterSeconds(response.headers) };
  } catch (error) {
    if (signal.aborted) return null;
    if (!(error instanceof EgressError)) throw error;
    return { status: null, error: error.message, retryAfterSeconds: null };
  }
}

/** The status says it all. A little of the body is read, so that the connection can be used again. */
async function discard({ body }: Response): Promise<void> {
  try {
    let bytes = 0;
    for await (const chunk of body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > 16_384) break;
    }
  } catch {
    // Cut off, by either side: nobody wanted it.
  }
}

function wordsFor(status: number): string | null {
  if (status >= 200 && status < 300) return null;
  if (status === 410) return "The receiver answered 410 (gone): the webhook was switched off.";
  if (status >= 300 && status < 400)
    return `The receiver answered ${status}: redirects are not followed. Change the webhook's URL.`;
  return `The receiver answered ${status}.`;
}

/** `id` and `attempts` together: the row as this attempt has claimed it. */
function claimed({ projectId, id, attempts }: DueDelivery): Prisma.WebhookDeliveryWhereInput {
  return { projectId, id, attempts, status: "PENDING" };
}

async function release({ database }: Services, delivery: DueDelivery): Promise<void> {
  await database.transact((tx) => tx.webhookDelivery.updateMany({ where: claimed(delivery), data: { leaseUntil: null } }));
}

async function recordArrival(tx: Tx, delivery: DueDelivery, { status }: Outcome): Promise<void> {
  const { projectId, id, webhookId, failures } = delivery;
  await tx.webhookDelivery.updateMany({
    // Whoever may have claimed it since: it has arrived.
    where: { projectId, id, status: "PENDING" },
    data: {
      status: "DELIVERED",
      deliveredAt: tx.now,
      lastResponseStatus: status,
      lastError: null,
      nextAttemptAt: null,
      leaseUntil: null,
    },
  });
  tx.afterCommit(() => count("webhook_deliveries", { outcome: "delivered" }));
  if (failures === 0) return;
  await tx.webhook.updateMany({ where: { projectId, id: webhookId }, data: { failures: 0, pausedUntil: null } });
  if (failures < FAILURES_TO_PAUSE) return;
  // It is back: what waits for hours because of the pause need not wait any longer.
  await tx.webhookDelivery.updateMany({
    where: { projectId, webhookId, status: "PENDING", nextAttemptAt: { gt: tx.now } },
    data: { nextAttemptAt: tx.now },
  });
}

async function recordFailure(tx: Tx, delivery: DueDelivery, outcome: Outcome): Promise<void> {
  const wait = Math.max(backoffSeconds(delivery.attempts), outcome.retryAfterSeconds ?? 0);
  const next = new Date(tx.now.getTime() + wait * 1000);
  const isOver = next.getTime() >= delivery.createdAt.getTime() + GIVE_UP_DAYS * 86_400_000;
  const failed = await tx.webhookDelivery.updateMany({
    where: claimed(delivery),
    data: {
      ...(isOver ? { status: "FAILED", nextAttemptAt: null } : { nextAttemptAt: next }),
      lastResponseStatus: outcome.status,
      lastError: outcome.error,
      leaseUntil: null,
    },
  });
  tx.afterCommit(() => count("webhook_deliveries", { outcome: isOver ? "failed" : "retry" }));
  if (failed.count === 1) await countFailure(tx, delivery, outcome.retryAfterSeconds);
}

/** Several that were under way together are one outage: what fails during a pause makes it no longer. */
async function countFailure(tx: Tx, { projectId, webhookId }: DueDelivery, askedSeconds: number | null): Promise<void> {
  await tx.$executeRaw`
    UPDATE "Webhook" SET "failures" = "failures" + 1, "pausedUntil" = CASE
      WHEN ${askedSeconds}::int IS NOT NULL THEN ${tx.now}::timestamptz + make_interval(secs => ${askedSeconds}::int)
      WHEN "failures" + 1 >= ${FAILURES_TO_PAUSE}::int THEN ${tx.now}::timestamptz + make_interval(secs => LEAST(
        ${LONGEST_PAUSE_SECONDS}::int, ${FIRST_PAUSE_SECONDS}::int * power(2, LEAST("failures" + 1 - ${FAILURES_TO_PAUSE}::int, 20))))
      END
    WHERE "projectId" = ${projectId}::uuid AND "id" = ${webhookId}::uuid AND ("pausedUntil" IS NULL OR "pausedUntil" <= ${tx.now})`;
}

function backoffSeconds(attempts: number): number {
  const seconds = BACKOFF_SECONDS[Math.min(attempts, BACKOFF_SECONDS.length) - 1] ?? 0;
  return seconds * (0.8 + Math.random() * 0.4);
}

/** 410: the receiver wants nothing more, as Standard Webhooks has it say. The rest is held until somebody switches the webhook on again. */
async function recordGone(tx: Tx, delivery: DueDelivery, { status, error }: Outcome): Promise<void> {
  const { projectId, webhookId } = delivery;
  await tx.webhookDelivery.updateMany({
    where: claimed(delivery),
    data: { status: "FAILED", lastResponseStatus: status, lastError: error, nextAttemptAt: null, leaseUntil: null },
  });
  tx.afterCommit(() => count("webhook_deliveries", { outcome: "failed" }));
  const switched = await tx.webhook.updateMany({
    where: { projectId, id: webhookId, enabled: true, deletedAt: null, url: delivery.url },
    data: { enabled: false, updatedAt: tx.now },
  });
  if (switched.count === 0) return;
  await recordAuditAs(tx, moorline(projectId), {
    action: "webhook.disabled",
    targetType: "Webhook",
    targetId: webhookId,
    details: { reason: "410 Gone", host: new URL(delivery.url).host },
  });
}
