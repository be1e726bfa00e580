import type { Prisma } from "../db/database.ts";
import { visibleAuthConfigs } from "./auth-config-view.ts";
import { visibleCredentials } from "./credential.ts";
import type { Context } from "./services.ts";

/** A session: its user's credentials with these connectors. For an API key, which is no user, nothing. */
export function viewerCredentialsWhere(ctx: Context, slugs: readonly string[]): Prisma.CredentialWhereInput {
  if (!ctx.caller.userId) return { id: { in: [] } };
  return { AND: [visibleCredentials(ctx), { connectorSlug: { in: [...slugs] } }] };
}

/** The visible configs of these connectors. */
export function connectorAuthConfigsWhere(ctx: Context, slugs: readonly string[]): Prisma.AuthConfigWhereInput {
  return { AND: [visibleAuthConfigs(ctx), { connectorSlug: { in: [...slugs] } }] };
}
