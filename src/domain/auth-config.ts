import type { Tx } from "../db/database.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { NotFoundError } from "../lib/errors.ts";
import { decodeId } from "../lib/ids.ts";
import { Secret } from "../lib/secret.ts";
import { recordAudit } from "./audit.ts";
import { type AuthConfigPlan, type CreateAuthConfigInput, planAuthConfig } from "./auth-config-plan.ts";
import { assertNameIsFree } from "./auth-config-rules.ts";
import { visibleAuthConfigs } from "./auth-config-view.ts";
import { assertMay } from "./caller.ts";
import { withRegisteredClient } from "./client-registration.ts";
import { keepRegistration } from "./client-removal.ts";
import { findRepeat, type Idempotent, withIdempotency } from "./idempotency.ts";
import { configPresets, configSecret, configWebhookSecret } from "./oauth-client.ts";
import { lockAuthConfig } from "./row-lock.ts";
import type { Context } from "./services.ts";

export { deleteAuthConfig } from "./auth-config-delete.ts";
export type { CreateAuthConfigInput } from "./auth-config-plan.ts";
export { type ConnectTarget, resolveTarget } from "./auth-config-target.ts";
export { updateAuthConfig } from "./auth-config-update.ts";
export * from "./auth-config-view.ts";

/**
 * How the users of this project authenticate with one connector: with the project's own app, or the operator's default one. Where there is
 * neither, and the provider lets clients register themselves (RFC 7591), one is registered for the config.
 */
export async function createAuthConfig(ctx: Context, input: CreateAuthConfigInput): Promise<{ authConfig: AuthConfig }> {
  assertMay(ctx, "AUTH_CONFIG_CREATE");
  const plan = await planAuthConfig(ctx, input);
  if (!plan.registers) return { authConfig: (await store(ctx, input, plan)).row };
  const repeat = await findRepeat(ctx, "createAuthConfig", input, (id) => findVisible(ctx, ctx.services.database.prisma, id));
  if (repeat) return { authConfig: repeat };
  return { authConfig: await withRegisteredClient(ctx, plan, (registered) => store(ctx, input, registered)) };
}

function store(ctx: Context, input: CreateAuthConfigInput, plan: AuthConfigPlan): Promise<Idempotent<AuthConfig>> {
  const { vault, database } = ctx.services;
  const { data, clientSecret, webhookSecret, presets, registered } = plan;
  return database.transact((tx) =>
    withIdempotency(
      ctx,
      tx,
      "createAuthConfig",
      input,
      (id) => findVisible(ctx, tx, id),
      async () => {
        await assertNameIsFree(tx, data);
        const row = await tx.authConfig.create({ data: { ...data, createdAt: tx.now, updatedAt: tx.now } });
        if (clientSecret) await vault.seal(tx, configSecret(row), clientSecret);
        if (webhookSecret) await vault.seal(tx, configWebhookSecret(row), webhookSecret);
        if (row.presetFields.length > 0) await vault.seal(tx, configPresets(row), new Secret(JSON.stringify(presets)));
        if (registered) await keepRegistration(tx, ctx.services, row, registered);
        await recordAudit(tx, ctx, {
          action: "auth_config.created",
          targetType: "AuthConfig",
          targetId: row.id,
          details: {
            connector: row.connectorSlug,
            scheme: row.schemeKey,
            ownApp: row.ownApp,
            scopes: row.scopes,
            ...(registered && { registeredClient: true }),
          },
        });
        return row;
      },
    ),
  );
}

function findVisible(ctx: Context, db: Tx | Context["services"]["database"]["prisma"], id: string): Promise<AuthConfig | null> {
  return db.authConfig.findFirst({ where: { AND: [visibleAuthConfigs(ctx), { id }] } });
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
