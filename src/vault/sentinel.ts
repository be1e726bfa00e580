import type { Database } from "../db/database.ts";
import { StartError } from "../lib/start-error.ts";
import type { Keyring } from "./keyring.ts";

const PLAIN = Buffer.from("moorline");
const ADDRESS = "sentinel";

/** Seals a known text at the very first start and opens it at every other: with a wrong key nothing starts and nothing is written. */
export async function checkSentinel(database: Database, keyring: Keyring): Promise<void> {
  let sentinel = await database.prisma.vaultSentinel.findUnique({ where: { id: 1 } });
  if (!sentinel) {
    const { kekId, wrapped } = keyring.wrap(PLAIN, ADDRESS);
    await database.prisma.vaultSentinel.createMany({
      data: [{ id: 1, kekId, blob: new Uint8Array(wrapped) }],
      skipDuplicates: true,
    });
    sentinel = await database.prisma.vaultSentinel.findUniqueOrThrow({ where: { id: 1 } });
  }
  if (!keyring.ids.includes(sentinel.kekId)) {
    throw new StartError(
      `MOORLINE_MASTER_KEYS lacks the key that this database was sealed with (${sentinel.kekId}). Put it back, after the active one.`,
    );
  }
  if (!keyring.unwrap(sentinel.kekId, sentinel.blob, ADDRESS).equals(PLAIN))
    throw new Error("The vault's sentinel does not open.");
}
