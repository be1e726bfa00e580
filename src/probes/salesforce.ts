import { createPrivateKey } from "node:crypto";
import { SignJWT } from "jose";
import { textAt } from "../catalogue/paths.ts";
import type { ConnectionValues } from "../catalogue/types.ts";
import { pemOf, textOf } from "./fields.ts";
import { callOf, fitting, family as http, judge, parsed } from "./http.ts";
import { ProbeError, type ProbeFamily, type ProbeInput } from "./types.ts";

/** Salesforce with a connected app of one's own: by its secret, as `requests` says, or by a JWT that its key signs (RFC 7523). */
export const family: ProbeFamily = {
  async probe(input) {
    const { values, scheme, fetch } = input;
    if (textOf(values, "authType") !== "jwt-bearer") return http.probe(input);
    const request = fitting(scheme.requests, values);
    const { url, ...call } = callOf(request, { ...values, accessToken: await tokenOf(values, fetch) });
    const response = await fetch(url, call);
    judge(request, response.status, await response.text());
  },

  meaningOf: http.meaningOf,
};

async function tokenOf(values: ConnectionValues, fetch: ProbeInput["fetch"]): Promise<string> {
  const loginUrl = (textOf(values, "loginUrl") ?? "https://login.salesforce.com").replace(/\/+$/, "");
  const body = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    assertion: await assertion(values, audienceOf(loginUrl)),
  });
  const headers = { accept: "application/json" };
  const response = await fetch(`${loginUrl}/services/oauth2/token`, { method: "POST", headers, body });
  const answer = parsed(await response.text());
  const token = textAt(answer, ["access_token"]);
  if (response.ok && token) return token;
  if (/approved this consumer/.test(textAt(answer, ["error_description"]) ?? "")) throw NOT_APPROVED;
  if (response.status < 500 && textAt(answer, ["error"])) throw new ProbeError("INVALID_CREDENTIALS");
  throw new ProbeError("PROVIDER_ERROR", { message: `The token endpoint answered with the HTTP status ${response.status}.` });
}

const NOT_APPROVED = new ProbeError("PERMISSION_DENIED", {
  message: "The key is accepted, but this user may not use the connected app.",
  remedy: "Have an administrator pre-authorize the user's profile or permission set for the connected app.",
});

/** The audience is one of two, also for an organization at a domain of its own. */
function audienceOf(loginUrl: string): string {
  const host = URL.parse(loginUrl)?.hostname ?? "";
  return host === "test.salesforce.com" || host.includes(".sandbox.")
    ? "https://test.salesforce.com"
    : "https://login.salesforce.com";
}

async function assertion(values: ConnectionValues, audience: string): Promise<string> {
  try {
    return await new SignJWT({})
      .setProtectedHeader({ alg: "RS256" })
      .setIssuer(textOf(values, "clientId") ?? "")
      .setSubject(textOf(values, "username") ?? "")
      .setAudience(audience)
      .setExpirationTime(Math.floor(Date.now() / 1000) + 180)
      .sign(createPrivateKey(pemOf(values, "privateKey") ?? ""));
  } catch {
    throw new ProbeError("INVALID_CREDENTIALS", {
      message: "The private key cannot be read, or is no RSA key.",
      remedy: "Enter the key of the connected app's certificate as PEM text without a passphrase.",
    });
  }
}
