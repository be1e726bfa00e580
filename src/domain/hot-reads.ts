/**
 * The hottest reads by hand, each one statement that stays prepared: for these, what Prisma does around a statement costs several times
 * the statement. Everything else is read by Prisma.
 */
import type { AuthConfig, ConnectionRequest, Credential, CustomConnector, User } from "../db/generated/client.ts";
import { isUserSession } from "./caller.ts";
import type { Context, Services } from "./services.ts";

/**
 * What `visibleCredentials` says, in SQL: a test holds the two together. One text for keys and one for sessions, because PostgreSQL keeps
 * the plan of a statement only where no parameter could make it a much simpler one, as `$2 IS NULL OR …` could.
 */
const VISIBLE_TO = {
  key: `c."projectId" = $1::uuid AND c."deletedAt" IS NULL`,
  session: `c."projectId" = $1::uuid AND c."deletedAt" IS NULL AND c."userId" = $2::uuid
    AND ($3::text[] IS NULL OR c."connectorSlug" = ANY($3))
    AND ($4::uuid IS NULL OR EXISTS (
      SELECT 1 FROM "ConnectionRequest" r
      WHERE r."projectId" = c."projectId" AND r."credentialId" = c."id" AND (r."id" = $4 OR r."firstId" = $4)))`,
};

/** The same for `visibleRequests`. */
const REQUESTS_VISIBLE_TO = {
  key: `r."projectId" = $1::uuid`,
  session: `r."projectId" = $1::uuid AND r."userId" = $2::uuid
    AND ($3::text[] IS NULL OR r."connectorSlug" = ANY($3)) AND ($4::uuid IS NULL OR r."id" = $4 OR r."firstId" = $4)`,
};

type Text = (visible: string, next: (nth: number) => string) => string;

/** `next(1)` is the statement's own first parameter, behind those of `visible`. */
function query<Row>(
  { services, caller }: Context,
  name: string,
  text: Text,
  values: unknown[],
  visible = VISIBLE_TO,
): Promise<Row[]> {
  const { projectId, userId, connectorSlugs, requestId } = caller;
  if (!isUserSession(caller)) {
    const own = text(visible.key, (nth) => `$${1 + nth}`);
    return services.database.query<Row>(`${name}_key`, own, [projectId, ...values]);
  }
  // A session without a user sees what is nobody's; `IS NOT DISTINCT FROM` for both would not use an index.
  const nobodys = visible.session.replace('"userId" = $2::uuid', '"userId" IS NULL AND $2::uuid IS NULL');
  const own = text(userId === null ? nobodys : visible.session, (nth) => `$${4 + nth}`);
  return services.database.query<Row>(`${name}_${userId === null ? "nobodys" : "session"}`, own, [
    projectId,
    userId,
    connectorSlugs,
    requestId,
    ...values,
  ]);
}

const one: Text = (visible, next) =>
  `SELECT row_to_json(c) AS "credential" FROM "Credential" c WHERE ${visible} AND c."id" = ${next(1)}::uuid`;

/** By its UUID; null where it does not exist for this caller. */
export async function readCredential(ctx: Context, id: string): Promise<Credential | null> {
  const [row] = await query<{ credential: Credential }>(ctx, "credential", one, [id]);
  return row ? credentialFromJson(row.credential) : null;
}

const oneRequest: Text = (visible, next) =>
  `SELECT row_to_json(r) AS "request" FROM "ConnectionRequest" r WHERE ${visible} AND r."id" = ${next(1)}::uuid`;

/** By its UUID; null where it does not exist for this caller. */
export async function readRequest(ctx: Context, id: string): Promise<ConnectionRequest | null> {
  const [row] = await query<{ request: ConnectionRequest }>(ctx, "request", oneRequest, [id], REQUESTS_VISIBLE_TO);
  if (!row) return null;
  withDates(row.request, "createdAt", "updatedAt", "expiresAt", "deviceExpiresAt", "devicePollAt", "deviceLeaseUntil");
  return withLists(row.request, "requestedScopes");
}

/** A credential with what lists show beside it. */
export interface ListedCredential {
  credential: Credential;
  user: User | null;
  authConfig: AuthConfig;
  /** The project's own connector; null: built in. */
  ownConnector: CustomConnector | null;
}

/**
 * JSON, because a row as one value is far cheaper to read than its columns one by one; subqueries, because each finds its row by a key,
 * where a JOIN under a LIMIT may read whole tables; the LIMIT (1 to 101) in the text, because a plan that doesn't know it isn't kept.
 */
const page =
  (take: number, behind: boolean): Text =>
  (visible, next) =>
    `
  SELECT row_to_json(c) AS "credential",
    (SELECT row_to_json(u) FROM "User" u WHERE u."projectId" = c."projectId" AND u."id" = c."userId") AS "user",
    (SELECT row_to_json(a)::text FROM "AuthConfig" a WHERE a."projectId" = c."projectId" AND a."id" = c."authConfigId") AS "authConfig",
    (SELECT row_to_json(o)::text FROM "CustomConnector" o WHERE o."projectId" = c."projectId" AND o."slug" = c."connectorSlug")
      AS "ownConnector"
  FROM "Credential" c WHERE ${visible} ${behind ? `AND (c."createdAt", c."id") < (${next(1)}::timestamptz, ${next(2)}::uuid)` : ""}
  ORDER BY c."createdAt" DESC, c."id" DESC LIMIT ${Math.trunc(take)}`;

/** The newest first, from behind `after` on: the default order of lists, without a filter. Rows that several refer to are one object. */
export async function newestCredentials(
  ctx: Context,
  take: number,
  after: { createdAt: Date; id: string } | null,
): Promise<ListedCredential[]> {
  const name = `${after ? "credentials_after" : "credentials"}_${take}`;
  const values = after ? [after.createdAt, after.id] : [];
  const rows = await query<Listed>(ctx, name, page(take, after !== null), values);
  const shared = new Map<string, unknown>();
  const once = <Row>(text: string, read: (row: Row) => Row): Row => {
    if (!shared.has(text)) shared.set(text, read(JSON.parse(text)));
    return shared.get(text) as Row;
  };
  return rows.map(({ credential, user, authConfig, ownConnector }) => ({
    credential: credentialFromJson(credential),
    user: user && withDates(user, "createdAt", "updatedAt", "deletedAt"),
    authConfig: once(authConfig, authConfigFromJson),
    ownConnector: ownConnector === null ? null : once(ownConnector, connectorFromJson),
  }));
}

interface Listed {
  credential: Credential;
  user: User | null;
  /** JSON as text: the same one many times over, which need not be parsed each time. */
  authConfig: string;
  ownConnector: string | null;
}

/** The same of an auth config. */
export function authConfigFromJson(row: AuthConfig): AuthConfig {
  withDates(row, "clientSecretExpiresAt", "lastUsedAt", "createdAt", "updatedAt", "deletedAt");
  return withLists(row, "scopes", "flows", "presetFields");
}

function connectorFromJson(row: CustomConnector): CustomConnector {
  return withDates(row, "createdAt", "updatedAt", "deletedAt");
}

/** A row as `row_to_json` writes it, made what Prisma would give. */
export function credentialFromJson(row: Credential): Credential {
  withDates(row, "accessTokenExpiresAt", "lastRefreshedAt", "lastUsedAt", "lastTestedAt", "createdAt", "updatedAt", "deletedAt");
  return withLists(row, "requestedScopes", "grantedScopes");
}

function withDates<Row extends object>(row: Row, ...columns: (keyof Row)[]): Row {
  for (const column of columns) {
    const value = row[column];
    if (typeof value === "string") row[column] = new Date(value) as Row[keyof Row];
  }
  return row;
}

const CONNECTORS = `SELECT o.* FROM "CustomConnector" o WHERE o."projectId" = $1::uuid AND o."slug" = ANY($2)`;

/** The project's own connectors of these slugs, those of deleted ones too. */
export function customConnectors(services: Services, projectId: string, slugs: readonly string[]): Promise<CustomConnector[]> {
  return services.database.query<CustomConnector>("custom_connectors", CONNECTORS, [projectId, slugs]);
}

const USERS = `SELECT u.* FROM "User" u WHERE u."projectId" = $1::uuid AND u."id" = ANY($2::uuid[])`;

/** The users that visible rows refer to, by UUID. */
export async function usersById(ctx: Context, ids: readonly string[]): Promise<ReadonlyMap<string, User>> {
  const rows = await ctx.services.database.query<User>("users", USERS, [ctx.caller.projectId, ids]);
  return new Map(rows.map((row) => [row.id, row]));
}

const AUTH_CONFIGS = `SELECT a.* FROM "AuthConfig" a WHERE a."projectId" = $1::uuid AND a."id" = ANY($2::uuid[])`;

/** The auth configs that visible rows refer to, by UUID. */
export async function authConfigsById(ctx: Context, ids: readonly string[]): Promise<ReadonlyMap<string, AuthConfig>> {
  const rows = await ctx.services.database.query<AuthConfig>("auth_configs", AUTH_CONFIGS, [ctx.caller.projectId, ids]);
  return new Map(rows.map((row) => [row.id, withLists(row, "scopes", "flows", "presetFields")]));
}

/** A list that was never written is NULL in the database, which Prisma reads as an empty one. */
function withLists<Row extends object>(row: Row, ...columns: (keyof Row)[]): Row {
  for (const column of columns) row[column] ??= [] as Row[keyof Row];
  return row;
}
