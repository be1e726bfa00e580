import { recordAuditAs } from "../domain/audit.ts";
import type { Services } from "../domain/services.ts";

const BATCH = 500;

/**
 * A deleted project's data keys outlive it until its last revocation, and its last registered client's removal, is over. And whoever was still at work for a user or project that was
 * deleted may have sealed something since: nothing is left that could open it.
 */
const UNOWNED = `
  SELECT k."projectId", k."scope" FROM "DataKey" k JOIN "Project" p ON p."id" = k."projectId" AND p."deletedAt" IS NOT NULL
  WHERE NOT EXISTS (SELECT 1 FROM "Revocation" r WHERE r."projectId" = p."id" AND r."status" = 'PENDING')
    AND NOT EXISTS (SELECT 1 FROM "ClientRegistration" c WHERE c."projectId" = p."id")
  UNION
  SELECT k."projectId", k."scope" FROM "User" u JOIN "DataKey" k ON k."projectId" = u."projectId" AND k."scope" = u."id"::text
  WHERE u."deletedAt" IS NOT NULL
  LIMIT ${BATCH}`;

/** Safe to run anywhere, any number of times. */
export async function destroyKeys(services: Services): Promise<number> {
  const unowned = await services.database.query<{ projectId: string; scope: string }>("keys_unowned", UNOWNED, []);
  for (const { projectId, scope } of unowned) {
    await services.database.transact(async (tx) => {
      await services.vault.destroyScope(tx, projectId, scope);
      const actor = { projectId, actorType: null, actorId: null, actorLabel: "Moorline", ip: null };
      const target =
        scope === "project"
          ? { targetType: "Project" as const, targetId: projectId }
          : { targetType: "User" as const, targetId: scope };
      await recordAuditAs(tx, actor, { action: "data_key.destroyed", ...target });
    });
  }
  return unowned.length;
}
