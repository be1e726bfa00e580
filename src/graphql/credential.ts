import type { SchemeType } from "../catalogue/types.ts";
import type { AuthConfig, ConnectionRequest, Credential, User } from "../db/generated/client.ts";
import { assertMay } from "../domain/caller.ts";
import { OPEN_STATUSES, visibleRequests } from "../domain/connection-request.ts";
import { builtInConnector, type ConnectorView, ownView } from "../domain/connector-view.ts";
import {
  credentialOrder,
  credentialStatus,
  credentialStatusReason,
  credentialWhere,
  findCredential,
} from "../domain/credential.ts";
import { newestCredentials } from "../domain/hot-reads.ts";
import { typedParameters } from "../domain/typed-fields.ts";
import { encodeId } from "../lib/ids.ts";
import { builder, enumType } from "./builder.ts";
import { childPage, pageCost, rowPage } from "./connection.ts";
import { SchemeTypeEnum } from "./connector-scheme.ts";
import type { GraphQLContext } from "./context.ts";
import { CredentialFilterInput, orderInput } from "./filters.ts";
import {
  AuthConfigType,
  ConnectionRequestType,
  ConnectorType,
  CredentialConnection,
  CredentialEventConnection,
  CredentialEventType,
  CredentialType,
  UserType,
} from "./refs.ts";
import { childrenOf } from "./rows.ts";
import { CredentialStatusEnum } from "./statuses.ts";

const ScopeGrantType = builder.objectRef<Credential>("ScopeGrant").implement({
  description: "What was asked for and what was given.",
  fields: (t) => ({
    requested: t.exposeStringList("requestedScopes", { description: "What the provider was asked for." }),
    granted: t.exposeStringList("grantedScopes", {
      description: "What it granted; where it does not say, what was requested (RFC 6749 section 5.1).",
    }),
    missing: t.stringList({
      description: "Requested and not granted: what needs them will be refused.",
      resolve: (row) => row.requestedScopes.filter((scope) => !row.grantedScopes.includes(scope)),
    }),
  }),
});

const ProviderAccountType = builder.objectRef<Credential>("ProviderAccount").implement({
  description: "Whose account it is at the provider.",
  fields: (t) => ({
    id: t.string({ description: "The provider's own id of the account.", resolve: ({ accountId }) => accountId ?? "" }),
    name: t.exposeString("accountName", { nullable: true, description: "As the provider shows it; null: not told." }),
    email: t.exposeString("accountEmail", { nullable: true, description: "As the provider tells it; null: not told." }),
    avatarUrl: t.expose("accountAvatarUrl", {
      type: "URL",
      nullable: true,
      description: "A picture, at the provider; null: not told.",
    }),
  }),
});

/** What a row of a list has brought along, so that nobody need load it. */
interface Listed {
  user?: User;
  authConfig?: AuthConfig;
  connector?: ConnectorView;
}

function listed(row: Credential): Listed {
  return row as Listed;
}

async function readListed(
  context: GraphQLContext,
  take: number,
  after: { createdAt: Date; id: string } | null,
): Promise<Credential[]> {
  const rows = await newestCredentials(context, take, after);
  const connectors = new Map<string, ConnectorView | null>();
  return rows.map(({ credential, user, authConfig, ownConnector }) => {
    const { connectorSlug: slug } = credential;
    if (!connectors.has(slug))
      connectors.set(slug, ownConnector ? ownView(ownConnector) : builtInConnector(context.services, slug));
    const brought: Listed = { user: user ?? undefined, authConfig, connector: connectors.get(slug) ?? undefined };
    return Object.assign(credential, brought);
  });
}

builder.prismaObjectFields(CredentialType, (t) => ({
  id: t.id({ description: "`cred_…`", resolve: ({ id }) => encodeId("Credential", id) }),
  status: t.field({
    type: CredentialStatusEnum,
    description: "Whether it works.",
    resolve: (row, _args, { caller }) => credentialStatus(row, caller.now),
  }),
  statusReason: t.string({
    nullable: true,
    description:
      "Why the status is not ACTIVE, and what to do. With ACTIVE: why its access token could not be renewed lately, which is tried again by itself. Null where all is well.",
    resolve: (row, _args, { caller }) => credentialStatusReason(row, caller.now),
  }),
  enabled: t.exposeBoolean("enabled", {
    description: "False: switched off by choice. The status then is DISABLED, and on enabling what it truly is.",
  }),
  scheme: t.field({
    type: SchemeTypeEnum,
    description: "How it authenticates.",
    resolve: ({ schemeType }) => schemeType as SchemeType,
  }),
  user: t.field({
    type: UserType,
    nullable: true,
    description: "Null: the project's own.",
    resolve: (row, _args, context) => (row.userId === null ? null : (listed(row).user ?? context.loaders.users.load(row.userId))),
  }),
  connector: t.field({
    type: ConnectorType,
    description: "What it is an account of.",
    resolve: (row, _args, { loaders }) => listed(row).connector ?? loaders.connectors.load(row.connectorSlug),
  }),
  authConfig: t.field({
    type: AuthConfigType,
    description: "How it was connected.",
    resolve: (row, _args, { loaders }) => listed(row).authConfig ?? loaders.authConfigs.load(row.authConfigId),
  }),
  label: t.exposeString("label", { nullable: true, description: "For this account, where one user has several; null: none." }),
  parameters: t.field({
    type: "JSON",
    description:
      "What was typed for it and is no secret, by field name: host, subdomain, region. `{}` where nothing was. Secrets never come out here.",
    resolve: async (row, _args, { loaders }) => {
      const authConfig = listed(row).authConfig ?? (await loaders.authConfigs.load(row.authConfigId));
      const connector = listed(row).connector ?? (await loaders.connectors.load(row.connectorSlug));
      return typedParameters(authConfig, connector, row);
    },
  }),
  account: t.field({
    type: ProviderAccountType,
    nullable: true,
    description: "Whose account it is at the provider: id, name, e-mail, as far as the provider tells.",
    resolve: (row) => (row.accountId === null ? null : row),
  }),
  scopes: t.field({ type: ScopeGrantType, description: "What it may be used for.", resolve: (row) => row }),
  accessTokenExpiresAt: t.expose("accessTokenExpiresAt", {
    type: "DateTime",
    nullable: true,
    description: "When the present access token runs out; null: it does not, or the provider did not say.",
  }),
  canRefresh: t.exposeBoolean("canRefresh", { description: "True where new access tokens can be obtained without the user." }),
  lastRefreshedAt: t.expose("lastRefreshedAt", {
    type: "DateTime",
    nullable: true,
    description: "When tokens were last renewed; null: never.",
  }),
  lastUsedAt: t.expose("lastUsedAt", {
    type: "DateTime",
    nullable: true,
    description: "When it was last used or revealed; null: never.",
  }),
  lastTestedAt: t.expose("lastTestedAt", {
    type: "DateTime",
    nullable: true,
    description: "When it was last tested; null: never.",
  }),
  openRequest: t.field({
    type: ConnectionRequestType,
    nullable: true,
    description: "A re-authorization that is under way.",
    select: (_args, context, nested) => ({
      requests: nested({
        where: {
          AND: [
            visibleRequests(context),
            { kind: "REAUTHORIZE", status: { in: OPEN_STATUSES }, expiresAt: { gt: context.caller.now } },
          ],
        },
        orderBy: { createdAt: "desc" },
        take: 1,
      }),
    }),
    resolve: (row) => (row as unknown as { requests: ConnectionRequest[] }).requests[0],
  }),
  history: t.connection(
    {
      type: CredentialEventType,
      description: "Refreshes, failures, scope changes, uses, newest first.",
      complexity: pageCost,
      resolve: (row, args, context, info) =>
        childPage(context, info, {
          parent: row.id,
          args,
          model: "CredentialEvent",
          order: [{ sequence: "desc" }],
          where: {},
          children: childrenOf(context.services.database.prisma.credential, "history"),
        }),
    },
    CredentialEventConnection,
  ),
  version: t.exposeInt("version", { description: "Counts up with every change; pass it to update to refuse a lost update." }),
  createdAt: t.expose("createdAt", { type: "DateTime", description: "When it was connected." }),
  updatedAt: t.expose("updatedAt", { type: "DateTime", description: "When it last changed." }),
}));

const CredentialOrderInput = orderInput(
  "CredentialOrder",
  enumType("CredentialOrderField", "What credentials can be ordered by.", {
    CREATED_AT: "When they were connected.",
    LAST_USED_AT: "When they were last used; those never used come last.",
    EXPIRES_AT: "When their access tokens run out; those that do not come last.",
  }),
);

builder.queryFields((t) => ({
  credentials: t.connection(
    {
      type: CredentialType,
      nullable: true,
      description: "Credentials; default order: newest first. A session sees its user's own.",
      args: {
        filter: t.arg({ type: CredentialFilterInput, description: "Which credentials; absent: all." }),
        orderBy: t.arg({ type: CredentialOrderInput, description: "Absent: newest first." }),
      },
      complexity: pageCost,
      resolve: (_root, args, context, info) => {
        assertMay(context, "CREDENTIAL_READ");
        return rowPage(context, info, {
          args,
          model: "Credential",
          order: credentialOrder(args.orderBy),
          where: credentialWhere(context, args.filter),
          // The list as it is opened most often.
          ahead:
            args.filter || args.orderBy
              ? null
              : (take, after) => readListed(context, take, after && { createdAt: after[0] as Date, id: after[1] as string }),
        });
      },
    },
    CredentialConnection,
  ),
  credential: t.field({
    type: CredentialType,
    nullable: true,
    description: "One credential by its id, without its secrets. Null where there is none, or none for the caller.",
    args: { id: t.arg.id({ required: true, description: "`cred_…`" }) },
    resolve: (_root, { id }, context) => findCredential(context, id),
  }),
}));
