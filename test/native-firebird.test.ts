import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type Daemon, findBinary, startDaemon, unprivileged } from "./support/daemon.ts";
import { rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

/** A real Firebird 3, with its default of no connection that is not encrypted. */

const [server, isql] = [findBinary("firebird"), findBinary("isql-fb")];
const PASSWORD = "correct horse";

/** A user whose salt the driver reads, and one whose salt begins with a zero, which it does not. Salts are made by chance. */
let readable: string;
let unreadable: string;

/** Its own users and database, made through its engine without a server: the one way to begin. */
function prepare(directory: string, port: number): void {
  const owner = unprivileged();
  writeFileSync(
    join(directory, "firebird.conf"),
    `SecurityDatabase = ${directory}/users.fdb
RemoteBindAddress = 127.0.0.1
RemoteServicePort = ${port}
DatabaseAccess = Restrict ${directory}
TempDirectories = ${directory}
ServerMode = Super\n`,
  );
  writeFileSync(join(directory, "databases.conf"), `shop = ${directory}/shop.fdb\nlost = ${directory}/lost.fdb\n`);
  writeFileSync(join(directory, "plugins.conf"), "");
  const users = Array.from({ length: 200 }, (_, index) => `create user U${index} password '${PASSWORD}';`);
  const sql = `create database '${directory}/users.fdb' user SYSDBA;
    create user SYSDBA password '${PASSWORD}';
    ${users.join("\n")}
    create database '${directory}/shop.fdb' user SYSDBA;
    connect '${directory}/users.fdb' user SYSDBA;
    set heading off;
    select iif(min(PLG$SALT) < x'10', 'short', 'long'), PLG$USER_NAME from PLG$SRP where PLG$USER_NAME starting with 'U' group by PLG$USER_NAME;`;
  const options = { ...owner, cwd: directory, input: sql, env: environment(directory), stdio: "pipe" } as const;
  const told = String(execFileSync(isql!, ["-q", "-b"], options));
  readable = /long\s+(U\d+)/.exec(told)?.[1] ?? "";
  unreadable = /short\s+(U\d+)/.exec(told)?.[1] ?? "";
}

/** Where it looks for all of its files. */
function environment(directory: string): Record<string, string> {
  return { FIREBIRD: directory, FIREBIRD_LOCK: directory, FIREBIRD_TMP: directory, HOME: directory };
}

function flags(_port: number, directory: string): string[] {
  return [...Object.entries(environment(directory)).map((pair) => pair.join("=")), server!];
}

let app: TestApp;
let daemon: Daemon | undefined;
beforeAll(async () => {
  app = await startNativeApp();
  if (server && isql) daemon = await startDaemon("/usr/bin/env", flags, { prepare });
});
afterAll(async () => {
  await app?.close();
  await daemon?.stop();
});

const FIELDS = { database: "shop", username: "ADA", password: PASSWORD };
const tried = (more: object = {}) =>
  tryNative(app, "firebird", { ...FIELDS, username: readable, host: "127.0.0.1", port: daemon?.port ?? 0, ...more });

describe("a Firebird server", () => {
  testUnreachable(() => ({ app, slug: "firebird", fields: FIELDS, at: (host, port) => ({ host, port }) }));

  test("that speaks TLS is none, and the test says so", async () => {
    const other = await rawServer(() => {}, LOCALHOST);
    expect(await tried({ port: other.port })).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    await other.close();
  });
});

describe.skipIf(!server || !isql)("a real Firebird server", () => {
  test("lets the right user in, who asks a question, by alias and by path", async () => {
    expect(await tried()).toMatchObject({ ok: true, code: "OK" });
    expect(await tried({ database: join(daemon!.directory, "shop.fdb") })).toMatchObject({ ok: true });
  });

  test.each([
    ["a wrong password", { password: "wrong" }],
    ["a wrong user", { username: "NOBODY" }],
  ])("%s is INVALID_CREDENTIALS", async (_what, more) => {
    expect(await tried(more)).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
  });

  test("a user whose salt the driver misreads is told what helps: the same password, set once more", async () => {
    expect(await tried({ username: unreadable })).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS", remedy: /salt/ });
  });

  test("a database that is not there is RESOURCE_NOT_FOUND", async () => {
    expect(await tried({ database: "lost" })).toMatchObject({ ok: false, code: "RESOURCE_NOT_FOUND" });
  });

  test("a path that the server's configuration closes is PERMISSION_DENIED", async () => {
    expect(await tried({ database: "/etc/passwd" })).toMatchObject({ ok: false, code: "PERMISSION_DENIED" });
  });
});
