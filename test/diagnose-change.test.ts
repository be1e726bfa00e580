import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { diagnose, outcomes } from "./support/diagnosis.ts";
import { faults, mutate } from "./support/entities.ts";
import { run } from "./support/graphql.ts";
import { auditEvents, createProject } from "./support/oauth.ts";
import { createConfig, createOwnClientConfig } from "./support/seed.ts";
import { keyAt, type StaticApi, startStaticApi } from "./support/static-api.ts";

let app: TestApp;
let key: string;
let api: StaticApi;

beforeAll(async () => {
  api = await startStaticApi();
  api.accept = keyAt(({ headers }) => headers["x-api-key"] as string);
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  key = app.adminKey;
});
afterAll(async () => {
  await app?.close();
  await api?.close();
});

const sealed = () => app.services.database.prisma.sealedSecret.count();
const read = async (id: string) =>
  (
    await run<{ authConfig: object }, object>(app, key, "query ($id: ID!) { authConfig(id: $id) { clientId version scopes } }", {
      id,
    })
  ).authConfig;

describe("a change to a saved auth config", () => {
  test("is looked at as it would be saved, with the stored secret where none is typed, and nothing of it is stored", async () => {
    const config = await createOwnClientConfig(app, key);
    const { clientId, clientSecret } = await app.sandbox!.control.createClient({
      redirectUris: [`${app.url}/oauth/callback/sandbox`],
    });
    const [secrets, before] = [await sealed(), await read(config.id)];
    const change = (more: object) => diagnose(app, key, { change: { id: config.id, ...more } });
    const scopes = await change({ scopes: ["openid", "notes:raed"] });
    expect(scopes.authConfig).toEqual({ id: config.id });
    expect(outcomes(scopes)).toMatchObject({ CONFIG_ACTIVE: "PASSED", CLIENT_AUTHENTICATED: "PASSED", SCOPES_KNOWN: "WARNING" });
    expect(outcomes(await change({ clientSecret: "mistyped" }))).toMatchObject({ CLIENT_AUTHENTICATED: "FAILED" });
    expect(outcomes(await change({ clientId, clientSecret }))).toMatchObject({ CLIENT_AUTHENTICATED: "PASSED" });
    expect(outcomes(await change({ clientId: null }))).toMatchObject({ CLIENT_AUTHENTICATED: "PASSED" });
    expect(await sealed()).toBe(secrets);
    expect(await read(config.id)).toEqual(before);
    const events = await auditEvents(app, key, { targetId: config.id, action: "auth_config.diagnosed" });
    expect(events).toHaveLength(4);
    expect(events[0]).toMatchObject({ details: { draft: false, change: true, connector: "sandbox" } });
    expect(JSON.stringify(events)).not.toContain(clientSecret);
    expect(await auditEvents(app, key, { targetId: config.id, action: "auth_config.updated" })).toEqual([]);
  });

  test("tries what is preset for everyone: the stored values, with those that are changed", async () => {
    const slug = `keys-${randomUUID().slice(0, 8)}`;
    const scheme = { apiKey: { location: "HEADER", name: "X-Api-Key" } };
    const verification = { method: "GET", path: "/me" };
    await mutate(app, key, "createConnector", { slug, name: "Keys", baseUrl: api.url, scheme, verification });
    const preset = (apiKey: string) => ({ presetCredentialFields: { apiKey } });
    const config = await createConfig(app, key, { connectorSlug: slug, ...preset("good-ada-0123456789") });
    const change = async (more: object) => outcomes(await diagnose(app, key, { change: { id: config.id, ...more } }));
    expect(await change(preset("bad-0123456789"))).toMatchObject({ CREDENTIAL_VERIFIED: "FAILED" });
    expect(await change(preset("good-eve-0123456789"))).toMatchObject({ CREDENTIAL_VERIFIED: "PASSED" });
    expect(await change({ description: "More words" })).toMatchObject({ CREDENTIAL_VERIFIED: "PASSED" });
  });

  test("sends no stored secret to another host", async () => {
    const presetCredentialFields = { host: "db.example", port: 5432, username: "ada", password: "stored-0123456789" };
    const config = await createConfig(app, key, { connectorSlug: "postgresql", presetCredentialFields });
    const moved = { presetCredentialFields: { host: "elsewhere.example" } };
    const told = await diagnose(app, key, { change: { id: config.id, ...moved } });
    expect(faults(told as never)).toBe("change.presetCredentialFields.password REQUIRED");
  });

  test("is refused where the update would be, but not for whom it touches", async () => {
    const config = await createOwnClientConfig(app, key);
    expect(await diagnose(app, key, { change: { id: config.id, version: 99 } })).toMatchObject({ code: "STALE_VERSION" });
    const noSecret = await diagnose(app, key, { change: { id: config.id, clientId: "another" } });
    expect(faults(noSecret as never)).toBe("change.clientSecret REQUIRED");
    const other = await createProject(app, key);
    expect(await diagnose(app, other.key, { change: { id: config.id } })).toMatchObject({ code: "NOT_FOUND" });
    const viewer = (await mutate(app, key, "createApiKey", { name: "viewer", role: "VIEWER" }, "key")).key;
    expect(await diagnose(app, viewer, { change: { id: config.id } })).toMatchObject({ code: "FORBIDDEN" });
  });
});
