import * as oidc from "openid-client";
import { configure, endpoint, expandAll, originOf } from "./client.ts";
import { createExchange } from "./exchange.ts";
import { explainFlow } from "./failures.ts";
import { followUp } from "./follow-up.ts";
import { quirkValue } from "./quirks.ts";
import { resourceParameter } from "./requests.ts";
import { tokenSet } from "./token-set.ts";
import type { CallOptions, OnRawAnswer, TokenClient, TokenSet } from "./types.ts";

export interface ClientCredentialsInput extends CallOptions {
  client: TokenClient;
  scopes: readonly string[];
  onRawAnswer?: OnRawAnswer;
  /** Called with the token endpoint's origin before anything is sent there; may throw. */
  assertOrigin?(origin: string): void;
}

/**
 * Tokens of the client itself (RFC 6749 section 4.4). Whoever needs new ones asks again: a refresh token does not belong into the
 * answer (section 4.4.3), and one that is there is left out. Throws a Failure, or what `onRawAnswer` threw.
 */
export async function clientCredentials(input: ClientCredentialsInput): Promise<TokenSet> {
  const { client, scopes } = input;
  input.assertOrigin?.(originOf(client, client.scheme.tokenUrl));
  const exchange = createExchange({ ...input, url: endpoint(client, client.scheme.tokenUrl), keepIdToken: false });
  try {
    const config = await configure(client, exchange.fetch);
    const parameters = {
      ...expandAll(client, client.scheme.tokenParameters),
      ...scopeParameter(client, scopes),
      ...resourceParameter(client),
    };
    const grantType = quirkValue(client.scheme, "grant-type") ?? "client_credentials";
    const answer = await oidc.genericGrantRequest(config, grantType, parameters);
    return await followUp(input, { ...tokenSet(client, answer, exchange, scopes), refreshToken: null });
  } catch (error) {
    throw explainFlow(exchange.explain(error));
  }
}

/** Nothing is asked for in so many words where there is nothing to ask for (RFC 6749 section 3.3). */
export function scopeParameter({ scheme }: Pick<TokenClient, "scheme">, scopes: readonly string[]): { scope?: string } {
  return scopes.length > 0 ? { scope: scopes.join(scheme.scopeSeparator ?? " ") } : {};
}
