import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { graphql } from "../generated/gql/index.ts";
import { decodeId } from "../src/lib/ids.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { payload, run } from "./support/graphql.ts";
import { auditEvents, createProject, readCredential, reauthorize, refresh, reveal, tokenRequests } from "./support/oauth.ts";
import { connect, createConfig, createOwnClientConfig, createSession } from "./support/seed.ts";

const Test = graphql(`
  mutation OAuthTest($id: ID!) {
    testCredential(input: { id: $id }) {
      __typename
      ... on TestCredentialPayload { result { ok code message remedy latencyMs at } credential { id status lastTestedAt } }
      ... on UserError { message code }
    }
  }
`);

const Enable = graphql(`
  mutation OAuthEnable($id: ID!, $enabled: Boolean!) {
    setCredentialEnabled(input: { id: $id, enabled: $enabled }) {
      __typename
      ... on SetCredentialEnabledPayload { credential { status statusReason enabled version } }
      ... on UserError { message code }
    }
  }
`);

const Update = graphql(`
  mutation OAuthUpdate($input: UpdateCredentialInput!) {
    updateCredential(input: $input) {
      __typename
      ... on UpdateCredentialPayload { credential { label version } }
      ... on UserError { message code }
    }
  }
`);

const Revoke = graphql(`
  mutation OAuthRevoke($id: ID!) {
    revokeCredential(input: { id: $id }) {
      __typename
      ... on RevokeCredentialPayload { credential { status statusReason canRefresh } tokens { kind outcome message } }
      ... on UserError { message code }
    }
  }
`);

const CreateKey = graphql(`
  mutation OAuthKey($input: CreateApiKeyInput!) {
    createApiKey(input: $input) { __typename ... on CreateApiKeyPayload { key } ... on UserError { message code } }
  }
`);

const CreateConnector = graphql(`
  mutation OAuthOwnConnector($input: CreateConnectorInput!) {
    createConnector(input: $input) {
      __typename
      ... on CreateConnectorPayload { connector { slug redirectUri } }
      ... on UserError { message code }
    }
  }
`);

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

async function connected(switches: object = {}, userId?: string) {
  const config = await createOwnClientConfig(app, app.adminKey, switches);
  const made = await connect(app, app.adminKey, { authConfigId: config.id, userId });
  return { ...made, config, id: made.credential!.id };
}

async function tokenOf(id: string) {
  return payload(await reveal(app, app.adminKey, { id }), "RevealCredentialPayload").revealed.accessToken!;
}

async function apiStatus(token: string) {
  return (await fetch(`${app.sandbox!.issuer}/api/me`, { headers: { authorization: `Bearer ${token}` } })).status;
}

async function keyWith(input: object) {
  const { createApiKey } = await run(app, app.adminKey, CreateKey, {
    input: { name: `Key ${Math.random()}`, role: "DEVELOPER", ...input } as never,
  });
  return payload(createApiKey, "CreateApiKeyPayload").key;
}

async function testIt(token: string, id: string) {
  return (await run(app, token, Test, { id })).testCredential!;
}

async function revoke(token: string, id: string) {
  return (await run(app, token, Revoke, { id })).revokeCredential!;
}

describe("testCredential", () => {
  test("asks the provider, and says so in result, credential, history and audit log", async () => {
    const { id, session } = await connected();
    const { result, credential } = payload(await testIt(session, id), "TestCredentialPayload");
    expect(result).toMatchObject({ ok: true, code: "OK", remedy: null });
    expect(credential.lastTestedAt).toBe(result.at);
    expect((await readCredential(app, session, id))!.history.nodes[0]).toMatchObject({ kind: "TESTED", status: "ACTIVE" });
    expect(await auditEvents(app, app.adminKey, { targetId: id, action: "credential.tested" })).toMatchObject([
      { details: { code: "OK" } },
    ]);
  });

  test("of a grant that the provider has ended finds out, and the credential is INVALID, not ACTIVE", async () => {
    for (const switches of [{}, { noRefreshToken: true }]) {
      const { id, config } = await connected(switches);
      await app.sandbox!.control.revokeGrants({ clientId: config.clientId });
      const { result, credential } = payload(await testIt(app.adminKey, id), "TestCredentialPayload");
      expect(result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
      expect(result.remedy).not.toBeNull();
      expect(credential.status).toBe("INVALID");
      expect((await readCredential(app, app.adminKey, id))!.statusReason).not.toBeNull();
    }
  });
});

describe("setCredentialEnabled and updateCredential", () => {
  test("switch it off for every use, and on to what is true", async () => {
    const { id, session } = await connected();
    const off = payload(
      (await run(app, session, Enable, { id, enabled: false })).setCredentialEnabled,
      "SetCredentialEnabledPayload",
    );
    expect(off.credential).toMatchObject({ status: "DISABLED", enabled: false });
    expect(await reveal(app, app.adminKey, { id })).toMatchObject({
      __typename: "CredentialNotUsableError",
      credential: { status: "DISABLED" },
    });
    expect(await refresh(app, app.adminKey, id)).toMatchObject({ __typename: "CredentialNotUsableError" });
    expect(await testIt(session, id)).toMatchObject({ __typename: "CredentialNotUsableError" });
    const on = payload(
      (await run(app, session, Enable, { id, enabled: true })).setCredentialEnabled,
      "SetCredentialEnabledPayload",
    );
    expect(on.credential).toMatchObject({ status: "ACTIVE", statusReason: null });
    expect(await apiStatus(await tokenOf(id))).toBe(200);
  });

  test("enabling one that has become INVALID meanwhile shows INVALID", async () => {
    const { id, config } = await connected();
    await app.sandbox!.control.revokeGrants({ clientId: config.clientId });
    await refresh(app, app.adminKey, id);
    await run(app, app.adminKey, Enable, { id, enabled: false });
    expect((await readCredential(app, app.adminKey, id))!.status).toBe("DISABLED");
    const { setCredentialEnabled } = await run(app, app.adminKey, Enable, { id, enabled: true });
    expect(payload(setCredentialEnabled, "SetCredentialEnabledPayload").credential.status).toBe("INVALID");
  });

  test("a label is changed against the version that was read", async () => {
    const { id } = await connected();
    const { version } = (await readCredential(app, app.adminKey, id))!;
    const update = async (input: object) => (await run(app, app.adminKey, Update, { input: { id, ...input } })).updateCredential!;
    expect(payload(await update({ version, label: "Work" }), "UpdateCredentialPayload").credential).toEqual({
      label: "Work",
      version: version + 1,
    });
    expect(await update({ version, label: "Home" })).toMatchObject({ __typename: "ConflictError", code: "STALE_VERSION" });
    expect(payload(await update({ label: null }), "UpdateCredentialPayload").credential.label).toBeNull();
    expect(await update({ fields: { accessToken: "x" } })).toMatchObject({ __typename: "InvalidInputError" });
  });
});

describe("revokeCredential", () => {
  test("ends it here and at the provider, for good", async () => {
    const { id } = await connected();
    const token = await tokenOf(id);
    expect(await apiStatus(token)).toBe(200);
    const { credential, tokens } = payload(await revoke(app.adminKey, id), "RevokeCredentialPayload");
    expect(credential).toMatchObject({ status: "REVOKED", canRefresh: false });
    expect(tokens.map(({ kind, outcome }) => [kind, outcome])).toEqual([
      ["refresh_token", "REVOKED"],
      ["access_token", "REVOKED"],
    ]);
    expect(await apiStatus(token)).toBe(401);
    expect(await reveal(app, app.adminKey, { id })).toMatchObject({
      __typename: "CredentialNotUsableError",
      credential: { status: "REVOKED" },
    });
    expect(await revoke(app.adminKey, id)).toMatchObject({ __typename: "ConflictError", code: "CONFLICT" });
    expect(await reauthorize(app, app.adminKey, { id })).toMatchObject({ __typename: "ConflictError", code: "CONFLICT" });
    expect((await run(app, app.adminKey, Enable, { id, enabled: false })).setCredentialEnabled).toMatchObject({
      __typename: "ConflictError",
    });
    const { history } = (await readCredential(app, app.adminKey, id))!;
    expect(history.nodes[0]).toMatchObject({ kind: "REVOKED", message: expect.stringContaining("refresh_token: REVOKED") });
  });

  test("is for ADMIN keys and for a user's own, and for nobody else's", async () => {
    const mine = await connected();
    const other = await connected();
    const developer = await keyWith({});
    expect(await revoke(developer, mine.id)).toMatchObject({ __typename: "ForbiddenError" });
    expect(await revoke(other.session, mine.id)).toMatchObject({ __typename: "NotFoundError" });
    expect(payload(await revoke(mine.session, mine.id), "RevokeCredentialPayload").credential.status).toBe("REVOKED");
  });

  test("wins over a refresh that is under way", async () => {
    const { id, config } = await connected();
    await app.sandbox!.control.setSwitches(config.clientId, { tokenDelayMs: 500 });
    const refreshing = refresh(app, app.adminKey, id);
    while (tokenRequests(app, config.clientId, "refresh_token").length === 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
    payload(await revoke(app.adminKey, id), "RevokeCredentialPayload");
    expect(await refreshing).toMatchObject({ __typename: "CredentialNotUsableError" });
    expect((await readCredential(app, app.adminKey, id))!.status).toBe("REVOKED");
  });

  test("is final where the provider cannot revoke and still answers a refresh: nothing of that answer is kept", async () => {
    const issuer = app.sandbox!.issuer;
    const scheme = { oauth2: { authorizationUrl: `${issuer}/auth`, tokenUrl: `${issuer}/token` } };
    const input = { slug: "unrevocable", name: "Unrevocable", scheme };
    const { connector } = payload(
      (await run(app, app.adminKey, CreateConnector, { input })).createConnector,
      "CreateConnectorPayload",
    );
    const client = await app.sandbox!.control.createClient({ redirectUris: [connector.redirectUri!], switches: {} });
    const config = await createConfig(app, app.adminKey, {
      connectorSlug: "unrevocable",
      clientId: client.clientId,
      clientSecret: client.clientSecret!,
      scopes: ["openid", "offline_access"],
    });
    const id = (await connect(app, app.adminKey, { authConfigId: config.id })).credential!.id;
    await app.sandbox!.control.setSwitches(client.clientId, { tokenDelayMs: 500 });
    const refreshing = refresh(app, app.adminKey, id);
    const requests = () => tokenRequests(app, client.clientId, "refresh_token");
    while (requests().length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const { tokens } = payload(await revoke(app.adminKey, id), "RevokeCredentialPayload");
    expect(new Set(tokens.map(({ outcome }) => outcome))).toEqual(new Set(["UNSUPPORTED"]));
    expect(await refreshing).toMatchObject({ __typename: "CredentialNotUsableError" });
    expect(requests()).toMatchObject([{ outcome: "ok" }]);
    const after = (await readCredential(app, app.adminKey, id))!;
    expect(after.status).toBe("REVOKED");
    expect(after.history.nodes.map((event) => event.kind)).not.toContain("REFRESHED");
    const left = `SELECT 1 FROM "SealedSecret" WHERE "ownerId" = $1::uuid
      OR "ownerId" IN (SELECT "id" FROM "RefreshAttempt" WHERE "credentialId" = $1::uuid)`;
    expect(await app.services.database.query("test_left", left, [decodeId("Credential", id)])).toEqual([]);
  });

  test("cancels a re-authorization that is under way", async () => {
    const { id, session } = await connected();
    payload(await reauthorize(app, session, { id }), "ReauthorizeCredentialPayload");
    await revoke(app.adminKey, id);
    expect((await readCredential(app, app.adminKey, id))!.openRequest).toBeNull();
  });
});

describe("revealCredential", () => {
  test("is for ADMIN and for keys with the permission, never for a session; each attempt that gets so far is on record", async () => {
    const { id, session } = await connected();
    expect(await reveal(app, session, { id })).toMatchObject({ __typename: "ForbiddenError" });
    expect(await reveal(app, await keyWith({}), { id })).toMatchObject({ __typename: "ForbiddenError" });
    expect(await reveal(app, await keyWith({ role: "VIEWER" }), { id })).toMatchObject({ __typename: "ForbiddenError" });
    const { key: foreign } = await createProject(app, app.adminKey);
    expect(await reveal(app, foreign, { id })).toMatchObject({ __typename: "NotFoundError" });
    const allowed = await keyWith({ permissions: ["CREDENTIAL_REVEAL"] });
    const { revealed } = payload(await reveal(app, allowed, { id, reason: "nightly sync" }), "RevealCredentialPayload");
    expect(revealed.headers).toEqual({ authorization: `Bearer ${revealed.accessToken}` });
    const events = await auditEvents(app, app.adminKey, { targetId: id, action: "credential.revealed" });
    expect(events).toMatchObject([{ outcome: "ALLOWED", details: { reason: "nightly sync" } }]);
  });

  test("stays within what a key is narrowed to", async () => {
    const mine = await connected();
    const other = await connected();
    const narrowed = await keyWith({ permissions: ["CREDENTIAL_REVEAL"], users: [{ id: mine.userId }] });
    payload(await reveal(app, narrowed, { id: mine.id }), "RevealCredentialPayload");
    expect(await reveal(app, narrowed, { id: other.id })).toMatchObject({ __typename: "ForbiddenError" });
    const elsewhere = await keyWith({ permissions: ["CREDENTIAL_REVEAL"], connectorSlugs: ["github"] });
    expect(await reveal(app, elsewhere, { id: mine.id })).toMatchObject({ __typename: "ForbiddenError" });
    expect(await auditEvents(app, app.adminKey, { targetId: other.id, action: "credential.revealed" })).toEqual([]);
  });

  test("finds the one usable credential by user and connector", async () => {
    const first = await connected();
    const user = { id: first.userId };
    const match = (more: object = {}) => reveal(app, app.adminKey, { match: { user, connectorSlug: "sandbox", ...more } });
    expect(payload(await match(), "RevealCredentialPayload").credential.id).toBe(first.id);
    const second = await connected({}, first.userId);
    expect(await match()).toMatchObject({ __typename: "ConflictError", code: "AMBIGUOUS_CREDENTIAL" });
    expect(payload(await match({ authConfigId: second.config.id }), "RevealCredentialPayload").credential.id).toBe(second.id);
    await revoke(app.adminKey, first.id);
    expect(payload(await match(), "RevealCredentialPayload").credential.id).toBe(second.id);
    await run(app, app.adminKey, Enable, { id: second.id, enabled: false });
    expect(await match()).toMatchObject({ __typename: "CredentialNotUsableError" });
    expect(await match({ connectorSlug: "github" })).toMatchObject({ __typename: "NotFoundError" });
    expect(await match({ projectOwned: true })).toMatchObject({ __typename: "InvalidInputError" });
    expect(await reveal(app, app.adminKey, {})).toMatchObject({ __typename: "InvalidInputError" });
    expect(await reveal(app, app.adminKey, { id: first.id, match: { user, connectorSlug: "sandbox" } })).toMatchObject({
      __typename: "InvalidInputError",
    });
  });
});

test("a session sees its user's credentials only", async () => {
  const { id, userId } = await connected();
  const other = await connected();
  expect(await readCredential(app, other.session, id)).toBeNull();
  expect(
    await readCredential(app, await createSession(app, app.adminKey, userId, { connectorSlugs: ["github"] }), id),
  ).toBeNull();
  expect((await readCredential(app, await createSession(app, app.adminKey, userId), id))!.id).toBe(id);
});
