import type { Ids, Kind } from "./matrix-world.ts";

type Variables = Record<string, unknown>;

export interface Case {
  /** Good arguments, with ids of the caller's own project. `isSession`: a session names no user. */
  variables?: (ids: Ids, isSession: boolean) => Variables;
  /** What each id argument names, by its path; where it stands in for something, other arguments. */
  ids?: Record<string, Kind | readonly Kind[] | { kind: Kind; variables: (ids: Ids) => Variables }>;
  /** What a success uses up. */
  consumes?: Kind;
}

const EVERY_NODE = [
  "Project",
  "ApiKey",
  "AuthConfig",
  "Connector",
  "BuiltInConnector",
  "User",
  "Credential",
  "ConnectionRequest",
  "AuditEvent",
  "Webhook",
  "WebhookDelivery",
] as const;

const CREDENTIAL_FILTER = {
  "filter.user.id": "User",
  "filter.user.externalId": "ExternalId",
  "filter.connectorSlug": "UsedSlug",
  "filter.authConfigId": "AuthConfig",
} as const;

const REQUEST_FILTER = { ...CREDENTIAL_FILTER, "filter.credentialId": "Credential" } as const;

const byId = (kind: Kind, more: Variables = {}, consumes?: Kind): Case => ({
  variables: (ids) => ({ input: { id: ids[kind], ...more } }),
  ids: { "input.id": kind },
  ...(consumes && { consumes }),
});

const ofUser = (kind: Kind): Case => ({
  variables: (ids) => ({ input: { user: { id: ids[kind] } } }),
  ids: { "input.user.id": kind, "input.user.externalId": "ExternalId" },
});

/** A connector without a config says NO_AUTH_CONFIG: it was found. */
const TARGET_AND_USER = {
  "input.target.authConfigId": "TypedAuthConfig",
  "input.target.connectorSlug": "Slug",
  "input.user.id": "User",
  "input.user.externalId": "ExternalId",
} as const;

const ofTypedConfig: Case = {
  variables: (ids, isSession) => ({
    input: { target: { authConfigId: ids.TypedAuthConfig }, fields: {}, ...(!isSession && { user: { id: ids.User } }) },
  }),
  ids: TARGET_AND_USER,
};

/** By root field: a field of the schema without a case fails the test, and so does an id argument without a kind. */
export const CASES: Record<string, Case> = {
  "Query.viewer": {},
  "Query.node": { variables: (ids) => ({ id: ids.Credential }), ids: { id: EVERY_NODE } },
  "Query.nodes": { variables: (ids) => ({ ids: [ids.Credential] }), ids: { "ids[]": EVERY_NODE } },
  "Query.connectors": { ids: { "filter.slugs[]": "Slug" } },
  "Query.connector": { variables: (ids) => ({ slug: ids.Slug }), ids: { slug: "Slug" } },
  "Query.connectorCategories": {},
  "Query.authConfigs": { ids: { "filter.connectorSlug": "UsedSlug" } },
  "Query.authConfig": { variables: (ids) => ({ id: ids.AuthConfig }), ids: { id: "AuthConfig" } },
  "Query.users": {},
  "Query.user": { variables: (ids) => ({ by: { id: ids.User } }), ids: { "by.id": "User", "by.externalId": "ExternalId" } },
  "Query.credentials": { ids: CREDENTIAL_FILTER },
  "Query.credential": { variables: (ids) => ({ id: ids.Credential }), ids: { id: "Credential" } },
  "Query.connectionRequests": { ids: REQUEST_FILTER },
  "Query.connectionRequest": { variables: (ids) => ({ id: ids.ConnectionRequest }), ids: { id: "ConnectionRequest" } },
  "Query.projects": {},
  "Query.apiKeys": {},
  "Query.webhooks": {},
  "Query.keyRotation": {},
  "Query.auditVerification": { ids: { projectId: "Project" } },
  "Query.auditEvents": { ids: { "filter.actorId": "ApiKey", "filter.targetId": "AuthConfig" } },

  "Mutation.createProject": { variables: () => ({ input: { name: "Another" } }) },
  "Mutation.updateProject": byId("Project", { name: "home" }),
  "Mutation.deleteProject": byId("SpareProject", { confirm: true }, "SpareProject"),
  "Mutation.createConnector": {
    variables: () => ({
      input: {
        slug: `made-${Math.random().toString(36).slice(2, 12)}`,
        name: "Made",
        scheme: { oauth2: { authorizationUrl: "https://provider.example/a", tokenUrl: "https://provider.example/t" } },
      },
    }),
  },
  "Mutation.updateConnector": byId("Connector", { description: "Changed" }),
  "Mutation.deleteConnector": byId("SpareConnector", { confirm: true }, "SpareConnector"),
  "Mutation.createAuthConfig": {
    variables: () => ({ input: { connectorSlug: "sandbox", name: `Made ${Math.random()}` } }),
    // A connector of one's own has no managed app: NO_MANAGED_APP says that it was found.
    ids: { "input.connectorSlug": "Slug" },
  },
  "Mutation.updateAuthConfig": byId("AuthConfig", { description: "Changed" }),
  "Mutation.setAuthConfigEnabled": byId("AuthConfig", { enabled: true }),
  "Mutation.deleteAuthConfig": {
    ...byId("SpareAuthConfig", { confirm: true }, "SpareAuthConfig"),
    ids: { "input.id": "SpareAuthConfig", "input.reassignTo": "AuthConfig" },
  },
  "Mutation.diagnoseAuthConfig": {
    ...byId("AuthConfig"),
    ids: {
      "input.id": "AuthConfig",
      "input.change.id": { kind: "AuthConfig", variables: () => ({ input: { change: {} } }) },
      // As in createAuthConfig: NO_MANAGED_APP says that it was found.
      "input.draft.connectorSlug": { kind: "Slug", variables: () => ({ input: { draft: { name: "Draft" } } }) },
    },
  },
  "Mutation.validateConnector": {
    variables: () => ({ input: { connector: { slug: "to-be-validated", name: "Made", scheme: { none: {} } } } }),
  },
  "Mutation.upsertUser": { variables: () => ({ input: { externalId: "zz-made" } }) },
  "Mutation.deleteUser": byId("SpareUser", { confirm: true }, "SpareUser"),
  "Mutation.createUserSession": {
    ...ofUser("SpareUser"),
    ids: { ...ofUser("SpareUser").ids, "input.connectorSlugs[]": "Slug" },
  },
  "Mutation.revokeUserSessions": {
    ...ofUser("SpareUser"),
    // By externalId it is the owner, whose sessions this test still needs: only what must not be found is tried.
    ids: { "input.user.id": "SpareUser" },
  },
  "Mutation.createConnectLink": {
    ...ofUser("SpareUser"),
    ids: { ...ofUser("SpareUser").ids, "input.connectorSlugs[]": "Slug" },
  },
  "Mutation.initiateConnection": {
    variables: (ids, isSession) => ({
      input: { target: { authConfigId: ids.AuthConfig }, ...(!isSession && { user: { id: ids.User } }) },
    }),
    ids: {
      "input.target.authConfigId": "AuthConfig",
      // It has no config: NO_AUTH_CONFIG says that it was found.
      "input.target.connectorSlug": "Slug",
      "input.user.id": "User",
      "input.user.externalId": "ExternalId",
    },
  },
  "Mutation.cancelConnectionRequest": byId("SpareConnectionRequest", {}, "SpareConnectionRequest"),
  "Mutation.submitConnectionForm": byId("SpareFormRequest", { fields: {} }, "SpareFormRequest"),
  "Mutation.retryConnectionRequest": byId("SpareEndedRequest", {}, "SpareEndedRequest"),
  "Mutation.confirmConnection": {
    variables: (ids) => ({ input: { verification: "nobody-was-given-this", user: { id: ids.User } } }),
    ids: { "input.user.id": "User", "input.user.externalId": "ExternalId" },
  },
  "Mutation.createCredential": ofTypedConfig,
  "Mutation.importCredential": ofTypedConfig,
  "Mutation.tryCredential": {
    variables: (ids) => ({ input: { target: { authConfigId: ids.TypedAuthConfig }, fields: {} } }),
    ids: {
      ...TARGET_AND_USER,
      "input.credentialId": { kind: "TypedCredential", variables: () => ({ input: { fields: {} } }) },
    },
  },
  "Mutation.updateCredential": byId("Credential", { label: "Changed" }),
  "Mutation.reauthorizeCredential": byId("Credential"),
  "Mutation.refreshCredential": byId("Credential"),
  "Mutation.testCredential": byId("Credential"),
  "Mutation.callApi": {
    variables: (ids) => ({ input: { credentialId: ids.Credential, method: "GET", path: "/me" } }),
    ids: { "input.credentialId": "Credential" },
  },
  "Mutation.setCredentialEnabled": byId("Credential", { enabled: true }),
  "Mutation.revealCredential": {
    ...byId("Credential"),
    ids: {
      "input.id": "Credential",
      "input.match.connectorSlug": { kind: "Slug", variables: (ids) => ({ input: { match: { user: { id: ids.User } } } }) },
      "input.match.user.id": { kind: "User", variables: () => ({ input: { match: { connectorSlug: "sandbox" } } }) },
      "input.match.user.externalId": {
        kind: "ExternalId",
        variables: () => ({ input: { match: { connectorSlug: "sandbox" } } }),
      },
      "input.match.authConfigId": {
        kind: "AuthConfig",
        variables: (ids) => ({ input: { match: { connectorSlug: "sandbox", user: { id: ids.User } } } }),
      },
    },
  },
  "Mutation.revokeCredential": byId("SpareCredential", {}, "SpareCredential"),
  "Mutation.createApiKey": {
    variables: () => ({ input: { name: "Made", role: "VIEWER" } }),
    ids: { "input.users[].id": "User", "input.users[].externalId": "ExternalId", "input.connectorSlugs[]": "Slug" },
  },
  "Mutation.revokeApiKey": byId("SpareApiKey", {}, "SpareApiKey"),
  "Mutation.createWebhook": { variables: () => ({ input: { url: "https://hooks.invalid/" } }) },
  "Mutation.updateWebhook": byId("Webhook", { enabled: true }),
  "Mutation.deleteWebhook": byId("SpareWebhook", {}, "SpareWebhook"),
  "Mutation.rotateWebhookSecret": byId("SpareWebhook", {}, "SpareWebhook"),
  "Mutation.replayWebhookDelivery": byId("WebhookDelivery"),
  "Mutation.rotateKeys": { variables: () => ({ input: {} }) },

  "Subscription.connectionRequestUpdated": {
    variables: (ids) => ({ id: ids.ConnectionRequest }),
    ids: { id: "ConnectionRequest" },
  },
  "Subscription.connectionRequestsUpdated": { ids: REQUEST_FILTER },
  "Subscription.credentialChanged": { ids: CREDENTIAL_FILTER },
};
