import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { ConnectorDefinition, FieldDefinition, TwoStepSchemeDefinition } from "../src/catalogue/types.ts";
import { browse, CookieJar, submit } from "../src/sandbox/play-user.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { faults, mutate } from "./support/entities.ts";
import { type LoginPlace, type LoginServer, startLoginServer } from "./support/login-server.ts";
import { readConfig, readCredential, refresh } from "./support/oauth.ts";
import { viaProxy } from "./support/proxy.ts";
import { createConfig, createSession, createUser } from "./support/seed.ts";
import { ask, kinds, made, readTyped } from "./support/typed.ts";
import { begin, clockOf, ended } from "./support/unattended.ts";

const FIELDS: FieldDefinition[] = [
  { name: "username", label: "User name", type: "STRING", required: true, for: "credential" },
  { name: "password", label: "Password", type: "STRING", required: true, secret: true, for: "credential" },
  { name: "tenant", label: "Tenant", type: "STRING", for: "credential" },
];
const TYPED = { username: "ada", password: "correct horse battery" };

function connector(slug: string, scheme: Partial<TwoStepSchemeDefinition>, verified = false): ConnectorDefinition {
  const login = [
    { url: `https://${slug}.example.com/login`, body: { user: "{connection.username}", pass: "{connection.password}" } },
  ];
  const common = { type: "TWO_STEP" as const, key: "login", name: "User name and password", fields: FIELDS, login };
  const verification = { method: "GET", path: "/me" };
  return {
    slug,
    name: slug,
    description: null,
    kind: "API",
    categories: ["crm"],
    docsUrl: null,
    setupGuide: [],
    schemes: [{ ...common, ...scheme }],
    api: { baseUrl: `https://${slug}.example.com/v1`, ...(verified && { verification }) },
  };
}

const PLAIN: Partial<TwoStepSchemeDefinition> = {
  token: ["data.session.token"],
  lifetimeSeconds: 900,
  account: { source: "connection", id: ["username"] },
};
const CONNECTORS = [
  connector("plain", PLAIN, true),
  connector("renewing", {
    login: [
      {
        url: "https://renewing.example.com/{connection.username}/login",
        bodyFormat: "FORM",
        headers: {
          authorization: "Basic {base64({connection.username}:{connection.password})}",
          "x-tenant": "{connection.tenant|}",
        },
        body: { grant: "password" },
      },
    ],
    refresh: { url: "https://renewing.example.com/renew", headers: { "x-renew": "{refreshToken}" } },
    token: ["access"],
    refreshToken: ["renewal.token"],
    expiresAt: ["ends"],
    apply: { query: { session: "{token}" } },
  }),
  connector("steps", {
    login: [
      {
        url: "https://steps.example.com/first",
        body: { name: "{connection.username}" },
        keep: [{ name: "challenge", path: "data.challenge", pattern: "^[ -~]+$" }],
      },
      {
        url: "https://steps.example.com/second",
        method: "GET",
        headers: { "x-answer": "{base64({connection.challenge}:{connection.password})}" },
      },
    ],
    tokenHeader: "x-session",
    apply: { headers: { "x-session": "{token}" } },
  }),
];

let server: LoginServer;
let app: TestApp;
let clock: ReturnType<typeof clockOf>;
let user: { id: string };
const places = new Map<string, LoginPlace>();
const place = (slug: string) => places.get(slug)!;

beforeAll(async () => {
  server = await startLoginServer();
  for (const definition of CONNECTORS) places.set(definition.slug, server.add(definition, TYPED));
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" }, { app: { connectors: CONNECTORS } });
  server.lead(app);
  clock = clockOf(app);
  user = await createUser(app, app.adminKey);
});
beforeEach(() => {
  for (const one of places.values()) {
    one.seen.length = 0;
    one.live.clear();
    Object.assign(one, { refusing: null, forgetful: false, says: "Not these.", mute: false, broken: false });
  }
});
afterAll(async () => {
  await app?.close();
  await server?.[Symbol.asyncDispose]();
});

async function connect(slug: string, input: object = {}) {
  const config = await createConfig(app, app.adminKey, { connectorSlug: slug });
  const target = { authConfigId: config.id };
  const create = () => ask(app, app.adminKey, "createCredential", { target, user: { id: user.id }, fields: TYPED, ...input });
  return { config, target, create };
}

const call = (credential: string) => viaProxy(app, "/proxy/things", { key: app.adminKey, credential });

describe("a login for a token", () => {
  test("brings what calls carry, with its end, whose it is, and nothing typed in the open", async () => {
    const { create } = await connect("plain", { test: true });
    const credential = await made(create());
    expect(credential).toMatchObject({ status: "ACTIVE", scheme: "TWO_STEP", canRefresh: true, account: { id: "ada" } });
    const left = Date.parse(credential.accessTokenExpiresAt!) - Date.now();
    expect(left / 1000).toBeGreaterThan(800);
    expect(left / 1000).toBeLessThanOrEqual(901);
    expect((await call(credential.id)).status).toBe(200);
    const [token] = place("plain").live;
    const { revealed } = await ask(app, app.adminKey, "revealCredential", { id: credential.id });
    expect(revealed).toMatchObject({
      accessToken: token,
      tokenType: "Bearer",
      fields: { password: TYPED.password },
      headers: { authorization: `Bearer ${token}` },
    });
    expect(place("plain").seen).toEqual(["logged in", "call", "call"]);
  });

  test("is made once for however many need it when the token has run out", async () => {
    const { create } = await connect("plain");
    const { id } = await made(create());
    await clock.pass(1_000);
    place("plain").live.clear();
    place("plain").seen.length = 0;
    const answers = await Promise.all(Array.from({ length: 12 }, () => call(id)));
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200));
    expect(place("plain").seen.filter((event) => event === "logged in")).toHaveLength(1);
    // So, too, where all of them hear of it from the API.
    place("plain").live.clear();
    place("plain").seen.length = 0;
    await Promise.all(Array.from({ length: 12 }, () => call(id)));
    expect(place("plain").seen.filter((event) => event === "logged in")).toHaveLength(1);
  });

  test("that is refused saves nothing, accuses no config, and quotes nothing of what was typed", async () => {
    const { config, create, target } = await connect("plain");
    const count = () => app.services.database.prisma.credential.count();
    const before = await count();
    Object.assign(place("plain"), { refusing: { status: 403 }, says: `No user ada with correct horse battery here` });
    const answer = await create();
    expect(answer).toMatchObject({ __typename: "ProviderError", message: expect.stringContaining("does not accept") });
    expect(JSON.stringify(answer)).not.toContain("horse");
    const tested = await ask(app, app.adminKey, "createCredential", { target, user: { id: user.id }, fields: TYPED, test: true });
    expect(tested).toMatchObject({ __typename: "TestFailedError", result: { code: "INVALID_CREDENTIALS" } });
    expect(JSON.stringify(tested)).not.toContain("horse");
    expect((await readConfig(app, app.adminKey, config.id)).status).toBe("ACTIVE");
    expect(await count()).toBe(before);
  });

  test("that the provider stops accepting makes it INVALID, without a call after it, and ACTIVE with what is typed anew", async () => {
    const { create } = await connect("plain");
    const { id } = await made(create());
    place("plain").refusing = { status: 401 };
    expect(await refresh(app, app.adminKey, id)).toMatchObject({ __typename: "CredentialNotUsableError" });
    expect(await readCredential(app, app.adminKey, id)).toMatchObject({ status: "INVALID" });
    const before = place("plain").seen.length;
    expect((await call(id)).status).toBe(409);
    expect(place("plain").seen).toHaveLength(before);
    place("plain").refusing = null;
    const updated = await ask(app, app.adminKey, "updateCredential", { id, fields: { password: TYPED.password } });
    expect(updated.credential).toMatchObject({ status: "ACTIVE" });
    expect((await call(id)).status).toBe(200);
  });

  test.each([503, 429])("of a provider that cannot be had (%i) leaves it as it is", async (status) => {
    const { create } = await connect("plain");
    const { id } = await made(create());
    place("plain").refusing = { status };
    expect(await refresh(app, app.adminKey, id)).toMatchObject({ __typename: "ProviderError", retryable: true });
    expect((await readCredential(app, app.adminKey, id))!.status).toBe("ACTIVE");
    place("plain").refusing = null;
    await clock.pass(120);
    expect(await refresh(app, app.adminKey, id)).toMatchObject({ __typename: "RefreshCredentialPayload" });
    await clock.pass(600);
  });

  test("that is answered without a token is told as the connector's fault", async () => {
    const { create } = await connect("plain");
    place("plain").mute = true;
    expect(await create()).toMatchObject({ __typename: "ProviderError", message: expect.stringContaining("connector's data") });
  });

  test("is typed into the hosted page, too, and can be corrected there", async () => {
    const { target } = await connect("plain");
    const session = await createSession(app, app.adminKey, user.id, { expiresInSeconds: 86_400 });
    const request = await begin(app, session, { target });
    const cookieJar = new CookieJar();
    let page = await browse(request.connectUrl!, { cookieJar });
    for (const password of ["wrong", TYPED.password]) {
      const form = page.forms[0]!;
      const name = (field: string) => form.names.find((candidate) => candidate.endsWith(field))!;
      const values = { [name("username")]: TYPED.username, [name("password")]: password };
      page = await submit(page, form, values, { cookieJar, button: form.buttons[0] });
    }
    expect(await ended(app, session, request.id)).toMatchObject({ status: "ACTIVE", credential: { account: { id: "ada" } } });
  });
});

test("a connector without a call to test with is tested by the login, and revoked here alone", async () => {
  const { create, target } = await connect("renewing", { test: true });
  const { id } = await made(create());
  expect((await ask(app, app.adminKey, "tryCredential", { target, fields: TYPED })).result).toMatchObject({
    ok: true,
    code: "OK",
  });
  place("renewing").refusing = { status: 401 };
  const tried = await ask(app, app.adminKey, "tryCredential", { target, fields: TYPED });
  expect(tried.result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
  const answer = await mutate(app, app.adminKey, "revokeCredential", { id }, "credential { status } tokens { kind outcome }");
  expect(answer).toMatchObject({ credential: { status: "REVOKED" } });
  expect((answer as unknown as { tokens: object[] }).tokens).toEqual([
    { kind: "refresh_token", outcome: "UNSUPPORTED" },
    { kind: "access_token", outcome: "UNSUPPORTED" },
  ]);
});

describe("a login that brings a refresh token", () => {
  test("is renewed with it, with the newest one each time, and made again where that is refused", async () => {
    const { create } = await connect("renewing");
    const { id } = await made(create());
    const { seen } = place("renewing");
    for (const expected of ["renewed", "renewed"]) {
      place("renewing").live.clear();
      expect((await call(id)).status).toBe(200);
      expect(seen.slice(-2)).toEqual([expected, "call"]);
    }
    await clock.pass(3_700);
    place("renewing").forgetful = true;
    place("renewing").live.clear();
    expect((await call(id)).status).toBe(200);
    expect(seen.slice(-2)).toEqual(["logged in", "call"]);
    const happened = kinds((await readTyped(app, app.adminKey, id))!).filter((kind) => kind !== "USED");
    expect(happened).toEqual(["CONNECTED", "REFRESHED", "REFRESHED", "REFRESHED"]);
  });

  test("that no header could carry is quoted nowhere, and the login is made again", async () => {
    place("renewing").broken = true;
    const { create } = await connect("renewing");
    const { id } = await made(create());
    place("renewing").live.clear();
    const said = vi.spyOn(app.services.log, "error");
    expect((await call(id)).status).toBe(200);
    expect(place("renewing").seen.slice(-2)).toEqual(["logged in", "call"]);
    expect(said.mock.calls.map(([line]) => String((line as { err?: Error }).err?.message))).toEqual([]);
    said.mockRestore();
  });

  test("leaves out a header for which nothing was typed, and sends it where something was", async () => {
    place("renewing").typed = { ...TYPED, tenant: "north" };
    const { create } = await connect("renewing");
    expect(await create()).toMatchObject({ __typename: "ProviderError" });
    expect(place("renewing").seen).toEqual(["refused: x-tenant"]);
    const { create: again } = await connect("renewing", { fields: { ...TYPED, tenant: "north" } });
    expect((await made(again())).status).toBe("ACTIVE");
    place("renewing").typed = TYPED;
  });
});

test("a login of two steps hands on what the first one told, and finds its token in a header", async () => {
  const { create } = await connect("steps");
  const { id, accessTokenExpiresAt } = await made(create());
  expect(accessTokenExpiresAt).toBeNull();
  expect((await call(id)).status).toBe(200);
  place("steps").live.clear();
  expect((await call(id)).status).toBe(200);
  expect(place("steps").seen).toEqual(["step 1", "logged in", "call", "call refused", "step 1", "logged in", "call"]);
});

test("a project's secret is not combined with a host that each user chooses", async () => {
  const config = (presetCredentialFields: object) =>
    mutate(app, app.adminKey, "createAuthConfig", {
      connectorSlug: "3cx",
      name: JSON.stringify(presetCredentialFields),
      presetCredentialFields,
    });
  expect(faults(await config({ clientSecret: "s" }))).toBe("presetCredentialFields.clientSecret NOT_ALLOWED");
  expect((await config({ clientSecret: "s", domain: "pbx.example.com" })).__typename).toBe("CreateAuthConfigPayload");
});
