import { renewDue } from "../domain/refresh/refresh-run.ts";
import type { Services } from "../domain/services.ts";

const BATCH = 100;
/** Requests at once, of one process. They wait for providers and hold nothing of the database meanwhile. */
const AT_ONCE = 20;

interface Due {
  projectId: string;
  id: string;
  /** Of which provider and client, where the pause after its failures is over: one asks, the others wait for what comes of it. */
  probe: string | null;
}

/**
 * Renews what is due: ahead of its end, or once more after a failure. In any number of processes: the lease of each grant decides, and
 * a grant that was due for two of them is no longer due for the second. What is switched off is left alone until it is switched on.
 */
export async function refreshAhead(services: Services, signal: AbortSignal): Promise<void> {
  await services.database.query("refresh_park", PARK, []);
  let renewed: number;
  do {
    const due = onePerProbe(await services.database.query<Due>("refresh_due", DUE, []));
    renewed = await renewAll(services, due, signal);
  } while (renewed > 0 && !signal.aborted);
}

/** Each process in an order of its own, so that they do not all reach for the same one. */
async function renewAll(services: Services, due: Due[], signal: AbortSignal): Promise<number> {
  const left = due.map((grant) => ({ grant, place: Math.random() })).sort((one, other) => one.place - other.place);
  let renewed = 0;
  async function work(): Promise<void> {
    for (let next = left.pop(); next && !signal.aborted; next = left.pop()) {
      try {
        if (await renewDue(services, next.grant)) renewed += 1;
      } catch (error) {
        services.log.error({ err: error, credentialId: next.grant.id }, "a credential could not be renewed ahead of time");
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return renewed;
}

function onePerProbe(due: Due[]): Due[] {
  const seen = new Set<string>();
  return due.filter(({ probe }) => probe === null || (!seen.has(probe) && seen.add(probe)));
}

const LATE = `EXISTS (SELECT 1 FROM "RefreshAttempt" r WHERE r."projectId" = g."projectId" AND r."credentialId" = g."credentialId"
  AND r."generation" = g."generation" - 1 AND r."outcome" = 'LATE')`;

/** What ended in another way than by a refresh is never due again. */
const PARK = `
  UPDATE "Grant" g SET "refreshAt" = NULL FROM "Credential" c
  WHERE g."refreshAt" <= (SELECT moorline_now()) AND c."projectId" = g."projectId" AND c."id" = g."credentialId"
    AND (c."deletedAt" IS NOT NULL OR c."health" IN ('REVOKED', 'EXPIRED') OR (c."health" = 'INVALID' AND NOT ${LATE}))`;

const DUE = `
  SELECT g."projectId", g."credentialId" AS "id",
         CASE WHEN b."openUntil" IS NOT NULL THEN concat_ws(' ', g."projectId", g."tokenOrigin", g."clientId") END AS "probe"
  FROM "Grant" g
  CROSS JOIN (SELECT moorline_now() AS "now") t
  JOIN "Credential" c ON c."projectId" = g."projectId" AND c."id" = g."credentialId"
  JOIN "AuthConfig" a ON a."projectId" = c."projectId" AND a."id" = c."authConfigId"
  LEFT JOIN "ProviderBreaker" b ON b."projectId" = g."projectId" AND b."tokenOrigin" = g."tokenOrigin" AND b."clientId" = g."clientId"
  WHERE g."refreshAt" <= (SELECT moorline_now()) AND (g."leaseUntil" IS NULL OR g."leaseUntil" <= t."now")
    AND (g."notBefore" IS NULL OR g."notBefore" <= t."now") AND (b."openUntil" IS NULL OR b."openUntil" <= t."now")
    AND c."enabled" AND c."deletedAt" IS NULL AND c."health" IN ('ACTIVE', 'INVALID') AND a."enabled"
  ORDER BY g."refreshAt" LIMIT ${BATCH}`;
