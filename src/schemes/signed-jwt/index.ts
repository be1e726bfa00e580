/** Service accounts: a key pair signs a JWT, which is exchanged for an access token, or is one itself. Everything thrown is a Failure. */
import * as oidc from "openid-client";
import type { ConnectionValues, SignedJwtSchemeDefinition } from "../../catalogue/types.ts";
import { Secret } from "../../lib/secret.ts";
import { configure, endpoint, expandAll, originOf } from "../oauth2/client.ts";
import { createExchange } from "../oauth2/exchange.ts";
import { tokenSet } from "../oauth2/token-set.ts";
import type { CallOptions, OnRawAnswer, ProviderIdentity, TokenClient, TokenSet } from "../oauth2/types.ts";
import { type Signed, sign } from "./sign.ts";

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

export interface ObtainInput extends CallOptions {
  scheme: SignedJwtSchemeDefinition;
  /** The private key among them, as `privateKey`. */
  values: ConnectionValues;
  /** For the templates, as {connection.scope}. */
  scopes: readonly string[];
  onRawAnswer?: OnRawAnswer;
  /** Called with the token endpoint's origin before anything is sent there; may throw. */
  assertOrigin?(origin: string): void;
}

export interface Obtained {
  tokens: TokenSet;
  /** Who signed: `iss`. */
  clientId: string;
  /** Null: nobody was asked, the JWT is the token. */
  tokenOrigin: string | null;
  account: ProviderIdentity | null;
}

/** Throws a Failure, or what `assertOrigin` or `onRawAnswer` threw. */
export async function obtain(input: ObtainInput): Promise<Obtained> {
  const { scheme, scopes } = input;
  const signed = await sign(scheme, { scope: scopes.join(scheme.scopeSeparator ?? " "), ...input.values });
  const clientId = signed.claims.iss ?? signed.claims.sub ?? "";
  const common = { clientId, account: accountOf(signed.values) };
  if (scheme.tokenUrl === undefined) return { ...common, tokens: bearer(signed, scopes), tokenOrigin: null };
  const client = { scheme: { ...scheme, tokenUrl: scheme.tokenUrl, tokenAuthMethod: "NONE" as const }, values: signed.values };
  const asking: TokenClient = { ...client, clientId: clientId || "service-account", clientSecret: null };
  const tokenOrigin = originOf(asking, scheme.tokenUrl);
  input.assertOrigin?.(tokenOrigin);
  return { ...common, tokens: await exchange(input, asking, signed.jwt), tokenOrigin };
}

/** A service account's key file says whose it is. */
function accountOf({ clientEmail }: ConnectionValues): ProviderIdentity | null {
  return typeof clientEmail === "string" ? { id: clientEmail, name: null, email: clientEmail, avatarUrl: null } : null;
}

function bearer({ jwt, lifetimeSeconds }: Signed, scopes: readonly string[]): TokenSet {
  return {
    accessToken: jwt,
    tokenType: "Bearer",
    refreshToken: null,
    expiresInSeconds: lifetimeSeconds,
    idTokenClaims: null,
    grantedScopes: [...scopes],
    discovered: {},
    answer: new Secret("{}"),
  };
}

/** The assertion says who asks: the client is not named beside it, but where the data do. */
async function exchange(input: ObtainInput, client: TokenClient, assertion: Secret): Promise<TokenSet> {
  const wire = createExchange({ ...input, client, url: endpoint(client, client.scheme.tokenUrl), keepIdToken: false });
  try {
    const config = await configure(client, wire.fetch, { authentication: () => {} });
    const { grantType, parameters } = asked(input, assertion);
    const all = { ...expandAll(client, client.scheme.tokenParameters), ...parameters };
    const answer = await oidc.genericGrantRequest(config, grantType, all);
    return { ...tokenSet(client, answer, wire, input.scopes), refreshToken: null };
  } catch (error) {
    throw wire.explain(error);
  }
}

/** RFC 7523: the assertion is the grant (section 2.1), or stands for the client's secret (section 2.2). */
function asked({ scheme, scopes }: ObtainInput, assertion: Secret): { grantType: string; parameters: Record<string, string> } {
  if (scheme.exchangedAs !== "CLIENT_ASSERTION") return { grantType: GRANT_TYPE, parameters: { assertion: assertion.reveal() } };
  const scope = scopes.join(scheme.scopeSeparator ?? " ");
  const proof = { client_assertion_type: ASSERTION_TYPE, client_assertion: assertion.reveal() };
  return { grantType: "client_credentials", parameters: { ...(scope !== "" && { scope }), ...proof } };
}
