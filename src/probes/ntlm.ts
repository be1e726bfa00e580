import { createHmac, randomBytes } from "node:crypto";
import { OTHER_KIND } from "./meanings.ts";

/** NTLM version 2 ([MS-NLMP]) without a key exchange: the older versions are broken ciphers, and servers refuse them. */

const SIGNATURE = Buffer.from("NTLMSSP\0", "latin1");
/** Unicode, target, sign, NTLM, always sign, extended session security, 128 bits (2.2.2.5). */
const FLAGS = 0x2008_8215;

export function negotiateMessage(): Buffer {
  const message = Buffer.alloc(32);
  SIGNATURE.copy(message);
  message.writeUInt32LE(1, 8);
  message.writeUInt32LE(FLAGS, 12);
  return message;
}

export interface Account {
  user: string;
  password: string;
  domain: string;
}

/** The answer to the CHALLENGE_MESSAGE somewhere in `token`, and the key of 16 bytes with which the session is signed. */
export function authenticateMessage(token: Buffer, account: Account): { message: Buffer; sessionKey: Buffer } {
  const at = token.indexOf(SIGNATURE);
  if (at < 0 || token.byteLength < at + 48 || token.readUInt32LE(at + 8) !== 2) throw OTHER_KIND;
  const challenge = token.subarray(at);
  const serverChallenge = challenge.subarray(24, 32);
  const target = challenge.subarray(challenge.readUInt32LE(44)).subarray(0, challenge.readUInt16LE(40));
  const { proof, response, sessionKey } = ntlmV2(account, serverChallenge, target);
  const payloads = [
    Buffer.alloc(24), // no LM response beside a time of the server's (3.1.5.1.2)
    Buffer.concat([proof, response]),
    utf16(account.domain),
    utf16(account.user),
    Buffer.alloc(0), // no workstation
    Buffer.alloc(0), // no key exchanged
  ];
  return { message: withPayloads(payloads), sessionKey };
}

const HEADER = 64;

function withPayloads(payloads: Buffer[]): Buffer {
  const head = Buffer.alloc(HEADER);
  SIGNATURE.copy(head);
  head.writeUInt32LE(3, 8);
  let offset = HEADER;
  for (const [index, { byteLength }] of payloads.entries()) {
    head.writeUInt16LE(byteLength, 12 + index * 8);
    head.writeUInt16LE(byteLength, 14 + index * 8);
    head.writeUInt32LE(offset, 16 + index * 8);
    offset += byteLength;
  }
  head.writeUInt32LE(FLAGS, 60);
  return Buffer.concat([head, ...payloads]);
}

/** 3.3.2. */
function ntlmV2({ user, password, domain }: Account, serverChallenge: Buffer, target: Buffer) {
  const key = hmac(md4(utf16(password)), utf16(user.toUpperCase() + domain));
  const response = Buffer.concat([
    Buffer.from([1, 1, 0, 0, 0, 0, 0, 0]),
    timeIn(target) ?? now(),
    randomBytes(8),
    Buffer.alloc(4),
    target,
    Buffer.alloc(4),
  ]);
  const proof = hmac(key, Buffer.concat([serverChallenge, response]));
  return { proof, response, sessionKey: hmac(key, proof) };
}

const [END_OF_LIST, TIMESTAMP] = [0, 7];

/** The server's own time (MsvAvTimestamp), which it compares with. */
function timeIn(target: Buffer): Buffer | undefined {
  for (let at = 0; at + 4 <= target.byteLength; at += 4 + target.readUInt16LE(at + 2)) {
    const id = target.readUInt16LE(at);
    if (id === END_OF_LIST) break;
    if (id === TIMESTAMP && at + 12 <= target.byteLength) return target.subarray(at + 4, at + 12);
  }
  return undefined;
}

/** In tenths of a microsecond since 1601. */
function now(): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE((BigInt(Date.now()) + 11_644_473_600_000n) * 10_000n);
  return bytes;
}

function utf16(text: string): Buffer {
  return Buffer.from(text, "utf16le");
}

function hmac(key: Buffer, data: Buffer): Buffer {
  return createHmac("md5", key).update(data).digest();
}

/** RFC 1320, which OpenSSL no longer has where Node asks it. The password's hash is defined with it. */
export function md4(data: Buffer): Buffer {
  const padded = Buffer.alloc(Math.ceil((data.byteLength + 9) / 64) * 64);
  data.copy(padded);
  padded[data.byteLength] = 0x80;
  padded.writeBigUInt64LE(BigInt(data.byteLength) * 8n, padded.byteLength - 8);
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  for (let at = 0; at < padded.byteLength; at += 64) addBlock(state, padded.subarray(at, at + 64));
  return Buffer.from(state.buffer);
}

interface Round {
  mix(x: number, y: number, z: number): number;
  constant: number;
  shifts: readonly number[];
  order: readonly number[];
}

const ROUNDS: readonly Round[] = [
  {
    mix: (x, y, z) => (x & y) | (~x & z),
    constant: 0,
    shifts: [3, 7, 11, 19],
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  },
  {
    mix: (x, y, z) => (x & y) | (x & z) | (y & z),
    constant: 0x5a827999,
    shifts: [3, 5, 9, 13],
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
  },
  {
    mix: (x, y, z) => x ^ y ^ z,
    constant: 0x6ed9eba1,
    shifts: [3, 9, 11, 15],
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
  },
];

function addBlock(state: Uint32Array, block: Buffer): void {
  let [a = 0, b = 0, c = 0, d = 0] = state;
  for (const { mix, constant, shifts, order } of ROUNDS) {
    for (const [step, word] of order.entries()) {
      const sum = (a + mix(b, c, d) + block.readUInt32LE(word * 4) + constant) | 0;
      const shift = shifts[step % 4]!;
      [a, b, c, d] = [d, (sum << shift) | (sum >>> (32 - shift)), b, c];
    }
  }
  for (const [index, value] of [a, b, c, d].entries()) state[index]! += value;
}
