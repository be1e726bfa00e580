import { z } from "zod";
import { fieldsFor } from "../catalogue/fields.ts";
import type { FieldDefinition, SchemeDefinition } from "../catalogue/types.ts";
import type { Prisma, Tx } from "../db/database.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { ConflictError, ForbiddenError, InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { decodeId } from "../lib/ids.ts";
import { Secret } from "../lib/secret.ts";
import { actorOf, recordAudit } from "./audit.ts";
import {
  assertNameIsFree,
  assertNoClient,
  assertWebhookSecret,
  checkFlows,
  checkParameters,
  checkScopes,
  configFields,
  defaultScopes,
  hasClient,
  needsSecret,
  noManagedApp,
} from "./auth-config-rules.ts";
import { visibleAuthConfigs } from "./auth-config-view.ts";
import { assertMay, may } from "./caller.ts";
import { type ConnectorView, getConnector, managedAppOf, schemeOf } from "./connector-view.ts";
import { CONFIG_CHANGED, failFlows, invalidateCredentials } from "./credential-health.ts";
import { assertUnused } from "./impact.ts";
import { fault, idField, type JsonObject, mergeJson, parseInput, sameJson } from "./input.ts";
import { clientIdOf, configPresets, configSecret, configWebhookSecret, presetsOf } from "./oauth-client.ts";
import { invalidateLacking, lostPresets, movesHost, planPresets } from "./preset-change.ts";
import { trustClient } from "./refresh-breaker.ts";
import { destroyRetained, retainClient } from "./retained-client.ts";
import { lockAuthConfig } from "./row-lock.ts";
import type { Context } from "./services.ts";

export interface UpdateAuthConfigInput {
  id: string;
  version?: number | null;
  name?: string | null;
  description?: string | null;
  /** Null: back to the managed app. */
  clientId?: string | null;
  clientSecret?: string | null;
  clientSecretExpiresAt?: Date | null;
  webhookSecret?: string | null;
  scopes?: readonly string[] | null;
  parameters?: unknown;
  presetCredentialFields?: unknown;
  flows?: readonly string[] | null;
  retireNow?: boolean | null;
  confirm?: boolean | null;
}

const updateInput = z.object({
  ...configFields,
  id: idField,
  version: z.int("The version is a whole number.").nullish(),
  name: z.union([configFields.name, z.null().refine(() => false, fault("REQUIRED", "The name cannot be cleared."))]).optional(),
  retireNow: z.boolean().nullish(),
  confirm: z.boolean().nullish(),
});

type Given = z.output<typeof updateInput>;

/** What an update comes to, worked out before anything is written. */
interface Plan {
  data: Omit<Prisma.AuthConfigUncheckedUpdateInput, "id" | "projectId">;
  /** Undefined: the sealed one stays. Null: there is none any more. */
  clientSecret: string | null | undefined;
  presets: JsonObject | undefined;
  /** Presets that credentials cannot do without, and that are no more. */
  lost: FieldDefinition[];
  clientChanges: boolean;
  originChanges: boolean;
  changed: string[];
}

/**
 * Absent is unchanged, null cleared. Changing the client or where secrets are sent touches what is connected, so it asks for
 * `confirm` first. Throws ConflictError STALE_VERSION where `version` is not the present one.
 */
export async function updateAuthConfig(ctx: Context, input: UpdateAuthConfigInput): Promise<{ authConfig: AuthConfig }> {
  assertMay(ctx, "AUTH_CONFIG_UPDATE");
  const given = parseInput(updateInput, input);
  const id = decodeId("AuthConfig", given.id);
  const before = id
    ? await ctx.services.database.prisma.authConfig.findFirst({ where: { AND: [visibleAuthConfigs(ctx), { id }] } })
    : null;
  if (!before) throw notFound();
  assertVersion(before, given);
  const connector = await getConnector(ctx.services, before.projectId, before.connectorSlug);
  const scheme = schemeOf(connector, before.schemeKey);
  if (!scheme) throw new ConflictError("CONFLICT", "The connector no longer has this config's scheme. Make a new auth config.");
  const plan = await planUpdate(ctx, before, given, connector, scheme);
  assertOriginChange(ctx, before, given, plan, connector);
  await assertConfirmed(ctx, before, given, plan);
  return ctx.services.database.transact(async (tx) => {
    await lockAuthConfig(tx, before.projectId, before.id);
    const present = await tx.authConfig.findFirst({ where: { id: before.id, deletedAt: null } });
    if (!present) throw notFound();
    // The plan was made from what was read before: of two updates at once the second one is told to look again.
    if (present.version !== before.version) throw stale();
    return { authConfig: await apply(ctx, tx, before, given, plan) };
  });
}

function assertVersion(row: AuthConfig, { version }: Given): void {
  if (version !== null && version !== undefined && version !== row.version) throw stale();
}

function stale(): ConflictError {
  return new ConflictError(
    "STALE_VERSION",
    "This auth config has been changed since you read it. Read it again and repeat your change.",
  );
}

function notFound(): NotFoundError {
  return new NotFoundError("There is no such auth config in this project. Check the id.");
}

async function planUpdate(
  ctx: Context,
  row: AuthConfig,
  given: Given,
  connector: ConnectorView,
  scheme: SchemeDefinition,
): Promise<Plan> {
  assertWebhookSecret(given.webhookSecret, connector);
  const client = planClient(ctx, row, given, connector, scheme);
  const parameters =
    given.parameters === undefined ? undefined : checkParameters(mergeJson(row.parameters, given.parameters), scheme);
  const presetsBefore = await presetsOf(ctx.services, row);
  const presets = planPresets(presetsBefore, given, scheme, connector);
  const data: Plan["data"] = {
    ...client.data,
    ...(given.name != null && { name: given.name }),
    ...(given.description !== undefined && { description: given.description }),
    ...(given.scopes !== undefined && { scopes: given.scopes ? checkScopes(given.scopes, scheme) : defaultScopes(scheme) }),
    ...(given.flows !== undefined && { flows: checkFlows(given.flows, scheme) }),
    ...(parameters && { parameters: parameters as Prisma.InputJsonObject }),
    ...(presets && { presetFields: Object.keys(presets) }),
    ...(given.webhookSecret !== undefined && { hasWebhookSecret: Boolean(given.webhookSecret) }),
    // Of a client the provider decides when it is well again; what else a config can lack, a preset brings back.
    ...(presets && !hasClient(scheme) && { errorReason: null }),
  };
  const before = row as unknown as Record<string, unknown>;
  const changed = Object.entries(data).flatMap(([key, value]) => (sameJson(before[key], value) ? [] : [key]));
  if (client.clientSecret) changed.push("clientSecret");
  if (given.webhookSecret) changed.push("webhookSecret");
  if (presets && !changed.includes("presetFields")) changed.push("presetFields");
  const originChanges = movesHost(connector, row, parameters, presetsBefore, presets);
  const lost = lostPresets(row, presets, scheme);
  return { data, presets, lost, changed, originChanges, clientSecret: client.clientSecret, clientChanges: client.changes };
}

/** The client after the update: unchanged, another one, or the operator's. */
function planClient(ctx: Context, row: AuthConfig, given: Given, connector: ConnectorView, scheme: SchemeDefinition) {
  const { clientId, clientSecret, clientSecretExpiresAt } = given;
  assertNoClient(given, scheme);
  if (!hasClient(scheme)) return { data: {}, changes: false, clientSecret: undefined };
  if (clientId === null && clientSecret)
    throw InvalidInputError.at(["clientSecret"], "NOT_ALLOWED", "The managed app has its own secret: leave clientSecret out.");
  if (clientId === null && !managedAppOf(ctx.services, connector)) throw noManagedApp(connector);
  const ownApp = clientId === undefined ? row.ownApp : clientId !== null;
  const changes = clientId !== undefined && (clientId ?? null) !== (row.ownApp ? row.clientId : null);
  const required = ownApp && needsSecret(scheme);
  if (!ownApp && clientSecret)
    throw InvalidInputError.at(["clientId"], "REQUIRED", "A client secret belongs to a client id: give both.");
  if (required && changes && !clientSecret)
    throw InvalidInputError.at(["clientSecret"], "REQUIRED", "A new client id needs its client secret.");
  if (required && clientSecret === null)
    throw InvalidInputError.at(["clientSecret"], "REQUIRED", `${connector.name} wants a client secret: it cannot be cleared.`);
  const secretAfter = clientSecret ?? (changes || clientSecret === null ? null : undefined);
  const hasClientSecret = secretAfter === undefined ? row.hasClientSecret : secretAfter !== null;
  if (clientSecretExpiresAt && !hasClientSecret) {
    throw InvalidInputError.at(
      ["clientSecretExpiresAt"],
      "NOT_ALLOWED",
      "There is no client secret that could run out: leave clientSecretExpiresAt out.",
    );
  }
  // A new secret has a life of its own, and what the provider said of the old client no longer counts.
  const renewed = secretAfter !== undefined || changes;
  const data = {
    ...(changes && { ownApp, clientId: clientId ?? null }),
    ...(renewed && { hasClientSecret, errorReason: null, clientSecretExpiresAt: clientSecretExpiresAt ?? null }),
    ...(!renewed && clientSecretExpiresAt !== undefined && { clientSecretExpiresAt }),
  };
  return { data, changes, clientSecret: secretAfter };
}

/** No secret goes to a host that someone else chose: who names another host types the secrets that will go there (design 5.14). */
function assertOriginChange({ caller }: Context, row: AuthConfig, given: Given, plan: Plan, connector: ConnectorView): void {
  if (!plan.originChanges) return;
  if (!may(caller, "AUTH_CONFIG_DELETE")) {
    throw new ForbiddenError("This changes where secrets are sent, which only an ADMIN key may do.");
  }
  if (row.hasClientSecret && plan.clientSecret === undefined) {
    throw InvalidInputError.at(
      ["clientSecret"],
      "REQUIRED",
      "This changes where the client secret is sent: enter the secret again.",
    );
  }
  const typed = Object.keys(given.presetCredentialFields ?? {});
  const secret = new Set(
    connector.schemes
      .flatMap((scheme) => fieldsFor(scheme, "credential"))
      .filter((field) => field.secret)
      .map((field) => field.name),
  );
  const missing = row.presetFields.find((name) => secret.has(name) && !typed.includes(name));
  if (missing)
    throw InvalidInputError.at(
      ["presetCredentialFields", missing],
      "REQUIRED",
      "This changes where this secret is sent: enter it again.",
    );
}

async function assertConfirmed(ctx: Context, row: AuthConfig, given: Given, plan: Plan): Promise<void> {
  if (plan.originChanges) {
    const message = "Changing this address makes every credential of this config INVALID: its users must connect again.";
    return assertUnused(ctx, { authConfigId: row.id }, given.confirm, message);
  }
  if (given.retireNow) {
    const message = "Retiring the old client at once makes what it obtained INVALID: those users must connect again.";
    return assertUnused(ctx, touchedByRetiring(ctx, row, plan), given.confirm, message);
  }
  if (plan.lost.length > 0) {
    const labels = plan.lost.map((field) => field.label).join(", ");
    const message = `Credentials that do not have a value of their own for ${labels} become INVALID: their users must enter it.`;
    return assertUnused(ctx, { authConfigId: row.id }, given.confirm, message);
  }
  if (!plan.clientChanges) return;
  const message = "Existing grants stay with the present client, which is kept for them until they are authorized again.";
  return assertUnused(ctx, { authConfigId: row.id }, given.confirm, message);
}

/** Grants of every client but the one that the config will have. */
function touchedByRetiring(ctx: Context, row: AuthConfig, plan: Plan): Prisma.CredentialWhereInput {
  const after = { ...row, ...(plan.data as Partial<AuthConfig>) };
  const clientId = clientIdOf(ctx.services, after);
  return { authConfigId: row.id, grant: { is: { clientId: { not: clientId ?? "" } } } };
}

async function apply(ctx: Context, tx: Tx, before: AuthConfig, given: Given, plan: Plan): Promise<AuthConfig> {
  if (plan.changed.length === 0 && !given.retireNow) return before;
  const { vault } = ctx.services;
  if (plan.data.name !== undefined && plan.data.name !== before.name) {
    await assertNameIsFree(tx, { ...before, name: given.name ?? before.name }, before.id);
  }
  const touched = plan.originChanges ? { authConfigId: before.id } : touchedByRetiring(ctx, before, plan);
  const retire = plan.originChanges || given.retireNow === true;
  if (plan.clientChanges && !retire) await retainClient(ctx.services, tx, before);
  const oldSecret = before.hasClientSecret ? await vault.open(tx, configSecret(before)) : null;
  const oldPresets = await presetsOf(ctx.services, before, tx);
  const oldWebhookSecret = before.hasWebhookSecret ? await vault.open(tx, configWebhookSecret(before)) : null;
  const row = await tx.authConfig.update({
    where: { id: before.id },
    data: { ...plan.data, version: { increment: 1 }, secretGeneration: { increment: 1 }, updatedAt: tx.now },
  });
  // One counter for all of them: whatever is kept is sealed again under the new generation.
  await vault.destroy(tx, { projectId: row.projectId, table: "AuthConfig", id: row.id });
  const secret = plan.clientSecret === undefined ? oldSecret : plan.clientSecret === null ? null : new Secret(plan.clientSecret);
  if (secret) await vault.seal(tx, configSecret(row), secret);
  const webhookSecret = given.webhookSecret ? new Secret(given.webhookSecret) : oldWebhookSecret;
  if (webhookSecret && row.hasWebhookSecret) await vault.seal(tx, configWebhookSecret(row), webhookSecret);
  if (row.presetFields.length > 0)
    await vault.seal(tx, configPresets(row), new Secret(JSON.stringify(plan.presets ?? oldPresets)));
  if (plan.data.errorReason === null) await trustClient(tx, row.projectId, clientIdOf(ctx.services, row));
  if (plan.originChanges || plan.clientChanges) await failFlows(tx, actorOf(ctx.caller), row.id);
  const invalidated = retire
    ? await invalidateCredentials(tx, actorOf(ctx.caller), touched, CONFIG_CHANGED)
    : await invalidateLacking(tx, ctx, row, plan.lost);
  if (retire) await destroyRetained(ctx.services, tx, row);
  await recordAudit(tx, ctx, {
    action: "auth_config.updated",
    targetType: "AuthConfig",
    targetId: row.id,
    details: { changed: plan.changed, invalidatedCredentials: invalidated, retireNow: given.retireNow === true },
  });
  return row;
}
