import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type FakeMongo, startFakeMongo } from "./support/fake-mongo.ts";
import { closedPort, openSockets, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

let app: TestApp;
let server: FakeMongo;

beforeAll(async () => {
  [app, server] = await Promise.all([startNativeApp(), startFakeMongo()]);
}, 120_000);
afterAll(async () => {
  await Promise.all([app?.close(), server?.close()]);
});

const LOGIN = { configurationType: "values", username: "ada", password: "correct-horse" };
const tried = (fields: object) => tryNative(app, "mongodb", fields);
const here = (more: object = {}) => tried({ ...LOGIN, host: "localhost", port: server.port, ...more });

// No package of a registry has MongoDB's own server: one of ours speaks its protocol as far as it goes.
describe("a server that speaks MongoDB's protocol", () => {
  testUnreachable(() => ({ app, slug: "mongodb", fields: LOGIN, at: (host, port) => ({ host, port }) }));

  test("lets in with the right password, and keeps no connection", async () => {
    const before = openSockets();
    expect(await here()).toMatchObject({ ok: true, code: "OK" });
    const connectionString = `mongodb://ada:correct-horse@localhost:${server.port}/?authSource=admin&directConnection=true`;
    expect(await tried({ connectionString })).toMatchObject({ code: "OK" });
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test.each([
    ["a wrong password", { password: "wrong-one" }, "INVALID_CREDENTIALS"],
    ["a user that does not exist", { username: "eve" }, "INVALID_CREDENTIALS"],
    ["nobody", { username: null, password: null }, "PERMISSION_DENIED"],
    ["TLS asked of a server that has none", { tls: true }, "TLS_ERROR"],
  ])("%s is told as such, with a remedy and without the password", async (_what, more, code) => {
    const outcome = await here(more);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/correct-horse|wrong-one/);
  });

  test("TLS is verified", async () => {
    const secured = await startFakeMongo(() => ({}), LOCALHOST);
    const there = (more: object) => here({ port: secured.port, tls: true, ...more });
    const ca = { caCertificate: LOCALHOST.cert };
    expect(await there(ca)).toMatchObject({ code: "OK" });
    expect(await there({})).toMatchObject({ code: "TLS_ERROR", remedy: expect.stringMatching(/CA certificate/) });
    expect(await there({ ...ca, host: "127.0.0.1" })).toMatchObject({
      code: "TLS_ERROR",
      message: expect.stringMatching(/another host name/),
    });
    const connectionString = `mongodb://ada:correct-horse@localhost:${secured.port}/?authSource=admin&directConnection=true&tls=true`;
    expect(await tried({ connectionString, ...ca })).toMatchObject({ code: "OK" });
    expect(await tried({ connectionString })).toMatchObject({
      code: "TLS_ERROR",
      remedy: expect.stringMatching(/CA certificate/),
    });
    await secured.close();
  });

  test("a member that a replica set hands out is held to the list, too", async () => {
    let visits = 0;
    const inside = await rawServer(() => {
      visits += 1;
    });
    // Reached by an allowed address, it names another one of this machine, which is not.
    const set = await startFakeMongo((port) => ({
      setName: "rs0",
      isWritablePrimary: false,
      ismaster: false,
      secondary: true,
      hosts: [`127.0.0.1:${port}`, `127.0.0.2:${inside.port}`],
      me: `127.0.0.1:${port}`,
    }));
    const narrow = await startNativeApp("127.0.0.1");
    const fields = { ...LOGIN, host: "127.0.0.1", port: set.port, replicaSet: "rs0" };
    expect(await tryNative(narrow, "mongodb", fields)).toMatchObject({
      code: "BLOCKED_ADDRESS",
      message: expect.stringMatching(/127\.0\.0\.2/),
    });
    expect(visits).toBe(0);
    await Promise.all([narrow.close(), set.close(), inside.close()]);
  });

  test("a replica set works while one of its members is away", async () => {
    const away = await closedPort();
    const set = await startFakeMongo((port) => ({
      setName: "rs0",
      hosts: [`127.0.0.1:${port}`, `127.0.0.1:${away}`],
      me: `127.0.0.1:${port}`,
    }));
    expect(await tried({ ...LOGIN, host: "127.0.0.1", port: set.port, replicaSet: "rs0" })).toMatchObject({ code: "OK" });
    await set.close();
  });

  test.each(["tlsCAFile=/etc/passwd", "tlsAllowInvalidCertificates=true", "authMechanism=MONGODB-AWS", "proxyHost=10.0.0.1"])(
    "a connection string with %s is not tested, and says why",
    async (option) => {
      const connectionString = `mongodb://ada:correct-horse@localhost:${server.port}/?${option}`;
      expect(await tried({ connectionString })).toMatchObject({ code: "NOT_TESTABLE", message: expect.stringMatching(/option/) });
    },
  );

  test("a connection string that is none is told", async () => {
    expect(await tried({ connectionString: "mongodb://ada:pass@word@" })).toMatchObject({ ok: false, code: "HOST_NOT_FOUND" });
  });
});
