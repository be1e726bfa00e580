import type { IncomingMessage, ServerResponse } from "node:http";
import type { Caller } from "../domain/caller.ts";
import type { OriginList } from "../domain/origins.ts";
import { RequestError } from "../lib/errors.ts";
import { send } from "./respond.ts";

/** An `Origin` header is ours, a front end's of some project, or refused. Null: there was none (no browser, or same-origin GET). */
export type OriginVerdict = { kind: "none" } | { kind: "own" } | { kind: "registered"; origin: string };

export interface Cors {
  /** Before the token is known: against the union of all projects' origins. Throws RequestError 403. */
  screen(request: IncomingMessage): Promise<OriginVerdict>;
  /** Once it is known: against the caller's own project. Throws RequestError 403. */
  assertCaller(verdict: OriginVerdict, caller: Caller): void;
  preflight(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

const NO_ORIGIN: OriginVerdict = { kind: "none" };
const OWN: OriginVerdict = { kind: "own" };
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** An allow list, never a reflection: what goes out in `Access-Control-Allow-Origin` is a string that a project registered. */
export function createCors(publicUrl: () => string, isRegistered: OriginList): Cors {
  async function screen(request: IncomingMessage): Promise<OriginVerdict> {
    const origin = request.headers.origin;
    if (origin === undefined) return NO_ORIGIN;
    if (isOwn(origin, publicUrl())) return OWN;
    if (origin.length <= 2048 && (await isRegistered(origin))) return { kind: "registered", origin };
    throw refused();
  }

  function assertCaller(verdict: OriginVerdict, caller: Caller): void {
    if (verdict.kind === "registered" && !caller.allowedOrigins.includes(verdict.origin)) throw refused();
  }

  async function preflight(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const verdict = await screen(request);
    send(response, 204, {
      ...corsHeaders(verdict),
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "authorization, content-type, accept-language",
      "access-control-max-age": "600",
      vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    });
  }

  return { screen, assertCaller, preflight };
}

export function corsHeaders(verdict: OriginVerdict): Record<string, string> {
  if (verdict.kind !== "registered") return { vary: "Origin" };
  return {
    vary: "Origin",
    "access-control-allow-origin": verdict.origin,
    "access-control-expose-headers": "retry-after, www-authenticate",
  };
}

/** The public URL's own origin; on a loopback one, its other spellings too (a developer opens 127.0.0.1 as soon as localhost). */
function isOwn(origin: string, publicUrl: string): boolean {
  if (origin === publicUrl) return true;
  const own = new URL(publicUrl);
  if (!LOOPBACK.includes(own.hostname)) return false;
  const other = URL.parse(origin);
  return (
    other !== null &&
    other.origin === origin &&
    other.protocol === own.protocol &&
    other.port === own.port &&
    LOOPBACK.includes(other.hostname)
  );
}

function refused(): RequestError {
  return new RequestError(
    "FORBIDDEN",
    "This web page's origin is not registered: add it to the project's allowedOrigins (updateProject).",
    403,
  );
}
