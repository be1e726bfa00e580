import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type FakeHive, type HiveMechanism, startFakeHive } from "./support/fake-hive.ts";
import { rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

/**
 * No package has a real Hive. A server made from Hive's own interface stands in for it, and a driver that others wrote gets on with it: what
 * a real one answers besides is not proven here.
 */

const FIELDS = { username: "ada", password: "correct horse", database: "shop", authMechanism: "LDAP" };

let app: TestApp;
const servers = {} as Record<HiveMechanism, FakeHive>;
beforeAll(async () => {
  app = await startNativeApp();
  for (const mechanism of ["NONE", "NOSASL", "LDAP", "KERBEROS"] as const) servers[mechanism] = await startFakeHive(mechanism);
});
afterAll(() => Promise.all([app, ...Object.values(servers)].map((one) => one?.close())));

const tried = (more: object = {}, at: HiveMechanism = "LDAP") =>
  tryNative(app, "hive", { ...FIELDS, host: "127.0.0.1", port: servers[at].port, ...more });

describe("a Hive", () => {
  testUnreachable(() => ({ app, slug: "hive", fields: FIELDS, at: (host, port) => ({ host, port }) }));

  test("of ours is one for another driver, too", async () => {
    const { HiveClient, connections, auth, thrift } = createRequire(import.meta.url)("hive-driver");
    const client = new HiveClient(thrift.TCLIService, thrift.TCLIService_types);
    const login = new auth.PlainTcpAuthentication({ username: "ada", password: "correct horse" });
    await client.connect({ host: "127.0.0.1", port: servers.LDAP.port }, new connections.TcpConnection(), login);
    const session = await client.openSession({ client_protocol: 7, username: "ada" });
    await session.executeStatement("SELECT 1");
    await session.close();
    client.close();
  });

  test.each(["NONE", "NOSASL", "LDAP"] as const)(
    "lets in by %s, opens the database and is asked a question",
    async (authMechanism) => {
      const before = servers[authMechanism].statements.length;
      expect(await tried({ authMechanism }, authMechanism)).toMatchObject({ ok: true, code: "OK" });
      expect(servers[authMechanism].statements.slice(before)).toEqual(["USE `shop`", "SELECT 1"]);
    },
  );

  test.each([
    ["a wrong password", { password: "wrong" }],
    ["a wrong user", { username: "eve" }],
  ])("%s is INVALID_CREDENTIALS", async (_what, more) => {
    const result = await tried(more);
    expect(result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(JSON.stringify(result)).not.toContain("no secret");
  });

  test.each(["lost", "shop`; DROP DATABASE shop"])("the database “%s” is RESOURCE_NOT_FOUND", async (database) => {
    expect(await tried({ database })).toMatchObject({ ok: false, code: "RESOURCE_NOT_FOUND" });
    expect(servers.LDAP.statements.at(-1)).toBe(`USE \`${database.replace("`", "``")}\``);
  });

  test.each([
    [40_000, "42000", "PERMISSION_DENIED"],
    [10_001, "42S02", "PROVIDER_ERROR"],
  ])("the error %d (%s) is %s, and nothing that the server wrote is told", async (errorCode, sqlState, code) => {
    const refusing = await startFakeHive("NONE", { errorCode, sqlState, errorMessage: "no secret of the server's" });
    const result = await tried({ port: refusing.port });
    await refusing.close();
    expect(result).toMatchObject({ ok: false, code });
    expect(JSON.stringify(result)).not.toContain("no secret");
  });

  test("that wants Kerberos says so; a sign-in with Kerberos is not tried", async () => {
    expect(await tried({}, "KERBEROS")).toMatchObject({
      code: "INVALID_CREDENTIALS",
      remedy: expect.stringContaining("mechanism"),
    });
    expect(await tried({ authMechanism: "KERBEROS" })).toMatchObject({ ok: false, code: "NOT_TESTABLE" });
  });

  test.each([
    ["TLS", () => rawServer(() => {}, LOCALHOST)],
    ["HTTP", () => rawServer((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"))],
  ])("that speaks %s is none", async (_what, start) => {
    const other = await start();
    for (const authMechanism of ["LDAP", "NOSASL"])
      expect(await tried({ port: other.port, authMechanism })).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    await other.close();
  });
});
