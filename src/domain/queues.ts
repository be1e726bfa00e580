import { REMOVAL_DUE } from "./client-removal.ts";
import type { Services } from "./services.ts";

/** What a background job still has to do, by the rows that are due. */
export interface Queue {
  /** The job's name, as in jobs/index.ts. */
  name: string;
  due: number;
  /** For how many seconds the oldest of them has been due. */
  lateSeconds: number;
}

const DUE = `
  WITH t AS MATERIALIZED (SELECT moorline_now() AS "now"), due AS (
    SELECT 'refresh-ahead' AS "name", g."refreshAt" AS "at" FROM t, "Grant" g
      JOIN "Credential" c ON c."projectId" = g."projectId" AND c."id" = g."credentialId" AND c."enabled" AND c."deletedAt" IS NULL
      JOIN "AuthConfig" a ON a."projectId" = c."projectId" AND a."id" = c."authConfigId" AND a."enabled"
      WHERE g."refreshAt" <= t."now" AND g."failures" = 0 AND c."health" = 'ACTIVE'
    UNION ALL
    SELECT 'webhooks', d."nextAttemptAt" FROM t, "WebhookDelivery" d
      JOIN "Webhook" w ON w."projectId" = d."projectId" AND w."id" = d."webhookId" AND w."enabled" AND w."pausedUntil" IS NULL
      WHERE d."status" = 'PENDING' AND d."nextAttemptAt" <= t."now"
    UNION ALL
    SELECT 'revoke-tokens', "nextAttemptAt" FROM t, "Revocation" WHERE "status" = 'PENDING' AND "nextAttemptAt" <= t."now"
    UNION ALL
    SELECT 'deregister-clients', d."nextAttemptAt" FROM "ClientRegistration" d WHERE ${REMOVAL_DUE}
    UNION ALL
    SELECT 'advance-requests', "devicePollAt" FROM t, "ConnectionRequest" WHERE "devicePollAt" <= t."now"
    UNION ALL
    SELECT 'seal-audit', e."at" FROM "Project" p
      -- By each project's index: the log as a whole is long.
      CROSS JOIN LATERAL (SELECT "at" FROM "AuditEvent" WHERE "projectId" = p."id" AND "chainSequence" IS NULL OFFSET 0) e
  )
  SELECT "name", count(*)::int AS "due", greatest(0, extract(epoch FROM max(t."now" - due."at")))::float AS "lateSeconds"
  FROM due, t GROUP BY "name"`;

const QUEUES = ["refresh-ahead", "webhooks", "revoke-tokens", "deregister-clients", "advance-requests", "seal-audit"];

/** Every queue, empty ones too. What waits because a provider or a receiver asked for it, or keeps failing, is not late. */
export async function queues({ database }: Pick<Services, "database">): Promise<Queue[]> {
  const rows = await database.query<Queue>("queues", DUE, []);
  return QUEUES.map((name) => rows.find((row) => row.name === name) ?? { name, due: 0, lateSeconds: 0 });
}
