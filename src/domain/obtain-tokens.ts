import type { ConnectionValues, SchemeDefinition } from "../catalogue/types.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { Failure } from "../lib/failure.ts";
import { Secret } from "../lib/secret.ts";
import { oauth2, signedJwt, twoStep } from "../schemes/index.ts";
import type { CallOptions, Fetch, OnRawAnswer, ProviderIdentity, TokenClient, TokenSet } from "../schemes/oauth2/types.ts";
import type { ConnectorView } from "./connector-view.ts";
import { type GrantOrigins, OURSELVES, originsOf } from "./grant-origins.ts";
import type { Services } from "./services.ts";

/** Tokens with what their grant is pinned to. */
export interface ObtainedTokens extends GrantOrigins {
  tokens: TokenSet;
  /** Whose account it is, as far as anybody tells. */
  account: ProviderIdentity | null;
  /** True where whoever needs newer ones can have them: by a refresh token, or by asking anew. */
  canRefresh: boolean;
}

export interface ObtainInput {
  authConfig: AuthConfig;
  scheme: SchemeDefinition;
  connector: ConnectorView;
  /** The config's parameters and presets and the user's own fields, secrets among them: as `Usable.values`. */
  values: ConnectionValues;
  /** Where tokens are renewed, and there is one: for logins that know how to use it. */
  refreshToken?: Secret | null;
  /** Total limit of the request, in milliseconds; default 20,000. */
  timeoutMs?: number;
  /** Default: the door out. */
  fetch?: Fetch;
  /** For what has to be asked after a kept answer; default `fetch`. */
  fetchAfter?: Fetch;
  onRawAnswer?: OnRawAnswer;
  /** Called with the token endpoint's origin before anything is sent there; may throw. */
  assertOrigin?(origin: string): void;
}

/** What a token request takes beside its client. */
type Options = CallOptions & Pick<ObtainInput, "onRawAnswer" | "assertOrigin">;

/**
 * Asks for tokens with what a user typed, in the way of a scheme that `holdsTokens` and does not redirect. Throws Failure
 * (INVALID_CREDENTIALS where the provider does not accept it).
 */
export async function obtainTokens(services: Services, input: ObtainInput): Promise<ObtainedTokens> {
  const { scheme, fetch = services.egress.fetch } = input;
  try {
    if (scheme.type === "OAUTH2_CLIENT_CREDENTIALS") {
      const { clientId, clientSecret } = input.values;
      const typed = { clientId: String(clientId ?? ""), clientSecret: clientSecret ? new Secret(String(clientSecret)) : null };
      return await obtainForClient(input, { ...typed, scheme, values: input.values }, { ...input, fetch });
    }
    if (scheme.type === "TWO_STEP") return await obtainByLogin({ ...input, scheme }, { ...input, fetch });
    if (scheme.type === "SIGNED_JWT") return await obtainBySignature({ ...input, scheme }, { ...input, fetch });
  } catch (error) {
    throw error instanceof Failure ? blameUser(error) : error;
  }
  throw new Error(`Tokens of a scheme ${scheme.type} are not obtained this way.`);
}

/** Tokens of the client itself (RFC 6749 section 4.4), whose account they are, too. Throws Failure. */
export async function obtainForClient(
  { authConfig, connector }: Pick<ObtainInput, "authConfig" | "connector">,
  client: TokenClient,
  options: Options & { scopes?: readonly string[] },
): Promise<ObtainedTokens> {
  const tokens = await oauth2.clientCredentials({ scopes: authConfig.scopes, ...options, client });
  const account = { id: client.clientId, name: null, email: null, avatarUrl: null };
  return { tokens, account, canRefresh: true, ...originsOf(client, connector.api, tokens) };
}

async function obtainBySignature(
  input: ObtainInput & { scheme: Extract<SchemeDefinition, { type: "SIGNED_JWT" }> },
  options: Options,
): Promise<ObtainedTokens> {
  const { scheme, authConfig, connector, values } = input;
  const { tokens, clientId, tokenOrigin, account } = await signedJwt.obtain({
    ...options,
    scheme,
    values,
    scopes: authConfig.scopes,
  });
  const filled = { scheme, values: { ...values, ...tokens.discovered }, clientId };
  const apiOrigin = connector.api ? oauth2.originOf(filled, connector.api.baseUrl) : null;
  const origins = { clientId, tokenOrigin: tokenOrigin ?? OURSELVES, apiOrigin, revocationOrigin: null };
  return { tokens, account, canRefresh: true, ...origins };
}

async function obtainByLogin(
  input: ObtainInput & { scheme: Extract<SchemeDefinition, { type: "TWO_STEP" }> },
  options: Options,
): Promise<ObtainedTokens> {
  const { scheme, authConfig, connector, values, refreshToken = null } = input;
  const wanted = { ...options, scheme, values, refreshToken, scopes: authConfig.scopes };
  const { tokens, tokenOrigin, account } = await twoStep.obtain(wanted);
  const filled = { scheme, values: { ...values, ...tokens.discovered }, clientId: "" };
  const apiOrigin = connector.api ? oauth2.originOf(filled, connector.api.baseUrl) : null;
  const origins = { clientId: account?.id ?? "", tokenOrigin, apiOrigin, revocationOrigin: null };
  return { tokens, account, canRefresh: true, ...origins };
}

/** There is no client of the config's here: whatever the provider does not accept is what the user typed. */
function blameUser(error: Failure): Failure {
  if (!["INVALID_CLIENT", "INVALID_GRANT", "APP_SUSPENDED"].includes(error.details.code)) return error;
  const { retryable: _no, code: _code, message: _message, remedy: _remedy, ...said } = error.details;
  return oauth2.failure("INVALID_CREDENTIALS", said);
}
