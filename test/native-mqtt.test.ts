import { pbkdf2Sync, randomBytes } from "node:crypto";
import { join } from "node:path";
import { MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { socketTo } from "../src/probes/sockets.ts";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type Daemon, findBinary, ownedFile, startDaemon } from "./support/daemon.ts";
import { openSockets, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

const SERVER = findBinary("mosquitto");

/** As `mosquitto_passwd` writes it. */
function passwordLine(username: string, password: string): string {
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, 101, 64, "sha512");
  return `${username}:$7$101$${salt.toString("base64")}$${hash.toString("base64")}\n`;
}

function startMosquitto(listener = ""): Promise<Daemon> {
  let folder = "";
  return startDaemon(SERVER!, (_port, directory) => ["-c", join(directory, "mosquitto.conf")], {
    prepare(directory, port) {
      folder = directory;
      ownedFile(join(folder, "passwords"), passwordLine("ada", "correct horse"));
      ownedFile(join(folder, "key.pem"), LOCALHOST.key);
      ownedFile(join(folder, "cert.pem"), LOCALHOST.cert);
      const lines = [
        `listener ${port} 127.0.0.1`,
        "allow_anonymous false",
        `password_file ${join(folder, "passwords")}`,
        listener,
      ];
      ownedFile(join(folder, "mosquitto.conf"), `${lines.join("\n").replaceAll("@", folder)}\n`);
    },
  });
}

let app: TestApp;
let plain: Daemon;
let secured: Daemon;

// Mosquitto is a package of Debian of that name.
describe.skipIf(!SERVER)("an MQTT broker", () => {
  beforeAll(async () => {
    [app, plain, secured] = await Promise.all([
      startNativeApp(),
      startMosquitto(),
      startMosquitto("certfile @/cert.pem\nkeyfile @/key.pem"),
    ]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([app?.close(), plain?.stop(), secured?.stop()]);
  });

  const fieldsOf = (server: Daemon, more: object = {}) => ({
    host: "localhost",
    port: server.port,
    username: "ada",
    password: "correct horse",
    ...more,
  });
  const tried = (server: Daemon, more: object = {}) => tryNative(app, "mqtt", fieldsOf(server, more));

  describe("over TCP", () => {
    testUnreachable(() => ({ app, slug: "mqtt", fields: fieldsOf(plain), at: (host, port) => ({ host, port }) }));
  });
  // Debian builds Mosquitto without WebSocket; native-rabbitmq.test.ts has a broker with it.
  describe("over WebSocket", () => {
    testUnreachable(() => ({
      app,
      slug: "mqtt",
      fields: fieldsOf(plain, { protocol: "ws" }),
      at: (host, port) => ({ host, port }),
    }));
  });

  test.each(["3", "4", "5"])("lets in with the right password, protocol level %s, and keeps no connection", async (version) => {
    const before = openSockets();
    expect(await tried(plain, { protocolVersion: version })).toMatchObject({ ok: true, code: "OK", remedy: null });
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test.each([
    ["a wrong password", { password: "battery staple" }],
    ["a wrong password, by the codes of MQTT 5", { password: "battery staple", protocolVersion: "5" }],
    ["a user that does not exist", { username: "eve" }],
  ])("%s is INVALID_CREDENTIALS, with a remedy and without the password", async (_what, more) => {
    const outcome = await tried(plain, more);
    expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/horse|staple/);
  });

  test("a password without a user name is what only MQTT 5 knows", async () => {
    const alone = { host: "localhost", port: plain.port, password: "correct horse" };
    for (const protocolVersion of ["3", "4"])
      expect(await tryNative(app, "mqtt", { ...alone, protocolVersion })).toMatchObject({
        code: "INVALID_CREDENTIALS",
        message: expect.stringMatching(/without a user name/),
      });
    const outcome = await tryNative(app, "mqtt", { ...alone, protocolVersion: "5" });
    expect(outcome).toMatchObject({ code: "NOT_TESTABLE", message: expect.stringMatching(/without a user name/) });
  });

  test("no login at all is refused, too", async () => {
    const outcome = await tryNative(app, "mqtt", { host: "localhost", port: plain.port });
    expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
  });

  test("TLS is verified: with the CA certificate it works, without it or by another name not", async () => {
    const secure = { protocol: "mqtts", caCertificate: LOCALHOST.cert };
    expect(await tried(secured, secure)).toMatchObject({ ok: true });
    expect(await tried(secured, { protocol: "mqtts" })).toMatchObject({
      code: "TLS_ERROR",
      remedy: expect.stringMatching(/CA certificate/),
    });
    expect(await tried(secured, { ...secure, host: "127.0.0.1" })).toMatchObject({
      code: "TLS_ERROR",
      remedy: expect.stringMatching(/host/),
    });
    expect(await tried(plain, secure)).toMatchObject({ ok: false, code: "TLS_ERROR" });
  });

  test("a client that is at work under this client ID stays connected", async () => {
    const worker = new MqttClient(() => socketTo({ host: "localhost", port: plain.port }), {
      clientId: "worker-1",
      username: "ada",
      password: "correct horse",
      reconnectPeriod: 0,
    });
    try {
      await new Promise((resolve, reject) => worker.once("connect", resolve).once("error", reject));
      expect(await tried(plain, { clientId: "worker-1" })).toMatchObject({ ok: true });
      expect(worker.connected).toBe(true);
    } finally {
      worker.end(true);
    }
  });

  test.each([
    ["that this client ID is not accepted", 2, "PERMISSION_DENIED"],
    ["that it cannot serve now", 3, "PROVIDER_ERROR"],
    ["what no version of the protocol says", 77, "PROVIDER_ERROR"],
  ])("a broker that says %s", async (_what, returnCode, code) => {
    const server = await rawServer((socket) => socket.once("data", () => socket.end(Buffer.from([0x20, 2, 0, returnCode]))));
    const outcome = await tried({ port: server.port } as Daemon);
    await server.close();
    expect(outcome).toMatchObject({ ok: false, code });
  });

  test("a server of another kind is PROVIDER_ERROR, and what it writes is not shown", async () => {
    const server = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n<script>"));
    const outcome = await tried({ port: server.port } as Daemon);
    await server.close();
    expect(outcome).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    expect(JSON.stringify(outcome)).not.toContain("script");
  });
});
