-- Grants that were stored before there was a time to renew them ahead get one: at 70 to 80 % of their tokens' life, as every later set of
-- tokens does when it is stored.
UPDATE "Grant" g
SET "refreshAt" = s."since" + (c."accessTokenExpiresAt" - s."since") * (0.7 + 0.1 * random())
FROM "Credential" c
CROSS JOIN LATERAL (SELECT COALESCE(c."lastRefreshedAt", c."createdAt") AS "since") s
WHERE c."projectId" = g."projectId" AND c."id" = g."credentialId" AND g."refreshAt" IS NULL
  AND c."health" = 'ACTIVE' AND c."deletedAt" IS NULL AND c."canRefresh" AND c."accessTokenExpiresAt" > s."since";
