import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isVisible } from "../src/catalogue/fields.ts";
import { loadCatalogue } from "../src/catalogue/index.ts";
import { variablesOf } from "../src/catalogue/templates.ts";
import type { FieldDefinition, NativeSchemeDefinition, ProbeRequest } from "../src/catalogue/types.ts";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type LedAnswer, leadHttp } from "./support/led-http.ts";
import { rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startNativeApp();
}, 120_000);
afterAll(() => app?.close());

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function listening(server: ReturnType<typeof createHttp>): Promise<{ port: number; close(): void }> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

/** As CouchDB answers: a login of Ada's, and one database. */
const couch: Answer = ({ headers, url }, response) => {
  const isAda = headers.authorization === `Basic ${Buffer.from("ada:correct horse").toString("base64")}`;
  const status = !isAda ? 401 : ["/shop", "/_session"].includes(url ?? "") ? 200 : url === "/secret" ? 403 : 404;
  response.writeHead(status, { "content-type": "application/json" }).end("{}");
};

describe("a server that answers over HTTP", () => {
  testUnreachable(() => ({
    app,
    slug: "couchdb",
    fields: { username: "ada", password: "correct horse" },
    at: (host, port) => ({ url: `http://${host}:${port}` }),
  }));

  test("its status tells what is wrong", async () => {
    const server = await listening(createHttp(couch));
    const tried = (more: object) =>
      tryNative(app, "couchdb", {
        url: `http://localhost:${server.port}/`,
        username: "ada",
        password: "correct horse",
        ...more,
      });
    expect(await tried({ database: "shop" })).toMatchObject({ ok: true, code: "OK" });
    expect(await tried({})).toMatchObject({ code: "OK" });
    expect(await tried({ password: "wrong" })).toMatchObject({ code: "INVALID_CREDENTIALS" });
    expect(await tried({ database: "elsewhere" })).toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    expect(await tried({ database: "../shop" })).toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    expect(await tried({ database: "secret" })).toMatchObject({ code: "PERMISSION_DENIED" });
    server.close();
  });

  test("TLS is verified, with a CA certificate of its own where one was entered", async () => {
    const server = await listening(createHttps(LOCALHOST, (_request, response) => response.end("{}")) as never);
    const plain = await listening(createHttp((_request, response) => response.end("{}")));
    const tried = (port: number, more: object) =>
      tryNative(app, "elasticsearch", { node: `https://localhost:${port}`, authType: "none", ...more });
    expect(await tried(server.port, { caCertificate: LOCALHOST.cert })).toMatchObject({ code: "OK" });
    expect(await tried(server.port, {})).toMatchObject({ code: "TLS_ERROR", remedy: /CA certificate/ });
    expect(await tried(plain.port, {})).toMatchObject({ code: "TLS_ERROR" });
    const byAddress = { node: `https://127.0.0.1:${server.port}`, caCertificate: LOCALHOST.cert };
    expect(await tried(server.port, byAddress)).toMatchObject({ code: "TLS_ERROR", message: /another host name/ });
    server.close();
    plain.close();
  });

  test("a client certificate is shown to a server that wants one", async () => {
    const options = { ...LOCALHOST, ca: LOCALHOST.cert, requestCert: true, rejectUnauthorized: true };
    const server = await listening(createHttps(options, (_request, response) => response.end("[]")) as never);
    const fields = { url: `https://localhost:${server.port}`, caCertificate: LOCALHOST.cert };
    const shown = { clientCertificate: LOCALHOST.cert, clientKey: LOCALHOST.key };
    expect(await tryNative(app, "consul", { ...fields, ...shown })).toMatchObject({ code: "OK" });
    expect(await tryNative(app, "consul", fields)).toMatchObject({ ok: false });
    expect(await tryNative(app, "consul", { ...fields, ...shown, clientKey: "no key" })).toMatchObject({
      code: "TLS_ERROR",
      remedy: /PEM/,
    });
    server.close();
  });

  test("no redirect is followed: the secret stays where it was meant to go", async () => {
    let visits = 0;
    const other = await listening(createHttp((_request, response) => response.end(`{"seen":${++visits}}`)));
    const here = await listening(
      createHttp((_request, response) => response.writeHead(302, { location: `http://localhost:${other.port}/` }).end()),
    );
    const fields = { url: `http://localhost:${here.port}`, username: "ada", password: "x" };
    expect(await tryNative(app, "couchdb", fields)).toMatchObject({ code: "PROVIDER_ERROR", message: /another address/ });
    expect(visits).toBe(0);
    here.close();
    other.close();
  });

  test("an answer that is none is PROVIDER_ERROR", async () => {
    const odd = await rawServer((socket) => socket.end("220 mail.example ESMTP\r\n"));
    const fields = { url: `http://localhost:${odd.port}`, username: "ada", password: "x" };
    expect(await tryNative(app, "couchdb", fields)).toMatchObject({ code: "PROVIDER_ERROR" });
    await odd.close();
  });
});

/** Values that the fields' patterns take. */
const SAMPLES: Record<string, unknown> = {
  appId: "ABCDEFGHIJ",
  address: "server.example.com:1234",
  httpPath: "/sql/1.0/warehouses/0123456789abcdef",
  caCertificate: LOCALHOST.cert,
  clientCertificate: LOCALHOST.cert,
  clientKey: LOCALHOST.key,
  port: 4321,
  accountId: 7,
  orgId: 3,
  tenantId: "0a0b0c0d-1111-2222-3333-444455556666",
  environmentUrl: "https://acme.crm.dynamics.com",
  endpoint: "https://acme.search.windows.net",
  headers: { authorization: "Bearer typed-in-json" },
  index: "products",
};

/** By a part of the pattern. */
const SHAPES: [part: string, value: string][] = [
  ["NRAK", "NRAK-secret"],
  ["dapi", "dapi-secret"],
  ["pcsk_", "pcsk_secret"],
  ["upstash", "https://acme.upstash.io"],
  ["{32}", "0123456789abcdef0123456789abcdef"],
  ["{8}(-", "0a0b0c0d-1111-2222-3333-444455556666"],
  ["d{3}$", "100"],
  [",", "server.example.com:1234"],
];

function sampleOf(field: FieldDefinition): unknown {
  if (field.name in SAMPLES && !(field.name === "endpoint" && !field.pattern?.includes("windows"))) return SAMPLES[field.name];
  if (field.options) return field.default ?? field.options[0]?.value;
  if (field.type === "BOOLEAN") return field.default ?? false;
  if (field.type === "INTEGER") return field.default ?? 1;
  const shaped = SHAPES.find(([part]) => field.pattern?.includes(part));
  if (shaped) return shaped[1];
  if (field.type === "URL") return "https://server.example.com/base";
  if (field.type === "HOST") return "server.example.com";
  return `of-${field.name.toLowerCase()}`;
}

/** What is required, and what this request speaks of; nothing that another request would want. */
function valuesFor(scheme: NativeSchemeDefinition, request: ProbeRequest): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { field, in: allowed } of request.when ?? []) values[field] = allowed[0];
  const first = { ...request, login: request.login?.slice(0, 1) };
  const wanted = new Set(variablesOf(JSON.stringify(first)).map((name) => name.slice("connection.".length)));
  const login = request.login?.find(({ when }) => when)?.when ?? [];
  for (const { field, in: allowed } of login) values[field] ??= allowed[0];
  for (const field of scheme.fields) {
    if (values[field.name] !== undefined || !isVisible(field, { ...defaultsOf(scheme), ...values })) continue;
    if (field.required || wanted.has(field.name) || field.name === request.headersFrom) values[field.name] = sampleOf(field);
  }
  return values;
}

function defaultsOf({ fields }: NativeSchemeDefinition): Record<string, unknown> {
  return Object.fromEntries(fields.flatMap((field) => (field.default === undefined ? [] : [[field.name, field.default]])));
}

function wellAnswer({ method, expectedStatus, expectedBody }: ProbeRequest): LedAnswer {
  const status = expectedStatus?.[0] ?? (method === "PROPFIND" ? 207 : 200);
  if (!expectedBody) return { status, body: {} };
  const value: unknown = expectedBody.equals ?? "there";
  return { status, body: expectedBody.path.split(".").reduceRight((inside, key) => ({ [key]: inside }), value) };
}

/** Everything that went out, with what HTTP Basic hides. */
function sentText(calls: { url: string; headers: Record<string, string>; body: string }[]): string {
  return calls
    .map(({ url, headers, body }) => {
      const [, pair = ""] = /^Basic (.+)$/.exec(headers.authorization ?? "") ?? [];
      return [decodeURIComponent(url), JSON.stringify(headers), body, Buffer.from(pair, "base64").toString()].join("\n");
    })
    .join("\n");
}

const ENTRIES = loadCatalogue({ variables: {} })
  .all()
  .flatMap(({ slug, schemes }) =>
    schemes.flatMap((scheme) => (scheme.type === "NATIVE" && scheme.probe === "http" ? [{ slug, scheme }] : [])),
  )
  .flatMap(({ slug, scheme }) => (scheme.requests ?? []).map((request, index) => ({ slug, scheme, request, index })));

describe("every connector that is asked over HTTP", () => {
  let led: Awaited<ReturnType<typeof leadHttp>>;
  beforeAll(async () => {
    led = await leadHttp(app);
  });
  afterAll(() => led?.close());

  test("there are some fifty of them", () => {
    expect(new Set(ENTRIES.map(({ slug }) => slug)).size).toBeGreaterThan(40);
  });

  test.each(ENTRIES)(
    "$slug, request $index: every secret is sent, and the answer is understood",
    async ({ slug, scheme, request }) => {
      const values = valuesFor(scheme, request);
      const isToken = () => request.token !== undefined && led.seen.length === 1;
      led.seen = [];
      led.answer = () => (isToken() ? { status: 200, body: { access_token: "from-the-token-endpoint" } } : wellAnswer(request));
      expect(await tryNative(app, slug, values)).toMatchObject({ code: "OK" });
      const sent = sentText(led.seen);
      for (const { name } of scheme.fields.filter(({ secret, type }) => secret && type !== "FILE"))
        if (typeof values[name] === "string") expect(sent, name).toContain(values[name]);
      if (request.headersFrom) expect(sent).toContain("typed-in-json");
      if (request.token) expect(sent).toContain("Bearer from-the-token-endpoint");
      expect(sent).not.toMatch(/\{connection\./);
      expect(led.seen.at(-1)?.method).toBe(request.method ?? "GET");
      if (!request.login && !request.headersFrom) return;
      led.answer = () => ({ status: 401 });
      expect(await tryNative(app, slug, values)).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    },
  );
});
