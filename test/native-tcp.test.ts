import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { impatiently, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startNativeApp();
}, 120_000);
afterAll(() => app?.close());

describe("a server without a login", () => {
  testUnreachable(() => ({ app, slug: "beanstalkd", fields: {}, at: (host, port) => ({ host, port }) }));

  test("is asked for a first line where its kind says one", async () => {
    const tube = await rawServer((socket) =>
      socket.on("data", (line) => socket.write(`${line}` === "stats\r\n" ? "OK 3\r\na\r\n" : "no")),
    );
    const keeper = await rawServer((socket) =>
      socket.on("data", (line) => socket.end(`${line}` === "srvr" ? "Zookeeper version: 3.9" : "no")),
    );
    expect(await tryNative(app, "beanstalkd", { host: "localhost", port: tube.port })).toMatchObject({ ok: true, code: "OK" });
    expect(await tryNative(app, "zookeeper", { connectString: `localhost:${keeper.port}` })).toMatchObject({ code: "OK" });
    expect(await tryNative(app, "beanstalkd", { host: "localhost", port: keeper.port })).toMatchObject({
      code: "PROVIDER_ERROR",
    });
    await Promise.all([tube.close(), keeper.close()]);
  });

  test("is asked for TLS where it has some; a datagram proves nothing", async () => {
    const plain = await rawServer();
    const secured = await rawServer(() => {}, LOCALHOST);
    const tried = (fields: object) => tryNative(app, "syslog", { host: "localhost", ...fields });
    expect(await tryNative(app, "graphite", { host: "localhost", port: plain.port })).toMatchObject({ code: "OK" });
    expect(await tried({ port: plain.port, transport: "tcp" })).toMatchObject({ code: "OK" });
    expect(await tried({ port: secured.port, transport: "tls" })).toMatchObject({ code: "TLS_ERROR" });
    const silent = await impatiently(app, () => tried({ port: plain.port, transport: "tls" }));
    expect(silent).toMatchObject({ code: "TIMEOUT" });
    expect(await tried({ port: plain.port, transport: "udp" })).toMatchObject({ ok: false, code: "NOT_TESTABLE" });
    await Promise.all([plain.close(), secured.close()]);
  });
});
