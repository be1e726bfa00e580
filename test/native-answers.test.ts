import type net from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { NOT_YET } from "./support/certificate.ts";
import { closedPort, rawServer, startNativeApp, tryNative } from "./support/native.ts";
import { ask } from "./support/typed.ts";

/** What servers do that are not of the kind that was asked for, or mean no good, whatever the family. */

let app: TestApp;
let patient: TestApp;
beforeAll(async () => {
  [app, patient] = await Promise.all([startNativeApp(), startNativeApp("127.0.0.0/8,::1", 60_000)]);
}, 120_000);
afterAll(async () => {
  await Promise.all([app?.close(), patient?.close()]);
});

const user = { username: "ada", password: "correct horse" };

/** A server that never stops, as fast as it is read. */
function goOn(socket: net.Socket): void {
  const piece = Buffer.alloc(64 * 1024, "A");
  const write = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on("drain", write).resume();
  write();
}

describe("a server that goes on and on", () => {
  test.each<[string, (port: number) => object]>([
    ["kafka", (port) => ({ bootstrapServers: `127.0.0.1:${port}` })],
    ["mongodb", (port) => ({ connectionString: `mongodb://ada:x@127.0.0.1:${port}/shop` })],
    ["cassandra", (port) => ({ contactPoints: `127.0.0.1:${port}`, port, ...user })],
    ["ldap", (port) => ({ url: `ldap://127.0.0.1:${port}`, bindDn: "cn=ada", bindPassword: "x", baseDn: "dc=example" })],
  ])("is let go of long before the time is over, and little of it is kept: %s", async (slug, at) => {
    let sent = 0;
    const server = await rawServer((socket) => {
      goOn(socket);
      socket.on("close", () => {
        sent += socket.bytesWritten;
      });
    });
    const outcome = await tryNative(patient, slug, at(server.port));
    expect(outcome).toMatchObject({
      ok: false,
      code: "PROVIDER_ERROR",
      message: expect.stringMatching(/not what this kind of server says/),
    });
    expect(outcome.latencyMs).toBeLessThan(50_000);
    await server.close();
    expect(sent).toBeLessThan(500 * 1024 * 1024);
  });
});

describe("a server that closes without a word", () => {
  test.each<[string, (port: number) => object]>([
    ["postgresql", (port) => ({ host: "127.0.0.1", port, database: "shop", sslMode: "disable", ...user })],
    ["mysql", (port) => ({ host: "127.0.0.1", port, database: "shop", sslMode: "disabled", ...user })],
    ["redis", (port) => ({ host: "127.0.0.1", port, ...user })],
    ["rabbitmq", (port) => ({ host: "127.0.0.1", port, ...user })],
    ["elasticsearch", (port) => ({ node: `http://127.0.0.1:${port}`, ...user })],
  ])("is not said to have answered: %s", async (slug, at) => {
    for (const leave of ["end", "resetAndDestroy"] as const) {
      const server = await rawServer((socket) => socket.resume()[leave]());
      const outcome = await tryNative(app, slug, at(server.port));
      await server.close();
      expect(outcome, leave).toMatchObject({
        ok: false,
        code: "PROVIDER_ERROR",
        message: expect.stringMatching(/closed the connection without/),
      });
    }
  });

  test("and one that speaks no HTTP is told as another kind", async () => {
    const server = await rawServer((socket) => socket.once("data", () => socket.end("220 mail.example ESMTP\r\n")));
    const outcome = await tryNative(app, "elasticsearch", { node: `http://127.0.0.1:${server.port}`, ...user });
    await server.close();
    expect(outcome).toMatchObject({
      ok: false,
      code: "PROVIDER_ERROR",
      message: expect.stringMatching(/not what this kind of server says/),
    });
  });
});

test("a certificate that is not valid yet is told as such: a clock is wrong", async () => {
  const server = await rawServer(() => {}, NOT_YET);
  const fields = { host: "localhost", port: server.port, tls: true, caCertificate: NOT_YET.cert, ...user };
  const outcome = await tryNative(app, "redis", fields);
  await server.close();
  expect(outcome).toMatchObject({
    ok: false,
    code: "TLS_ERROR",
    message: expect.stringMatching(/not valid yet/),
    remedy: expect.stringMatching(/clock/),
  });
});

/** One of each way to come from a host's field to a socket. */
const AT_HOST: [string, (host: string, port: number) => object][] = [
  ["postgresql", (host, port) => ({ host, port, database: "shop", sslMode: "disable", ...user })],
  ["mysql", (host, port) => ({ host, port, database: "shop", sslMode: "disabled", ...user })],
  ["redis", (host, port) => ({ host, port, ...user })],
  ["rabbitmq", (host, port) => ({ host, port, ...user })],
  ["mqtt", (host, port) => ({ protocol: "ws", host, port, ...user })],
  ["sftp", (host, port) => ({ host, port, authType: "password", ...user })],
  ["ftp", (host, port) => ({ host, port, ...user })],
  ["imap", (host, port) => ({ host, port, security: "none", ...user })],
  ["smb", (host, port) => ({ host, port, share: "data", ...user })],
  ["mongodb", (host, port) => ({ configurationType: "values", host, port, ...user })],
  ["oracle", (host, port) => ({ host, port, serviceName: "shop", ...user })],
  ["exasol", (host, port) => ({ host, port, ...user })],
  ["trino", (host, port) => ({ host, port, ...user })],
];

describe("a host", () => {
  test.each(AT_HOST)("is a name or an address of either family, inside and outside the list: %s", async (slug, at) => {
    expect(await tryNative(app, slug, at("::1", await closedPort()))).toMatchObject({ code: "CONNECTION_REFUSED" });
    for (const host of ["::ffff:10.0.0.1", "fd00::1", "64:ff9b::a00:1"])
      expect(await tryNative(app, slug, at(host, 4321)), host).toMatchObject({ code: "BLOCKED_ADDRESS" });
  });

  test("may have an underscore, as names in a private network do, and is nothing more than a host", async () => {
    const [slug, at] = AT_HOST[0]!;
    expect(await tryNative(app, slug, at("my_db.invalid", 4321))).toMatchObject({ code: "HOST_NOT_FOUND" });
    for (const host of ["https://db.example", "db.example:5432", "db.example/x", "/run/postgresql", "a,b", "[::1]", "-x"]) {
      const answer = await ask(app, app.adminKey, "tryCredential", { target: { connectorSlug: slug }, fields: at(host, 4321) });
      expect(answer.issues, host).toMatchObject([
        { path: ["fields", "host"], code: "PATTERN", message: expect.stringMatching(/name or an IP address/) },
      ]);
    }
  });

  test("stands before a port from 1 to 65535", async () => {
    for (const servers of ["localhost:0", "localhost:99999"])
      expect(await tryNative(app, "memcached", { servers })).toMatchObject({
        code: "HOST_NOT_FOUND",
        message: expect.stringMatching(/port/),
      });
  });
});
