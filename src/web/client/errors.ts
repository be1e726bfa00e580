import type { ConnectionFailure, ConnectionRequest, ErrorCode } from "./types.ts";

/** What every error of this client is: `code` tells them apart where `instanceof` cannot. `requestId` is null where no request was made. */
export abstract class MoorlineError extends Error {
  abstract readonly code: string;
  readonly requestId: string | null;

  constructor(name: string, message: string, requestId: string | null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    // A minifier renames the class, not this.
    this.name = name;
    this.requestId = requestId;
  }
}

/** The user said no at the provider. */
export class ConnectionDenied extends MoorlineError {
  readonly code = "DENIED";
  readonly request: ConnectionRequest;

  constructor(request: ConnectionRequest) {
    super("ConnectionDenied", "The user did not agree to connect the account.", request.id);
    this.request = request;
  }
}

/** It went wrong: `failure.code` for the program, `failure.message` and `failure.remedy` for the user, `failure.retryable`. */
export class ConnectionFailed extends MoorlineError {
  readonly code = "FAILED";
  readonly request: ConnectionRequest;
  readonly failure: ConnectionFailure;

  constructor(request: ConnectionRequest, failure: ConnectionFailure) {
    super("ConnectionFailed", failure.message, request.id);
    this.request = request;
    this.failure = failure;
  }
}

/** It was cancelled, here or elsewhere. */
export class ConnectionCanceled extends MoorlineError {
  readonly code = "CANCELED";
  readonly request: ConnectionRequest;

  constructor(request: ConnectionRequest) {
    super("ConnectionCanceled", "Connecting the account was cancelled.", request.id);
    this.request = request;
  }
}

/** Nobody finished it in time. */
export class ConnectionExpired extends MoorlineError {
  readonly code = "EXPIRED";
  readonly request: ConnectionRequest;

  constructor(request: ConnectionRequest) {
    super("ConnectionExpired", "Nobody finished connecting the account in time. Start again.", request.id);
    this.request = request;
  }
}

/** The browser opened no window: `connect` was not called directly in a click, or popups are forbidden. Nothing was begun. */
export class PopupBlocked extends MoorlineError {
  readonly code = "POPUP_BLOCKED";

  constructor() {
    super("PopupBlocked", "The browser blocked the window. Allow popups for this page, or connect by redirect.", null);
  }
}

/** Moorline does not accept the session, or there was none to be had: `cause` is what the session function threw. */
export class Unauthenticated extends MoorlineError {
  readonly code: "UNAUTHENTICATED" | "SESSION_EXPIRED";

  constructor(code: "UNAUTHENTICATED" | "SESSION_EXPIRED", message: string, requestId: string | null = null, cause?: unknown) {
    super("Unauthenticated", message, requestId, cause);
    this.code = code;
  }
}

/** Moorline says no: the message says why and what to do. NOT_FOUND, FORBIDDEN, NO_AUTH_CONFIG, INVALID_INPUT and others. */
export class Refused extends MoorlineError {
  readonly code: ErrorCode | "BAD_REQUEST" | (string & {});
  /** With INVALID_INPUT: what is wrong where. */
  readonly issues: readonly { path: readonly string[]; code: string; message: string }[];

  constructor(code: string, message: string, requestId: string | null = null, issues: Refused["issues"] = []) {
    super("Refused", message, requestId);
    this.code = code;
    this.issues = issues;
  }
}

/** Moorline could not be reached, or was too busy, several times in a row. Watching never ends with it: it tries again. */
export class Unreachable extends MoorlineError {
  readonly code = "UNREACHABLE";
  readonly retryAfterSeconds: number | null;

  constructor(message: string, requestId: string | null = null, cause?: unknown, retryAfterSeconds: number | null = null) {
    super("Unreachable", message, requestId, cause);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The credential of a request that became ACTIVE, or the error for how else it ended. */
export function outcomeOf(request: ConnectionRequest): NonNullable<ConnectionRequest["credential"]> | MoorlineError {
  switch (request.status) {
    case "ACTIVE":
      // Deleted in the moment between: there is nothing to hand out.
      return request.credential ?? new Refused("NOT_FOUND", "The credential does not exist any more.", request.id);
    case "DENIED":
      return new ConnectionDenied(request);
    case "CANCELED":
      return new ConnectionCanceled(request);
    case "EXPIRED":
      return new ConnectionExpired(request);
    default:
      return request.failure
        ? new ConnectionFailed(request, request.failure)
        : new Refused("INTERNAL", `The request has not ended: it is ${request.status}.`, request.id);
  }
}

export const FINAL = new Set<string>(["ACTIVE", "FAILED", "DENIED", "CANCELED", "EXPIRED"]);
