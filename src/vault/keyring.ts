import { decrypt, deriveKey, encrypt, keyId } from "./cipher.ts";

/** The key-encryption keys. The first one wraps; all of them unwrap. */
export interface Keyring {
  activeId: string;
  ids: string[];
  wrap(plain: Buffer, associatedData: string): { kekId: string; wrapped: Buffer };
  /** Throws where no key of that id is configured, or the key is wrong. */
  unwrap(kekId: string, wrapped: Uint8Array, associatedData: string): Buffer;
  /** Keys for short-lived handles and links, one per configured key, the active one first. */
  derived(purpose: string): Buffer[];
}

/** A data key is wrapped by a key that this process was not given: the others go on working. */
export class MissingKeyError extends Error {
  readonly kekId: string;

  constructor(kekId: string) {
    super(`MOORLINE_MASTER_KEYS lacks the key ${kekId}. ${ADD_IT}`);
    this.name = "MissingKeyError";
    this.kekId = kekId;
  }
}

/** What to do about it, the same at the start and later. */
export const ADD_IT =
  "Every process must have every key in use: add it after the active one, and take it out only when “npm run rotate-keys” has ended.";

export function createKeyring(keys: Buffer[]): Keyring {
  const active = keys[0];
  if (!active) throw new Error("MOORLINE_MASTER_KEYS: at least one key is needed.");
  const byId = new Map(keys.map((key) => [keyId(key), key]));
  const derivedByPurpose = new Map<string, Buffer[]>();
  return {
    activeId: keyId(active),
    ids: [...byId.keys()],
    wrap: (plain, associatedData) => ({ kekId: keyId(active), wrapped: encrypt(active, plain, associatedData) }),
    unwrap(kekId, wrapped, associatedData) {
      const key = byId.get(kekId);
      if (!key) throw new MissingKeyError(kekId);
      return decrypt(key, wrapped, associatedData);
    },
    derived(purpose) {
      let derived = derivedByPurpose.get(purpose);
      if (!derived) {
        derived = keys.map((key) => deriveKey(key, purpose));
        derivedByPurpose.set(purpose, derived);
      }
      return derived;
    },
  };
}
