import type { Credential, Prisma } from "../db/generated/client.ts";
import { ConflictError, CredentialNotUsableError, type ImpactSummary, NotFoundError } from "../lib/errors.ts";
import { decodeId } from "../lib/ids.ts";
import { recordAudit } from "./audit.ts";
import { assertMay, isUserSession, ownedBy } from "./caller.ts";
import { OPEN_STATUSES } from "./connection-request.ts";
import { recordCredentialEvent } from "./credential-event.ts";
import { readCredential } from "./hot-reads.ts";
import { anyOf, searchText } from "./input.ts";
import { ofChain } from "./retries.ts";
import type { Context } from "./services.ts";
import { type UserRef, userRefWhere } from "./user-ref.ts";

/** `enum CredentialStatus` of the public schema. */
export type CredentialStatus = "ACTIVE" | "EXPIRED" | "INVALID" | "DISABLED" | "REVOKED";

type Health = Pick<Credential, "health" | "enabled" | "accessTokenExpiresAt" | "canRefresh">;

/** The stored health under the switch and the clock: ACTIVE is never said of a token that ran out and can't be refreshed. */
export function credentialStatus(row: Health, now: Date): CredentialStatus {
  if (row.health === "REVOKED") return "REVOKED";
  if (!row.enabled) return "DISABLED";
  if (row.health === "ACTIVE" && !row.canRefresh && row.accessTokenExpiresAt && row.accessTokenExpiresAt <= now) return "EXPIRED";
  return row.health as CredentialStatus;
}

export function credentialStatusReason(row: Health & Pick<Credential, "healthReason">, now: Date): string | null {
  const status = credentialStatus(row, now);
  // ACTIVE with a reason: its tokens could not be renewed lately, which may go well the next time.
  if (status === "ACTIVE")
    return row.healthReason && `${hasRunOut(row, now) ? "It can't be used right now. " : ""}${row.healthReason}`;
  if (status === "DISABLED") return "It was switched off. Switch it on with setCredentialEnabled.";
  if (row.healthReason) return row.healthReason;
  return status === "EXPIRED" ? RAN_OUT : null;
}

function hasRunOut({ accessTokenExpiresAt }: Health, now: Date): boolean {
  return accessTokenExpiresAt !== null && accessTokenExpiresAt <= now;
}

export const RAN_OUT =
  "The access token has run out, and there is no refresh token to renew it with. The user must connect again.";

/** Rows of one status, as {@link credentialStatus} decides it. */
function whereStatus(status: CredentialStatus, now: Date): Prisma.CredentialWhereInput {
  const ranOut: Prisma.CredentialWhereInput = { canRefresh: false, accessTokenExpiresAt: { lte: now } };
  switch (status) {
    case "REVOKED":
      return { health: "REVOKED" };
    case "DISABLED":
      return { enabled: false, health: { not: "REVOKED" } };
    case "EXPIRED":
      return { enabled: true, OR: [{ health: "EXPIRED" }, { health: "ACTIVE", ...ranOut }] };
    case "ACTIVE":
      // Not `NOT ranOut`: in SQL, NULL <= now is neither true nor false, and the row would be lost.
      return {
        enabled: true,
        health: "ACTIVE",
        OR: [{ canRefresh: true }, { accessTokenExpiresAt: null }, { accessTokenExpiresAt: { gt: now } }],
      };
    case "INVALID":
      return { enabled: true, health: "INVALID" };
  }
}

export function visibleCredentials({ caller }: Context): Prisma.CredentialWhereInput {
  return {
    projectId: caller.projectId,
    deletedAt: null,
    ...ownedBy(caller),
    ...(isUserSession(caller) && caller.connectorSlugs && { connectorSlug: { in: [...caller.connectorSlugs] } }),
    ...(caller.requestId && { requests: { some: ofChain(caller.requestId) } }),
  };
}

export interface CredentialFilter {
  search?: string | null;
  user?: UserRef | null;
  connectorSlug?: string | null;
  authConfigId?: string | null;
  status?: readonly CredentialStatus[] | null;
  expiringBefore?: Date | null;
}

export function credentialWhere(
  ctx: Context,
  filter?: CredentialFilter | null,
  visible: Prisma.CredentialWhereInput = visibleCredentials(ctx),
): Prisma.CredentialWhereInput {
  const and: Prisma.CredentialWhereInput[] = [visible];
  if (filter?.user) and.push({ user: userRefWhere(filter.user) });
  if (filter?.connectorSlug != null) and.push({ connectorSlug: filter.connectorSlug });
  if (filter?.authConfigId != null) and.push({ authConfigId: decodeId("AuthConfig", filter.authConfigId) ?? { in: [] } });
  if (filter?.status) and.push(anyOf(filter.status.map((status) => whereStatus(status, ctx.caller.now))));
  if (filter?.expiringBefore) and.push({ accessTokenExpiresAt: { lt: filter.expiringBefore } });
  const search = searchText(filter?.search);
  if (search) {
    const contains = { contains: search, mode: "insensitive" as const };
    and.push({
      OR: [
        { label: contains },
        { accountName: contains },
        { accountEmail: contains },
        { accountId: contains },
        { connectorSlug: contains },
      ],
    });
  }
  return { AND: and };
}

export interface CredentialOrder {
  field: "CREATED_AT" | "LAST_USED_AT" | "EXPIRES_AT";
  direction: "ASC" | "DESC";
}

/** Newest first unless asked otherwise; what has no such time comes last. */
export function credentialOrder(order?: CredentialOrder | null): Prisma.CredentialOrderByWithRelationInput[] {
  const sort = order?.direction === "ASC" ? ("asc" as const) : ("desc" as const);
  const nullsLast = { sort, nulls: "last" as const };
  if (order?.field === "LAST_USED_AT") return [{ lastUsedAt: nullsLast }, { id: sort }];
  if (order?.field === "EXPIRES_AT") return [{ accessTokenExpiresAt: nullsLast }, { id: sort }];
  return [{ createdAt: sort }, { id: sort }];
}

/** Null where the credential does not exist for this caller. */
export async function findCredential(ctx: Context, id: string): Promise<Credential | null> {
  assertMay(ctx, "CREDENTIAL_READ");
  const uuid = decodeId("Credential", id);
  if (!uuid) return null;
  return readCredential(ctx, uuid);
}

/** Throws NotFoundError. */
export async function getCredential(ctx: Context, id: string): Promise<Credential> {
  const row = await findCredential(ctx, id);
  if (!row) throw new NotFoundError("There is no such credential. Check the id.");
  return row;
}

/** Throws CredentialNotUsableError unless the credential is ACTIVE. */
export function assertUsable(row: Credential, now: Date): void {
  const status = credentialStatus(row, now);
  if (status === "ACTIVE") return;
  throw new CredentialNotUsableError(`This credential is ${status}. ${credentialStatusReason(row, now) ?? ""}`.trim(), row);
}

/** A switch over the stored health: on enabling, the credential shows what is true. */
export async function setCredentialEnabled(ctx: Context, input: { id: string; enabled: boolean }) {
  assertMay(ctx, "CREDENTIAL_CREATE");
  const before = await getCredential(ctx, input.id);
  if (before.health === "REVOKED") throw new ConflictError("CONFLICT", "This credential was revoked, which is final.");
  if (before.enabled === input.enabled) return { credential: before };
  const credential = await ctx.services.database.transact(async (tx) => {
    const [row] = await tx.credential.updateManyAndReturn({
      // Of two callers one switches it, and of one that was ended meanwhile there is nothing to switch.
      where: { id: before.id, projectId: before.projectId, deletedAt: null, health: { not: "REVOKED" }, enabled: !input.enabled },
      data: { enabled: input.enabled, version: { increment: 1 }, updatedAt: tx.now },
    });
    if (!row) return tx.credential.findUniqueOrThrow({ where: { id: before.id, projectId: before.projectId } });
    await recordAudit(tx, ctx, {
      action: input.enabled ? "credential.enabled" : "credential.disabled",
      targetType: "Credential",
      targetId: row.id,
    });
    const message = input.enabled ? "Switched on." : "Switched off.";
    const change = { kind: "UPDATED" as const, statusBefore: credentialStatus(before, tx.now) };
    return recordCredentialEvent(tx, row, { kind: "STATUS_CHANGED", status: credentialStatus(row, tx.now), message }, change);
  });
  return { credential };
}

/** What a change of, or an end to, these credentials would touch. */
export async function credentialImpact(ctx: Context, where: Prisma.CredentialWhereInput): Promise<ImpactSummary> {
  const { prisma } = ctx.services.database;
  const touched: Prisma.CredentialWhereInput = {
    AND: [{ projectId: ctx.caller.projectId, deletedAt: null, health: { not: "REVOKED" } }, where],
  };
  const active: Prisma.CredentialWhereInput = { AND: [touched, whereStatus("ACTIVE", ctx.caller.now)] };
  const users = await prisma.credential.findMany({
    where: { AND: [touched, { userId: { not: null } }] },
    distinct: ["userId"],
    select: { userId: true },
  });
  return {
    projectId: ctx.caller.projectId,
    credentialCount: await prisma.credential.count({ where: touched }),
    activeCredentialCount: await prisma.credential.count({ where: active }),
    userCount: users.length,
    pendingRequestCount: await prisma.connectionRequest.count({
      where: {
        projectId: ctx.caller.projectId,
        status: { in: OPEN_STATUSES },
        expiresAt: { gt: ctx.caller.now },
        ...requestsOf(where),
      },
    }),
    credentialWhere: touched,
  };
}

/** The same narrowing, said of requests: both tables have these columns. */
export function requestsOf(where: Prisma.CredentialWhereInput): Prisma.ConnectionRequestWhereInput {
  const { userId, authConfigId, connectorSlug } = where as Prisma.ConnectionRequestWhereInput;
  return { userId, authConfigId, connectorSlug };
}
