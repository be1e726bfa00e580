import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { checkOf, json, type LocalServer, outcomes, startServer, validate } from "./support/diagnosis.ts";
import { faults, list, mutate } from "./support/entities.ts";
import { auditEvents } from "./support/oauth.ts";
import { basicOf, keyAt, type StaticApi, startStaticApi } from "./support/static-api.ts";

let app: TestApp;
let key: string;
let issuer: string;
let api: StaticApi;
const servers: LocalServer[] = [];
beforeAll(async () => {
  api = await startStaticApi();
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1" });
  key = app.adminKey;
  issuer = app.sandbox!.issuer;
});
afterAll(async () => {
  for (const server of servers) await server.close();
  await app?.close();
  await api?.close();
});

const named = (more: object) => ({ slug: `val-${randomUUID().slice(0, 8)}`, name: "To be validated", ...more });

describe("an OAuth 2 connector before it is saved", () => {
  test("has its endpoints, its issuer and a client looked at, and is not saved", async () => {
    const client = await app.sandbox!.control.createClient({});
    const connector = named({ scheme: { oauth2: { issuer, scope: "openid notes:read" } } });
    const { clientId, clientSecret } = client;
    const told = await validate(app, key, { connector, clientId, clientSecret });
    expect(told.diagnosis.ok).toBe(true);
    expect(outcomes(told)).toMatchObject({
      TOKEN_ENDPOINT_REACHABLE: "PASSED",
      REGISTRATION_ENDPOINT_REACHABLE: "PASSED",
      KEY_SET_READABLE: "PASSED",
      DISCOVERY_MATCHES: "PASSED",
      CLIENT_AUTHENTICATED: "PASSED",
      SCOPES_KNOWN: "PASSED",
    });
    // It has its id, and with it the redirect URI, only when it is saved.
    expect(checkOf(told, "REDIRECT_URI_REGISTERED")).toMatchObject({
      outcome: "SKIPPED",
      message: expect.stringContaining("saved"),
    });
    expect((await list(app, key, "connectors", "filter: { kind: [CUSTOM] }")).totalCount).toBe(0);
    expect(JSON.stringify(told)).not.toContain(clientSecret);
    const wrong = await validate(app, key, { connector, clientId, clientSecret: "not-this-one-0123456789" });
    expect(checkOf(wrong, "CLIENT_AUTHENTICATED").outcome).toBe("FAILED");
    expect(JSON.stringify(wrong)).not.toContain("not-this-one-0123456789");
  });

  test("that was saved before has its redirect URI looked at, too", async () => {
    const connector = named({ scheme: { oauth2: { issuer } } });
    const saved = (await mutate(app, key, "createConnector", connector, "connector { redirectUri }")).connector;
    const { clientId, clientSecret } = await app.sandbox!.control.createClient({ redirectUris: [String(saved.redirectUri)] });
    expect(checkOf(await validate(app, key, { connector, clientId, clientSecret }), "REDIRECT_URI_REGISTERED").outcome).toBe(
      "PASSED",
    );
  });

  test("without a client is looked at all the same, and says how there will be one", async () => {
    const discovered = await validate(app, key, { connector: named({ scheme: { oauth2: { issuer } } }) });
    expect(checkOf(discovered, "CLIENT_AUTHENTICATED")).toMatchObject({
      outcome: "SKIPPED",
      message: expect.stringContaining("registers"),
    });
    const oauth2 = { authorizationUrl: `${issuer}/auth`, tokenUrl: `${issuer}/token` };
    const byHand = await validate(app, key, { connector: named({ scheme: { oauth2 } }) });
    expect(checkOf(byHand, "CLIENT_AUTHENTICATED")).toMatchObject({
      outcome: "SKIPPED",
      remedy: expect.stringContaining("clientId"),
    });
  });

  test("with an issuer that cannot be read fails one check, which says why", async () => {
    const server = await startServer((_request, response) => json(response, 404, {}));
    servers.push(server);
    const silent = await validate(app, key, { connector: named({ scheme: { oauth2: { issuer: server.url } } }) });
    expect(silent.diagnosis).toMatchObject({ ok: false, checks: [{ name: "DISCOVERY_MATCHES", outcome: "FAILED" }] });
    expect(checkOf(silent, "DISCOVERY_MATCHES")).toMatchObject({
      message: "The issuer publishes no metadata.",
      remedy: expect.stringContaining("by hand"),
    });
    const nowhere = await validate(app, key, { connector: named({ scheme: { oauth2: { issuer: "https://nowhere.invalid" } } }) });
    expect(checkOf(nowhere, "DISCOVERY_MATCHES")).toMatchObject({
      outcome: "FAILED",
      message: expect.stringContaining("host name was not found"),
    });
  });
});

describe("a connector of typed values before it is saved", () => {
  const verification = { method: "GET", path: "/me" };
  const keyed = () => named({ baseUrl: api.url, scheme: { apiKey: { location: "QUERY", name: "key" } }, verification });

  test("has its verification call really made with `fields`", async () => {
    api.accept = keyAt(({ query }) => query.key);
    api.seen = [];
    const told = await validate(app, key, { connector: keyed(), fields: { apiKey: "good-ada-0123456789" } });
    expect(told.diagnosis.ok).toBe(true);
    expect(checkOf(told, "CREDENTIAL_VERIFIED").outcome).toBe("PASSED");
    expect(api.seen.find(({ path }) => path === "/me")?.query).toEqual({ key: "good-ada-0123456789" });
    const bad = await validate(app, key, { connector: keyed(), fields: { apiKey: "bad-key-0123456789" } });
    expect(checkOf(bad, "CREDENTIAL_VERIFIED").outcome).toBe("FAILED");
    expect(JSON.stringify(bad)).not.toContain("bad-key-0123456789");
    expect(checkOf(await validate(app, key, { connector: keyed() }), "CREDENTIAL_VERIFIED").outcome).toBe("SKIPPED");
  });

  test("of user name and password warns where they would go without TLS", async () => {
    api.accept = (call) => (basicOf(call)?.[1] === "correct" ? "ada" : null);
    const connector = named({ baseUrl: api.url, scheme: { basic: {} }, verification });
    const told = await validate(app, key, { connector, fields: { username: "ada", password: "correct" } });
    expect(outcomes(told)).toMatchObject({ TLS_VALID: "WARNING", CREDENTIAL_VERIFIED: "PASSED" });
    expect(checkOf(told, "TLS_VALID").message).toMatch(/passwords/);
    const plain = await validate(app, key, { connector: { ...connector, baseUrl: "http://api.example.com" } });
    expect(faults(plain as never)).toBe("connector.baseUrl PATTERN");
    // Paths are appended: they would become a part of the query.
    const asked = await validate(app, key, { connector: { ...connector, baseUrl: `${api.url}?version=2` } });
    expect(faults(asked as never)).toBe("connector.baseUrl PATTERN");
  });

  test("that needs nothing is asked for nothing", async () => {
    api.accept = () => "anybody";
    const told = await validate(app, key, { connector: named({ baseUrl: api.url, scheme: { none: {} }, verification }) });
    expect(checkOf(told, "CREDENTIAL_VERIFIED").outcome).toBe("PASSED");
  });
});

describe("input that could not be saved", () => {
  test("is refused with the path to what is wrong", async () => {
    const apiKey = { location: "HEADER", name: "X-Api-Key" };
    const cases: [object, string][] = [
      [{ connector: { slug: "github", name: "x", scheme: { none: {} } } }, "connector.slug NOT_ALLOWED"],
      [
        { connector: named({ scheme: { oauth2: {} } }) },
        "connector.scheme.oauth2.authorizationUrl REQUIRED, connector.scheme.oauth2.tokenUrl REQUIRED",
      ],
      [{ connector: named({ scheme: { apiKey } }), clientId: "c" }, "clientId NOT_ALLOWED"],
      [
        { connector: named({ scheme: { apiKey } }), fields: { nothing: "x" } },
        "fields.nothing UNKNOWN_FIELD, fields.apiKey REQUIRED",
      ],
      [{ connector: named({ scheme: { oauth2: { issuer } } }), clientSecret: "s" }, "clientId REQUIRED"],
    ];
    for (const [input, expected] of cases) {
      const told = faults((await validate(app, key, input)) as never).split(", ");
      expect(told.toSorted(), expected).toEqual(expected.split(", ").toSorted());
    }
  });

  test("and so are keys that may not configure; what is done is on record", async () => {
    const { key: viewer } = await mutate(app, key, "createApiKey", { name: "viewer", role: "VIEWER" }, "key");
    const connector = named({ scheme: { none: {} } });
    expect(await validate(app, viewer, { connector })).toMatchObject({ code: "FORBIDDEN" });
    await validate(app, key, { connector });
    const events = await auditEvents(app, key, { action: "connector.validated" });
    expect(events[0]).toMatchObject({ details: { slug: connector.slug, ok: true } });
  });
});
