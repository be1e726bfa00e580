import { RequestError } from "../lib/errors.ts";
import { count } from "../lib/metrics.ts";
import { actorOf } from "./audit.ts";
import { type Caller, tokenIds } from "./caller.ts";
import { noteDenial } from "./denials.ts";
import type { Services } from "./services.ts";
import { type FoundToken, findToken } from "./token-rows.ts";
import { hashToken, type TokenKind, tokenKind } from "./tokens.ts";

/** What a caller holds. */
export interface Held {
  /** The `Authorization` header, or `connectionParams.authorization`. */
  authorization: string | null;
  /** The token of a session cookie, of which the HTTP face has found that a page of ours sent it. It counts where there is no `authorization`. */
  cookie?: string | null;
}

export interface Credentials extends Held {
  ip: string | null;
  /** The request's choice of language; null: the session's. */
  locale: string | null;
  /** We ask ourselves, about a stream that is open: nobody is at the door, and nobody is refused. */
  recheck?: boolean;
}

/** What a token was found to be, kept for a moment so that a busy caller is not looked up for every request. */
interface Entry extends FoundToken {
  /** The process's monotonic time when the lookup began: what its answer took counts as past, so that no token outlives its end. */
  lookedUpAt: number;
  drop(): void;
}

const CACHE_MS = 1_000;
const MAX_CACHED = 10_000;
/** An API key's `lastUsedAt` is written at most so often. */
const LAST_USED_MS = 60_000;

const caches = new WeakMap<Services, Map<string, Entry>>();

/** Who is calling. Throws RequestError UNAUTHENTICATED or SESSION_EXPIRED (401), which never says more than a stranger may know. */
export async function authenticate(services: Services, given: Credentials): Promise<Caller> {
  const { token, kind } = tokenOf(given);
  const entry = await entryOf(services, kind, hashToken(token), given.ip);
  const now = new Date(entry.databaseNow.getTime() + Math.floor(performance.now() - entry.lookedUpAt));
  const ended = endOf(entry, kind, now);
  if (ended && !given.recheck) noteEnded(services, entry, given.ip);
  if (ended) throw ended;
  return { ...entry.caller, ip: given.ip, locale: given.locale ?? entry.caller.locale, now };
}

function tokenOf({ authorization, cookie }: Held): { token: string; kind: TokenKind } {
  const fromCookie = authorization === null && Boolean(cookie);
  const token = fromCookie ? cookie! : bearerToken(authorization);
  const kind = tokenKind(token);
  if (fromCookie) {
    // An API key is never kept in a browser.
    if (kind === "mls_" || kind === "mld_") return { token, kind };
    throw unauthenticated("There is no session in this cookie. Sign in again.");
  }
  if (!kind) throw unauthenticated("This token is not one of ours, or is mistyped. Copy it again.");
  if (kind === "mld_") throw unauthenticated("A dashboard session counts in its cookie only. Send an API key instead.");
  return { token, kind };
}

function bearerToken(authorization: string | null): string {
  if (!authorization)
    throw unauthenticated(
      "A token is needed: send “Authorization: Bearer mlk_…” (an API key) or “Bearer mls_…” (a user session).",
    );
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization.trim()) ?? [];
  if (!token) throw unauthenticated("The Authorization header must have the form “Bearer <token>”.");
  return token;
}

/** Null while the token holds. */
function endOf(entry: Entry, kind: TokenKind, now: Date): RequestError | null {
  const expired = entry.caller.expiresAt !== null && entry.caller.expiresAt <= now;
  if (!expired && !entry.endedBecause) return null;
  if (kind === "mls_")
    return new RequestError("SESSION_EXPIRED", "This user session has ended. Get a new one from your back end.", 401);
  if (kind === "mld_")
    return new RequestError("SESSION_EXPIRED", "This dashboard session, or its API key, has ended. Sign in again.", 401);
  return unauthenticated(
    entry.endedBecause ? "This API key has been revoked. Use another one." : "This API key has expired. Use another one.",
  );
}

function unauthenticated(message: string): RequestError {
  return new RequestError("UNAUTHENTICATED", message, 401);
}

async function entryOf(services: Services, kind: TokenKind, hash: Buffer, ip: string | null): Promise<Entry> {
  const cache = cacheOf(services);
  const key = hash.toString("base64");
  const cached = cache.get(key);
  if (cached && performance.now() - cached.lookedUpAt < CACHE_MS) return cached;
  cached?.drop();
  const lookedUpAt = performance.now();
  const row = await findToken(services.database, kind, hash);
  if (!row) {
    // It belongs to no project, and so into no project's audit log.
    services.log.info({ ip, kind }, "an unknown token was refused");
    count("refused_tokens", { reason: "unknown" });
    throw unauthenticated("This token is unknown. Check that it belongs to this Moorline.");
  }
  return remember(services, cache, key, { ...row, lookedUpAt });
}

/** Keeps the entry until it is told that the key or session has changed. */
function remember(services: Services, cache: Map<string, Entry>, key: string, found: Omit<Entry, "drop">): Entry {
  cache.get(key)?.drop();
  const subscriptions = tokenIds(found.caller).map((id) => services.hub.subscribe(`token:${id}`, () => entry.drop()));
  const entry: Entry = {
    ...found,
    drop() {
      for (const unsubscribe of subscriptions) unsubscribe();
      if (cache.get(key) === entry) cache.delete(key);
    },
  };
  // The oldest come first. What is no longer good for anything goes, however many users come by once.
  for (const oldest of cache.values()) {
    if (cache.size < MAX_CACHED && found.lookedUpAt - oldest.lookedUpAt < CACHE_MS) break;
    oldest.drop();
  }
  cache.set(key, entry);
  if (found.caller.apiKeyId) noteUse(services, found.caller.apiKeyId, found.databaseNow);
  return entry;
}

function cacheOf(services: Services): Map<string, Entry> {
  const known = caches.get(services);
  if (known) return known;
  const cache = new Map<string, Entry>();
  caches.set(services, cache);
  // Whoever moves the database's clock says so; times read from it before mean nothing any more.
  services.hub.subscribe("clock:moved", () => forgetCallers(services));
  services.hub.subscribe("origins:changed", (signal) => forgetCallers(services, "id" in signal ? signal.id : undefined));
  return cache;
}

/** Whoever has just named other origins may call from them with the next request; other processes hear of it. */
export function forgetCallers(services: Services, projectId?: string): void {
  for (const entry of cacheOf(services).values()) {
    if (projectId === undefined || entry.caller.projectId === projectId) entry.drop();
  }
}

const notedUses = new WeakMap<Services, Map<string, number>>();

/** Beside the request, not before it: nobody waits for `lastUsedAt`. */
function noteUse(services: Services, apiKeyId: string, now: Date): void {
  const noted = notedUses.get(services) ?? new Map<string, number>();
  notedUses.set(services, noted);
  if (now.getTime() - (noted.get(apiKeyId) ?? Number.NEGATIVE_INFINITY) < LAST_USED_MS) return;
  if (noted.size >= MAX_CACHED) noted.clear();
  noted.set(apiKeyId, now.getTime());
  services.database
    .query(
      "auth_used",
      `UPDATE "ApiKey" SET "lastUsedAt" = $2 WHERE "id" = $1::uuid AND ("lastUsedAt" IS NULL OR "lastUsedAt" < $2)`,
      [apiKeyId, now],
    )
    .catch((error: unknown) => services.log.debug({ err: error }, "The last use of an API key was not noted."));
}

/** A token that has ended and is still tried is in its project's audit log. */
function noteEnded(services: Services, { caller, endedBecause, databaseNow: now }: Entry, ip: string | null): void {
  const key = (caller.apiKeyId ?? caller.sessionId)!;
  count("refused_tokens", { reason: endedBecause ? "revoked" : "expired" });
  noteDenial(services, key, actorOf({ ...caller, ip, now }), { details: { reason: endedBecause ?? "EXPIRED" } });
}
