import { createHmac, timingSafeEqual } from "node:crypto";
import { endpoint, expandAll } from "./client.ts";
import { failure, inert, meaningOf, providerFailure } from "./failures.ts";
import { quirkValue } from "./quirks.ts";
import type { CallbackCheck, CallbackParameters, OAuth2Client } from "./types.ts";
import { withoutSecrets } from "./without-secrets.ts";

const SINGLE = ["state", "iss", "error", "error_description"];

/**
 * Looks at what came to the redirect URI before the code is redeemed: each parameter at most once, `iss` (RFC 9207) byte
 * for byte where it is sent or promised, the provider's own signature where it makes one. Whose state it is, the caller knows.
 * Throws a Failure for anything but a code or a refusal by the user.
 */
export function checkCallback(client: OAuth2Client, parameters: CallbackParameters): CallbackCheck {
  for (const name of [
    ...SINGLE,
    stateParameter(client),
    codeParameter(client),
    ...Object.keys(client.scheme.consentAnswer ?? {}),
  ]) {
    if (parameters.getAll(name).length > 1) throw malformed(`The answer has “${name}” more than once.`);
  }
  checkIssuer(client, parameters);
  checkSignature(client, parameters);
  const error = parameters.get("error");
  if (error !== null) return classifyAuthorizationError(client, parameters);
  if (client.scheme.consentAnswer) return checkConsent(client, client.scheme.consentAnswer, parameters);
  if (!parameters.get(codeParameter(client))) throw malformed("The provider's answer has neither a code nor an error.");
  return { outcome: "CODE" };
}

/** What the code is called in the answer at the redirect URI. */
export function codeParameter({ scheme }: Pick<OAuth2Client, "scheme">): string {
  return quirkValue(scheme, "code-param") ?? "code";
}

/** What the state is called there. */
export function stateParameter({ scheme }: Pick<OAuth2Client, "scheme">): string {
  return scheme.authorizationParameterNames?.state ?? "state";
}

/** An answer that brings nothing but its word. Another one than the connection is for, another tenant's, is not taken. */
function checkConsent(client: OAuth2Client, wanted: Record<string, string>, parameters: CallbackParameters): CallbackCheck {
  const filled = expandAll(client, wanted);
  for (const name of Object.keys(wanted)) {
    // What is left empty here is nothing that could be held against the answer.
    if (filled[name] && parameters.get(name)?.toLowerCase() === filled[name].toLowerCase()) continue;
    throw malformed(`The answer's “${name}” is not what this connection needs.`);
  }
  return { outcome: "CODE" };
}

/** RFC 6749 section 4.1.2.1. The user's no is an outcome; everything else is thrown as a Failure. */
export function classifyAuthorizationError(client: OAuth2Client, parameters: CallbackParameters): CallbackCheck {
  const meaning = meaningOf(client.scheme, parameters.get("error") ?? "", parameters.get("error_description"));
  const quoted = [parameters.get(stateParameter(client)), parameters.get(codeParameter(client))];
  const code = withoutSecrets(parameters.get("error") ?? "", quoted);
  const description = withoutSecrets(parameters.get("error_description"), quoted);
  if (meaning === "DENIED") return { outcome: "DENIED", providerMessage: inert(description, 500) };
  throw providerFailure(meaning, { code, description, status: null });
}

function checkIssuer(client: OAuth2Client, parameters: CallbackParameters): void {
  if (!client.scheme.issuer) return;
  const issuer = parameters.get("iss");
  if (issuer === null && !client.scheme.issInAuthorizationResponse) return;
  if (issuer !== endpoint(client, client.scheme.issuer)) throw failure("ISSUER_MISMATCH");
}

function checkSignature(client: OAuth2Client, parameters: CallbackParameters): void {
  const name = quirkValue(client.scheme, "callback-hmac");
  if (name === null || !client.clientSecret) return;
  const signed = [...parameters]
    .filter(([key]) => key !== name)
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join("&");
  const expected = createHmac("sha256", client.clientSecret.reveal()).update(signed).digest();
  const given = Buffer.from(parameters.get(name) ?? "", "hex");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw malformed("The provider's signature on the answer is missing or wrong.");
  }
}

function malformed(message: string) {
  return failure("MALFORMED_RESPONSE", { message, remedy: "Start the connection again." });
}
