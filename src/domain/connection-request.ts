import type { Tx } from "../db/database.ts";
import type { ConnectionRequest, Prisma } from "../db/generated/client.ts";
import type { Topic } from "../events/announce.ts";
import { ConflictError, NotFoundError } from "../lib/errors.ts";
import type { FailureDetails } from "../lib/failure.ts";
import { decodeId, encodeId } from "../lib/ids.ts";
import { count } from "../lib/metrics.ts";
import { type AuditEntry, recordAudit, recordAudits } from "./audit.ts";
import { assertMay, assertMayFinish, isUserSession, ownedBy } from "./caller.ts";
import { readRequest } from "./hot-reads.ts";
import { anyOf } from "./input.ts";
import { ofChain } from "./retries.ts";
import type { Context } from "./services.ts";
import { type UserRef, userRefWhere } from "./user-ref.ts";
import { announceEvents, type HistoryEvent } from "./webhook-outbox.ts";

/** `enum ConnectionStatus` of the public schema. */
export type ConnectionStatus =
  | "PENDING"
  | "AUTHORIZING"
  | "VERIFYING"
  | "EXCHANGING"
  | "ACTIVE"
  | "FAILED"
  | "DENIED"
  | "CANCELED"
  | "EXPIRED";

export const OPEN_STATUSES: ConnectionStatus[] = ["PENDING", "AUTHORIZING", "VERIFYING", "EXCHANGING"];

export function isFinished(status: string): boolean {
  return !OPEN_STATUSES.includes(status as ConnectionStatus);
}

export interface PresentRequest {
  status: ConnectionStatus;
  sequence: number;
  failure: FailureDetails | null;
}

/**
 * What a request is at a moment. Its expiry is decided when it is read: the stored row may still say AUTHORIZING, and the sweep will
 * later write just what is said here, under the same sequence.
 */
export function presentRequest(row: ConnectionRequest, now: Date): PresentRequest {
  if (!isFinished(row.status) && row.expiresAt <= now) return { status: "EXPIRED", sequence: row.sequence + 1, failure: null };
  return { status: row.status as ConnectionStatus, sequence: row.sequence, failure: row.failure as FailureDetails | null };
}

export function visibleRequests({ caller }: Context): Prisma.ConnectionRequestWhereInput {
  return {
    projectId: caller.projectId,
    ...ownedBy(caller),
    ...(isUserSession(caller) && caller.connectorSlugs && { connectorSlug: { in: [...caller.connectorSlugs] } }),
    ...(caller.requestId && ofChain(caller.requestId)),
  };
}

export interface ConnectionRequestFilter {
  user?: UserRef | null;
  connectorSlug?: string | null;
  authConfigId?: string | null;
  credentialId?: string | null;
  status?: readonly ConnectionStatus[] | null;
}

export function requestWhere(ctx: Context, filter?: ConnectionRequestFilter | null): Prisma.ConnectionRequestWhereInput {
  const and: Prisma.ConnectionRequestWhereInput[] = [visibleRequests(ctx)];
  if (filter?.user) and.push({ user: userRefWhere(filter.user) });
  if (filter?.connectorSlug != null) and.push({ connectorSlug: filter.connectorSlug });
  if (filter?.authConfigId != null) and.push({ authConfigId: decodeId("AuthConfig", filter.authConfigId) ?? NOBODY });
  if (filter?.credentialId != null) and.push({ credentialId: decodeId("Credential", filter.credentialId) ?? NOBODY });
  if (filter?.status) and.push(anyOf(filter.status.map((status) => whereStatus(status, ctx.caller.now))));
  return { AND: and };
}

/** The nil UUID (RFC 9562 section 5.9): no row has it. */
const NOBODY = "00000000-0000-0000-0000-000000000000";

function whereStatus(status: ConnectionStatus, now: Date): Prisma.ConnectionRequestWhereInput {
  if (status === "EXPIRED") return { OR: [{ status }, { status: { in: OPEN_STATUSES }, expiresAt: { lte: now } }] };
  return isFinished(status) ? { status } : { status, expiresAt: { gt: now } };
}

/** Null where the request does not exist for this caller. */
export async function findRequest(ctx: Context, id: string): Promise<ConnectionRequest | null> {
  assertMay(ctx, "CREDENTIAL_READ");
  const uuid = decodeId("ConnectionRequest", id);
  if (!uuid) return null;
  return readRequest(ctx, uuid);
}

export interface RequestEvent {
  sequence: number;
  status: ConnectionStatus;
  at: Date;
  failure: FailureDetails | null;
}

/** The stored history after a sequence, with the expiry that the clock has already decided. */
export async function requestEvents(
  { services, caller }: Context,
  row: ConnectionRequest,
  after?: number | null,
): Promise<RequestEvent[]> {
  const rows = await services.database.prisma.connectionEvent.findMany({
    where: { projectId: row.projectId, requestId: row.id, sequence: { gt: after ?? 0 } },
    orderBy: { sequence: "asc" },
  });
  const events: RequestEvent[] = rows.map((event) => ({
    sequence: event.sequence,
    status: event.status as ConnectionStatus,
    at: event.at,
    failure: event.failure as FailureDetails | null,
  }));
  const present = presentRequest(row, caller.now);
  if (
    present.sequence > row.sequence &&
    present.sequence > (after ?? 0) &&
    !events.some((event) => event.sequence >= present.sequence)
  ) {
    events.push({ sequence: present.sequence, status: present.status, at: row.expiresAt, failure: null });
  }
  return events;
}

/** Fields that a transition may set beside the status. */
export type TransitionData = Pick<
  Prisma.ConnectionRequestUncheckedUpdateManyInput,
  | "credentialId"
  | "expiresAt"
  | "retriedById"
  | "closed"
  | "deviceUserCode"
  | "deviceUri"
  | "deviceUriComplete"
  | "deviceIntervalMs"
  | "deviceExpiresAt"
  | "devicePollAt"
  | "deviceLeaseUntil"
> & { failure?: FailureDetails };

/**
 * The one way a request changes: a conditional UPDATE from the statuses that allow it, the stored event, the announcement. Null where
 * the request was in another status by then: a terminal state never changes, and of two at once one wins.
 */
export async function transition(
  tx: Tx,
  request: { projectId: string; id: string },
  from: readonly ConnectionStatus[],
  to: ConnectionStatus,
  data: TransitionData = {},
): Promise<ConnectionRequest | null> {
  const failure = data.failure as unknown as Prisma.InputJsonValue | undefined;
  const [row] = await tx.connectionRequest.updateManyAndReturn({
    where: {
      projectId: request.projectId,
      id: request.id,
      status: { in: [...from] },
      // What has run out can only expire: everyone has been told so already.
      ...(to !== "EXPIRED" && { expiresAt: { gt: tx.now } }),
    },
    // Of what has ended nobody is asked any more.
    data: {
      ...(isFinished(to) && { devicePollAt: null }),
      ...data,
      failure,
      status: to,
      sequence: { increment: 1 },
      updatedAt: tx.now,
    },
  });
  if (!row) return null;
  await recordEvent(tx, row);
  return row;
}

/** Stores the event of the row's present sequence, announces it and tells the webhooks. */
export async function recordEvent(tx: Tx, row: ConnectionRequest): Promise<void> {
  const failure = (row.failure ?? undefined) as Prisma.InputJsonValue | undefined;
  await tx.connectionEvent.create({
    data: { projectId: row.projectId, requestId: row.id, sequence: row.sequence, status: row.status, failure, at: tx.now },
    select: { sequence: true },
  });
  if (isFinished(row.status)) {
    const outcome = row.status.toLowerCase();
    tx.afterCommit(() => count("connections", { outcome, code: (row.failure as FailureDetails | null)?.code ?? "none" }));
  }
  const topics: Topic[] = [`request:${row.id}`, `requests:${row.projectId}:${row.id}`];
  await announceEvents(tx, "connection_request", [historyEvent(row)], topics);
}

function historyEvent(row: ConnectionRequest): HistoryEvent {
  const { projectId, id, userId, sequence } = row;
  const failure = row.failure as FailureDetails | null;
  return {
    name: row.status,
    projectId,
    subjectId: id,
    sequence,
    userId,
    data: {
      projectId: encodeId("Project", projectId),
      connectionRequestId: encodeId("ConnectionRequest", id),
      sequence,
      kind: row.kind,
      status: row.status,
      credentialId: row.credentialId && encodeId("Credential", row.credentialId),
      failure: failure && { code: failure.code, retryable: failure.retryable },
      connectorSlug: row.connectorSlug,
      authConfigId: encodeId("AuthConfig", row.authConfigId),
    },
  };
}

export async function cancelConnectionRequest(
  ctx: Context,
  input: { id: string },
): Promise<{ connectionRequest: ConnectionRequest }> {
  assertMayFinish(ctx);
  const row = await findRequest(ctx, input.id);
  if (!row) throw new NotFoundError("There is no such connection request. Check the id.");
  return ctx.services.database.transact(async (tx) => {
    // Its links lead nowhere from now on, where it was not the person at the browser who thought better of it.
    const canceled = await transition(tx, row, OPEN_STATUSES, "CANCELED", { closed: !isUserSession(ctx.caller) });
    if (!canceled) throw await finishedError(tx, row);
    await recordAudit(tx, ctx, {
      action: "connection_request.canceled",
      targetType: "ConnectionRequest",
      targetId: row.id,
    });
    return { connectionRequest: canceled };
  });
}

async function finishedError(tx: Tx, { projectId, id }: ConnectionRequest): Promise<ConflictError> {
  const row = await tx.connectionRequest.findFirstOrThrow({ where: { projectId, id } });
  const { status } = presentRequest(row, tx.now);
  return new ConflictError("ALREADY_FINISHED", `This connection request has already ended with ${status}. Start a new one.`);
}

/** With the config, user or credential that open requests hang on gone, they can lead nowhere. */
export async function cancelOpenRequests(tx: Tx, ctx: Context, where: Prisma.ConnectionRequestWhereInput): Promise<number> {
  const rows = await tx.connectionRequest.findMany({
    where: { AND: [where, { status: { in: OPEN_STATUSES }, expiresAt: { gt: tx.now } }] },
    select: { projectId: true, id: true },
  });
  const canceled: AuditEntry[] = [];
  for (const row of rows) {
    if (!(await transition(tx, row, OPEN_STATUSES, "CANCELED"))) continue;
    canceled.push({ action: "connection_request.canceled", targetType: "ConnectionRequest", targetId: row.id });
  }
  await recordAudits(tx, ctx, canceled);
  return rows.length;
}
