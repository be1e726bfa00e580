/**
 * The hottest reads by hand, each one statement that stays prepared: for these, what Prisma does around a statement costs several times
 * the statement. Everything else is read by Prisma.
 */
import type { AuthConfig, Credential, CustomConnector, User } from "../db/generated/client.ts";
import type { Context, Services } from "./services.ts";

/** What `visibleCredentials` says, in SQL: a test holds the two together. */
const VISIBLE_CREDENTIALS = `
  SELECT c.* FROM "Credential" c
  WHERE c."projectId" = $1::uuid AND c."deletedAt" IS NULL
    AND ($2::uuid IS NULL OR c."userId" = $2 AND ($3::text[] IS NULL OR c."connectorSlug" = ANY($3)))
    AND ($4::uuid IS NULL OR EXISTS (
      SELECT 1 FROM "ConnectionRequest" r WHERE r."projectId" = c."projectId" AND r."credentialId" = c."id" AND r."id" = $4))`;

const CREDENTIAL = `${VISIBLE_CREDENTIALS} AND c."id" = $5::uuid`;

/** By its UUID; null where it does not exist for this caller. */
export async function readCredential(ctx: Context, id: string): Promise<Credential | null> {
  const [row] = await ctx.services.database.query<Credential>("credential", CREDENTIAL, [...viewer(ctx), id]);
  return row ? withLists(row, "requestedScopes", "grantedScopes") : null;
}

const NEWEST = `${VISIBLE_CREDENTIALS} ORDER BY c."createdAt" DESC, c."id" DESC LIMIT $5::int`;
const NEWEST_AFTER = `${VISIBLE_CREDENTIALS} AND (c."createdAt", c."id") < ($6::timestamptz, $7::uuid)
  ORDER BY c."createdAt" DESC, c."id" DESC LIMIT $5::int`;

/** The newest first, from behind `after` on: the default order of lists, without a filter. */
export async function newestCredentials(
  ctx: Context,
  take: number,
  after: { createdAt: Date; id: string } | null,
): Promise<Credential[]> {
  const { database } = ctx.services;
  const values = [...viewer(ctx), take];
  const rows = after
    ? await database.query<Credential>("credentials_after", NEWEST_AFTER, [...values, after.createdAt, after.id])
    : await database.query<Credential>("credentials", NEWEST, values);
  return rows.map((row) => withLists(row, "requestedScopes", "grantedScopes"));
}

/** $1 to $4 of {@link VISIBLE_CREDENTIALS}. */
function viewer({ caller }: Context): unknown[] {
  return [caller.projectId, caller.userId, caller.connectorSlugs, caller.requestId];
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
