import { randomBytes } from "node:crypto";
import { textAt } from "../../catalogue/paths.ts";
import { fieldsOf } from "../../catalogue/scheme-fields.ts";
import { expandJson } from "../../catalogue/templates.ts";
import type { ConnectionValues, LoginRequest, TwoStepSchemeDefinition } from "../../catalogue/types.ts";
import { Secret } from "../../lib/secret.ts";
import { sign } from "../aws-sigv4/index.ts";
import { asFailure, endpoint, expandAll, scopeOf } from "../oauth2/client.ts";
import { DEFAULT_TIMEOUT_MS } from "../oauth2/exchange.ts";
import {
  failure,
  inert,
  meaningOf,
  networkFailure,
  type OAuthFailure,
  providerFailure,
  retryAfterSeconds,
} from "../oauth2/failures.ts";
import { errorIn } from "../oauth2/quirks.ts";
import type { CallOptions, OnRawAnswer } from "../oauth2/types.ts";
import { secretsOf, withoutSecrets } from "../oauth2/without-secrets.ts";
import { readXml, writeXml } from "../xml.ts";

const MAX_BYTES = 1_048_576;

/** A login's answer that is no refusal. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** What the text is as JSON, or XML; null: it is none. */
  body: unknown;
  /** What was known when it was asked for, of what earlier answers told too; absent: no more than was typed. */
  kept?: ConnectionValues;
}

export interface AskOptions {
  onRawAnswer?: OnRawAnswer;
  refreshToken?: Secret;
  assertion?: Secret;
}

/** Makes one request of a login. Throws a Failure: INVALID_CREDENTIALS where the provider does not accept what was typed. */
export async function ask(
  { scheme, fetch, timeoutMs = DEFAULT_TIMEOUT_MS }: CallOptions & { scheme: TwoStepSchemeDefinition },
  request: LoginRequest,
  values: ConnectionValues,
  { onRawAnswer, refreshToken, assertion }: AskOptions = {},
): Promise<Answer> {
  const client = { scheme, values, clientId: "" };
  const proof = { refreshToken: refreshToken?.reveal(), assertion: assertion?.reveal() };
  const more = { ...proof, random: randomBytes(16).toString("hex"), now: new Date() };
  const body = asFailure(() => expandJson(request.body, scopeOf(client, more))) as Record<string, unknown> | undefined;
  const headers = new Headers({ accept: ACCEPTED[request.bodyFormat ?? "JSON"], "user-agent": "Moorline" });
  if (body) headers.set("content-type", CONTENT_TYPE[request.bodyFormat ?? "JSON"]);
  for (const [name, value] of Object.entries(expandAll(client, request.headers, more))) headers.set(name, sendable(value));
  const url = endpoint(client, request.url, more);
  const init = { method: request.method ?? "POST", headers, body: body && written(body, request.bodyFormat) };
  if (scheme.temporaryKeys) signWithKeys(url, init, expandAll(client, scheme.temporaryKeys.signedWith));
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { ...init, redirect: "manual", timeoutMs, maxBytes: MAX_BYTES });
    text = await response.text();
  } catch (error) {
    throw networkFailure(error);
  }
  const read = request.bodyFormat === "XML" ? await readXml(text) : parsed(text);
  const answer = { status: response.status, headers: response.headers, text, body: read };
  const secrets = [...secretsOf(init), ...typedSecrets(scheme, values), ...Object.values(proof)];
  if (!response.ok) throw refused(answer, secrets);
  if (textAt(answer.body, scheme.refusal) !== null) throw invalid(wordsOf(answer, secrets, scheme));
  await onRawAnswer?.(new Secret(text), response.status);
  return answer;
}

/** What a header can carry (RFC 9110 section 5.5). `Headers` would refuse the rest, too, but quote it. */
function sendable(value: string): string {
  if (/^[\t\x20-\x7e]*$/.test(value)) return value;
  throw failure("INVALID_CREDENTIALS", {
    message: "A value of this login holds a line break or a character that a header cannot carry.",
    remedy: "Enter it anew, without.",
  });
}

type Format = NonNullable<LoginRequest["bodyFormat"]>;

const ACCEPTED: Record<Format, string> = {
  ...{ FORM: "application/json", JSON: "application/json", QUERY: "application/json" },
  XML: "application/xml, text/xml",
};
const CONTENT_TYPE: Record<Format, string> = {
  ...{ FORM: "application/x-www-form-urlencoded", JSON: "application/json", QUERY: "application/json" },
  XML: "application/xml",
};

function written(body: Record<string, unknown>, format: LoginRequest["bodyFormat"]): string {
  if (format === "XML") return writeXml(body);
  if (format !== "FORM") return JSON.stringify(body);
  // An empty parameter means the same as none (RFC 6749 section 3.1), and some refuse it.
  const filled = Object.entries(body).filter(([, value]) => value !== "");
  return new URLSearchParams(filled.map(([name, value]) => [name, String(value)])).toString();
}

function signWithKeys(
  url: string,
  { method, headers, body }: { method: string; headers: Headers; body?: string },
  keys: ConnectionValues,
) {
  const call = { method, url, form: null, headers: Object.fromEntries(headers), body: body ? Buffer.from(body, "utf8") : null };
  for (const [name, value] of Object.entries(sign(call, keys, {}))) headers.set(name, value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    return null;
  }
}

function typedSecrets(scheme: TwoStepSchemeDefinition, values: ConnectionValues): string[] {
  return fieldsOf(scheme).flatMap(({ name, secret }) => (secret && values[name] !== undefined ? [String(values[name])] : []));
}

/** There is no standard for it: what most do is to say with one of these that it is the login itself that they refuse. */
const REFUSED = new Set([400, 401, 403, 422]);

function refused(answer: Answer, secrets: Secrets): OAuthFailure {
  const { status, headers } = answer;
  const words = wordsOf(answer, secrets);
  const meaning = words.code === null ? null : meaningOf({}, words.code, words.description);
  const passes = meaning === "RATE_LIMITED" || meaning === "PROVIDER_ERROR";
  if (REFUSED.has(status) && !passes) return invalid(words);
  return providerFailure(passes ? meaning : null, { ...words, retryAfterSeconds: retryAfterSeconds(headers) });
}

function invalid({ code, description, status }: Words): OAuthFailure {
  return failure("INVALID_CREDENTIALS", {
    message: "The provider does not accept what was entered.",
    remedy: "Compare it with what the provider shows, and enter it anew.",
    providerCode: inert(code, 100),
    providerMessage: inert(description, 500),
    providerStatus: status,
  });
}

type Secrets = readonly (string | undefined)[];

interface Words {
  code: string | null;
  description: string | null;
  status: number;
}

const TEXTS = ["message", "Message", "error_message", "errorMessage", "errors.0.message", "detail", "title"];

function wordsOf({ body, status }: Answer, secrets: Secrets, scheme?: TwoStepSchemeDefinition): Words {
  const known = typeof body === "object" && body !== null ? errorIn(body as Record<string, unknown>) : null;
  const description = known?.description ?? textAt(body, [...(scheme?.refusal ?? []), ...TEXTS]);
  return { code: withoutSecrets(known?.code ?? null, secrets), description: withoutSecrets(description, secrets), status };
}
