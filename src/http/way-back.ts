import type { IncomingMessage } from "node:http";
import { readCookies, serializeCookie } from "./cookies.ts";

/**
 * Which link with a choice a request was begun from, kept by the browser that began it on the page without scripts, so that the request's
 * own pages can lead back there. The hosted page keeps the same for a tab (src/web/connect/way-back.ts). Lax: the browser comes back from
 * the provider.
 */
export function wayBackCookie(publicUrl: string, requestId: string, token: string, maxAgeSeconds: number): string {
  const cookie = { name: cookieName(publicUrl, requestId), value: token, maxAgeSeconds };
  return serializeCookie(cookie, publicUrl.startsWith("https:"));
}

/** The path of that link's list; null: this browser knows of none. */
export function wayBack(request: IncomingMessage, publicUrl: string, requestId: string): string | null {
  const token = readCookies(request)[cookieName(publicUrl, requestId)];
  return token && /^[\w-]{43}$/.test(token) ? `/connect/${token}/plain` : null;
}

/** `__Host-` (RFC 6265bis section 4.1.3.2) needs Secure, which a plain-http loopback cannot have. */
function cookieName(publicUrl: string, requestId: string): string {
  const name = `moorline-choice-${requestId}`;
  return publicUrl.startsWith("https:") ? `__Host-${name}` : name;
}
