import { type Logger, type LoggerOptions, pino } from "pino";

export type { Logger };

/** Keys whose values never reach a log line, at any depth that pino's paths can name. */
const REDACTED_KEYS = [
  "authorization",
  "cookie",
  "set-cookie",
  "token",
  "apiKey",
  "signInToken",
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
  return pino(loggerOptions(level));
}

/** What makes a logger of pino's one of ours, wherever it writes to. */
export function loggerOptions(level: string): LoggerOptions {
  return {
    level,
    base: undefined,
    redact: { paths: REDACTED_KEYS.flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.*["${key}"]`]), censor: "[redacted]" },
    serializers: { err: safeError },
  };
}

/**
 * An error's name, message and stack, and nothing that hangs on it: `cause` and extra fields may hold tokens. A database's message quotes
 * the values that it was given, so of that only the code and where it came from are told; that of `Headers` quotes a value, too.
 */
function safeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: typeof error };
  const message = withoutValues(error);
  if (message === null) return { type: error.name, message: error.message, stack: error.stack };
  const frames = error.stack?.split("\n").filter((line) => /^\s+at /.test(line));
  return { type: error.name, message, stack: frames?.join("\n") };
}

/** Null: its own message may be told. */
function withoutValues(error: Error): string | null {
  if (isFromDatabase(error)) return `A database call failed (${error.code ?? "no code"}).`;
  return /is an invalid header (?:value|name)\.$/.test(error.message) ? "A header value cannot be sent." : null;
}

/** Prisma's errors by their name; those of `pg` and PGlite by the severity that PostgreSQL sends with each. */
function isFromDatabase(error: Error): error is Error & { code?: string } {
  return error.name.startsWith("PrismaClient") || "severity" in error;
}
