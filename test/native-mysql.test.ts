import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type Daemon, findBinary, ownedFile, startDaemon, unprivileged } from "./support/daemon.ts";
import { openSockets, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

const SERVER = findBinary("mariadbd", "mysqld");
const INSTALL = findBinary("mariadb-install-db", "mysql_install_db");
/** Run before the server takes connections, a statement a line. */
const LOGINS = [
  "CREATE DATABASE shop;",
  "CREATE DATABASE closed;",
  "CREATE USER ada@'%' IDENTIFIED BY 'correct horse';",
  "GRANT ALL ON shop.* TO ada@'%';",
  "CREATE USER boss@'%' IDENTIFIED BY 'boss of all';",
  "GRANT ALL ON *.* TO boss@'%';",
  "CREATE USER safe@'%' IDENTIFIED BY 'correct horse' REQUIRE SSL;",
  "GRANT ALL ON shop.* TO safe@'%';",
  "CREATE USER locked@'%' IDENTIFIED BY 'correct horse' ACCOUNT LOCK;",
].join("\n");

let app: TestApp;
let plain: Daemon;
let secured: Daemon;

function startMariaDb(tls: boolean): Promise<Daemon> {
  const settings = (port: number, directory: string) => [
    "--no-defaults",
    `--datadir=${join(directory, "data")}`,
    `--socket=${join(directory, "socket")}`,
    `--pid-file=${join(directory, "pid")}`,
    `--init-file=${join(directory, "logins.sql")}`,
    `--port=${port}`,
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=8M",
    ...(tls ? [`--ssl-cert=${join(directory, "cert.pem")}`, `--ssl-key=${join(directory, "key.pem")}`] : ["--skip-ssl"]),
  ];
  const prepare = (directory: string) => {
    writeFileSync(join(directory, "logins.sql"), LOGINS);
    ownedFile(join(directory, "cert.pem"), LOCALHOST.cert);
    ownedFile(join(directory, "key.pem"), LOCALHOST.key);
    const flags = [
      "--no-defaults",
      `--datadir=${join(directory, "data")}`,
      "--skip-test-db",
      "--auth-root-authentication-method=normal",
    ];
    const made = spawnSync(INSTALL!, flags, { ...unprivileged(), cwd: directory, encoding: "utf8" });
    if (made.status !== 0) throw new Error(`No data directory could be made: ${made.stdout}${made.stderr}`);
  };
  return startDaemon(SERVER!, settings, { prepare });
}

// MariaDB's server is a package of Debian, mariadb-server.
describe.skipIf(!SERVER || !INSTALL)("a MariaDB server", () => {
  beforeAll(async () => {
    [app, plain, secured] = await Promise.all([startNativeApp(), startMariaDb(false), startMariaDb(true)]);
  }, 180_000);
  afterAll(async () => {
    await Promise.all([app?.close(), plain?.stop(), secured?.stop()]);
  });

  const fieldsOf = (server: Daemon, more: object = {}) => ({
    host: "localhost",
    port: server.port,
    database: "shop",
    username: "ada",
    password: "correct horse",
    sslMode: "disabled",
    ...more,
  });
  const tried = (server: Daemon, more: object = {}, slug = "mariadb") => tryNative(app, slug, fieldsOf(server, more));

  testUnreachable(() => ({ app, slug: "mysql", fields: fieldsOf(plain), at: (host, port) => ({ host, port }) }));

  test("lets in with the right password, and keeps no connection", async () => {
    const before = openSockets();
    for (const slug of ["mysql", "mariadb", "tidb", "planetscale"])
      expect(await tried(plain, {}, slug), slug).toMatchObject({ ok: true, code: "OK" });
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test.each([
    ["a wrong password", { password: "battery staple" }, "INVALID_CREDENTIALS"],
    ["a user that does not exist", { username: "nobody" }, "INVALID_CREDENTIALS"],
    ["a locked account", { username: "locked" }, "INVALID_CREDENTIALS"],
    [
      "a database that does not exist",
      { username: "boss", password: "boss of all", database: "elsewhere" },
      "RESOURCE_NOT_FOUND",
    ],
    ["a database that the user may not use", { database: "closed" }, "PERMISSION_DENIED"],
    ["TLS asked of a server that has none", { sslMode: "required" }, "TLS_ERROR"],
  ])("%s is told as such, with a remedy and without the password", async (_what, more, code) => {
    const outcome = await tried(plain, more);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/horse|staple|boss of/);
  });

  test("the SSL modes are MySQL's", async () => {
    const ca = { caCertificate: LOCALHOST.cert };
    expect(await tried(secured, { sslMode: "required", username: "safe" })).toMatchObject({ code: "OK" });
    expect(await tried(secured, { sslMode: "verify-ca" })).toMatchObject({ code: "TLS_ERROR", remedy: /CA certificate/ });
    expect(await tried(secured, { sslMode: "verify-ca", ...ca, host: "127.0.0.1" })).toMatchObject({ code: "OK" });
    expect(await tried(secured, { sslMode: "verify-identity", ...ca })).toMatchObject({ code: "OK" });
    expect(await tried(secured, { sslMode: "verify-identity", ...ca, host: "127.0.0.1" })).toMatchObject({ code: "TLS_ERROR" });
  });
});
