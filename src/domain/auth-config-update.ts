import { fieldsFor } from "../catalogue/fields.ts";
import type { Prisma, Tx } from "../db/database.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { ConflictError, ForbiddenError, InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { decodeId } from "../lib/ids.ts";
import { Secret } from "../lib/secret.ts";
import { actorOf, recordAudit } from "./audit.ts";
import { assertNameIsFree } from "./auth-config-rules.ts";
import {
  planUpdate,
  type UpdateAuthConfigInput,
  type UpdateGiven,
  type UpdatePlan,
  updateInput,
} from "./auth-config-update-plan.ts";
import { visibleAuthConfigs } from "./auth-config-view.ts";
import { assertMay, may } from "./caller.ts";
import { removeUnneededClients } from "./client-removal.ts";
import { type ConnectorView, getConnector, schemeOf } from "./connector-view.ts";
import { CONFIG_CHANGED, failFlows, invalidateCredentials } from "./credential-health.ts";
import { assertUnused } from "./impact.ts";
import { parseInput } from "./input.ts";
import { clientIdOf, configPresets, configSecret, configWebhookSecret, presetsOf } from "./oauth-client.ts";
import { invalidateLacking } from "./preset-change.ts";
import { trustClient } from "./refresh-breaker.ts";
import { destroyRetained, retainClient } from "./retained-client.ts";
import { lockAuthConfig } from "./row-lock.ts";
import type { Context } from "./services.ts";

/**
 * Absent is unchanged, null cleared. Changing the client or where secrets are sent touches what is connected, so it asks for
 * `confirm` first. Throws ConflictError STALE_VERSION where `version` is not the present one.
 */
export async function updateAuthConfig(ctx: Context, input: UpdateAuthConfigInput): Promise<{ authConfig: AuthConfig }> {
  const { before, given, plan } = await plannedUpdate(ctx, input);
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

export interface PlannedUpdate {
  before: AuthConfig;
  given: UpdateGiven;
  plan: UpdatePlan;
}

/** What an update comes to, with nothing written; whom it touches is not asked. Throws whatever else would stop it. */
export async function plannedUpdate(ctx: Context, input: UpdateAuthConfigInput): Promise<PlannedUpdate> {
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
  return { before, given, plan };
}

function assertVersion(row: AuthConfig, { version }: UpdateGiven): void {
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

/** No secret goes to a host that someone else chose: who names another host types the secrets that will go there (design 5.14). */
function assertOriginChange(
  { caller }: Context,
  row: AuthConfig,
  given: UpdateGiven,
  plan: UpdatePlan,
  connector: ConnectorView,
): void {
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

async function assertConfirmed(ctx: Context, row: AuthConfig, given: UpdateGiven, plan: UpdatePlan): Promise<void> {
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
function touchedByRetiring(ctx: Context, row: AuthConfig, plan: UpdatePlan): Prisma.CredentialWhereInput {
  const after = { ...row, ...(plan.data as Partial<AuthConfig>) };
  const clientId = clientIdOf(ctx.services, after);
  return { authConfigId: row.id, grant: { is: { clientId: { not: clientId ?? "" } } } };
}

async function apply(ctx: Context, tx: Tx, before: AuthConfig, given: UpdateGiven, plan: UpdatePlan): Promise<AuthConfig> {
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
  if (plan.clientChanges || retire) await removeUnneededClients(tx, [row]);
  await recordAudit(tx, ctx, {
    action: "auth_config.updated",
    targetType: "AuthConfig",
    targetId: row.id,
    details: { changed: plan.changed, invalidatedCredentials: invalidated, retireNow: given.retireNow === true },
  });
  return row;
}
