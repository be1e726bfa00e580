import type { Credential, CredentialChange } from "../db/generated/client.ts";
import { cancellable } from "../events/cancellable.ts";
import { signals } from "../events/signals.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { encodeId } from "../lib/ids.ts";
import { assertMay } from "./caller.ts";
import { type CredentialFilter, credentialStatus, credentialWhere, visibleCredentials } from "./credential.ts";
import type { Context } from "./services.ts";

export interface CredentialChangeMessage {
  kind: "CREATED" | "UPDATED" | "DELETED";
  credential: Credential | null;
  /** Public id; only for DELETED. */
  deletedId: string | null;
  cursor: string;
}

const LOOK_AGAIN_MS = 60_000;

/**
 * Changes of the credentials that the caller may see, from now on or after a cursor. A cursor is a transaction id below which everything
 * was over when it was handed out, so that a resumed stream misses nothing; what is near it may come twice.
 */
export function watchCredentials(
  ctx: Context,
  filter?: CredentialFilter | null,
  after?: string | null,
): AsyncGenerator<CredentialChangeMessage, void> {
  assertMay(ctx, "CREDENTIAL_READ");
  const from = after == null ? null : readCursor(after);
  return cancellable(async function* (abort) {
    const changes = signals(ctx.services.hub, `credentials:${ctx.caller.projectId}`, abort);
    try {
      let position = from ?? (await horizon(ctx));
      let sent = new Set<string>();
      while (!abort.aborted) {
        const next = await horizon(ctx);
        const rows = await readChanges(ctx, position);
        for (const change of rows) {
          if (sent.has(change.id)) continue;
          const message = await messageOf(ctx, filter, change, writeCursor(next));
          if (message) yield message;
        }
        // What lies above the horizon will be read again: only its ids need remembering.
        sent = new Set(rows.filter((change) => change.xid >= next).map((change) => change.id));
        position = next;
        await changes.next(LOOK_AGAIN_MS);
      }
    } finally {
      changes.close();
    }
  });
}

function writeCursor(position: bigint): string {
  return Buffer.from(`c1:${position}`).toString("base64url");
}

/** Throws InvalidInputError. */
function readCursor(cursor: string): bigint {
  const match = /^c1:(\d{1,19})$/.exec(Buffer.from(cursor, "base64url").toString());
  if (!match?.[1])
    throw InvalidInputError.at(["after"], "PATTERN", "This is no cursor of credentialChanged. Leave `after` out to begin now.");
  return BigInt(match[1]);
}

/** Every transaction below it is over: committed and visible, or gone. */
async function horizon({ services }: Context): Promise<bigint> {
  const [row] = await services.database.query<{ xmin: string }>(
    "horizon",
    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin",
    [],
  );
  return BigInt(row!.xmin);
}

function readChanges({ services, caller }: Context, position: bigint): Promise<CredentialChange[]> {
  return services.database.prisma.credentialChange.findMany({
    where: { projectId: caller.projectId, xid: { gte: position } },
    orderBy: [{ xid: "asc" }, { id: "asc" }],
  });
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
  const kind = change.kind as CredentialChangeMessage["kind"];
  const id = { id: change.credentialId };
  if (kind === "DELETED") {
    const gone = await prisma.credential.count({
      where: { AND: [{ ...visibleCredentials(current), deletedAt: { not: null } }, id] },
    });
    return gone ? { kind, credential: null, deletedId: encodeId("Credential", change.credentialId), cursor } : null;
  }
  const wasFitting = filter?.status && change.statusBefore && (filter.status as readonly string[]).includes(change.statusBefore);
  const where = credentialWhere(current, wasFitting ? { ...filter, status: null } : filter);
  const row = await prisma.credential.findFirst({ where: { AND: [where, id] } });
  return row ? { kind, credential: asPresent(row, now), deletedId: null, cursor } : null;
}

/** What the clock has decided, written into the row for whoever reads it with an older idea of now. */
function asPresent(row: Credential, now: Date): Credential {
  return credentialStatus(row, now) === "EXPIRED" ? { ...row, health: "EXPIRED" } : row;
}
