import { textAt } from "../../catalogue/paths.ts";
import { fieldsOf } from "../../catalogue/scheme-fields.ts";
import { expandJson } from "../../catalogue/templates.ts";
import type { ConnectionValues, LoginRequest, TwoStepSchemeDefinition } from "../../catalogue/types.ts";
import { Secret } from "../../lib/secret.ts";
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

const MAX_BYTES = 1_048_576;

/** A login's answer that is no refusal. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** What the text is as JSON; null: it is none. */
  body: unknown;
}

/** Makes one request of a login. Throws a Failure: INVALID_CREDENTIALS where the provider does not accept what was typed. */
export async function ask(
  { scheme, fetch, timeoutMs = DEFAULT_TIMEOUT_MS }: CallOptions & { scheme: TwoStepSchemeDefinition },
  request: LoginRequest,
  values: ConnectionValues,
  onRawAnswer?: OnRawAnswer,
  refreshToken?: Secret,
): Promise<Answer> {
  const client = { scheme, values, clientId: "" };
  const more = { refreshToken: refreshToken?.reveal() };
  const body = asFailure(() => expandJson(request.body, scopeOf(client, more))) as Record<string, unknown> | undefined;
  const headers = new Headers({ accept: "application/json", "user-agent": "Moorline" });
  if (body) headers.set("content-type", request.bodyFormat === "FORM" ? FORM : "application/json");
  for (const [name, value] of Object.entries(expandAll(client, request.headers, more))) headers.set(name, value);
  const init = { method: request.method ?? "POST", headers, body: body && written(body, request.bodyFormat) };
  let response: Response;
  let text: string;
  try {
    const url = endpoint(client, request.url, more);
    response = await fetch(url, { ...init, redirect: "manual", timeoutMs, maxBytes: MAX_BYTES });
    text = await response.text();
  } catch (error) {
    throw networkFailure(error);
  }
  const answer = { status: response.status, headers: response.headers, text, body: parsed(text) };
  const secrets = [...secretsOf(init), ...typedSecrets(scheme, values), more.refreshToken];
  if (!response.ok) throw refused(answer, secrets);
  if (textAt(answer.body, scheme.refusal) !== null) throw invalid(wordsOf(answer, secrets, scheme));
  await onRawAnswer?.(new Secret(text), response.status);
  return answer;
}

const FORM = "application/x-www-form-urlencoded";

function written(body: Record<string, unknown>, format: LoginRequest["bodyFormat"]): string {
  if (format !== "FORM") return JSON.stringify(body);
  return new URLSearchParams(Object.entries(body).map(([name, value]) => [name, String(value)])).toString();
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
