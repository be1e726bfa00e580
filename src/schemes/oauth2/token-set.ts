import type * as oidc from "openid-client";
import { textAt } from "../../catalogue/paths.ts";
import type { ConnectionValues, DiscoveredValue, SchemeBase } from "../../catalogue/types.ts";
import { Secret } from "../../lib/secret.ts";
import type { Exchange } from "./exchange.ts";
import { failure } from "./failures.ts";
import type { TokenClient, TokenSet } from "./types.ts";

/** RFC 6749 appendix A.12: with anything else every call would fail, since no header can carry it. */
const ACCESS_TOKEN = /^[\x20-\x7e]+$/;
/** Of any script, whatever RFC 6749 says of scopes; but nothing that cannot be stored. */
const SCOPE = /^[^\p{Cc}\p{Cs}]+$/u;

type TokenAnswer = oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers;

/** What the token endpoint gave, with what it told beside the tokens. Throws a Failure where it lacks a value that the data requires. */
export function tokenSet(
  client: TokenClient,
  answer: TokenAnswer,
  exchange: Exchange,
  requested: readonly string[],
  fromCallback: Record<string, string> = {},
): TokenSet {
  if (!ACCESS_TOKEN.test(answer.access_token)) {
    throw failure("MALFORMED_RESPONSE", { message: "The provider's access token holds characters that no call can carry." });
  }
  const body = exchange.answer?.body ?? {};
  const fromAnswer = discover(client.scheme, "tokenAnswer", (path) => textAt(body, [path]), client.values);
  return {
    accessToken: new Secret(answer.access_token),
    tokenType: answer.token_type === "bearer" ? "Bearer" : answer.token_type,
    refreshToken: answer.refresh_token ? new Secret(answer.refresh_token) : null,
    expiresInSeconds: answer.expires_in ?? null,
    idTokenClaims: answer.claims() ?? null,
    grantedScopes: answer.scope === undefined ? [...requested] : scopesIn(answer.scope),
    discovered: { ...fromCallback, ...fromAnswer },
    answer: new Secret(JSON.stringify(body)),
  };
}

function scopesIn(text: string): string[] {
  return [...new Set(text.split(/\s+/).filter((scope) => SCOPE.test(scope)))];
}

/**
 * Values that the connector's data says to keep, each held to its pattern: they may become part of a host. One that is known already
 * need not be told again.
 */
export function discover(
  scheme: Pick<SchemeBase, "discovered">,
  from: DiscoveredValue["from"],
  read: (path: string) => string | null,
  known: ConnectionValues = {},
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const value of scheme.discovered ?? []) {
    if (value.from !== from) continue;
    const match = new RegExp(value.pattern, "u").exec(read(value.path) ?? "");
    const text = match?.[1] ?? match?.[0];
    if (text && (!value.options || value.options.includes(text))) found[value.name] = text;
    else if (value.required && known[value.name] === undefined) {
      throw failure("MALFORMED_RESPONSE", {
        message: `The provider's answer lacks “${value.path}”, or it is not one of its hosts.`,
      });
    }
  }
  return found;
}
