import { type InputIssueCode, InvalidInputError } from "../../lib/errors.ts";

/** Where a call goes: `target` is the path with its query, as it stands in the request line. */
export interface ApiAddress {
  origin: string;
  target: string;
}

/** What a request line may hold (RFC 9112 section 3.2.1), and the characters that many clients leave unencoded. */
const PATH = /^[\x21\x22\x24-\x3e\x40-\x5b\x5d-\x7e]*$/;
const QUERY = /^[\x21\x22\x24-\x7e]*$/;
/** `..` may be encoded, and the encoding encoded: no honest path is so more often than this. */
const DECODINGS = 5;

/**
 * A path below the API's base, never beside it: it is appended and not resolved, so that no host in it is ever read as one, and whatever a
 * server behind might take for a step upwards is refused, since the base may be a part of the origin only. `isOneResource`: the base is all
 * that there is (an MCP server), and the path `/` is the base itself, without a slash of ours. Throws InvalidInputError.
 */
export function apiAddress(baseUrl: string, path: string, query: string, isOneResource = false): ApiAddress {
  assertTarget(path, query);
  const base = new URL(baseUrl);
  const search = query === "" ? "" : `?${query}`;
  if (isOneResource && path === "/") return { origin: base.origin, target: `${base.pathname}${search}` };
  const prefix = base.pathname.replace(/\/+$/, "");
  const target = `${prefix}${path}${search}`;
  // What was put together must be what a URL parser reads.
  const read = URL.parse(base.origin + target);
  if (read?.origin !== base.origin || !read.pathname.startsWith(`${prefix}/`)) throw refused("path", "NOT_ALLOWED", OUTSIDE);
  return { origin: base.origin, target };
}

const OUTSIDE = "The path must stay below the connector's API: no host, and no “.” or “..” segments, encoded or not.";

/** The half of it that needs no base. Throws InvalidInputError. */
export function assertTarget(path: string, query: string): void {
  if (!QUERY.test(query)) throw refused("query", "PATTERN", "The query must be percent-encoded ASCII, without a “#”.");
  if (!path.startsWith("/") || path.startsWith("//") || /^\/[a-z][a-z0-9+.-]*:\/\//i.test(path)) {
    throw refused("path", "NOT_ALLOWED", "Give the path alone, relative to the connector's API, such as /v1/me.");
  }
  if (!PATH.test(path))
    throw refused(
      "path",
      "PATTERN",
      "The path must be percent-encoded ASCII, without “#” and backslashes. What follows a “?” goes into `query`.",
    );
  const segments = fullyDecoded(path)?.split(/[/\\]/);
  // What follows a semicolon some servers cut off before they look (RFC 3986 section 3.3).
  if (!segments || segments.some((segment) => /^\.{1,2}(;|$)/.test(segment))) throw refused("path", "NOT_ALLOWED", OUTSIDE);
}

/** By bytes, since what is not UTF-8 would stop decodeURIComponent; null: encoded too often. */
function fullyDecoded(path: string): string | null {
  let text = path;
  for (let time = 0; time < DECODINGS; time += 1) {
    const next = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    if (next === text) return text;
    text = next;
  }
  return null;
}

/** The caller's query byte for byte, but for the parameters that are the scheme's to set. */
export function withParameters(query: string, own: Readonly<Record<string, string>>): string {
  const names = Object.keys(own);
  if (names.length === 0) return query;
  const kept = query.split("&").filter((pair) => pair !== "" && !names.includes(nameOf(pair)));
  const added = names.map((name) => `${encodeURIComponent(name)}=${encodeURIComponent(own[name] ?? "")}`);
  return [...kept, ...added].join("&");
}

function nameOf(pair: string): string {
  return new URLSearchParams(pair).keys().next().value ?? "";
}

function refused(field: string, code: InputIssueCode, message: string): InvalidInputError {
  return InvalidInputError.at([field], code, message);
}
