import { createHash, createPrivateKey, createPublicKey, createSecretKey, type KeyObject, randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import type { ConnectionValues, SchemeBase, SignedJwtSchemeDefinition } from "../../catalogue/types.ts";
import { Secret } from "../../lib/secret.ts";
import { expandAll } from "../oauth2/client.ts";
import { readKeyFile, unreadable } from "./key-file.ts";

const EXCHANGED_SECONDS = 3_600;
const BEARER_SECONDS = 600;

/** What of a scheme says what is signed, and how. */
export type Signable = SchemeBase &
  Pick<SignedJwtSchemeDefinition, "algorithm" | "claims" | "header" | "keyFormat" | "lifetimeSeconds" | "tokenUrl">;

export interface Signed {
  jwt: Secret;
  claims: Readonly<Record<string, string>>;
  lifetimeSeconds: number;
  /** The connection's values, with what the key file tells where they say nothing themselves. */
  values: ConnectionValues;
}

/**
 * Signs the claims that the connector's data describes (RFC 7515, RFC 7523 section 3). `leewaySeconds`: so much before now it says it was
 * signed. Throws a Failure.
 */
export async function sign(scheme: Signable, given: ConnectionValues, leewaySeconds = 0): Promise<Signed> {
  const { key, values: told } = readKeyFile(given.privateKey, scheme.keyFormat);
  const signer = importKey(key, scheme.algorithm);
  const values = { ...told, ...fingerprintOf(signer), ...given };
  const fill = (templates: Readonly<Record<string, string>> | undefined) =>
    withoutEmpty(expandAll({ scheme, values, clientId: "" }, templates));
  const claims = fill(scheme.claims);
  const lifetimeSeconds = scheme.lifetimeSeconds ?? (scheme.tokenUrl ? EXCHANGED_SECONDS : BEARER_SECONDS);
  // By this machine's own clock: it is the provider who compares it, with theirs.
  const issuedAt = Math.floor(Date.now() / 1000);
  const draft = new SignJWT(claims)
    .setProtectedHeader({ typ: "JWT", ...fill(scheme.header), alg: scheme.algorithm })
    .setIssuedAt(issuedAt - leewaySeconds)
    .setExpirationTime(issuedAt + lifetimeSeconds)
    .setJti(randomUUID());
  return { jwt: await signed(draft, signer, scheme.algorithm), claims, lifetimeSeconds, values };
}

async function signed(draft: SignJWT, key: KeyObject, algorithm: string): Promise<Secret> {
  try {
    return new Secret(await draft.sign(key));
  } catch {
    // jose says what the key is, and why that does not do; nobody has to know more of it than this.
    throw unreadable(`The key that was entered is not one for ${algorithm}.`);
  }
}

/** By which a provider finds the public half that was registered there. */
function fingerprintOf(key: KeyObject): ConnectionValues {
  if (key.type !== "private") return {};
  const publicHalf = createPublicKey(key).export({ type: "spki", format: "der" });
  return { keyFingerprint: `SHA256:${createHash("sha256").update(publicHalf).digest("base64")}` };
}

export function importKey(key: string | Buffer, algorithm: string): KeyObject {
  if (algorithm === "HS256") return createSecretKey(Buffer.from(key));
  try {
    return createPrivateKey(key);
  } catch {
    // The parser's own message may quote the key.
    throw unreadable("The private key cannot be read.");
  }
}

/** A claim or header parameter for which there is no value is left out: `{connection.subject|}`. */
function withoutEmpty(texts: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ""));
}
