import { atPath } from "../../catalogue/paths.ts";
import type { TokenScheme } from "./types.ts";

/** A token endpoint's answer while it is being brought into the form of RFC 6749 section 5. */
export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

interface QuirkDescription {
  description: string;
  /** What `value` means, where the quirk takes one. */
  value?: string;
}

/**
 * Every oddity that a connector's data can switch on. The catalogue's JSON Schema and the tests hold against this list; what cannot be
 * mistaken for anything else needs no entry and is always read: any content type, a form in place of JSON, any 2xx, an error with a 2xx
 * and no token, null members, numbers as text, no token_type, scope as a list, or separated as it was sent.
 */
export const QUIRKS = {
  "token-type-other": { description: "token_type is a word of the provider's own (such as `bot`): it is taken as Bearer." },
  "scope-commas": { description: "scope in the token answer is separated by commas, where it is not in the request." },
  "scope-in-callback": {
    description: "The answer at the redirect URI says which scopes were granted; the token answer need not.",
  },
  "error-with-200": { description: "An error is answered with a 2xx status; `error`, or `ok: false`, tells." },
  "status-in-body": {
    description:
      "An answer with a 2xx status holds a status of its own: 0, or a 2xx, where it is well, else the code of the error.",
    value: "Dotted path to that number.",
  },
  "token-answer-nested": { description: "The token answer is inside another object.", value: "Dotted path to that object." },
  "access-token-named": { description: "The access token has another name.", value: "Dotted path to it." },
  "refresh-token-named": { description: "The refresh token has another name.", value: "Dotted path to it." },
  "expires-at": {
    description: "The expiry is a point in time instead of a number of seconds.",
    value: "Dotted path to it: seconds or milliseconds since 1970, or ISO 8601.",
  },
  "expires-in-milliseconds": { description: "expires_in is a number of milliseconds." },
  "expires-in-zero": { description: "expires_in is 0 where the token does not run out." },
  "response-type": {
    description: "The authorization request has another response_type than `code`, and a code is answered all the same.",
    value: "What is sent; `none`: it is left out.",
  },
  "nonce-always": { description: "A nonce has to be sent without the scope `openid`, too." },
  "pkce-plain": { description: "PKCE only with the method `plain` (RFC 7636 section 4.2)." },
  "code-param": { description: "The code has another name in the answer at the redirect URI.", value: "Its name there." },
  "token-request-get": { description: "Tokens are asked for by GET, with the parameters in the URL." },
  "grant-type": {
    description: "Client credentials go by another grant_type than `client_credentials` (RFC 6749 section 4.4.2).",
    value: "What is sent.",
  },
  "client-id-in-body": { description: "The client id has to be in the body, too, where HTTP Basic holds it already." },
  "basic-secret-only": { description: "HTTP Basic has the client's secret as its user name, and no password." },
  "redirect-uri-on-refresh": { description: "A refresh has to name the redirect URI." },
  "basic-without-encoding": {
    description: "HTTP Basic wants client id and secret as they are, not form-encoded first (RFC 6749 section 2.3.1).",
  },
  "authorization-fragment": { description: "The authorization URL has to end with a fragment.", value: "The fragment." },
  "callback-hmac": {
    description:
      "The callback is signed: hex HMAC-SHA256, keyed with the client secret, over its other parameters in order of name.",
    value: "Name of the parameter that holds the signature.",
  },
} as const satisfies Record<string, QuirkDescription>;

export type QuirkName = keyof typeof QUIRKS;

export function hasQuirk(scheme: TokenScheme, name: QuirkName): boolean {
  return scheme.quirks?.some((quirk) => quirk.name === name) ?? false;
}

export function quirkValue(scheme: TokenScheme, name: QuirkName): string | null {
  return scheme.quirks?.find((quirk) => quirk.name === name)?.value ?? null;
}

/** The JSON object in a body, or a form as an object. Null where it is neither. */
export function parseBody(text: string): Record<string, unknown> | null {
  const body = text.replace(/^\uFEFF/, "").trim();
  try {
    const json: unknown = JSON.parse(body);
    return isObject(json) ? json : null;
  } catch {
    if (!/^[^\s<>{}="]+=[^<>{}"]*$/.test(body)) return null;
    return Object.fromEntries(new URLSearchParams(body));
  }
}

/** Brings an answer into the standard's form. Each step is a pure function and leaves a standard answer as it is. */
export function normaliseAnswer(scheme: TokenScheme, answer: Answer): Answer {
  const steps: ((answer: Answer, scheme: TokenScheme) => Answer)[] = [
    unnest,
    withoutNulls,
    statusInBody,
    errorStatus,
    successStatus,
    accessTokenName,
    refreshTokenName,
    tokenType,
    scopeString,
    expiry,
    numbers,
    verificationUri,
  ];
  return steps.reduce((current, step) => step(current, scheme), answer);
}

/** The provider's error code and text in any of the usual forms; null where the body holds none. */
export function errorIn(body: Record<string, unknown>): { code: string; description: string | null } | null {
  const error = body.error ?? body.error_code;
  if (typeof error === "string" && error !== "") return { code: error, description: descriptionIn(body) };
  if (typeof error === "number" && error !== 0) return { code: String(error), description: descriptionIn(body) };
  if (isObject(error)) {
    const code = error.code ?? error.type ?? error.error;
    if (code === "ok") return null;
    return { code: typeof code === "string" ? code : "error", description: descriptionIn(error) };
  }
  return body.ok === false ? { code: "error", description: descriptionIn(body) } : null;
}

function descriptionIn(body: Record<string, unknown>): string | null {
  const text = body.error_description ?? body.message ?? body.errorMessage ?? body.errmsg;
  return typeof text === "string" ? text : null;
}

function unnest(answer: Answer, scheme: TokenScheme): Answer {
  const path = quirkValue(scheme, "token-answer-nested");
  const inner = path === null ? undefined : atPath(answer.body, path);
  // What stands around it stays readable for account and discovered values.
  return isObject(inner) && answer.body.access_token === undefined ? { ...answer, body: { ...answer.body, ...inner } } : answer;
}

function withoutNulls(answer: Answer): Answer {
  return { ...answer, body: Object.fromEntries(Object.entries(answer.body).filter(([, value]) => value !== null)) };
}

function errorStatus(answer: Answer, scheme: TokenScheme): Answer {
  if (!isSuccess(answer.status)) return answer;
  if (answer.body.access_token !== undefined && !hasQuirk(scheme, "error-with-200")) return answer;
  return errorIn(answer.body) ? { ...answer, status: 400 } : answer;
}

function statusInBody(answer: Answer, scheme: TokenScheme): Answer {
  const path = quirkValue(scheme, "status-in-body");
  const status = path === null ? undefined : atPath(answer.body, path);
  if (!isSuccess(answer.status) || typeof status !== "number" || status === 0 || isSuccess(status)) return answer;
  const said = { error: String(status), error_description: descriptionIn(answer.body) ?? textOf(answer.body.error) };
  return { ...withBody(answer, said), status: 400 };
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function successStatus(answer: Answer): Answer {
  return isSuccess(answer.status) ? { ...answer, status: 200 } : answer;
}

function accessTokenName(answer: Answer, scheme: TokenScheme): Answer {
  const path = quirkValue(scheme, "access-token-named");
  const token = path === null ? undefined : atPath(answer.body, path);
  return answer.body.access_token === undefined && typeof token === "string" ? withBody(answer, { access_token: token }) : answer;
}

function refreshTokenName(answer: Answer, scheme: TokenScheme): Answer {
  const path = quirkValue(scheme, "refresh-token-named");
  const token = path === null ? undefined : atPath(answer.body, path);
  return answer.body.refresh_token === undefined && typeof token === "string"
    ? withBody(answer, { refresh_token: token })
    : answer;
}

function tokenType(answer: Answer, scheme: TokenScheme): Answer {
  if (typeof answer.body.access_token !== "string") return answer;
  const type = answer.body.token_type;
  const missing = type === undefined || type === "";
  return missing || hasQuirk(scheme, "token-type-other") ? withBody(answer, { token_type: "Bearer" }) : answer;
}

function scopeString(answer: Answer, scheme: TokenScheme): Answer {
  const scope = answer.body.scope;
  if (Array.isArray(scope)) {
    return withBody(answer, { scope: scope.filter((item) => typeof item === "string").join(" ") });
  }
  const own = hasQuirk(scheme, "scope-commas") ? "," : scheme.scopeSeparator;
  if (typeof scope !== "string" || !own || !/[,;]/.test(own)) return answer;
  const separators = own.includes(";") ? /[\s;]+/ : /[\s,]+/;
  return withBody(answer, { scope: scope.split(separators).filter(Boolean).join(" ") });
}

function expiry(answer: Answer, scheme: TokenScheme): Answer {
  const path = quirkValue(scheme, "expires-at");
  if (path === null || answer.body.expires_in !== undefined) return answer;
  const seconds = secondsUntil(atPath(answer.body, path));
  return seconds === null ? answer : withBody(answer, { expires_in: seconds });
}

/** From now to a point in time: seconds or milliseconds since 1970, or ISO 8601. Null: it is none. */
export function secondsUntil(at: unknown): number | null {
  const number = typeof at === "number" ? at : typeof at === "string" && /^\d+$/.test(at) ? Number(at) : null;
  // Seconds since 1970 pass 10^11 in the year 5138, milliseconds did in 1973.
  const milliseconds = number !== null ? (number < 1e11 ? number * 1000 : number) : Date.parse(String(at));
  return Number.isFinite(milliseconds) ? Math.max(0, Math.floor((milliseconds - Date.now()) / 1000)) : null;
}

/** A number as text is a number; one that is no number at all is as good as absent. */
function numbers(answer: Answer, scheme: TokenScheme): Answer {
  const body = { ...answer.body };
  const unit = hasQuirk(scheme, "expires-in-milliseconds") ? 1_000 : 1;
  for (const [name, least, divisor] of [
    ["expires_in", hasQuirk(scheme, "expires-in-zero") ? 1 : 0, unit],
    ["interval", 1, 1],
  ] as const) {
    if (body[name] === undefined) continue;
    const seconds = Number(body[name] === "" ? Number.NaN : body[name]) / divisor;
    if (Number.isFinite(seconds) && seconds >= least) body[name] = Math.floor(seconds);
    else delete body[name];
  }
  return { ...answer, body };
}

/** RFC 8628 section 3.2, as some wrote it before it was one. */
function verificationUri(answer: Answer): Answer {
  const { verification_url: url, verification_uri: uri = url } = answer.body;
  return uri === undefined ? answer : withBody(answer, { verification_uri: uri });
}

function withBody(answer: Answer, members: Record<string, unknown>): Answer {
  return { ...answer, body: { ...answer.body, ...members } };
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
