import type { Database, Tx } from "../db/database.ts";
import { StartError } from "../lib/start-error.ts";
import { ADD_IT, type Keyring } from "./keyring.ts";

const PLAIN = Buffer.from("moorline");
const ADDRESS = "sentinel";

/** Seals a known text at the very first start and opens it at every other: with a wrong key nothing starts and nothing is written. */
export async function checkSentinel(database: Database, keyring: Keyring): Promise<void> {
  let sentinel = await database.prisma.vaultSentinel.findUnique({ where: { id: 1 } });
  if (!sentinel) {
    await database.prisma.vaultSentinel.createMany({ data: [sealed(keyring)], skipDuplicates: true });
    sentinel = await database.prisma.vaultSentinel.findUniqueOrThrow({ where: { id: 1 } });
  }
  if (!keyring.ids.includes(sentinel.kekId)) {
    throw new StartError(`MOORLINE_MASTER_KEYS lacks the key that this database was sealed with (${sentinel.kekId}). ${ADD_IT}`);
  }
  if (!keyring.unwrap(sentinel.kekId, sentinel.blob, ADDRESS).equals(PLAIN))
    throw new Error("The vault's sentinel does not open.");
}

/** A key that still wraps data keys is refused removal: without it their secrets would be lost one by one, when they are asked for. */
export async function checkKeysInUse(database: Database, keyring: Keyring): Promise<void> {
  const [missing] = await database.query<{ kekId: string; count: number }>(
    "keys_in_use",
    `SELECT "kekId", count(*)::int AS "count" FROM "DataKey" WHERE "kekId" <> ALL($1::text[]) GROUP BY 1 ORDER BY 2 DESC LIMIT 1`,
    [keyring.ids],
  );
  if (!missing) return;
  throw new StartError(
    `MOORLINE_MASTER_KEYS lacks the key ${missing.kekId}, which data keys of this database are still wrapped with (${missing.count}). ${ADD_IT}`,
  );
}

/** Under the active key, at the end of a rotation. */
export async function resealSentinel(tx: Tx, keyring: Keyring): Promise<void> {
  const { id, ...data } = sealed(keyring);
  await tx.vaultSentinel.update({ where: { id }, data });
}

function sealed(keyring: Keyring) {
  const { kekId, wrapped } = keyring.wrap(PLAIN, ADDRESS);
  return { id: 1, kekId, blob: new Uint8Array(wrapped) };
}
