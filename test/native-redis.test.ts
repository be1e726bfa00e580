import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type Daemon, findBinary, ownedFile, startDaemon } from "./support/daemon.ts";
import { impatiently, openSockets, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

const SERVER = findBinary("redis-server", "valkey-server");
const USERS = [
  "user default on >correct-horse ~* +@all",
  "user ada on >battery-staple ~* +@all",
  "user mute on >x ~* -@all +auth",
];

let app: TestApp;
let plain: Daemon;
let open: Daemon;
let secured: Daemon;

const QUIET = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--daemonize", "no", "--dir", "."];

function startRedis(users: string[], tls = false): Promise<Daemon> {
  const prepare = (directory: string) => {
    ownedFile(join(directory, "redis.conf"), users.join("\n"));
    ownedFile(join(directory, "cert.pem"), LOCALHOST.cert);
    ownedFile(join(directory, "key.pem"), LOCALHOST.key);
  };
  const certificate = ["--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-auth-clients", "no"];
  const door = (port: number) => (tls ? ["--port", "0", "--tls-port", String(port), ...certificate] : ["--port", String(port)]);
  return startDaemon(SERVER!, (port) => ["redis.conf", ...QUIET, ...door(port)], { prepare });
}

// Redis is a package of Debian, redis-server.
describe.skipIf(!SERVER)("a Redis server", () => {
  beforeAll(async () => {
    [app, plain, open, secured] = await Promise.all([
      startNativeApp(),
      startRedis(USERS),
      startRedis([]),
      startRedis(USERS, true),
    ]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([app?.close(), plain?.stop(), open?.stop(), secured?.stop()]);
  });

  const fieldsOf = (server: Daemon, more: object = {}) => ({
    host: "localhost",
    port: server.port,
    password: "correct-horse",
    ...more,
  });
  const tried = (server: Daemon, more: object = {}, slug = "redis") => tryNative(app, slug, fieldsOf(server, more));

  testUnreachable(() => ({ app, slug: "redis", fields: fieldsOf(plain), at: (host, port) => ({ host, port }) }));

  test("lets in with the right password, and keeps no connection", async () => {
    const before = openSockets();
    for (const slug of ["redis", "valkey", "keydb", "dragonfly"])
      expect(await tried(plain, {}, slug), slug).toMatchObject({ ok: true, code: "OK" });
    expect(await tried(plain, { username: "ada", password: "battery-staple", databaseIndex: 3 })).toMatchObject({ code: "OK" });
    expect(await tried(open, { password: null })).toMatchObject({ code: "OK" });
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test.each([
    ["a wrong password", { password: "wrong-one" }, "INVALID_CREDENTIALS"],
    ["no password", { password: null }, "INVALID_CREDENTIALS"],
    ["a user that does not exist", { username: "nobody" }, "INVALID_CREDENTIALS"],
    ["a user who may do nothing", { username: "mute", password: "x" }, "PERMISSION_DENIED"],
    ["a database that does not exist", { databaseIndex: 4_711 }, "RESOURCE_NOT_FOUND"],
  ])("%s is told as such, with a remedy and without the password", async (_what, more, code) => {
    const outcome = await tried(plain, more);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/correct-horse|wrong-one/);
  });

  test("TLS asked of a server that has none is a TIMEOUT: it waits for the rest of what it takes for a command", async () => {
    expect(await impatiently(app, () => tried(plain, { tls: true }))).toMatchObject({ ok: false, code: "TIMEOUT" });
  });

  test("a password that the server does not have is told", async () => {
    expect(await tried(open)).toMatchObject({ code: "INVALID_CREDENTIALS", remedy: /empty/ });
  });

  test("TLS is verified", async () => {
    const ca = { caCertificate: LOCALHOST.cert };
    expect(await tried(secured, { tls: true, ...ca })).toMatchObject({ code: "OK" });
    expect(await tried(secured, { tls: true })).toMatchObject({ code: "TLS_ERROR", remedy: /CA certificate/ });
    expect(await tried(secured, { tls: true, ...ca, host: "127.0.0.1" })).toMatchObject({
      code: "TLS_ERROR",
      message: /another/,
    });
  });

  test("a node that sends us elsewhere is not followed", async () => {
    let visits = 0;
    const elsewhere = await rawServer(() => {
      visits += 1;
    });
    const moved = await rawServer((socket) => socket.on("data", () => socket.write(`-MOVED 1 127.0.0.1:${elsewhere.port}\r\n`)));
    expect(await tryNative(app, "redis", { host: "127.0.0.1", port: moved.port })).toMatchObject({
      code: "PROVIDER_ERROR",
      message: /MOVED/,
    });
    expect(visits).toBe(0);
    await Promise.all([elsewhere.close(), moved.close()]);
  });
});
