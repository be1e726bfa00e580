/** Logins of a provider's own making. Knows nothing of the database. Everything thrown is a Failure, or what a caller's function threw. */
import { textAt } from "../../catalogue/paths.ts";
import type { ConnectionValues, LoginRequest, TwoStepSchemeDefinition } from "../../catalogue/types.ts";
import { Failure } from "../../lib/failure.ts";
import { Secret } from "../../lib/secret.ts";
import { originOf } from "../oauth2/client.ts";
import { failure } from "../oauth2/failures.ts";
import { identityFrom } from "../oauth2/identify.ts";
import { secondsUntil } from "../oauth2/quirks.ts";
import { discover } from "../oauth2/token-set.ts";
import type { CallOptions, OnRawAnswer, ProviderIdentity, TokenSet } from "../oauth2/types.ts";
import { tokenOfKeys } from "./apply.ts";
import { assertionOf } from "./assertion.ts";
import { type Answer, ask } from "./request.ts";

export interface ObtainInput extends CallOptions {
  scheme: TwoStepSchemeDefinition;
  /** What was typed among them, secrets too. */
  values: ConnectionValues;
  /** Of the login before. It is tried first, where the scheme says how. */
  refreshToken: Secret | null;
  scopes: readonly string[];
  /** Of an answer that the tokens can be read from alone: one that is lost costs another login, but a refresh token may be gone with it. */
  onRawAnswer?: OnRawAnswer;
  /** Called with an endpoint's origin before anything is sent there; may throw. */
  assertOrigin?(origin: string): void;
}

export interface Obtained {
  tokens: TokenSet;
  tokenOrigin: string;
  account: ProviderIdentity | null;
}

export async function obtain(input: ObtainInput): Promise<Obtained> {
  const { scheme, values } = input;
  const tokenOrigin = originOf({ ...input, clientId: "" }, scheme.login[0]!.url);
  input.assertOrigin?.(tokenOrigin);
  const answer = (await renew(input)) ?? (await logIn(input));
  const tokens = tokensIn(input, answer);
  const { account } = scheme;
  const told = account?.source === "connection" ? { ...values, ...tokens.discovered } : answer.body;
  return { tokens, tokenOrigin, account: account ? identityFrom(account, told) : null };
}

/** Null: there is nothing to renew with, or the provider does not take it any more. */
async function renew(input: ObtainInput): Promise<Answer | null> {
  const { scheme, values, refreshToken } = input;
  if (!scheme.refresh || !refreshToken) return null;
  input.assertOrigin?.(originOf({ ...input, clientId: "" }, scheme.refresh.url));
  try {
    return await ask(input, scheme.refresh, values, {
      onRawAnswer: isWhole(scheme) ? input.onRawAnswer : undefined,
      refreshToken,
    });
  } catch (error) {
    // What cannot pass by itself is no reason to end here: there is still what was typed.
    if (error instanceof Failure && !error.details.retryable) return null;
    throw error;
  }
}

async function logIn(input: ObtainInput): Promise<Answer> {
  const [first, ...rest] = input.scheme.login as [LoginRequest, ...LoginRequest[]];
  const journal = rest.length === 0 && isWhole(input.scheme) ? input.onRawAnswer : undefined;
  const assertion = await assertionOf(input.scheme, input.values);
  const send = (request: LoginRequest, values: ConnectionValues, onRawAnswer?: OnRawAnswer) =>
    ask(input, request, values, { onRawAnswer, assertion });
  let values = input.values;
  let answer = await send(first, values, journal);
  let before = first;
  for (const request of rest) {
    values = { ...values, ...keptOf(before, answer) };
    answer = await send(request, values);
    before = request;
  }
  return { ...answer, kept: values };
}

/** Whether an answer's body says it all. */
function isWhole({ tokenHeader }: TwoStepSchemeDefinition): boolean {
  return tokenHeader === undefined;
}

/** Each held to its pattern: it may become part of a host. */
function keptOf({ keep = [] }: LoginRequest, { body, status }: Answer): Record<string, string> {
  const values = keep.map(({ name, path, pattern, options }) => {
    const match = new RegExp(pattern, "u").exec(textAt(body, [path]) ?? "");
    const value = match?.[1] ?? match?.[0];
    return [name, value && (!options || options.includes(value)) ? value : missing(status)] as const;
  });
  return Object.fromEntries(values);
}

function tokensIn({ scheme, scopes, values }: ObtainInput, answer: Answer): TokenSet {
  const refreshToken = textAt(answer.body, scheme.refreshToken);
  return {
    accessToken: new Secret(tokenIn(scheme, answer)),
    tokenType: scheme.apply || scheme.temporaryKeys ? "Token" : "Bearer",
    refreshToken: refreshToken === null ? null : new Secret(refreshToken),
    expiresInSeconds: lifetimeOf(scheme, answer),
    idTokenClaims: null,
    grantedScopes: [...scopes],
    discovered: discover(scheme, "tokenAnswer", (path) => textAt(answer.body, [path]) ?? textAt(answer.kept, [path]), values),
    answer: new Secret("{}"),
  };
}

function tokenIn(scheme: TwoStepSchemeDefinition, answer: Answer): string {
  const found = scheme.tokenHeader === undefined ? tokenInBody(scheme, answer) : tokenInHeader(scheme.tokenHeader, answer);
  // It goes into a header as it is (RFC 9110 section 5.5).
  return found && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(found) ? found : missing(answer.status);
}

function tokenInBody({ token, temporaryKeys }: TwoStepSchemeDefinition, { body, text }: Answer): string | null {
  if (temporaryKeys) return tokenOfKeys(temporaryKeys, body);
  if (!token?.includes("$")) return textAt(body, token);
  return typeof body === "string" ? body : text.trim();
}

function tokenInHeader(name: string, { headers }: Answer): string | null {
  return name === "set-cookie" ? cookiesIn(headers) : headers.get(name);
}

/** As a browser would send them back (RFC 6265 section 5.4), all of them: who balances the load may have set one too. */
function cookiesIn(headers: Headers): string {
  return headers
    .getSetCookie()
    .map((cookie) => cookie.split(";", 1)[0]!.trim())
    .join("; ");
}

function lifetimeOf(scheme: TwoStepSchemeDefinition, { body }: Answer): number | null {
  const told = Number(textAt(body, scheme.expiresIn) ?? Number.NaN);
  const seconds = Number.isFinite(told) && told >= 0 ? Math.floor(told) : secondsUntil(textAt(body, scheme.expiresAt));
  return seconds ?? scheme.lifetimeSeconds ?? null;
}

function missing(status: number): never {
  throw failure("MALFORMED_RESPONSE", {
    message: "The provider's answer to the login does not hold what the connector's data expect there.",
    remedy: "Check the values of the connection; if they are right, the connector's data have to be corrected.",
    providerStatus: status,
  });
}
