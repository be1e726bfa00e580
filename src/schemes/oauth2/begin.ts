import * as oidc from "openid-client";
import { PROTOCOL_PARAMETERS } from "../../catalogue/protocol-parameters.ts";
import { configure, endpoint, expandAll } from "./client.ts";
import { createExchange } from "./exchange.ts";
import { hasQuirk } from "./quirks.ts";
import { resourceParameter, sentRedirectUri, shapeAuthorizationUrl } from "./requests.ts";
import type { BeginInput, BeginResult } from "./types.ts";

/**
 * The authorization URL (RFC 6749 section 4.1.1), with PKCE (RFC 7636) and, where the provider requires it, by a pushed request
 * (RFC 9126), which is the only case with a network call. Throws a Failure.
 */
export async function begin(input: BeginInput): Promise<BeginResult> {
  const { scheme } = input.client;
  const parameters: Record<string, string> = {
    ...expandAll(input.client, scheme.authorizationParameters),
    ...Object.fromEntries(Object.entries(input.parameters ?? {}).filter(([name]) => !PROTOCOL_PARAMETERS.has(name))),
    ...(input.loginHint && { login_hint: input.loginHint }),
    ...resourceParameter(input.client),
    redirect_uri: sentRedirectUri(input.client),
    response_type: "code",
    state: input.state,
    ...(input.scopes.length > 0 && { scope: input.scopes.join(scheme.scopeSeparator ?? " ") }),
    ...((input.scopes.includes("openid") || hasQuirk(scheme, "nonce-always")) && { nonce: input.nonce }),
    ...(await challenge(input)),
  };
  if (!scheme.pushedAuthorizationUrl || !scheme.pushedAuthorizationRequired) {
    // Where tokens come from may be told no sooner than by the callback, and is of no account here.
    const use = { tokenUrl: scheme.authorizationUrl };
    const config = await configure(input.client, () => Promise.reject(new Error("no request is made here")), use);
    return { url: shapeAuthorizationUrl(scheme, oidc.buildAuthorizationUrl(config, parameters).href) };
  }
  return pushed(input, scheme.pushedAuthorizationUrl, parameters);
}

/** RFC 7636 section 4.3. */
async function challenge({ client: { scheme }, codeVerifier }: BeginInput): Promise<Record<string, string>> {
  if (scheme.pkce === false) return {};
  if (hasQuirk(scheme, "pkce-plain")) return { code_challenge: codeVerifier, code_challenge_method: "plain" };
  return { code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier), code_challenge_method: "S256" };
}

async function pushed(input: BeginInput, template: string, parameters: Record<string, string>): Promise<BeginResult> {
  const exchange = createExchange({ ...input, url: endpoint(input.client, template), keepIdToken: false, success: 201 });
  try {
    const config = await configure(input.client, exchange.fetch);
    return { url: (await oidc.buildAuthorizationUrlWithPAR(config, parameters)).href };
  } catch (error) {
    throw exchange.explain(error);
  }
}
