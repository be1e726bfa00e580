import { createHash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

/** `mlk_`: an API key. `mls_`: a user session. `mld_`: a dashboard session, in its cookie only. */
export type TokenKind = "mlk_" | "mls_" | "mld_";

export interface MintedToken {
  /** Shown once, stored nowhere. */
  token: string;
  hash: Buffer<ArrayBuffer>;
  /** What a person can recognise it by; far from enough to use it. */
  prefix: string;
}

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 43 digits of base 62 hold 256 bits. */
const RANDOM_LENGTH = 43;
/** 6 digits of base 62 hold a CRC-32. */
const CHECKSUM_LENGTH = 6;
const MINTED = new RegExp(`^ml[dks]_[0-9A-Za-z]{${RANDOM_LENGTH}}_[0-9A-Za-z]{${CHECKSUM_LENGTH}}$`);

/** A new token: kind, 256 random bits, and a checksum that tells a mistyped one before the database is asked. */
export function mintToken(kind: TokenKind): MintedToken {
  const random = base62(BigInt(`0x${randomBytes(32).toString("hex")}`), RANDOM_LENGTH);
  const token = `${kind}${random}_${checksum(kind + random)}`;
  return { token, hash: hashToken(token), prefix: tokenPrefix(token) };
}

/** SHA-256: enough for a value of 256 random bits, and the only thing that is stored. */
export function hashToken(token: string): Buffer<ArrayBuffer> {
  return createHash("sha256").update(token).digest() as Buffer<ArrayBuffer>;
}

export function tokenPrefix(token: string): string {
  return token.slice(0, 10);
}

/**
 * The kind of a text that may be a token; null where it cannot be one. A minted token must have its checksum; an API key that the
 * operator chose (MOORLINE_BOOTSTRAP_API_KEY) has none and only needs its length.
 */
export function tokenKind(text: string): TokenKind | null {
  if (text.length > 512) return null;
  if (MINTED.test(text)) return hasChecksum(text) ? (text.slice(0, 4) as TokenKind) : null;
  return /^mlk_[\x21-\x7e]{28,}$/.test(text) ? "mlk_" : null;
}

function hasChecksum(token: string): boolean {
  return checksum(token.slice(0, 4 + RANDOM_LENGTH)) === token.slice(-CHECKSUM_LENGTH);
}

function checksum(text: string): string {
  return base62(BigInt(crc32(text)), CHECKSUM_LENGTH);
}

function base62(value: bigint, length: number): string {
  let digits = "";
  for (let rest = value; digits.length < length; rest /= 62n) digits = ALPHABET.charAt(Number(rest % 62n)) + digits;
  return digits;
}
