import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { openSockets, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";
import { type PostgresLogin, startPostgresWithLogins } from "./support/native-postgres.ts";

let app: TestApp;
let plain: PostgresLogin;
let secured: PostgresLogin;

beforeAll(async () => {
  [app, plain, secured] = await Promise.all([
    startNativeApp(),
    startPostgresWithLogins(),
    startPostgresWithLogins({ certificate: LOCALHOST }),
  ]);
}, 120_000);
afterAll(async () => {
  await Promise.all([app?.close(), plain?.stop(), secured?.stop()]);
});

const fieldsOf = (server: PostgresLogin, more: object = {}) => ({
  host: "localhost",
  port: server.port,
  database: "postgres",
  username: "ada",
  password: "correct horse",
  sslMode: "disable",
  ...more,
});
const tried = (server: PostgresLogin, more: object = {}) => tryNative(app, "postgresql", fieldsOf(server, more));

describe("a PostgreSQL server", () => {
  testUnreachable(() => ({
    app,
    slug: "postgresql",
    fields: fieldsOf(plain),
    at: (host, port) => ({ host, port }),
  }));

  test("lets in with the right password, and keeps no connection", async () => {
    const before = openSockets();
    expect(await tried(plain)).toMatchObject({ ok: true, code: "OK", remedy: null });
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test.each([
    ["a wrong password", { password: "battery staple" }, "INVALID_CREDENTIALS"],
    ["a user that does not exist", { username: "nobody" }, "INVALID_CREDENTIALS"],
    ["a database that does not exist", { database: "elsewhere" }, "RESOURCE_NOT_FOUND"],
    ["a database that the user may not connect to", { database: "closed" }, "PERMISSION_DENIED"],
    ["TLS asked of a server that has none", { sslMode: "require" }, "TLS_ERROR"],
  ])("%s is told as such, with a remedy and without the password", async (_what, more, code) => {
    const outcome = await tried(plain, more);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/horse|staple/);
  });

  test("the four SSL modes are libpq's", async () => {
    const ca = { caCertificate: LOCALHOST.cert };
    const wrongName = { host: "127.0.0.1" };
    expect(await tried(secured, { sslMode: "require" })).toMatchObject({ code: "OK" });
    expect(await tried(secured, { sslMode: "verify-ca" })).toMatchObject({ code: "TLS_ERROR" });
    expect(await tried(secured, { sslMode: "verify-full" })).toMatchObject({ code: "TLS_ERROR", remedy: /CA certificate/ });
    expect(await tried(secured, { sslMode: "verify-ca", ...ca, ...wrongName })).toMatchObject({ code: "OK" });
    expect(await tried(secured, { sslMode: "verify-full", ...ca })).toMatchObject({ code: "OK" });
    expect(await tried(secured, { sslMode: "verify-full", ...ca, ...wrongName })).toMatchObject({
      code: "TLS_ERROR",
      message: /another host name/,
    });
    expect(await tried(secured, { sslMode: "verify-full", caCertificate: "no certificate" })).toMatchObject({
      code: "TLS_ERROR",
    });
  });

  test("something else on that port is PROVIDER_ERROR, with a remedy", async () => {
    const other = await rawServer((socket) => socket.end("220 mail.example ESMTP\r\n"));
    expect(await tryNative(app, "postgresql", { ...fieldsOf(plain), port: other.port })).toMatchObject({
      code: "PROVIDER_ERROR",
      remedy: /host and port/,
    });
    await other.close();
  });

  test.each(["cockroachdb", "timescaledb", "yugabytedb", "supabase-postgres"])("%s speaks the same protocol", async (slug) => {
    const fields = { ...fieldsOf(secured), sslMode: "verify-full", caCertificate: LOCALHOST.cert };
    expect(await tryNative(app, slug, fields)).toMatchObject({ code: "OK" });
    expect(await tryNative(app, slug, { ...fields, password: "wrong" })).toMatchObject({ code: "INVALID_CREDENTIALS" });
  });
});
