/** Why an outbound call came to nothing. */
export type EgressErrorCode =
  | "BLOCKED_ADDRESS"
  | "TIMEOUT"
  | "CONNECTION_REFUSED"
  | "HOST_NOT_FOUND"
  | "TLS_ERROR"
  | "TOO_LARGE"
  | "CONNECTION_LOST";

export class EgressError extends Error {
  readonly code: EgressErrorCode;
  /**
   * True where the request may have reached the server, so that it may have acted on it although no usable answer came:
   * a lost answer. False where nothing of it was sent, and sending it again can do no harm.
   */
  readonly requestSent: boolean;

  /** `message` names a host at most: no path, no query, no resolved address. */
  constructor(code: EgressErrorCode, message: string, options: { requestSent: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = "EgressError";
    this.code = code;
    this.requestSent = options.requestSent;
  }
}

const WORDS: Record<EgressErrorCode, (host: string) => string> = {
  BLOCKED_ADDRESS: (host) =>
    `${host} is not at a public address. Use a public host name, or have the operator allow the address (MOORLINE_EGRESS_ALLOW).`,
  TIMEOUT: (host) => `${host} did not answer in time. Try again in a moment.`,
  CONNECTION_REFUSED: (host) =>
    `${host} refused the connection or cannot be reached. Check the host and port, or try again later.`,
  HOST_NOT_FOUND: (host) => `The host name ${host} was not found. Check its spelling.`,
  TLS_ERROR: (host) =>
    `No secure connection to ${host} could be made. Check its certificate and that it speaks TLS 1.2 or later.`,
  TOO_LARGE: (host) => `The answer of ${host} is larger than allowed. Check that the address is the right one.`,
  CONNECTION_LOST: (host) => `The connection to ${host} broke before its answer was complete. Try again in a moment.`,
};

export function egressError(
  code: EgressErrorCode,
  host: string,
  options: { requestSent: boolean; cause?: unknown },
): EgressError {
  return new EgressError(code, WORDS[code](host), options);
}

const CODES: Record<string, EgressErrorCode> = {
  ENOTFOUND: "HOST_NOT_FOUND",
  EAI_AGAIN: "HOST_NOT_FOUND",
  EAI_NODATA: "HOST_NOT_FOUND",
  ECONNREFUSED: "CONNECTION_REFUSED",
  EHOSTUNREACH: "CONNECTION_REFUSED",
  ENETUNREACH: "CONNECTION_REFUSED",
  EADDRNOTAVAIL: "CONNECTION_REFUSED",
  EACCES: "CONNECTION_REFUSED",
  EPERM: "CONNECTION_REFUSED",
  ETIMEDOUT: "TIMEOUT",
  UND_ERR_CONNECT_TIMEOUT: "TIMEOUT",
  UND_ERR_HEADERS_TIMEOUT: "TIMEOUT",
  UND_ERR_BODY_TIMEOUT: "TIMEOUT",
  UND_ERR_HEADERS_OVERFLOW: "TOO_LARGE",
};

/** OpenSSL's verification results have no common prefix; the errors of the handshake have these. */
const TLS_CODE =
  /CERT|^ERR_SSL|^ERR_TLS|^EPROTO$|^UNABLE_TO_|SELF_SIGNED|^INVALID_(CA|PURPOSE)$|^HOSTNAME_MISMATCH$|^PATH_LENGTH/;

/** Whatever broke below, in our words. */
export function translate(error: unknown, host: string, requestSent: boolean): EgressError {
  if (error instanceof EgressError) {
    return error.requestSent === requestSent
      ? error
      : new EgressError(error.code, error.message, { requestSent, cause: error.cause });
  }
  return egressError(codeOf(error, requestSent), host, { requestSent, cause: error });
}

function codeOf(error: unknown, requestSent: boolean): EgressErrorCode {
  // Several addresses were tried and each failed: the first tells.
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0], requestSent);
  const code = errorCode(error);
  const known = CODES[code];
  if (known) return known;
  return !requestSent && TLS_CODE.test(code) ? "TLS_ERROR" : "CONNECTION_LOST";
}

function errorCode(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}
