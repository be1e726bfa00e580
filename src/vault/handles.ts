import { createHmac, timingSafeEqual } from "node:crypto";
import { decrypt, encrypt } from "./cipher.ts";
import type { Keyring } from "./keyring.ts";

/**
 * Short-lived sealed values that travel through a browser, and links that cannot be guessed. Both hang on keys derived from the
 * key-encryption keys, so that no row holds them; a link made under a key that was since removed is unknown.
 */
export interface Handles {
  /** A sealed JSON value that opens for so many seconds. */
  sealHandle(value: unknown, ttlSeconds: number): string;
  /** Null where it is not ours, was changed, or has run out. */
  openHandle(handle: string): unknown;
  /** `<uuid bytes><mac>` in base64url: a link to a row, without a row for the link. */
  linkToken(purpose: string, uuid: string): string;
  /** The row's UUID; null where the token is not ours. */
  readLinkToken(purpose: string, token: string): string | null;
}

const MAC_BYTES = 24;

export function createHandles(keyring: Keyring): Handles {
  return {
    sealHandle(value, ttlSeconds) {
      const plain = Buffer.from(JSON.stringify({ until: Date.now() + ttlSeconds * 1000, value }));
      return encrypt(keyring.derived("handle")[0]!, plain, "handle").toString("base64url");
    },
    openHandle(handle) {
      for (const key of keyring.derived("handle")) {
        const opened = tryOpen(key, handle);
        if (opened) return opened.until > Date.now() ? opened.value : null;
      }
      return null;
    },
    linkToken(purpose, uuid) {
      const id = Buffer.from(uuid.replaceAll("-", ""), "hex");
      return Buffer.concat([id, mac(keyring.derived(`link/${purpose}`)[0]!, id)]).toString("base64url");
    },
    readLinkToken(purpose, token) {
      const bytes = Buffer.from(token, "base64url");
      if (bytes.length !== 16 + MAC_BYTES || bytes.toString("base64url") !== token) return null;
      const id = bytes.subarray(0, 16);
      const genuine = keyring.derived(`link/${purpose}`).some((key) => timingSafeEqual(mac(key, id), bytes.subarray(16)));
      return genuine ? id.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5") : null;
    },
  };
}

function mac(key: Buffer, id: Uint8Array): Buffer {
  return createHmac("sha256", key).update(id).digest().subarray(0, MAC_BYTES);
}

function tryOpen(key: Buffer, handle: string): { until: number; value: unknown } | null {
  try {
    return JSON.parse(decrypt(key, Buffer.from(handle, "base64url"), "handle").toString());
  } catch {
    return null;
  }
}
