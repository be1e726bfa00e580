import type { Tx } from "../db/database.ts";
import type { Project } from "../db/generated/client.ts";
import { announce } from "../events/announce.ts";
import { ConflictError, NotFoundError } from "../lib/errors.ts";
import { decodeId } from "../lib/ids.ts";
import { recordAudit } from "./audit.ts";
import { removeClientsOf } from "./client-removal.ts";
import { credentialImpact } from "./credential.ts";
import { inUse, isTouched } from "./impact.ts";
import { assertOperator } from "./project.ts";
import { DELETION, retireCredentials } from "./retire-credentials.ts";
import type { Context } from "./services.ts";
import { endSessions } from "./user.ts";
import { retireWebhooks } from "./webhook.ts";

/**
 * For ADMIN keys of the first project, which itself stays. InUseError until confirmed; then everything in it ends at once: keys, sessions,
 * webhooks, credentials. What its credentials held is ended at the providers for at most a day; then nothing of it can be opened any more.
 */
export async function deleteProject(
  ctx: Context,
  input: { id: string; confirm?: boolean | null },
): Promise<{ deletedId: string }> {
  assertOperator(ctx);
  const { services } = ctx;
  const id = decodeId("Project", input.id);
  const project = id ? await services.database.prisma.project.findFirst({ where: { id, deletedAt: null } }) : null;
  if (!project) throw notFound();
  if (project.isOperator) throw new ConflictError("CONFLICT", "The first project is the operator's own and cannot be deleted.");
  // Whatever is done to the project's rows is done inside of it.
  const inside: Context = { ...ctx, caller: { ...ctx.caller, projectId: project.id } };
  if (!input.confirm) await assertEmpty(inside, project);
  await services.database.transact((tx) => remove(ctx, inside, tx, project), DELETION);
  return { deletedId: input.id };
}

async function assertEmpty(inside: Context, { id: projectId, name }: Project): Promise<void> {
  const { prisma } = inside.services.database;
  const where = { projectId, deletedAt: null };
  const [configs, users, connectors] = await Promise.all([
    prisma.authConfig.count({ where }),
    prisma.user.count({ where }),
    prisma.customConnector.count({ where }),
  ]);
  const impact = await credentialImpact(inside, {});
  if (configs + users + connectors === 0 && !isTouched(impact)) return;
  const what = `auth configs: ${configs}, users: ${users}, connectors of its own: ${connectors}`;
  throw inUse(`Deleting the project “${name}” ends everything in it (${what}).`, impact);
}

async function remove(ctx: Context, inside: Context, tx: Tx, { id: projectId, name }: Project): Promise<void> {
  const deleted = { deletedAt: tx.now, updatedAt: tx.now };
  const { count } = await tx.project.updateMany({ where: { id: projectId, deletedAt: null }, data: deleted });
  if (count === 0) throw notFound();
  await endSessions(tx, { projectId });
  const keys = await tx.apiKey.updateManyAndReturn({
    where: { projectId, revokedAt: null },
    data: { revokedAt: tx.now },
    select: { id: true },
  });
  if (keys.length > 0) await announce(tx, ...keys.map((key) => `token:${key.id}` as const));
  // Before what happens to its credentials: nobody is left to be told.
  await retireWebhooks(tx, projectId);
  await retireCredentials(tx, inside, {});
  // Who its users were is nobody's business any more, as where each is deleted.
  await tx.$executeRaw`
    UPDATE "User" SET "deletedAt" = ${tx.now}, "updatedAt" = ${tx.now}, "externalId" = 'deleted:' || "id", "displayName" = NULL,
      "email" = NULL, "locale" = NULL, "metadata" = '{}' WHERE "projectId" = ${projectId}::uuid AND "deletedAt" IS NULL`;
  await tx.authConfig.updateMany({ where: { projectId, deletedAt: null }, data: deleted });
  await tx.customConnector.updateMany({ where: { projectId, deletedAt: null }, data: deleted });
  await removeClientsOf(tx, projectId);
  // What the revocations, and the removals of clients, need is sealed with the project's own key: that one goes when the last of them is over.
  await ctx.services.vault.destroyAllBut(tx, projectId, ["Revocation", "ClientRegistration"]);
  const entry = { action: "project.deleted", targetType: "Project" as const, targetId: projectId, details: { name } };
  await recordAudit(tx, ctx, entry);
  await recordAudit(tx, inside, entry);
}

function notFound(): NotFoundError {
  return new NotFoundError("There is no such project. Check the id.");
}
