import type { Tx } from "../db/database.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { decodeId } from "../lib/ids.ts";
import { recordAudit } from "./audit.ts";
import { hostFields } from "./auth-config-rules.ts";
import { fieldParameters, visibleAuthConfigs } from "./auth-config-view.ts";
import { assertMay } from "./caller.ts";
import { cancelOpenRequests } from "./connection-request.ts";
import { getConnector } from "./connector-view.ts";
import { credentialStatus, retireCredentials } from "./credential.ts";
import { recordCredentialEvent } from "./credential-event.ts";
import { assertUnused } from "./impact.ts";
import { sameJson } from "./input.ts";
import { clientIdOf, presetsOf } from "./oauth-client.ts";
import { destroyRetained, moveRetained } from "./retained-client.ts";
import { lockAuthConfig } from "./row-lock.ts";
import type { Context } from "./services.ts";

export interface DeleteAuthConfigInput {
  id: string;
  confirm?: boolean | null;
  /** Takes the credentials over: of the same connector, scheme and client only, since a grant belongs to its client. */
  reassignTo?: string | null;
}

/** InUseError until confirmed; then its credentials are revoked, or moved, and its secrets destroyed. */
export async function deleteAuthConfig(ctx: Context, input: DeleteAuthConfigInput): Promise<{ deletedId: string }> {
  assertMay(ctx, "AUTH_CONFIG_DELETE");
  const row = await find(ctx, input.id);
  if (!row) throw notFound();
  const heir = input.reassignTo != null ? await findHeir(ctx, row, input.reassignTo) : null;
  const message = heir
    ? `Deleting this auth config moves its credentials to “${heir.name}” and cancels its open requests.`
    : "Deleting this auth config revokes its credentials and cancels its open requests.";
  await assertUnused(ctx, { authConfigId: row.id }, input.confirm, message);
  await ctx.services.database.transact(async (tx) => {
    await lockAuthConfig(tx, row.projectId, row.id);
    const { count } = await tx.authConfig.updateMany({
      where: { id: row.id, deletedAt: null },
      data: { deletedAt: tx.now, updatedAt: tx.now, version: { increment: 1 }, hasClientSecret: false, presetFields: [] },
    });
    if (count === 0) throw notFound();
    const moved = heir ? await hand(ctx, tx, row, heir) : 0;
    await removeAuthConfig(ctx, tx, row);
    await recordAudit(tx, ctx, {
      action: "auth_config.deleted",
      targetType: "AuthConfig",
      targetId: row.id,
      details: { name: row.name, connector: row.connectorSlug, movedCredentials: moved },
    });
  });
  return { deletedId: input.id };
}

/** What goes with a config: credentials, open requests, sealed secrets. */
export async function removeAuthConfig(ctx: Context, tx: Tx, row: Pick<AuthConfig, "id" | "projectId">): Promise<void> {
  await retireCredentials(tx, ctx, { authConfigId: row.id });
  await destroyRetained(ctx.services, tx, row);
  await ctx.services.vault.destroy(tx, { projectId: row.projectId, table: "AuthConfig", id: row.id });
}

async function find(ctx: Context, publicId: string): Promise<AuthConfig | null> {
  const id = decodeId("AuthConfig", publicId);
  return id ? ctx.services.database.prisma.authConfig.findFirst({ where: { AND: [visibleAuthConfigs(ctx), { id }] } }) : null;
}

async function findHeir(ctx: Context, row: AuthConfig, publicId: string): Promise<AuthConfig> {
  const heir = await find(ctx, publicId);
  if (!heir || heir.id === row.id)
    throw InvalidInputError.at(["reassignTo"], "NOT_FOUND", "There is no other auth config of this id in this project.");
  const refuse = (why: string) =>
    InvalidInputError.at(["reassignTo"], "NOT_ALLOWED", `Credentials can only move to a config with the same ${why}.`);
  if (heir.connectorSlug !== row.connectorSlug) throw refuse("connector");
  if (heir.schemeKey !== row.schemeKey) throw refuse("scheme");
  if (clientIdOf(ctx.services, heir) !== clientIdOf(ctx.services, row)) throw refuse("client id");
  const connector = await getConnector(ctx.services, row.projectId, row.connectorSlug);
  const [here, there] = await Promise.all(
    [row, heir].map(async (config) => ({ ...fieldParameters(config), ...(await presetsOf(ctx.services, config)) })),
  );
  const other = hostFields(connector).find((name) => !sameJson(here?.[name], there?.[name]));
  if (other) throw refuse(`value of “${other}”: it decides where tokens are sent`);
  return heir;
}

async function hand(ctx: Context, tx: Tx, from: AuthConfig, to: AuthConfig): Promise<number> {
  await cancelOpenRequests(tx, { projectId: from.projectId, authConfigId: from.id });
  await moveRetained(ctx.services, tx, from, to);
  const rows = await tx.credential.findMany({ where: { projectId: from.projectId, authConfigId: from.id, deletedAt: null } });
  for (const row of rows) {
    const updated = await tx.credential.update({
      where: { id: row.id },
      data: { authConfigId: to.id, version: { increment: 1 }, updatedAt: tx.now },
    });
    const status = credentialStatus(updated, tx.now);
    const event = { kind: "UPDATED" as const, status, message: `Moved to the auth config “${to.name}”.` };
    await recordCredentialEvent(tx, row, event, { kind: "UPDATED", statusBefore: status });
  }
  return rows.length;
}

function notFound(): NotFoundError {
  return new NotFoundError("There is no such auth config in this project. Check the id.");
}
