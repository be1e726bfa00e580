import { textAt } from "../../catalogue/paths.ts";
import type { AccountMapping } from "../../catalogue/types.ts";
import { Secret } from "../../lib/secret.ts";
import type { AppliedCredential, OutboundRequest } from "../types.ts";
import { applyToken } from "./apply.ts";
import { endpoint, expandAll } from "./client.ts";
import { DEFAULT_TIMEOUT_MS } from "./exchange.ts";
import { failure, networkFailure, providerFailure, retryAfterSeconds, storable } from "./failures.ts";
import { errorIn, hasQuirk } from "./quirks.ts";
import { discover } from "./token-set.ts";
import type { CallOptions, IdentifyInput, OAuth2Client, ProviderIdentity, TokenSet } from "./types.ts";

const MAX_BYTES = 1_048_576;
/** What an index of the database can hold, in any script. */
const LONGEST_ID = 500;

/**
 * Whose account it is, as the connector's data says where to look. Null: the provider does not tell, or not with these scopes.
 * Throws a Failure where it could not be asked now (unreachable, rate limited, 5xx) or contradicts its own ID token.
 */
export async function identify(input: IdentifyInput): Promise<ProviderIdentity | null> {
  const { account } = input.client.scheme;
  if (!account) return null;
  switch (account.source) {
    case "idToken":
      return input.tokens.idTokenClaims ? identityFrom(account, input.tokens.idTokenClaims) : fromUserinfo(input, account);
    case "userinfo":
      return fromUserinfo(input, account);
    case "tokenAnswer":
      return identityFrom(account, JSON.parse(input.tokens.answer.reveal()));
    case "connection":
      return identityFrom(account, input.client.values);
  }
}

/** Tokens with what the user-info answer tells of the connection, where the data wants something of it. Throws a Failure. */
export async function discoverFromUserinfo(input: IdentifyInput): Promise<TokenSet> {
  const { client, tokens } = input;
  if (!client.scheme.discovered?.some(({ from }) => from === "userinfo")) return tokens;
  const userinfo = (await readUserinfo(input, client.scheme.account)) ?? {};
  const found = discover(client.scheme, "userinfo", (path) => textAt(userinfo, [path]));
  return { ...tokens, userinfo: new Secret(JSON.stringify(userinfo)), discovered: { ...tokens.discovered, ...found } };
}

async function fromUserinfo(input: IdentifyInput, account: AccountMapping): Promise<ProviderIdentity | null> {
  const known = input.tokens.userinfo;
  const answer = known ? (JSON.parse(known.reveal()) as Record<string, unknown>) : await readUserinfo(input, account);
  return answer === null ? null : identityFrom(account, answer);
}

async function readUserinfo(input: IdentifyInput, account?: AccountMapping): Promise<Record<string, unknown> | null> {
  const client: OAuth2Client = { ...input.client, values: { ...input.client.values, ...input.tokens.discovered } };
  const { scheme } = client;
  if (!scheme.userinfoUrl) return null;
  const applied = applyToken({
    own: scheme.apply,
    api: undefined,
    accessToken: input.tokens.accessToken,
    values: client.values,
    clientId: client.clientId,
  });
  const url = endpoint(client, scheme.userinfoUrl);
  const headers = expandAll(client, account?.request?.headers, { token: input.tokens.accessToken.reveal() });
  const request = account?.request && { ...account.request, headers };
  const answer = await askUserinfo({ ...input, url, account: { request }, apply: () => applied });
  if (answer === null || (hasQuirk(scheme, "error-with-200") && errorIn(answer))) return null;
  const expected = input.tokens.idTokenClaims?.sub;
  // OpenID Connect Core 5.3.2: an answer about somebody else must not be used.
  if (expected !== undefined && typeof answer.sub === "string" && answer.sub !== expected) {
    throw failure("MALFORMED_RESPONSE", {
      message: "The provider's user-info answer is about another account than its ID token.",
    });
  }
  return answer;
}

export interface AskUserinfo extends CallOptions {
  url: string;
  account: Pick<AccountMapping, "request">;
  /** What the token adds to the call. */
  apply(request: OutboundRequest): AppliedCredential;
}

/** The user-info call. Null: the provider does not tell. Throws a Failure where it could not be asked now. */
export async function askUserinfo(input: AskUserinfo): Promise<Record<string, unknown> | null> {
  const { request } = input.account;
  const method = request?.method ?? "GET";
  const url = new URL(input.url);
  const applied = input.apply({ method, url: url.href, form: null });
  for (const [name, value] of Object.entries(applied.query)) url.searchParams.set(name, value);
  const body = request?.body === undefined ? undefined : JSON.stringify(request.body);
  const headers = {
    accept: "application/json",
    "user-agent": "Moorline",
    ...(body !== undefined && { "content-type": "application/json" }),
    ...applied.headers,
    ...request?.headers,
  };
  let response: Response;
  let text: string;
  try {
    const timeoutMs = input.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    response = await input.fetch(url.href, { method, headers, body, redirect: "manual", timeoutMs, maxBytes: MAX_BYTES });
    text = await response.text();
  } catch (error) {
    throw networkFailure(error);
  }
  if (response.status >= 500 || response.status === 429) {
    const wait = retryAfterSeconds(response.headers);
    throw providerFailure(null, { code: null, description: null, status: response.status, retryAfterSeconds: wait });
  }
  return response.ok ? parseObject(text) : null;
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** As the data says where to look; null where the id is not there. */
export function identityFrom(account: Omit<AccountMapping, "source">, source: unknown): ProviderIdentity | null {
  const id = textAt(source, account.id);
  // One that has to be changed to be kept would be another account's.
  if (id === null || storable(id, LONGEST_ID) !== id.trim()) return null;
  const short = (paths: readonly string[] | undefined) => storable(textAt(source, paths) ?? "", 500);
  const avatarUrl = textAt(source, account.avatarUrl);
  return {
    id,
    name: short(account.name),
    email: short(account.email),
    avatarUrl:
      avatarUrl && avatarUrl.length <= 2_000 && /^https?:\/\//i.test(avatarUrl) && URL.canParse(avatarUrl) ? avatarUrl : null,
  };
}
