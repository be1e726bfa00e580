import { OPEN_STATUSES } from "../domain/connection-request.ts";
import type { Services } from "../domain/services.ts";

/**
 * Openings, the sealed secrets of flows, sessions, links and idempotency records are kept no longer than they can serve. A session of a
 * user's is for a month after its end: whoever comes with it is told that it has ended, and the audit log says so.
 */
export async function forgetOpenings(services: Services): Promise<void> {
  await services.database.query(
    "openings_over",
    `WITH over AS (DELETE FROM "Opening" WHERE "expiresAt" < moorline_now() - interval '1 hour' RETURNING "projectId", "id")
     DELETE FROM "SealedSecret" s USING over WHERE s."projectId" = over."projectId" AND s."ownerTable" = 'Opening' AND s."ownerId" = over."id"`,
    [],
  );
  await services.database.query(
    "device_codes_over",
    `DELETE FROM "SealedSecret" s USING "ConnectionRequest" r
     WHERE s."ownerTable" = 'ConnectionRequest' AND r."projectId" = s."projectId" AND r."id" = s."ownerId" AND r."status" <> ALL($1)`,
    [OPEN_STATUSES],
  );
  await services.database.query(
    "idempotency_over",
    `DELETE FROM "IdempotencyRecord" WHERE "createdAt" < moorline_now() - interval '2 days'`,
    [],
  );
  // Whoever opens a link gets one, a mail scanner that runs scripts too.
  await services.database.query(
    "link_sessions_over",
    `DELETE FROM "UserSession" WHERE ("requestId" IS NOT NULL OR "linkId" IS NOT NULL) AND "expiresAt" < moorline_now() - interval '1 day'`,
    [],
  );
  await services.database.query(
    "user_sessions_over",
    `DELETE FROM "UserSession" WHERE "expiresAt" < moorline_now() - interval '30 days'`,
    [],
  );
  await services.database.query(
    "connect_links_over",
    `DELETE FROM "ConnectLink" l WHERE l."expiresAt" < moorline_now() - interval '2 days'
     AND NOT EXISTS (SELECT 1 FROM "UserSession" s WHERE s."projectId" = l."projectId" AND s."linkId" = l."id")`,
    [],
  );
  await services.database.query(
    "dashboard_over",
    `DELETE FROM "DashboardSession" WHERE "expiresAt" < moorline_now() - interval '1 day'`,
    [],
  );
  await services.database.query(
    "sign_in_links_over",
    `DELETE FROM "SignInLink" WHERE "expiresAt" < moorline_now() - interval '1 day'`,
    [],
  );
}
