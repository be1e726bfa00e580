import { KEEP_CHANGES_DAYS } from "../domain/change-cursor.ts";
import type { Services } from "../domain/services.ts";

const BATCH = 5_000;

/** In one statement, so that nobody goes on from a cursor as if nothing were gone. Projects in one order: two processes don't wait for each other. */
const FORGET = `
  WITH old AS (
    SELECT "id" FROM "CredentialChange" WHERE "at" <= (SELECT moorline_now()) - interval '${KEEP_CHANGES_DAYS} days'
    ORDER BY "at" LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
  ), over AS (
    DELETE FROM "CredentialChange" c USING old WHERE c."id" = old."id" RETURNING c."projectId", c."xid"
  ), noted AS (
    INSERT INTO "ForgottenChanges" AS f ("projectId", "xid")
    SELECT "projectId", max("xid") FROM over GROUP BY "projectId" ORDER BY "projectId"
    ON CONFLICT ("projectId") DO UPDATE SET "xid" = GREATEST(f."xid", EXCLUDED."xid")
  )
  SELECT count(*)::int AS "count" FROM over`;

/** The stream behind `credentialChanged` is kept for a month; each credential's own history stays. */
export async function forgetChanges({ database }: Services, signal: AbortSignal): Promise<void> {
  for (let count = BATCH; count === BATCH && !signal.aborted; ) {
    const [row] = await database.query<{ count: number }>("changes_old", FORGET, []);
    count = row!.count;
  }
}
