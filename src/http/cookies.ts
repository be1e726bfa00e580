import type { IncomingMessage } from "node:http";

/** As the domain hands it out; the name already says whether it is a `__Host-` cookie. */
export interface CookieToSet {
  name: string;
  value: string;
  maxAgeSeconds: number;
  /** Default Lax: it comes along when a link or a redirect of another site leads to us. */
  sameSite?: "Lax" | "Strict";
}

/** RFC 6265bis section 5. A `__Host-` name needs Secure, Path=/ and no Domain. */
export function serializeCookie(cookie: CookieToSet, secure: boolean): string {
  const attributes = [
    `${cookie.name}=${encodeURIComponent(cookie.value)}`,
    "Path=/",
    "HttpOnly",
    `SameSite=${cookie.sameSite ?? "Lax"}`,
    `Max-Age=${cookie.maxAgeSeconds}`,
  ];
  if (secure) attributes.push("Secure");
  return attributes.join("; ");
}

/** Name to value, the first of a name winning; what is no cookie is left out. */
export function readCookies(request: IncomingMessage): Record<string, string> {
  const cookies: Record<string, string> = Object.create(null);
  for (const part of (request.headers.cookie ?? "").split(";")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, equals).trim();
    if (equals < 1 || name in cookies) continue;
    cookies[name] = decode(part.slice(equals + 1).trim());
  }
  return cookies;
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
