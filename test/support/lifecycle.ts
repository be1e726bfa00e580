import { expect } from "vitest";
import { decodeId, type NodeType } from "../../src/lib/ids.ts";
import type { TestApp } from "./app.ts";
import { mutate } from "./entities.ts";
import { run } from "./graphql.ts";
import { auditEvents, createProject, readCredential, reveal } from "./oauth.ts";
import { connect, createConfig, createOwnClientConfig } from "./seed.ts";

/** What the tests of endings do again and again: revoke, delete, and look at what is left, here and at the provider. */

export interface Revoked {
  credential: { id: string; status: string };
  tokens: { kind: string; outcome: string; message: string | null }[];
}

export async function revoke(app: TestApp, token: string, id: string): Promise<Revoked> {
  const document = `mutation LifecycleRevoke($id: ID!) { revokeCredential(input: { id: $id }) {
    __typename
    ... on RevokeCredentialPayload { credential { id status } tokens { kind outcome message } }
    ... on UserError { message code }
  } }`;
  const { revokeCredential } = await run<{ revokeCredential: Revoked & { __typename: string } }, object>(app, token, document, {
    id,
  });
  expect(revokeCredential, JSON.stringify(revokeCredential)).toMatchObject({ __typename: "RevokeCredentialPayload" });
  return revokeCredential;
}

/** `refresh_token REVOKED`, … */
export function outcomes({ tokens }: Revoked): string[] {
  return tokens.map(({ kind, outcome }) => `${kind} ${outcome}`);
}

/** A credential of a client of its own at the app's sandbox, with its access token. */
export async function connected(app: TestApp, options: { key?: string; switches?: object; connect?: object } = {}) {
  const key = options.key ?? app.adminKey;
  const config = await createOwnClientConfig(app, key, options.switches ?? {});
  const made = await connect(app, key, { authConfigId: config.id, ...options.connect });
  const id = made.credential!.id;
  return { ...made, key, config, id, token: await accessToken(app, key, id) };
}

/** A connector of the project's own at the app's sandbox, with a client of its own: what a process without the sandbox knows, too. */
export async function ownConnector(app: TestApp, key: string, slug: string, switches: object = {}) {
  const { issuer, control } = app.sandbox!;
  const input = { slug, name: slug, scheme: { oauth2: { issuer, scope: "openid profile offline_access" } } };
  const { connector } = await mutate(app, key, "createConnector", input, "connector { id redirectUri }");
  const { clientId, clientSecret } = await control.createClient({ redirectUris: [connector.redirectUri as string], switches });
  const config = await createConfig(app, key, { connectorSlug: slug, clientId, clientSecret });
  return { id: connector.id, input, clientId, config: { ...config, clientId } };
}

export async function accessToken(app: TestApp, key: string, id: string): Promise<string> {
  const answer = await reveal(app, key, { id });
  expect(answer, JSON.stringify(answer)).toMatchObject({ __typename: "RevealCredentialPayload" });
  return (answer as unknown as { revealed: { accessToken: string } }).revealed.accessToken;
}

/** What the sandbox's own API says to a token: 200 while the grant lives, then 401. */
export async function apiStatus(app: TestApp, token: string, issuer = app.sandbox!.issuer): Promise<number> {
  return (await fetch(`${issuer}/api/me`, { headers: { authorization: `Bearer ${token}` } })).status;
}

/** How often the sandbox was asked to revoke something of a client. */
export function revocations(app: TestApp, clientId: string) {
  return app.sandbox!.control.revocations().filter((entry) => entry.clientId === clientId);
}

/** Tells the job that there is something to do now, as a commit of ours does. */
export async function wake(
  app: Pick<TestApp, "services">,
  job: "revoke-tokens" | "destroy-keys" = "revoke-tokens",
): Promise<void> {
  await app.services.database.query("test_wake", "SELECT pg_notify('moorline', $1)", [`job:${job}`]);
}

/** What is sealed under a table (of a project), as `<table>.<column>`. */
export async function sealed(app: Pick<TestApp, "services">, projectId: string): Promise<string[]> {
  const text = `SELECT "ownerTable" || '.' || "column" AS "what" FROM "SealedSecret" WHERE "projectId" = $1::uuid ORDER BY 1`;
  return (await app.services.database.query<{ what: string }>("test_sealed", text, [uuid("Project", projectId)])).map(
    ({ what }) => what,
  );
}

/** The scopes of a project's data keys: `project`, or a user's UUID. */
export async function dataKeys(app: Pick<TestApp, "services">, projectId: string): Promise<string[]> {
  const text = `SELECT "scope" FROM "DataKey" WHERE "projectId" = $1::uuid ORDER BY 1`;
  return (await app.services.database.query<{ scope: string }>("test_keys", text, [uuid("Project", projectId)])).map(
    ({ scope }) => scope,
  );
}

export function uuid(type: NodeType, id: string): string {
  return decodeId(type, id)!;
}

/** A project of its own: what is counted in it nobody else touches. */
export async function ownProject(app: TestApp) {
  return createProject(app, app.adminKey);
}

/** What the history of a credential says, the latest first. */
export async function told(app: TestApp, key: string, id: string): Promise<string[]> {
  return (await readCredential(app, key, id))!.history.nodes.map(({ message }) => message);
}

/** The audit log's word on what the provider said. */
export async function audited(app: TestApp, key: string, action: string, targetId?: string) {
  return auditEvents(app, key, { action, ...(targetId && { targetId }) });
}

/** A query whose answer is of no known type. */
export async function ask<Data>(app: TestApp, token: string, document: string): Promise<Data> {
  return run<Data, object>(app, token, document);
}
