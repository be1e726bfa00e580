/**
 * From the URL of an API or MCP server to its authorization server: protected-resource metadata (RFC 9728), found by the challenge in the
 * answer to a call without a token, or at its well-known address.
 */
import { DEFAULT_TIMEOUT_MS } from "./exchange.ts";
import { failure, inert, networkFailure } from "./failures.ts";
import type { CallOptions } from "./types.ts";

const MAX_BYTES = 262_144;
const WELL_KNOWN = "/.well-known/oauth-protected-resource";

export interface ProtectedResource {
  /** Issuers, the first one preferred; never empty. */
  authorizationServers: string[];
  /** What the resource wants of a token, as its challenge or else its metadata says; empty where neither does. */
  scopes: string[];
}

export interface ResourceOptions extends CallOptions {
  /** Whether a plain-http address may be asked. */
  allowHttp(url: URL): boolean;
}

/** Throws a Failure. */
export async function readProtectedResource(resource: string, options: ResourceOptions): Promise<ProtectedResource> {
  const challenge = await challengeOf(resource, options);
  const places = challenge.metadata ? [challenge.metadata] : wellKnownOf(resource);
  for (const place of places) {
    const metadata = await read(place, options);
    if (metadata) return checked(resource, metadata, challenge.scopes);
  }
  throw failure("MALFORMED_RESPONSE", {
    message: "This address publishes no protected-resource metadata (RFC 9728).",
    remedy: "Check it letter by letter, or enter the issuer, or the authorization and token URLs, by hand.",
  });
}

async function challengeOf(resource: string, options: ResourceOptions) {
  // An MCP server answers a GET by its event stream, and whoever has no token by a challenge.
  const response = await ask(resource, "application/json, text/event-stream", options);
  const header = response.status === 401 ? (response.headers.get("www-authenticate") ?? "") : "";
  await response.body?.cancel().catch(() => {});
  return { metadata: parameterOf(header, "resource_metadata"), scopes: scopesIn(parameterOf(header, "scope")) };
}

/** RFC 9110 section 11.2: a token or a quoted string. */
function parameterOf(header: string, name: string): string | null {
  const found = new RegExp(`(?:^|[\\s,])${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))`, "i").exec(header);
  return found ? (found[1]?.replace(/\\(.)/g, "$1") ?? found[2] ?? null) : null;
}

function scopesIn(text: string | null): string[] {
  return (text ?? "").split(/\s+/).filter(Boolean);
}

/** RFC 9728 section 3.1: between host and path; some have it at the host alone. */
function wellKnownOf(resource: string): string[] {
  const { origin, pathname, search } = new URL(resource);
  const path = pathname === "/" ? "" : pathname;
  return [...new Set([`${origin}${WELL_KNOWN}${path}${search}`, `${origin}${WELL_KNOWN}`])];
}

async function read(place: string, options: ResourceOptions): Promise<Record<string, unknown> | null> {
  const response = await ask(place, "application/json", options);
  const text = await response.text().catch((error: unknown) => {
    throw networkFailure(error);
  });
  if (response.status !== 200) return null;
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

async function ask(place: string, accept: string, options: ResourceOptions): Promise<Response> {
  const url = URL.parse(place);
  const isSafe =
    url && !url.username && !url.password && (url.protocol === "https:" || (url.protocol === "http:" && options.allowHttp(url)));
  if (!isSafe) {
    throw failure("MALFORMED_RESPONSE", {
      message: "The protected resource names an address for its metadata that is not https.",
      remedy: "Tell whoever runs it, or enter the issuer by hand.",
    });
  }
  try {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const headers = { accept, "user-agent": "Moorline" };
    return await options.fetch(url, { method: "GET", headers, redirect: "manual", timeoutMs, maxBytes: MAX_BYTES });
  } catch (error) {
    throw networkFailure(error);
  }
}

function checked(resource: string, metadata: Record<string, unknown>, wanted: string[]): ProtectedResource {
  // RFC 9728 section 3.3: what speaks for another resource must not be used, or it could name its own authorization server for this one.
  if (!isSame(metadata.resource, resource)) {
    const named = typeof metadata.resource === "string" ? ` It names ${inert(metadata.resource, 300)}.` : "";
    throw failure("ISSUER_MISMATCH", {
      message: `The metadata found for this address are about another resource.${named}`,
      remedy: "Enter the address exactly as the metadata names it, if it is the one you mean.",
    });
  }
  const authorizationServers = texts(metadata.authorization_servers);
  if (authorizationServers.length === 0) {
    throw failure("MALFORMED_RESPONSE", {
      message: "The metadata of this resource name no authorization server.",
      remedy: "Enter the issuer, or the authorization and token URLs, by hand.",
    });
  }
  return { authorizationServers, scopes: wanted.length > 0 ? wanted : texts(metadata.scopes_supported) };
}

/** Character by character, but that an empty path is a slash (RFC 3986 section 6.2.3). */
function isSame(named: unknown, asked: string): boolean {
  if (named === asked) return true;
  return (
    typeof named === "string" &&
    named.replace(/\/$/, "") === new URL(asked).origin &&
    new URL(asked).href === `${new URL(asked).origin}/`
  );
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string" && item.length <= 2_000) : [];
}
