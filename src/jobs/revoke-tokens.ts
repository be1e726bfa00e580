import { attemptDue } from "../domain/attempt-revocation.ts";
import type { Services } from "../domain/services.ts";

/** Ends at the providers what was ended here, for at most a day each. What is over is remembered for a month. */
export async function revokeTokens(services: Services, signal: AbortSignal): Promise<number> {
  await services.database.query(
    "revocations_over",
    `DELETE FROM "Revocation" WHERE "status" <> 'PENDING' AND "deadline" < moorline_now() - interval '30 days'`,
    [],
  );
  return attemptDue(services, signal);
}
