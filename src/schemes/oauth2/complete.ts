import * as oidc from "openid-client";
import { checkCallback, codeParameter, stateParameter } from "./callback.ts";
import { configure, endpoint, expandAll } from "./client.ts";
import { clientCredentials } from "./client-credentials.ts";
import { createExchange } from "./exchange.ts";
import { failure } from "./failures.ts";
import { followRefresh, followUp } from "./follow-up.ts";
import { discoverFromUserinfo } from "./identify.ts";
import { longLived, renewLongLived } from "./long-lived.ts";
import { hasQuirk } from "./quirks.ts";
import { resourceParameter } from "./requests.ts";
import { discover, tokenSet } from "./token-set.ts";
import type { CompleteInput, OAuth2Client, RefreshInput, TokenSet } from "./types.ts";

/**
 * Redeems the code (RFC 6749 section 4.1.3). The caller has consumed the state already; it is compared once more here, as are
 * `iss`, the nonce and the ID token. Throws a Failure, or what `onRawAnswer` threw.
 */
export async function complete(input: CompleteInput): Promise<TokenSet> {
  if (checkCallback(input.client, input.parameters).outcome !== "CODE") throw failure("INVALID_GRANT");
  if (input.parameters.get(stateParameter(input.client)) !== input.state) throw failure("STATE_MISMATCH");
  const fromCallback = discover(input.client.scheme, "callback", (path) => input.parameters.get(path));
  const client: OAuth2Client = { ...input.client, values: { ...input.client.values, ...fromCallback } };
  const { scheme } = client;
  // There is no code to redeem: the app may enter by itself from now on.
  if (scheme.consentAnswer) return clientCredentials({ ...input, client });
  const exchange = createExchange({
    ...input,
    client,
    url: endpoint(client, scheme.tokenUrl),
    keepIdToken: scheme.issuer !== undefined && scheme.jwksUri !== undefined,
  });
  const checks: oidc.AuthorizationCodeGrantChecks = {
    expectedState: input.state,
    ...(scheme.pkce !== false && { pkceCodeVerifier: input.codeVerifier }),
    // Read after the answer is in: with fewer scopes granted than asked there may be no ID token, so no nonce to expect.
    get expectedNonce() {
      const sent = input.scopes.includes("openid") || hasQuirk(scheme, "nonce-always");
      return exchange.hasIdToken && sent ? input.nonce : undefined;
    },
  };
  try {
    const config = await configure(client, exchange.fetch);
    const parameters = { ...expandAll(client, scheme.tokenParameters), ...resourceParameter(client) };
    const answer = await oidc.authorizationCodeGrant(config, callbackUrl(client, input), checks, parameters);
    const first = tokenSet(client, answer, exchange, scopesIn(client, input), fromCallback);
    const traded = await longLived({ ...input, client, token: first.accessToken }, first);
    const tokens = await followUp({ ...input, client }, traded);
    return await discoverFromUserinfo({ ...input, client, tokens });
  } catch (error) {
    throw exchange.explain(error);
  }
}

/** What an answer without `scope` grants: what was asked for, or what the provider has said at the redirect URI. */
function scopesIn({ scheme }: OAuth2Client, { parameters, scopes }: CompleteInput): readonly string[] {
  const granted = hasQuirk(scheme, "scope-in-callback") ? parameters.get("scope") : null;
  return granted === null ? scopes : granted.split(/[\s,]+/).filter(Boolean);
}

/**
 * Trades the refresh token for new tokens (RFC 6749 section 6). A null `refreshToken` in the result means that the old one stays.
 * Throws a Failure (`responseLost` tells whether the provider may have acted), or what `onRawAnswer` threw.
 */
export async function refresh(input: RefreshInput): Promise<TokenSet> {
  const { client } = input;
  const renewed = await renewLongLived({ ...input, token: input.refreshToken });
  if (renewed) return renewed;
  const tokenUrl = client.scheme.refreshUrl ?? client.scheme.tokenUrl;
  // A new ID token would only add ways to fail once the provider has rotated.
  const exchange = createExchange({ ...input, url: endpoint(client, tokenUrl), keepIdToken: false });
  try {
    const config = await configure(client, exchange.fetch, { tokenUrl });
    const parameters = {
      ...expandAll(client, client.scheme.refreshParameters),
      ...resourceParameter(client),
      ...(hasQuirk(client.scheme, "redirect-uri-on-refresh") && client.redirectUri && { redirect_uri: client.redirectUri }),
    };
    const answer = await oidc.refreshTokenGrant(config, input.refreshToken.reveal(), parameters);
    return await followRefresh(input, tokenSet(client, answer, exchange, input.scopes, {}));
  } catch (error) {
    throw exchange.explain(error);
  }
}

/** Our redirect URI with what came to it; `iss` is left out where there is no issuer to compare it with. */
function callbackUrl(client: OAuth2Client, input: CompleteInput): URL {
  const url = new URL(client.redirectUri);
  for (const name of ["code", "state", "iss"]) {
    const value = input.parameters.get(
      name === "code" ? codeParameter(client) : name === "state" ? stateParameter(client) : name,
    );
    if (value !== null && (name !== "iss" || client.scheme.issuer)) url.searchParams.set(name, value);
  }
  return url;
}
