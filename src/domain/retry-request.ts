import { z } from "zod";
import type { Tx } from "../db/database.ts";
import type { AuthConfig, ConnectionRequest, Credential } from "../db/generated/client.ts";
import { announce } from "../events/announce.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { encodeId, newId } from "../lib/ids.ts";
import { recordAudit } from "./audit.ts";
import { resolveTarget } from "./auth-config-target.ts";
import { assertMayFinish } from "./caller.ts";
import { findRequest, isFinished, OPEN_STATUSES, presentRequest, transition } from "./connection-request.ts";
import { insert, prepare, type RequestOptions } from "./initiate-connection.ts";
import { parseInput } from "./input.ts";
import { isForm } from "./request-flow.ts";
import { firstOf, MAX_RETRIES } from "./retries.ts";
import { lockRequest } from "./row-lock.ts";
import type { Context } from "./services.ts";
import { dueAt, start } from "./unattended.ts";

const schema = z.object({ id: z.string() });

/** A following request lives as long as the one before was to live, ten minutes to seven days. */
const LIFE_SECONDS = { least: 600, most: 604_800 };

/**
 * The same once more, for a request that ended without an account: a new request that the old one's `retriedBy` names, set in the same
 * transaction. There is one for each: whoever asks again gets the same.
 */
export async function retryConnectionRequest(
  ctx: Context,
  raw: { id: string },
): Promise<{ connectionRequest: ConnectionRequest }> {
  assertMayFinish(ctx);
  const { id } = parseInput(schema, raw);
  const { services } = ctx;
  const before = await findRequest(ctx, id);
  if (!before) throw new NotFoundError("There is no such connection request. Check the id.");
  const known = await followingOf(services.database.prisma, before);
  if (known) return { connectionRequest: known };
  assertEnded(before, ctx.caller.now);
  if (before.closed && ctx.caller.requestId !== null)
    throw new ConflictError("CONFLICT", "This was ended from elsewhere. Go back to where you came from and start again.");
  const authConfig = await resolveTarget(ctx, { row: before.authConfigId });
  const prepared = await again(ctx, before, authConfig);
  const { row, isNew } = await services.database.transact(async (tx) => {
    await lockRequest(tx, before.projectId, before.id);
    const latest = await tx.connectionRequest.findFirstOrThrow({ where: { projectId: before.projectId, id: before.id } });
    const followed = await followingOf(tx, latest);
    if (followed) return { row: followed, isNew: false };
    return { row: await follow(tx, ctx, latest, prepared), isNew: true };
  });
  return { connectionRequest: isNew ? await start(services, row) : row };
}

/** Throws ConflictError while it is under way, and where it has led to a credential. */
function assertEnded(request: ConnectionRequest, now: Date): void {
  const { status } = presentRequest(request, now);
  if (status === "ACTIVE")
    throw new ConflictError("ALREADY_FINISHED", "The account is connected: there is nothing to try again. Start a new request.");
  if (!isFinished(status))
    throw new ConflictError(
      "CONFLICT",
      `This connection request is still under way (${status}). Go on with it, or cancel it first.`,
    );
}

function followingOf(db: Pick<Tx, "connectionRequest">, { projectId, retriedById }: ConnectionRequest) {
  return retriedById ? db.connectionRequest.findFirst({ where: { projectId, id: retriedById } }) : null;
}

/** Whatever was right then is held against the project and its config as they are now. Throws ConflictError. */
async function again(ctx: Context, before: ConnectionRequest, authConfig: AuthConfig) {
  const options: RequestOptions = {
    returnUrl: before.returnUrl,
    origin: before.origin,
    clientState: before.clientState,
    display: before.display as RequestOptions["display"],
    parameters: before.parameters,
    locale: before.locale,
    ...(!isForm(before) && { flow: before.flow, scopes: before.requestedScopes }),
  };
  const credential = before.kind === "REAUTHORIZE" ? await credentialOf(ctx, before) : undefined;
  try {
    return await prepare(ctx, authConfig, options, credential);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new ConflictError(
      "CONFLICT",
      `The settings have changed since, so this can't be tried again as it was. ${error.message}`,
    );
  }
}

async function credentialOf({ services }: Context, { projectId, credentialId }: ConnectionRequest): Promise<Credential> {
  const where = { projectId, id: credentialId!, deletedAt: null, health: { not: "REVOKED" } };
  const row = await services.database.prisma.credential.findFirst({ where });
  if (row) return row;
  throw new ConflictError("CONFLICT", "The credential was revoked or deleted in the meantime. Connect the account anew.");
}

async function follow(
  tx: Tx,
  ctx: Context,
  before: ConnectionRequest,
  prepared: Awaited<ReturnType<typeof again>>,
): Promise<ConnectionRequest> {
  const { projectId, kind, userId, requestedScopes, label, ifAccountExists, allowUnverified } = before;
  const firstId = firstOf(before);
  if ((await tx.connectionRequest.count({ where: { projectId, firstId } })) >= MAX_RETRIES)
    throw new ConflictError("CONFLICT", "This was tried too often. Go back to where you came from and start again.");
  const same = { projectId, kind, userId, requestedScopes, label, ifAccountExists, allowUnverified };
  const seconds = (before.expiresAt.getTime() - before.createdAt.getTime()) / 1_000;
  const life = Math.min(Math.max(seconds, LIFE_SECONDS.least), LIFE_SECONDS.most);
  const row = await insert(tx, ctx, {
    ...same,
    ...prepared,
    ...(await dueAt(tx, prepared)),
    // Of a new connection it is the one that was to be made, which never was.
    credentialId: kind === "REAUTHORIZE" ? before.credentialId : null,
    id: newId(),
    firstId,
    expiresAt: new Date(tx.now.getTime() + life * 1_000),
  });
  const retriedById = row.id;
  // What the clock alone has ended is written down as that, with the retry in its last message.
  const expired = isFinished(before.status) ? null : await transition(tx, before, OPEN_STATUSES, "EXPIRED", { retriedById });
  if (!expired) {
    await tx.connectionRequest.update({ where: { id: before.id }, data: { retriedById }, select: { id: true } });
    await announce(tx, `request:${before.id}`, `requests:${projectId}:${before.id}`);
  }
  await recordAudit(tx, ctx, {
    action: "connection_request.retried",
    targetType: "ConnectionRequest",
    targetId: before.id,
    details: { retriedBy: encodeId("ConnectionRequest", row.id) },
  });
  return row;
}
