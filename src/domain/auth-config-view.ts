import { fieldsBeforeRedirect, fieldsFor } from "../catalogue/fields.ts";
import type { ConnectorKind, FieldDefinition, SchemeType } from "../catalogue/types.ts";
import type { Prisma } from "../db/database.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { isUserSession } from "./caller.ts";
import { type ConnectorView, schemeOf } from "./connector-view.ts";
import { anyOf, searchText } from "./input.ts";
import type { Context } from "./services.ts";

export type AuthConfigStatus = "ACTIVE" | "EXPIRED" | "ERROR" | "DISABLED";

type StatusColumns = Pick<AuthConfig, "enabled" | "clientSecretExpiresAt" | "errorReason" | "deletedAt">;

export function authConfigStatus(row: StatusColumns, now: Date): AuthConfigStatus {
  // One that is deleted is still seen from the requests that were made with it.
  if (!row.enabled || row.deletedAt) return "DISABLED";
  if (row.clientSecretExpiresAt && row.clientSecretExpiresAt <= now) return "EXPIRED";
  return row.errorReason ? "ERROR" : "ACTIVE";
}

/** Why the status is not ACTIVE, and what to do; null where it is. */
export function authConfigStatusReason(row: StatusColumns, now: Date): string | null {
  if (row.deletedAt) return "It was deleted. Make another auth config.";
  switch (authConfigStatus(row, now)) {
    case "DISABLED":
      return "It was switched off. Switch it on with setAuthConfigEnabled.";
    case "EXPIRED":
      return `The client secret ran out at ${row.clientSecretExpiresAt?.toISOString()}. Get a new one from the provider and enter it with updateAuthConfig.`;
    case "ERROR":
      return row.errorReason;
    default:
      return null;
  }
}

/** A session sees the configs of the connectors it allows; a hosted link's session its own request's. */
export function visibleAuthConfigs({ caller }: Context): Prisma.AuthConfigWhereInput {
  return {
    projectId: caller.projectId,
    deletedAt: null,
    ...(isUserSession(caller) && caller.connectorSlugs && { connectorSlug: { in: [...caller.connectorSlugs] } }),
    ...(caller.requestId && { connectionRequests: { some: { id: caller.requestId } } }),
  };
}

export interface AuthConfigFilter {
  search?: string | null;
  connectorSlug?: string | null;
  kind?: readonly ConnectorKind[] | null;
  scheme?: readonly SchemeType[] | null;
  status?: readonly AuthConfigStatus[] | null;
}

/** `search` looks into name, description (for keys) and connector slug, whatever the case. */
export function authConfigWhere(ctx: Context, filter?: AuthConfigFilter | null): Prisma.AuthConfigWhereInput {
  const and: Prisma.AuthConfigWhereInput[] = [visibleAuthConfigs(ctx)];
  const text = searchText(filter?.search);
  if (text !== null) and.push({ OR: searchIn(ctx, text) });
  if (filter?.connectorSlug != null) and.push({ connectorSlug: filter.connectorSlug.replaceAll("\0", "") });
  if (filter?.kind) and.push(anyOf(filter.kind.map((kind) => whereKind(ctx, kind))));
  if (filter?.scheme) and.push({ schemeType: { in: [...filter.scheme] } });
  if (filter?.status) and.push(anyOf(filter.status.map((status) => whereStatus(status, ctx.caller.now))));
  return { AND: and };
}

function searchIn({ caller }: Context, text: string): Prisma.AuthConfigWhereInput[] {
  const contains = { contains: text, mode: "insensitive" } as const;
  const columns = [{ name: contains }, { connectorSlug: contains }];
  // What a session is not shown it cannot search either.
  return isUserSession(caller) ? columns : [...columns, { description: contains }];
}

function whereKind({ services }: Context, kind: ConnectorKind): Prisma.AuthConfigWhereInput {
  const builtIn = services.catalogue.all();
  if (kind === "CUSTOM") return { connectorSlug: { notIn: builtIn.map(({ slug }) => slug) } };
  return { connectorSlug: { in: builtIn.filter((definition) => definition.kind === kind).map(({ slug }) => slug) } };
}

function whereStatus(status: AuthConfigStatus, now: Date): Prisma.AuthConfigWhereInput {
  const expired: Prisma.AuthConfigWhereInput = { clientSecretExpiresAt: { lte: now } };
  const unexpired: Prisma.AuthConfigWhereInput = {
    OR: [{ clientSecretExpiresAt: null }, { clientSecretExpiresAt: { gt: now } }],
  };
  if (status === "DISABLED") return { enabled: false };
  if (status === "EXPIRED") return { enabled: true, ...expired };
  return { enabled: true, ...unexpired, errorReason: status === "ERROR" ? { not: null } : null };
}

export interface AuthConfigOrder {
  field: "CREATED_AT" | "NAME" | "LAST_USED_AT";
  direction: "ASC" | "DESC";
}

/** Default: newest first. What was never used comes last. */
export function authConfigOrder(orderBy?: AuthConfigOrder | null): Prisma.AuthConfigOrderByWithRelationInput[] {
  const sort = orderBy?.direction === "ASC" ? "asc" : "desc";
  if (orderBy?.field === "NAME") return [{ name: sort }, { id: sort }];
  if (orderBy?.field === "LAST_USED_AT") return [{ lastUsedAt: { sort, nulls: "last" } }, { id: sort }];
  return [{ createdAt: sort }, { id: sort }];
}

/** What each user still has to supply: the scheme's fields, presets left out. */
export function credentialFieldsOf(
  row: Pick<AuthConfig, "schemeKey" | "presetFields">,
  connector: ConnectorView,
): FieldDefinition[] {
  const scheme = schemeOf(connector, row.schemeKey);
  return scheme ? fieldsFor(scheme, "credential").filter((field) => !row.presetFields.includes(field.name)) : [];
}

/** The subset of those that `initiateConnection` needs before the redirect. */
export function initiationFieldsOf(
  row: Pick<AuthConfig, "schemeKey" | "presetFields">,
  connector: ConnectorView,
): FieldDefinition[] {
  return fieldsBeforeRedirect(credentialFieldsOf(row, connector));
}

/** The key of an AuthConfig's parameters under which extra parameters of the authorization request stand. */
export const AUTHORIZATION_PARAMETERS = "authorizationParameters";

/** Extra parameters of the authorization request, as the project set them. */
export function stringParameters(row: Pick<AuthConfig, "parameters">): Record<string, string> {
  const extra = (row.parameters as Record<string, unknown>)[AUTHORIZATION_PARAMETERS];
  return (extra ?? {}) as Record<string, string>;
}

/** The values of the scheme's own `authConfig` fields. */
export function fieldParameters(row: Pick<AuthConfig, "parameters">): Record<string, unknown> {
  const { [AUTHORIZATION_PARAMETERS]: _extra, ...values } = row.parameters as Record<string, unknown>;
  return values;
}
