import { X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import net, { type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Egress } from "../src/egress/index.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { LOCALHOST, STRANGER } from "./support/certificate.ts";
import { refresh } from "./support/oauth.ts";
import { viaProxy } from "./support/proxy.ts";
import { createConfig, createUser } from "./support/seed.ts";
import { ask, made } from "./support/typed.ts";

/** A call as it arrived, with the certificate that its connection was made with. */
interface Arrived {
  url: string;
  body: string;
  authorization: string | undefined;
  certificate: string | null;
}

let app: TestApp;
let server: Server;
let userId: string;
const seen: Arrived[] = [];
const fingerprint = (pem: string) => new X509Certificate(pem).fingerprint256;

/** A provider at which nobody gets as far as HTTP without a certificate that it knows. */
let moved: string | null = null;
/** Where the provider's hosts are. */
let here = "";
const placeOf = (listening: net.Server) => `https://localhost:${(listening.address() as AddressInfo).port}`;

beforeAll(async () => {
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32,::1/128" });
  const mutual = { requestCert: true, rejectUnauthorized: true, ca: [LOCALHOST.cert] };
  server = createServer({ ...LOCALHOST, ...mutual }, (request, response) => {
    void text(request).then((body) => {
      seen.push({ ...arrived(request), body });
      const isToken = request.url === "/auth/oauth/v2/token";
      const answer = isToken ? { access_token: `at-${seen.length}`, token_type: "Bearer", expires_in: 3600 } : { ok: true };
      response.writeHead(moved ? 302 : 200, { "content-type": "application/json", ...(moved && { location: moved }) });
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  lead();
  userId = (await createUser(app, app.adminKey)).id;
});
beforeEach(() => {
  seen.length = 0;
  moved = null;
});
afterAll(async () => {
  await app?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function arrived({ url = "", headers, socket }: IncomingMessage): Omit<Arrived, "body"> {
  const certificate = (socket as TLSSocket).getPeerX509Certificate()?.fingerprint256 ?? null;
  return { url, authorization: headers.authorization, certificate };
}

/** The provider's hosts are this machine; the connection is a real one, with what the product presents and nothing else. */
function lead(): void {
  const { egress } = app.services;
  here = placeOf(server);
  const trusting = (tls: object | undefined) => ({ ...tls, ca: LOCALHOST.cert });
  const fetch: Egress["fetch"] = (url, init) => {
    const { pathname, search } = new URL(url);
    return egress.fetch(here + pathname + search, { ...init, tls: trusting(init?.tls) });
  };
  const exchange: Egress["exchange"] = (init) => egress.exchange({ ...init, origin: here, tls: trusting(init.tls) });
  (app.services as { egress: Egress }).egress = { ...egress, fetch, exchange };
}

const CLIENT = { clientId: "adp-client", clientSecret: "adp-secret" };

async function connect(certificate: { cert: string; key: string }) {
  const target = { authConfigId: (await createConfig(app, app.adminKey, { connectorSlug: "adp" })).id };
  const fields = { ...CLIENT, clientCertificate: certificate.cert, clientPrivateKey: certificate.key };
  return { target, fields, user: { id: userId } };
}

test("a client's certificate goes to the token endpoint and to the API, with each call, and to nobody else", async () => {
  const credential = await made(ask(app, app.adminKey, "createCredential", await connect(LOCALHOST)));
  expect(credential).toMatchObject({ status: "ACTIVE", canRefresh: true, account: { id: "adp-client" } });
  const answer = await viaProxy(app, "/proxy/hr/v2/workers", { key: app.adminKey, credential: credential.id });
  expect([answer.status, answer.json()]).toEqual([200, { ok: true }]);
  await refresh(app, app.adminKey, credential.id);
  expect(seen.map(({ url, certificate }) => [url, certificate])).toEqual([
    ["/auth/oauth/v2/token", fingerprint(LOCALHOST.cert)],
    ["/hr/v2/workers", fingerprint(LOCALHOST.cert)],
    ["/auth/oauth/v2/token", fingerprint(LOCALHOST.cert)],
  ]);
  expect(seen[1]!.authorization).toBe("Bearer at-1");

  // A redirect is the caller's to see: neither token nor certificate goes after it.
  moved = "https://elsewhere.example/";
  const sentOn = await viaProxy(app, "/proxy/hr/v2/workers", { key: app.adminKey, credential: credential.id });
  expect([sentOn.status, seen.length]).toEqual([302, 4]);
});

test("a credential of another connector has no certificate to show", async () => {
  const config = await createConfig(app, app.adminKey, { connectorSlug: "sophos-central" });
  const input = { target: { authConfigId: config.id }, user: { id: userId }, fields: CLIENT };
  const told = await ask(app, app.adminKey, "createCredential", input);
  expect(told.__typename, JSON.stringify(told)).toBe("ProviderError");
  expect(seen).toEqual([]);
});

test("a certificate that the provider does not know may be the reason why it hangs up", async () => {
  const told = await ask(app, app.adminKey, "createCredential", await connect(STRANGER));
  expect(told).toMatchObject({
    __typename: "ProviderError",
    message: expect.stringContaining("may not accept the client certificate"),
  });
  expect(seen).toEqual([]);
});

test("a certificate that the provider refuses by name is told as what it is", async () => {
  // RFC 8446 section 6: a fatal alert, unknown_ca, in answer to the first message.
  const alerting = net.createServer((socket) => socket.once("data", () => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 48]))));
  await new Promise<void>((resolve) => alerting.listen(0, "localhost", resolve));
  const before = here;
  here = placeOf(alerting);
  try {
    const told = await ask(app, app.adminKey, "createCredential", await connect(STRANGER));
    expect(told).toMatchObject({
      __typename: "ProviderError",
      message: expect.stringContaining("does not accept the client certificate"),
    });
  } finally {
    here = before;
    await new Promise((resolve) => alerting.close(resolve));
  }
});

test("a key that is not the certificate's is noticed before anything is sent, and not repeated", async () => {
  const mixed = { cert: LOCALHOST.cert, key: STRANGER.key };
  const told = await ask(app, app.adminKey, "createCredential", await connect(mixed));
  expect(told).toMatchObject({ __typename: "ProviderError", message: expect.stringContaining("do not belong together") });
  expect(JSON.stringify(told)).not.toContain("PRIVATE KEY");
  expect(seen).toEqual([]);
});
