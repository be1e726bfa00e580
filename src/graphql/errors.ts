/**
 * How errors look outside. Mutations return the expected ones as union members (error-types.ts); everywhere else an error
 * is a top-level one with `extensions.code`. What is not expected is a bug or an outage: it is logged under an id, and
 * nothing of it is shown but that id.
 */
import { randomUUID } from "node:crypto";
import { GraphQLError } from "graphql";
import { InvalidInputError, ProviderError, RequestError, UserError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";

/** `extensions.code` of top-level errors. */
export type TopLevelCode =
  | "UNAUTHENTICATED"
  | "SESSION_EXPIRED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "RATE_LIMITED"
  | "QUERY_TOO_COMPLEX"
  | "BAD_REQUEST"
  | "INTERNAL";

const CODES: ReadonlySet<unknown> = new Set<TopLevelCode>([
  "UNAUTHENTICATED",
  "SESSION_EXPIRED",
  "FORBIDDEN",
  "NOT_FOUND",
  "RATE_LIMITED",
  "QUERY_TOO_COMPLEX",
  "BAD_REQUEST",
]);

export function badRequest(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: "BAD_REQUEST" satisfies TopLevelCode } });
}

/** Whatever was thrown, as what a client may read. */
export function toGraphQLError(error: unknown, log: Logger): GraphQLError {
  const located = error instanceof GraphQLError ? error : undefined;
  const cause = rootCause(error);
  const known = describeExpected(cause) ?? describeGraphQL(cause, located);
  const { message, extensions } = known ?? reportUnexpected(cause, located, log);
  return new GraphQLError(message, {
    nodes: located?.nodes,
    source: located?.source,
    positions: located?.positions,
    path: located?.path,
    extensions,
  });
}

/** For executors that take a masking function: the same, as a plain error in and out. */
export function maskError(error: unknown, log: Logger): GraphQLError {
  return toGraphQLError(error, log);
}

interface Shown {
  message: string;
  extensions: { code: TopLevelCode; retryAfterSeconds?: number; issues?: unknown; errorId?: string };
}

/** GraphQL wraps what a resolver throws, and transports wrap it again, under `originalError` or `cause`. */
function rootCause(error: unknown): unknown {
  let cause = error;
  for (let depth = 0; depth < 10 && cause instanceof GraphQLError; depth++) {
    const inner = cause.originalError ?? cause.cause;
    if (!inner || CODES.has(cause.extensions.code)) break;
    // What the library says of a variable's value, it says of its place on the outside alone.
    if (inner instanceof GraphQLError && !CODES.has(inner.extensions.code) && !(inner.originalError ?? inner.cause)) break;
    cause = inner;
  }
  return cause;
}

function describeExpected(cause: unknown): Shown | null {
  if (cause instanceof RequestError) {
    return {
      message: cause.message,
      extensions: { code: cause.code, ...(cause.retryAfterSeconds !== null && { retryAfterSeconds: cause.retryAfterSeconds }) },
    };
  }
  if (!(cause instanceof UserError)) return null;
  if (cause instanceof InvalidInputError) {
    return { message: cause.message, extensions: { code: "BAD_REQUEST", issues: cause.issues } };
  }
  const code = CODES.has(cause.code) ? (cause.code as TopLevelCode) : "BAD_REQUEST";
  const retryAfterSeconds = cause instanceof ProviderError ? cause.details.retryAfterSeconds : null;
  return { message: cause.message, extensions: { code, ...(retryAfterSeconds != null && { retryAfterSeconds }) } };
}

/** Errors of ours carry a code; those of the library about the request (syntax, validation, variables) have no path. */
function describeGraphQL(cause: unknown, located: GraphQLError | undefined): Shown | null {
  if (!(cause instanceof GraphQLError)) return null;
  if (CODES.has(cause.extensions.code)) {
    const { code, retryAfterSeconds } = cause.extensions as unknown as Shown["extensions"];
    return { message: cause.message, extensions: { code, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) } };
  }
  const aboutRequest = !located?.path || /^(Argument|Variable) /.test(cause.message);
  return aboutRequest ? { message: withoutValue(cause.message), extensions: { code: "BAD_REQUEST" } } : null;
}

/** The library quotes what it could not use, and that may be a secret: who sent it knows it, and whoever logs our answer need not. */
export function withoutValue(message: string): string {
  return message
    .replace(/, found: [\s\S]*$/, ".")
    .replace(/( cannot represent [^:]*value): [\s\S]*$/, "$1.")
    .replace(/(, found (?:Block)?String) "[\s\S]*$/, "$1.");
}

function reportUnexpected(cause: unknown, located: GraphQLError | undefined, log: Logger): Shown {
  const errorId = randomUUID();
  log.error({ err: cause, errorId, path: located?.path?.join(".") }, "A GraphQL operation failed.");
  return { message: "Internal error", extensions: { code: "INTERNAL", errorId } };
}
