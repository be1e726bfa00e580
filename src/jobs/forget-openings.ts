import { OPEN_STATUSES } from "../domain/connection-request.ts";
import type { Services } from "../domain/services.ts";

/** Openings, the sealed secrets of flows and idempotency records are kept no longer than they can serve. */
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
}
