import { randomBytes } from "node:crypto";
import type { Database, Tx } from "../db/database.ts";
import { newId } from "../lib/ids.ts";
import { Secret } from "../lib/secret.ts";
import { decrypt, encrypt } from "./cipher.ts";
import { createHandles, type Handles } from "./handles.ts";
import { createKeyring, type Keyring } from "./keyring.ts";
import { checkKeysInUse, checkSentinel } from "./sentinel.ts";

/** Whose secret, and which one: what the seal is bound to. */
export interface Address {
  projectId: string;
  /** Whose data key: `project`, or the UUID of the user. */
  scope: string;
  table: string;
  id: string;
  column: string;
  /** As the owner's row counts it: an older blob put back does not open. */
  generation: number;
}

/** A sealed row with its data key's, as one JOIN reads it. */
export interface SealedRow {
  blob: Uint8Array;
  dataKeyId: string;
  scope: string;
  wrapped: Uint8Array;
  kekId: string;
}

export interface Vault extends Handles {
  readonly keyring: Keyring;
  /** Seals in the caller's transaction, replacing what was sealed there before. */
  seal(tx: Tx, address: Address, secret: Secret): Promise<void>;
  /** Null where nothing is sealed there. Throws where what is there was moved, changed or rolled back. */
  open(db: Database | Tx, address: Omit<Address, "scope">): Promise<Secret | null>;
  /** Opens a row that the caller's own statement has joined: the hot path of reveals. */
  openRow(row: SealedRow, address: Omit<Address, "scope">): Secret;
  /** Many of one column at once, by owner, for what is about to end: what is not there or does not open is left out and holds nothing up. */
  openMany(
    tx: Tx,
    column: Omit<Address, "scope" | "id" | "generation">,
    generations: ReadonlyMap<string, number>,
  ): Promise<Map<string, Secret>>;
  /** Many of one column at once, by owner, where nothing is sealed yet. */
  sealMany(tx: Tx, column: Omit<Address, "id">, secrets: ReadonlyMap<string, Secret>): Promise<void>;
  destroy(tx: Tx, owner: { projectId: string; table: string; id: string | string[]; column?: string }): Promise<void>;
  /** Destroys a data key and everything that it could open. */
  destroyScope(tx: Tx, projectId: string, scope: string): Promise<void>;
  /** Destroys everything of a project but what is sealed under some tables, with every data key that opens nothing of that. */
  destroyAllBut(tx: Tx, projectId: string, tables: string[]): Promise<void>;
}

/** How many opened data keys a process keeps at most. */
const CACHED_KEYS = 10_000;

export async function openVault(database: Database, masterKeys: Buffer[]): Promise<Vault> {
  const keyring = createKeyring(masterKeys);
  await checkSentinel(database, keyring);
  await checkKeysInUse(database, keyring);
  const opened = new Map<string, Buffer>();

  function dataKey(row: Omit<SealedRow, "blob">, projectId: string): Buffer {
    const cached = opened.get(row.dataKeyId);
    if (cached) return cached;
    const key = keyring.unwrap(row.kekId, row.wrapped, dataKeyAddress(projectId, row.scope, row.dataKeyId));
    if (opened.size >= CACHED_KEYS) opened.delete(opened.keys().next().value!);
    opened.set(row.dataKeyId, key);
    return key;
  }

  function openRow(row: SealedRow, address: Omit<Address, "scope">): Secret {
    return new Secret(decrypt(dataKey(row, address.projectId), row.blob, associatedData(address)).toString("utf8"));
  }

  return {
    ...createHandles(keyring),
    keyring,
    openRow,
    async seal(tx, address, secret) {
      const row = await dataKeyFor(tx, keyring, address.projectId, address.scope);
      const key = dataKey(row, address.projectId);
      const blob = new Uint8Array(encrypt(key, Buffer.from(secret.reveal()), associatedData(address)));
      const id = { projectId: address.projectId, ownerTable: address.table, ownerId: address.id, column: address.column };
      const value = { generation: address.generation, dataKeyId: row.dataKeyId, blob };
      await tx.sealedSecret.upsert({
        where: { projectId_ownerTable_ownerId_column: id },
        create: { ...id, ...value },
        update: value,
        select: { generation: true },
      });
    },
    async open(db, address) {
      const row = await findSealed(db, address);
      return row ? openRow(row, address) : null;
    },
    async openMany(tx, column, generations) {
      const values = [column.projectId, column.table, [...generations.keys()], column.column];
      const rows = await tx.$queryRawUnsafe<(SealedRow & { ownerId: string })[]>(MANY_SEALED_WITH_KEY, ...values);
      const secrets = new Map<string, Secret>();
      for (const { ownerId, ...row } of rows) {
        try {
          secrets.set(ownerId, openRow(row, { ...column, id: ownerId, generation: generations.get(ownerId)! }));
        } catch {
          // It was moved or changed: nobody can do anything with it any more.
        }
      }
      return secrets;
    },
    async sealMany(tx, column, secrets) {
      if (secrets.size === 0) return;
      const row = await dataKeyFor(tx, keyring, column.projectId, column.scope);
      const key = dataKey(row, column.projectId);
      const { projectId, table: ownerTable, generation } = column;
      await tx.sealedSecret.createMany({
        data: [...secrets].map(([ownerId, secret]) => {
          const address = associatedData({ ...column, id: ownerId });
          const blob = new Uint8Array(encrypt(key, Buffer.from(secret.reveal()), address));
          return { projectId, ownerTable, ownerId, column: column.column, generation, dataKeyId: row.dataKeyId, blob };
        }),
      });
    },
    async destroy(tx, owner) {
      const ownerId = typeof owner.id === "string" ? owner.id : { in: owner.id };
      await tx.sealedSecret.deleteMany({
        where: { projectId: owner.projectId, ownerTable: owner.table, ownerId, column: owner.column },
      });
    },
    async destroyScope(tx, projectId, scope) {
      // Held before it is named: a rotation may be about to give it another id.
      const [key] = await tx.$queryRaw<{ id: string }[]>`
        SELECT "id" FROM "DataKey" WHERE "projectId" = ${projectId}::uuid AND "scope" = ${scope} FOR UPDATE`;
      if (!key) return;
      await tx.sealedSecret.deleteMany({ where: { projectId, dataKeyId: key.id } });
      await tx.dataKey.delete({ where: { id: key.id } });
      opened.delete(key.id);
    },
    async destroyAllBut(tx, projectId, tables) {
      // No rotation gives any of them another id while we sort out which are kept.
      await tx.$queryRaw`SELECT 1 FROM "DataKey" WHERE "projectId" = ${projectId}::uuid FOR NO KEY UPDATE`;
      await tx.sealedSecret.deleteMany({ where: { projectId, ownerTable: { notIn: tables } } });
      const kept = await tx.sealedSecret.findMany({ where: { projectId }, distinct: ["dataKeyId"], select: { dataKeyId: true } });
      const where = { projectId, id: { notIn: kept.map(({ dataKeyId }) => dataKeyId) } };
      for (const { id } of await tx.dataKey.findMany({ where, select: { id: true } })) opened.delete(id);
      await tx.dataKey.deleteMany({ where });
    },
  };
}

async function findSealed(db: Database | Tx, address: Omit<Address, "scope">): Promise<SealedRow | null> {
  const values = [address.projectId, address.table, address.id, address.column];
  const rows =
    "prisma" in db
      ? await db.query<SealedRow>("sealed", SEALED_WITH_KEY, values)
      : await db.$queryRawUnsafe<SealedRow[]>(SEALED_WITH_KEY, ...values);
  return rows[0] ?? null;
}

const SEALED_WITH_KEY = `
  SELECT s."blob", k."id" AS "dataKeyId", k."scope", k."wrapped", k."kekId"
  FROM "SealedSecret" s JOIN "DataKey" k ON k."projectId" = s."projectId" AND k."id" = s."dataKeyId"
  WHERE s."projectId" = $1::uuid AND s."ownerTable" = $2 AND s."ownerId" = $3::uuid AND s."column" = $4`;

const MANY_SEALED_WITH_KEY = SEALED_WITH_KEY.replace('SELECT s."blob"', 'SELECT s."ownerId", s."blob"').replace(
  "= $3::uuid",
  "= ANY($3::uuid[])",
);

/**
 * The scope's data key, made where there is none yet. Its row is held until the transaction ends, with the weakest lock that there is, so
 * that it is neither replaced nor destroyed between being read here and what it sealed being written.
 */
async function dataKeyFor(tx: Tx, keyring: Keyring, projectId: string, scope: string): Promise<Omit<SealedRow, "blob">> {
  const find = () => tx.$queryRaw<Omit<SealedRow, "blob">[]>`
    SELECT "id" AS "dataKeyId", "scope", "wrapped", "kekId" FROM "DataKey"
    WHERE "projectId" = ${projectId}::uuid AND "scope" = ${scope} FOR KEY SHARE`;
  const [found] = await find();
  if (found) return found;
  const id = newId();
  const { kekId, wrapped } = keyring.wrap(randomBytes(32), dataKeyAddress(projectId, scope, id));
  // Of two transactions that make the first secret of a user at once, the second waits here and takes the first one's key.
  await tx.dataKey.createMany({
    data: [{ id, projectId, scope, kekId, wrapped: new Uint8Array(wrapped), createdAt: tx.now }],
    skipDuplicates: true,
  });
  const [made] = await find();
  if (!made) throw new Error("A data key was destroyed the moment it was made.");
  return made;
}

export function associatedData(address: Omit<Address, "scope">): string {
  return ["secret", address.projectId, address.table, address.id, address.column, address.generation].join("|");
}

export function dataKeyAddress(projectId: string, scope: string, id: string): string {
  return ["data-key", projectId, scope, id].join("|");
}
