import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type FakeVertica, startFakeVertica, typed, type VerticaLogin } from "./support/fake-vertica.ts";
import { rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

/**
 * No package has a real Vertica. A small strict server speaks its protocol, and the vendor's own driver gets on with it: what a real one
 * answers besides is not proven here.
 */

const FIELDS = { database: "shop", username: "ada", password: "correct horse", tlsMode: "disable" };

let app: TestApp;
let plain: FakeVertica;
let secure: FakeVertica;
beforeAll(async () => {
  [app, plain, secure] = await Promise.all([startNativeApp(), startFakeVertica(), startFakeVertica({ certificate: LOCALHOST })]);
});
afterAll(() => Promise.all([app, plain, secure].map((one) => one?.close())));

const tried = (more: object = {}) => tryNative(app, "vertica", { ...FIELDS, host: "localhost", port: plain.port, ...more });

async function triedAt(options: Parameters<typeof startFakeVertica>[0], more: object = {}) {
  const server = await startFakeVertica(options);
  try {
    return await tried({ ...more, port: server.port });
  } finally {
    await server.close();
  }
}

describe("a Vertica", () => {
  testUnreachable(() => ({ app, slug: "vertica", fields: FIELDS, at: (host, port) => ({ host, port }) }));

  test("of ours is one for the vendor's driver, too", async () => {
    const { default: vertica } = await import("vertica-nodejs");
    for (const login of ["clear", "md5", "sha512"] as const) {
      const server = await startFakeVertica({ login });
      const { database, username: user, password } = FIELDS;
      const client = new vertica.Client({ host: "127.0.0.1", port: server.port, database, user, password });
      await client.connect();
      await client.end();
      await server.close();
    }
  });

  test.each(["clear", "md5", "sha512"] satisfies VerticaLogin[])("lets the right user in by %s", async (login) => {
    expect(await triedAt({ login })).toMatchObject({ ok: true, code: "OK" });
    expect(await triedAt({ login }, { password: "wrong" })).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
  });

  test("a wrong user is INVALID_CREDENTIALS, a wrong database RESOURCE_NOT_FOUND", async () => {
    expect(await tried({ username: "eve" })).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(await tried({ database: "lost" })).toMatchObject({ ok: false, code: "RESOURCE_NOT_FOUND" });
  });

  test.each([
    ["expired", "run out"],
    ["gss", "another way"],
  ] satisfies [VerticaLogin, string][])("a login that no password is enough for (%s) says so", async (login, words) => {
    expect(await triedAt({ login })).toMatchObject({ code: "INVALID_CREDENTIALS", message: expect.stringContaining(words) });
  });

  test.each([
    ["42501", "PERMISSION_DENIED"],
    ["53300", "PROVIDER_ERROR"],
  ])("the error %s is %s, and nothing that the server wrote is told", async (refusal, code) => {
    const result = await triedAt({ refusal });
    expect(result).toMatchObject({ ok: false, code });
    expect(JSON.stringify(result)).not.toContain("no secret");
  });

  test("that wants to read or write a file here is none", async () => {
    const path = join(tmpdir(), `moorline-vertica-${process.pid}`);
    const writeFile = typed("O", Buffer.concat([Buffer.from(`${path}\0`), Buffer.from([0, 0, 0, 2]), Buffer.from("hi")]));
    for (const instead of [writeFile, typed("H", "/etc/passwd\0"), typed("Z", "I")])
      expect(await triedAt({ instead })).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    expect(existsSync(path)).toBe(false);
  });

  test("of another kind is PROVIDER_ERROR", async () => {
    const other = await rawServer((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect(await tried({ port: other.port })).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    await other.close();
  });
});

describe("TLS with a Vertica", () => {
  test("unverified lets in; verified it does not where nobody trusts the certificate", async () => {
    const at = { port: secure.port };
    expect(await tried({ ...at, tlsMode: "require" })).toMatchObject({ ok: true });
    for (const tlsMode of ["verify-ca", "verify-full"])
      expect(await tried({ ...at, tlsMode })).toMatchObject({
        code: "TLS_ERROR",
        message: expect.stringContaining("not signed"),
      });
    for (const tlsMode of ["require", "verify-full"])
      expect(await tried({ tlsMode })).toMatchObject({ code: "TLS_ERROR", message: expect.stringContaining("not offer") });
  });

  test("verified lets in where the certificate is trusted, and, but for verify-ca, is for this host", async () => {
    const known = tls.getCACertificates("default");
    tls.setDefaultCACertificates([...known, LOCALHOST.cert]);
    const at = (host: string, tlsMode: string) => tried({ port: secure.port, host, tlsMode });
    try {
      expect(await at("localhost", "verify-full")).toMatchObject({ ok: true });
      expect(await at("127.0.0.1", "verify-ca")).toMatchObject({ ok: true });
      const other = { code: "TLS_ERROR", message: expect.stringContaining("another host name") };
      expect(await at("127.0.0.1", "verify-full")).toMatchObject(other);
    } finally {
      tls.setDefaultCACertificates(known);
    }
  });

  test("words before it begins are not trusted", async () => {
    const injecting = await rawServer((socket) => socket.once("data", () => socket.write("SR")));
    expect(await tried({ port: injecting.port, tlsMode: "require" })).toMatchObject({ code: "PROVIDER_ERROR" });
    await injecting.close();
  });
});
