import type { Tx } from "../db/database.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { NotFoundError } from "../lib/errors.ts";
import { decodeId } from "../lib/ids.ts";
import { recordAudit } from "./audit.ts";
import { visibleAuthConfigs } from "./auth-config-view.ts";
import { assertMay } from "./caller.ts";
import { removeUnneededClients } from "./client-removal.ts";
import { assertUnused } from "./impact.ts";
import { findHeir, handOver } from "./reassign-credentials.ts";
import { destroyRetained } from "./retained-client.ts";
import { DELETION, retireCredentials } from "./retire-credentials.ts";
import { lockAuthConfig } from "./row-lock.ts";
import type { Context } from "./services.ts";

export interface DeleteAuthConfigInput {
  id: string;
  confirm?: boolean | null;
  /** Takes the credentials over: of the same connector and scheme, and for grants of the same client, which alone can refresh them. */
  reassignTo?: string | null;
}

/** InUseError until confirmed; then its credentials are revoked, or moved, and its secrets destroyed. */
export async function deleteAuthConfig(ctx: Context, input: DeleteAuthConfigInput): Promise<{ deletedId: string }> {
  assertMay(ctx, "AUTH_CONFIG_DELETE");
  const row = await find(ctx, input.id);
  if (!row) throw notFound();
  const heir = input.reassignTo != null ? await findHeir(ctx, row, input.reassignTo) : null;
  const message = heir
    ? `Deleting this auth config moves its credentials to “${heir.row.name}” and cancels its open requests.`
    : "Deleting this auth config revokes its credentials and cancels its open requests.";
  await assertUnused(ctx, { authConfigId: row.id }, input.confirm, message);
  await ctx.services.database.transact((tx) => remove(ctx, tx, row, input.reassignTo ?? null), DELETION);
  return { deletedId: input.id };
}

async function remove(ctx: Context, tx: Tx, row: AuthConfig, reassignTo: string | null): Promise<void> {
  // In the order of their ids, so that two that are deleted in favour of each other don't wait for each other.
  const heirId = reassignTo === null ? null : decodeId("AuthConfig", reassignTo);
  for (const id of [row.id, ...(heirId ? [heirId] : [])].toSorted()) await lockAuthConfig(tx, row.projectId, id);
  // Looked at again, now that nobody can change it.
  const heir = reassignTo === null ? null : await findHeir(ctx, row, reassignTo, tx);
  const { count } = await tx.authConfig.updateMany({
    where: { id: row.id, deletedAt: null },
    data: { deletedAt: tx.now, updatedAt: tx.now, version: { increment: 1 } },
  });
  if (count === 0) throw notFound();
  const moved = heir ? await handOver(ctx, tx, row, heir) : 0;
  await removeAuthConfig(ctx, tx, row);
  await removeUnneededClients(tx, [row]);
  await recordAudit(tx, ctx, {
    action: "auth_config.deleted",
    targetType: "AuthConfig",
    targetId: row.id,
    details: { name: row.name, connector: row.connectorSlug, movedCredentials: moved },
  });
}

/** What goes with a config: credentials and open requests, and its sealed secrets when nobody needs them for those any more. */
export async function removeAuthConfig(ctx: Context, tx: Tx, row: Pick<AuthConfig, "id" | "projectId">): Promise<void> {
  await retireCredentials(tx, ctx, { authConfigId: row.id });
  await destroyRetained(ctx.services, tx, row);
  await ctx.services.vault.destroy(tx, { projectId: row.projectId, table: "AuthConfig", id: row.id });
  await tx.authConfig.update({
    where: { id: row.id },
    data: { hasClientSecret: false, hasWebhookSecret: false, presetFields: [] },
    select: { id: true },
  });
}

async function find(ctx: Context, publicId: string): Promise<AuthConfig | null> {
  const id = decodeId("AuthConfig", publicId);
  return id ? ctx.services.database.prisma.authConfig.findFirst({ where: { AND: [visibleAuthConfigs(ctx), { id }] } }) : null;
}

function notFound(): NotFoundError {
  return new NotFoundError("There is no such auth config in this project. Check the id.");
}
