import { expireCredential } from "../domain/credential-health.ts";
import type { Services } from "../domain/services.ts";

const BATCH = 100;

/** Writes down what the clock has decided: access tokens that ran out and can't be renewed. Safe to run anywhere, any number of times. */
export async function expireCredentials(services: Services): Promise<number> {
  const due = await services.database.query<{ id: string; projectId: string }>(
    "credentials_due",
    `SELECT "id", "projectId" FROM "Credential"
     WHERE "health" = 'ACTIVE' AND NOT "canRefresh" AND "accessTokenExpiresAt" <= (SELECT moorline_now()) AND "deletedAt" IS NULL
     ORDER BY "accessTokenExpiresAt" LIMIT ${BATCH}`,
    [],
  );
  for (const credential of due) await expireCredential(services, credential);
  return due.length;
}
