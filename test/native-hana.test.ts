import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type FakeHana, startFakeHana, type Whereabouts } from "./support/fake-hana.ts";
import { closedPort, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

/**
 * No package has a real SAP HANA. A small strict server speaks its protocol, with a real SCRAM login: what a real one answers besides is not
 * proven here.
 */

const FIELDS = { username: "ADA", password: "correct horse", encrypt: false };

let app: TestApp;
let tenant: FakeHana;
let system: FakeHana;
let strange: FakeHana;
beforeAll(async () => {
  const unused = await closedPort();
  tenant = await startFakeHana();
  const places: Record<string, ReturnType<Whereabouts>> = {
    HERE: "HERE",
    SHOP: { host: "127.0.0.1", port: tenant.port },
    INSIDE: { host: "10.1.2.3", port: 30_041 },
    DOWN: { host: "127.0.0.1", port: unused },
  };
  [app, system, strange] = await Promise.all([
    startNativeApp(),
    startFakeHana((database) => places[database]),
    startFakeHana(undefined, { certificate: LOCALHOST }),
  ]);
});
afterAll(() => Promise.all([app, tenant, system, strange].map((one) => one?.close())));

const tried = (more: object = {}) => tryNative(app, "sap-hana", { ...FIELDS, host: "127.0.0.1", port: system.port, ...more });

describe("a SAP HANA", () => {
  testUnreachable(() => ({ app, slug: "sap-hana", fields: FIELDS, at: (host, port) => ({ host, port }) }));

  test("lets the right user in, who asks a question", async () => {
    const before = system.logins();
    expect(await tried()).toMatchObject({ ok: true, code: "OK" });
    expect(await tried({ databaseName: "HERE" })).toMatchObject({ ok: true, code: "OK" });
    expect(system.logins()).toBe(before + 2);
  });

  test.each([
    ["a wrong password", { password: "wrong" }],
    ["a wrong user", { username: "EVE" }],
  ])("%s is INVALID_CREDENTIALS", async (_what, more) => {
    expect(await tried(more)).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
  });

  test.each([
    ["a locked user", 416, "INVALID_CREDENTIALS"],
    ["one without the right to", 258, "PERMISSION_DENIED"],
    ["a connection that is not encrypted", 4321, "TLS_ERROR"],
    ["whatever else", 4242, "PROVIDER_ERROR"],
  ])("%s is refused by the number %d: %s, and nothing that the server wrote is told", async (_what, refusal, code) => {
    const server = await startFakeHana(undefined, { refusal });
    const result = await tried({ port: server.port });
    await server.close();
    expect(result).toMatchObject({ ok: false, code });
    expect(JSON.stringify(result)).not.toContain("no secret");
  });
});

describe("a tenant's database", () => {
  test("on another port is gone to", async () => {
    const before = tenant.logins();
    expect(await tried({ databaseName: "SHOP" })).toMatchObject({ ok: true });
    expect(tenant.logins()).toBe(before + 1);
  });

  test("that the server does not know is RESOURCE_NOT_FOUND", async () => {
    expect(await tried({ databaseName: "LOST" })).toMatchObject({ ok: false, code: "RESOURCE_NOT_FOUND" });
  });

  test("that does not run is CONNECTION_REFUSED", async () => {
    expect(await tried({ databaseName: "DOWN" })).toMatchObject({ ok: false, code: "CONNECTION_REFUSED" });
  });

  test("at an address that may not be reached is BLOCKED_ADDRESS", async () => {
    const result = await tried({ databaseName: "INSIDE" });
    expect(result).toMatchObject({ ok: false, code: "BLOCKED_ADDRESS", message: expect.stringContaining("10.1.2.3") });
  });
});

describe("TLS with a SAP HANA", () => {
  const trusted = { host: "localhost", encrypt: true };

  test.each(["localhost", "127.0.0.1"])(
    "at %s whose certificate nobody trusts is TLS_ERROR, and no login is tried",
    async (host) => {
      const result = await tried({ port: strange.port, host, encrypt: true });
      expect(result).toMatchObject({ ok: false, code: "TLS_ERROR", message: expect.stringContaining("not signed") });
      expect(strange.logins()).toBe(0);
    },
  );

  test("whose certificate is trusted lets in; the tenant that it sends to is held to the same", async () => {
    const places: Record<string, ReturnType<Whereabouts>> = {
      NAMED: { host: "localhost", port: strange.port },
      BARE: { host: "127.0.0.1", port: strange.port },
      CLEAR: { host: "localhost", port: system.port },
    };
    const server = await startFakeHana((database) => places[database], { certificate: LOCALHOST });
    const known = tls.getCACertificates("default");
    tls.setDefaultCACertificates([...known, LOCALHOST.cert]);
    const at = { ...trusted, port: server.port };
    try {
      expect(await tried(at)).toMatchObject({ ok: true });
      expect(await tried({ ...at, databaseName: "NAMED" })).toMatchObject({ ok: true });
      const other = { code: "TLS_ERROR", message: expect.stringContaining("another host name") };
      expect(await tried({ ...at, databaseName: "BARE" })).toMatchObject(other);
      expect(await tried({ ...at, databaseName: "CLEAR" })).toMatchObject({ code: "TLS_ERROR" });
    } finally {
      tls.setDefaultCACertificates(known);
      await server.close();
    }
    expect(strange.logins()).toBe(1);
  });

  test("that speaks none is TLS_ERROR; one that wants it and is not given it is an error of the server's", async () => {
    expect(await tried({ encrypt: true })).toMatchObject({ ok: false, code: "TLS_ERROR" });
    expect(await tried({ port: strange.port })).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
  });

  test("another kind of server is PROVIDER_ERROR", async () => {
    const other = await rawServer((socket) => socket.write("hi"));
    expect(await tried({ port: other.port })).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    await other.close();
  });
});
