import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { startApp } from "../src/app.ts";
import type { ConnectorDefinition } from "../src/catalogue/types.ts";
import { readConfig } from "../src/config.ts";
import { type Sandbox, startSandbox } from "../src/sandbox/server.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { checkOf, diagnose, json, startServer } from "./support/diagnosis.ts";
import { faults, list, mutate } from "./support/entities.ts";
import { connect, createConfig } from "./support/seed.ts";

const CLIENT_ID = "the-operators-app";
const CLIENT_SECRET = "the-operators-secret-0123456789";

/** A provider that the catalogue has beside the sandbox, at a server that is real. */
function provider(issuer: string, slug: string): ConnectorDefinition {
  return {
    slug,
    name: "Operated",
    description: "A provider with an app of the operator's.",
    kind: "OAUTH2_PROVIDER",
    categories: ["developer-tools"],
    docsUrl: "https://provider.example/docs",
    setupGuide: ["Ask the operator."],
    schemes: [
      {
        type: "OAUTH2",
        key: "oauth2",
        name: "OAuth 2",
        issuer,
        authorizationUrl: `${issuer}/auth`,
        tokenUrl: `${issuer}/token`,
        revocationUrl: `${issuer}/token/revocation`,
        jwksUri: `${issuer}/jwks`,
        scopes: ["openid", "profile", "offline_access"].map((name) => ({ name, default: true })),
        tokenAuthMethod: "CLIENT_SECRET_BASIC",
        account: { source: "idToken", id: ["sub"] },
      },
    ],
    api: { baseUrl: `${issuer}/api`, verification: { method: "GET", path: "/me" } },
  };
}

describe("a default app of the operator's", () => {
  let app: TestApp;
  let elsewhere: Sandbox;
  beforeAll(async () => {
    elsewhere = await startSandbox({ port: 0 });
    const env = {
      MOORLINE_EGRESS_ALLOW: "127.0.0.1",
      MOORLINE_APP_THE_OPERATED_CLIENT_ID: CLIENT_ID,
      MOORLINE_APP_THE_OPERATED_CLIENT_SECRET: CLIENT_SECRET,
    };
    const connectors = [provider(elsewhere.issuer, "the-operated"), provider(elsewhere.issuer, "without-app")];
    app = await startTestApp(env, { app: { connectors } });
    const redirectUris = [`${app.url}/oauth/callback/the-operated`];
    await elsewhere.control.createClient({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, redirectUris });
  });
  afterAll(async () => {
    await app?.close();
    await elsewhere?.close();
  });

  test("connects accounts for a config without a client of its own, and refreshes and revokes them", async () => {
    const config = await createConfig(app, app.adminKey, { connectorSlug: "the-operated" });
    expect(config.clientId).toBeNull();
    const { credential } = await connect(app, app.adminKey, { authConfigId: config.id });
    expect(credential).toMatchObject({ status: "ACTIVE", account: { id: "ada" } });
    const { id } = credential!;
    expect((await mutate(app, app.adminKey, "refreshCredential", { id })).__typename).toBe("RefreshCredentialPayload");
    expect((await mutate(app, app.adminKey, "testCredential", { id }, "result { ok }")) as object).toMatchObject({
      result: { ok: true },
    });
    const requests = elsewhere.control.log().filter(({ clientId }) => clientId === CLIENT_ID);
    expect(requests.map(({ grantType, outcome }) => `${grantType} ${outcome}`)).toEqual([
      "authorization_code ok",
      "refresh_token ok",
    ]);
    const revoked = await mutate(app, app.adminKey, "revokeCredential", { id }, "tokens { outcome }");
    expect(JSON.stringify(revoked)).toContain("REVOKED");
  });

  test("is proven by a diagnosis, and its secret is nowhere in the answer", async () => {
    const config = await createConfig(app, app.adminKey, { connectorSlug: "the-operated" });
    const told = await diagnose(app, app.adminKey, { id: config.id });
    expect(checkOf(told, "CLIENT_AUTHENTICATED").outcome).toBe("PASSED");
    expect(told.diagnosis.ok).toBe(true);
    expect(JSON.stringify(told)).not.toContain(CLIENT_SECRET);
    // No project can have the provider lock the operator's client by wrong secrets.
    const refused = elsewhere.control.log().filter(({ outcome }) => outcome === "invalid_client");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.map(({ clientId }) => clientId)).not.toContain(CLIENT_ID);
  });

  test("shows on the connector, and one without says what to do", async () => {
    const shown = await list(
      app,
      app.adminKey,
      "connectors",
      'filter: { slugs: ["the-operated", "without-app"] }',
      "slug managedAppAvailable connectable",
    );
    const bySlug = Object.fromEntries(shown.nodes.map((node) => [node.slug, node]));
    expect(bySlug["the-operated"]).toMatchObject({ managedAppAvailable: true, connectable: true });
    expect(bySlug["without-app"]).toMatchObject({ managedAppAvailable: false, connectable: false });
    const input = { connectorSlug: "without-app", name: "No app" };
    const refused = await mutate(app, app.adminKey, "createAuthConfig", input);
    expect(refused).toMatchObject({ __typename: "ConflictError", code: "NO_MANAGED_APP" });
    expect(refused.message).toMatch(/Operated.*clientId and clientSecret/);
  });

  test("is left for an app of one's own, and gone back to", async () => {
    const own = { clientId: "own", clientSecret: "own-secret" };
    const config = await createConfig(app, app.adminKey, { connectorSlug: "the-operated", ...own });
    const back = await mutate(
      app,
      app.adminKey,
      "updateAuthConfig",
      { id: config.id, clientId: null },
      "authConfig { ownApp clientId hasClientSecret }",
    );
    expect(back.authConfig).toEqual({ ownApp: false, clientId: null, hasClientSecret: false });
    const odd = await mutate(app, app.adminKey, "updateAuthConfig", { id: config.id, clientSecret: "nobody's" });
    expect(faults(odd)).toBe("clientId REQUIRED");
  });
});

describe("the operator's file of apps", () => {
  const directory = mkdtempSync(join(tmpdir(), "moorline-apps-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  const file = (content: string) => {
    const path = join(directory, `${Math.random()}.json`);
    writeFileSync(path, content);
    return path;
  };
  const secret = "a-secret-that-nobody-reads";

  test("holds apps by slug, beside those of variables", () => {
    const path = file(
      JSON.stringify({ github: { clientId: "gh", clientSecret: secret }, notion: { clientId: "no", clientSecret: "x" } }),
    );
    const env = { MOORLINE_MANAGED_APPS: path, MOORLINE_APP_SLACK_CLIENT_ID: "sl", MOORLINE_APP_SLACK_CLIENT_SECRET: "s" };
    const { managedApps } = readConfig(env);
    expect(managedApps.map(({ slug, clientId, clientSecret }) => [slug, clientId, clientSecret])).toEqual([
      ["github", "gh", secret],
      ["notion", "no", "x"],
      ["slack", "sl", "s"],
    ]);
  });

  test.each([
    [
      "is no JSON",
      `{ "github": { "clientSecret": "${secret}" `,
      /MOORLINE_MANAGED_APPS: the file .* cannot be used \(it is not JSON\)/,
    ],
    ["is a list", "[]", /must hold an object/],
    ["has no client id", JSON.stringify({ github: { clientSecret: secret } }), /the app for "github" needs a clientId/],
    ["has a misspelt key", JSON.stringify({ github: { clientId: "a", clientsecret: secret } }), /"clientsecret"/],
    ["has an empty secret", JSON.stringify({ github: { clientId: "a", clientSecret: " " } }), /clientSecret that is not a text/],
    ["has no slug", JSON.stringify({ "Git Hub": { clientId: "a" } }), /"Git Hub" is no connector's slug/],
  ])("stops the start where it %s, and shows no secret", (_what, content, message) => {
    const read = () => readConfig({ MOORLINE_MANAGED_APPS: file(content) });
    expect(read).toThrow(message);
    expect(read).not.toThrow(new RegExp(secret));
  });

  test.each([
    [
      { MOORLINE_MANAGED_APPS: "/nowhere/apps.json" },
      /MOORLINE_MANAGED_APPS: the file \/nowhere\/apps.json cannot be used \(ENOENT\)/,
    ],
    [{ MOORLINE_APP_GITHUB_CLIENT_SECRET: secret }, /MOORLINE_APP_GITHUB_CLIENT_ID is missing/],
    [{ MOORLINE_APP_GITHUB_KEY: secret }, /MOORLINE_APP_GITHUB_KEY: write MOORLINE_APP_<SLUG>_CLIENT_ID/],
  ])("and so do variables that mean nothing: %o", (env, message) => {
    expect(() => readConfig(env)).toThrow(message);
    expect(() => readConfig(env)).not.toThrow(new RegExp(secret));
  });

  test("and an app that stands in both", () => {
    const env = {
      MOORLINE_MANAGED_APPS: file(JSON.stringify({ github: { clientId: "a" } })),
      MOORLINE_APP_GITHUB_CLIENT_ID: "b",
    };
    expect(() => readConfig(env)).toThrow(/MOORLINE_APP_GITHUB_CLIENT_ID: MOORLINE_MANAGED_APPS has an app for "github" too/);
  });

  test.each([
    [
      "no such connector",
      { MOORLINE_APP_GITHUBB_CLIENT_ID: "a" },
      /MOORLINE_APP_GITHUBB_CLIENT_ID: there is no built-in connector "githubb"/,
    ],
    [
      "a host that users choose",
      { MOORLINE_APP_SHOPIFY_CLIENT_ID: "a", MOORLINE_APP_SHOPIFY_CLIENT_SECRET: "b" },
      /Shopify has a host that each project or user chooses/,
    ],
    ["a secret that is missing", { MOORLINE_APP_GITHUB_CLIENT_ID: "a" }, /GitHub wants a client secret/],
  ])("and an app that nobody could use: %s", async (_what, env, message) => {
    const data = mkdtempSync(join(directory, "data-"));
    cpSync(inject("migratedDirectory"), join(data, "database"), { recursive: true });
    const config = readConfig({
      PORT: "0",
      MOORLINE_SANDBOX_PORT: "0",
      MOORLINE_DATA_DIR: data,
      MOORLINE_LOG_LEVEL: "silent",
      ...env,
    });
    await expect(startApp(config)).rejects.toThrow(message);
  });
});

describe("a project's own connector that had the slug before a built-in one came", () => {
  test("never gets the operator's secret, also for grants that name the operator's client", async () => {
    const dataDirectory = mkdtempSync(join(tmpdir(), "moorline-shadow-"));
    const secrets: (string | null)[] = [];
    const server = await startServer(({ url, form }, response) => {
      if (url.pathname === "/authorize") {
        const { redirect_uri, state } = Object.fromEntries(url.searchParams);
        return response.writeHead(302, { location: `${redirect_uri}?code=c&state=${state}` }).end();
      }
      secrets.push(form.get("client_secret"));
      return json(response, 200, { access_token: "at", refresh_token: "rt", token_type: "Bearer", expires_in: 3600 });
    });
    try {
      const env = { MOORLINE_EGRESS_ALLOW: "127.0.0.1" };
      const before = await startTestApp(env, { dataDirectory });
      const oauth2 = {
        authorizationUrl: `${server.url}/authorize`,
        tokenUrl: `${server.url}/token`,
        tokenAuthMethod: "CLIENT_SECRET_POST",
      };
      await mutate(before, before.adminKey, "createConnector", { slug: "the-operated", name: "Mine", scheme: { oauth2 } });
      // The operator's client id is no secret: every authorization URL shows it.
      const own = { connectorSlug: "the-operated", clientId: CLIENT_ID, clientSecret: "the-projects-own" };
      const config = await createConfig(before, before.adminKey, own);
      const { credential } = await connect(before, before.adminKey, { authConfigId: config.id });
      const next = { id: config.id, clientId: "another", clientSecret: "another-secret", confirm: true };
      await mutate(before, before.adminKey, "updateAuthConfig", next);
      await before.close();
      const apps = { MOORLINE_APP_THE_OPERATED_CLIENT_ID: CLIENT_ID, MOORLINE_APP_THE_OPERATED_CLIENT_SECRET: CLIENT_SECRET };
      const connectors = [provider("https://provider.example", "the-operated")];
      const after = await startTestApp({ ...env, ...apps }, { dataDirectory, app: { connectors } });
      try {
        const refreshed = await mutate(after, after.adminKey, "refreshCredential", { id: credential!.id });
        expect(refreshed.__typename, JSON.stringify(refreshed)).toBe("RefreshCredentialPayload");
      } finally {
        await after.close();
      }
      expect(secrets).toEqual(["the-projects-own", "the-projects-own"]);
    } finally {
      await server.close();
      rmSync(dataDirectory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    }
  }, 120_000);
});
