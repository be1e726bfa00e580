import { createPrivateKey } from "node:crypto";
import { SignJWT } from "jose";
import type { ClientSecretJwtDefinition } from "../../catalogue/types.ts";
import { failure } from "./failures.ts";

/** It is made anew for each request, so it need not live longer than one takes. */
const LIFETIME_SECONDS = 300;

/**
 * The client's secret as a JWT that its private key signs: what some providers want in place of a secret that stays the same. Its
 * templates are filled. Throws a Failure.
 */
export async function clientSecretJwt(own: ClientSecretJwtDefinition, privateKey: string): Promise<string> {
  const issuedAt = Math.floor(Date.now() / 1000);
  try {
    return await new SignJWT(own.claims)
      .setProtectedHeader({ ...own.header, alg: own.algorithm })
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + LIFETIME_SECONDS)
      .sign(createPrivateKey(privateKey));
  } catch {
    // The parser's own message may quote the key.
    throw failure("INVALID_CLIENT", {
      message: "The client's private key cannot be read, or is not one for this provider.",
      remedy: `Enter the private key of the client (PEM, ${own.algorithm}) as its secret, and check the ids that belong to it.`,
    });
  }
}
