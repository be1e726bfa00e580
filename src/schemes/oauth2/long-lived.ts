import * as oidc from "openid-client";
import type { Secret } from "../../lib/secret.ts";
import { configure, endpoint, expandAll } from "./client.ts";
import { createExchange } from "./exchange.ts";
import { tokenSet } from "./token-set.ts";
import type { CallOptions, OnRawAnswer, TokenClient, TokenSet } from "./types.ts";

interface Trade extends CallOptions {
  client: TokenClient;
  token: Secret;
  scopes: readonly string[];
  onRawAnswer: OnRawAnswer;
}

/** Trades the short-lived token that a code was redeemed for. Throws a Failure. */
export async function longLived(input: Trade, first: TokenSet): Promise<TokenSet> {
  const own = input.client.scheme.longLived;
  if (!own) return first;
  const tokens = await trade(input, own, undefined);
  // What the first answer told beside its token stays told: the second has the new token alone.
  return {
    ...tokens,
    refreshToken: own.renewal ? tokens.accessToken : first.refreshToken,
    grantedScopes: first.grantedScopes,
    idTokenClaims: first.idTokenClaims,
    discovered: { ...first.discovered, ...tokens.discovered },
    answer: first.answer,
  };
}

/** Trades a long-lived token for a renewed one. Null where the provider renews in the usual way. Throws a Failure. */
export async function renewLongLived(input: Trade): Promise<TokenSet | null> {
  const renewal = input.client.scheme.longLived?.renewal;
  if (!renewal) return null;
  const tokens = await trade(input, renewal, oidc.None());
  return { ...tokens, refreshToken: tokens.accessToken };
}

async function trade(
  { client, token, scopes, ...options }: Trade,
  step: { url: string; parameters: Record<string, string> },
  authentication: oidc.ClientAuth | undefined,
): Promise<TokenSet> {
  const exchange = createExchange({ ...options, client, url: endpoint(client, step.url), keepIdToken: false, method: "GET" });
  try {
    const config = await configure(client, exchange.fetch, { tokenUrl: step.url, authentication });
    const { grant_type: grantType = "", ...parameters } = expandAll(client, step.parameters, { token: token.reveal() });
    const answer = await oidc.genericGrantRequest(config, grantType, parameters);
    return tokenSet(client, answer, exchange, scopes);
  } catch (error) {
    throw exchange.explain(error);
  }
}
