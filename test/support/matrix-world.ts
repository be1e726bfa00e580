import { graphql } from "../../generated/gql/index.ts";
import { encodeId, type NodeType, newId } from "../../src/lib/ids.ts";
import { moveClock, RETURN_URL, type TestApp } from "./app.ts";
import { payload, run } from "./graphql.ts";
import { connect, createConfig, createSession, createUser, initiate } from "./seed.ts";
import { createWebhook, readWebhook } from "./webhooks.ts";

/** What an id argument can name. A spare is used up by the mutation that is asked for it, and made anew. */
export type Kind =
  | NodeType
  | "BuiltInConnector"
  | "SpareProject"
  | "SpareAuthConfig"
  | "SpareConnector"
  | "SpareUser"
  | "SpareCredential"
  | "SpareConnectionRequest"
  | "SpareFormRequest"
  | "SpareEndedRequest"
  | "SpareApiKey"
  | "SpareWebhook"
  | "TypedAuthConfig"
  | "TypedCredential"
  | "Slug"
  | "UsedSlug"
  | "ExternalId";

export type Ids = Record<Kind, string>;

export interface Side {
  key: string;
  ids: Ids;
  /** Makes a spare object anew. */
  renew(kind: Kind): Promise<void>;
}

/** Three projects: the operator's, one that is looked at, and another one of the same shape. */
export interface World {
  app: TestApp;
  home: Side;
  other: Side;
  /** Token by the name of the caller; null: none is sent. */
  callers: Record<string, string | null>;
}

const CreateProject = graphql(`
  mutation MatrixProject($input: CreateProjectInput!) {
    createProject(input: $input) {
      __typename
      ... on CreateProjectPayload { project { id } apiKey { id } key }
      ... on UserError { message }
    }
  }
`);

const UpdateProject = graphql(`
  mutation MatrixReturnUrls($input: UpdateProjectInput!) {
    updateProject(input: $input) { __typename }
  }
`);

const CancelRequest = graphql(`
  mutation MatrixCancel($id: ID!) {
    cancelConnectionRequest(input: { id: $id }) { __typename }
  }
`);

const CreateKey = graphql(`
  mutation MatrixKey($input: CreateApiKeyInput!) {
    createApiKey(input: $input) {
      __typename
      ... on CreateApiKeyPayload { apiKey { id } key }
      ... on UserError { message }
    }
  }
`);

const RevokeKey = graphql(`
  mutation MatrixRevokeKey($input: RevokeApiKeyInput!) {
    revokeApiKey(input: $input) { __typename }
  }
`);

const RevokeSessions = graphql(`
  mutation MatrixRevokeSessions($input: RevokeUserSessionsInput!) {
    revokeUserSessions(input: $input) { __typename }
  }
`);

const CreateConnector = graphql(`
  mutation MatrixConnector($input: CreateConnectorInput!) {
    createConnector(input: $input) {
      __typename
      ... on CreateConnectorPayload { connector { id slug } }
      ... on UserError { message }
    }
  }
`);

const CreateTyped = graphql(`
  mutation MatrixTyped($input: CreateCredentialInput!) {
    createCredential(input: $input) {
      __typename
      ... on CreateCredentialPayload { credential { id } }
      ... on UserError { message }
    }
  }
`);

const Audit = graphql(`
  query MatrixAudit {
    auditEvents(first: 1) { nodes { id } }
  }
`);

type KeyInput = Parameters<NonNullable<(typeof CreateKey)["__apiType"]>>[0]["input"];

export async function createKey(app: TestApp, by: string, input: Omit<KeyInput, "name"> & { name?: string }) {
  const { createApiKey } = await run(app, by, CreateKey, { input: { name: `Key of ${input.role}`, ...input } });
  const { apiKey, key } = payload(createApiKey, "CreateApiKeyPayload");
  return { id: apiKey.id, key };
}

export async function createProject(app: TestApp, name: string) {
  const { createProject: result } = await run(app, app.adminKey, CreateProject, { input: { name } });
  const { project, apiKey, key } = payload(result, "CreateProjectPayload");
  await run(app, key, UpdateProject, { input: { id: project.id, allowedReturnUrls: [RETURN_URL] } });
  return { id: project.id, apiKeyId: apiKey.id, key };
}

export async function createConnector(app: TestApp, key: string, slug: string) {
  const oauth2 = { authorizationUrl: `${app.sandbox!.issuer}/auth`, tokenUrl: `${app.sandbox!.issuer}/token` };
  const { createConnector: result } = await run(app, key, CreateConnector, {
    input: { slug, name: `Own ${slug}`, scheme: { oauth2 } },
  });
  return payload(result, "CreateConnectorPayload").connector;
}

/** A connector that needs nothing typed, with its config and what a user has connected with it. */
async function makeTyped(app: TestApp, key: string, slug: string, userId: string) {
  const { createConnector: made } = await run(app, key, CreateConnector, { input: { slug, name: slug, scheme: { none: {} } } });
  payload(made, "CreateConnectorPayload");
  const { id } = await createConfig(app, key, { connectorSlug: slug });
  const input = { target: { authConfigId: id }, user: { id: userId }, fields: {} };
  const { createCredential: result } = await run(app, key, CreateTyped, { input });
  return { authConfigId: id, credentialId: payload(result, "CreateCredentialPayload").credential.id };
}

async function makeWebhook(app: TestApp, key: string): Promise<string> {
  return (await createWebhook(app, key, { url: "https://hooks.invalid/" })).id;
}

async function makeSide(app: TestApp, name: string): Promise<Side> {
  const project = await createProject(app, name);
  const { key } = project;
  const AuthConfig = (await createConfig(app, key, { name })).id;
  // From before everything else on, so that it has something to tell.
  const webhook = await makeWebhook(app, key);
  const owner = await createUser(app, key, `${name}-owner`);
  const { credential } = await connect(app, key, { authConfigId: AuthConfig, userId: owner.id });
  const typed = await makeTyped(app, key, `${name}-typed`, owner.id);
  const makers: Partial<Record<Kind, () => Promise<string>>> = {
    SpareProject: async () => (await createProject(app, `Spare of ${name}`)).id,
    SpareAuthConfig: async () => (await createConfig(app, key, { name: `Spare of ${newId()}` })).id,
    SpareConnector: async () => (await createConnector(app, key, `spare-${newId().slice(-12)}`)).id,
    SpareUser: async () => (await createUser(app, key, `${name}-spare-${newId()}`)).id,
    SpareCredential: async () =>
      (await connect(app, key, { authConfigId: AuthConfig, userId: owner.id, choice: { account: "grace" } })).credential!.id,
    SpareConnectionRequest: async () =>
      (await initiate(app, key, { target: { authConfigId: AuthConfig }, user: { id: owner.id } })).id,
    SpareFormRequest: async () =>
      (await initiate(app, key, { target: { authConfigId: typed.authConfigId }, user: { id: owner.id } })).id,
    SpareEndedRequest: async () => {
      const { id } = await initiate(app, key, { target: { authConfigId: AuthConfig }, user: { id: owner.id } });
      await run(app, key, CancelRequest, { id });
      return id;
    },
    SpareApiKey: async () => (await createKey(app, key, { role: "VIEWER" })).id,
    SpareWebhook: () => makeWebhook(app, key),
  };
  const ids = {
    Project: project.id,
    ApiKey: project.apiKeyId,
    AuthConfig,
    Connector: (await createConnector(app, key, `${name}-own`)).id,
    Slug: `${name}-own`,
    UsedSlug: "sandbox",
    User: owner.id,
    ExternalId: owner.externalId,
    Credential: credential!.id,
    ConnectionRequest: (await initiate(app, key, { target: { authConfigId: AuthConfig }, user: { id: owner.id } })).id,
    AuditEvent: (await run(app, key, Audit)).auditEvents!.nodes[0]!.id,
    BuiltInConnector: "conn_sandbox",
    Webhook: webhook,
    TypedAuthConfig: typed.authConfigId,
    TypedCredential: typed.credentialId,
    WebhookDelivery: (await readWebhook(app, key, webhook))!.deliveries.nodes[0]!.id,
  } as Ids;
  const renew = async (kind: Kind) => {
    ids[kind] = await makers[kind]!();
  };
  for (const kind of Object.keys(makers)) await renew(kind as Kind);
  return { key, ids, renew };
}

export async function makeWorld(app: TestApp): Promise<World> {
  const home = await makeSide(app, "home");
  const other = await makeSide(app, "zz-other");
  const { key } = home;
  const stranger = await createUser(app, key, "home-stranger");
  const gone = await createUser(app, key, "home-gone");
  const soon = new Date((await app.services.database.now()).getTime() + 60_000).toISOString();
  const revoked = await createKey(app, key, { role: "ADMIN" });
  const ended = {
    "expired key": (await createKey(app, key, { role: "ADMIN", expiresAt: soon })).key,
    "revoked key": revoked.key,
    "expired session": await createSession(app, key, home.ids.User, { expiresInSeconds: 60 }),
    "revoked session": await createSession(app, key, gone.id),
  };
  await run(app, key, RevokeKey, { input: { id: revoked.id } });
  await run(app, key, RevokeSessions, { input: { user: { id: gone.id } } });
  await moveClock(app, 120_000);
  // Waiting requests live ten minutes, so the clock takes nothing else away.
  return {
    app,
    home,
    other,
    callers: {
      ADMIN: key,
      DEVELOPER: (await createKey(app, key, { role: "DEVELOPER" })).key,
      VIEWER: (await createKey(app, key, { role: "VIEWER" })).key,
      "DEVELOPER with CREDENTIAL_REVEAL": (await createKey(app, key, { role: "DEVELOPER", permissions: ["CREDENTIAL_REVEAL"] }))
        .key,
      "own session": await createSession(app, key, home.ids.User),
      "another user's session": await createSession(app, key, stranger.id),
      "own session for other connectors": await createSession(app, key, home.ids.User, { connectorSlugs: ["github"] }),
      "ADMIN of another project": other.key,
      "ADMIN of the operator": app.adminKey,
      "no token": null,
      "garbage token": "mlk_garbage",
      ...ended,
    },
  };
}

/** An id of the right form that nothing has. */
export function absentId(kind: Kind): string {
  if (kind === "Slug" || kind === "UsedSlug" || kind === "ExternalId") return "zz-nobody-has-this";
  if (kind === "BuiltInConnector") return "conn_nobody-has-this";
  return encodeId(kind.replace(/^(Spare|Typed)/, "") as NodeType, newId());
}
