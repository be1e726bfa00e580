/**
 * The types of the entities and their connections, without fields: each entity's own file adds those. Since every file
 * may refer to every type through this one, none of them imports another.
 */
import { getTypeBrand } from "@pothos/core";
import type { ConnectorView } from "../domain/connector.ts";
import { builder } from "./builder.ts";

export const NodeInterface = builder.interfaceRef<object>("Node");
NodeInterface.implement({
  description: "An object that can be read again by its id, with `node`.",
  resolveType: (value) => String(getTypeBrand(value)),
  fields: (t) => ({
    id: t.id({
      description: "Globally unique and opaque, for ever the same object.",
      resolve: () => {
        throw new Error("Each type resolves its own id.");
      },
    }),
  }),
});

export const ProjectType = builder.prismaObject("Project", {
  interfaces: [NodeInterface],
  description: "A closed world: development, staging and production are three projects. Nothing crosses.",
});

export const ApiKeyType = builder.prismaObject("ApiKey", {
  interfaces: [NodeInterface],
  description: "A key of a back end or an operator. The key itself was shown once and is not stored.",
});

export const UserType = builder.prismaObject("User", {
  interfaces: [NodeInterface],
  description: "An end user of the project's product.",
});

export const ConnectorType = builder.objectRef<ConnectorView>("Connector");

export const AuthConfigType = builder.prismaObject("AuthConfig", {
  interfaces: [NodeInterface],
  description:
    "How the users of this project authenticate with one connector: whose OAuth app, which scopes, which instance. Null fields: not for the caller.",
});

export const ConnectionRequestType = builder.prismaObject("ConnectionRequest", {
  interfaces: [NodeInterface],
  description: `One attempt of one user to connect one account. Its history is stored: a client that lost its socket,
reloaded or came late reads the present state and misses nothing.`,
});

export const CredentialType = builder.prismaObject("Credential", {
  interfaces: [NodeInterface],
  description:
    "One connected account: what was granted, and whether it still works. The secrets themselves are never fields of it.",
});

export const CredentialEventType = builder.prismaObject("CredentialEvent", {
  description: "Something that happened to a credential.",
});

export const AuditEventType = builder.prismaObject("AuditEvent", {
  interfaces: [NodeInterface],
  description: "Who did what, when, and whether it was allowed. Written with the change itself, never changed afterwards.",
});

export const WebhookType = builder.prismaObject("Webhook", {
  interfaces: [NodeInterface],
  description: `Where a product's back end hears of changes, by a signed POST (Standard Webhooks): ids and states, never secrets. For ADMIN keys.
A delivery is made at least once: the same \`webhook-id\` may come twice. What happens to one credential or connection request is first sent in
order, but a delivery that had to be repeated comes late: \`data.sequence\` is the order.
Any 2xx within 15 seconds is a success. Anything else is tried again for three days, less and less often, or when Retry-After says;
410 switches the webhook off. Redirects are not followed, and private addresses not called.`,
});

export const WebhookDeliveryType = builder.prismaObject("WebhookDelivery", {
  interfaces: [NodeInterface],
  description: "One event on its way to one webhook, kept for 30 days.",
});

type NodeRef = Parameters<typeof builder.connectionObject>[0]["type"];

/** The one `XConnection` and `XEdge` of a type. */
function connectionOf<Ref extends NodeRef>(type: Ref, name: string, plural: string) {
  return builder.connectionObject(
    {
      type,
      name: `${name}Connection`,
      description: `A page of ${plural}.`,
      fields: (t) => ({
        totalCount: t.int({
          description: "How many there are in all, over every page. Costs a count: leave it out where it is not shown.",
          resolve: (page) => page.totalCount(),
        }),
      }),
    },
    { name: `${name}Edge`, description: `One of ${plural}, with its cursor.` },
  );
}

export const ProjectConnection = connectionOf(ProjectType, "Project", "projects");
export const ApiKeyConnection = connectionOf(ApiKeyType, "ApiKey", "API keys");
export const UserConnection = connectionOf(UserType, "User", "users");
export const ConnectorConnection = connectionOf(ConnectorType, "Connector", "connectors");
export const AuthConfigConnection = connectionOf(AuthConfigType, "AuthConfig", "auth configs");
export const ConnectionRequestConnection = connectionOf(ConnectionRequestType, "ConnectionRequest", "connection requests");
export const CredentialConnection = connectionOf(CredentialType, "Credential", "credentials");
export const CredentialEventConnection = connectionOf(CredentialEventType, "CredentialEvent", "credential events");
export const AuditEventConnection = connectionOf(AuditEventType, "AuditEvent", "audit events");
export const WebhookConnection = connectionOf(WebhookType, "Webhook", "webhooks");
export const WebhookDeliveryConnection = connectionOf(WebhookDeliveryType, "WebhookDelivery", "deliveries of webhooks");
