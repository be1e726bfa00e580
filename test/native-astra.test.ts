import { once } from "node:events";
import https from "node:https";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type FakeCassandra, startFakeCassandra } from "./support/fake-cassandra.ts";
import { startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

/**
 * Astra is a service: what stands in for it here is a service that wants the bundle's certificate and names a proxy, and a proxy that speaks
 * Cassandra's protocol. What the real ones answer besides is not proven here.
 */

const TOKEN = "AstraCS:correct:horse";
const login = `\0token\0${TOKEN}`;
// An archiver that others wrote.
const AdmZip = createRequire(import.meta.url)("adm-zip");

/** The content of a bundle whose service is there. */
function bundle(host: string, port: number, certificates = LOCALHOST): string {
  const zip = new AdmZip();
  zip.addFile("config.json", Buffer.from(JSON.stringify({ host, port, keyspace: "shop" })));
  for (const [name, text] of [
    ["ca.crt", certificates.cert],
    ["cert", certificates.cert],
    ["key", certificates.key],
    ["cqlshrc", "[connection]\n".repeat(50)],
  ])
    zip.addFile(name, Buffer.from(text!));
  return `data:application/zip;base64,${zip.toBuffer().toString("base64")}`;
}

let app: TestApp;
let proxy: FakeCassandra;
let dse: FakeCassandra;
let service: https.Server;
let port: number;
/** What the service answers. */
let answer: { status: number; body: string };
const seen: (string | undefined)[] = [];

const placed = (address: string) => ({
  status: 200,
  body: JSON.stringify({ contact_info: { local_dc: "dc1", contact_points: ["node-one"], sni_proxy_address: address } }),
});

beforeAll(async () => {
  const certificate = { ...LOCALHOST, ca: LOCALHOST.cert, requestCert: true };
  const SNICallback = (name: string, done: (error: null) => void) => {
    seen.push(name);
    done(null);
  };
  [app, proxy, dse] = await Promise.all([
    startNativeApp(),
    startFakeCassandra({ certificate: { ...certificate, SNICallback } as never, login }),
    startFakeCassandra({ certificate, login, authenticator: "com.datastax.bdp.cassandra.auth.DseAuthenticator" }),
  ]);
  service = https.createServer(certificate, (request, response) => {
    response.writeHead(request.url === "/metadata" ? answer.status : 404).end(answer.body);
  });
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  port = (service.address() as AddressInfo).port;
});
afterAll(async () => {
  service?.closeAllConnections();
  service?.close();
  await Promise.all([app, proxy, dse].map((one) => one?.close()));
});

async function tried(more: object = {}, said = placed(`localhost:${proxy.port}`)) {
  answer = said;
  return tryNative(app, "datastax-astra", { secureConnectBundle: bundle("localhost", port), token: TOKEN, ...more });
}

describe("an Astra database", () => {
  testUnreachable(() => ({
    app,
    slug: "datastax-astra",
    fields: { token: TOKEN },
    at: (host, at) => ({ secureConnectBundle: bundle(host, at) }),
  }));

  test("lets in through the proxy that its service names, for the node that it names, with and without a keyspace", async () => {
    expect(await tried()).toMatchObject({ ok: true, code: "OK" });
    expect(seen.at(-1)).toBe("node-one");
    expect(await tried({ keyspace: "shop" })).toMatchObject({ ok: true, code: "OK" });
    expect(await tried({}, placed(`localhost:${dse.port}`))).toMatchObject({ ok: true, code: "OK" });
  });

  test("a wrong token is INVALID_CREDENTIALS, a wrong keyspace RESOURCE_NOT_FOUND", async () => {
    const wrong = { token: "AstraCS:wrong:one" };
    expect(await tried(wrong)).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(await tried(wrong, placed(`localhost:${dse.port}`))).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(await tried({ keyspace: "lost" })).toMatchObject({ ok: false, code: "RESOURCE_NOT_FOUND" });
  });

  test("a proxy at an address that may not be reached is BLOCKED_ADDRESS; one with another's certificate TLS_ERROR", async () => {
    const blocked = { code: "BLOCKED_ADDRESS", message: expect.stringContaining("10.1.2.3") };
    expect(await tried({}, placed("10.1.2.3:29042"))).toMatchObject(blocked);
    const other = { code: "TLS_ERROR", message: expect.stringContaining("another host name") };
    expect(await tried({}, placed(`127.0.0.1:${proxy.port}`))).toMatchObject(other);
  });

  test.each([
    [{ status: 503, body: "" }, "PROVIDER_ERROR"],
    [{ status: 403, body: "" }, "INVALID_CREDENTIALS"],
    [{ status: 200, body: "{}" }, "PROVIDER_ERROR"],
    [{ status: 200, body: "no" }, "PROVIDER_ERROR"],
  ])("a service that answers %j is %s", async (said, code) => {
    expect(await tried({}, said)).toMatchObject({ ok: false, code });
  });

  test.each([
    ["no archive", "hello"],
    ["an archive cut short", () => bundle("localhost", port).slice(0, 400)],
    ["one of what is no certificate", () => bundle("localhost", port, { key: "x", cert: "y" })],
  ])("%s is told as such", async (_what, content) => {
    const secureConnectBundle = typeof content === "string" ? content : content();
    const result = await tried({ secureConnectBundle });
    expect(result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS", remedy: expect.stringContaining("bundle") });
  });
});
