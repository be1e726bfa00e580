import * as oidc from "openid-client";
import type { RevocationDefinition } from "../../catalogue/types.ts";
import { Failure } from "../../lib/failure.ts";
import type { Secret } from "../../lib/secret.ts";
import { apply } from "./apply.ts";
import { basic, configure, endpoint, expandAll } from "./client.ts";
import { createExchange, DEFAULT_TIMEOUT_MS } from "./exchange.ts";
import { networkFailure } from "./failures.ts";
import { errorIn, hasQuirk, parseBody } from "./quirks.ts";
import type { OAuth2Client, RevokeInput, TokenRevocation } from "./types.ts";

type Kind = TokenRevocation["kind"];
type Outcome = Omit<TokenRevocation, "kind">;

const UNSUPPORTED: Outcome = {
  outcome: "UNSUPPORTED",
  message: "The provider offers no way to revoke this token.",
  retryable: false,
};
const REVOKED: Outcome = { outcome: "REVOKED", message: null, retryable: false };

/** Ends the grant at the provider: RFC 7009, or its own way where the data has one. One result for each token; never throws. */
export async function revoke(input: RevokeInput): Promise<TokenRevocation[]> {
  const { scheme } = input.client;
  const tokens: [Kind, Secret][] = [];
  if (input.refreshToken) tokens.push(["refresh_token", input.refreshToken]);
  if (input.accessToken) tokens.push(["access_token", input.accessToken]);
  const own = scheme.revocation;
  let endedByOther: Outcome | null = null;
  const results = new Map<Kind, Outcome>();
  for (const [kind, token] of tokens) {
    if (own?.tokens && !own.tokens.includes(kind)) continue;
    if (endedByOther) break;
    const result = await attempt(input, kind, token);
    results.set(kind, result);
    if (own?.endsGrant) endedByOther = result;
  }
  return tokens.map(([kind]) => ({ kind, ...(results.get(kind) ?? endedByOther ?? UNSUPPORTED) }));
}

async function attempt(input: RevokeInput, kind: Kind, token: Secret): Promise<Outcome> {
  try {
    if (input.client.scheme.revocation) return await revokeOwnWay(input, input.client.scheme.revocation, token);
    if (input.client.scheme.revocationUrl) return await revokeByStandard(input, input.client.scheme.revocationUrl, kind, token);
    return UNSUPPORTED;
  } catch (error) {
    const details = error instanceof Failure ? error.details : null;
    return {
      outcome: "FAILED",
      message: details?.message ?? "The token could not be revoked.",
      retryable: details?.retryable ?? false,
    };
  }
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
  const body = parseBody(client.scheme, text);
  const refused = body !== null && hasQuirk(client.scheme, "error-with-200") && errorIn(body) !== null;
  if (response.ok && !refused) return REVOKED;
  // A token that the provider no longer knows cannot be used any more either.
  if (own.authentication === "BEARER" && response.status === 401) return { ...REVOKED, message: "The token had already ended." };
  if (response.status === 404 && own.method === "DELETE") return { ...REVOKED, message: "The token had already ended." };
  const retryable = response.status >= 500 || response.status === 429;
  return { outcome: "FAILED", message: `The provider answered with status ${response.status}.`, retryable };
}

function buildRequest(client: OAuth2Client, own: RevocationDefinition, token: Secret): { url: string; init: RequestInit } {
  const secret = client.clientSecret?.reveal() ?? "";
  const parameters = expandAll(client, own.parameters ?? { token: "{token}" }, { token: token.reveal() });
  const headers = new Headers({ accept: "application/json", "user-agent": "Moorline" });
  for (const [name, value] of Object.entries(expandAll(client, client.scheme.tokenHeaders))) headers.set(name, value);
  const authentication = own.authentication ?? "CLIENT";
  if (authentication === "BEARER") {
    const applied = apply({
      scheme: client.scheme,
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
