import type { Tx } from "../db/database.ts";
import type { KeyRotation, Prisma } from "../db/generated/client.ts";
import { announce } from "../events/announce.ts";
import { newId } from "../lib/ids.ts";
import type { Keyring } from "../vault/keyring.ts";
import { replaceDataKey, rewrapDataKeys } from "../vault/rotation.ts";
import { resealSentinel } from "../vault/sentinel.ts";
import { type AuditActor, actorOf, moorline, recordAuditAs } from "./audit.ts";
import { assertApiKey, assertMay } from "./caller.ts";
import { lockProject } from "./row-lock.ts";
import type { Context, Services } from "./services.ts";

/** What a rotation needs of the services: no server has to run. */
export type RotationServices = Pick<Services, "database" | "vault" | "log">;

export type KeyRotationStatus = "RUNNING" | "DONE" | "FAILED";

/** Data keys in one transaction: few enough that nobody notices the locks. */
const BATCH = 200;
/** How often data keys that somebody else held are tried again. */
const PASSES = 20;
const PAUSE_MS = 250;

/**
 * Starts wrapping the data keys anew under the active key: those of the caller's project, or of every project for a key of the first one.
 * A rotation to the same key that runs already is what is answered; the work itself is a job's.
 */
export async function rotateKeys(ctx: Context, input: { dataKeys?: boolean | null }): Promise<{ keyRotation: KeyRotation }> {
  assertApiKey(ctx);
  assertMay(ctx, "PROJECT_MANAGE");
  return { keyRotation: await startRotation(ctx.services, actorOf(ctx.caller), input.dataKeys ?? false) };
}

/** The latest rotation of the caller's project; null: there was none. */
export async function latestRotation(ctx: Context): Promise<KeyRotation | null> {
  assertApiKey(ctx);
  assertMay(ctx, "PROJECT_MANAGE");
  const where = { projectId: ctx.caller.projectId };
  return ctx.services.database.prisma.keyRotation.findFirst({ where, orderBy: [{ startedAt: "desc" }, { id: "desc" }] });
}

export function startRotation({ database, vault }: RotationServices, by: AuditActor, dataKeys: boolean): Promise<KeyRotation> {
  const { activeId } = vault.keyring;
  return database.transact(async (tx) => {
    await lockProject(tx, by.projectId);
    const running = await tx.keyRotation.findFirst({ where: { projectId: by.projectId, status: "RUNNING" } });
    if (running && running.toKekId === activeId && running.dataKeys === dataKeys) return running;
    if (running) await finish(tx, running, by, "FAILED", "Another rotation was started in its place.");
    const scope = await projectScope(tx, by.projectId);
    const due = { ...scope, ...(!dataKeys && { kekId: { not: activeId } }) };
    const rotation = await tx.keyRotation.create({
      data: {
        id: newId(),
        projectId: by.projectId,
        toKekId: activeId,
        dataKeys,
        total: await tx.dataKey.count({ where: due }),
        startedAt: tx.now,
      },
    });
    await record(tx, by, "started", rotation);
    await announce(tx, "job:rotate-keys");
    return rotation;
  });
}

/** Carries on whatever rotation to this process's active key is under way, to its end or until `signal` says to stop. Safe beside itself. */
export async function carryOnRotations(services: RotationServices, signal: AbortSignal): Promise<void> {
  const where = { status: "RUNNING", toKekId: services.vault.keyring.activeId };
  for (const rotation of await services.database.prisma.keyRotation.findMany({ where, orderBy: { startedAt: "asc" } })) {
    if (signal.aborted) return;
    await carryOn(services, rotation, signal);
  }
}

async function carryOn(services: RotationServices, rotation: KeyRotation, signal: AbortSignal): Promise<void> {
  const left = { replacing: rotation.dataKeys ? await replaceAll(services, rotation, signal) : NOTHING, wrapping: NOTHING };
  for (let pass = 0; pass < PASSES && !signal.aborted; pass += 1) {
    if (pass > 0) await pause(PAUSE_MS);
    left.wrapping = await rewrapAll(services, rotation, signal);
    if (left.wrapping.busy === 0) break;
  }
  // What somebody else holds for so long is left for the job's next run.
  if (signal.aborted || left.wrapping.busy > 0 || left.replacing.busy > 0) return;
  await conclude(services, rotation, left.replacing.stuck, left.wrapping.stuck);
}

interface Left {
  /** Somebody else had them locked. */
  busy: number;
  /** They do not open. */
  stuck: number;
}

const NOTHING: Left = { busy: 0, stuck: 0 };

/** Every data key that is older than the rotation; a crash in the middle loses nothing, because each is replaced in one transaction. */
async function replaceAll(services: RotationServices, rotation: KeyRotation, signal: AbortSignal): Promise<Left> {
  const { database, vault, log } = services;
  const scope = await projectScope(database.prisma, rotation.projectId);
  const left = { ...NOTHING };
  for (let after: string | undefined; !signal.aborted; ) {
    const rows = await database.prisma.dataKey.findMany({
      where: { ...scope, createdAt: { lt: rotation.startedAt }, ...(after && { id: { gt: after } }) },
      orderBy: { id: "asc" },
      take: BATCH,
      select: { id: true, projectId: true },
    });
    for (const { id, projectId } of rows) {
      if (signal.aborted) break;
      const result = await database.transact(async (tx) => {
        const replaced = await replaceDataKey(tx, vault.keyring, id);
        if (replaced === "REPLACED") await advance(tx, rotation, 1);
        return replaced;
      });
      if (result === "BUSY") left.busy += 1;
      if (result === "STUCK") {
        left.stuck += 1;
        log.error({ projectId, dataKeyId: id }, "a data key was not replaced: it, or something that it sealed, does not open");
      }
    }
    after = rows.at(-1)?.id;
    if (rows.length < BATCH) break;
  }
  return left;
}

/** One pass over every data key that another key wraps. */
async function rewrapAll(services: RotationServices, rotation: KeyRotation, signal: AbortSignal): Promise<Left> {
  const { database, vault, log } = services;
  const { projectId } = await projectScope(database.prisma, rotation.projectId);
  let stuck = 0;
  for (let after: string | null = null; !signal.aborted; ) {
    const batch = await database.transact(async (tx) => {
      const done = await rewrapDataKeys(tx, vault.keyring, { projectId: projectId ?? null, after, limit: BATCH });
      const progress = done.rewrapped > 0 ? await advance(tx, rotation, done.rewrapped) : null;
      return { ...done, progress };
    });
    if (batch.progress) log.info({ toKeyId: rotation.toKekId, ...batch.progress }, "rotating keys");
    for (const { id, kekId } of batch.stuck) log.error({ dataKeyId: id, keyId: kekId }, "a data key does not open");
    stuck += batch.stuck.length;
    after = batch.last;
    if (after === null) break;
  }
  const where = { ...(projectId && { projectId }), kekId: { not: rotation.toKekId } };
  return { stuck, busy: Math.max(0, (await database.prisma.dataKey.count({ where })) - stuck) };
}

async function advance(tx: Tx, { id }: KeyRotation, by: number): Promise<{ total: number; done: number }> {
  const { total, done } = await tx.keyRotation.update({ where: { id }, data: { done: { increment: by } } });
  // Data keys that came to be after the start count too.
  if (done > total) await tx.keyRotation.update({ where: { id }, data: { total: done }, select: { id: true } });
  return { total: Math.max(total, done), done };
}

async function conclude(services: RotationServices, rotation: KeyRotation, unreplaced: number, unwrapped: number): Promise<void> {
  const { database, vault, log } = services;
  const ended = await database.transact(async (tx) => {
    await lockProject(tx, rotation.projectId);
    const row = await tx.keyRotation.findUniqueOrThrow({ where: { id: rotation.id }, include: { project: true } });
    if (row.status !== "RUNNING") return null;
    const by = moorline(row.projectId);
    if (unreplaced + unwrapped > 0) return finish(tx, row, by, "FAILED", whatIsLeft(unreplaced, unwrapped));
    if (row.project.isOperator) await resealSentinel(tx, vault.keyring);
    return finish(tx, row, by, "DONE", whatIsDone(vault.keyring, row.project.isOperator));
  });
  if (ended) log[ended.status === "DONE" ? "info" : "error"]({ toKeyId: ended.toKekId }, `key rotation: ${ended.message}`);
}

function whatIsLeft(unreplaced: number, unwrapped: number): string {
  const left = [
    unwrapped > 0 && `${unwrapped} data keys do not open with any key of MOORLINE_MASTER_KEYS and were left as they are`,
    unreplaced > 0 && `${unreplaced} data keys were not replaced, because something that they sealed was moved or changed`,
  ].filter(Boolean);
  return `${left.join("; ")}. The log names them.`;
}

function whatIsDone({ activeId, ids }: Keyring, everything: boolean): string {
  const done = `Everything is wrapped with the key ${activeId}.`;
  if (!everything || ids.length < 2) return done;
  return `${done} Once every process has it as the first one, the others can be taken out of MOORLINE_MASTER_KEYS; links that were handed out before then stop working.`;
}

async function finish(
  tx: Tx,
  row: KeyRotation,
  by: AuditActor,
  status: KeyRotationStatus,
  message: string,
): Promise<KeyRotation> {
  // Some that there were at the start have gone with their users.
  const total = status === "DONE" ? row.done : row.total;
  const rotation = await tx.keyRotation.update({ where: { id: row.id }, data: { status, message, total, finishedAt: tx.now } });
  await record(tx, by, status === "DONE" ? "finished" : "failed", rotation);
  return rotation;
}

function record(tx: Tx, by: AuditActor, what: "started" | "finished" | "failed", rotation: KeyRotation): Promise<void> {
  return recordAuditAs(tx, by, {
    action: `key_rotation.${what}`,
    outcome: what === "failed" ? "FAILED" : "ALLOWED",
    targetType: "Project",
    targetId: rotation.projectId,
    details: { toKeyId: rotation.toKekId, dataKeys: rotation.dataKeys, total: rotation.total, done: rotation.done },
  });
}

/** The operator's rotations reach into every project; any other's stay at home. */
async function projectScope(db: Pick<Tx, "project">, id: string): Promise<Prisma.DataKeyWhereInput & { projectId?: string }> {
  const project = await db.project.findUniqueOrThrow({ where: { id }, select: { isOperator: true } });
  return project.isOperator ? {} : { projectId: id };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
