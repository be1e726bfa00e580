import type { Services } from "../domain/services.ts";

/**
 * Records of token requests are kept for a week, and longer where the next request still looks at them. An answer that lies sealed beside
 * one is destroyed when it can no longer serve: the tokens that it came for have been replaced, or their credential has ended. What was
 * wrong with a provider is forgotten when nobody has asked it for a week: whoever would is gone.
 */
export async function forgetAttempts(services: Services): Promise<void> {
  await services.database.query(
    "attempt_answers_over",
    `DELETE FROM "SealedSecret" s USING "RefreshAttempt" r
     JOIN "Grant" g ON g."projectId" = r."projectId" AND g."credentialId" = r."credentialId"
     JOIN "Credential" c ON c."projectId" = r."projectId" AND c."id" = r."credentialId"
     WHERE s."ownerTable" = 'RefreshAttempt' AND s."projectId" = r."projectId" AND s."ownerId" = r."id"
       AND r."startedAt" < moorline_now() - interval '1 hour'
       AND (r."generation" < g."generation" - 1 OR c."health" = 'REVOKED' OR c."deletedAt" IS NOT NULL)`,
    [],
  );
  await services.database.query(
    "attempts_over",
    `WITH over AS (
       DELETE FROM "RefreshAttempt" r USING "Grant" g
       WHERE g."projectId" = r."projectId" AND g."credentialId" = r."credentialId" AND r."startedAt" < moorline_now() - interval '7 days'
         AND (r."generation" < g."generation" - 1
           OR (r."outcome" IN ('TRANSIENT', 'NOT_SENT') AND NOT COALESCE(r."answerStatus" BETWEEN 200 AND 299, false)))
       RETURNING r."projectId", r."id")
     DELETE FROM "SealedSecret" s USING over WHERE s."projectId" = over."projectId" AND s."ownerTable" = 'RefreshAttempt' AND s."ownerId" = over."id"`,
    [],
  );
  await services.database.query(
    "breakers_over",
    `DELETE FROM "ProviderBreaker" WHERE "updatedAt" < moorline_now() - interval '7 days'`,
    [],
  );
}
