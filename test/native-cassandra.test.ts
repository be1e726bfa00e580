import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type FakeCassandra, startFakeCassandra } from "./support/fake-cassandra.ts";
import { openSockets, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

let app: TestApp;
let server: FakeCassandra;

beforeAll(async () => {
  [app, server] = await Promise.all([startNativeApp(), startFakeCassandra()]);
}, 120_000);
afterAll(async () => {
  await Promise.all([app?.close(), server?.close()]);
});

const LOGIN = { localDataCenter: "dc1", username: "ada", password: "correct-horse" };
const tried = (more: object = {}, slug = "cassandra") =>
  tryNative(app, slug, { ...LOGIN, contactPoints: "localhost", port: server.port, ...more });

// No package of a registry has Cassandra's own server: one of ours speaks its protocol as far as it goes.
describe("a server that speaks Cassandra's protocol", () => {
  testUnreachable(() => ({ app, slug: "cassandra", fields: LOGIN, at: (host, port) => ({ contactPoints: host, port }) }));

  test("lets in with the right password, and keeps no connection", async () => {
    const before = openSockets();
    expect(await tried()).toMatchObject({ ok: true, code: "OK" });
    expect(await tried({ keyspace: "shop" }, "scylladb")).toMatchObject({ code: "OK" });
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test.each([
    ["a wrong password", { password: "wrong-one" }, "INVALID_CREDENTIALS"],
    ["a keyspace that does not exist", { keyspace: "elsewhere" }, "RESOURCE_NOT_FOUND"],
    ["a data center that the cluster does not have", { localDataCenter: "mars" }, "RESOURCE_NOT_FOUND"],
    ["TLS asked of a server that has none", { tls: true }, "TLS_ERROR"],
  ])("%s is told as such, with a remedy and without the password", async (_what, more, code) => {
    const outcome = await tried(more);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/correct-horse|wrong-one/);
  });

  test("TLS is verified", async () => {
    const secured = await startFakeCassandra({ certificate: LOCALHOST });
    const there = (more: object) => tried({ port: secured.port, tls: true, ...more });
    const ca = { caCertificate: LOCALHOST.cert };
    expect(await there(ca)).toMatchObject({ code: "OK" });
    expect(await there({})).toMatchObject({ code: "TLS_ERROR", remedy: /CA certificate/ });
    await secured.close();
  });

  test("a node that the cluster hands out is held to the list, too", async () => {
    const cluster = await startFakeCassandra({ peers: ["127.0.0.2"] });
    const narrow = await startNativeApp("127.0.0.1");
    const fields = { ...LOGIN, contactPoints: "127.0.0.1", port: cluster.port };
    expect(await tryNative(narrow, "cassandra", fields)).toMatchObject({ code: "BLOCKED_ADDRESS", message: /127\.0\.0\.2/ });
    await Promise.all([narrow.close(), cluster.close()]);
  });
});
