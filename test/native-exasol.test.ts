import { X509Certificate } from "node:crypto";
import { createRequire } from "node:module";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type FakeExasol, startFakeExasol } from "./support/fake-exasol.ts";
import { rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

/**
 * No package has a real Exasol. A small strict server speaks its WebSocket API, and the vendor's own driver gets on with it: what a real one
 * answers besides is not proven here.
 */

const certificateFingerprint = new X509Certificate(LOCALHOST.cert).fingerprint256;
const FIELDS = { username: "ada", password: "correct horse", certificateFingerprint };

let app: TestApp;
let server: FakeExasol;
beforeAll(async () => {
  [app, server] = await Promise.all([startNativeApp(), startFakeExasol()]);
});
afterAll(() => Promise.all([app, server].map((one) => one?.close())));

const tried = (more: object = {}) => tryNative(app, "exasol", { ...FIELDS, host: "127.0.0.1", port: server.port, ...more });

describe("an Exasol", () => {
  testUnreachable(() => ({ app, slug: "exasol", fields: FIELDS, at: (host, port) => ({ host, port }) }));

  test("of ours is one for the vendor's driver, too", async () => {
    // Its build for modules does not find its own cipher.
    const driverOf = createRequire(import.meta.url) as (name: string) => typeof import("@exasol/exasol-driver-ts");
    const { ExasolDriver } = driverOf("@exasol/exasol-driver-ts");
    const { username: user, password } = FIELDS;
    const open = (url: string) => new WebSocket(url, { rejectUnauthorized: false }) as never;
    const driver = new ExasolDriver(open, { host: "localhost", port: server.port, user, password });
    await driver.connect();
    expect((await driver.query("SELECT 1")).getRows()).toEqual([{ 1: 1 }]);
    await driver.close();
  });

  test("lets the right user in, who asks a question, with and without a schema", async () => {
    expect(await tried()).toMatchObject({ ok: true, code: "OK" });
    expect(await tried({ schema: "SHOP" })).toMatchObject({ ok: true, code: "OK" });
  });

  test.each([
    ["a wrong password", { password: "wrong" }],
    ["a wrong user", { username: "eve" }],
  ])("%s is INVALID_CREDENTIALS", async (_what, more) => {
    expect(await tried(more)).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
  });

  test("a schema that is not there is RESOURCE_NOT_FOUND", async () => {
    expect(await tried({ schema: "shop" })).toMatchObject({ ok: false, code: "RESOURCE_NOT_FOUND" });
  });

  test.each([
    ["42500", "PERMISSION_DENIED"],
    ["40005", "PROVIDER_ERROR"],
  ])("the error %s is %s, and nothing that the server wrote is told", async (refusal, code) => {
    const refusing = await startFakeExasol(refusal);
    const result = await tried({ port: refusing.port });
    await refusing.close();
    expect(result).toMatchObject({ ok: false, code });
    expect(JSON.stringify(result)).not.toContain("no secret");
  });

  test("of another kind is PROVIDER_ERROR", async () => {
    const other = await rawServer((socket) => socket.once("data", () => socket.end("HTTP/1.1 404 Not Found\r\n\r\n")), LOCALHOST);
    expect(await tried({ port: other.port })).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    await other.close();
  });
});

describe("TLS with an Exasol", () => {
  test("goes by the fingerprint, in any spelling, where there is one: no password is sent to another certificate", async () => {
    const spelled = certificateFingerprint.replaceAll(":", "").toLowerCase();
    expect(await tried({ certificateFingerprint: spelled })).toMatchObject({ ok: true });
    const before = server.logins();
    const result = await tried({ certificateFingerprint: `00${certificateFingerprint.slice(2)}` });
    expect(result).toMatchObject({ code: "TLS_ERROR", message: expect.stringContaining("fingerprint") });
    expect(server.logins()).toBe(before);
  });

  test("is verified where there is none", async () => {
    const bare = { certificateFingerprint: undefined, host: "localhost" };
    expect(await tried(bare)).toMatchObject({ code: "TLS_ERROR", message: expect.stringContaining("not signed") });
    const known = tls.getCACertificates("default");
    tls.setDefaultCACertificates([...known, LOCALHOST.cert]);
    try {
      expect(await tried(bare)).toMatchObject({ ok: true });
      const other = { code: "TLS_ERROR", message: expect.stringContaining("another host name") };
      expect(await tried({ ...bare, host: "127.0.0.1" })).toMatchObject(other);
    } finally {
      tls.setDefaultCACertificates(known);
    }
  });

  test("a server that speaks none is TLS_ERROR", async () => {
    const clear = await rawServer((socket) => socket.once("data", () => socket.end("no\r\n")));
    expect(await tried({ port: clear.port })).toMatchObject({ ok: false, code: "TLS_ERROR" });
    await clear.close();
  });
});
