import type { Tx } from "../../db/database.ts";
import type { AuthConfig, Credential, Grant } from "../../db/generated/client.ts";
import { Failure } from "../../lib/failure.ts";
import { Secret } from "../../lib/secret.ts";
import { appInstallation, oauth2, SCHEMES } from "../../schemes/index.ts";
import type { Fetch, OnRawAnswer, TokenSet } from "../../schemes/oauth2/types.ts";
import { getConnector, schemeOf } from "../connector-view.ts";
import { fieldsOf, mergeValues } from "../credential-fields.ts";
import { type StoredTokens, storedTokens } from "../credential-tokens.ts";
import { appClientFor, oauthClientFor, presetsOf } from "../oauth-client.ts";
import { obtainForClient, obtainTokens } from "../obtain-tokens.ts";
import { queueRevocation } from "../revocation.ts";
import { unwantedOf } from "../revocation-parcel.ts";
import type { Services } from "../services.ts";

/** A credential with what a refresh needs. */
export type Loaded = Credential & { grant: Grant; authConfig: AuthConfig };

export interface RenewalOptions {
  /** Total limit of the request, in milliseconds. */
  timeoutMs: number;
  /** Every request of the renewal goes through it: the door out, or an answer that came earlier and was kept. */
  fetch: Fetch;
  /** For what has to be asked after a kept answer; default `fetch`. */
  fetchAfter?: Fetch;
  onRawAnswer: OnRawAnswer;
}

/**
 * Asks the provider for new tokens, in the way of the credential's scheme: by the refresh token, or anew where there never was one.
 * Throws Failure.
 */
export async function renewTokens(
  services: Services,
  loaded: Loaded,
  before: StoredTokens,
  options: RenewalOptions,
): Promise<TokenSet> {
  const { authConfig, grant } = loaded;
  const assertOrigin = (origin: string) => assertSameOrigin(loaded, origin);
  if (authConfig.schemeType === "APP_INSTALLATION") {
    const { client } = await appClientFor(services, authConfig, loaded.parameters, grant.clientId);
    return appInstallation.obtain({ client, ...options, assertOrigin });
  }
  if (authConfig.schemeType !== "OAUTH2") return obtainAnew(services, loaded, before, { ...options, assertOrigin });
  const { client, connector, api } = await oauthClientFor(services, authConfig, loaded.parameters, grant.clientId);
  assertOrigin(oauth2.originsOf(client, api).token);
  if (before.refreshToken !== null) {
    const refreshToken = new Secret(before.refreshToken);
    return oauth2.refresh({ client, refreshToken, scopes: loaded.grantedScopes, ...options });
  }
  try {
    const scopes = loaded.requestedScopes;
    return (await obtainForClient({ authConfig, connector }, client, { ...options, scopes })).tokens;
  } catch (error) {
    throw error instanceof Failure ? notOpen(error) : error;
  }
}

/** With what the user typed. */
async function obtainAnew(
  services: Services,
  loaded: Loaded,
  before: StoredTokens,
  options: RenewalOptions & { assertOrigin(origin: string): void },
): Promise<TokenSet> {
  const { authConfig } = loaded;
  const connector = await getConnector(services, loaded.projectId, loaded.connectorSlug);
  const scheme = schemeOf(connector, authConfig.schemeKey);
  if (!scheme || SCHEMES[scheme.type].redirects || !SCHEMES[scheme.type].holdsTokens) throw oauth2.failure("CONFIG_CHANGED");
  const values = mergeValues(authConfig, await presetsOf(services, authConfig), loaded, await fieldsOf(services, loaded));
  const refreshToken = before.refreshToken === null ? null : new Secret(before.refreshToken);
  return (await obtainTokens(services, { authConfig, scheme, connector, values, refreshToken, ...options })).tokens;
}

/** The app may no longer have tokens of its own: that ends this credential, and says nothing of its client. */
function notOpen(error: Failure): Failure {
  const { providerCode } = error.details;
  return providerCode === "unauthorized_client" ? new Failure({ ...error.details, code: "INVALID_CREDENTIALS" }) : error;
}

/** Tokens that came when nobody wants them any more are ended at the provider, too: by the job that asks for a day. */
export async function endTokens(tx: Tx, services: Services, loaded: Loaded, tokens: TokenSet): Promise<void> {
  await queueRevocation(tx, services, { credentialId: loaded.id }, unwantedOf(loaded, storedTokens(tokens, null)));
}

/** What tokens are renewed with goes to the origin that gave them, and to no other that a config may name since. Throws Failure CONFIG_CHANGED. */
function assertSameOrigin({ grant }: Loaded, tokenOrigin: string): void {
  if (grant.tokenOrigin === tokenOrigin) return;
  throw new Failure({
    code: "CONFIG_CHANGED",
    message: "The address of the provider's token endpoint was changed since this account was connected.",
    remedy: "The user must connect again.",
    retryable: false,
  });
}
