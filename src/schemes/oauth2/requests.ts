import { createHmac, randomUUID } from "node:crypto";
import type { OAuth2SchemeDefinition, RequestSignatureDefinition } from "../../catalogue/types.ts";
import { expandAll } from "./client.ts";
import { hasQuirk, quirkValue } from "./quirks.ts";
import type { TokenClient } from "./types.ts";

const USER_AGENT = "Moorline";

/** A request to a token-like endpoint as this provider wants it: its own names of parameters, where they stand, and its headers. */
export function shapeRequest(client: TokenClient, endpoint: string, init: RequestInit): { url: string; init: RequestInit } {
  const { scheme } = client;
  const headers = new Headers(init.headers);
  headers.set("user-agent", USER_AGENT);
  const more = { random: randomUUID() };
  for (const [name, value] of Object.entries(expandAll(client, scheme.tokenHeaders, more))) headers.set(name, value);
  const given = new URLSearchParams(String(init.body ?? ""));
  if (given.has("redirect_uri"))
    given.set("redirect_uri", sentRedirectUri({ redirectUri: given.get("redirect_uri")!, ...client }));
  if (scheme.tokenRequestSignature) return signed(client, scheme.tokenRequestSignature, { endpoint, headers, given });
  const parameters = renamed(scheme.parameterNames, given);
  const method = init.method === "GET" || hasQuirk(scheme, "token-request-get") ? "GET" : "POST";
  if (method === "GET" || scheme.tokenBodyFormat === "QUERY") {
    headers.delete("content-type");
    const url = new URL(endpoint);
    for (const [name, value] of parameters) url.searchParams.append(name, value);
    return { url: url.href, init: { method, headers } };
  }
  if (scheme.tokenBodyFormat !== "JSON") return { url: endpoint, init: { method, headers, body: parameters.toString() } };
  headers.set("content-type", "application/json");
  return { url: endpoint, init: { method, headers, body: JSON.stringify(Object.fromEntries(parameters)) } };
}

function signed(
  client: TokenClient,
  { parameters, timeHeader, signatureHeader }: RequestSignatureDefinition,
  { endpoint, headers, given }: { endpoint: string; headers: Headers; given: URLSearchParams },
): { url: string; init: RequestInit } {
  const kept = parameters.filter((name) => given.has(name)).map((name) => [name, given.get(name)] as const);
  const body = JSON.stringify(Object.fromEntries(kept));
  const time = String(Date.now());
  const signature = createHmac("sha256", client.clientSecret?.reveal() ?? "").update(body + time);
  headers.set("content-type", "application/json");
  headers.set(timeHeader, time);
  headers.set(signatureHeader, signature.digest("hex"));
  return { url: endpoint, init: { method: "POST", headers, body } };
}

/**
 * The authorization URL as this provider wants it. One with a fragment is a page that routes in the browser: what is asked of it belongs
 * behind its route.
 */
export function shapeAuthorizationUrl(scheme: OAuth2SchemeDefinition, href: string): string {
  const url = new URL(href);
  const names = { ...scheme.parameterNames, ...scheme.authorizationParameterNames };
  const parameters = new URLSearchParams(url.searchParams);
  const type = quirkValue(scheme, "response-type");
  if (type === "none") parameters.delete("response_type");
  else if (type !== null) parameters.set("response_type", type);
  const written = renamed(names, parameters);
  url.search = url.hash === "" ? written.toString() : "";
  if (url.hash !== "") url.hash += `?${written}`;
  const fragment = quirkValue(scheme, "authorization-fragment");
  if (fragment !== null) url.hash = fragment;
  return url.href;
}

/** What the provider knows our redirect URI by: as a rule, itself. */
export function sentRedirectUri(client: TokenClient & { redirectUri: string }): string {
  const own = client.scheme.redirectUri;
  return (own && expandAll(client, { own }).own) || client.redirectUri;
}

function renamed(names: Readonly<Record<string, string>> = {}, parameters: URLSearchParams): URLSearchParams {
  const taken = new Set(Object.values(names));
  // Nobody's extra parameter stands in for one of the protocol's, under whatever name.
  const own = [...parameters].filter(([name]) => Object.hasOwn(names, name) || !taken.has(name));
  return new URLSearchParams(own.map(([name, value]) => [Object.hasOwn(names, name) ? names[name]! : name, value]));
}

/** RFC 8707: what the tokens are for. */
export function resourceParameter(client: TokenClient): Record<string, string> {
  const { resource } = client.scheme;
  return resource === undefined ? {} : expandAll(client, { resource });
}
