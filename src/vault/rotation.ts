import { randomBytes } from "node:crypto";
import type { Tx } from "../db/database.ts";
import { newId } from "../lib/ids.ts";
import { decrypt, encrypt } from "./cipher.ts";
import type { Keyring } from "./keyring.ts";
import { associatedData, dataKeyAddress } from "./vault.ts";

/** Which data keys: of one project, or of all where it is null, behind the last one that was looked at. */
export interface Batch {
  projectId: string | null;
  after: string | null;
  limit: number;
}

export interface Rewrapped {
  rewrapped: number;
  /** Those that do not open, with the key that they name; they stay as they are. */
  stuck: { id: string; kekId: string }[];
  /** Where the next batch begins; null: there is none. */
  last: string | null;
}

interface DataKeyRow {
  id: string;
  projectId: string;
  scope: string;
  wrapped: Uint8Array;
  kekId: string;
}

/**
 * Wraps data keys anew under the active key. The data keys stay what they are, so that nobody who holds one open notices, and whoever
 * reads a row reads a pair that fits, the old one or the new one. A row that somebody else has locked is left for the next pass.
 */
export async function rewrapDataKeys(tx: Tx, keyring: Keyring, { projectId, after, limit }: Batch): Promise<Rewrapped> {
  const rows = await tx.$queryRaw<DataKeyRow[]>`
    SELECT "id", "projectId", "scope", "wrapped", "kekId" FROM "DataKey"
    WHERE "kekId" <> ${keyring.activeId} AND (${projectId}::uuid IS NULL OR "projectId" = ${projectId}::uuid)
      AND (${after}::uuid IS NULL OR "id" > ${after}::uuid)
    ORDER BY "id" LIMIT ${limit} FOR NO KEY UPDATE SKIP LOCKED`;
  const stuck: Rewrapped["stuck"] = [];
  const ids: string[] = [];
  const wraps: string[] = [];
  for (const row of rows) {
    const key = unwrapped(keyring, row);
    if (!key) {
      stuck.push({ id: row.id, kekId: row.kekId });
      continue;
    }
    ids.push(row.id);
    wraps.push(keyring.wrap(key, addressOf(row)).wrapped.toString("hex"));
  }
  // The lock says that the rows are still what was read.
  const rewrapped = await tx.$executeRaw`
    UPDATE "DataKey" k SET "wrapped" = decode(v."wrapped", 'hex'), "kekId" = ${keyring.activeId}
    FROM unnest(${ids}::text[], ${wraps}::text[]) AS v("id", "wrapped") WHERE k."id" = v."id"::uuid`;
  return { rewrapped, stuck, last: rows.length < limit ? null : rows.at(-1)!.id };
}

export type Replaced = "REPLACED" | "BUSY" | "STUCK" | "GONE";

interface BlobRow {
  ownerTable: string;
  ownerId: string;
  column: string;
  generation: number;
  blob: Uint8Array;
}

/**
 * Puts a new data key in the place of one, and seals anew whatever that one sealed, all in the caller's transaction. Whoever seals holds
 * the key's row until they commit (see `dataKeyFor`), so that nothing is sealed with the old key behind our back; a secret that
 * somebody is just about to destroy makes it BUSY, and waiting for it could be for ever. STUCK: something does not open, and stays.
 */
export async function replaceDataKey(tx: Tx, keyring: Keyring, id: string): Promise<Replaced> {
  const [row] = await tx.$queryRaw<DataKeyRow[]>`
    SELECT "id", "projectId", "scope", "wrapped", "kekId" FROM "DataKey" WHERE "id" = ${id}::uuid FOR UPDATE`;
  if (!row) return "GONE";
  const blobs = await tx.$queryRaw<BlobRow[]>`
    SELECT "ownerTable", "ownerId", "column", "generation", "blob" FROM "SealedSecret"
    WHERE "projectId" = ${row.projectId}::uuid AND "dataKeyId" = ${id}::uuid FOR UPDATE SKIP LOCKED`;
  if (blobs.length < (await tx.sealedSecret.count({ where: { projectId: row.projectId, dataKeyId: id } }))) return "BUSY";
  const old = unwrapped(keyring, row);
  const fresh = { ...row, id: newId(), key: randomBytes(32) };
  const anew = old && resealed(row.projectId, old, fresh.key, blobs);
  if (!anew) return "STUCK";
  const { kekId, wrapped } = keyring.wrap(fresh.key, addressOf(fresh));
  await tx.dataKey.update({
    where: { id },
    data: { id: fresh.id, kekId, wrapped: new Uint8Array(wrapped), createdAt: tx.now },
    select: { id: true },
  });
  await tx.$executeRaw`
    UPDATE "SealedSecret" s SET "dataKeyId" = ${fresh.id}::uuid, "blob" = decode(v."blob", 'hex')
    FROM unnest(${blobs.map((blob) => blob.ownerTable)}::text[], ${blobs.map((blob) => blob.ownerId)}::text[],
                ${blobs.map((blob) => blob.column)}::text[], ${anew}::text[]) AS v("table", "id", "column", "blob")
    WHERE s."projectId" = ${row.projectId}::uuid AND s."ownerTable" = v."table" AND s."ownerId" = v."id"::uuid AND s."column" = v."column"`;
  return "REPLACED";
}

/** The blobs under another key, as hex; null where one of them does not open. */
function resealed(projectId: string, from: Buffer, to: Buffer, blobs: BlobRow[]): string[] | null {
  try {
    return blobs.map(({ ownerTable: table, ownerId: id, column, generation, blob }) => {
      const address = associatedData({ projectId, table, id, column, generation });
      return encrypt(to, decrypt(from, blob, address), address).toString("hex");
    });
  } catch {
    return null;
  }
}

function unwrapped(keyring: Keyring, row: DataKeyRow): Buffer | null {
  try {
    return keyring.unwrap(row.kekId, row.wrapped, addressOf(row));
  } catch {
    return null;
  }
}

function addressOf({ projectId, scope, id }: Pick<DataKeyRow, "projectId" | "scope" | "id">): string {
  return dataKeyAddress(projectId, scope, id);
}
