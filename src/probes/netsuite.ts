import { createHmac, createPrivateKey, randomBytes } from "node:crypto";
import { SignJWT } from "jose";
import type { ConnectionValues } from "../catalogue/types.ts";
import { pemOf, textOf } from "./fields.ts";
import { judge, parsed } from "./http.ts";
import { ProbeError, type ProbeFamily, type ProbeInput } from "./types.ts";

/** NetSuite's REST API, by a certificate (OAuth 2, machine to machine) or by token-based authentication (OAuth 1). */
export const family: ProbeFamily = {
  async probe({ values, fetch }) {
    const host = `${(textOf(values, "accountId") ?? "").toLowerCase().replaceAll("_", "-")}.suitetalk.api.netsuite.com`;
    const url = new URL(`https://${host}/services/rest/record/v1/metadata-catalog`);
    const isTba = textOf(values, "authType") === "tba";
    const authorization = isTba ? oauth1(values, url) : `Bearer ${await tokenOf(values, host, fetch)}`;
    const response = await fetch(url, { headers: { accept: "application/json", authorization }, maxBytes: MAX_BYTES });
    judge({}, response.status, await response.text());
  },
};

/** The catalogue names every kind of record of the account. */
const MAX_BYTES = 16 * 1024 * 1024;

/** RFC 7523 section 2.2. */
async function tokenOf(values: ConnectionValues, host: string, fetch: ProbeInput["fetch"]): Promise<string> {
  const url = `https://${host}/services/rest/auth/oauth2/v1/token`;
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: await assertion(values, url),
  });
  const response = await fetch(url, { method: "POST", headers: { accept: "application/json" }, body });
  const { access_token: token } = (parsed(await response.text()) ?? {}) as { access_token?: unknown };
  if (response.ok && typeof token === "string") return token;
  throw new ProbeError([400, 401, 403].includes(response.status) ? "INVALID_CREDENTIALS" : "PROVIDER_ERROR");
}

async function assertion(values: ConnectionValues, audience: string): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  try {
    const key = createPrivateKey(pemOf(values, "privateKey") ?? "");
    return await new SignJWT({ scope: ["rest_webservices"] })
      .setProtectedHeader({
        typ: "JWT",
        alg: key.asymmetricKeyType === "ec" ? "ES256" : "PS256",
        kid: textOf(values, "certificateId"),
      })
      .setIssuer(textOf(values, "clientId") ?? "")
      .setAudience(audience)
      .setIssuedAt(now)
      .setExpirationTime(now + 300)
      .sign(key);
  } catch {
    throw new ProbeError("INVALID_CREDENTIALS", {
      message: "The private key cannot be read, or is not one for PS256 or ES256.",
      remedy: "Enter the key of the certificate as PEM text without a passphrase.",
    });
  }
}

/** RFC 5849 section 3 with HMAC-SHA256, for a GET without a query. */
function oauth1(values: ConnectionValues, url: URL): string {
  const value = (name: string) => textOf(values, name) ?? "";
  const parameters: [name: string, value: string][] = [
    ["oauth_consumer_key", value("consumerKey")],
    ["oauth_nonce", randomBytes(16).toString("hex")],
    ["oauth_signature_method", "HMAC-SHA256"],
    ["oauth_timestamp", String(Math.floor(Date.now() / 1000))],
    ["oauth_token", value("tokenId")],
    ["oauth_version", "1.0"],
  ];
  const list = parameters.map(([name, text]) => `${name}=${encoded(text)}`).join("&");
  const key = `${encoded(value("consumerSecret"))}&${encoded(value("tokenSecret"))}`;
  const signature = createHmac("sha256", key)
    .update(`GET&${encoded(url.href)}&${encoded(list)}`)
    .digest("base64");
  const realm = value("accountId").toUpperCase().replaceAll("-", "_");
  const quoted = [...parameters, ["oauth_signature", signature] as const].map(([name, text]) => `${name}="${encoded(text)}"`);
  return `OAuth realm="${realm}", ${quoted.join(", ")}`;
}

/** Section 3.6. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
