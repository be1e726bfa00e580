import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type KafkaOptions, startKafka } from "./support/kafka.ts";
import { closedPort, openSockets, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startNativeApp();
}, 120_000);
afterAll(() => app?.close());

const SASL = { securityProtocol: "SASL_PLAINTEXT", saslMechanism: "PLAIN", username: "ada", password: "correct horse" };
const PASSWORD = { password: "correct horse" };

/** What a test says of a broker of this kind, by its bootstrap address. */
async function tried(broker: KafkaOptions, more: object = {}, host = "localhost") {
  const server = await startKafka(broker);
  try {
    return await tryNative(app, "kafka", { bootstrapServers: `${host}:${server.port}`, securityProtocol: "PLAINTEXT", ...more });
  } finally {
    await server.close();
  }
}

describe("a Kafka broker", () => {
  describe.each([
    ["PLAINTEXT", {}],
    ["SASL_PLAINTEXT", SASL],
    ["SSL", {}],
  ])("with the protocol %s", (securityProtocol, more) => {
    testUnreachable(() => ({
      app,
      slug: "kafka",
      fields: { ...more, securityProtocol },
      at: (host, port) => ({ bootstrapServers: `${host}:${port}` }),
    }));
  });

  test("lets in with the right password, and keeps no connection", async () => {
    await tried({});
    const before = openSockets();
    expect(await tried({})).toMatchObject({ ok: true, code: "OK", remedy: null });
    expect(await tried(PASSWORD, SASL)).toMatchObject({ ok: true, code: "OK" });
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test("a wrong password is INVALID_CREDENTIALS, without password or server text", async () => {
    const outcome = await tried(PASSWORD, { ...SASL, password: "battery staple" });
    expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/horse|staple|script/);
  });

  test("a mechanism that the broker does not take is told as such", async () => {
    const outcome = await tried(PASSWORD, { ...SASL, saslMechanism: "SCRAM-SHA-256" });
    expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS", remedy: /mechanism/ });
  });

  test("TLS is verified: with the CA certificate it works, without it or by another name not", async () => {
    const broker = { certificate: LOCALHOST };
    const secure = { securityProtocol: "SSL", caCertificate: LOCALHOST.cert };
    expect(await tried(broker, secure)).toMatchObject({ ok: true });
    expect(await tried(broker, { securityProtocol: "SSL" })).toMatchObject({ code: "TLS_ERROR", remedy: /CA certificate/ });
    expect(await tried(broker, secure, "127.0.0.1")).toMatchObject({ code: "TLS_ERROR", remedy: /host/ });
    expect(await tried({ ...broker, ...PASSWORD }, { ...SASL, ...secure, securityProtocol: "SASL_SSL" })).toMatchObject({
      ok: true,
    });
  });

  test.each([
    ["that is not allowed", async () => ({ host: "10.0.0.1", port: 9092 }), "BLOCKED_ADDRESS"],
    ["that does not exist", async () => ({ host: "x.invalid", port: 9092 }), "HOST_NOT_FOUND"],
    ["where nobody listens", async () => ({ host: "localhost", port: await closedPort() }), "CONNECTION_REFUSED"],
  ])("an announced address %s is found out, although the bootstrap server answers", async (_what, advertised, code) => {
    const outcome = await tried({ advertised: await advertised() });
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
  });

  test("of several bootstrap servers one that answers is enough", async () => {
    const server = await startKafka();
    const bootstrapServers = `localhost:${await closedPort()}, localhost:${server.port}`;
    expect(await tryNative(app, "kafka", { bootstrapServers, securityProtocol: "PLAINTEXT" })).toMatchObject({ ok: true });
    await server.close();
  });

  test("a server of another kind is not taken for a broker, and what it writes is not shown", async () => {
    const other = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n<script>"));
    const outcome = await tryNative(app, "kafka", { bootstrapServers: `localhost:${other.port}`, securityProtocol: "PLAINTEXT" });
    await other.close();
    expect(outcome).toMatchObject({ ok: false });
    expect(["PROVIDER_ERROR", "TIMEOUT"]).toContain(outcome.code);
    expect(JSON.stringify(outcome)).not.toContain("script");
  });
});
