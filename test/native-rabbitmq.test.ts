import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { openSockets, rawServer, startNativeApp, type TestOutcome, testUnreachable, tryNative } from "./support/native.ts";
import { RABBITMQ, type RabbitMq, startRabbitMq } from "./support/rabbitmq.ts";

let app: TestApp;
/** RabbitMQ takes three seconds to say that a password is wrong. */
let server: RabbitMq;

const ADA = { host: "localhost", username: "ada", password: "correct horse" };
const SECURE = { tls: true, caCertificate: LOCALHOST.cert };

/** What AMQP 0-9-1, AMQP 1.0 and STOMP have in common, by the same broker. `ports`: in the clear, and with TLS. */
function testBroker(slug: string, ports: () => [plain: number, tls: number]): (more: object) => Promise<TestOutcome> {
  const tried = (more: object) => tryNative(app, slug, { ...ADA, port: ports()[0], ...more });

  testUnreachable(() => ({ app, slug, fields: ADA, at: (host, port) => ({ host, port }) }));

  test("lets in with the right password, and keeps no connection", async () => {
    // The connection to this Moorline itself is there from now on.
    await tried({});
    const before = openSockets();
    expect(await tried({})).toMatchObject({ ok: true, code: "OK", remedy: null });
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test.each([
    ["a wrong password", { password: "battery staple" }],
    ["a user that does not exist", { username: "eve" }],
  ])("%s is INVALID_CREDENTIALS, with a remedy and without the password", async (_what, more) => {
    const outcome = await tried(more);
    expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/horse|staple/);
  });

  test("TLS is verified: with the CA certificate it works, without it or by another name not", async () => {
    const at = { ...SECURE, port: ports()[1] };
    expect(await tried(at)).toMatchObject({ ok: true });
    expect(await tried({ ...at, caCertificate: undefined })).toMatchObject({ code: "TLS_ERROR", remedy: /CA certificate/ });
    expect(await tried({ ...at, host: "127.0.0.1" })).toMatchObject({ code: "TLS_ERROR", remedy: /host/ });
    expect(await tried(SECURE)).toMatchObject({ code: "TLS_ERROR" });
  });

  test("a server of another kind is PROVIDER_ERROR, and what it writes is not shown", async () => {
    const other = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n<script>"));
    const outcome = await tried({ port: other.port });
    await other.close();
    expect(outcome).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    expect(JSON.stringify(outcome)).not.toContain("script");
  });
  return tried;
}

// rabbitmq-server is a package of Debian of that name.
describe.skipIf(!RABBITMQ)("a RabbitMQ broker", () => {
  beforeAll(async () => {
    [app, server] = await Promise.all([startNativeApp(), startRabbitMq()]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([app?.close(), server?.stop()]);
  });

  describe("by AMQP 0-9-1", () => {
    const tried = testBroker("rabbitmq", () => [server.port, server.tls]);

    test("tells of a virtual host that the user may not use", async () => {
      expect(await tried({ vhost: "team/blue" })).toMatchObject({ ok: true });
      for (const vhost of ["elsewhere", "closed"])
        expect(await tried({ vhost })).toMatchObject({ ok: false, code: "RESOURCE_NOT_FOUND", remedy: /permissions/ });
    });
  });

  describe("by AMQP 1.0", () => {
    testBroker("activemq-artemis", () => [server.port, server.tls]);
  });

  describe("by STOMP", () => {
    const tried = testBroker("activemq-stomp", () => [server.stomp, server.stompTls]);

    test("tells of a virtual host that the user may not use", async () => {
      expect(await tried({ vhost: "team/blue" })).toMatchObject({ ok: true });
      for (const vhost of ["elsewhere", "closed"])
        expect(await tried({ vhost })).toMatchObject({ ok: false, code: "RESOURCE_NOT_FOUND", remedy: /permissions/ });
    });
  });

  describe("by MQTT over WebSocket", () => {
    const tried = (more: object) =>
      tryNative(app, "mqtt", { ...ADA, protocol: "ws", port: server.webMqtt, path: "/ws", ...more });

    test("works by the path that was entered, and by no other", async () => {
      expect(await tried({})).toMatchObject({ ok: true, code: "OK" });
      expect(await tried({ path: "/elsewhere" })).toMatchObject({ code: "RESOURCE_NOT_FOUND", remedy: /path/ });
      expect(await tried({ protocol: "wss" })).toMatchObject({ code: "TLS_ERROR" });
    });
  });

  describe("by a URL that names the protocol", () => {
    const tried = (url: string) => tryNative(app, "amazon-mq", { ...ADA, host: undefined, url });

    test.each(["amqps", "amqp+ssl", "stomp+ssl"])("%s: reaches the broker, and verifies its certificate", async (scheme) => {
      const port = scheme === "stomp+ssl" ? server.stompTls : server.tls;
      expect(await tried(`${scheme}://localhost:${port}`)).toMatchObject({ code: "TLS_ERROR", remedy: /CA certificate/ });
      expect(await tried(`${scheme}://x.invalid:${port}`)).toMatchObject({ code: "HOST_NOT_FOUND" });
    });
  });
});
