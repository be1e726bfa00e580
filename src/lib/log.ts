import { type Logger, pino } from "pino";

export type { Logger };

/** Keys whose values never reach a log line, at any depth that pino's paths can name. */
const REDACTED_KEYS = [
  "authorization",
  "cookie",
  "set-cookie",
  "token",
  "accessToken",
  "access_token",
  "refreshToken",
  "refresh_token",
  "idToken",
  "id_token",
  "clientSecret",
  "client_secret",
  "code",
  "code_verifier",
  "password",
  "secret",
  "state",
];

/** Structured logs on standard output, one JSON object a line (pino: the fastest well-kept logger, with redaction built in). */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: undefined,
    redact: { paths: REDACTED_KEYS.flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.*["${key}"]`]), censor: "[redacted]" },
    serializers: { err: safeError },
  });
}

/** An error's name, message and stack, and nothing that hangs on it: `cause` and extra fields may hold tokens. */
function safeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: typeof error };
  return { type: error.name, message: error.message, stack: error.stack };
}
