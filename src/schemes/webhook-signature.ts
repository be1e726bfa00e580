import { createHmac, timingSafeEqual } from "node:crypto";
import { errors, jwtVerify } from "jose";
import { Webhook } from "standardwebhooks";
import { atPath } from "../catalogue/paths.ts";
import type { BodyTokenSignature, HmacSignature, StandardWebhooksSignature, WebhookSignature } from "../catalogue/types.ts";
import type { Secret } from "../lib/secret.ts";
import { jsonOf, type SignedCall } from "./webhook-call.ts";

/** `null`: it is the provider's. Else what is wrong with it, for whoever reads the log. */
export type Refusal = "SIGNATURE_MISSING" | "SIGNATURE_WRONG" | "TOO_OLD" | "OTHER_ADDRESS";

const TOLERANCE_MS = 5 * 60_000;

/** Whether whoever sent a webhook has the secret, by the provider's own way to sign. */
export async function checkSignature(
  how: WebhookSignature,
  secret: Secret,
  call: SignedCall,
  now: Date,
): Promise<Refusal | null> {
  if (how.type === "STANDARD_WEBHOOKS") return checkStandard(how, secret, call);
  if (how.type === "BODY_TOKEN") return checkBodyToken(how, secret, call);
  const given = call.header(how.header);
  if (!given) return "SIGNATURE_MISSING";
  if (how.type === "TOKEN") return isSameText(given, secret.reveal()) ? null : "SIGNATURE_WRONG";
  if (how.type === "JWT") return checkJwt(given, secret, call, now);
  return checkHmac(how, secret, call, { given, now });
}

/** Takes as long whatever the texts have in common. */
export function isSameText(a: string, b: string): boolean {
  return isEqual(Buffer.from(a), Buffer.from(b));
}

/** The body without the secret that came in it. */
export function withoutToken(how: WebhookSignature, body: unknown): unknown {
  if (how.type === "BODY_TOKEN") for (const holder of holdersOf(how, body)) delete holder[how.member];
  return body;
}

function checkHmac(
  how: HmacSignature,
  secret: Secret,
  call: SignedCall,
  { given, now }: { given: string; now: Date },
): Refusal | null {
  const parts = how.key === undefined ? [] : pairs(given);
  const signatures = how.key === undefined ? [given] : valuesOf(parts, how.key);
  const timestamp = timestampOf(how, call, parts);
  if (signatures.length === 0 || timestamp === null) return "SIGNATURE_MISSING";
  const expected = createHmac(how.algorithm.toLowerCase(), secret.reveal())
    .update(signed(how, call, timestamp))
    .digest();
  const prefix = how.prefix ?? "";
  const matches = signatures.some(
    (one) => one.startsWith(prefix) && isEqual(decoded(one.slice(prefix.length), how.encoding), expected),
  );
  if (!matches) return "SIGNATURE_WRONG";
  // Looked at only now: before, the time is whatever somebody wrote.
  return how.timestamp && !isRecent(timestamp, now) ? "TOO_OLD" : null;
}

/** Empty where this provider signs no time; null where it is missing. */
function timestampOf({ timestamp }: HmacSignature, call: SignedCall, parts: [string, string][]): string | null {
  if (!timestamp) return "";
  return ("header" in timestamp ? call.header(timestamp.header) : valuesOf(parts, timestamp.key)[0]) || null;
}

/** The body goes in as it came: it need not be text. */
function signed({ content = "{body}" }: HmacSignature, call: SignedCall, timestamp: string): Buffer {
  const values: Record<string, Buffer> = {
    body: call.body,
    timestamp: Buffer.from(timestamp),
    method: Buffer.from(call.method),
    url: Buffer.from(call.url),
  };
  const filled = (name: string) => values[name] ?? Buffer.from(call.header(name) ?? "");
  const pieces = content.split(/\{([\w-]+)\}/).map((piece, index) => (index % 2 === 1 ? filled(piece) : Buffer.from(piece)));
  return Buffer.concat(pieces);
}

function checkStandard({ headerPrefix }: StandardWebhooksSignature, secret: Secret, call: SignedCall): Refusal | null {
  const names = ["id", "timestamp", "signature"];
  const headers = Object.fromEntries(names.map((name) => [`webhook-${name}`, call.header(`${headerPrefix}-${name}`) ?? ""]));
  if (Object.values(headers).includes("")) return "SIGNATURE_MISSING";
  try {
    new Webhook(secret.reveal()).verify(call.body, headers, { jsonParse: false });
    return null;
  } catch (error) {
    return error instanceof Error && /timestamp/i.test(error.message) ? "TOO_OLD" : "SIGNATURE_WRONG";
  }
}

/** No holder at all is no proof either. */
function checkBodyToken(how: BodyTokenSignature, secret: Secret, call: SignedCall): Refusal | null {
  const tokens = holdersOf(how, jsonOf(call)).map((holder) => holder[how.member]);
  if (tokens.length === 0 || !tokens.every((token) => typeof token === "string")) return "SIGNATURE_MISSING";
  return tokens.every((token) => isSameText(token, secret.reveal())) ? null : "SIGNATURE_WRONG";
}

function holdersOf({ each }: BodyTokenSignature, body: unknown): Record<string, unknown>[] {
  const holders = each === undefined ? [body] : [atPath(body, each)].flat();
  return holders.every((holder) => typeof holder === "object" && holder !== null) ? (holders as Record<string, unknown>[]) : [];
}

async function checkJwt(given: string, secret: Secret, call: SignedCall, now: Date): Promise<Refusal | null> {
  const expected = { algorithms: ["HS256"], audience: call.url, requiredClaims: ["exp"], currentDate: now };
  try {
    await jwtVerify(given, Buffer.from(secret.reveal()), expected);
    return null;
  } catch (error) {
    if (error instanceof errors.JWTExpired) return "TOO_OLD";
    return error instanceof errors.JWTClaimValidationFailed && error.claim === "aud" ? "OTHER_ADDRESS" : "SIGNATURE_WRONG";
  }
}

function pairs(header: string): [string, string][] {
  return header.split(",").map((part) => {
    const at = part.indexOf("=");
    return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
  });
}

function valuesOf(parts: [string, string][], key: string): string[] {
  return parts.filter(([name]) => name === key).map(([, value]) => value);
}

function isRecent(timestamp: string, now: Date): boolean {
  const number = Number(timestamp);
  // Seconds since 1970 pass 10^11 in the year 5138, milliseconds did in 1973.
  const at = Number.isFinite(number) ? number * (number < 1e11 ? 1000 : 1) : Date.parse(timestamp);
  return Math.abs(now.getTime() - at) <= TOLERANCE_MS;
}

/** Node reads both leniently and stops at what it cannot read: then it is shorter, and equals nothing. */
function decoded(text: string, encoding: HmacSignature["encoding"]): Buffer {
  return Buffer.from(text, encoding === "HEX" ? "hex" : "base64");
}

function isEqual(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
