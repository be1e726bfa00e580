import DataLoader from "dataloader";
import { z } from "zod";
import type { ConnectionRequest } from "../db/generated/client.ts";
import { cancellable } from "../events/cancellable.ts";
import { signals } from "../events/signals.ts";
import { NotFoundError } from "../lib/errors.ts";
import { decodeId } from "../lib/ids.ts";
import { assertMay } from "./caller.ts";
import {
  type ConnectionRequestFilter,
  findRequest,
  isFinished,
  OPEN_STATUSES,
  presentRequest,
  requestWhere,
} from "./connection-request.ts";
import { parseInput } from "./input.ts";
import { AFTERMATH_SECONDS } from "./retries.ts";
import type { Context, Services } from "./services.ts";

/** A NOTIFY is a hint: whatever it did not tell is seen within this time. */
const LOOK_AGAIN_MS = 60_000;
/** What a stream of many begins with, and how many requests it remembers having shown. */
const MAX_FIRST = 100;
const MAX_REMEMBERED = 10_000;

/**
 * The request now, then after every change, until it ends. Each row carries the present state, so none goes backwards; nothing is sent
 * for a sequence up to `after`, but that it was tried again. `followRetries`: then goes on with the request that follows, and waits for
 * one as long as there can be. Throws NotFoundError where the caller may not see it.
 */
export function watchRequest(
  ctx: Context,
  id: string,
  after?: number | null,
  followRetries = false,
): AsyncGenerator<ConnectionRequest, void> {
  return cancellable(async function* (ending) {
    const first = decodeId("ConnectionRequest", id);
    let uuid = first ?? "";
    let changes = signals(ctx.services.hub, `request:${uuid}`, ending);
    try {
      if (!first || !(await findRequest(ctx, id))) throw new NotFoundError("There is no such connection request. Check the id.");
      for (let seen: Seen = { sequence: after ?? 0, retried: false }; !ending.ended; ) {
        // Nothing of the row is held while waiting: ten thousand do that at a time.
        let current: Current | null = await loaderOf(ctx.services).load(uuid);
        const next = stepOf(current, followRetries);
        if (next.sequence > seen.sequence || (next.retriedById && !seen.retried)) yield asPresent(current.row, current.now);
        current = null;
        seen = { sequence: Math.max(seen.sequence, next.sequence), retried: next.retriedById !== null };
        if (next.untilMs <= 0) return;
        if (followRetries && next.retriedById) {
          uuid = next.retriedById;
          changes.close();
          changes = signals(ctx.services.hub, `request:${uuid}`, ending);
          seen = { sequence: 0, retried: false };
        } else await changes.next(Math.min(next.untilMs, LOOK_AGAIN_MS));
      }
    } finally {
      changes.close();
    }
  });
}

interface Seen {
  sequence: number;
  /** Whether a message told already that it was tried again. */
  retried: boolean;
}

/** What a row says, and how long something may still come of it: milliseconds, 0 for never. */
function stepOf({ row, now }: Current, followRetries: boolean) {
  const { status, sequence } = presentRequest(row, now);
  const { retriedById, expiresAt, updatedAt } = row;
  if (!isFinished(status)) return { sequence, retriedById, untilMs: Math.max(expiresAt.getTime() - now.getTime(), 1) };
  if (!followRetries || status === "ACTIVE") return { sequence, retriedById, untilMs: 0 };
  // That it has run out may have been written down later than it did.
  const endedAt = isFinished(row.status) && updatedAt < expiresAt ? updatedAt : expiresAt;
  const left = endedAt.getTime() + AFTERMATH_SECONDS * 1_000 - now.getTime();
  return { sequence, retriedById, untilMs: retriedById ? 1 : left };
}

/** Every request that the filter fits, or did when it was last shown: first those under way, then each after every change. Never ends. */
export function watchRequests(ctx: Context, filter?: ConnectionRequestFilter | null): AsyncGenerator<ConnectionRequest, void> {
  assertMay(ctx, "CREDENTIAL_READ");
  return cancellable(async function* (ending) {
    const { database, hub } = ctx.services;
    const changes = signals(hub, `requests:${ctx.caller.projectId}`, ending);
    const shown = new Set<string>();
    const open = new Set<string>();
    try {
      let changed: { ids: string[]; resync: boolean } = { ids: [], resync: true };
      while (!ending.ended) {
        const now = await database.now();
        const current = { ...ctx, caller: { ...ctx.caller, now } };
        // After a lost connection nobody says what has ended meanwhile: all that was shown as open is looked at again.
        const missed = { OR: [{ status: { in: OPEN_STATUSES } }, { id: { in: [...open, ...changed.ids] } }] };
        const which = changed.resync ? missed : { id: { in: changed.ids } };
        const fits = { OR: [requestWhere(current, filter), { AND: [requestWhere(current), { id: { in: [...shown] } }] }] };
        const rows = await database.prisma.connectionRequest.findMany({
          where: { AND: [fits, which] },
          orderBy: { updatedAt: "desc" },
          // What changed is bounded already, and none of it may be left out.
          ...(changed.resync && { take: MAX_FIRST + open.size }),
        });
        for (const row of rows.reverse()) {
          if (shown.size < MAX_REMEMBERED) shown.add(row.id);
          const present = asPresent(row, now);
          if (isFinished(present.status)) open.delete(row.id);
          else if (open.size < MAX_REMEMBERED) open.add(row.id);
          yield present;
        }
        do changed = await changes.next(LOOK_AGAIN_MS);
        while (changed.ids.length === 0 && !changed.resync && !ending.ended);
      }
    } finally {
      changes.close();
    }
  });
}

const waitSchema = z.int().min(0, "waitSeconds must be 0 or more.").max(60, "waitSeconds must be at most 60.");

/** The request when it ends, or as it is after so many seconds; null where it does not exist for the caller. */
export async function awaitRequest(ctx: Context, id: string, waitSeconds: number): Promise<ConnectionRequest | null> {
  const limit = parseInput(waitSchema, waitSeconds);
  let latest = await findRequest(ctx, id);
  if (!latest || limit === 0 || isFinished(presentRequest(latest, ctx.caller.now).status)) return latest;
  const stream = watchRequest(ctx, id);
  const timer = setTimeout(() => void stream.return(), limit * 1000);
  try {
    for await (const row of stream) latest = row;
  } finally {
    clearTimeout(timer);
  }
  return latest;
}

/** The row with what the clock has decided written into it, for whoever reads it with an older idea of now. */
function asPresent(row: ConnectionRequest, now: Date): ConnectionRequest {
  const { status, sequence } = presentRequest(row, now);
  return status === row.status ? row : { ...row, status, sequence, updatedAt: row.expiresAt };
}

interface Current {
  row: ConnectionRequest;
  now: Date;
}

const loaders = new WeakMap<Services, DataLoader<string, Current>>();

/** Of a thousand requests that change at the same moment, all are read by one statement. */
function loaderOf(services: Services): DataLoader<string, Current> {
  const known = loaders.get(services);
  if (known) return known;
  const loader = new DataLoader<string, Current>((ids) => readCurrent(services, ids), {
    cache: false,
    maxBatchSize: 1_000,
    batchScheduleFn: setImmediate,
  });
  loaders.set(services, loader);
  return loader;
}

const CURRENT = `SELECT r.*, moorline_now() AS "_now" FROM "ConnectionRequest" r WHERE r."id" = ANY($1::uuid[])`;

async function readCurrent({ database }: Services, ids: readonly string[]): Promise<(Current | Error)[]> {
  const rows = await database.query<ConnectionRequest & { _now: Date }>("requests_now", CURRENT, [ids]);
  const byId = new Map(rows.map(({ _now, ...row }) => [row.id, { row, now: _now }]));
  return ids.map((id) => byId.get(id) ?? new NotFoundError("There is no such connection request any more."));
}
