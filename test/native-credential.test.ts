import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browse, CookieJar, type Page, submit } from "../src/sandbox/play-user.ts";
import type { TestApp } from "./support/app.ts";
import { send } from "./support/graphql.ts";
import { nativeTarget, rawServer, startNativeApp, tryNative } from "./support/native.ts";
import { type PostgresLogin, startPostgresWithLogins } from "./support/native-postgres.ts";
import { createUser } from "./support/seed.ts";
import { ask, kinds, made, readTyped, wrong } from "./support/typed.ts";

let app: TestApp;
let server: PostgresLogin;
const RIGHT = "correct horse";

beforeAll(async () => {
  [app, server] = await Promise.all([startNativeApp(), startPostgresWithLogins()]);
}, 120_000);
afterAll(async () => {
  await Promise.all([app?.close(), server?.stop()]);
});

const fieldsOf = (password: string, more: object = {}) => ({
  host: "localhost",
  port: server.port,
  username: "ada",
  password,
  sslMode: "disable",
  ...more,
});
const asked = (name: string, input: object) => ask(app, app.adminKey, name, input);
async function create(password: string, more: object = {}) {
  const target = await nativeTarget(app, "postgresql");
  return asked("createCredential", { target, projectOwned: true, fields: fieldsOf(password), ...more });
}

describe("a native credential", () => {
  test("is tested before it is saved, and nothing is saved that fails", async () => {
    expect(await made(create(RIGHT, { test: true }))).toMatchObject({ status: "ACTIVE", scheme: "NATIVE" });
    const refused = await create("wrong", { test: true });
    expect(refused).toMatchObject({ code: "TEST_FAILED", result: { code: "INVALID_CREDENTIALS" } });
    expect(refused.credential).toBeUndefined();
  });

  test("becomes INVALID where its password is refused, and ACTIVE again with one that is not", async () => {
    const { id } = await made(create("wrong"));
    const tested = await asked("testCredential", { id });
    expect(tested).toMatchObject({ result: { ok: false, code: "INVALID_CREDENTIALS" }, credential: { status: "INVALID" } });
    const edited = await asked("updateCredential", { id, fields: { password: "as wrong" }, test: true });
    expect(edited).toMatchObject({ code: "TEST_FAILED" });
    expect((await readTyped(app, app.adminKey, id))?.status).toBe("INVALID");
    const mended = await made(asked("updateCredential", { id, fields: { password: RIGHT }, test: true }));
    expect(mended.status).toBe("ACTIVE");
    expect(kinds(mended)).toContain("TESTED");
  });

  test("stays as it is where the server is away", async () => {
    const { id } = await made(create(RIGHT));
    const elsewhere = await rawServer();
    await elsewhere.close();
    await made(asked("updateCredential", { id, fields: { port: elsewhere.port, password: RIGHT } }));
    const tested = await asked("testCredential", { id });
    expect(tested).toMatchObject({ result: { code: "CONNECTION_REFUSED" }, credential: { status: "ACTIVE" } });
  });

  test("sends its saved password nowhere else: who names another place types it again", async () => {
    const { id } = await made(create(RIGHT));
    for (const change of [{ host: "127.0.0.1" }, { port: 1 }]) {
      expect(wrong(await asked("updateCredential", { id, fields: change }))).toBe("fields.password REQUIRED");
      expect(wrong(await asked("tryCredential", { credentialId: id, fields: change }))).toBe("fields.password REQUIRED");
    }
    expect(await asked("tryCredential", { credentialId: id, fields: { database: "elsewhere" } })).toMatchObject({
      result: { code: "RESOURCE_NOT_FOUND" },
    });
  });

  test("is revealed whole: what a product connects with", async () => {
    const { id } = await made(create(RIGHT));
    const { revealed } = await asked("revealCredential", { id });
    expect(revealed?.fields).toEqual({ ...fieldsOf(RIGHT), database: "postgres", schema: "public" });
    expect(revealed).toMatchObject({ headers: {}, query: {}, accessToken: null });
  });

  test("has no HTTP API to call through Moorline", async () => {
    const { id } = await made(create(RIGHT));
    const call = `mutation Call($input: CallApiInput!) { callApi(input: $input) { __typename ... on UserError { code message } } }`;
    const answer = await send(app, app.adminKey, call, { input: { credentialId: id, method: "GET", path: "/" } });
    expect(answer.data).toMatchObject({ callApi: { code: "CONFLICT", message: expect.stringMatching(/revealCredential/) } });
    const headers = { authorization: `Bearer ${app.adminKey}`, "moorline-credential": id };
    const proxied = await fetch(`${app.url}/proxy/x`, { headers });
    expect(proxied.status).toBe(409);
    expect(proxied.headers.get("moorline-error")).toBeTruthy();
  });

  test("a password of the project's goes to no host that a user chooses", async () => {
    const preset = (presetCredentialFields: object) =>
      asked("createAuthConfig", { connectorSlug: "postgresql", name: `Preset ${Math.random()}`, presetCredentialFields });
    expect(wrong(await preset({ password: RIGHT }))).toBe("presetCredentialFields.password NOT_ALLOWED");
    const config = (await preset({ password: RIGHT, username: "ada", host: "localhost", port: server.port, sslMode: "disable" }))
      .authConfig;
    const { id: user } = await createUser(app, app.adminKey);
    const target = { authConfigId: config!.id };
    const credential = await made(asked("createCredential", { target, user: { id: user }, fields: {}, test: true }));
    expect(credential.status).toBe("ACTIVE");
    expect(wrong(await asked("updateCredential", { id: credential.id, fields: { host: "127.0.0.1" } }))).toBe(
      "fields.host UNKNOWN_FIELD",
    );
  });
});

describe("the hosted form", () => {
  test("asks for a database's values, and takes none that do not work", async () => {
    const input = { target: await nativeTarget(app, "postgresql"), projectOwned: true };
    const { connectionRequest } = await asked("initiateConnection", input);
    const cookieJar = new CookieJar();
    const page = await browse(connectionRequest!.connectUrl!, { cookieJar });
    expect(page.body).toMatch(/<select id="field-sslMode"/);
    expect(page.body).toMatch(/<input type="password" id="field-password"/);
    expect(page.body).toMatch(/<textarea id="field-caCertificate"/);
    const values = Object.fromEntries(Object.entries(fieldsOf("wrong")).map(([name, value]) => [`field.${name}`, `${value}`]));
    const send = (form: Page, more: object) =>
      submit(form, form.forms[0]!, { ...values, ...more }, { cookieJar, button: ["decision", "connect"] });
    const refused = await send(page, {});
    expect(refused.status).toBe(422);
    expect(refused.body).toContain("does not accept these credentials");
    const unknown = await send(refused, { "field.host": "x.invalid", "field.password": RIGHT });
    expect(unknown.body).toContain("host name was not found");
    expect(unknown.body).not.toContain(RIGHT);
    expect((await send(unknown, { "field.password": RIGHT })).body).toContain("connected");
  });
});

describe("what cannot be tested says so", () => {
  test("a family without a probe: testable is false, and a test is NOT_TESTABLE", async () => {
    const query = `{ sqlite: connector(slug: "sqlite") { schemes { type testable } } postgres: connector(slug: "postgresql") { kind schemes { type testable } } }`;
    const { data } = await send(app, app.adminKey, query);
    expect(data).toEqual({
      sqlite: { schemes: [{ type: "NATIVE", testable: false }] },
      postgres: { kind: "NATIVE", schemes: [{ type: "NATIVE", testable: true }] },
    });
    expect(await tryNative(app, "sqlite", { filePath: "/etc/passwd" })).toMatchObject({ ok: false, code: "NOT_TESTABLE" });
  });

  test("no driver is loaded before it is used", () => {
    const script = `await import(${JSON.stringify(join(import.meta.dirname, "../src/app.ts"))});
      const { createRequire } = await import("node:module");
      console.log(Object.keys(createRequire("/x.js").cache).join("\\n"));`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(stdout, stderr).toMatch(/node_modules\/pg\//);
    expect(stdout).not.toMatch(/node_modules\/(mysql2|ioredis|mongodb|cassandra-driver)\//);
  });

  test("a driver that is not installed: DRIVER_MISSING, with the package's name", async () => {
    const fields = { host: "localhost", username: "sa", password: "x" };
    expect(await tryNative(app, "sql-server", fields)).toMatchObject({
      ok: false,
      code: "DRIVER_MISSING",
      remedy: expect.stringContaining("npm install tedious"),
    });
  });
});
