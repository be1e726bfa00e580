import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { rawServer, startNativeApp, tryNative } from "./support/native.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startNativeApp();
}, 120_000);
afterAll(() => app?.close());

const user = { username: "ada", password: "correct horse" };

/** Each driver meets the end of a socket in a way of its own. */
const SECURED: [slug: string, fieldsAt: (port: number) => object][] = [
  ["etcd", (port) => ({ hosts: `https://127.0.0.1:${port}` })],
  ["elasticsearch", (port) => ({ node: `https://127.0.0.1:${port}`, ...user })],
  ["mongodb", (port) => ({ connectionString: `mongodb://ada:x@127.0.0.1:${port}/shop?tls=true` })],
  ["cassandra", (port) => ({ contactPoints: `127.0.0.1:${port}`, port, tls: true, ...user })],
  ["mqtt", (port) => ({ protocol: "mqtts", host: "127.0.0.1", port, ...user })],
  ["activemq-artemis", (port) => ({ host: "127.0.0.1", port, tls: true, ...user })],
  ["ftp", (port) => ({ host: "127.0.0.1", port, secure: "implicit", ...user })],
  ["ldap", (port) => ({ url: `ldaps://127.0.0.1:${port}`, bindDn: "cn=ada", bindPassword: "x", baseDn: "dc=example" })],
];

test.each(SECURED)(
  "%s: a server that hangs up on the first words of TLS is TLS_ERROR, by its reset or by its end",
  async (slug, at) => {
    for (const hangUp of ["resetAndDestroy", "end"] as const) {
      const server = await rawServer((socket) => socket.once("data", () => socket[hangUp]()));
      try {
        expect(await tryNative(app, slug, at(server.port)), hangUp).toMatchObject({ ok: false, code: "TLS_ERROR" });
      } finally {
        await server.close();
      }
    }
  },
);
