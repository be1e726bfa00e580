import { createPrivateKey, createSecretKey, type KeyObject, randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import type { ConnectionValues, SignedJwtSchemeDefinition } from "../../catalogue/types.ts";
import { Secret } from "../../lib/secret.ts";
import { expandAll } from "../oauth2/client.ts";
import { readKeyFile, unreadable } from "./key-file.ts";

const EXCHANGED_SECONDS = 3_600;
const BEARER_SECONDS = 600;

export interface Signed {
  jwt: Secret;
  claims: Readonly<Record<string, string>>;
  lifetimeSeconds: number;
  /** The connection's values, with what the key file tells where they say nothing themselves. */
  values: ConnectionValues;
}

/** Signs the claims that the connector's data describes (RFC 7515, RFC 7523 section 3). Throws a Failure. */
export async function sign(scheme: SignedJwtSchemeDefinition, given: ConnectionValues): Promise<Signed> {
  const { key, values: told } = readKeyFile(given.privateKey);
  const values = { ...told, ...given };
  const fill = (templates: Readonly<Record<string, string>> | undefined) =>
    withoutEmpty(expandAll({ scheme, values, clientId: "" }, templates));
  const claims = fill(scheme.claims);
  const lifetimeSeconds = scheme.lifetimeSeconds ?? (scheme.tokenUrl ? EXCHANGED_SECONDS : BEARER_SECONDS);
  // By this machine's own clock: it is the provider who compares it, with theirs.
  const issuedAt = Math.floor(Date.now() / 1000);
  const draft = new SignJWT(claims)
    .setProtectedHeader({ typ: "JWT", ...fill(scheme.header), alg: scheme.algorithm })
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + lifetimeSeconds)
    .setJti(randomUUID());
  return { jwt: await signed(draft, key, scheme.algorithm), claims, lifetimeSeconds, values };
}

async function signed(draft: SignJWT, key: string, algorithm: string): Promise<Secret> {
  const imported = importKey(key, algorithm);
  try {
    return new Secret(await draft.sign(imported));
  } catch {
    // jose says what the key is, and why that does not do; nobody has to know more of it than this.
    throw unreadable(`The key that was entered is not one for ${algorithm}.`);
  }
}

function importKey(key: string, algorithm: string): KeyObject {
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
