/** SQLSTATE classes and codes of a server that goes away, throws a session out, is full, or gave way to another transaction. */
const SQLSTATE = /^(08...|57P0[1-5]|53...|25P0[34]|40001|40P01)$/;
/** Prisma: not reachable, timed out, closed, no connection in the pool, no transaction, a write conflict. */
const PRISMA = /^(P1001|P1002|P1008|P1017|P2024|P2028|P2034|P2037)$/;
const SOCKET = /^(ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
/** What drivers say without a code. */
const WORDS =
  /connection (terminated|ended|closed|timeout)|not queryable|timeout exceeded when trying to connect|server has closed/i;
/** The adapter's own names for the same. */
const KIND = /^(DatabaseNotReachable|ConnectionClosed|SocketTimeout|TooManyConnections|TransactionWriteConflict)$/;

/**
 * True where the database could not be had, or gave a transaction up, so that the very same may go well later. Whether what was tried
 * has been committed is not known then.
 */
export function isUnavailable(error: unknown, depth = 0): boolean {
  if (typeof error !== "object" || error === null || depth > 4) return false;
  const { code, originalCode, kind, message, cause, meta, driverAdapterError } = error as Record<string, unknown>;
  for (const name of [code, originalCode]) {
    if (typeof name === "string" && [SQLSTATE, PRISMA, SOCKET].some((pattern) => pattern.test(name))) return true;
  }
  if (typeof kind === "string" && KIND.test(kind)) return true;
  if (typeof message === "string" && WORDS.test(message)) return true;
  return [cause, meta, driverAdapterError].some((inner) => isUnavailable(inner, depth + 1));
}
