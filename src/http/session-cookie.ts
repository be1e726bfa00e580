import type { IncomingMessage } from "node:http";
import { tokenKind } from "../domain/tokens.ts";
import { readCookies, serializeCookie } from "./cookies.ts";
import type { OriginVerdict } from "./cors.ts";

/**
 * Sessions of our own pages. A page names its session in a header that no other origin may send (it is in no preflight's answer), which makes
 * that header the proof against forged requests; the token itself is in a cookie that no script can read.
 */
export const SESSION_HEADER = "moorline-session";

const NAME = /^(dashboard|connect-[0-9a-f]{8})$/;

/** `__Host-` (RFC 6265bis section 4.1.3.2) needs Secure, which a plain-http loopback cannot have. */
export function sessionCookieName(publicUrl: string, name: string): string {
  return publicUrl.startsWith("https:") ? `__Host-moorline-${name}` : `moorline-${name}`;
}

/** A `Set-Cookie` value. An empty token with 0 seconds takes the cookie away. */
export function sessionCookie(publicUrl: string, name: string, token: string, maxAgeSeconds: number): string {
  const cookie = { name: sessionCookieName(publicUrl, name), value: token, maxAgeSeconds, sameSite: "Strict" as const };
  return serializeCookie(cookie, publicUrl.startsWith("https:"));
}

/** Whether a page of ours has sent it. `verdict` is what its `Origin` was found to be; what a browser itself says of it goes first. */
export function isSameOrigin(request: IncomingMessage, verdict: OriginVerdict): boolean {
  if (verdict.kind === "registered") return false;
  const site = request.headers["sec-fetch-site"];
  return site === undefined ? verdict.kind === "own" : site === "same-origin";
}

/** The token of the session that a POST names; null where it names none, or where its cookie does not count. */
export function requestSession(request: IncomingMessage, verdict: OriginVerdict, publicUrl: string): string | null {
  const name = request.headers[SESSION_HEADER];
  if (name === undefined || request.headers.authorization !== undefined || request.method !== "POST") return null;
  return isSameOrigin(request, verdict) ? sessionToken(readCookies(request), publicUrl, name) : null;
}

/** The token of the session called `name` among the cookies of a request that may carry it. */
export function sessionToken(cookies: Record<string, string>, publicUrl: string, name: unknown): string | null {
  if (typeof name !== "string" || !NAME.test(name)) return null;
  const token = cookies[sessionCookieName(publicUrl, name)];
  const kind = token ? tokenKind(token) : null;
  return token && kind === (name === "dashboard" ? "mld_" : "mls_") ? token : null;
}
