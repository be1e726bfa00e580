import { atPath } from "../catalogue/paths.ts";
import { hostRulesOf } from "../catalogue/scheme-urls.ts";
import { expandJson, expandUrl, TemplateError, type TemplateScope } from "../catalogue/templates.ts";
import type { VerificationDefinition } from "../catalogue/types.ts";
import { EgressError } from "../egress/errors.ts";
import { Failure } from "../lib/failure.ts";
import { clientTls } from "./client-certificate.ts";
import { identityFrom } from "./oauth2/identify.ts";
import type { ProviderIdentity } from "./oauth2/types.ts";
import type { TestCode, TestOutcome, VerifyInput } from "./types.ts";

const DEFAULT_TIMEOUT_MS = 15_000;
const MAX_BYTES = 1_048_576;

/** True where a test really calls the third party. */
export function isTestable(api: VerifyInput["api"]): boolean {
  return api?.verification !== undefined;
}

/** Makes the connector's harmless call with the credential. Never throws: whatever happens is an outcome. */
export async function verify(input: VerifyInput): Promise<TestOutcome> {
  return (await verifyAccount(input)).outcome;
}

/** The same, and whose account it is, where the connector's data says where that stands in the answer. */
export async function verifyAccount(input: VerifyInput): Promise<{ outcome: TestOutcome; account: ProviderIdentity | null }> {
  const verification = input.api?.verification;
  if (!input.api || !verification) return { outcome: outcome("NOT_TESTABLE", 0), account: null };
  const started = performance.now();
  const latency = () => Math.round(performance.now() - started);
  try {
    const response = await call(input, verification.baseUrl ?? input.api.baseUrl, verification);
    const text = await response.text();
    const code = judge(verification, response.status, text);
    const { account } = verification;
    return {
      outcome: { ...outcome(code, latency()), ...lacking(code, input) },
      account: code === "OK" && account ? identityFrom(account, parsed(text)) : null,
    };
  } catch (error) {
    const code = codeOfError(error);
    const message = error instanceof TemplateError || error instanceof Failure ? { message: error.message } : {};
    return { outcome: { ...outcome(code, latency()), ...message }, account: null };
  }
}

function call(input: VerifyInput, baseUrl: string, verification: VerificationDefinition): Promise<Response> {
  const scope: TemplateScope = { connection: input.values, clientId: input.clientId ?? undefined };
  const url = new URL(expandUrl(baseUrl.replace(/\/$/, "") + verification.path, scope, hostRulesOf(input.scheme)));
  const own = verification.body === undefined ? undefined : expandJson(verification.body, scope);
  const signable = own === undefined ? null : Buffer.from(JSON.stringify(own));
  const applied = input.apply({ method: verification.method, url: url.href, form: null, body: signable });
  for (const [name, value] of Object.entries(applied.query)) url.searchParams.set(name, value);
  const body = applied.body ? JSON.stringify({ ...(own as object | undefined), ...applied.body }) : JSON.stringify(own);
  const headers = {
    accept: "application/json",
    "user-agent": "Moorline",
    ...(body !== undefined && { "content-type": "application/json" }),
    ...verification.headers,
    ...applied.headers,
  };
  const tls = clientTls(input);
  const timeoutMs = input.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  return input.fetch(url.href, {
    method: verification.method,
    headers,
    body,
    redirect: "manual",
    timeoutMs,
    maxBytes: MAX_BYTES,
    ...(tls && { tls }),
  });
}

function judge(verification: VerificationDefinition, status: number, text: string): TestCode {
  const expected = verification.expectedStatus;
  if (expected ? expected.includes(status) : status >= 200 && status < 300) {
    return !verification.expectedBody || holds(verification.expectedBody, text) ? "OK" : "INVALID_CREDENTIALS";
  }
  if ((verification.refusedStatus ?? [401]).includes(status)) return "INVALID_CREDENTIALS";
  if (status === 403) return "PERMISSION_DENIED";
  if (status === 404) return "RESOURCE_NOT_FOUND";
  if (status === 429) return "RATE_LIMITED";
  return "PROVIDER_ERROR";
}

function holds(expected: NonNullable<VerificationDefinition["expectedBody"]>, text: string): boolean {
  return atPath(parsed(text), expected.path) === expected.equals;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function codeOfError(error: unknown): TestCode {
  const code = error instanceof EgressError ? error.code : null;
  switch (code) {
    case "BLOCKED_ADDRESS":
    case "HOST_NOT_FOUND":
    case "CONNECTION_REFUSED":
    case "TLS_ERROR":
    case "TIMEOUT":
      return code;
    default:
      return "PROVIDER_ERROR";
  }
}

const WORDS: Record<TestCode, [message: string, remedy: string | null]> = {
  OK: ["The connection works.", null],
  INVALID_CREDENTIALS: ["The third party does not accept the credential.", "Connect again, or enter a valid secret."],
  PERMISSION_DENIED: [
    "The credential is accepted, but may not make the test call.",
    "Connect again with the scopes that the connector asks for by default.",
  ],
  TOKEN_EXPIRED: ["The access token has run out.", "Refresh the credential, or connect again."],
  CONNECTION_REFUSED: ["The third party refused the connection.", "Check host and port, or try again later."],
  HOST_NOT_FOUND: ["The third party's host name does not exist.", "Check the host in the connection's values."],
  TIMEOUT: ["The third party did not answer in time.", "Try again in a moment."],
  TLS_ERROR: ["No secure connection could be made.", "Check the third party's certificate, or try again later."],
  BLOCKED_ADDRESS: [
    "The third party's address is not one that may be reached from here.",
    "Use a public host, or have the operator allow the address (MOORLINE_EGRESS_ALLOW).",
  ],
  RESOURCE_NOT_FOUND: [
    "The test call's address does not exist at the third party.",
    "Check the values of the connection, such as the subdomain.",
  ],
  RATE_LIMITED: ["The third party limits how often it may be asked.", "Wait a moment and test again."],
  PROVIDER_ERROR: ["The third party answered with an error.", "Try again later."],
  DRIVER_MISSING: [
    "The driver for this kind of system is not installed.",
    "Install the optional package that the documentation names.",
  ],
  NOT_TESTABLE: ["This connector has no harmless call to test with.", "Use the credential to see whether it works."],
};

/** What to do where the call is refused for want of a permission; null where the connector's data names none. */
export function permissionRemedy({ api, scheme }: Pick<VerifyInput, "api" | "scheme">): string | null {
  const permission = api?.verification?.permission;
  if (permission === undefined) return null;
  return scheme.scopes?.some(({ name }) => name === permission)
    ? `Add the scope “${permission}” to the auth config, then connect again.`
    : `Give the app the permission “${permission}” in the provider's developer console; an account that has the app already installs it anew. Then connect again.`;
}

function lacking(code: TestCode, input: VerifyInput): { remedy?: string } {
  const remedy = code === "PERMISSION_DENIED" ? permissionRemedy(input) : null;
  return remedy === null ? {} : { remedy };
}

function outcome(code: TestCode, latencyMs: number): TestOutcome {
  const [message, remedy] = WORDS[code];
  return { ok: code === "OK", code, message, remedy, latencyMs };
}
