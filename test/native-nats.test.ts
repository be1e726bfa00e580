import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type Daemon, findBinary, ownedFile, startDaemon } from "./support/daemon.ts";
import { openSockets, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

const SERVER = findBinary("nats-server");

const KEY = nkeys.createUser();
const SEED = Buffer.from(KEY.getSeed()).toString();
const OTHER_SEED = Buffer.from(nkeys.createUser().getSeed()).toString();

function startNats(config: string): Promise<Daemon> {
  return startDaemon(SERVER!, (port, directory) => ["-a", "127.0.0.1", "-p", String(port), "-c", join(directory, "nats.conf")], {
    prepare(directory) {
      ownedFile(join(directory, "key.pem"), LOCALHOST.key);
      ownedFile(join(directory, "cert.pem"), LOCALHOST.cert);
      ownedFile(join(directory, "nats.conf"), config.replaceAll("@", directory));
    },
  });
}

const USERS = `authorization { users: [ { user: ada, password: "correct horse" }, { nkey: ${KEY.getPublicKey()} } ] }`;

let app: TestApp;
let plain: Daemon;
let byToken: Daemon;
let secured: Daemon;

// nats-server is a package of Debian of that name.
describe.skipIf(!SERVER)("a NATS server", () => {
  beforeAll(async () => {
    [app, plain, byToken, secured] = await Promise.all([
      startNativeApp(),
      startNats(USERS),
      startNats('authorization { token: "s3cret-token" }'),
      startNats(`${USERS}\ntls { cert_file: "@/cert.pem", key_file: "@/key.pem" }`),
    ]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([app?.close(), plain?.stop(), byToken?.stop(), secured?.stop()]);
  });

  const ADA = { authType: "userPassword", username: "ada", password: "correct horse" };
  const tried = (server: { port: number }, more: object = {}) =>
    tryNative(app, "nats", { servers: `nats://localhost:${server.port}`, ...ADA, ...more });

  testUnreachable(() => ({ app, slug: "nats", fields: ADA, at: (host, port) => ({ servers: `nats://${host}:${port}` }) }));

  test.each([
    ["user name and password", {}],
    ["an nkey seed", { authType: "nkey", nkeySeed: SEED }],
  ])("lets in with %s, and keeps no connection", async (_what, more) => {
    const before = openSockets();
    expect(await tried(plain, more)).toMatchObject({ ok: true, code: "OK", remedy: null });
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test("lets in with a token, and with no other", async () => {
    expect(await tried(byToken, { authType: "token", token: "s3cret-token" })).toMatchObject({ ok: true });
    expect(await tried(byToken, { authType: "token", token: "another" })).toMatchObject({ code: "INVALID_CREDENTIALS" });
  });

  test.each([
    ["a wrong password", { password: "battery staple" }],
    ["a user that does not exist", { username: "eve" }],
    ["no login", { authType: "none" }],
    ["another nkey", { authType: "nkey", nkeySeed: OTHER_SEED }],
    ["what is no nkey seed", { authType: "nkey", nkeySeed: "SUANOTASEED" }],
    ["what is no credentials file", { authType: "credsFile", credsFile: "hello" }],
  ])("%s is INVALID_CREDENTIALS, with a remedy and without the password", async (_what, more) => {
    const outcome = await tried(plain, more);
    expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/horse|staple|SUA/);
  });

  test("TLS is verified: with the CA certificate it works, without it or by another name not", async () => {
    const secure = { tls: true, caCertificate: LOCALHOST.cert };
    expect(await tried(secured, secure)).toMatchObject({ ok: true });
    expect(await tried(secured, { tls: true })).toMatchObject({ code: "TLS_ERROR", remedy: /CA certificate/ });
    const byScheme = { servers: `tls://localhost:${secured.port}`, caCertificate: LOCALHOST.cert };
    expect(await tried(secured, byScheme)).toMatchObject({ ok: true });
    expect(await tried(secured, { ...secure, servers: `nats://127.0.0.1:${secured.port}` })).toMatchObject({ code: "TLS_ERROR" });
    expect(await tried(secured)).toMatchObject({ code: "TLS_ERROR", remedy: /Switch TLS on/ });
    expect(await tried(plain, secure)).toMatchObject({ code: "TLS_ERROR", message: /does not offer TLS/ });
  });

  test("of several servers the first that can be reached answers", async () => {
    const servers = `nats://localhost:1,nats://localhost:${plain.port}`;
    expect(await tried(plain, { servers })).toMatchObject({ ok: true });
  });

  test("a server of a cluster that is not allowed is not gone to, wherever the cluster says it is", async () => {
    let visits = 0;
    const forbidden = await rawServer(() => {
      visits += 1;
    });
    const info = { server_id: "S", version: "2.9.10", proto: 1, headers: true, max_payload: 1_048_576, nonce: "n" };
    const told = JSON.stringify({ ...info, connect_urls: [`127.0.0.2:${forbidden.port}`] });
    const server = await rawServer((socket) => {
      socket.write(`INFO ${told}\r\n`);
      socket.once("data", () => socket.end("-ERR 'Maximum Connections Exceeded'\r\n"));
    });
    const outcome = await tried(server);
    await Promise.all([server.close(), forbidden.close()]);
    expect(outcome).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    expect(visits).toBe(0);
  });

  test("a server of another kind is PROVIDER_ERROR, and what it writes is not shown", async () => {
    const server = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n<script>"));
    const outcome = await tried(server);
    await server.close();
    expect(outcome).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    expect(JSON.stringify(outcome)).not.toContain("script");
  });
});
