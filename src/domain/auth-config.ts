import { z } from "zod";
import type { SchemeDefinition } from "../catalogue/types.ts";
import type { Prisma, Tx } from "../db/database.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { decodeId, newId } from "../lib/ids.ts";
import { Secret } from "../lib/secret.ts";
import { recordAudit } from "./audit.ts";
import {
  assertNameIsFree,
  assertNoClient,
  checkFlows,
  checkParameters,
  checkPresets,
  checkScopes,
  configFields,
  defaultScopes,
  hasClient,
  needsSecret,
  noManagedApp,
} from "./auth-config-rules.ts";
import { visibleAuthConfigs } from "./auth-config-view.ts";
import { assertMay } from "./caller.ts";
import { findConnector } from "./connector.ts";
import { type ConnectorView, managedAppOf, schemeOf } from "./connector-view.ts";
import { withIdempotency } from "./idempotency.ts";
import { idempotencyKeyField, parseInput } from "./input.ts";
import { configPresets, configSecret } from "./oauth-client.ts";
import { lockAuthConfig } from "./row-lock.ts";
import type { Context } from "./services.ts";

export { deleteAuthConfig } from "./auth-config-delete.ts";
export { type ConnectTarget, resolveTarget } from "./auth-config-target.ts";
export { type UpdateAuthConfigInput, updateAuthConfig } from "./auth-config-update.ts";
export * from "./auth-config-view.ts";

export interface CreateAuthConfigInput {
  connectorSlug: string;
  name: string;
  schemeKey?: string | null;
  clientId?: string | null;
  clientSecret?: string | null;
  clientSecretExpiresAt?: Date | null;
  scopes?: readonly string[] | null;
  parameters?: unknown;
  presetCredentialFields?: unknown;
  flows?: readonly string[] | null;
  description?: string | null;
  idempotencyKey?: string | null;
}

const createInput = z.object({
  ...configFields,
  connectorSlug: z.string(),
  schemeKey: z.string().nullish(),
  idempotencyKey: idempotencyKeyField,
});

/** How the users of this project authenticate with one connector: with the project's own app, or the operator's default one. */
export async function createAuthConfig(ctx: Context, input: CreateAuthConfigInput): Promise<{ authConfig: AuthConfig }> {
  assertMay(ctx, "AUTH_CONFIG_CREATE");
  const given = parseInput(createInput, input);
  const connector = await findConnector(ctx, given.connectorSlug);
  if (!connector) {
    throw InvalidInputError.at(
      ["connectorSlug"],
      "NOT_FOUND",
      "There is no such connector. Query.connectors lists them; createConnector adds your own.",
    );
  }
  const scheme = schemeFor(connector, given.schemeKey);
  assertClient(ctx, connector, scheme, given);
  const presets = checkPresets(given.presetCredentialFields ?? {}, scheme, connector);
  const { projectId } = ctx.caller;
  const data = {
    id: newId(),
    projectId,
    connectorSlug: connector.slug,
    schemeKey: scheme.key,
    schemeType: scheme.type,
    name: given.name,
    description: given.description ?? null,
    ownApp: Boolean(given.clientId),
    clientId: given.clientId ?? null,
    hasClientSecret: Boolean(given.clientSecret),
    clientSecretExpiresAt: given.clientSecretExpiresAt ?? null,
    scopes: given.scopes ? checkScopes(given.scopes, scheme) : defaultScopes(scheme),
    flows: checkFlows(given.flows, scheme),
    parameters: checkParameters(given.parameters ?? {}, scheme) as Prisma.InputJsonObject,
    presetFields: Object.keys(presets),
    secretGeneration: 1,
  };
  return ctx.services.database.transact(async (tx) => {
    const find = (id: string) => tx.authConfig.findFirst({ where: { AND: [visibleAuthConfigs(ctx), { id }] } });
    const { row } = await withIdempotency(ctx, tx, "createAuthConfig", input, find, async () => {
      await assertNameIsFree(tx, data);
      const row = await tx.authConfig.create({ data: { ...data, createdAt: tx.now, updatedAt: tx.now } });
      if (given.clientSecret) await ctx.services.vault.seal(tx, configSecret(row), new Secret(given.clientSecret));
      if (row.presetFields.length > 0) await ctx.services.vault.seal(tx, configPresets(row), new Secret(JSON.stringify(presets)));
      await recordAudit(tx, ctx, {
        action: "auth_config.created",
        targetType: "AuthConfig",
        targetId: row.id,
        details: { connector: row.connectorSlug, scheme: row.schemeKey, ownApp: row.ownApp, scopes: row.scopes },
      });
      return row;
    });
    return { authConfig: row };
  });
}

function schemeFor(connector: ConnectorView, key: string | null | undefined): SchemeDefinition {
  const scheme = key === null || key === undefined ? connector.schemes[0] : schemeOf(connector, key);
  if (scheme) return scheme;
  const keys = connector.schemes.map((candidate) => candidate.key).join(", ");
  throw InvalidInputError.at(["schemeKey"], "NOT_FOUND", `${connector.name} has no such scheme. It has: ${keys}.`);
}

function assertClient(
  ctx: Context,
  connector: ConnectorView,
  scheme: SchemeDefinition,
  given: z.output<typeof createInput>,
): void {
  const { clientId, clientSecret, clientSecretExpiresAt } = given;
  assertNoClient(given, scheme);
  if (!hasClient(scheme)) return;
  if (!clientId && clientSecret)
    throw InvalidInputError.at(["clientId"], "REQUIRED", "A client secret belongs to a client id: give both.");
  if (!clientId && !managedAppOf(ctx.services, connector)) throw noManagedApp(connector);
  if (clientId && !clientSecret && needsSecret(scheme)) {
    throw InvalidInputError.at(["clientSecret"], "REQUIRED", `${connector.name} wants a client secret beside the client id.`);
  }
  if (clientSecretExpiresAt && !clientSecret) {
    throw InvalidInputError.at(
      ["clientSecretExpiresAt"],
      "NOT_ALLOWED",
      "There is no client secret that could run out: leave clientSecretExpiresAt out.",
    );
  }
}

/** Switched off, a config takes no new connections and its credentials are not given out; switched on, it is as before. */
export async function setAuthConfigEnabled(
  ctx: Context,
  input: { id: string; enabled: boolean },
): Promise<{ authConfig: AuthConfig }> {
  assertMay(ctx, "AUTH_CONFIG_UPDATE");
  return ctx.services.database.transact(async (tx) => {
    const row = await lockedAuthConfig(ctx, tx, input.id);
    if (row.enabled === input.enabled) return { authConfig: row };
    const authConfig = await tx.authConfig.update({
      where: { id: row.id },
      data: { enabled: input.enabled, version: { increment: 1 }, updatedAt: tx.now },
    });
    const action = input.enabled ? "auth_config.enabled" : "auth_config.disabled";
    await recordAudit(tx, ctx, { action, targetType: "AuthConfig", targetId: row.id });
    return { authConfig };
  });
}

async function lockedAuthConfig(ctx: Context, tx: Tx, publicId: string): Promise<AuthConfig> {
  const id = decodeId("AuthConfig", publicId);
  if (id) await lockAuthConfig(tx, ctx.caller.projectId, id);
  const row = id ? await tx.authConfig.findFirst({ where: { AND: [visibleAuthConfigs(ctx), { id }] } }) : null;
  if (!row) throw new NotFoundError("There is no such auth config in this project. Check the id.");
  return row;
}
