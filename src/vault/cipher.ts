import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";

const ALGORITHM = "aes-256-gcm";
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** version (1 byte), nonce (12), tag (16), ciphertext. The nonce is random: 96 bits allow 2^32 seals under one key (NIST SP 800-38D 8.3). */
export function encrypt(key: Buffer, plain: Uint8Array, associatedData: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(associatedData));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), body]);
}

/** Throws where the key or the associated data is another, or a byte has changed. */
export function decrypt(key: Buffer, blob: Uint8Array, associatedData: string): Buffer {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  if (bytes[0] !== VERSION || bytes.length < 1 + NONCE_BYTES + TAG_BYTES) throw new Error("A sealed value has an unknown form.");
  const tagAt = 1 + NONCE_BYTES;
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(1, tagAt), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(associatedData))
    .setAuthTag(bytes.subarray(tagAt, tagAt + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(tagAt + TAG_BYTES)), decipher.final()]);
}

/** Names a key without telling it: the first 8 bytes of a SHA-256, hex. */
export function keyId(key: Buffer): string {
  return createHash("sha256").update("moorline/kek-id").update(key).digest("hex").slice(0, 16);
}

/** A key of its own for each purpose (RFC 5869), so that no two uses share one. */
export function deriveKey(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", key, "", `moorline/${purpose}`, 32));
}
