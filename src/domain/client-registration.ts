import type { OAuth2SchemeDefinition } from "../catalogue/types.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { UserError } from "../lib/errors.ts";
import { oauth2 } from "../schemes/index.ts";
import type { OAuth2Client, RegisteredClient } from "../schemes/oauth2/index.ts";
import type { AuthConfigPlan } from "./auth-config-plan.ts";
import { assertNameIsFree } from "./auth-config-rules.ts";
import { fieldParameters } from "./auth-config-view.ts";
import { grantTypesOf, productName } from "./client-document.ts";
import { redirectUri } from "./connector-view.ts";
import type { Idempotent } from "./idempotency.ts";
import { asProviderError } from "./provider-error.ts";
import type { Context } from "./services.ts";

/**
 * Registers a client at the provider (RFC 7591), then stores it with its config. Nothing is left half done: what could not be stored is
 * taken back at the provider (RFC 7592), or the error says that it is there. Throws ProviderError, and what `store` throws.
 */
export async function withRegisteredClient(
  ctx: Context,
  plan: AuthConfigPlan,
  store: (registered: AuthConfigPlan) => Promise<Idempotent<AuthConfig>>,
): Promise<AuthConfig> {
  // Whatever would be refused afterwards is refused before anything is there at the provider.
  await ctx.services.database.transact((tx) => assertNameIsFree(tx, plan.data));
  const client = await register(ctx, plan);
  try {
    const { row, repeated } = await store(withClient(plan, client));
    // Of two calls with one idempotency key at once the other has stored its client.
    if (repeated) await takeBack(ctx, client);
    return row;
  } catch (error) {
    const removed = await takeBack(ctx, client);
    if (!removed && error instanceof UserError) {
      error.message += ` A client “${client.clientId}” was registered at the provider meanwhile and could not be removed: remove it there.`;
    }
    throw error;
  }
}

async function register(ctx: Context, { connector, scheme, data, presets }: AuthConfigPlan): Promise<RegisteredClient> {
  const client: Omit<OAuth2Client, "clientId" | "clientSecret"> = {
    scheme: scheme as OAuth2SchemeDefinition,
    values: { ...fieldParameters({ parameters: data.parameters as AuthConfig["parameters"] }), ...presets },
    redirectUri: redirectUri(ctx, connector),
  };
  const { fetch } = ctx.services.egress;
  try {
    const clientName = await productName(ctx.services, ctx.caller.projectId);
    const input = { client, clientName, grantTypes: grantTypesOf(data.flows), scopes: data.scopes, fetch };
    return await oauth2.registerClient(input);
  } catch (error) {
    throw asProviderError(error);
  }
}

function withClient(
  plan: AuthConfigPlan,
  { clientId, clientSecret, clientSecretExpiresAt, management }: RegisteredClient,
): AuthConfigPlan {
  const data = { ...plan.data, ownApp: true, clientId, hasClientSecret: clientSecret !== null, clientSecretExpiresAt };
  return { ...plan, data, clientSecret, registers: false, registered: { management } };
}

async function takeBack({ services }: Context, client: RegisteredClient): Promise<boolean> {
  const { removed } = await oauth2.deregisterClient(client, { fetch: services.egress.fetch });
  if (!removed)
    services.log.warn({ clientId: client.clientId }, "A client that was registered at a provider is left there unused.");
  return removed;
}
