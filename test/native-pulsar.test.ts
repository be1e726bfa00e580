import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type FakePulsar, startFakePulsar } from "./support/fake-pulsar.ts";
import { closedPort, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

/** No package has a real Pulsar. A small strict broker speaks its protocol: what a real one answers besides is not proven here. */

const FIELDS = { authType: "token", token: "right-token" };

let app: TestApp;
let broker: FakePulsar;
let secure: FakePulsar;
beforeAll(async () => {
  [app, broker, secure] = await Promise.all([
    startNativeApp(),
    startFakePulsar({ method: "token" }),
    startFakePulsar({ method: "tls", certificate: LOCALHOST }),
  ]);
});
afterAll(() => Promise.all([app, broker, secure].map((one) => one?.close())));

const tried = (more: object = {}) =>
  tryNative(app, "pulsar", { ...FIELDS, serviceUrl: `pulsar://127.0.0.1:${broker.port}`, ...more });

async function triedAt(options: Parameters<typeof startFakePulsar>[0], more: object = {}) {
  const server = await startFakePulsar(options);
  try {
    return await tried({ serviceUrl: `pulsar://127.0.0.1:${server.port}`, ...more });
  } finally {
    await server.close();
  }
}

describe("a Pulsar broker", () => {
  testUnreachable(() => ({
    app,
    slug: "pulsar",
    fields: FIELDS,
    at: (host, port) => ({ serviceUrl: `pulsar://${host}:${port}` }),
  }));

  test("lets in with the right token, or without where it wants none, and is found by the first that answers", async () => {
    expect(await tried()).toMatchObject({ ok: true, code: "OK" });
    expect(await triedAt({}, { authType: "none", token: undefined })).toMatchObject({ ok: true, code: "OK" });
    const serviceUrl = `pulsar://127.0.0.1:${await closedPort()},127.0.0.1:${broker.port}`;
    expect(await tried({ serviceUrl })).toMatchObject({ ok: true, code: "OK" });
  });

  test.each([
    ["a wrong token", { token: "wrong-token" }],
    ["no token", { authType: "none", token: undefined }],
  ])("%s is INVALID_CREDENTIALS", async (_what, more) => {
    const result = await tried(more);
    expect(result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(JSON.stringify(result)).not.toMatch(/no secret|wrong-token/);
  });

  test.each([
    [4, "PERMISSION_DENIED"],
    [14, "RATE_LIMITED"],
    [6, "PROVIDER_ERROR"],
  ])("the error %d is %s", async (error, code) => {
    expect(await triedAt({ error })).toMatchObject({ ok: false, code });
  });

  test("that wants what no field is for says so", async () => {
    expect(await triedAt({ method: "sasl" })).toMatchObject({
      code: "INVALID_CREDENTIALS",
      remedy: expect.stringContaining("kinds"),
    });
  });

  test("of another kind is none", async () => {
    const other = await rawServer((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect(await tried({ serviceUrl: `pulsar://127.0.0.1:${other.port}` })).toMatchObject({ code: "PROVIDER_ERROR" });
    await other.close();
  });
});

describe("TLS with a Pulsar broker", () => {
  const at = (host: string) => ({ serviceUrl: `pulsar+ssl://${host}:${secure.port}`, authType: "tls", token: undefined });

  test("is verified, by the authority that was entered and for this host", async () => {
    const pair = { clientCertificate: LOCALHOST.cert, clientKey: LOCALHOST.key };
    expect(await tried({ ...at("localhost"), ...pair, caCertificate: LOCALHOST.cert })).toMatchObject({ ok: true });
    const untrusted = { code: "TLS_ERROR", message: expect.stringContaining("not signed") };
    expect(await tried(at("localhost"))).toMatchObject(untrusted);
    const other = { code: "TLS_ERROR", message: expect.stringContaining("another host name") };
    expect(await tried({ ...at("127.0.0.1"), caCertificate: LOCALHOST.cert })).toMatchObject(other);
  });

  test("on one side only fails, and says so", async () => {
    expect(await tried({ serviceUrl: `pulsar+ssl://localhost:${broker.port}` })).toMatchObject({ code: "TLS_ERROR" });
    expect(await tried({ serviceUrl: `pulsar://localhost:${secure.port}` })).toMatchObject({ code: "PROVIDER_ERROR" });
  });
});

describe("a token of an issuer's", () => {
  let issuer: http.Server;
  let issuerUrl: string;
  let elsewhere: string | undefined;
  beforeAll(async () => {
    issuer = http.createServer(async (request, response) => {
      const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
      const isRight = form.get("client_secret") === "shh" && form.get("audience") === "broker";
      const isMetadata = request.url === "/.well-known/openid-configuration";
      response.writeHead(isMetadata || isRight ? 200 : 401, { "content-type": "application/json" });
      if (isMetadata) response.end(JSON.stringify({ token_endpoint: elsewhere ?? `${issuerUrl}/token` }));
      else
        response.end(
          JSON.stringify(isRight ? { access_token: "right-token", token_type: "Bearer" } : { error: "invalid_client" }),
        );
    });
    issuer.listen(0, "127.0.0.1");
    await once(issuer, "listening");
    issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    issuer.closeAllConnections();
    issuer.close();
  });

  const fields = () => ({
    authType: "oauth2",
    token: undefined,
    issuerUrl,
    clientId: "moorline",
    clientSecret: "shh",
    audience: "broker",
  });

  test("is fetched with the client's secret, and lets in", async () => {
    expect(await tried(fields())).toMatchObject({ ok: true, code: "OK" });
    expect(await tried({ ...fields(), clientSecret: "wrong" })).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
  });

  test("is not asked for where no issuer is, nor at an address that may not be reached", async () => {
    expect(await tried({ ...fields(), issuerUrl: `${issuerUrl}/other` })).toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    elsewhere = "http://10.1.2.3/token";
    expect(await tried(fields())).toMatchObject({ ok: false, code: "BLOCKED_ADDRESS" });
  });
});
