import { textAt } from "../../catalogue/paths.ts";
import { Secret } from "../../lib/secret.ts";
import { clientTls } from "../client-certificate.ts";
import { endpoint, expandAll } from "./client.ts";
import { DEFAULT_TIMEOUT_MS } from "./exchange.ts";
import { failure, networkFailure, providerFailure, retryAfterSeconds } from "./failures.ts";
import { parseBody } from "./quirks.ts";
import { discover } from "./token-set.ts";
import type { CallOptions, TokenClient, TokenSet } from "./types.ts";

const MAX_BYTES = 1_048_576;

interface FollowUpInput extends CallOptions {
  client: TokenClient;
}

/**
 * The call that a provider wants with each new token, where it wants one: tokens with what its answer tells, and with the session that
 * calls carry in the token's place. Throws a Failure.
 */
export async function followUp(input: FollowUpInput, tokens: TokenSet): Promise<TokenSet> {
  const own = input.client.scheme.followUp;
  if (!own) return tokens;
  const client = { ...input.client, values: { ...input.client.values, ...tokens.discovered } };
  const answer = await ask({ ...input, client }, tokens.accessToken.reveal());
  const session = own.token ? textAt(answer, own.token) : null;
  if (own.token && !session)
    throw failure("MALFORMED_RESPONSE", { message: "The provider began no session with the new token." });
  const found = discover(client.scheme, "followUp", (path) => textAt(answer, [path]), client.values);
  return {
    ...tokens,
    ...(session && { accessToken: new Secret(session) }),
    discovered: { ...tokens.discovered, ...found },
  };
}

/**
 * The same after a refresh: what was got may be the only refresh token that still works, so it is kept although the session is not there.
 * The token is then at its end already, and the next one who needs it has another one made.
 */
export async function followRefresh(input: FollowUpInput, tokens: TokenSet): Promise<TokenSet> {
  try {
    return await followUp(input, tokens);
  } catch (error) {
    if (tokens.refreshToken === null) throw error;
    return { ...tokens, expiresInSeconds: 0 };
  }
}

async function ask({ client, ...options }: FollowUpInput, token: string): Promise<Record<string, unknown>> {
  const { url: template, method = "GET", parameters } = client.scheme.followUp!;
  const url = new URL(endpoint(client, template));
  for (const [name, value] of Object.entries(expandAll(client, parameters, { token }))) url.searchParams.set(name, value);
  const headers = {
    accept: "application/json",
    "user-agent": "Moorline",
    ...(!parameters && { authorization: `Bearer ${token}` }),
  };
  const tls = clientTls(client);
  const { fetchAfter = options.fetch, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  let response: Response;
  let text: string;
  try {
    const init = { method, headers, redirect: "manual", timeoutMs, maxBytes: MAX_BYTES, ...(tls && { tls }) } as const;
    response = await fetchAfter(url.href, init);
    text = await response.text();
  } catch (error) {
    throw networkFailure(error);
  }
  const body = response.ok ? parseBody(text) : null;
  if (body) return body;
  const said = { code: null, description: null, status: response.status };
  throw providerFailure(null, { ...said, retryAfterSeconds: retryAfterSeconds(response.headers) });
}
