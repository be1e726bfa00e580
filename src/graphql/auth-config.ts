import type { SchemeType } from "../catalogue/types.ts";
import {
  authConfigOrder,
  authConfigStatus,
  authConfigStatusReason,
  authConfigWhere,
  credentialFieldsOf,
  initiationFieldsOf,
  visibleAuthConfigs,
} from "../domain/auth-config.ts";
import { assertMay, isUserSession } from "../domain/caller.ts";
import { redirectUri } from "../domain/connector.ts";
import { credentialOrder, credentialWhere, visibleCredentials } from "../domain/credential.ts";
import { providerVerifyToken, providerWebhookUrl } from "../domain/provider-webhook.ts";
import { isTyped } from "../domain/request-flow.ts";
import { decodeId, encodeId } from "../lib/ids.ts";
import { builder, enumType } from "./builder.ts";
import { childPage, pageCost, rowPage } from "./connection.ts";
import { ConnectorKindEnum } from "./connector.ts";
import { FieldSpecType, SchemeTypeEnum } from "./connector-scheme.ts";
import type { GraphQLContext } from "./context.ts";
import { CredentialFilterInput, orderInput } from "./filters.ts";
import { AuthConfigConnection, AuthConfigType, ConnectorType, CredentialConnection, CredentialType } from "./refs.ts";
import { childrenOf } from "./rows.ts";
import { ConnectionFlowEnum } from "./statuses.ts";

const AuthConfigStatusEnum = enumType(
  "AuthConfigStatus",
  "Whether connections can be made. Closed: a new value would be a breaking change.",
  {
    ACTIVE: "It can be used.",
    EXPIRED: "Its client secret has run out.",
    ERROR: "The provider refuses the client itself.",
    DISABLED: "Switched off by choice.",
  },
);

/** A session sees of a config only what it needs to connect. */
function forKeys<Value>({ caller }: GraphQLContext, value: Value): Value | null {
  return isUserSession(caller) ? null : value;
}

builder.prismaObjectFields(AuthConfigType, (t) => ({
  id: t.id({ description: "`ac_…`", resolve: ({ id }) => encodeId("AuthConfig", id) }),
  name: t.exposeString("name", { description: "For people." }),
  description: t.string({
    nullable: true,
    description: "More for people; null: not given.",
    resolve: (row, _args, context) => forKeys(context, row.description),
  }),
  connector: t.field({
    type: ConnectorType,
    description: "What it is for.",
    resolve: (row, _args, { loaders }) => loaders.connectors.load(row.connectorSlug),
  }),
  scheme: t.field({
    type: SchemeTypeEnum,
    description: "How it authenticates.",
    resolve: ({ schemeType }) => schemeType as SchemeType,
  }),
  schemeKey: t.exposeString("schemeKey", { description: "Which of the connector's schemes." }),
  status: t.field({
    type: AuthConfigStatusEnum,
    description: "Whether connections can be made.",
    resolve: (row, _args, { caller }) => authConfigStatus(row, caller.now),
  }),
  statusReason: t.string({
    nullable: true,
    description: "Why the status is not ACTIVE.",
    resolve: (row, _args, context) => forKeys(context, authConfigStatusReason(row, context.caller.now)),
  }),
  ownApp: t.boolean({
    nullable: true,
    description: "False: it uses the operator's default developer app. Null, too, where the scheme has no OAuth client at all.",
    resolve: (row, _args, context) => (isTyped(row) ? null : forKeys(context, row.ownApp)),
  }),
  clientId: t.string({
    nullable: true,
    description: "Of the project's own app at the provider; null: the operator's is used.",
    resolve: (row, _args, context) => forKeys(context, row.clientId),
  }),
  webhookUrl: t.field({
    type: "URL",
    nullable: true,
    description:
      "Where the provider may post its webhooks: their signature is checked, and they are passed on to the project's webhooks as `provider_webhook.received`. What the provider asks there first is answered. Null where Moorline does not know how this provider signs.",
    resolve: async ({ id, connectorSlug }, _args, context) => {
      const { webhooks } = await context.loaders.connectors.load(connectorSlug);
      return webhooks ? forKeys(context, providerWebhookUrl(context.services, id)) : null;
    },
  }),
  webhookVerifyToken: t.string({
    nullable: true,
    description:
      "What to enter at the provider as verify token beside `webhookUrl`; it changes with the secret that webhooks are checked with. Null where the provider asks for none, or that secret is missing.",
    resolve: async (row, _args, context) => {
      if (isUserSession(context.caller)) return null;
      const { webhooks } = await context.loaders.connectors.load(row.connectorSlug);
      return providerVerifyToken(context.services, row, webhooks);
    },
  }),
  hasWebhookSecret: t.boolean({
    nullable: true,
    description: "Whether it holds a secret to check the provider's webhooks with; never the secret itself.",
    resolve: (row, _args, context) => forKeys(context, row.hasWebhookSecret),
  }),
  hasClientSecret: t.boolean({
    nullable: true,
    description: "Never the secret itself.",
    resolve: (row, _args, context) => forKeys(context, row.hasClientSecret),
  }),
  clientSecretExpiresAt: t.field({
    type: "DateTime",
    nullable: true,
    description: "When the client secret runs out, where the project said so: then the status becomes EXPIRED.",
    resolve: (row, _args, context) => forKeys(context, row.clientSecretExpiresAt),
  }),
  scopes: t.stringList({
    nullable: true,
    description: "What is asked for with every connection.",
    resolve: (row, _args, context) => forKeys(context, row.scopes),
  }),
  redirectUri: t.field({
    type: "URL",
    nullable: true,
    description: "The connector's, exactly, character for character; null where the scheme has no redirect.",
    resolve: async (row, _args, context) =>
      isTyped(row) ? null : forKeys(context, redirectUri(context, await context.loaders.connectors.load(row.connectorSlug))),
  }),
  flows: t.field({
    type: [ConnectionFlowEnum],
    nullable: true,
    description: "Which flows may be used; default AUTHORIZATION_CODE alone, since a device code can be handed to a victim.",
    resolve: (row, _args, context) => forKeys(context, row.flows as ("AUTHORIZATION_CODE" | "DEVICE" | "CLIENT_CREDENTIALS")[]),
  }),
  parameters: t.field({
    type: "JSON",
    nullable: true,
    description: "Non-secret values: subdomain, region, base URL, extra authorization parameters.",
    resolve: (row, _args, context) => forKeys(context, row.parameters),
  }),
  presetFields: t.stringList({
    nullable: true,
    description: "Names of the credential fields that are set here for every user of this config.",
    resolve: (row, _args, context) => forKeys(context, row.presetFields),
  }),
  credentialFields: t.field({
    type: [FieldSpecType],
    description: "What each user still has to supply, presets left out.",
    resolve: async (row, _args, { loaders }) => credentialFieldsOf(row, await loaders.connectors.load(row.connectorSlug)),
  }),
  initiationFields: t.field({
    type: [FieldSpecType],
    description: "The subset of those that `initiateConnection` needs before the redirect.",
    resolve: async (row, _args, { loaders }) => initiationFieldsOf(row, await loaders.connectors.load(row.connectorSlug)),
  }),
  credentialCount: t.relationCount("credentials", {
    description: "Credentials in any state but REVOKED; for a session, its user's own.",
    where: (_args, context) => ({ AND: [visibleCredentials(context), { health: { not: "REVOKED" } }] }),
  }),
  lastUsedAt: t.field({
    type: "DateTime",
    nullable: true,
    description: "When a credential of it was last revealed or used for a call, to the minute or so; null: never.",
    resolve: (row, _args, context) => forKeys(context, row.lastUsedAt),
  }),
  credentials: t.connection(
    {
      type: CredentialType,
      description: "The credentials made with it, newest first; for a session, its user's own.",
      args: { filter: t.arg({ type: CredentialFilterInput, description: "Which credentials; absent: all." }) },
      complexity: pageCost,
      resolve: (row, args, context, info) =>
        childPage(context, info, {
          parent: row.id,
          args,
          model: "Credential",
          order: credentialOrder(null),
          where: credentialWhere(context, args.filter),
          children: childrenOf(context.services.database.prisma.authConfig, "credentials"),
        }),
    },
    CredentialConnection,
  ),
  version: t.int({
    nullable: true,
    description: "Counts up with every change; pass it to update to refuse a lost update.",
    resolve: (row, _args, context) => forKeys(context, row.version),
  }),
  createdAt: t.expose("createdAt", { type: "DateTime", description: "When it was created." }),
  updatedAt: t.expose("updatedAt", { type: "DateTime", description: "When it was last changed." }),
}));

const AuthConfigFilterInput = builder.inputType("AuthConfigFilter", {
  description: "What must hold of an auth config; absent or null: anything.",
  fields: (t) => ({
    search: t.string({ description: "Part of name, description or connector slug, whatever the case." }),
    connectorSlug: t.string({ description: "For this connector." }),
    kind: t.field({ type: [ConnectorKindEnum], description: "For a connector of one of these kinds." }),
    scheme: t.field({ type: [SchemeTypeEnum], description: "With one of these kinds of authentication." }),
    status: t.field({ type: [AuthConfigStatusEnum], description: "In one of these states now." }),
  }),
});

const AuthConfigOrderInput = orderInput(
  "AuthConfigOrder",
  enumType("AuthConfigOrderField", "What auth configs can be ordered by.", {
    CREATED_AT: "When they were created.",
    NAME: "Their names.",
    LAST_USED_AT: "When a connection was last made; those never used come last.",
  }),
);

builder.queryFields((t) => ({
  authConfigs: t.connection(
    {
      type: AuthConfigType,
      nullable: true,
      description: "The project's auth configs; default order: newest first. A session sees those of the connectors it allows.",
      args: {
        filter: t.arg({ type: AuthConfigFilterInput, description: "Which configs; absent: all." }),
        orderBy: t.arg({ type: AuthConfigOrderInput, description: "Absent: newest first." }),
      },
      complexity: pageCost,
      resolve: (_root, args, context, info) => {
        assertMay(context, "AUTH_CONFIG_READ");
        return rowPage(context, info, {
          args,
          model: "AuthConfig",
          order: authConfigOrder(args.orderBy),
          where: authConfigWhere(context, args.filter),
        });
      },
    },
    AuthConfigConnection,
  ),
  authConfig: t.prismaField({
    type: AuthConfigType,
    nullable: true,
    description: "One auth config by its id. Null where there is none, or none for the caller.",
    args: { id: t.arg.id({ required: true, description: "`ac_…`" }) },
    resolve: (query, _root, { id }, context) => {
      assertMay(context, "AUTH_CONFIG_READ");
      const uuid = decodeId("AuthConfig", id);
      if (!uuid) return null;
      return context.services.database.prisma.authConfig.findFirst({
        ...query,
        where: { AND: [visibleAuthConfigs(context), { id: uuid }] },
      });
    },
  }),
}));
