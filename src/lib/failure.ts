/**
 * Why an authorization or a refresh did not succeed, in the contract's own words (`enum FailureCode`). Schemes throw a
 * {@link Failure}; the domain stores it with the request or the credential; GraphQL shows it as `ConnectionFailure`.
 */
export const FAILURE_CODES = [
  "INVALID_CLIENT",
  "REDIRECT_URI_MISMATCH",
  "INVALID_SCOPE",
  "SCOPE_NOT_APPROVED",
  "ADMIN_CONSENT_REQUIRED",
  "APP_SUSPENDED",
  "INVALID_GRANT",
  "INVALID_CREDENTIALS",
  "STATE_MISMATCH",
  "BROWSER_MISMATCH",
  "USER_MISMATCH",
  "ISSUER_MISMATCH",
  "ACCOUNT_MISMATCH",
  "ACCOUNT_UNVERIFIABLE",
  "ACCOUNT_ALREADY_CONNECTED",
  "DEVICE_CODE_EXPIRED",
  "PROVIDER_UNREACHABLE",
  "PROVIDER_ERROR",
  "RATE_LIMITED",
  "MALFORMED_RESPONSE",
  "CONFIG_CHANGED",
  "INTERNAL",
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

export interface FailureDetails {
  code: FailureCode;
  /** What went wrong, for a person; one sentence. */
  message: string;
  /** What to do about it, for a person; one or two sentences. */
  remedy: string;
  /** True where the same attempt may succeed later without a change. */
  retryable: boolean;
  /** The provider's own error code (RFC 6749 sections 4.1.2.1 and 5.2), inert text, at most 100 characters. */
  providerCode?: string | null;
  /** What the provider wrote, inert text, at most 500 characters. */
  providerMessage?: string | null;
  /** HTTP status of the provider's answer. */
  providerStatus?: number | null;
  /** From Retry-After (RFC 9110 section 10.2.3), in seconds. */
  retryAfterSeconds?: number | null;
}

export class Failure extends Error {
  readonly details: FailureDetails;

  /** `cause` is kept for the debugger only: nothing prints it, because a library's error may hold tokens. */
  constructor(details: FailureDetails) {
    super(details.message);
    this.name = "Failure";
    this.details = details;
  }
}
