import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { run } from "./support/graphql.ts";
import { createSession, createUser } from "./support/seed.ts";
import { basicOf, keyAt, type Seen, type StaticApi, startStaticApi } from "./support/static-api.ts";
import { ask, createConnector, createTypedConfig, kinds, made, type Revealed, type SchemeInput, wrong } from "./support/typed.ts";

let app: TestApp;
let api: StaticApi;
let userId: string;

beforeAll(async () => {
  api = await startStaticApi();
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  userId = (await createUser(app, app.adminKey, "typist")).id;
});

beforeEach(() => {
  api.seen.length = 0;
  api.force = null;
});

afterAll(async () => {
  await app?.close();
  await api?.close();
});

interface Way {
  name: string;
  scheme: SchemeInput;
  good: Record<string, unknown>;
  bad: Record<string, unknown>;
  accept: (call: Seen) => string | null;
  revealed: Partial<Revealed>;
}

const password = keyAt((call) => basicOf(call)?.[1]);

const WAYS: Way[] = [
  {
    name: "an API key in a header",
    scheme: { apiKey: { location: "HEADER", name: "X-Api-Key" } },
    good: { apiKey: "good-ada-1" },
    bad: { apiKey: "bad-1" },
    accept: keyAt(({ headers }) => headers["x-api-key"]),
    revealed: { accessToken: null, fields: { apiKey: "good-ada-1" }, headers: { "x-api-key": "good-ada-1" }, query: {} },
  },
  {
    name: "an API key in a header with a prefix",
    scheme: { apiKey: { location: "HEADER", name: "Authorization", prefix: "Token " } },
    good: { apiKey: "good-ada-1" },
    bad: { apiKey: "bad-1" },
    accept: keyAt(({ headers }) => headers.authorization?.match(/^Token (.*)$/)?.[1]),
    revealed: { accessToken: null, fields: { apiKey: "good-ada-1" }, headers: { authorization: "Token good-ada-1" }, query: {} },
  },
  {
    name: "an API key in the query",
    scheme: { apiKey: { location: "QUERY", name: "api_key" } },
    good: { apiKey: "good-ada-1&x=y z" },
    bad: { apiKey: "bad-1" },
    accept: (call) => (call.query.x === undefined ? keyAt(({ query }) => query.api_key)(call) : null),
    revealed: { fields: { apiKey: "good-ada-1&x=y z" }, headers: {}, query: { api_key: "good-ada-1&x=y z" } },
  },
  {
    name: "an API key in a cookie",
    scheme: { apiKey: { location: "COOKIE", name: "session" } },
    good: { apiKey: "good-ada-1;x" },
    bad: { apiKey: "bad-1" },
    accept: keyAt(({ headers }) => decodeURIComponent(headers.cookie?.match(/^session=([^;]*)$/)?.[1] ?? "")),
    revealed: { fields: { apiKey: "good-ada-1;x" }, headers: { cookie: "session=good-ada-1%3Bx" }, query: {} },
  },
  {
    name: "a bearer token",
    scheme: { bearerToken: {} },
    good: { token: "good-ada-1" },
    bad: { token: "bad-1" },
    accept: keyAt(({ headers }) => headers.authorization?.match(/^Bearer (.*)$/)?.[1]),
    revealed: {
      accessToken: "good-ada-1",
      tokenType: "Bearer",
      fields: { token: "good-ada-1" },
      headers: { authorization: "Bearer good-ada-1" },
    },
  },
  {
    name: "a bearer token in a header of its own without a prefix",
    scheme: { bearerToken: { headerName: "X-Token", prefix: "" } },
    good: { token: "good-ada-1" },
    bad: { token: "bad-1" },
    accept: keyAt(({ headers }) => headers["x-token"]),
    revealed: { accessToken: "good-ada-1", tokenType: null, headers: { "x-token": "good-ada-1" } },
  },
  {
    name: "a user name and a password",
    scheme: { basic: { usernameLabel: "Login", passwordLabel: "Passphrase" } },
    good: { username: "ada@example.com", password: "good-ada-1:é" },
    bad: { username: "ada@example.com", password: "bad-1" },
    accept: password,
    revealed: {
      accessToken: null,
      fields: { password: "good-ada-1:é" },
      headers: { authorization: `Basic ${Buffer.from("ada@example.com:good-ada-1:é").toString("base64")}` },
    },
  },
];

const count = async () => app.services.database.prisma.credential.count();

describe.each(WAYS)("$name", ({ scheme, good, bad, accept, revealed }) => {
  test("connects in one call, is tested, tried, revealed and rotated", async () => {
    api.accept = accept;
    const { target } = await createTypedConfig(app, app.adminKey, api, scheme);
    const owner = { target, user: { id: userId } };

    const tried = await ask(app, app.adminKey, "tryCredential", { target, fields: good });
    expect(tried.result).toMatchObject({ ok: true, code: "OK" });
    expect((await ask(app, app.adminKey, "tryCredential", { target, fields: bad })).result).toMatchObject({
      ok: false,
      code: "INVALID_CREDENTIALS",
    });

    const before = await count();
    const refused = await ask(app, app.adminKey, "createCredential", { ...owner, fields: bad, test: true });
    expect(refused).toMatchObject({ __typename: "TestFailedError", code: "TEST_FAILED" });
    expect(refused.result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(await count()).toBe(before);

    const credential = await made(
      ask(app, app.adminKey, "createCredential", { ...owner, fields: good, label: "Mine", test: true }),
    );
    expect(credential).toMatchObject({ status: "ACTIVE", label: "Mine", canRefresh: false, accessTokenExpiresAt: null });
    expect(credential.account).toEqual({ id: "ada", name: "Name of ada" });
    expect(credential.lastTestedAt).not.toBeNull();
    expect(credential.scopes).toEqual({ requested: [], granted: [], missing: [] });
    expect(kinds(credential)).toEqual(["CONNECTED"]);

    const { id } = credential;
    expect((await ask(app, app.adminKey, "testCredential", { id })).result).toMatchObject({ ok: true });
    const shown = await ask(app, app.adminKey, "revealCredential", { id });
    expect(shown.revealed).toMatchObject(revealed);
    const [first = ""] = Object.keys(bad);
    const rotated = await made(ask(app, app.adminKey, "updateCredential", { id, fields: bad }));
    expect(rotated.version).toBe(credential.version + 1);
    const again = await ask(app, app.adminKey, "revealCredential", { id });
    expect(JSON.stringify(again.revealed)).not.toContain("good-ada");
    expect((await ask(app, app.adminKey, "testCredential", { id })).credential).toMatchObject({ status: "INVALID" });
    expect(Object.keys(good)).toContain(first);
  });
});

describe("no authentication", () => {
  test("makes a credential of nothing, which is called without any secret", async () => {
    api.accept = () => "anybody";
    const { target } = await createTypedConfig(app, app.adminKey, api, { none: { note: "Open to all." } });
    const credential = await made(
      ask(app, app.adminKey, "createCredential", { target, projectOwned: true, fields: {}, test: true }),
    );
    expect(credential).toMatchObject({ status: "ACTIVE", scheme: "NONE" });
    const { revealed } = await ask(app, app.adminKey, "revealCredential", { id: credential.id });
    expect(revealed).toEqual({ accessToken: null, tokenType: null, fields: {}, headers: {}, query: {} });
    const [call] = api.seen;
    expect(call!.headers).not.toHaveProperty("authorization");
    expect(call!.headers).not.toHaveProperty("cookie");
  });
});

describe("a connector's scheme", () => {
  const create = (scheme: SchemeInput | object) =>
    ask(app, app.adminKey, "createConnector", {
      slug: `s-${Math.random().toString(36).slice(2, 10)}`,
      name: "S",
      baseUrl: api.url,
      scheme,
    });

  test.each<[string, object, string]>([
    [
      "a header's name with a line break",
      { apiKey: { location: "HEADER", name: "x-key\r\nx-evil" } },
      "scheme.apiKey.name PATTERN",
    ],
    ["a header's name with a colon", { apiKey: { location: "HEADER", name: "x:key" } }, "scheme.apiKey.name PATTERN"],
    ["the Host header", { apiKey: { location: "HEADER", name: "Host" } }, "scheme.apiKey.name NOT_ALLOWED"],
    ["the Cookie header", { apiKey: { location: "HEADER", name: "cookie" } }, "scheme.apiKey.name NOT_ALLOWED"],
    ["a cookie's name with a semicolon", { apiKey: { location: "COOKIE", name: "a;b" } }, "scheme.apiKey.name PATTERN"],
    ["a cookie's name with an equals sign", { apiKey: { location: "COOKIE", name: "a=b" } }, "scheme.apiKey.name PATTERN"],
    ["a query name with a space", { apiKey: { location: "QUERY", name: "a b" } }, "scheme.apiKey.name PATTERN"],
    ["a prefix with a line break", { apiKey: { location: "HEADER", name: "x", prefix: "a\n" } }, "scheme.apiKey.prefix PATTERN"],
    ["a bearer's header with a space", { bearerToken: { headerName: "x y" } }, "scheme.bearerToken.headerName PATTERN"],
    ["a bearer's prefix with a line break", { bearerToken: { prefix: "Bearer\r\n" } }, "scheme.bearerToken.prefix PATTERN"],
    ["a blank label", { basic: { usernameLabel: " " } }, "scheme.basic.usernameLabel REQUIRED"],
  ])("refuses %s", async (_what, scheme, expected) => {
    expect(wrong(await create(scheme))).toBe(expected);
  });

  test("does not go over plain http to anywhere but this machine", async () => {
    const scheme = { basic: {} };
    const answer = await ask(app, app.adminKey, "createConnector", {
      slug: "plain-http",
      name: "P",
      baseUrl: "http://api.example",
      scheme,
    });
    expect(wrong(answer)).toBe("baseUrl PATTERN");
  });

  test("shows its fields as a form and as JSON Schema, the secret ones as secret", async () => {
    const { slug } = await createConnector(app, app.adminKey, api, { basic: { usernameLabel: "Login" } });
    const query = `query TypedFields($slug: String!) { connector(slug: $slug) { redirectUri schemes {
      key type testable credentialFields { name label secret required } credentialSchema } } }`;
    const { connector } = await run<{ connector: { redirectUri: string | null; schemes: Record<string, unknown>[] } }, object>(
      app,
      app.adminKey,
      query,
      { slug },
    );
    expect(connector.redirectUri).toBeNull();
    expect(connector.schemes).toMatchObject([
      {
        key: "basic",
        type: "BASIC",
        testable: true,
        credentialFields: [
          { name: "username", label: "Login", secret: false, required: true },
          { name: "password", label: "Password", secret: true, required: false },
        ],
        credentialSchema: { required: ["username"], properties: { password: { writeOnly: true } } },
      },
    ]);
  });

  test("can be applied otherwise at once for everything connected, but not become another one while configs hang on it", async () => {
    api.accept = keyAt(({ headers }) => headers["x-new"]);
    const { connector, target } = await createTypedConfig(app, app.adminKey, api, {
      apiKey: { location: "HEADER", name: "X-Old" },
    });
    const { id } = await made(
      ask(app, app.adminKey, "createCredential", { target, projectOwned: true, fields: { apiKey: "good-ada-1" } }),
    );
    const scheme = { apiKey: { location: "HEADER", name: "X-New" } };
    const change = { id: connector.id, scheme };
    expect(await ask(app, app.adminKey, "updateConnector", change)).toMatchObject({ __typename: "InUseError" });
    expect(wrong(await ask(app, app.adminKey, "updateConnector", { ...change, confirm: true }))).toBe(
      "UpdateConnectorPayload undefined",
    );
    expect((await ask(app, app.adminKey, "testCredential", { id })).result).toMatchObject({ ok: true });
    const other = await ask(app, app.adminKey, "updateConnector", { id: connector.id, scheme: { basic: {} } });
    expect(other).toMatchObject({ __typename: "ConflictError", code: "CONFLICT" });
    expect((await ask(app, app.adminKey, "testCredential", { id })).result).toMatchObject({ ok: true });
    // Whose account it is, is kept when something else of the connector is changed.
    await ask(app, app.adminKey, "updateConnector", { id: connector.id, description: "Changed" });
    const next = await made(
      ask(app, app.adminKey, "createCredential", { target, projectOwned: true, fields: { apiKey: "good-grace-1" }, test: true }),
    );
    expect(next.account).toEqual({ id: "grace", name: "Name of grace" });
  });

  test("cuts off what was typed when it moves to another address, and takes it back when it is typed anew", async () => {
    const elsewhere = await startStaticApi();
    try {
      const accept = keyAt(({ headers }) => headers["x-api-key"]);
      api.accept = accept;
      elsewhere.accept = accept;
      const scheme = { apiKey: { location: "HEADER" as const, name: "X-Api-Key" } };
      const { connector, target, authConfigId } = await createTypedConfig(app, app.adminKey, api, scheme);
      const { id } = await made(
        ask(app, app.adminKey, "createCredential", { target, projectOwned: true, fields: { apiKey: "good-ada-1" } }),
      );
      const move = { id: connector.id, baseUrl: elsewhere.url };
      expect(await ask(app, app.adminKey, "updateConnector", move)).toMatchObject({ __typename: "InUseError" });
      await ask(app, app.adminKey, "updateConnector", { ...move, confirm: true });
      const tested = await ask(app, app.adminKey, "testCredential", { id });
      expect(tested).toMatchObject({ result: { ok: false }, credential: { status: "INVALID" } });
      expect((await ask(app, app.adminKey, "revealCredential", { id })).code).toBe("CREDENTIAL_NOT_USABLE");
      // Neither a trial nor a change of something else takes the old secret along.
      const trial = await ask(app, app.adminKey, "tryCredential", { credentialId: id, fields: {} });
      expect(wrong(trial)).toBe("fields.apiKey REQUIRED");
      expect(elsewhere.seen).toEqual([]);
      expect(await made(ask(app, app.adminKey, "updateCredential", { id, fields: { apiKey: "good-ada-2" } }))).toMatchObject({
        status: "ACTIVE",
      });
      expect(elsewhere.seen.map(({ headers }) => headers["x-api-key"])).toEqual(["good-ada-2"]);
      expect(authConfigId).toBeTruthy();
    } finally {
      await elsewhere.close();
    }
  });
});

describe("an auth config without a client", () => {
  test.each<[string, object, string]>([
    ["a client id", { clientId: "x" }, "clientId NOT_ALLOWED"],
    ["a client secret", { clientSecret: "x" }, "clientSecret NOT_ALLOWED"],
    ["an end of its secret", { clientSecretExpiresAt: "2030-01-01T00:00:00Z" }, "clientSecretExpiresAt NOT_ALLOWED"],
    ["scopes", { scopes: ["a"] }, "scopes NOT_ALLOWED"],
    ["flows", { flows: ["AUTHORIZATION_CODE"] }, "flows NOT_ALLOWED"],
    [
      "authorization parameters",
      { parameters: { authorizationParameters: { a: "b" } } },
      "parameters.authorizationParameters UNKNOWN_FIELD",
    ],
    ["a preset that is no field", { presetCredentialFields: { password: "x" } }, "presetCredentialFields.password UNKNOWN_FIELD"],
    ["a preset with a line break", { presetCredentialFields: { apiKey: "a\nb" } }, "presetCredentialFields.apiKey PATTERN"],
  ])("refuses %s, when it is made and when it is changed", async (_what, input, expected) => {
    const { slug } = await createConnector(app, app.adminKey, api, { apiKey: { location: "HEADER", name: "X-Api-Key" } });
    expect(wrong(await ask(app, app.adminKey, "createAuthConfig", { connectorSlug: slug, name: "C", ...input }))).toBe(expected);
    const { authConfig } = await ask(app, app.adminKey, "createAuthConfig", { connectorSlug: slug, name: "C" });
    expect(wrong(await ask(app, app.adminKey, "updateAuthConfig", { id: authConfig!.id, ...input }))).toBe(expected);
  });

  test("has no app, no redirect URI and no flows, and makes its connector connectable, for sessions too", async () => {
    const { slug } = await createConnector(app, app.adminKey, api, { none: {} });
    const session = await createSession(app, app.adminKey, userId);
    const query = `query TypedConnectable($slug: String!) { connector(slug: $slug) { connectable authConfigs { nodes {
      ownApp clientId hasClientSecret redirectUri flows scopes credentialFields { name } } } } }`;
    type Answer = { connector: { connectable: boolean; authConfigs: { nodes: object[] } } | null };
    expect((await run<Answer, object>(app, app.adminKey, query, { slug })).connector).toMatchObject({ connectable: false });
    expect((await run<Answer, object>(app, session, query, { slug })).connector).toBeNull();
    await ask(app, app.adminKey, "createAuthConfig", { connectorSlug: slug, name: "C" });
    expect((await run<Answer, object>(app, app.adminKey, query, { slug })).connector).toEqual({
      connectable: true,
      authConfigs: {
        nodes: [
          {
            ownApp: null,
            clientId: null,
            hasClientSecret: false,
            redirectUri: null,
            flows: [],
            scopes: [],
            credentialFields: [],
          },
        ],
      },
    });
    expect((await run<Answer, object>(app, session, query, { slug })).connector).toMatchObject({ connectable: true });
    const credential = await made(ask(app, session, "createCredential", { target: { connectorSlug: slug }, fields: {} }));
    expect(credential.status).toBe("ACTIVE");
  });
});
