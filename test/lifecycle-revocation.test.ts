import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { moveClock, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { payload } from "./support/graphql.ts";
import {
  accessToken,
  apiStatus,
  audited,
  connected,
  outcomes,
  ownConnector,
  revocations,
  revoke,
  sealed,
  told,
  wake,
} from "./support/lifecycle.ts";
import { cancel, createProject, reauthorize, refresh, reveal, tokenRequests } from "./support/oauth.ts";
import { connect, createConfig, goThrough, initiate, readRequest } from "./support/seed.ts";

const MINUTE = 60_000;
const DOWN = { revocationError: { status: 503, error: "temporarily_unavailable" } };

let app: TestApp;
let clock = 0;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app?.close());

/** For good: the tests of this file only go forwards. */
async function later(ms: number): Promise<void> {
  clock += ms;
  await moveClock(app, clock);
  await wake(app);
}

function turn(clientId: string, switches: object): Promise<void> {
  return app.sandbox!.control.setSwitches(clientId, switches);
}

describe("revoking a credential", () => {
  test("ends both tokens at the provider at once, and nothing of them is left here", async () => {
    const project = await createProject(app, app.adminKey);
    const { id, key, token, config } = await connected(app, { key: project.key });
    expect(outcomes(await revoke(app, key, id))).toEqual(["refresh_token REVOKED", "access_token REVOKED"]);
    expect(await apiStatus(app, token)).toBe(401);
    expect(await sealed(app, project.id)).toEqual(["AuthConfig.clientSecret"]);
    expect(await told(app, key, id)).toEqual([
      "At the provider: refresh_token: REVOKED, access_token: REVOKED.",
      "Revoked here.",
      expect.stringContaining("Revealed"),
      expect.stringContaining("Connected"),
    ]);
    const tokens = [
      { kind: "refresh_token", outcome: "REVOKED" },
      { kind: "access_token", outcome: "REVOKED" },
    ];
    expect(await audited(app, key, "credential.revoked_at_provider", id)).toMatchObject([
      { outcome: "ALLOWED", actorLabel: "Moorline", details: { tokens } },
    ]);
    await later(10 * MINUTE);
    expect(revocations(app, config.clientId)).toHaveLength(2);
  });

  test("is PENDING while the provider cannot be had, goes on by itself, and says in the history how it ended", async () => {
    const project = await createProject(app, app.adminKey);
    const { id, key, token, config } = await connected(app, { key: project.key });
    await turn(config.clientId, DOWN);
    const revoked = await revoke(app, key, id);
    expect(revoked.credential.status).toBe("REVOKED");
    expect(outcomes(revoked)).toEqual(["refresh_token PENDING", "access_token PENDING"]);
    expect(revoked.tokens[0]!.message).toMatch(/provider/);
    expect(await apiStatus(app, token)).toBe(200);
    expect(await reveal(app, key, { id })).toMatchObject({ __typename: "CredentialNotUsableError" });
    expect(await sealed(app, project.id)).toEqual(["AuthConfig.clientSecret", "Revocation.tokens"]);
    // Still down: it is asked again, and nothing is told that was told already.
    await later(10 * MINUTE);
    await expect.poll(() => revocations(app, config.clientId).length).toBe(2);
    expect((await told(app, key, id)).filter((message) => message.includes("PENDING"))).toHaveLength(1);
    await turn(config.clientId, {});
    await later(10 * MINUTE);
    await expect
      .poll(() => told(app, key, id).then(([latest]) => latest))
      .toMatch(/refresh_token: REVOKED, access_token: REVOKED/);
    expect(await apiStatus(app, token)).toBe(401);
    expect(await sealed(app, project.id)).toEqual(["AuthConfig.clientSecret"]);
    expect(await audited(app, key, "credential.revoked_at_provider", id)).toHaveLength(2);
  });

  test("asks no sooner than the provider says", async () => {
    const { id, key, config } = await connected(app);
    await turn(config.clientId, { revocationError: { status: 429, error: "slow_down", retryAfterSeconds: 3_600 } });
    await revoke(app, key, id);
    const before = revocations(app, config.clientId).length;
    await turn(config.clientId, {});
    await later(50 * MINUTE);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(revocations(app, config.clientId)).toHaveLength(before);
    await later(11 * MINUTE);
    await expect.poll(() => revocations(app, config.clientId).length).toBe(before + 2);
  });

  test("gives up after a day, and says so: the provider is asked no more, and the tokens are destroyed", async () => {
    const project = await createProject(app, app.adminKey);
    const { id, key, config } = await connected(app, { key: project.key });
    await turn(config.clientId, DOWN);
    await revoke(app, key, id);
    await turn(config.clientId, {});
    const before = revocations(app, config.clientId).length;
    await later(24 * 60 * MINUTE + 1);
    await expect.poll(() => told(app, key, id).then(([latest]) => latest)).toMatch(/refresh_token: FAILED \(.*within a day/);
    expect(revocations(app, config.clientId)).toHaveLength(before);
    expect(await sealed(app, project.id)).toEqual(["AuthConfig.clientSecret"]);
    expect(await audited(app, key, "credential.revoked_at_provider", id)).toMatchObject([
      { outcome: "FAILED" },
      { outcome: "ALLOWED" },
    ]);
  });

  test("that the provider refuses for good has FAILED, and is not tried again", async () => {
    const { id, key, config } = await connected(app);
    await turn(config.clientId, { revocationError: { status: 401, error: "invalid_client" } });
    expect(outcomes(await revoke(app, key, id))).toEqual(["refresh_token FAILED", "access_token FAILED"]);
    await turn(config.clientId, {});
    const before = revocations(app, config.clientId).length;
    await later(60 * MINUTE);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(revocations(app, config.clientId)).toHaveLength(before);
  });

  test("waits for the provider no longer than a few seconds", async () => {
    const { id, key, config } = await connected(app);
    await turn(config.clientId, { revocationDelayMs: 60_000 });
    const begun = performance.now();
    expect(outcomes(await revoke(app, key, id))).toEqual(["refresh_token PENDING", "access_token PENDING"]);
    expect(performance.now() - begun).toBeLessThan(9_000);
    await turn(config.clientId, {});
  });

  test("of two calls at once ends it once", async () => {
    const { id, key, config } = await connected(app);
    const both = await Promise.allSettled([revoke(app, key, id), revoke(app, key, id)]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(revocations(app, config.clientId)).toHaveLength(2);
  });
});

describe("tokens that nobody keeps", () => {
  /** Opens a request, and does something to it while its code is being redeemed. */
  async function during(
    options: { connect?: object; choice?: object },
    meanwhile: (requestId: string, session: string) => Promise<unknown>,
  ) {
    const first = await connected(app, { connect: options.connect });
    await turn(first.config.clientId, { tokenDelayMs: 500 });
    app.sandbox!.control.clearLog();
    const request = await initiate(app, first.session, { target: { authConfigId: first.config.id }, returnUrl: RETURN_URL });
    const playing = goThrough(request.authorizationUrl!, options.choice);
    await expect.poll(() => tokenRequests(app, first.config.clientId, "authorization_code").length).toBe(1);
    await meanwhile(request.id, first.session);
    await playing;
    return { ...first, request: await readRequest(app, first.session, request.id) };
  }

  test("are ended at the provider where the request was cancelled while the code was redeemed", async () => {
    const made = await during({ choice: { account: "grace" } }, (id, session) => cancel(app, session, id));
    expect(made.request.status).toBe("CANCELED");
    await expect.poll(() => revocations(app, made.config.clientId).map(({ status }) => status)).toEqual([200, 200]);
    const [told] = await audited(app, app.adminKey, "connection_request.tokens_revoked", made.request.id);
    expect(told).toMatchObject({ outcome: "ALLOWED", details: { tokens: [{ outcome: "REVOKED" }, { outcome: "REVOKED" }] } });
    expect(await apiStatus(app, made.token)).toBe(200);
  });

  test("are left alone where the same account is connected, which may go by them", async () => {
    const made = await during({}, (id, session) => cancel(app, session, id));
    const { key, config, id } = made;
    await expect.poll(() => audited(app, key, "connection_request.tokens_revoked", made.request.id)).toHaveLength(1);
    expect(revocations(app, config.clientId)).toEqual([]);
    expect(await refresh(app, key, id)).toMatchObject({ __typename: "RefreshCredentialPayload" });
  });

  test("are ended where a re-authorization comes back as another account, whose grant nobody wants", async () => {
    const { id, config, session, key } = await connected(app, { connect: { choice: { account: "ada" } } });
    const { connectionRequest } = payload(
      await reauthorize(app, session, { id, returnUrl: RETURN_URL }),
      "ReauthorizeCredentialPayload",
    );
    await goThrough(connectionRequest.authorizationUrl!, { account: "grace" });
    expect(await readRequest(app, session, connectionRequest.id)).toMatchObject({ failure: { code: "ACCOUNT_MISMATCH" } });
    await expect.poll(() => revocations(app, config.clientId).map(({ status }) => status)).toEqual([200, 200]);
    expect(await refresh(app, key, id)).toMatchObject({ __typename: "RefreshCredentialPayload" });
  });

  test("are ended where the credential was revoked while it was refreshed", async () => {
    const { id, key, config } = await connected(app, { switches: { rotation: "none" } });
    await turn(config.clientId, { rotation: "none", tokenDelayMs: 600, revocationError: { ...DOWN.revocationError, times: 1 } });
    const refreshing = refresh(app, key, id);
    await expect.poll(() => tokenRequests(app, config.clientId, "refresh_token").length).toBe(1);
    expect(outcomes(await revoke(app, key, id))).toEqual(["refresh_token PENDING", "access_token PENDING"]);
    expect(await refreshing).toMatchObject({ __typename: "CredentialNotUsableError" });
    // Those that the credential had wait for their next turn; those that came meanwhile had not been asked about.
    await expect.poll(() => revocations(app, config.clientId).length).toBe(3);
    await later(MINUTE);
    await expect
      .poll(() =>
        told(app, key, id).then((messages) => messages.filter((said) => said.includes("refresh_token: REVOKED")).length),
      )
      .toBe(2);
  });
});

describe("a provider that ends every grant of an account at once", () => {
  test("is not asked while another credential of the same account is in use, and then is", async () => {
    const { clientId, config } = await ownConnector(app, app.adminKey, "account-wide");
    const revocation = { url: `${app.sandbox!.issuer}/token/revocation`, endsGrant: true, endsAccount: true };
    await app.services.database.query(
      "test_revocation",
      `UPDATE "CustomConnector" SET "definition" = jsonb_set("definition", '{schemes,0,revocation}', $1::jsonb) WHERE "slug" = 'account-wide'`,
      [JSON.stringify(revocation)],
    );
    const first = await connect(app, app.adminKey, { authConfigId: config.id });
    const second = await connect(app, app.adminKey, { authConfigId: config.id, input: { ifAccountExists: "CREATE" } });
    const alone = await revoke(app, app.adminKey, first.credential!.id);
    expect(outcomes(alone)).toEqual(["refresh_token UNSUPPORTED", "access_token UNSUPPORTED"]);
    expect(alone.tokens[0]!.message).toMatch(/another credential/);
    expect(revocations(app, clientId)).toEqual([]);
    expect(await refresh(app, app.adminKey, second.credential!.id)).toMatchObject({ __typename: "RefreshCredentialPayload" });
    const last = await revoke(app, app.adminKey, second.credential!.id);
    expect(outcomes(last)).toEqual(["refresh_token REVOKED", "access_token REVOKED"]);
    expect(revocations(app, clientId)).toHaveLength(1);
  });
});

test("tokens of a client that the user typed are ended with that client, also after it was destroyed here", async () => {
  const { issuer, control } = app.sandbox!;
  const project = await createProject(app, app.adminKey);
  const { key } = project;
  const own = { slug: "machine", name: "Machine", baseUrl: `${issuer}/api`, scheme: { bearerToken: {} } };
  await mutate(app, key, "createConnector", own);
  const scheme = {
    type: "OAUTH2_CLIENT_CREDENTIALS",
    key: "bearer-token",
    name: "Client credentials",
    tokenUrl: `${issuer}/token`,
    revocationUrl: `${issuer}/token/revocation`,
    tokenAuthMethod: "CLIENT_SECRET_BASIC",
  };
  await app.services.database.query(
    "test_machine",
    `UPDATE "CustomConnector" SET "definition" = jsonb_set("definition", '{schemes,0}', $1::jsonb) WHERE "slug" = 'machine'`,
    [JSON.stringify(scheme)],
  );
  const config = await createConfig(app, key, { connectorSlug: "machine" });
  const { clientId, clientSecret } = await control.createClient({ switches: DOWN });
  const fields = { clientId, clientSecret };
  const input = { target: { authConfigId: config.id }, projectOwned: true, fields };
  const made = await mutate(app, key, "createCredential", input, "credential { id }");
  expect(made, JSON.stringify(made)).toMatchObject({ __typename: "CreateCredentialPayload" });
  expect(outcomes(await revoke(app, key, made.credential.id))).toEqual(["access_token PENDING"]);
  expect(await sealed(app, project.id)).toEqual(["Revocation.tokens"]);
  await turn(clientId, {});
  await later(MINUTE);
  await expect
    .poll(() => told(app, key, made.credential.id).then(([latest]) => latest))
    .toBe("At the provider: access_token: REVOKED.");
  expect(revocations(app, clientId).at(-1)?.status).toBe(200);
});

test("what was typed has no tokens to end, and the history says that it lives on at the provider", async () => {
  await mutate(app, app.adminKey, "createConnector", {
    slug: "typed",
    name: "Typed",
    baseUrl: app.sandbox!.issuer,
    scheme: { apiKey: { location: "HEADER", name: "x-api-key" } },
  });
  const config = await createConfig(app, app.adminKey, { connectorSlug: "typed" });
  const input = { target: { authConfigId: config.id }, projectOwned: true, fields: { apiKey: "k-123" } };
  const { credential } = await mutate(app, app.adminKey, "createCredential", input, "credential { id }");
  expect(await revoke(app, app.adminKey, credential.id)).toMatchObject({ credential: { status: "REVOKED" }, tokens: [] });
  expect((await told(app, app.adminKey, credential.id))[0]).toMatch(/works there until it is changed there/);
});

test("tokens are not sent to a revocation address that was named after they were obtained", async () => {
  const { config } = await ownConnector(app, app.adminKey, "moved-away");
  const { credential } = await connect(app, app.adminKey, { authConfigId: config.id });
  const token = await accessToken(app, app.adminKey, credential!.id);
  await app.services.database.query(
    "test_moved",
    `UPDATE "CustomConnector" SET "definition" = jsonb_set("definition", '{schemes,0,revocationUrl}', '"http://localhost:1/revoke"') WHERE "slug" = $1`,
    ["moved-away"],
  );
  const revoked = await revoke(app, app.adminKey, credential!.id);
  expect(outcomes(revoked)).toEqual(["refresh_token FAILED", "access_token FAILED"]);
  expect(revoked.tokens[0]!.message).toMatch(/address was changed/);
  expect(await apiStatus(app, token)).toBe(200);
});
