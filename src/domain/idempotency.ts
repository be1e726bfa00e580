import { createHash, createHmac } from "node:crypto";
import type { Tx } from "../db/database.ts";
import { ConflictError } from "../lib/errors.ts";
import { callerId } from "./caller.ts";
import { canonicalJson } from "./input.ts";
import type { Context } from "./services.ts";

const NIL = "00000000-0000-0000-0000-000000000000";

/** `repeated`: the object was there already, so that one-time secrets are not in the answer. */
export interface Idempotent<Row> {
  row: Row;
  repeated: boolean;
}

/**
 * Runs `create` once a day for each idempotency key of this caller and mutation; a repeat gets `find` of what was created then.
 * Of two at the same time the second waits on the first one's record. Throws ConflictError IDEMPOTENCY_MISMATCH where the input is another.
 */
export async function withIdempotency<Row extends { id: string }>(
  ctx: Context,
  tx: Tx,
  mutation: string,
  input: { idempotencyKey?: string | null },
  find: (id: string) => Promise<Row | null>,
  create: () => Promise<Row>,
): Promise<Idempotent<Row>> {
  const idempotencyKey = input.idempotencyKey;
  if (!idempotencyKey) return { row: await create(), repeated: false };
  const record = identify(ctx, mutation, idempotencyKey, input);
  if (await claim(tx, record)) {
    const row = await create();
    await tx.idempotencyRecord.update({ where: uniqueOf(record), data: { resultId: row.id }, select: { key: true } });
    return { row, repeated: false };
  }
  const known = await tx.idempotencyRecord.findUniqueOrThrow({ where: uniqueOf(record) });
  return { row: await sameResult(known, record, find), repeated: true };
}

/**
 * For what calls a third party before its transaction: a repeat need not call again. Null where it is none, as far as can be told by now;
 * `withIdempotency` decides. Throws ConflictError as that does.
 */
export async function findRepeat<Row>(
  ctx: Context,
  mutation: string,
  input: { idempotencyKey?: string | null },
  find: (id: string) => Promise<Row | null>,
): Promise<Row | null> {
  if (!input.idempotencyKey) return null;
  const record = identify(ctx, mutation, input.idempotencyKey, input);
  const { database } = ctx.services;
  const known = await database.prisma.idempotencyRecord.findUnique({ where: uniqueOf(record) });
  if (!known || known.createdAt.getTime() <= (await database.now()).getTime() - DAY_MS) return null;
  return sameResult(known, record, find);
}

const DAY_MS = 86_400_000;

async function sameResult<Row>(
  known: { inputHash: Uint8Array; resultId: string },
  record: RecordKey,
  find: (id: string) => Promise<Row | null>,
): Promise<Row> {
  if (!Buffer.from(known.inputHash).equals(record.inputHash)) {
    throw new ConflictError(
      "IDEMPOTENCY_MISMATCH",
      "This idempotency key was used with another input today. Use a new key for a new input.",
    );
  }
  const row = await find(known.resultId);
  if (row) return row;
  throw new ConflictError(
    "CONFLICT",
    "What this idempotency key created has been deleted since. Use a new key to create another.",
  );
}

interface RecordKey {
  projectId: string;
  callerId: string;
  mutation: string;
  key: string;
  inputHash: Buffer<ArrayBuffer>;
}

/** The key is stored hashed and keys the input's hash, so that a stolen table is no help in guessing a password of an input. */
function identify(ctx: Context, mutation: string, key: string, input: object): RecordKey {
  const { idempotencyKey: _left, ...rest } = input as { idempotencyKey?: unknown };
  return {
    projectId: ctx.caller.projectId,
    callerId: callerId(ctx.caller),
    mutation,
    key: createHash("sha256").update(key).digest("base64url"),
    inputHash: createHmac("sha256", key).update(canonicalJson(rest)).digest() as Buffer<ArrayBuffer>,
  };
}

/** True for whoever wrote the record; waits for a transaction that is writing the same one. A record past its day is written anew. */
async function claim(tx: Tx, record: RecordKey): Promise<boolean> {
  const written = await tx.$executeRaw`
    INSERT INTO "IdempotencyRecord" AS r ("projectId", "callerId", "mutation", "key", "inputHash", "resultId", "createdAt")
    VALUES (${record.projectId}::uuid, ${record.callerId}::uuid, ${record.mutation}, ${record.key}, ${record.inputHash}, ${NIL}::uuid, ${tx.now})
    ON CONFLICT ("projectId", "callerId", "mutation", "key") DO UPDATE
      SET "inputHash" = EXCLUDED."inputHash", "resultId" = EXCLUDED."resultId", "createdAt" = EXCLUDED."createdAt"
      WHERE r."createdAt" <= EXCLUDED."createdAt" - interval '1 day'`;
  return written === 1;
}

function uniqueOf({ projectId, callerId, mutation, key }: RecordKey) {
  return { projectId_callerId_mutation_key: { projectId, callerId, mutation, key } };
}
