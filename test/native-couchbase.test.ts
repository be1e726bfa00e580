import dns from "node:dns";
import { createServer } from "node:http";
import { createServer as createSecure } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { startNativeApp, testUnreachable, tryNative } from "./support/native.ts";
import { routeHosts } from "./support/routed.ts";

/** No Couchbase server is to be had from Debian or npm: this one answers as its HTTP interface is documented. */
let app: TestApp;
let plain: number;
let secured: number;
const servers: { close(): void; closeAllConnections(): void }[] = [];

beforeAll(async () => {
  app = await startNativeApp();
  const listener: Parameters<typeof createServer>[1] = (request, response) => {
    const login = Buffer.from((request.headers.authorization ?? "").replace(/^Basic /, ""), "base64").toString();
    const send = (status: number, answer: unknown) => void response.writeHead(status).end(JSON.stringify(answer));
    if (!/^(ada|bob):correct horse$/.test(login)) return send(401, "");
    if (request.url === "/whoami") return send(200, { id: login.split(":")[0], domain: "local", roles: [] });
    if (request.url !== "/pools/default/b/travel%20sample") return send(404, "Requested resource not found.");
    return login.startsWith("bob") ? send(403, { message: "Forbidden" }) : send(200, { name: "travel sample" });
  };
  const started = [createServer(listener), createSecure(LOCALHOST, listener)];
  servers.push(...started);
  await Promise.all(started.map((server) => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))));
  [plain, secured] = started.map((server) => (server.address() as AddressInfo).port) as [number, number];
}, 120_000);
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await app?.close();
});

const LOGIN = { username: "ada", password: "correct horse" };
const tried = (more: object = {}) =>
  tryNative(app, "couchbase", { connectionString: `couchbase://localhost:${plain}=http,two.example`, ...LOGIN, ...more });

describe("Couchbase", () => {
  testUnreachable(() => ({
    app,
    slug: "couchbase",
    fields: LOGIN,
    at: (host, port) => ({ connectionString: `couchbase://${host}:${port}=http` }),
  }));

  test("lets in with the right password, and to a bucket", async () => {
    expect(await tried()).toMatchObject({ ok: true, code: "OK" });
    expect(await tried({ bucket: "travel sample" })).toMatchObject({ ok: true, code: "OK" });
  });

  test.each([
    ["a wrong password", { password: "battery staple" }, "INVALID_CREDENTIALS"],
    ["a bucket that is not there", { bucket: "none" }, "RESOURCE_NOT_FOUND"],
    ["a bucket that this user may not use", { username: "bob", bucket: "travel sample" }, "PERMISSION_DENIED"],
    ["no host", { connectionString: "couchbase://???" }, "HOST_NOT_FOUND"],
  ])("tells %s", async (_what, more, code) => {
    const outcome = await tried(more);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/horse|staple/);
  });

  test("is asked over TLS by whoever has the authority's certificate, and by nobody else", async () => {
    const connectionString = `couchbases://localhost:${secured}=http`;
    expect(await tried({ connectionString, tls: true, caCertificate: LOCALHOST.cert })).toMatchObject({ ok: true });
    expect(await tried({ connectionString, caCertificate: LOCALHOST.cert })).toMatchObject({ ok: true });
    expect(await tried({ connectionString })).toMatchObject({ ok: false, code: "TLS_ERROR" });
  });

  test("is found by the services of a name in Couchbase's cloud", async () => {
    const asked: string[] = [];
    const resolve = vi.spyOn(dns.promises, "resolveSrv").mockImplementation(async (name) => {
      asked.push(name);
      return [{ name: "svc-1.abc.cloud.couchbase.com", port: 11_207, priority: 0, weight: 0 }];
    });
    const hosts: string[] = [];
    routeHosts(app, (host) => {
      hosts.push(host);
      return `http://localhost:${plain}`;
    });
    expect(await tried({ connectionString: "couchbases://cb.abc.cloud.couchbase.com" })).toMatchObject({ ok: true });
    expect([asked, hosts]).toEqual([["_couchbases._tcp.cb.abc.cloud.couchbase.com"], ["svc-1.abc.cloud.couchbase.com:18091"]]);
    resolve.mockRestore();
  });
});
