import * as oidc from "openid-client";
import { PROTOCOL_PARAMETERS } from "../../catalogue/protocol-parameters.ts";
import { configure, endpoint, expandAll } from "./client.ts";
import { createExchange } from "./exchange.ts";
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
    redirect_uri: input.client.redirectUri,
    state: input.state,
    ...(input.scopes.length > 0 && { scope: input.scopes.join(scheme.scopeSeparator ?? " ") }),
    ...(input.scopes.includes("openid") && { nonce: input.nonce }),
    ...(scheme.pkce !== false && {
      code_challenge: await oidc.calculatePKCECodeChallenge(input.codeVerifier),
      code_challenge_method: "S256",
    }),
  };
  if (!scheme.pushedAuthorizationUrl || !scheme.pushedAuthorizationRequired) {
    const config = await configure(input.client, () => Promise.reject(new Error("no request is made here")));
    return { url: oidc.buildAuthorizationUrl(config, parameters).href };
  }
  return pushed(input, scheme.pushedAuthorizationUrl, parameters);
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
