import type { Tx } from "../db/database.ts";

/** One channel for everything: PostgreSQL listens per connection, and topics are ours to tell apart. */
export const CHANNEL = "moorline";

/**
 * `request:<id>` one connection request, `requests:<projectId>:<id>` one of a project's, `credentials:<projectId>:<id>`,
 * `token:<id>` an API key or session that has changed, `origins:changed:<projectId>` a project's front ends have, `job:<name>` a background job
 * has something to do. Ids only, never content: a NOTIFY is a hint to look.
 */
export type Topic =
  | `request:${string}`
  | `requests:${string}`
  | `credentials:${string}`
  | `token:${string}`
  | `origins:changed:${string}`
  | `job:${string}`;

/** Heard by every process when, and only when, the transaction commits. */
export async function announce(tx: Tx, ...topics: Topic[]): Promise<void> {
  await tx.$executeRaw`SELECT pg_notify(${CHANNEL}, topic) FROM unnest(${topics}::text[]) AS topic`;
}
