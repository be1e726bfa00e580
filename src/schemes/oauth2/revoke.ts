import * as oidc from "openid-client";
import type { RevocationDefinition } from "../../catalogue/types.ts";
import { Failure } from "../../lib/failure.ts";
import type { Secret } from "../../lib/secret.ts";
import { applyToken } from "./apply.ts";
import { basic, configure, endpoint, expandAll } from "./client.ts";
import { createExchange, DEFAULT_TIMEOUT_MS } from "./exchange.ts";
import { meaningOf, networkFailure, retryAfterSeconds } from "./failures.ts";
import { errorIn, hasQuirk, parseBody } from "./quirks.ts";
import type { RevokeInput, TokenClient, TokenRevocation } from "./types.ts";

type Kind = TokenRevocation["kind"];
type Outcome = Omit<TokenRevocation, "kind">;

const UNSUPPORTED: Outcome = {
  outcome: "UNSUPPORTED",
  message: "The provider offers no way to revoke this token.",
  retryable: false,
};
const REVOKED: Outcome = { outcome: "REVOKED", message: null, retryable: false };
/** A token that the provider no longer knows cannot be used any more either. */
const HAD_ENDED: Outcome = { ...REVOKED, message: "The token had already ended." };

/**
 * Ends the grant at the provider: RFC 7009, or its own way where the data has one. One result for each token; never throws. What was
 * revoked or is unsupported need not be asked again: leave that token out of the next call.
 */
export async function revoke(input: RevokeInput): Promise<TokenRevocation[]> {
  const own = input.client.scheme.revocation;
  const tokens: [Kind, Secret][] = [];
  if (input.refreshToken) tokens.push(["refresh_token", input.refreshToken]);
  if (input.accessToken) tokens.push(["access_token", input.accessToken]);
  const results = new Map<Kind, Outcome>();
  for (const [kind, token] of tokens) {
    if (results.has(kind) || (own?.tokens && !own.tokens.includes(kind))) continue;
    const result = await attempt(input, kind, token);
    results.set(kind, result);
    // Where the provider cannot be had there is no use in asking it about the other token.
    const isDown = result.outcome === "FAILED" && result.retryable;
    if (!own?.endsGrant && !isDown) continue;
    // An access token that had run out says nothing of the grant behind it: only a live one ends that.
    const shared = result === HAD_ENDED && kind === "access_token" && input.refreshToken ? await withLiveToken(input) : result;
    for (const [other] of tokens) if (!results.has(other)) results.set(other, shared);
  }
  return tokens.map(([kind]) => ({ kind, ...(results.get(kind) ?? UNSUPPORTED) }));
}

async function withLiveToken(input: RevokeInput): Promise<Outcome> {
  if (!input.renew) return UNSUPPORTED;
  try {
    return await attempt(input, "access_token", await input.renew());
  } catch (error) {
    return error instanceof Failure && error.details.code === "INVALID_GRANT" ? HAD_ENDED : failed(error);
  }
}

async function attempt(input: RevokeInput, kind: Kind, token: Secret): Promise<Outcome> {
  try {
    if (input.client.scheme.revocation) return await revokeOwnWay(input, input.client.scheme.revocation, token);
    if (input.client.scheme.revocationUrl) return await revokeByStandard(input, input.client.scheme.revocationUrl, kind, token);
    return UNSUPPORTED;
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): Outcome {
  const details = error instanceof Failure ? error.details : null;
  return {
    outcome: "FAILED",
    message: details?.message ?? "The token could not be revoked.",
    retryable: details?.retryable ?? false,
    retryAfterSeconds: details?.retryAfterSeconds ?? null,
  };
}

/** Where the tokens of this client may be ended; null: the provider has no way. Throws Failure. */
export function revocationEndpoint(client: TokenClient): string | null {
  const template = client.scheme.revocation?.url ?? client.scheme.revocationUrl;
  return template === undefined ? null : endpoint(client, template);
}

/** Whether one call ends every grant that the same account has given the same client, and not this one alone. */
export function endsAccount({ scheme }: Pick<TokenClient, "scheme">): boolean {
  return scheme.revocation?.endsAccount === true;
}

async function revokeByStandard(input: RevokeInput, template: string, kind: Kind, token: Secret): Promise<Outcome> {
  const exchange = createExchange({ ...input, url: endpoint(input.client, template), keepIdToken: false });
  try {
    const config = await configure(input.client, exchange.fetch, { revocationUrl: template });
    await oidc.tokenRevocation(config, token.reveal(), { token_type_hint: kind });
    return REVOKED;
  } catch (error) {
    const { answer } = exchange;
    // Success has no body to speak of, which openid-client reads as well; what is left is a refusal.
    if (answer?.body && errorIn(answer.body)?.code === "unsupported_token_type") return UNSUPPORTED;
    if (answer?.body && saysEnded(input.client, answer.body)) return HAD_ENDED;
    throw exchange.explain(error);
  }
}

async function revokeOwnWay(input: RevokeInput, own: RevocationDefinition, token: Secret): Promise<Outcome> {
  const { client } = input;
  const { url, init } = buildRequest(client, own, token);
  let response: Response;
  let text: string;
  try {
    const timeoutMs = input.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    response = await input.fetch(url, { ...init, redirect: "manual", timeoutMs, maxBytes: 1_048_576 });
    text = await response.text();
  } catch (error) {
    throw networkFailure(error);
  }
  const body = parseBody(text);
  const refused = body !== null && hasQuirk(client.scheme, "error-with-200") && errorIn(body) !== null;
  if (response.ok && !refused) return REVOKED;
  if (own.authentication === "BEARER" && response.status === 401) return HAD_ENDED;
  if (response.status === 404 && own.method === "DELETE") return HAD_ENDED;
  if (response.status < 500 && body !== null && saysEnded(client, body)) return HAD_ENDED;
  return {
    outcome: "FAILED",
    message: `The provider answered with status ${response.status}.`,
    retryable: response.status >= 500 || response.status === 429,
    retryAfterSeconds: retryAfterSeconds(response.headers),
  };
}

function saysEnded({ scheme }: TokenClient, body: Record<string, unknown>): boolean {
  const said = errorIn(body);
  return said !== null && (said.code === "invalid_token" || meaningOf(scheme, said.code, said.description) === "INVALID_GRANT");
}

function buildRequest(client: TokenClient, own: RevocationDefinition, token: Secret): { url: string; init: RequestInit } {
  const secret = client.clientSecret?.reveal() ?? "";
  const parameters = expandAll(client, own.parameters ?? { token: "{token}" }, { token: token.reveal() });
  const headers = new Headers({ accept: "application/json", "user-agent": "Moorline" });
  for (const [name, value] of Object.entries(expandAll(client, client.scheme.tokenHeaders))) headers.set(name, value);
  const authentication = own.authentication ?? "CLIENT";
  if (authentication === "BEARER") {
    const applied = applyToken({
      own: client.scheme.apply,
      api: undefined,
      accessToken: token,
      values: client.values,
      clientId: client.clientId,
    });
    for (const [name, value] of Object.entries(applied.headers)) headers.set(name, value);
  }
  const usesBasic = authentication === "CLIENT" && client.scheme.tokenAuthMethod === "CLIENT_SECRET_BASIC";
  if (secret && (authentication === "CLIENT_SECRET_BASIC" || usesBasic))
    headers.set("authorization", basic(client.clientId, secret));
  else if (authentication === "CLIENT")
    Object.assign(parameters, { client_id: client.clientId, ...(secret && { client_secret: secret }) });
  const format = own.bodyFormat ?? client.scheme.tokenBodyFormat ?? "FORM";
  const hasBody = Object.keys(parameters).length > 0;
  if (hasBody) headers.set("content-type", format === "JSON" ? "application/json" : "application/x-www-form-urlencoded");
  const body = format === "JSON" ? JSON.stringify(parameters) : new URLSearchParams(parameters).toString();
  return { url: endpoint(client, own.url), init: { method: own.method ?? "POST", headers, body: hasBody ? body : undefined } };
}
