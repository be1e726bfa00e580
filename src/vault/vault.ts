import { randomBytes } from "node:crypto";
import type { Database, Tx } from "../db/database.ts";
import { newId } from "../lib/ids.ts";
import { Secret } from "../lib/secret.ts";
import { decrypt, encrypt } from "./cipher.ts";
import { createHandles, type Handles } from "./handles.ts";
import { createKeyring, type Keyring } from "./keyring.ts";
import { checkSentinel } from "./sentinel.ts";

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
  destroy(tx: Tx, owner: { projectId: string; table: string; id: string; column?: string }): Promise<void>;
  /** Destroys a data key and everything that it could open. */
  destroyScope(tx: Tx, projectId: string, scope: string): Promise<void>;
}

/** How many opened data keys a process keeps at most. */
const CACHED_KEYS = 10_000;

export async function openVault(database: Database, masterKeys: Buffer[]): Promise<Vault> {
  const keyring = createKeyring(masterKeys);
  await checkSentinel(database, keyring);
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
      const row = await ensureDataKey(tx, keyring, address.projectId, address.scope);
      const key = dataKey({ dataKeyId: row.id, scope: row.scope, wrapped: row.wrapped, kekId: row.kekId }, address.projectId);
      const blob = new Uint8Array(encrypt(key, Buffer.from(secret.reveal()), associatedData(address)));
      const id = { projectId: address.projectId, ownerTable: address.table, ownerId: address.id, column: address.column };
      const value = { generation: address.generation, dataKeyId: row.id, blob };
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
    async destroy(tx, owner) {
      await tx.sealedSecret.deleteMany({
        where: { projectId: owner.projectId, ownerTable: owner.table, ownerId: owner.id, column: owner.column },
      });
    },
    async destroyScope(tx, projectId, scope) {
      const key = await tx.dataKey.findUnique({ where: { projectId_scope: { projectId, scope } } });
      if (!key) return;
      await tx.sealedSecret.deleteMany({ where: { projectId, dataKeyId: key.id } });
      await tx.dataKey.delete({ where: { id: key.id } });
      opened.delete(key.id);
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

async function ensureDataKey(tx: Tx, keyring: Keyring, projectId: string, scope: string) {
  const where = { projectId_scope: { projectId, scope } };
  const found = await tx.dataKey.findUnique({ where });
  if (found) return found;
  const id = newId();
  const { kekId, wrapped } = keyring.wrap(randomBytes(32), dataKeyAddress(projectId, scope, id));
  // Of two transactions that make the first secret of a user at once, the second waits here and takes the first one's key.
  await tx.dataKey.createMany({
    data: [{ id, projectId, scope, kekId, wrapped: new Uint8Array(wrapped) }],
    skipDuplicates: true,
  });
  return tx.dataKey.findUniqueOrThrow({ where });
}

function associatedData(address: Omit<Address, "scope">): string {
  return ["secret", address.projectId, address.table, address.id, address.column, address.generation].join("|");
}

export function dataKeyAddress(projectId: string, scope: string, id: string): string {
  return ["data-key", projectId, scope, id].join("|");
}
