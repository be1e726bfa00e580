import type { Database } from "../db/database.ts";
import { RequestError } from "../lib/errors.ts";
import { count } from "../lib/metrics.ts";
import { actorOf } from "./audit.ts";
import type { Caller } from "./caller.ts";
import { noteDenial } from "./denials.ts";
import { permissionsOf, type Role } from "./permissions.ts";
import type { Services } from "./services.ts";
import { hashToken, type TokenKind, tokenKind } from "./tokens.ts";

export interface Credentials {
  /** The `Authorization` header, or `connectionParams.authorization`. */
  authorization: string | null;
  ip: string | null;
  /** The request's choice of language; null: the session's. */
  locale: string | null;
  /** We ask ourselves, about a stream that is open: nobody is at the door, and nobody is refused. */
  recheck?: boolean;
}

/** What a token was found to be, kept for a moment so that a busy caller is not looked up for every request. */
interface Entry {
  caller: Omit<Caller, "ip" | "now">;
  endedBecause: "REVOKED" | null;
  /** The database's time at the lookup, and the process's monotonic time then. */
  databaseNow: Date;
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
  const token = bearerToken(given.authorization);
  const kind = tokenKind(token);
  if (!kind) throw unauthenticated("This token is not one of ours, or is mistyped. Copy it again.");
  const entry = await entryOf(services, kind, hashToken(token), given.ip);
  const now = new Date(entry.databaseNow.getTime() + Math.floor(performance.now() - entry.lookedUpAt));
  const ended = endOf(entry, kind, now);
  if (ended && !given.recheck) noteEnded(services, entry, given.ip);
  if (ended) throw ended;
  return { ...entry.caller, ip: given.ip, locale: given.locale ?? entry.caller.locale, now };
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
  const row = kind === "mlk_" ? await findKey(services.database, hash) : await findSession(services.database, hash);
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
  const unsubscribe = services.hub.subscribe(`token:${found.caller.apiKeyId ?? found.caller.sessionId}`, () => entry.drop());
  const entry: Entry = {
    ...found,
    drop() {
      unsubscribe();
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
  services.hub.subscribe("clock:moved", () => {
    for (const entry of cache.values()) entry.drop();
  });
  return cache;
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

interface KeyRow {
  id: string;
  projectId: string;
  name: string;
  role: Role;
  permissions: string[];
  connectorSlugs: string[];
  userIds: string[];
  methods: string[];
  expiresAt: Date | null;
  revokedAt: Date | null;
  isOperator: boolean;
  allowedOrigins: string[];
  now: Date;
}

async function findKey(database: Database, hash: Buffer) {
  // A list that was never written is NULL in the database.
  const [row] = await database.query<KeyRow>(
    "auth_key",
    `SELECT k."id", k."projectId", k."name", k."role", COALESCE(k."permissions", '{}') AS "permissions",
            COALESCE(k."connectorSlugs", '{}') AS "connectorSlugs", COALESCE(k."userIds"::text[], '{}') AS "userIds",
            COALESCE(k."methods", '{}') AS "methods", k."expiresAt", k."revokedAt", p."isOperator",
            COALESCE(p."allowedOrigins", '{}') AS "allowedOrigins", moorline_now() AS "now"
     FROM "ApiKey" k JOIN "Project" p ON p."id" = k."projectId" AND p."deletedAt" IS NULL
     WHERE k."hash" = $1`,
    [hash],
  );
  if (!row) return null;
  return {
    caller: {
      projectId: row.projectId,
      role: row.role,
      permissions: permissionsOf(row.role, row.permissions),
      apiKeyId: row.id,
      sessionId: null,
      userId: null,
      isOperatorProject: row.isOperator,
      connectorSlugs: row.connectorSlugs.length > 0 ? row.connectorSlugs : null,
      userIds: row.userIds.length > 0 ? row.userIds : null,
      methods: row.methods.length > 0 ? row.methods : null,
      requestId: null,
      label: row.name,
      locale: null,
      expiresAt: row.expiresAt,
      allowedOrigins: row.allowedOrigins,
    },
    endedBecause: row.revokedAt ? ("REVOKED" as const) : null,
    databaseNow: row.now,
  };
}

interface SessionRow {
  id: string;
  projectId: string;
  userId: string;
  externalId: string;
  connectorSlugs: string[];
  allConnectors: boolean;
  requestId: string | null;
  locale: string | null;
  expiresAt: Date;
  revokedAt: Date | null;
  isOperator: boolean;
  allowedOrigins: string[];
  now: Date;
}

async function findSession(database: Database, hash: Buffer) {
  const [row] = await database.query<SessionRow>(
    "auth_session",
    `SELECT s."id", s."projectId", s."userId", u."externalId", COALESCE(s."connectorSlugs", '{}') AS "connectorSlugs", s."allConnectors", s."requestId",
            COALESCE(s."locale", u."locale") AS "locale", s."expiresAt", s."revokedAt", p."isOperator",
            COALESCE(p."allowedOrigins", '{}') AS "allowedOrigins", moorline_now() AS "now"
     FROM "UserSession" s
     JOIN "User" u ON u."projectId" = s."projectId" AND u."id" = s."userId"
     JOIN "Project" p ON p."id" = s."projectId" AND p."deletedAt" IS NULL
     WHERE s."hash" = $1`,
    [hash],
  );
  if (!row) return null;
  return {
    caller: {
      projectId: row.projectId,
      role: "END_USER" as const,
      permissions: permissionsOf("END_USER", []),
      apiKeyId: null,
      sessionId: row.id,
      userId: row.userId,
      isOperatorProject: row.isOperator,
      connectorSlugs: row.allConnectors ? null : row.connectorSlugs,
      userIds: null,
      methods: null,
      requestId: row.requestId,
      label: row.externalId,
      locale: row.locale,
      expiresAt: row.expiresAt,
      allowedOrigins: row.allowedOrigins,
    },
    endedBecause: row.revokedAt ? ("REVOKED" as const) : null,
    databaseNow: row.now,
  };
}
