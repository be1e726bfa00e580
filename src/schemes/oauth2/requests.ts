import type { OAuth2SchemeDefinition } from "../../catalogue/types.ts";
import { expandAll } from "./client.ts";
import { hasQuirk, quirkValue } from "./quirks.ts";
import type { TokenClient, TokenScheme } from "./types.ts";

const USER_AGENT = "Moorline";

/** A request to a token-like endpoint as this provider wants it: its own names of parameters, where they stand, and its headers. */
export function shapeRequest(client: TokenClient, endpoint: string, init: RequestInit): { url: string; init: RequestInit } {
  const { scheme } = client;
  const headers = new Headers(init.headers);
  headers.set("user-agent", USER_AGENT);
  for (const [name, value] of Object.entries(expandAll(client, scheme.tokenHeaders))) headers.set(name, value);
  const parameters = renamed(scheme, new URLSearchParams(String(init.body ?? "")));
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

/**
 * The authorization URL as this provider wants it. One with a fragment is a page that routes in the browser: what is asked of it belongs
 * behind its route.
 */
export function shapeAuthorizationUrl(scheme: OAuth2SchemeDefinition, href: string): string {
  const url = new URL(href);
  const parameters = renamed(scheme, url.searchParams);
  const type = quirkValue(scheme, "response-type");
  if (type === "none") parameters.delete("response_type");
  else if (type !== null) parameters.set("response_type", type);
  url.search = url.hash === "" ? parameters.toString() : "";
  if (url.hash !== "") url.hash += `?${parameters}`;
  return url.href;
}

function renamed(scheme: TokenScheme, parameters: URLSearchParams): URLSearchParams {
  const names: Readonly<Record<string, string>> = scheme.parameterNames ?? {};
  return new URLSearchParams([...parameters].map(([name, value]) => [Object.hasOwn(names, name) ? names[name]! : name, value]));
}

/** RFC 8707: what the tokens are for. */
export function resourceParameter(client: TokenClient): Record<string, string> {
  const { resource } = client.scheme;
  return resource === undefined ? {} : expandAll(client, { resource });
}
