import { recordAuditAs } from "../domain/audit.ts";
import { OPEN_STATUSES, transition } from "../domain/connection-request.ts";
import { requestActor } from "../domain/fail-request.ts";
import type { Services } from "../domain/services.ts";

const BATCH = 100;

/** Writes down what the clock has decided: requests whose time is over become EXPIRED. Safe to run anywhere, any number of times. */
export async function expireRequests(services: Services): Promise<number> {
  const due = await services.database.query<{ id: string; projectId: string }>(
    "requests_due",
    `SELECT "id", "projectId" FROM "ConnectionRequest" WHERE "status" = ANY($1) AND "expiresAt" <= moorline_now() ORDER BY "expiresAt" LIMIT ${BATCH}`,
    [OPEN_STATUSES],
  );
  for (const request of due) {
    await services.database.transact(async (tx) => {
      const expired = await transition(tx, request, OPEN_STATUSES, "EXPIRED");
      if (!expired) return;
      await recordAuditAs(tx, requestActor(expired), {
        action: "connection_request.expired",
        targetType: "ConnectionRequest",
        targetId: request.id,
      });
    });
  }
  return due.length;
}
