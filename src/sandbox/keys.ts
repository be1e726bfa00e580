import { generateKeyPair, randomUUID } from "node:crypto";
import { promisify } from "node:util";
import type { JWKS } from "oidc-provider";

export interface Keys {
  /** Private keys that sign ID tokens. */
  jwks: JWKS;
  /** Sign the sandbox's cookies. */
  cookieKeys: string[];
}

/** One RSA key for RS256, the algorithm every OpenID client must know (OpenID Connect Core section 15.1). */
export async function createSigningKeys(): Promise<JWKS> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  return { keys: [{ ...(privateKey.export({ format: "jwk" }) as object), use: "sig", alg: "RS256", kid: randomUUID() }] } as JWKS;
}
