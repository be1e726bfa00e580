import type { ErrorMeaning } from "../../catalogue/types.ts";
import { EgressError, type EgressErrorCode } from "../../egress/errors.ts";
import { Failure, type FailureCode, type FailureDetails } from "../../lib/failure.ts";
import type { TokenScheme } from "./types.ts";

/** A failure of an OAuth exchange. No library error hangs on it: those hold tokens (design 5.13). */
export class OAuthFailure extends Failure {
  /** True where the request was sent and its answer never fully came: the provider may have acted on it. */
  readonly responseLost: boolean;

  constructor(details: FailureDetails, responseLost = false) {
    super(details);
    this.name = "OAuthFailure";
    this.responseLost = responseLost;
  }
}

/** What is said of each code where nothing more exact is known. */
type Known =
  | Exclude<ErrorMeaning, "DENIED">
  | "MALFORMED_RESPONSE"
  | "ISSUER_MISMATCH"
  | "STATE_MISMATCH"
  | "CONFIG_CHANGED"
  | "INVALID_CREDENTIALS"
  | "DEVICE_CODE_EXPIRED"
  | "INTERNAL";

const WORDS: Record<Known, Words> = {
  INVALID_CLIENT: {
    message: "The provider does not accept this app's client id or secret.",
    remedy:
      "Compare the client id and secret of the auth config with those in the provider's developer console; a rotated secret has to be entered anew.",
  },
  REDIRECT_URI_MISMATCH: {
    message: "The provider does not know this redirect URI for the app.",
    remedy:
      "Register the redirect URI of the auth config at the provider, character for character: scheme, host, port and trailing slash count.",
  },
  INVALID_SCOPE: {
    message: "The provider does not know a scope that was asked for, or does not allow it to this app.",
    remedy: "Compare the scopes of the auth config with those that are enabled for the app in the provider's developer console.",
  },
  SCOPE_NOT_APPROVED: {
    message: "The provider has not approved this app for a scope that was asked for.",
    remedy: "Have the provider review the app for this scope, or ask for fewer scopes.",
  },
  ADMIN_CONSENT_REQUIRED: {
    message: "At the provider, an administrator has to allow this app first.",
    remedy: "Ask an administrator of the account's organisation to approve the app, then connect again.",
  },
  APP_SUSPENDED: {
    message: "The provider has suspended or disabled this app.",
    remedy: "Look for the reason in the provider's developer console, or ask its support.",
  },
  INVALID_GRANT: {
    message: "The provider no longer accepts this authorization: it was revoked, used already or has run out.",
    remedy: "Connect the account again.",
  },
  RATE_LIMITED: {
    message: "The provider limits how often it may be asked, and the limit is reached.",
    remedy: "Wait a moment and try again.",
  },
  PROVIDER_ERROR: {
    message: "The provider answered with an error.",
    remedy: "Try again later; if it stays, look at the provider's status page and at its message here.",
  },
  MALFORMED_RESPONSE: {
    message: "The provider's answer does not have the form that OAuth prescribes.",
    remedy:
      "Check that the connector's endpoints are the right ones; if they are, the provider needs a quirk in the connector's data.",
  },
  ISSUER_MISMATCH: {
    message: "The answer names another issuer than the provider that was asked.",
    remedy: "Check the connector's issuer. If it is right, somebody may have tried to mix up providers: start again.",
  },
  STATE_MISMATCH: {
    message: "The answer does not belong to the authorization that was started.",
    remedy: "Start the connection again, and finish it in the same window.",
  },
  INTERNAL: {
    message: "The request to the provider could not be made.",
    remedy: "Check the connector's and the auth config's values; if they are right, report this with the time it happened.",
  },
  INVALID_CREDENTIALS: {
    message: "The provider does not accept the client id, secret or key that was entered.",
    remedy: "Enter one that is valid: a secret that was rotated, revoked or disabled at the provider has to be replaced here.",
  },
  DEVICE_CODE_EXPIRED: {
    message: "The code was not entered at the provider in time.",
    remedy: "Start again, and enter the new code before it runs out.",
  },
  CONFIG_CHANGED: {
    message: "A value that this connector needs is missing or not allowed.",
    remedy: "Check the values of the auth config and of the connection, then connect again.",
  },
};
interface Words {
  message: string;
  remedy: string;
}

/** A failure in the standard words; `more` adds or replaces. */
export function failure(code: Known, more: Partial<FailureDetails> = {}): OAuthFailure {
  const retryable = code === "RATE_LIMITED" || code === "PROVIDER_ERROR";
  return new OAuthFailure({ code, ...WORDS[code], retryable, ...more });
}

/**
 * RFC 6749 section 5.2: `unauthorized_client` is a good client that may not ask in this way. Where there are other ways, that is not to be
 * told as a wrong secret.
 */
export function explainFlow(error: unknown): unknown {
  if (!(error instanceof OAuthFailure) || error.details.providerCode !== "unauthorized_client") return error;
  return new OAuthFailure({
    ...error.details,
    message: "The provider does not let this app connect in this way.",
    remedy: "Allow it for the app in the provider's developer console, or connect in another way.",
  });
}

/** What a provider's error code means; unknown ones are null. The connector's own data comes first. */
export function meaningOf(
  scheme: Pick<TokenScheme, "errorCodes">,
  code: string,
  description: string | null,
): ErrorMeaning | null {
  const own = scheme.errorCodes && Object.hasOwn(scheme.errorCodes, code) ? scheme.errorCodes[code] : undefined;
  return own ?? meaningByText(code, description ?? "") ?? COMMON_ERRORS.get(code.toLowerCase()) ?? null;
}

/** RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core 3.1.2.6, and names in wide use. */
const COMMON_ERRORS = new Map<string, ErrorMeaning>([
  ["access_denied", "DENIED"],
  ["authorization_declined", "DENIED"],
  ["user_denied", "DENIED"],
  ["user_cancelled_login", "DENIED"],
  ["user_cancelled_authorize", "DENIED"],
  ["invalid_client", "INVALID_CLIENT"],
  ["unauthorized_client", "INVALID_CLIENT"],
  ["invalid_client_id", "INVALID_CLIENT"],
  ["deleted_client", "INVALID_CLIENT"],
  ["redirect_uri_mismatch", "REDIRECT_URI_MISMATCH"],
  ["invalid_redirect_uri", "REDIRECT_URI_MISMATCH"],
  ["invalid_scope", "INVALID_SCOPE"],
  ["admin_policy_enforced", "ADMIN_CONSENT_REQUIRED"],
  ["disabled_client", "APP_SUSPENDED"],
  ["application_suspended", "APP_SUSPENDED"],
  ["invalid_grant", "INVALID_GRANT"],
  ["too_many_requests", "RATE_LIMITED"],
  ["rate_limit_exceeded", "RATE_LIMITED"],
  ["slow_down", "RATE_LIMITED"],
  ["temporarily_unavailable", "PROVIDER_ERROR"],
  ["server_error", "PROVIDER_ERROR"],
]);

/** Some providers say the redirect URI is wrong under a general code only, in the text. */
function meaningByText(code: string, description: string): ErrorMeaning | null {
  const general = code === "invalid_request" || code === "invalid_grant" || code === "unauthorized_client";
  if (general && /redirect[\s_-]?ur[il]/i.test(description)) return "REDIRECT_URI_MISMATCH";
  if (code === "consent_required" || /\bAADSTS(65001|90094)\b/.test(description)) return "ADMIN_CONSENT_REQUIRED";
  if (code.includes("client") && /\b(suspended|disabled|blocked)\b/i.test(description)) return "APP_SUSPENDED";
  return null;
}

/** Text that a provider wrote, made inert: no control or bidirectional characters, no half of a character, and no longer than `length`. */
export function inert(text: string | null | undefined, length: number): string | null {
  return text ? storable(text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " "), length) : null;
}

/** The same for a name, whose letters may hang on characters of format: only what cannot be stored is taken out. */
export function storable(text: string, length: number): string | null {
  return (
    text
      .replace(/\p{Cc}+/gu, " ")
      .trim()
      .slice(0, length)
      // The cut may go through the middle of a character.
      .toWellFormed() || null
  );
}

/** RFC 9110 section 10.2.3: seconds, or a date. At most a day; null where absent or senseless. */
export function retryAfterSeconds(headers: Headers): number | null {
  const value = headers.get("retry-after")?.trim();
  if (!value) return null;
  const seconds = /^\d+$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - Date.now()) / 1000);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 86_400) : null;
}

const NETWORK_WORDS: Record<EgressErrorCode, Words> = {
  BLOCKED_ADDRESS: {
    message: "The provider's address is not one that may be reached from here.",
    remedy: "Use a public host name, or have the operator allow the address (MOORLINE_EGRESS_ALLOW).",
  },
  HOST_NOT_FOUND: {
    message: "The provider's host name was not found.",
    remedy: "Check the host in the connector's URLs and in the values of the connection.",
  },
  CONNECTION_REFUSED: {
    message: "The provider refused the connection or cannot be reached.",
    remedy: "Try again later; if it stays, check the host and port.",
  },
  TLS_ERROR: {
    message: "No secure connection to the provider could be made.",
    remedy: "Check the provider's certificate, or try again later.",
  },
  TOO_LARGE: {
    message: "The provider's answer is far too large.",
    remedy: "Check that the connector's endpoints are the right ones.",
  },
  TIMEOUT: { message: "The provider did not answer in time.", remedy: "Try again in a moment." },
  CONNECTION_LOST: {
    message: "The connection to the provider broke before its answer was complete.",
    remedy: "Try again in a moment.",
  },
};

/** What `fetch`, or reading its answer, threw. `responseLost` where the provider may have acted on the request. */
export function networkFailure(error: unknown): OAuthFailure {
  const known = error instanceof EgressError ? error : null;
  const code = known?.code ?? "CONNECTION_LOST";
  const failureCode: FailureCode = code === "TOO_LARGE" ? "MALFORMED_RESPONSE" : "PROVIDER_UNREACHABLE";
  const retryable = code !== "BLOCKED_ADDRESS" && code !== "TOO_LARGE";
  return new OAuthFailure({ code: failureCode, ...NETWORK_WORDS[code], retryable }, known?.requestSent ?? true);
}

/** An error in the provider's words, sorted into a FailureCode. */
export function providerFailure(
  meaning: Exclude<ErrorMeaning, "DENIED"> | null,
  said: { code: string | null; description: string | null; status: number | null; retryAfterSeconds?: number | null },
): OAuthFailure {
  const serious = said.status !== null && said.status >= 500;
  const code = said.status === 429 ? "RATE_LIMITED" : (meaning ?? "PROVIDER_ERROR");
  const transient =
    code === "RATE_LIMITED" || serious || (code === "PROVIDER_ERROR" && (said.status === null || meaning !== null));
  return failure(code, {
    retryable: transient,
    providerCode: inert(said.code, 100),
    providerMessage: inert(said.description, 500),
    providerStatus: said.status,
    retryAfterSeconds: said.retryAfterSeconds ?? null,
  });
}
