import { announce } from "../events/announce.ts";
import { ConflictError, ForbiddenError, NotFoundError } from "../lib/errors.ts";
import { decodeId } from "../lib/ids.ts";
import { recordAudit } from "./audit.ts";
import { assertApiKey, assertMay } from "./caller.ts";
import { retireCredentials } from "./credential.ts";
import { assertUnused } from "./impact.ts";
import type { Context } from "./services.ts";
import { endSessions } from "./user.ts";

/** For ADMIN keys of the first project, which itself stays. InUseError until confirmed; then everything in it ends and its keys are destroyed. */
export async function deleteProject(
  ctx: Context,
  input: { id: string; confirm?: boolean | null },
): Promise<{ deletedId: string }> {
  assertApiKey(ctx);
  assertMay(ctx, "PROJECT_MANAGE");
  if (!ctx.caller.isOperatorProject)
    throw new ForbiddenError("Only ADMIN keys of the first project, the operator's, manage projects.");
  const projectId = decodeId("Project", input.id);
  const project = projectId
    ? await ctx.services.database.prisma.project.findFirst({ where: { id: projectId, deletedAt: null } })
    : null;
  if (!project) throw new NotFoundError("There is no such project. Check the id.");
  if (project.isOperator) throw new ConflictError("CONFLICT", "The first project is the operator's own and cannot be deleted.");
  // Whatever is done to the project's rows is done inside of it.
  const inside: Context = { ...ctx, caller: { ...ctx.caller, projectId: project.id } };
  await assertUnused(inside, {}, input.confirm, "Deleting this project ends everything in it.");
  await ctx.services.database.transact(async (tx) => {
    const { count } = await tx.project.updateMany({
      where: { id: project.id, deletedAt: null },
      data: { deletedAt: tx.now, updatedAt: tx.now },
    });
    if (count === 0) throw new NotFoundError("There is no such project. Check the id.");
    await endSessions(tx, { projectId: project.id });
    const keys = await tx.apiKey.updateManyAndReturn({
      where: { projectId: project.id, revokedAt: null },
      data: { revokedAt: tx.now },
      select: { id: true },
    });
    if (keys.length > 0) await announce(tx, ...keys.map(({ id }) => `token:${id}` as const));
    await retireCredentials(tx, inside, {});
    for (const { scope } of await tx.dataKey.findMany({ where: { projectId: project.id }, select: { scope: true } })) {
      await ctx.services.vault.destroyScope(tx, project.id, scope);
    }
    await recordAudit(tx, ctx, {
      action: "project.deleted",
      targetType: "Project",
      targetId: project.id,
      details: { name: project.name },
    });
  });
  return { deletedId: input.id };
}
