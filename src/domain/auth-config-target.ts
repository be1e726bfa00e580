import type { AuthConfig } from "../db/generated/client.ts";
import { ConflictError, NotFoundError } from "../lib/errors.ts";
import { decodeId } from "../lib/ids.ts";
import { authConfigStatus, visibleAuthConfigs } from "./auth-config-view.ts";
import { isUserSession } from "./caller.ts";
import { findConnector } from "./connector.ts";
import { managedAppOf } from "./connector-view.ts";
import type { Context } from "./services.ts";
import type { Db } from "./user-ref.ts";

export { credentialFieldsOf, initiationFieldsOf, stringParameters } from "./auth-config-view.ts";

/** `input ConnectTarget @oneOf`: either a config, or a connector that has exactly one enabled config. */
export interface ConnectTarget {
  authConfigId?: string | null;
  connectorSlug?: string | null;
  /** UUID, for what already refers to its config (a re-authorization); never from a client. */
  row?: string;
}

/** Throws NotFoundError, or ConflictError AMBIGUOUS_AUTH_CONFIG, NO_AUTH_CONFIG, or CONFLICT for a config that is switched off. */
export async function resolveTarget(
  ctx: Context,
  target: ConnectTarget,
  db: Db = ctx.services.database.prisma,
): Promise<AuthConfig> {
  const id = target.row ?? (target.authConfigId != null ? decodeId("AuthConfig", target.authConfigId) : undefined);
  const row = id === undefined ? await byConnector(ctx, db, target.connectorSlug ?? "") : await byId(ctx, db, id);
  if (authConfigStatus(row, ctx.caller.now) === "DISABLED") {
    throw new ConflictError(
      "CONFLICT",
      `The auth config “${row.name}” is switched off. Switch it on with setAuthConfigEnabled, or use another one.`,
    );
  }
  return row;
}

async function byId(ctx: Context, db: Db, id: string | null): Promise<AuthConfig> {
  const row = id ? await db.authConfig.findFirst({ where: { AND: [visibleAuthConfigs(ctx), { id }] } }) : null;
  if (!row) throw new NotFoundError("There is no such auth config in this project. Check the id.");
  return row;
}

async function byConnector(ctx: Context, db: Db, slug: string): Promise<AuthConfig> {
  const connector = isAllowed(ctx, slug) ? await findConnector(ctx, slug, db) : null;
  if (!connector) throw new NotFoundError("There is no such connector. Query.connectors lists them all.");
  const rows = await db.authConfig.findMany({
    where: { AND: [visibleAuthConfigs(ctx), { connectorSlug: connector.slug, enabled: true }] },
    orderBy: { id: "asc" },
    take: 2,
  });
  const [only, another] = rows;
  if (!only) {
    const how = managedAppOf(ctx.services, connector) ? " A default app is there: connectorSlug and name are enough." : "";
    throw new ConflictError(
      "NO_AUTH_CONFIG",
      `${connector.name} has no enabled auth config. Create one with createAuthConfig.${how}`,
    );
  }
  if (another)
    throw new ConflictError(
      "AMBIGUOUS_AUTH_CONFIG",
      `${connector.name} has several enabled auth configs. Name one by authConfigId.`,
    );
  return only;
}

function isAllowed({ caller }: Context, slug: string): boolean {
  return !isUserSession(caller) || !caller.connectorSlugs || caller.connectorSlugs.includes(slug);
}
