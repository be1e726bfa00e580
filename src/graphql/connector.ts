import { setupGuideOf } from "../catalogue/setup-guide.ts";
import { authConfigOrder, visibleAuthConfigs } from "../domain/auth-config.ts";
import { may } from "../domain/caller.ts";
import {
  type ConnectorView,
  connectorCategories,
  connectorPage,
  managedAppOf,
  redirectUri,
  visibleConnector,
} from "../domain/connector.ts";
import { credentialOrder, visibleCredentials } from "../domain/credential.ts";
import { hasRedirect } from "../domain/request-flow.ts";
import { builder, enumType } from "./builder.ts";
import { childPage, pageCost, pageSize } from "./connection.ts";
import { ConnectorSchemeType, SchemeTypeEnum } from "./connector-scheme.ts";
import { orderInput } from "./filters.ts";
import {
  AuthConfigConnection,
  AuthConfigType,
  ConnectorConnection,
  ConnectorType,
  CredentialConnection,
  CredentialType,
  NodeInterface,
} from "./refs.ts";
import { childrenBySlug } from "./rows.ts";

export const ConnectorKindEnum = enumType("ConnectorKind", "What a connector stands for. CUSTOM: defined by this project.", {
  OAUTH2_PROVIDER: "An OAuth 2.0 provider with users' accounts.",
  API: "A web API with other authentication.",
  NATIVE: "Something with a protocol of its own: a database, a broker, a mail server.",
  CUSTOM: "Defined by this project.",
});

const WebhookSigningEnum = enumType("WebhookSigning", "What a provider signs the webhooks with that it sends.", {
  CLIENT_SECRET: "The OAuth client's secret: there is nothing more to enter.",
  WEBHOOK_SECRET: "A secret of its own, which the AuthConfig holds as `webhookSecret`.",
});

ConnectorType.implement({
  interfaces: [NodeInterface],
  description: "A third party that users can connect accounts of: built in, or defined by the project.",
  fields: (t) => ({
    id: t.exposeID("id", { description: "`conn_<slug>`, or `ccn_…` for a project's own." }),
    slug: t.exposeString("slug", { description: "Its name in inputs: ^[a-z][a-z0-9-]{1,40}$." }),
    name: t.exposeString("name", { description: "For people." }),
    description: t.exposeString("description", { nullable: true, description: "What it is, in a sentence; null: not given." }),
    logoUrl: t.field({
      type: "URL",
      nullable: true,
      description: "Served by Moorline or given by the project; null: draw the initials.",
      resolve: ({ logoUrl }) => logoUrl,
    }),
    kind: t.field({ type: ConnectorKindEnum, description: "What it stands for.", resolve: ({ kind }) => kind }),
    categories: t.exposeStringList("categories", { description: "Slugs of the categories that it is in." }),
    docsUrl: t.expose("docsUrl", { type: "URL", nullable: true, description: "The provider's documentation; null: not known." }),
    redirectUri: t.field({
      type: "URL",
      nullable: true,
      description:
        "What to register at the provider before there is a client id; the same for every config of this connector. Null where no scheme has a redirect.",
      resolve: (connector, _args, context) => (connector.schemes.some(hasRedirect) ? redirectUri(context, connector) : null),
    }),
    setupGuide: t.stringList({
      description: "How to obtain this provider's client id and secret, step by step. Empty where none are needed.",
      resolve: (connector) => [...setupGuideOf(connector)],
    }),
    schemes: t.field({
      type: [ConnectorSchemeType],
      description: "The ways to authenticate, the recommended one first.",
      resolve: (connector) => connector.schemes.map((scheme) => ({ connector, scheme })),
    }),
    webhookSigning: t.field({
      type: WebhookSigningEnum,
      nullable: true,
      description:
        "How the provider's webhooks are checked; null: Moorline does not know how this provider signs, and takes none.",
      resolve: ({ webhooks }) => (webhooks ? (webhooks.secret ?? "WEBHOOK_SECRET") : null),
    }),
    definition: t.field({
      type: "JSON",
      nullable: true,
      description:
        "Of one that the project defined: `baseUrl`, `scheme` and `verification` as they were given, for updateConnector, or createConnector in another project. Null: built in, or not for the caller, who may not change it.",
      resolve: ({ given }, _args, { caller }) => (given && may(caller, "CONNECTOR_WRITE") ? given : null),
    }),
    managedAppAvailable: t.boolean({
      description: "True where the operator of this Moorline set a default developer app for it.",
      resolve: (connector, _args, { services }) => managedAppOf(services, connector) !== null,
    }),
    connectable: t.boolean({
      description: "True where the caller could initiate a connection now: an enabled AuthConfig exists, or a managed app.",
      resolve: (connector, _args, { loaders }) => loaders.connectable.load(connector),
    }),
    authConfigs: t.connection(
      {
        type: AuthConfigType,
        description: "The auth configs for this connector, newest first.",
        complexity: pageCost,
        resolve: (connector, args, context, info) =>
          childPage(context, info, {
            parent: connector.slug,
            args,
            model: "AuthConfig",
            order: authConfigOrder(null),
            where: visibleAuthConfigs(context),
            children: childrenBySlug(context.services.database.prisma.authConfig),
          }),
      },
      AuthConfigConnection,
    ),
    viewerCredentials: t.connection(
      {
        type: CredentialType,
        description:
          "A session: its user's credentials with this connector; one SQL statement for a whole page of connectors. Empty for an API key.",
        complexity: pageCost,
        resolve: (connector, args, context, info) =>
          childPage(context, info, {
            parent: connector.slug,
            args,
            model: "Credential",
            order: credentialOrder(null),
            // An API key has no user: no row has that id.
            where: { AND: [visibleCredentials(context), { userId: context.caller.userId ?? { in: [] } }] },
            children: childrenBySlug(context.services.database.prisma.credential),
          }),
      },
      CredentialConnection,
    ),
  }),
});

const ConnectorCategoryType = builder
  .objectRef<{ slug: string; name: string; connectorCount: number }>("ConnectorCategory")
  .implement({
    description: "A shelf of the catalogue.",
    fields: (t) => ({
      slug: t.exposeString("slug", { description: "Its name in filters." }),
      name: t.exposeString("name", { description: "For people." }),
      connectorCount: t.exposeInt("connectorCount", { description: "How many connectors of it the caller sees." }),
    }),
  });

const ConnectorFilterInput = builder.inputType("ConnectorFilter", {
  description: "What must hold of a connector; absent or null: anything.",
  fields: (t) => ({
    search: t.string({ description: "In name, slug and categories; forgives typing errors." }),
    slugs: t.stringList({ description: "One of these." }),
    category: t.string({ description: "In the category of this slug." }),
    kind: t.field({ type: [ConnectorKindEnum], description: "Of one of these kinds." }),
    scheme: t.field({ type: [SchemeTypeEnum], description: "With a scheme of one of these types." }),
    connectable: t.boolean({ description: "Whether a connection could be initiated now." }),
  }),
});

const ConnectorOrderInput = orderInput(
  "ConnectorOrder",
  enumType("ConnectorOrderField", "What connectors can be ordered by.", {
    NAME: "Their names, as a dictionary would.",
    RELEVANCE: "How well they match `search`: the best first when descending, as where there is a search and no `orderBy`.",
  }),
);

/** The domain's page of a list in memory, as connections want it. */
function listPage(page: Awaited<ReturnType<typeof connectorPage>>) {
  return {
    edges: page.edges as { node: ConnectorView; cursor: string }[],
    pageInfo: page.pageInfo,
    totalCount: () => Promise.resolve(page.totalCount),
  };
}

builder.queryFields((t) => ({
  connectors: t.connection(
    {
      type: ConnectorType,
      nullable: true,
      description:
        "The connectors that there are, built in and the project's own. Default order: by name; with `search`, best match first.",
      args: {
        filter: t.arg({ type: ConnectorFilterInput, description: "Which connectors; absent: all." }),
        orderBy: t.arg({ type: ConnectorOrderInput, description: "Absent: by name, or relevance with `search`." }),
      },
      complexity: pageCost,
      resolve: async (_root, args, context) => {
        pageSize(args);
        return listPage(await connectorPage(context, args));
      },
    },
    ConnectorConnection,
  ),
  connector: t.field({
    type: ConnectorType,
    nullable: true,
    description: "One connector by its slug. Null where there is none, or none for the caller.",
    args: { slug: t.arg.string({ required: true, description: "As in `Connector.slug`." }) },
    resolve: (_root, { slug }, context) => visibleConnector(context, slug),
  }),
  connectorCategories: t.field({
    type: [ConnectorCategoryType],
    description: "The shelves of the catalogue, by name, as far as the caller sees connectors on them.",
    resolve: (_root, _args, context) => connectorCategories(context),
  }),
}));
