/**
 * Expected failures. The domain throws them; `graphql/errors.ts` turns each into the type of the same name in a mutation's
 * result union, or into a top-level error with `extensions.code` elsewhere. Everything else that is thrown is a bug or an
 * outage and shows as INTERNAL with nothing of its message.
 */
export type ErrorCode =
  | "INVALID_INPUT"
  | "NOT_FOUND"
  | "FORBIDDEN"
  | "IN_USE"
  | ConflictCode
  | "CREDENTIAL_NOT_USABLE"
  | "TEST_FAILED"
  | "PROVIDER_ERROR"
  | "RATE_LIMITED";

/** What every expected failure has: a sentence or two that say what went wrong and what to do, and a code. */
export class UserError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.name = new.target.name;
    this.code = code;
  }
}

export type InputIssueCode =
  | "REQUIRED"
  | "UNKNOWN_FIELD"
  | "WRONG_TYPE"
  | "PATTERN"
  | "TOO_SHORT"
  | "TOO_LONG"
  | "OUT_OF_RANGE"
  | "NOT_ALLOWED"
  | "NOT_FOUND";

export interface InputIssue {
  /** From the input's root, list indexes as decimal strings; empty for the whole. */
  path: string[];
  message: string;
  code: InputIssueCode;
}

export class InvalidInputError extends UserError {
  readonly issues: InputIssue[];

  constructor(issues: InputIssue[]) {
    super("INVALID_INPUT", [...new Set(issues.map((issue) => issue.message))].join(" ") || "The input is not valid.");
    this.issues = issues;
  }

  /** One issue about one field. */
  static at(path: string[], code: InputIssueCode, message: string): InvalidInputError {
    return new InvalidInputError([{ path, code, message }]);
  }
}

export class NotFoundError extends UserError {
  constructor(message: string) {
    super("NOT_FOUND", message);
  }
}

export class ForbiddenError extends UserError {
  constructor(message: string) {
    super("FORBIDDEN", message);
  }
}

export type ConflictCode =
  | "CONFLICT"
  | "DUPLICATE_NAME"
  | "STALE_VERSION"
  | "ALREADY_FINISHED"
  | "IDEMPOTENCY_MISMATCH"
  | "AMBIGUOUS_AUTH_CONFIG"
  | "NO_AUTH_CONFIG"
  | "NO_MANAGED_APP"
  | "AMBIGUOUS_CREDENTIAL";

export class ConflictError extends UserError {
  constructor(code: ConflictCode, message: string) {
    super(code, message);
  }
}

/** Ids (UUIDs) of what a change or deletion would touch; GraphQL shows them as `Impact`. */
export interface ImpactSummary {
  projectId: string;
  /** In any state but REVOKED. */
  credentialCount: number;
  activeCredentialCount: number;
  userCount: number;
  pendingRequestCount: number;
  /** Narrows the credentials table to the ones touched (a Prisma `CredentialWhereInput`). */
  credentialWhere: object;
}

export class InUseError extends UserError {
  readonly impact: ImpactSummary;

  constructor(message: string, impact: ImpactSummary) {
    super("IN_USE", message);
    this.impact = impact;
  }
}

export class CredentialNotUsableError extends UserError {
  readonly projectId: string;
  /** UUID of the credential, which says in `status` and `statusReason` why. */
  readonly credentialId: string;

  constructor(message: string, credential: { projectId: string; id: string }) {
    super("CREDENTIAL_NOT_USABLE", message);
    this.projectId = credential.projectId;
    this.credentialId = credential.id;
  }
}

/** `enum TestCode` of the public schema. */
export const TEST_CODES = [
  "OK",
  "INVALID_CREDENTIALS",
  "PERMISSION_DENIED",
  "TOKEN_EXPIRED",
  "CONNECTION_REFUSED",
  "HOST_NOT_FOUND",
  "TIMEOUT",
  "TLS_ERROR",
  "BLOCKED_ADDRESS",
  "RESOURCE_NOT_FOUND",
  "RATE_LIMITED",
  "PROVIDER_ERROR",
  "DRIVER_MISSING",
  "NOT_TESTABLE",
] as const;

export type TestCode = (typeof TEST_CODES)[number];

/** The public `TestResult`: what one harmless call with a credential gave. */
export interface TestResult {
  ok: boolean;
  code: TestCode;
  message: string;
  remedy: string | null;
  latencyMs: number;
  at: Date;
}

/** `test: true` was asked for and failed; nothing was saved. */
export class TestFailedError extends UserError {
  readonly result: TestResult;

  constructor(result: TestResult) {
    super("TEST_FAILED", `Nothing was saved, because the test failed: ${result.message}`);
    this.result = result;
  }
}

export interface ProviderErrorDetails {
  providerCode?: string | null;
  providerStatus?: number | null;
  retryable: boolean;
  retryAfterSeconds?: number | null;
}

export class ProviderError extends UserError {
  readonly details: ProviderErrorDetails;

  constructor(message: string, details: ProviderErrorDetails, code: "PROVIDER_ERROR" | "RATE_LIMITED" = "PROVIDER_ERROR") {
    super(code, message);
    this.details = details;
  }
}

/** The request as a whole is refused before anything of it is looked at (missing login, ended session, rate). */
export class RequestError extends Error {
  readonly code: "UNAUTHENTICATED" | "SESSION_EXPIRED" | "FORBIDDEN" | "RATE_LIMITED" | "BAD_REQUEST" | "QUERY_TOO_COMPLEX";
  readonly status: number;
  readonly retryAfterSeconds: number | null;

  constructor(code: RequestError["code"], message: string, status: number, retryAfterSeconds: number | null = null) {
    super(message);
    this.name = "RequestError";
    this.code = code;
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
