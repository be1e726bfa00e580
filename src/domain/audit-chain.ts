/**
 * The hash chain of a project's audit events: each sealed event has a place (`sequence`, from 1, without gaps) and a hash
 *
 *     hash(n) = SHA-256( hash(n - 1) ‖ text(n) )        hash(0) = 32 zero bytes
 *
 * where `‖` joins bytes and `text(n)` is the event as canonical JSON (RFC 8785) in UTF-8: one object of these members, which are the
 * columns of the row as they stand.
 *
 *     action, actorLabel, outcome    texts
 *     actorId, actorType, ip, targetId, targetType    texts or null; actorId a UUID, targetId what the API shows
 *     at    RFC 3339 in UTC with milliseconds: 2026-01-31T12:00:00.000Z
 *     details    the JSON itself
 *     id, projectId    UUIDs
 *     sequence, xid    decimal numbers as texts, because JSON's numbers end at 2^53
 *
 * `AuditEvent.seal.text` of the API is that very text, so that anyone can compute the hashes with nothing of ours. Whoever may write
 * to the database could write the whole chain anew, or cut its end off: a head (`Project.auditHead`) that was kept elsewhere tells.
 */
import { createHash } from "node:crypto";
import type { Tx } from "../db/database.ts";
import type { AuditEvent, Prisma } from "../db/generated/client.ts";
import type { Services } from "./services.ts";

/** In one transaction: few enough for a short lock, enough to keep up with thousands a second. */
const BATCH = 1_000;

export const GENESIS: Uint8Array<ArrayBuffer> = new Uint8Array(32);

export type Sealed = Omit<AuditEvent, "chainHash" | "chainSequence"> & { chainSequence: bigint };

/** What is hashed behind the previous hash. */
export function sealedText(event: Sealed): string {
  const { action, actorId, actorLabel, actorType, at, details, id, ip, outcome, projectId, targetId, targetType, xid } = event;
  const sequence = String(event.chainSequence);
  const members = { action, actorId, actorLabel, actorType, at: at.toISOString(), details, id, ip, outcome, projectId, sequence };
  return canonicalJson({ ...members, targetId, targetType, xid: String(xid) });
}

export function chainHash(previous: Uint8Array, event: Sealed): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(previous).update(sealedText(event)).digest());
}

/** RFC 8785: members sorted by UTF-16 code units, no white space, texts and numbers as ECMAScript writes them. */
export function canonicalJson(value: Prisma.JsonValue | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value ?? null);
  const members = Object.keys(value).toSorted(byCodeUnit);
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`).join()}}`;
}

function byCodeUnit(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Seals, in the order of commits, what no earlier event can come before any more. Returns how many. */
export async function sealAuditEvents(services: Pick<Services, "database">, signal: AbortSignal): Promise<number> {
  const { database } = services;
  const projects = await database.query<{ id: string }>(
    "audit_unsealed",
    `SELECT p."id" FROM "Project" p
     WHERE EXISTS (SELECT 1 FROM "AuditEvent" e WHERE e."projectId" = p."id" AND e."chainSequence" IS NULL)`,
    [],
  );
  let sealed = 0;
  for (const { id } of projects) {
    for (let batch = BATCH; batch === BATCH && !signal.aborted; sealed += batch) {
      batch = await database.transact((tx) => sealBatch(tx, id));
    }
  }
  return sealed;
}

async function sealBatch(tx: Tx, projectId: string): Promise<number> {
  // The lock comes first: whoever waits for it then sees what was sealed before.
  await tx.auditChain.createMany({ data: [{ projectId, hash: GENESIS }], skipDuplicates: true });
  await tx.$queryRaw`SELECT 1 FROM "AuditChain" WHERE "projectId" = ${projectId}::uuid FOR UPDATE`;
  const head = await tx.auditChain.findUniqueOrThrow({ where: { projectId } });
  const events = await sealableEvents(tx, projectId);
  if (events.length === 0) return 0;
  let { sequence, hash } = head;
  const hashes: string[] = [];
  for (const event of events) {
    sequence += 1n;
    hash = chainHash(hash, { ...event, chainSequence: sequence });
    hashes.push(Buffer.from(hash).toString("hex"));
  }
  await tx.$executeRaw`
    UPDATE "AuditEvent" e SET "chainSequence" = ${head.sequence} + v."place", "chainHash" = decode(v."hash", 'hex')
    FROM unnest(${events.map(({ id }) => id)}::text[], ${hashes}::text[]) WITH ORDINALITY AS v("id", "hash", "place")
    WHERE e."id" = v."id"::uuid`;
  await tx.auditChain.update({ where: { projectId }, data: { sequence, hash }, select: { projectId: true } });
  return events.length;
}

/**
 * Those whose writing transaction lies below the snapshot's xmin: every earlier one is over, so that nothing can come in before them.
 * What lies at or above its xmax and is seen all the same was written before the database moved to another cluster, which counts anew.
 */
async function sealableEvents(tx: Tx, projectId: string): Promise<AuditEvent[]> {
  const order = await tx.$queryRaw<{ id: string }[]>`
    SELECT e."id" FROM "AuditEvent" e, pg_current_snapshot() s
    WHERE e."projectId" = ${projectId}::uuid AND e."chainSequence" IS NULL
      AND (e."xid" < pg_snapshot_xmin(s)::text::bigint OR e."xid" >= pg_snapshot_xmax(s)::text::bigint)
    ORDER BY e."xid", e."id" LIMIT ${BATCH}`;
  const rows = await tx.auditEvent.findMany({ where: { projectId, id: { in: order.map(({ id }) => id) } } });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return order.map(({ id }) => byId.get(id)!);
}
