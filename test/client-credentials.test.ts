import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browse, CookieJar, submit } from "../src/sandbox/play-user.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { type Answer, mutate } from "./support/entities.ts";
import { readConfig, readCredential, refresh, reveal, tokenRequests } from "./support/oauth.ts";
import { createConfig, createOwnClientConfig, createSession, createUser } from "./support/seed.ts";
import { ask, begin, clockOf, ended, type Request, statusesOf, watch } from "./support/unattended.ts";

let app: TestApp;
let clock: ReturnType<typeof clockOf>;
beforeAll(async () => {
  app = await startTestApp();
  clock = clockOf(app);
});
afterAll(() => app.close());

const key = () => app.adminKey;

async function apiSays(id: string) {
  const answer = (await reveal(app, key(), { id })) as unknown as Answer & {
    revealed: { accessToken: string; headers: Record<string, string> };
  };
  expect(answer.__typename, JSON.stringify(answer)).toBe("RevealCredentialPayload");
  const response = await fetch(`${app.sandbox!.issuer}/api/me`, { headers: answer.revealed.headers });
  return { status: response.status, body: await response.json(), token: answer.revealed.accessToken };
}

const requests = (clientId: string) => tokenRequests(app, clientId).map(({ grantType, outcome }) => `${grantType} ${outcome}`);

describe("a client of each user's own", () => {
  let config: { id: string };
  beforeAll(async () => {
    config = await createConfig(app, key(), { schemeKey: "client-credentials" });
  });

  /** What somebody registered at the provider, and typed. */
  async function connect(switches: object = {}, more: object = {}) {
    const client = await app.sandbox!.control.createClient({ clientId: `machine-${randomUUID()}`, switches });
    const user = await createUser(app, key());
    const fields = { clientId: client.clientId, clientSecret: client.clientSecret };
    const input = { target: { authConfigId: config.id }, user: { id: user.id }, fields, test: true, ...more };
    const answer = await mutate(app, key(), "createCredential", input, "credential { id }");
    return { client, user, answer, id: answer.credential?.id };
  }

  test("gets tokens with the scopes of the config, which are good for the API and are asked for anew when they run out", async () => {
    const { client, answer, id } = await connect();
    expect(answer.__typename, JSON.stringify(answer)).toBe("CreateCredentialPayload");
    expect(await readCredential(app, key(), id)).toMatchObject({
      status: "ACTIVE",
      canRefresh: true,
      accessTokenExpiresAt: expect.any(String),
      account: { id: client.clientId },
      scopes: { requested: ["notes:read"], granted: ["notes:read"] },
    });
    const first = await apiSays(id);
    expect(first).toMatchObject({ status: 200, body: { id: `client:${client.clientId}` } });
    expect(requests(client.clientId)).toEqual(["client_credentials ok"]);
    await clock.pass(3_700);
    const second = await apiSays(id);
    expect(second.token).not.toBe(first.token);
    expect(requests(client.clientId)).toEqual(["client_credentials ok", "client_credentials ok"]);
    expect((await readCredential(app, key(), id))!.history.nodes.map(({ kind }) => kind)).toContain("REFRESHED");
  });

  test("with a secret that the provider refuses is not saved, and accuses nobody's config", async () => {
    const wrong = { clientId: "nobody", clientSecret: "not-a-secret" };
    const { answer, user } = await connect({}, { fields: wrong });
    expect(answer).toMatchObject({ __typename: "TestFailedError", code: "TEST_FAILED" });
    const untested = await connect({}, { fields: wrong, test: false });
    expect(untested.answer).toMatchObject({
      __typename: "ProviderError",
      message: expect.stringContaining("does not accept the client id"),
    });
    expect(untested.answer.message).not.toContain("not-a-secret");
    expect((await readConfig(app, key(), config.id)).status).toBe("ACTIVE");
    const { credentials } = (
      await mutate(app, key(), "upsertUser", { externalId: user.externalId }, "user { credentials { totalCount } }")
    ).user as unknown as {
      credentials: { totalCount: number };
    };
    expect(credentials.totalCount).toBe(0);
  });

  test("whose secret has died at the provider is INVALID, with no call after it, and ACTIVE again with a new one", async () => {
    const { client, id } = await connect();
    await app.sandbox!.control.updateClient(client.clientId, { disabled: true });
    const refused = await refresh(app, key(), id);
    expect(refused).toMatchObject({ __typename: "CredentialNotUsableError" });
    const dead = await readCredential(app, key(), id);
    expect(dead).toMatchObject({ status: "INVALID", statusReason: expect.stringContaining("client id, secret or key") });
    expect(await readConfig(app, key(), config.id)).toMatchObject({ status: "ACTIVE", statusReason: null });
    const before = requests(client.clientId).length;
    expect(await reveal(app, key(), { id })).toMatchObject({ __typename: "CredentialNotUsableError" });
    expect(requests(client.clientId)).toHaveLength(before);
    const fresh = await app.sandbox!.control.createClient({ clientId: `machine-${randomUUID()}` });
    const fields = { clientId: fresh.clientId, clientSecret: fresh.clientSecret };
    const updated = await mutate(app, key(), "updateCredential", { id, fields, test: true }, "credential { id status }");
    expect(updated.credential, JSON.stringify(updated)).toMatchObject({ id, status: "ACTIVE" });
    expect((await apiSays(id)).body).toMatchObject({ id: `client:${fresh.clientId}` });
  });

  test("of a provider that cannot be had stays as it is", async () => {
    const { client, id } = await connect();
    await app.sandbox!.control.setSwitches(client.clientId, { tokenError: { status: 503, error: "temporarily_unavailable" } });
    expect(await refresh(app, key(), id)).toMatchObject({ __typename: "ProviderError", retryable: true });
    expect((await readCredential(app, key(), id))!.status).toBe("ACTIVE");
    await app.sandbox!.control.setSwitches(client.clientId, {});
    await clock.pass(60);
    expect(await refresh(app, key(), id)).toMatchObject({ __typename: "RefreshCredentialPayload" });
  });

  test("is typed into the hosted page, too, and what the provider refuses can be corrected there", async () => {
    const client = await app.sandbox!.control.createClient({ clientId: `machine-${randomUUID()}` });
    const user = await createUser(app, key());
    const session = await createSession(app, key(), user.id, { expiresInSeconds: 86_400 });
    const request = await begin(app, session, { target: { authConfigId: config.id } });
    expect(request).toMatchObject({ status: "PENDING", authorizationUrl: null });
    const cookieJar = new CookieJar();
    let page = await browse(request.connectUrl!, { cookieJar });
    for (const secret of ["wrong", client.clientSecret!]) {
      const form = page.forms[0]!;
      const name = (field: string) => form.names.find((candidate) => candidate.endsWith(field))!;
      const values = { [name("clientId")]: client.clientId, [name("clientSecret")]: secret };
      page = await submit(page, form, values, { cookieJar, button: form.buttons[0] });
    }
    expect(await ended(app, session, request.id)).toMatchObject({
      status: "ACTIVE",
      credential: { account: { id: client.clientId }, canRefresh: true },
    });
  });

  test("is revoked at the provider, too", async () => {
    const { id } = await connect();
    const { token } = await apiSays(id);
    const answer = await mutate(app, key(), "revokeCredential", { id }, "credential { status }");
    expect(answer.credential).toMatchObject({ status: "REVOKED" });
    const used = await fetch(`${app.sandbox!.issuer}/api/me`, { headers: { authorization: `Bearer ${token}` } });
    expect(used.status).toBe(401);
  });
});

describe("the config's own client, without anybody's consent", () => {
  const FLOWS = ["AUTHORIZATION_CODE", "CLIENT_CREDENTIALS"] as const;

  async function start(switches: object = {}, input: object = {}) {
    const config = await createOwnClientConfig(app, key(), switches, { flows: [...FLOWS], scopes: ["notes:read"] });
    const user = await createUser(app, key());
    const session = await createSession(app, key(), user.id, { expiresInSeconds: 86_400 });
    const request = await begin(app, session, { target: { authConfigId: config.id }, flow: "CLIENT_CREDENTIALS", ...input });
    return { config, user, session, request };
  }

  test("is connected by itself, as the same subscription shows, and is the app's account", async () => {
    const { config, session, request } = await start({ tokenDelayMs: 300 });
    expect(request).toMatchObject({ status: "PENDING", authorizationUrl: null, connectUrl: null, deviceAuthorization: null });
    const frames = await watch(app, session, request.id).completed;
    const last = frames.at(-1)!;
    expect(statusesOf(last)).toEqual(["PENDING", "EXCHANGING", "ACTIVE"]);
    expect(last.credential).toMatchObject({
      status: "ACTIVE",
      canRefresh: true,
      account: { id: config.clientId },
      scopes: { granted: ["notes:read"] },
    });
    expect((await apiSays(last.credential!.id)).body).toMatchObject({ id: `client:${config.clientId}` });
    expect(requests(config.clientId)).toEqual(["client_credentials ok"]);
  });

  test("has one credential of each user, which is renewed by asking anew and keeps its id under a new client", async () => {
    const { config, session, request } = await start();
    const { credential } = await ended(app, session, request.id);
    const id = credential!.id;
    await clock.pass(3_700);
    const first = await apiSays(id);
    expect(first.status).toBe(200);
    expect(requests(config.clientId)).toEqual(["client_credentials ok", "client_credentials ok"]);
    const input = { target: { authConfigId: config.id }, flow: "CLIENT_CREDENTIALS" };
    expect((await ended(app, session, (await begin(app, session, input)).id)).credential!.id).toBe(id);
    const other = await app.sandbox!.control.createClient({});
    const change = { id: config.id, clientId: other.clientId, clientSecret: other.clientSecret, confirm: true };
    expect((await mutate(app, key(), "updateAuthConfig", change)).__typename).toBe("UpdateAuthConfigPayload");
    const again = await ask(app, session, "reauthorizeCredential", { id, flow: "CLIENT_CREDENTIALS" });
    const end = await ended(app, session, (again.connectionRequest as unknown as Request).id);
    expect(end).toMatchObject({ status: "ACTIVE", credential: { id, account: { id: other.clientId } } });
    expect((await apiSays(id)).body).toMatchObject({ id: `client:${other.clientId}` });
  });

  test("that the provider does not accept fails with the reason and accuses the config, at the first time and when it is renewed", async () => {
    const { config, session, request } = await start();
    const { credential } = await ended(app, session, request.id);
    await app.sandbox!.control.updateClient(config.clientId, { disabled: true });
    expect(await refresh(app, key(), credential!.id)).toMatchObject({
      __typename: "ProviderError",
      providerCode: "invalid_client",
    });
    expect((await readCredential(app, key(), credential!.id))!.status).toBe("ACTIVE");
    expect((await readConfig(app, key(), config.id)).status).toBe("ERROR");
    const refused = await begin(app, session, { target: { authConfigId: config.id }, flow: "CLIENT_CREDENTIALS" });
    const end = await ended(app, session, refused.id);
    expect(statusesOf(end)).toEqual(["PENDING", "EXCHANGING", "FAILED"]);
    expect(end.failure).toMatchObject({ code: "INVALID_CLIENT", retryable: false });
    await app.sandbox!.control.updateClient(config.clientId, { disabled: false });
    const well = await begin(app, session, { target: { authConfigId: config.id }, flow: "CLIENT_CREDENTIALS" });
    expect((await ended(app, session, well.id)).status).toBe("ACTIVE");
    expect((await readConfig(app, key(), config.id)).status).toBe("ACTIVE");
  });

  test("that may not ask in this way is told so, and may still be a good one for other flows", async () => {
    const unauthorized = { tokenError: { status: 400, error: "unauthorized_client" } };
    const { config, session, request } = await start(unauthorized);
    const end = await ended(app, session, request.id);
    expect(end.failure).toMatchObject({
      code: "INVALID_CLIENT",
      providerCode: "unauthorized_client",
      message: expect.stringContaining("in this way"),
    });
    expect((await readConfig(app, key(), config.id)).status).toBe("ACTIVE");
    await app.sandbox!.control.setSwitches(config.clientId, {});
    const well = await ended(
      app,
      session,
      (await begin(app, session, { target: { authConfigId: config.id }, flow: "CLIENT_CREDENTIALS" })).id,
    );
    await app.sandbox!.control.setSwitches(config.clientId, unauthorized);
    await refresh(app, key(), well.credential!.id);
    expect(await readCredential(app, key(), well.credential!.id)).toMatchObject({
      status: "INVALID",
      statusReason: expect.stringContaining("in this way"),
    });
  });

  test("whose process died in the middle is gone on with by another one", async () => {
    const { session, request, config } = await start({ tokenDelayMs: 60_000 });
    await expect.poll(() => requests(config.clientId).length, { timeout: 5_000 }).toBe(1);
    await app.sandbox!.control.setSwitches(config.clientId, {});
    // As if nobody had come back for as long as a lease holds.
    await app.services.database.query(
      "test_lease_over",
      `UPDATE "ConnectionRequest" SET "deviceLeaseUntil" = moorline_now() WHERE "authConfigId" = (SELECT "id" FROM "AuthConfig" WHERE "clientId" = $1)`,
      [config.clientId],
    );
    const end = await ended(app, session, request.id);
    expect(statusesOf(end)).toEqual(["PENDING", "EXCHANGING", "ACTIVE"]);
  });

  test("is not the operator's, not a public one, and not there where the config does not say so", async () => {
    const user = await createUser(app, key());
    const initiate = (authConfigId: string) =>
      ask(app, key(), "initiateConnection", { target: { authConfigId }, user: { id: user.id }, flow: "CLIENT_CREDENTIALS" });
    const managed = await createConfig(app, key(), { flows: [...FLOWS] });
    const plain = await createOwnClientConfig(app, key());
    for (const { id } of [managed, plain])
      expect((await initiate(id)).issues).toMatchObject([{ path: ["flow"], code: "NOT_ALLOWED" }]);
    const oauth2 = { authorizationUrl: "https://a.example/a", tokenUrl: "https://a.example/t", tokenAuthMethod: "NONE" };
    await mutate(app, key(), "createConnector", { slug: "public-client", name: "Public", scheme: { oauth2 } });
    const input = { connectorSlug: "public-client", name: "Public", clientId: "a", flows: [...FLOWS] };
    expect((await mutate(app, key(), "createAuthConfig", input)).issues).toMatchObject([
      { path: ["flows", "1"], code: "NOT_ALLOWED" },
    ]);
  });
});
