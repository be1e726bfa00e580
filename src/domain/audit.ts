import type { Prisma, Tx } from "../db/database.ts";
import { decodeAnyId, encodeId, type NodeType, newId } from "../lib/ids.ts";
import { assertMay, type Caller } from "./caller.ts";
import type { Context } from "./services.ts";

export type AuditOutcome = "ALLOWED" | "DENIED" | "FAILED";

export interface AuditEntry {
  /** Dotted, entity first: `auth_config.created`. */
  action: string;
  /** Default ALLOWED. */
  outcome?: AuditOutcome;
  /** Absent: about nothing in particular. `targetId`: the row's UUID, or its public id, which is what is kept. */
  targetType?: NodeType | null;
  targetId?: string | null;
  /** What changed, never a secret: names of fields, counts, codes. */
  details?: Prisma.InputJsonObject;
}

/** Who did it, for what happens without a caller: a browser's callback (its request's user), a job, the start. */
export interface AuditActor {
  projectId: string;
  actorType: "ApiKey" | "User" | null;
  actorId: string | null;
  actorLabel: string;
  ip: string | null;
}

/** Nobody asked for it: a job, or what a request has brought to light. */
export function moorline(projectId: string): AuditActor {
  return { projectId, actorType: null, actorId: null, actorLabel: "Moorline", ip: null };
}

/** Writes the audit event of a change, in the change's own transaction: both commit, or neither. */
export async function recordAudit(tx: Tx, ctx: Context, entry: AuditEntry): Promise<void> {
  await recordAuditAs(tx, actorOf(ctx.caller), entry);
}

/** The same for many at once. */
export async function recordAudits(tx: Tx, ctx: Context, entries: AuditEntry[]): Promise<void> {
  await recordAuditsAs(tx, actorOf(ctx.caller), entries);
}

export async function recordAuditsAs(tx: Tx, actor: AuditActor, entries: AuditEntry[]): Promise<void> {
  await tx.auditEvent.createMany({ data: entries.map((entry) => auditRow(tx, actor, entry)) });
}

export async function recordAuditAs(tx: Tx, actor: AuditActor, entry: AuditEntry): Promise<void> {
  await tx.auditEvent.create({ data: auditRow(tx, actor, entry), select: { id: true } });
}

function auditRow(tx: Tx, actor: AuditActor, entry: AuditEntry): Prisma.AuditEventCreateManyInput {
  return {
    id: newId(),
    projectId: actor.projectId,
    at: tx.now,
    action: entry.action,
    outcome: entry.outcome ?? "ALLOWED",
    actorType: actor.actorType,
    actorId: actor.actorId,
    actorLabel: actor.actorLabel,
    targetType: entry.targetType ?? null,
    targetId: publicTarget(entry),
    ip: actor.ip,
    details: entry.details ?? {},
  };
}

/** A row's UUID becomes what clients know it by. */
function publicTarget({ targetType, targetId }: AuditEntry): string | null {
  return targetType && targetId && UUID.test(targetId) ? encodeId(targetType, targetId) : (targetId ?? null);
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A refused attempt, in a transaction of its own: `access.denied`, with the name of what was tried. */
export async function recordDenial(ctx: Context, operation: string): Promise<void> {
  await ctx.services.database.transact((tx) =>
    recordAudit(tx, ctx, { action: "access.denied", outcome: "DENIED", details: { operation } }),
  );
}

export function actorOf(caller: Caller): AuditActor {
  return {
    projectId: caller.projectId,
    actorType: caller.apiKeyId ? "ApiKey" : caller.userId ? "User" : null,
    actorId: caller.apiKeyId ?? caller.userId,
    actorLabel: caller.label,
    ip: caller.ip,
  };
}

export interface AuditEventFilter {
  action?: string | null;
  actorId?: string | null;
  targetId?: string | null;
  from?: Date | null;
  to?: Date | null;
}

export function visibleAuditEvents({ caller }: Context): Prisma.AuditEventWhereInput {
  return { projectId: caller.projectId };
}

/** `from` is included, `to` is not. Throws ForbiddenError. */
export function auditEventWhere(ctx: Context, filter: AuditEventFilter | null | undefined): Prisma.AuditEventWhereInput {
  assertMay(ctx, "AUDIT_READ");
  const where: Prisma.AuditEventWhereInput[] = [visibleAuditEvents(ctx)];
  if (filter?.action != null) where.push({ action: byAction(filter.action.replaceAll("\0", "")) });
  if (filter?.actorId != null) where.push(byActor(filter.actorId));
  if (filter?.targetId != null) where.push({ targetId: filter.targetId.replaceAll("\0", "") });
  if (filter?.from) where.push({ at: { gte: filter.from } });
  if (filter?.to) where.push({ at: { lt: filter.to } });
  return { AND: where };
}

/** Newest first: UUIDv7 ids break ties in the order of writing. */
export function auditEventOrder(): Prisma.AuditEventOrderByWithRelationInput[] {
  return [{ at: "desc" }, { id: "desc" }];
}

/** `credential.*` is every action of a credential. */
function byAction(action: string): Prisma.StringFilter | string {
  // LIKE's own characters mean themselves.
  return action.endsWith(".*") ? { startsWith: action.slice(0, -1).replace(/[\\%_]/g, "\\$&") } : action;
}

function byActor(publicId: string): Prisma.AuditEventWhereInput {
  const decoded = decodeAnyId(publicId);
  return decoded ? { actorType: decoded.type, actorId: decoded.uuid } : { id: { in: [] } };
}
