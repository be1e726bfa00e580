import type { Credential, CredentialChange, Prisma } from "../db/generated/client.ts";
import { cancellable } from "../events/cancellable.ts";
import { signals } from "../events/signals.ts";
import { encodeId } from "../lib/ids.ts";
import { assertMay } from "./caller.ts";
import { forgotten, readCursor, writeCursor } from "./change-cursor.ts";
import { type CredentialFilter, credentialStatus, credentialWhere, visibleCredentials } from "./credential.ts";
import type { Context } from "./services.ts";

export interface CredentialChangeMessage {
  kind: "CREATED" | "UPDATED" | "DELETED";
  credential: Credential | null;
  /** Public id; only for DELETED. */
  deletedId: string | null;
  /** Of the event in the credential's history. */
  sequence: number;
  cursor: string;
}

const LOOK_AGAIN_MS = 60_000;
const BATCH = 500;

/**
 * Changes of the credentials that the caller may see, from now on or after a cursor. A cursor is a transaction id below which everything
 * was over when it was handed out, so that a resumed stream misses nothing; what is near it may come twice. Where something of what
 * follows a cursor has been forgotten by now, the stream ends with InvalidInputError.
 */
export function watchCredentials(
  ctx: Context,
  filter?: CredentialFilter | null,
  after?: string | null,
): AsyncGenerator<CredentialChangeMessage, void> {
  assertMay(ctx, "CREDENTIAL_READ");
  const from = after == null ? null : readCursor(after);
  return cancellable(async function* (ending) {
    const changes = signals(ctx.services.hub, `credentials:${ctx.caller.projectId}`, ending);
    try {
      let position = from ?? (await horizon(ctx)).next;
      let before = position;
      let sent = new Set<string>();
      while (!ending.ended) {
        const { next, forgottenTo } = await horizon(ctx);
        // The round before, too: it may have been read while the last of it was forgotten.
        if (forgottenTo !== null && forgottenTo >= before) throw forgotten();
        const near = new Set<string>();
        for await (const { change, following } of changesFrom(ctx, position)) {
          // What lies above the horizon will be read again: only its ids need remembering.
          if (change.xid >= next) near.add(change.id);
          if (sent.has(change.id)) continue;
          // Not past the following change, which may not have been delivered when the stream breaks off.
          const cursor = writeCursor(following !== null && following < next ? following : next);
          const message = await messageOf(ctx, filter, change, cursor);
          if (message) yield message;
        }
        sent = near;
        before = position;
        position = next;
        await changes.next(LOOK_AGAIN_MS);
      }
    } finally {
      changes.close();
    }
  });
}

/** `next`: every transaction below it is over, committed and visible or gone. `forgottenTo`: null where the project's whole stream is there. */
async function horizon({ services, caller }: Context): Promise<{ next: bigint; forgottenTo: bigint | null }> {
  const [row] = await services.database.query<{ next: string; forgottenTo: string | null }>(
    "horizon",
    `SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS "next",
       (SELECT "xid"::text FROM "ForgottenChanges" WHERE "projectId" = $1::uuid) AS "forgottenTo"`,
    [caller.projectId],
  );
  const { next, forgottenTo } = row!;
  return { next: BigInt(next), forgottenTo: forgottenTo === null ? null : BigInt(forgottenTo) };
}

/** In order, a bounded number in memory at a time, each with the position of the one after it; null for the last. */
async function* changesFrom(
  { services, caller }: Context,
  position: bigint,
): AsyncGenerator<{ change: CredentialChange; following: bigint | null }> {
  let from: Prisma.CredentialChangeWhereInput = { xid: { gte: position } };
  for (;;) {
    const rows = await services.database.prisma.credentialChange.findMany({
      where: { AND: [{ projectId: caller.projectId }, from] },
      // Of one transaction, in the order of each credential's history: ids of the same millisecond are in none.
      orderBy: [{ xid: "asc" }, { sequence: "asc" }, { id: "asc" }],
      take: BATCH + 1,
    });
    for (const [index, change] of rows.slice(0, BATCH).entries()) yield { change, following: rows[index + 1]?.xid ?? null };
    const last = rows[BATCH - 1];
    if (rows.length <= BATCH || !last) return;
    const { xid, sequence, id } = last;
    from = { OR: [{ xid: { gt: xid } }, { xid, sequence: { gt: sequence } }, { xid, sequence, id: { gt: id } }] };
  }
}

/** Null where the caller may not see it, or the filter fits neither the state before nor the one after. */
async function messageOf(
  ctx: Context,
  filter: CredentialFilter | null | undefined,
  change: CredentialChange,
  cursor: string,
): Promise<CredentialChangeMessage | null> {
  const { prisma } = ctx.services.database;
  const now = await ctx.services.database.now();
  const current = { ...ctx, caller: { ...ctx.caller, now } };
  const { sequence } = change;
  const kind = change.kind as CredentialChangeMessage["kind"];
  const visible = { ...visibleCredentials(current), ...(kind === "DELETED" && { deletedAt: { not: null } }) };
  const wasFitting = filter?.status && change.statusBefore && (filter.status as readonly string[]).includes(change.statusBefore);
  const where = credentialWhere(current, wasFitting ? { ...filter, status: null } : filter, visible);
  const row = await prisma.credential.findFirst({ where: { AND: [where, { id: change.credentialId }] } });
  if (row && kind === "DELETED")
    return { kind, credential: null, deletedId: encodeId("Credential", change.credentialId), sequence, cursor };
  return row ? { kind, credential: asPresent(row, now), deletedId: null, sequence, cursor } : null;
}

/** What the clock has decided, written into the row for whoever reads it with an older idea of now. */
function asPresent(row: Credential, now: Date): Credential {
  return credentialStatus(row, now) === "EXPIRED" ? { ...row, health: "EXPIRED" } : row;
}
