import { createPrivateKey } from "node:crypto";
import { SignJWT } from "jose";
import { atPath, textAt } from "../catalogue/paths.ts";
import { callOf, fitting, family as http, judge, parsed } from "./http.ts";
import { CLOCK } from "./meanings.ts";
import { ProbeError, type ProbeFamily, type ProbeInput } from "./types.ts";

/**
 * Google Cloud by a service account's key: a JWT that it signs is exchanged for a token (RFC 7523), and with that the connector's
 * data says what to ask (`requests`). What the account may do, its roles say; the scope of the token does not narrow them.
 */
export const family: ProbeFamily = {
  async probe({ values, scheme, fetch }) {
    const request = fitting(scheme.requests, values);
    const accessToken = await tokenOf(keyOf(values.serviceAccountJson), fetch);
    const { url, headers, ...call } = callOf(request, values);
    const response = await fetch(url, { ...call, headers: { ...headers, authorization: `Bearer ${accessToken}` } });
    const text = await response.text();
    if (isSwitchedOff(parsed(text))) throw SWITCHED_OFF;
    judge(request, response.status, text);
  },

  meaningOf: http.meaningOf,
};

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
/** The key file says where it is exchanged; to nobody but Google is it sent. */
const TOKEN_URL = /^https:\/\/(oauth2\.googleapis\.com|accounts\.google\.com|www\.googleapis\.com)\/[\w/.-]*$/;

interface ServiceAccountKey {
  email: string;
  privateKey: string;
  keyId: string | undefined;
  tokenUrl: string;
}

function notAKey(message: string): ProbeError {
  const remedy = "Enter the whole JSON file that was made with the service account's key.";
  return new ProbeError("INVALID_CREDENTIALS", { message, remedy });
}

function keyOf(entered: unknown): ServiceAccountKey {
  const file = (typeof entered === "string" ? parsed(entered) : entered) as Record<string, unknown> | null;
  const { type, client_email: email, private_key: privateKey, private_key_id: keyId, token_uri: tokenUri } = file ?? {};
  if (type !== "service_account" || typeof email !== "string" || typeof privateKey !== "string")
    throw notAKey("This is not the key file of a service account.");
  const tokenUrl = String(tokenUri ?? "https://oauth2.googleapis.com/token");
  if (!TOKEN_URL.test(tokenUrl)) throw notAKey("The key file names a token address (token_uri) that is not Google's.");
  return { email, privateKey, keyId: typeof keyId === "string" ? keyId : undefined, tokenUrl };
}

async function tokenOf(key: ServiceAccountKey, fetch: ProbeInput["fetch"]): Promise<string> {
  const body = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    assertion: await assertion(key),
  });
  const response = await fetch(key.tokenUrl, { method: "POST", headers: { accept: "application/json" }, body });
  const answer = parsed(await response.text());
  const token = atPath(answer, "access_token");
  if (response.ok && typeof token === "string") return token;
  if (response.status === 429) throw new ProbeError("RATE_LIMITED");
  if (/reasonable timeframe/.test(textAt(answer, ["error_description"]) ?? "")) throw CLOCK;
  if (response.status < 500 && textAt(answer, ["error"])) throw REFUSED;
  throw new ProbeError("PROVIDER_ERROR", { message: `The token endpoint answered with the HTTP status ${response.status}.` });
}

const REFUSED = new ProbeError("INVALID_CREDENTIALS", {
  message: "Google does not accept this key.",
  remedy: "See whether the service account and this key of it still exist and are enabled, or enter a new key.",
});

async function assertion({ email, privateKey, keyId, tokenUrl }: ServiceAccountKey): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  try {
    return await new SignJWT({ scope: SCOPE })
      .setProtectedHeader({ typ: "JWT", alg: "RS256", kid: keyId })
      .setIssuer(email)
      .setAudience(tokenUrl)
      .setIssuedAt(now)
      .setExpirationTime(now + 600)
      .sign(createPrivateKey(privateKey));
  } catch {
    // Whatever the parser says of it may quote the key.
    throw notAKey("The private key in the key file cannot be read.");
  }
}

/** Refused although everything is right: nobody has enabled this API in this project. */
function isSwitchedOff(answer: unknown): boolean {
  const details = atPath(answer, "error.details");
  const reasons = Array.isArray(details) ? details.map((one) => atPath(one, "reason")) : [];
  return reasons.includes("SERVICE_DISABLED") || atPath(answer, "error.errors.0.reason") === "accessNotConfigured";
}

const SWITCHED_OFF = new ProbeError("PERMISSION_DENIED", {
  message: "The key is accepted, but this API is not enabled in the project.",
  remedy: "Enable it in the project's list of APIs and services, wait a few minutes, and test again.",
});
