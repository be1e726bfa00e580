import { GIVE_UP_DAYS } from "../domain/send-webhook.ts";
import type { Services } from "../domain/services.ts";

const KEEP_DAYS = 30;

/** What could not be delivered in its time has failed, the log of deliveries is kept for a month, and a secret that signs no more not at all. */
export async function forgetDeliveries({ database }: Services): Promise<void> {
  await database.query(
    "deliveries_over",
    `UPDATE "WebhookDelivery" d
     SET "status" = 'FAILED', "nextAttemptAt" = NULL, "leaseUntil" = NULL,
       "lastError" = COALESCE(d."lastError", 'It was not sent in time: the webhook was switched off, or its receiver was failing.')
     FROM "Webhook" w
     WHERE d."projectId" = w."projectId" AND d."webhookId" = w."id" AND d."status" = 'PENDING'
       AND d."createdAt" <= (SELECT moorline_now()) - interval '${GIVE_UP_DAYS} days'
       AND (d."leaseUntil" IS NULL OR d."leaseUntil" <= (SELECT moorline_now()))`,
    [],
  );
  await database.query(
    "deliveries_old",
    `DELETE FROM "WebhookDelivery" d USING "Webhook" w
     WHERE d."projectId" = w."projectId" AND d."webhookId" = w."id" AND d."createdAt" <= (SELECT moorline_now()) - interval '${KEEP_DAYS} days'`,
    [],
  );
  await database.query(
    "webhook_secrets_over",
    `WITH over AS (
       UPDATE "Webhook" SET "previousSecretUntil" = NULL WHERE "previousSecretUntil" <= moorline_now() RETURNING "projectId", "id")
     DELETE FROM "SealedSecret" s USING over
     WHERE s."projectId" = over."projectId" AND s."ownerTable" = 'Webhook' AND s."ownerId" = over."id" AND s."column" = 'previousSecrets'`,
    [],
  );
}
