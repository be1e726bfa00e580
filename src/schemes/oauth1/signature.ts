/** Signed requests of OAuth 1.0 (RFC 5849 section 3). No library for it is kept any more, and there is little to keep. */
import { createHmac, randomBytes } from "node:crypto";
import type { OAuth1SchemeDefinition } from "../../catalogue/types.ts";
import type { Secret } from "../../lib/secret.ts";
import type { OutboundRequest } from "../types.ts";

export type SignatureMethod = OAuth1SchemeDefinition["signatureMethod"];
/** Names and values, not yet encoded. */
export type Parameters = readonly (readonly [name: string, value: string])[];

export interface Credentials {
  clientId: string;
  clientSecret: Secret | null;
  /** Null: none yet, as in the request for temporary credentials. */
  token: string | null;
  tokenSecret: Secret | null;
}

/** What makes each signature another one (section 3.3). */
export interface Freshness {
  timestamp: string;
  nonce: string;
}

export interface AuthorizeOptions {
  /** Further protocol parameters, such as `oauth_callback`. */
  more?: Parameters;
  /** Section 3.5.1: beside the signed parameters; empty: none. */
  realm?: string;
  fresh?: Freshness;
}

/** The Authorization header of one request (section 3.5.1). */
export function authorize(
  request: OutboundRequest,
  method: SignatureMethod,
  credentials: Credentials,
  { more = [], realm = "", fresh = freshness() }: AuthorizeOptions = {},
): string {
  const protocol: Parameters = [
    ["oauth_consumer_key", credentials.clientId],
    ...(credentials.token === null ? [] : [["oauth_token", credentials.token] as const]),
    ["oauth_signature_method", method],
    ["oauth_timestamp", fresh.timestamp],
    ["oauth_nonce", fresh.nonce],
    ["oauth_version", "1.0"],
    ...more,
  ];
  const parts = [...protocol, ["oauth_signature", signatureOf(request, method, credentials, protocol)] as const];
  const pairs = parts.map(([name, value]) => `${encode(name)}="${encode(value)}"`);
  return `OAuth ${[...(realm === "" ? [] : [`realm="${encode(realm)}"`]), ...pairs].join(", ")}`;
}

/** The signature base string (section 3.4.1). `protocol` are the parameters of the Authorization header, without `realm`. */
export function baseString(request: OutboundRequest, protocol: Parameters): string {
  const { origin, pathname, searchParams } = new URL(request.url);
  // Query and form body are read as forms (section 3.4.1.3.1), in which a plus sign is a space; they are encoded anew below.
  const parameters = [...searchParams, ...protocol, ...(request.form ?? [])];
  return [request.method.toUpperCase(), origin + pathname, normalise(parameters)].map(encode).join("&");
}

/** Section 3.4.1.3.2: encoded, then sorted by name and by value, byte by byte. */
function normalise(parameters: Parameters): string {
  return parameters
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map((pair) => pair.join("="))
    .join("&");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Sections 3.4.2 and 3.4.4; HMAC-SHA256 is what providers have made of the former. */
export function signatureOf(
  request: OutboundRequest,
  method: SignatureMethod,
  { clientSecret, tokenSecret }: Pick<Credentials, "clientSecret" | "tokenSecret">,
  protocol: Parameters,
): string {
  const key = `${encode(clientSecret?.reveal() ?? "")}&${encode(tokenSecret?.reveal() ?? "")}`;
  if (method === "PLAINTEXT") return key;
  const hash = method === "HMAC-SHA1" ? "sha1" : "sha256";
  return createHmac(hash, key).update(baseString(request, protocol)).digest("base64");
}

/** Section 3.6: everything but the unreserved characters of RFC 3986. */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** By this machine's own clock: it is the provider who compares it, with theirs. */
function freshness(): Freshness {
  return { timestamp: String(Math.floor(Date.now() / 1000)), nonce: randomBytes(18).toString("base64url") };
}
