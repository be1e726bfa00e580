import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type FakeHazelcast, startFakeHazelcast } from "./support/fake-hazelcast.ts";
import { closedPort, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

/**
 * No package has a real Hazelcast. A small strict member stands in for it, and what both sides write is compared with, or made by, the
 * vendor's own encoders: what a real one answers besides is not proven here.
 */

const FIELDS = { clusterName: "shop", username: "ada", password: "correct horse" };

let app: TestApp;
let plain: FakeHazelcast;
let secure: FakeHazelcast;
beforeAll(async () => {
  [app, plain, secure] = await Promise.all([
    startNativeApp(),
    startFakeHazelcast(),
    startFakeHazelcast({ certificate: LOCALHOST }),
  ]);
});
afterAll(() => Promise.all([app, plain, secure].map((one) => one?.close())));

const tried = (more: object = {}) => tryNative(app, "hazelcast", { ...FIELDS, members: `127.0.0.1:${plain.port}`, ...more });

async function triedAt(options: Parameters<typeof startFakeHazelcast>[0]) {
  const server = await startFakeHazelcast(options);
  try {
    return await tried({ members: `127.0.0.1:${server.port}` });
  } finally {
    await server.close();
  }
}

/** The login that the vendor's client would have written with the same UUID and number. */
function vendorsLogin(ours: Buffer, username: string | null, password: string | null): Buffer {
  const load = createRequire(import.meta.url);
  const { ClientAuthenticationCodec } = load("hazelcast-client/lib/codec/ClientAuthenticationCodec");
  const { FixSizedTypesCodec } = load("hazelcast-client/lib/codec/builtin/FixSizedTypesCodec");
  const uuid = FixSizedTypesCodec.decodeUUID(ours, 6 + 16);
  const message = ClientAuthenticationCodec.encodeRequest(
    "shop",
    username,
    password,
    uuid,
    "NJS",
    1,
    "5.7.0",
    "moorline-test",
    [],
  );
  message.setCorrelationId(Number(ours.readBigInt64LE(10)));
  return message.toBuffer();
}

describe("a Hazelcast cluster", () => {
  testUnreachable(() => ({
    app,
    slug: "hazelcast",
    fields: FIELDS,
    at: (host, port) => ({ members: `${host}:${port}` }),
  }));

  test("lets the right user in, who asks a question, in the vendor's own bytes; nobody goes to the address that it names", async () => {
    expect(await tried()).toMatchObject({ ok: true, code: "OK" });
    expect(plain.login()).toEqual(vendorsLogin(plain.login(), "ada", "correct horse"));
    expect(await tried({ username: undefined, password: undefined })).toMatchObject({ code: "INVALID_CREDENTIALS" });
    expect(plain.login()).toEqual(vendorsLogin(plain.login(), null, null));
  });

  test("is found by the first member that answers", async () => {
    const members = `127.0.0.1:${await closedPort()}, 127.0.0.1:${plain.port}`;
    expect(await tried({ members })).toMatchObject({ ok: true });
  });

  test.each([
    ["password", { password: "wrong" }],
    ["user", { username: "eve" }],
    ["cluster's name", { clusterName: "dev" }],
  ])("a wrong %s is INVALID_CREDENTIALS", async (_what, more) => {
    const result = await tried(more);
    expect(result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS", remedy: expect.stringContaining("cluster's name") });
  });

  test("that blocks such clients, or the question, is PERMISSION_DENIED; whatever else is an error, and nothing it wrote is told", async () => {
    const denied = { ok: false, code: "PERMISSION_DENIED" };
    expect(await triedAt({ status: 3 })).toMatchObject(denied);
    const exception = { errorCode: 72, className: "java.security.AccessControlException" };
    expect(await triedAt({ exception })).toMatchObject(denied);
    const other = await triedAt({ exception: { errorCode: 23, className: "com.hazelcast.core.HazelcastException" } });
    expect(other).toMatchObject({ ok: false, code: "PROVIDER_ERROR", message: expect.stringContaining("23") });
    expect(JSON.stringify(other)).not.toContain("no secret");
  });

  test("of another kind is none", async () => {
    const other = await rawServer((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect(await tried({ members: `127.0.0.1:${other.port}` })).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    await other.close();
  });
});

describe("TLS with a Hazelcast cluster", () => {
  const at = (host: string) => ({ tls: true, members: `${host}:${secure.port}` });

  test("is verified, by the authority that was entered and for this host", async () => {
    expect(await tried({ ...at("localhost"), caCertificate: LOCALHOST.cert })).toMatchObject({ ok: true });
    const untrusted = { code: "TLS_ERROR", message: expect.stringContaining("not signed") };
    expect(await tried(at("localhost"))).toMatchObject(untrusted);
    const other = { code: "TLS_ERROR", message: expect.stringContaining("another host name") };
    expect(await tried({ ...at("127.0.0.1"), caCertificate: LOCALHOST.cert })).toMatchObject(other);
  });

  test("on one side only fails, and says so", async () => {
    expect(await tried({ tls: true })).toMatchObject({ ok: false, code: "TLS_ERROR" });
    expect(await tried({ members: `localhost:${secure.port}` })).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
  });
});
