import { ConflictError } from "../lib/errors.ts";
import { createRateLimit } from "../lib/rate-limit.ts";
import { isHosted } from "./caller.ts";
import { visibleRequests } from "./connection-request.ts";
import type { Context } from "./services.ts";

/** More than a person types. */
const limit = createRateLimit(30, 60_000, "Too many attempts: nothing was sent. Wait a minute, then try again.");

/**
 * Whoever has a link has what they type sent to a third party from here: a way to guess other people's secrets. Counted for the link's user,
 * who has as many browsers, sessions and links as they like; for what is the project's own, for the request. UUIDs. Throws RequestError
 * RATE_LIMITED, before anything leaves.
 */
export function countAttempt(owner: { userId: string | null; requestId: string | null }): void {
  limit.take(owner.userId ?? owner.requestId ?? "");
}

/** For a link's session that wants to try values: they are for what it is about, as long as that goes on. Throws ConflictError. */
export async function assertUnderWay(ctx: Context): Promise<void> {
  const { caller, services } = ctx;
  if (caller.requestId === null) return;
  const open = { status: { in: ["PENDING", "AUTHORIZING"] }, expiresAt: { gt: caller.now } };
  const where = { AND: [visibleRequests(ctx), open] };
  const row = await services.database.prisma.connectionRequest.findFirst({ where, select: { id: true } });
  if (!row) throw new ConflictError("ALREADY_FINISHED", "What this link is for is over: there is nothing to try values for.");
}

/** The same as `countAttempt`, for a caller who may be somebody's back end, which is not counted. */
export function countAttemptOf({ caller }: Context): void {
  if (isHosted(caller)) countAttempt(caller);
}
