import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ConnectorDefinition } from "../src/catalogue/types.ts";
import { type Sandbox, startSandbox } from "../src/sandbox/server.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { checkOf, diagnose, outcomes } from "./support/diagnosis.ts";
import { faults, list, mutate } from "./support/entities.ts";
import { auditEvents, createProject } from "./support/oauth.ts";
import { type OAuth1Provider, startOAuth1Provider } from "./support/oauth1-provider.ts";
import { createConfig, createOwnClientConfig, createSession, createUser } from "./support/seed.ts";
import { keyAt, type StaticApi, startStaticApi } from "./support/static-api.ts";

let app: TestApp;
let key: string;
let api: StaticApi;
let old: OAuth1Provider;
let elsewhere: Sandbox;

/** A key, and a host that the project or each user chooses. */
function hosted(url: string): ConnectorDefinition {
  const field = (name: string, place: "authConfig" | "credential") =>
    ({ name, label: `The ${name}`, type: "STRING", required: true, for: place }) as const;
  const scheme = { type: "OAUTH2", name: "OAuth 2", tokenAuthMethod: "CLIENT_SECRET_BASIC" } as const;
  const endpoints = (variable: string) => ({
    authorizationUrl: `https://{connection.${variable}}.tenants.invalid/authorize`,
    tokenUrl: `https://{connection.${variable}}.tenants.invalid/token`,
  });
  return {
    slug: "hosted",
    name: "Hosted",
    description: "A provider whose host somebody chooses.",
    kind: "OAUTH2_PROVIDER",
    categories: ["developer-tools"],
    docsUrl: null,
    setupGuide: [],
    schemes: [
      { ...scheme, key: "by-project", ...endpoints("tenant"), fields: [field("tenant", "authConfig")] },
      { ...scheme, key: "by-user", ...endpoints("shop"), fields: [{ ...field("shop", "credential"), beforeRedirect: true }] },
    ],
    api: { baseUrl: url },
  };
}

/** It takes pushed authorization requests only (RFC 9126). */
function pushing(issuer: string): ConnectorDefinition {
  return {
    slug: "pushing",
    name: "Pushing",
    description: "A provider that wants pushed authorization requests.",
    kind: "OAUTH2_PROVIDER",
    categories: ["developer-tools"],
    docsUrl: null,
    setupGuide: [],
    schemes: [
      {
        type: "OAUTH2",
        key: "oauth2",
        name: "OAuth 2",
        tokenAuthMethod: "CLIENT_SECRET_BASIC",
        authorizationUrl: `${issuer}/auth`,
        tokenUrl: `${issuer}/token`,
        pushedAuthorizationUrl: `${issuer}/request`,
        pushedAuthorizationRequired: true,
        scopes: [{ name: "openid", default: true }],
      },
    ],
  };
}

beforeAll(async () => {
  [api, old] = await Promise.all([startStaticApi(), startOAuth1Provider()]);
  api.accept = keyAt(({ headers }) => headers["x-api-key"]);
  elsewhere = await startSandbox({ port: 0 });
  const connectors = [old.connector("old"), hosted(api.url), pushing(elsewhere.issuer)];
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1" }, { app: { connectors } });
  key = app.adminKey;
});
afterAll(async () => {
  await app?.close();
  await api?.close();
  await old?.[Symbol.asyncDispose]();
  await elsewhere?.close();
});

/** A connector of the project's own that wants a key. */
async function keyConnector(more: object = {}): Promise<string> {
  const slug = `keys-${randomUUID().slice(0, 8)}`;
  const scheme = { apiKey: { location: "HEADER", name: "X-Api-Key" } };
  await mutate(app, key, "createConnector", { slug, name: "Keys", baseUrl: api.url, scheme, ...more }, "connector { id }");
  return slug;
}

describe("a config of typed values", () => {
  const verification = { method: "GET", path: "/me" };

  test("is verified by the real call where the project has preset everything", async () => {
    const connectorSlug = await keyConnector({ verification });
    const good = await createConfig(app, key, { connectorSlug, presetCredentialFields: { apiKey: "good-ada-0123456789" } });
    const told = await diagnose(app, key, { id: good.id });
    expect(told.diagnosis.ok).toBe(true);
    expect(outcomes(told)).toEqual({
      CONFIG_ACTIVE: "PASSED",
      VALUES_COMPLETE: "PASSED",
      API_REACHABLE: "PASSED",
      TLS_VALID: "WARNING",
      CLOCK_IN_STEP: "PASSED",
      CREDENTIAL_VERIFIED: "PASSED",
    });
    const bad = await createConfig(app, key, { connectorSlug, presetCredentialFields: { apiKey: "bad-0123456789" } });
    const toldBad = await diagnose(app, key, { id: bad.id });
    expect(checkOf(toldBad, "CREDENTIAL_VERIFIED")).toMatchObject({ outcome: "FAILED", remedy: expect.stringMatching(/secret/) });
    expect(JSON.stringify(toldBad)).not.toContain("bad-0123456789");
  });

  test("is not verified where each user has a key, and nothing is sent", async () => {
    const config = await createConfig(app, key, { connectorSlug: await keyConnector({ verification }) });
    api.seen = [];
    const check = checkOf(await diagnose(app, key, { id: config.id }), "CREDENTIAL_VERIFIED");
    expect(check).toMatchObject({ outcome: "SKIPPED", message: expect.stringContaining("“API key”") });
    expect(api.seen.map(({ path }) => path)).toEqual(["/"]);
  });

  test("of a connector without a harmless call cannot be verified, and says so", async () => {
    const config = await createConfig(app, key, {
      connectorSlug: await keyConnector(),
      presetCredentialFields: { apiKey: "good-ada" },
    });
    expect(checkOf(await diagnose(app, key, { id: config.id }), "CREDENTIAL_VERIFIED")).toMatchObject({
      outcome: "SKIPPED",
      message: expect.stringContaining("no harmless call"),
    });
  });

  test("gets a real token where they are a machine's client id and secret", async () => {
    const { clientId, clientSecret } = await app.sandbox!.control.createClient({});
    const config = (secret: string) =>
      createConfig(app, key, { schemeKey: "client-credentials", presetCredentialFields: { clientId, clientSecret: secret } });
    const good = await diagnose(app, key, { id: (await config(clientSecret!)).id });
    expect(checkOf(good, "CREDENTIAL_VERIFIED").outcome).toBe("PASSED");
    const bad = await diagnose(app, key, { id: (await config("wrong-0123456789")).id });
    expect(checkOf(bad, "CREDENTIAL_VERIFIED")).toMatchObject({
      outcome: "FAILED",
      message: expect.stringContaining("does not accept"),
    });
  });
});

describe("a config of OAuth 1.0a", () => {
  test("is proven by temporary credentials, which need no user", async () => {
    old.seen = [];
    const good = await createConfig(app, key, { connectorSlug: "old", schemeKey: "oauth1", ...old.client });
    const told = await diagnose(app, key, { id: good.id });
    expect(checkOf(told, "CLIENT_AUTHENTICATED").outcome).toBe("PASSED");
    expect(old.seen).toContain("/initiate 200");
    const bad = await createConfig(app, key, { connectorSlug: "old", schemeKey: "oauth1", ...old.client, clientSecret: "wrong" });
    expect(checkOf(await diagnose(app, key, { id: bad.id }), "CLIENT_AUTHENTICATED").outcome).toBe("FAILED");
  });
});

describe("a config whose authorization requests are pushed", () => {
  test("is judged by what the pushed request is answered", async () => {
    const redirectUris = [`${app.url}/oauth/callback/pushing`];
    const { clientId, clientSecret } = await elsewhere.control.createClient({ redirectUris });
    const config = await createConfig(app, key, { connectorSlug: "pushing", clientId, clientSecret });
    expect(outcomes(await diagnose(app, key, { id: config.id }))).toMatchObject({
      CLIENT_AUTHENTICATED: "PASSED",
      REDIRECT_URI_REGISTERED: "PASSED",
      AUTHORIZATION_REQUEST_ACCEPTED: "PASSED",
    });
    await elsewhere.control.updateClient(clientId, { redirectUris: [`${redirectUris[0]}/`] });
    const told = checkOf(await diagnose(app, key, { id: config.id }), "REDIRECT_URI_REGISTERED");
    expect(told).toMatchObject({ outcome: "FAILED", message: expect.stringContaining("the slash at the end (there, not here)") });
    await elsewhere.control.updateClient(clientId, { disabled: true });
    expect(outcomes(await diagnose(app, key, { id: config.id }))).toMatchObject({
      CLIENT_AUTHENTICATED: "FAILED",
      REDIRECT_URI_REGISTERED: "SKIPPED",
      AUTHORIZATION_REQUEST_ACCEPTED: "FAILED",
    });
  });
});

describe("a config of a protocol of its own", () => {
  test("is tested by its protocol where the project has preset everything, and else skipped", async () => {
    const perUser = await createConfig(app, key, { connectorSlug: "postgresql" });
    expect(checkOf(await diagnose(app, key, { id: perUser.id }), "CREDENTIAL_VERIFIED").outcome).toBe("SKIPPED");
    const presetCredentialFields = { host: "127.0.0.1", port: 9, database: "d", username: "u", password: "p-0123456789" };
    const preset = await createConfig(app, key, { connectorSlug: "postgresql", presetCredentialFields });
    const told = await diagnose(app, key, { id: preset.id });
    expect(checkOf(told, "CREDENTIAL_VERIFIED").outcome).toBe("FAILED");
    expect(JSON.stringify(told)).not.toContain("p-0123456789");
  });
});

describe("templates", () => {
  const client = { clientId: "c", clientSecret: "s" };

  test("are filled with the config's values, and the host that comes out is asked", async () => {
    const parameters = { tenant: "acme" };
    const config = await createConfig(app, key, { connectorSlug: "hosted", schemeKey: "by-project", ...client, parameters });
    const told = await diagnose(app, key, { id: config.id });
    expect(checkOf(told, "VALUES_COMPLETE").outcome).toBe("PASSED");
    expect(checkOf(told, "TOKEN_ENDPOINT_REACHABLE").message).toContain("acme.tenants.invalid");
  });

  test("that each user fills are skipped, and say whose value is missing", async () => {
    const config = await createConfig(app, key, { connectorSlug: "hosted", schemeKey: "by-user", ...client });
    const told = await diagnose(app, key, { id: config.id });
    expect(told.diagnosis.ok).toBe(true);
    expect(checkOf(told, "TOKEN_ENDPOINT_REACHABLE")).toMatchObject({
      outcome: "SKIPPED",
      message: expect.stringContaining("“The shop”"),
    });
    expect(outcomes(told)).toMatchObject({
      CLIENT_AUTHENTICATED: "SKIPPED",
      REDIRECT_URI_REGISTERED: "SKIPPED",
      API_REACHABLE: "PASSED",
    });
  });

  test("with a value that is no host are refused", async () => {
    const draft = {
      connectorSlug: "hosted",
      schemeKey: "by-project",
      name: "Bad host",
      ...client,
      parameters: { tenant: "evil.example/" },
    };
    const told = await diagnose(app, key, { draft });
    expect(checkOf(told, "VALUES_COMPLETE")).toMatchObject({
      outcome: "FAILED",
      message: expect.stringContaining("“The tenant” is not a host"),
    });
  });
});

describe("a draft", () => {
  test("is looked at as it would be created, and nothing of it is stored", async () => {
    const client = await app.sandbox!.control.createClient({ redirectUris: [`${app.url}/oauth/callback/sandbox`] });
    const before = await list(app, key, "authConfigs");
    const secrets = () => app.services.database.prisma.sealedSecret.count();
    const sealed = await secrets();
    const { clientId, clientSecret } = client;
    const told = await diagnose(app, key, { draft: { connectorSlug: "sandbox", name: "Draft", clientId, clientSecret } });
    expect(told.authConfig).toBeNull();
    expect(outcomes(told)).toMatchObject({ CLIENT_AUTHENTICATED: "PASSED", REDIRECT_URI_REGISTERED: "PASSED" });
    expect((await list(app, key, "authConfigs")).totalCount).toBe(before.totalCount);
    expect(await secrets()).toBe(sealed);
  });

  test("without a client is looked at with the operator's app", async () => {
    const told = await diagnose(app, key, { draft: { connectorSlug: "sandbox", name: "Managed" } });
    expect(outcomes(told)).toMatchObject({ CLIENT_AUTHENTICATED: "PASSED", REDIRECT_URI_REGISTERED: "PASSED" });
  });

  test("is refused where creating it would be, with the path to what is wrong", async () => {
    const draft = { connectorSlug: "hosted", schemeKey: "by-project", name: "No tenant", clientId: "c", clientSecret: "s" };
    const told = await diagnose(app, key, { draft });
    expect(faults(told as never)).toBe("draft.parameters.tenant REQUIRED");
    expect(faults((await diagnose(app, key, { draft: { connectorSlug: "nobody", name: "x" } })) as never)).toBe(
      "draft.connectorSlug NOT_FOUND",
    );
    expect(await diagnose(app, key, { draft: { connectorSlug: "github", name: "x" } })).toMatchObject({ code: "NO_MANAGED_APP" });
  });
});

describe("who may diagnose", () => {
  test("are the keys that may configure, and it is on record without a secret", async () => {
    const config = await createOwnClientConfig(app, key);
    const made = async (role: string) => (await mutate(app, key, "createApiKey", { name: role, role }, "key")).key;
    const draft = { connectorSlug: "sandbox", name: "Draft" };
    expect((await diagnose(app, await made("DEVELOPER"), { id: config.id })).__typename).toBe("DiagnoseAuthConfigPayload");
    const viewer = await made("VIEWER");
    expect(await diagnose(app, viewer, { id: config.id })).toMatchObject({ code: "FORBIDDEN" });
    expect(await diagnose(app, viewer, { draft })).toMatchObject({ code: "FORBIDDEN" });
    const session = await createSession(app, key, (await createUser(app, key)).id);
    expect(await diagnose(app, session, { id: config.id })).toMatchObject({ code: "FORBIDDEN" });
    const [event] = await auditEvents(app, key, { targetId: config.id, action: "auth_config.diagnosed" });
    expect(event).toMatchObject({
      outcome: "ALLOWED",
      actorLabel: "DEVELOPER",
      details: { connector: "sandbox", ok: true, failed: [] },
    });
  });

  test("sees no other project's configs", async () => {
    const config = await createOwnClientConfig(app, key);
    const other = await createProject(app, key);
    expect(await diagnose(app, other.key, { id: config.id })).toMatchObject({ code: "NOT_FOUND" });
  });

  test("and how often is limited for each project by itself", async () => {
    const connectorSlug = await keyConnector();
    const other = await createProject(app, key);
    const draft = { connectorSlug: "sandbox", name: "Draft", schemeKey: "client-credentials" };
    const answers: (string | undefined)[] = [];
    for (let round = 0; round < 62; round += 1) {
      const response = await fetch(`${app.url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${other.key}` },
        body: JSON.stringify({
          query: "mutation ($input: DiagnoseAuthConfigInput!) { diagnoseAuthConfig(input: $input) { __typename } }",
          variables: { input: { draft } },
        }),
      });
      const { errors } = (await response.json()) as { errors?: { extensions: { code: string; retryAfterSeconds: number } }[] };
      answers.push(errors?.[0]?.extensions.code);
      if (errors) expect(errors[0]!.extensions.retryAfterSeconds).toBeGreaterThan(0);
    }
    expect(answers.slice(0, 60).every((code) => code === undefined)).toBe(true);
    expect(answers.slice(60)).toEqual(["RATE_LIMITED", "RATE_LIMITED"]);
    expect((await diagnose(app, key, { draft: { connectorSlug, name: "Another project's" } })).__typename).toBe(
      "DiagnoseAuthConfigPayload",
    );
  });
});
