import type { Database } from "../db/database.ts";
import type { Caller } from "./caller.ts";
import { permissionsOf, permissionsOfSession, type Role } from "./permissions.ts";
import { AFTERMATH_SECONDS } from "./retries.ts";
import type { TokenKind } from "./tokens.ts";

/** What a token stands for at a moment of the database's time. */
export interface FoundToken {
  caller: Omit<Caller, "ip" | "now">;
  endedBecause: "REVOKED" | null;
  databaseNow: Date;
}

/** One statement for each kind of token, looked up by its hash. Null: there is no such token. */
export function findToken(database: Database, kind: TokenKind, hash: Buffer): Promise<FoundToken | null> {
  if (kind === "mlk_") return findKey(database, hash);
  return kind === "mls_" ? findSession(database, hash) : findDashboardSession(database, hash);
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

/** What a list that was never written, NULL in the database, means: nothing. */
const KEY_COLUMNS = `k."id", k."projectId", k."name", k."role", COALESCE(k."permissions", '{}') AS "permissions",
            COALESCE(k."connectorSlugs", '{}') AS "connectorSlugs", COALESCE(k."userIds"::text[], '{}') AS "userIds",
            COALESCE(k."methods", '{}') AS "methods", p."isOperator",
            COALESCE(p."allowedOrigins", '{}') AS "allowedOrigins", moorline_now() AS "now"`;

async function findKey(database: Database, hash: Buffer): Promise<FoundToken | null> {
  const [row] = await database.query<KeyRow>(
    "auth_key",
    `SELECT ${KEY_COLUMNS}, k."expiresAt", k."revokedAt"
     FROM "ApiKey" k JOIN "Project" p ON p."id" = k."projectId" AND p."deletedAt" IS NULL
     WHERE k."hash" = $1`,
    [hash],
  );
  return row ? keyFound(row) : null;
}

/** A dashboard session is its current API key, for as long as both last. */
async function findDashboardSession(database: Database, hash: Buffer): Promise<FoundToken | null> {
  const [row] = await database.query<KeyRow & { sessionId: string }>(
    "auth_dashboard",
    `SELECT ${KEY_COLUMNS}, s."id" AS "sessionId", LEAST(k."expiresAt", s."expiresAt") AS "expiresAt",
            COALESCE(s."revokedAt", k."revokedAt") AS "revokedAt"
     FROM "DashboardSession" s
     JOIN "DashboardSessionKey" h ON h."sessionId" = s."id" AND h."apiKeyId" = s."currentKeyId"
     JOIN "ApiKey" k ON k."projectId" = h."projectId" AND k."id" = h."apiKeyId"
     JOIN "Project" p ON p."id" = k."projectId" AND p."deletedAt" IS NULL
     WHERE s."hash" = $1`,
    [hash],
  );
  if (!row) return null;
  const { caller, ...found } = keyFound(row);
  return { ...found, caller: { ...caller, dashboardSessionId: row.sessionId, label: dashboardLabel(row.name) } };
}

/** Who the audit log says it was. */
export function dashboardLabel(keyName: string): string {
  return `${keyName} (dashboard)`;
}

function keyFound(row: KeyRow): FoundToken {
  return {
    caller: {
      projectId: row.projectId,
      role: row.role,
      permissions: permissionsOf(row.role, row.permissions),
      apiKeyId: row.id,
      dashboardSessionId: null,
      sessionId: null,
      userId: null,
      isOperatorProject: row.isOperator,
      connectorSlugs: row.connectorSlugs.length > 0 ? row.connectorSlugs : null,
      userIds: row.userIds.length > 0 ? row.userIds : null,
      methods: row.methods.length > 0 ? row.methods : null,
      requestId: null,
      linkId: null,
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
  userId: string | null;
  externalId: string | null;
  connectorSlugs: string[];
  allConnectors: boolean;
  requestId: string | null;
  linkId: string | null;
  locale: string | null;
  expiresAt: Date;
  revokedAt: Date | null;
  isOperator: boolean;
  allowedOrigins: string[];
  now: Date;
}

/**
 * When a session ends: of a link to a request, a while after the request has, which nobody has to write down. The request is the newest of
 * its retries.
 */
const SESSION_ENDS = `CASE WHEN s."requestId" IS NULL THEN s."expiresAt" ELSE LEAST(s."expiresAt", (
  SELECT CASE WHEN r."status" IN ('PENDING', 'AUTHORIZING', 'VERIFYING', 'EXCHANGING') THEN r."expiresAt" ELSE LEAST(r."updatedAt", r."expiresAt") END
  FROM "ConnectionRequest" r
  WHERE (r."id" = s."requestId" OR r."firstId" = s."requestId") AND r."retriedById" IS NULL LIMIT 1
) + interval '${AFTERMATH_SECONDS} seconds') END`;

async function findSession(database: Database, hash: Buffer): Promise<FoundToken | null> {
  const [row] = await database.query<SessionRow>(
    "auth_session",
    `SELECT s."id", s."projectId", s."userId", u."externalId", COALESCE(s."connectorSlugs", '{}') AS "connectorSlugs", s."allConnectors", s."requestId",
            s."linkId", COALESCE(s."locale", u."locale") AS "locale", ${SESSION_ENDS} AS "expiresAt", s."revokedAt", p."isOperator",
            COALESCE(p."allowedOrigins", '{}') AS "allowedOrigins", moorline_now() AS "now"
     FROM "UserSession" s
     LEFT JOIN "User" u ON u."projectId" = s."projectId" AND u."id" = s."userId"
     JOIN "Project" p ON p."id" = s."projectId" AND p."deletedAt" IS NULL
     WHERE s."hash" = $1`,
    [hash],
  );
  if (!row) return null;
  return {
    caller: {
      projectId: row.projectId,
      role: "END_USER" as const,
      permissions: permissionsOfSession(row.requestId ? "request" : row.linkId ? "choice" : null),
      apiKeyId: null,
      dashboardSessionId: null,
      sessionId: row.id,
      userId: row.userId,
      isOperatorProject: row.isOperator,
      connectorSlugs: row.allConnectors ? null : row.connectorSlugs,
      userIds: null,
      methods: null,
      requestId: row.requestId,
      linkId: row.linkId,
      label: row.externalId ?? "browser",
      locale: row.locale,
      expiresAt: row.expiresAt,
      allowedOrigins: row.allowedOrigins,
    },
    endedBecause: row.revokedAt ? ("REVOKED" as const) : null,
    databaseNow: row.now,
  };
}
