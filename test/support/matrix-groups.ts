const ALL_KEYS = ["ADMIN", "DEVELOPER", "VIEWER", "DEVELOPER with CREDENTIAL_REVEAL", "ADMIN of the operator"];
const WRITERS = ["ADMIN", "DEVELOPER", "DEVELOPER with CREDENTIAL_REVEAL", "ADMIN of the operator"];
const ADMINS = ["ADMIN", "ADMIN of the operator"];

/** The contract's rows, with the fields that they mean and the keys, of those that are tried, which may. */
export const GROUPS: { row: string; fields: string[]; keys: string[]; session: string }[] = [
  {
    row: "reads, but keys and audit",
    fields: [
      ...[
        "viewer",
        "node",
        "nodes",
        "connectors",
        "connector",
        "connectorCategories",
        "authConfigs",
        "authConfig",
        "users",
        "user",
      ],
      ...["credentials", "credential", "connectionRequests", "connectionRequest"],
    ]
      .map((name) => `Query.${name}`)
      .concat(
        ["connectionRequestUpdated", "connectionRequestsUpdated", "credentialChanged"].map((name) => `Subscription.${name}`),
      ),
    keys: ALL_KEYS,
    session: "own",
  },
  {
    row: "create and update connectors, configs; diagnose, validate; users, sessions, links; import, refresh; confirmConnection; use, proxy, callApi",
    fields: [
      ...["createConnector", "updateConnector", "createAuthConfig", "updateAuthConfig", "setAuthConfigEnabled", "upsertUser"],
      ...[
        "createUserSession",
        "revokeUserSessions",
        "createConnectLink",
        "importCredential",
        "refreshCredential",
        "callApi",
        "confirmConnection",
      ],
      ...["diagnoseAuthConfig", "validateConnector"],
    ].map((name) => `Mutation.${name}`),
    keys: WRITERS,
    session: "no",
  },
  {
    row: "initiate, cancel, reauthorize, create and update static credentials, try, test, enable",
    fields: [
      ...["initiateConnection", "cancelConnectionRequest", "reauthorizeCredential", "updateCredential", "testCredential"],
      ...["createCredential", "tryCredential", "setCredentialEnabled", "submitConnectionForm", "retryConnectionRequest"],
    ].map((name) => `Mutation.${name}`),
    keys: WRITERS,
    session: "own",
  },
  { row: "revokeCredential", fields: ["Mutation.revokeCredential"], keys: ADMINS, session: "own" },
  {
    row: "delete anything, keys, audit, updateProject, webhooks, rotation",
    fields: [
      ...["deleteConnector", "deleteAuthConfig", "deleteUser", "createApiKey", "revokeApiKey", "updateProject"].map(
        (name) => `Mutation.${name}`,
      ),
      ...["createWebhook", "updateWebhook", "deleteWebhook", "rotateWebhookSecret", "replayWebhookDelivery"].map(
        (name) => `Mutation.${name}`,
      ),
      "Query.apiKeys",
      "Query.webhooks",
      "Query.auditEvents",
      "Query.auditVerification",
      "Query.keyRotation",
      "Mutation.rotateKeys",
    ],
    keys: ADMINS,
    session: "no",
  },
  {
    row: "revealCredential",
    fields: ["Mutation.revealCredential"],
    keys: ["ADMIN", "DEVELOPER with CREDENTIAL_REVEAL", "ADMIN of the operator"],
    session: "never",
  },
  {
    row: "projects, createProject, deleteProject",
    fields: ["Query.projects", "Mutation.createProject", "Mutation.deleteProject"],
    keys: ["ADMIN of the operator"],
    session: "no",
  },
];

/** As the contract's table writes it. */
export function keysText(keys: string[]): string {
  if (keys === ALL_KEYS) return "ADMIN, DEVELOPER, VIEWER";
  if (keys === WRITERS) return "ADMIN, DEVELOPER";
  if (keys === ADMINS) return "ADMIN";
  return keys.length === 1 ? "ADMIN keys of the first project" : "ADMIN, or a key with CREDENTIAL_REVEAL";
}
