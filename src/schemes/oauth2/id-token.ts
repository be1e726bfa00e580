import * as jose from "jose";
import { endpoint } from "./client.ts";
import { failure } from "./failures.ts";
import type { CallOptions, OAuth2Client } from "./types.ts";

/** What says that a token is not genuine, rather than that it could not be told. */
const NOT_GENUINE = new Set([
  "ERR_JWS_INVALID",
  "ERR_JWT_INVALID",
  "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
  "ERR_JWT_CLAIM_VALIDATION_FAILED",
  "ERR_JOSE_ALG_NOT_ALLOWED",
]);

const TIMEOUT_MS = 10_000;

/**
 * The claims of an ID token that somebody brings along: signature, issuer and audience checked (OpenID Connect Core 3.1.3.7), but not its
 * age, since it is as old as its sign-in. Null where there is nothing to check it against, or the keys cannot be had or have changed.
 * Throws a Failure where it is not genuine.
 */
export async function verifyIdToken(
  client: OAuth2Client,
  idToken: string,
  { fetch, timeoutMs = TIMEOUT_MS }: CallOptions,
): Promise<Record<string, unknown> | null> {
  const { issuer, jwksUri, idTokenAlgorithms } = client.scheme;
  if (!issuer || !jwksUri) return null;
  const keys = jose.createRemoteJWKSet(new URL(endpoint(client, jwksUri)), {
    [jose.customFetch]: (url, init) => fetch(url, { ...init, timeoutMs }),
  });
  try {
    const { payload } = await jose.jwtVerify(idToken, keys, {
      issuer: endpoint(client, issuer),
      audience: client.clientId,
      currentDate: signedAt(idToken),
      requiredClaims: ["sub"],
      ...(idTokenAlgorithms && { algorithms: [...idTokenAlgorithms] }),
    });
    return payload;
  } catch (error) {
    if (!NOT_GENUINE.has((error as { code?: string }).code ?? "")) return null;
    throw failure("INVALID_GRANT", {
      message: "The ID token is not one that this provider gave to this client.",
      remedy: "Leave it out, or import it with the client that it was given to.",
    });
  }
}

function signedAt(idToken: string): Date {
  const { iat } = jose.decodeJwt(idToken);
  return new Date((iat ?? 0) * 1000);
}
