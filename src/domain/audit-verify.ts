import type { PrismaClient } from "../db/database.ts";
import type { Prisma } from "../db/generated/client.ts";
import { InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { decodeId } from "../lib/ids.ts";
import { chainHash, GENESIS } from "./audit-chain.ts";
import { assertMay } from "./caller.ts";
import { visibleProjects } from "./project.ts";
import type { Context } from "./services.ts";

/** A place in a chain. Kept elsewhere, it tells whether the chain was cut or written anew. */
export interface AuditPosition {
  /** 0: before the first event. */
  sequence: bigint;
  hash: Uint8Array;
}

export interface AuditVerification {
  /** Null: everything that was looked at is as it was sealed. */
  fault: AuditFault | null;
  checkedCount: number;
  /** Up to where it was looked at and found right. */
  position: AuditPosition;
  /** False: there is more behind `position`; go on from there. */
  complete: boolean;
  /** Written, and not yet in the chain: sealing is some seconds behind. */
  unsealedCount: number;
}

export interface AuditFault {
  /** The first broken place. */
  sequence: bigint;
  /** UUID of the event that stands there; null: none does. */
  eventId: string | null;
  message: string;
}

type Reader = Pick<PrismaClient, "auditEvent" | "auditChain">;

const BATCH = 1_000;
/** In one go: some seconds of work. */
const MOST = 50_000;

/** For `Query.auditVerification`. The first project's ADMIN keys may ask about any project. */
export async function verifyAudit(
  ctx: Context,
  input: { projectId?: string | null; since?: { sequence: number; hash: string } | null },
): Promise<AuditVerification> {
  assertMay(ctx, "AUDIT_READ");
  const since = input.since ? positionOf(input.since) : null;
  const id = input.projectId == null ? ctx.caller.projectId : decodeId("Project", input.projectId);
  const { prisma } = ctx.services.database;
  const project = id ? await prisma.project.findFirst({ where: { AND: [visibleProjects(ctx), { id }] } }) : null;
  if (!project) throw new NotFoundError("There is no such project. Check the id.");
  return verifyChain(prisma, project.id, since, MOST);
}

function positionOf({ sequence, hash }: { sequence: number; hash: string }): AuditPosition {
  if (!Number.isSafeInteger(sequence) || sequence < 0)
    throw InvalidInputError.at(["since", "sequence"], "OUT_OF_RANGE", "A sequence is a whole number, 0 or more.");
  if (!/^[0-9a-f]{64}$/i.test(hash)) throw InvalidInputError.at(["since", "hash"], "PATTERN", "A hash is 64 hexadecimal digits.");
  return { sequence: BigInt(sequence), hash: new Uint8Array(Buffer.from(hash, "hex")) };
}

/**
 * Computes a project's chain again, from its beginning or from a position that was kept, to its head: what is missing, changed or in
 * another order shows. `most` events at a time.
 */
export async function verifyChain(
  reader: Reader,
  projectId: string,
  since: AuditPosition | null,
  most: number = Number.POSITIVE_INFINITY,
): Promise<AuditVerification> {
  // Counted before the head is read: none means that the head stands behind all that was written until now.
  const unsealedCount = await reader.auditEvent.count({ where: { projectId, chainSequence: null } });
  // And the head before the events: what is sealed from here on lies behind it.
  const head = (await reader.auditChain.findUnique({ where: { projectId } })) ?? { sequence: 0n, hash: GENESIS };
  const found = await walk(reader, projectId, head, since ?? { sequence: 0n, hash: GENESIS }, most);
  return { ...found, complete: found.fault === null && found.position.sequence === head.sequence, unsealedCount };
}

type Walked = Pick<AuditVerification, "fault" | "position" | "checkedCount">;

async function walk(reader: Reader, projectId: string, head: AuditPosition, from: AuditPosition, most: number): Promise<Walked> {
  let position = from;
  let checkedCount = 0;
  const broken = (sequence: bigint, eventId: string | null, message: string): Walked => ({
    fault: { sequence, eventId, message },
    position,
    checkedCount,
  });
  const kept = await checkStart(reader, projectId, head, from);
  if (kept) return broken(from.sequence, null, kept);
  while (position.sequence < head.sequence && checkedCount < most) {
    const rows = await reader.auditEvent.findMany({
      where: { projectId, chainSequence: { gt: position.sequence, lte: head.sequence } },
      orderBy: { chainSequence: "asc" },
      take: Math.min(BATCH, most - checkedCount),
    });
    if (rows.length === 0)
      return broken(position.sequence + 1n, null, `The events up to the head, ${head.sequence}, are missing.`);
    for (const row of rows) {
      const sequence = position.sequence + 1n;
      if (row.chainSequence !== sequence) return broken(sequence, null, "The event that stood here is missing.");
      const hash = chainHash(position.hash, { ...row, chainSequence: sequence });
      if (!row.chainHash || !same(row.chainHash, hash))
        return broken(sequence, row.id, "The event that stands here is not the one that was sealed here, or was changed since.");
      position = { sequence, hash };
      checkedCount += 1;
    }
  }
  if (position.sequence === head.sequence && !same(position.hash, head.hash))
    return broken(head.sequence, null, "The last event's hash is not the head's.");
  return (await beyondHead(reader, projectId, head, broken)) ?? { fault: null, position, checkedCount };
}

/** Null: the chain has what was kept elsewhere. */
async function checkStart(reader: Reader, projectId: string, head: AuditPosition, from: AuditPosition): Promise<string | null> {
  if (from.sequence === 0n) return same(from.hash, GENESIS) ? null : "Before the first event the hash is 64 zeros.";
  if (from.sequence > head.sequence)
    return `The chain ends at ${head.sequence}, before the position that was kept: its end was cut off.`;
  const where: Prisma.AuditEventWhereInput = { projectId, chainSequence: from.sequence };
  const row = await reader.auditEvent.findFirst({ where, select: { chainHash: true } });
  if (!row?.chainHash) return "The event at the position that was kept is missing.";
  return same(row.chainHash, from.hash)
    ? null
    : "The hash at this position is not the one that was kept: the chain was written anew.";
}

/** Events with a place behind the head's, where the head itself has not moved on to them: it was put back. */
async function beyondHead(
  reader: Reader,
  projectId: string,
  head: AuditPosition,
  broken: (sequence: bigint, eventId: string | null, message: string) => Walked,
): Promise<Walked | null> {
  const row = await reader.auditEvent.findFirst({
    where: { projectId, chainSequence: { gt: head.sequence } },
    orderBy: { chainSequence: "asc" },
    select: { id: true, chainSequence: true },
  });
  if (!row?.chainSequence) return null;
  const now = await reader.auditChain.findUnique({ where: { projectId } });
  if (now && now.sequence >= row.chainSequence) return null;
  return broken(row.chainSequence, row.id, `There are sealed events behind the head, which stands at ${head.sequence}.`);
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
