import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ConnectorDefinition } from "../src/catalogue/types.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { type ProxiedApi, type ProxyCall, startProxiedApi, typedCredential, viaProxy } from "./support/proxy.ts";
import { createUser } from "./support/seed.ts";
import { ask, made } from "./support/typed.ts";

let app: TestApp;
let api: ProxiedApi;
let userId: string;
let credential: string;

beforeAll(async () => {
  api = await startProxiedApi();
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" }, { app: { connectors: [versioned(api.url)] } });
  userId = (await createUser(app, app.adminKey, "proxied")).id;
  credential = (await typedCredential(app, api, userId)).id;
});

beforeEach(() => {
  api.reset();
});

afterAll(async () => {
  await app?.close();
  await api?.close();
});

const call = (target: string, more: Partial<ProxyCall> = {}) => viaProxy(app, target, { key: app.adminKey, credential, ...more });

/** Values of one header, in order. */
function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.flatMap((value, index) => (index % 2 === 1 && rawHeaders[index - 1]!.toLowerCase() === name ? [value] : []));
}

/** A connector whose data says more of each call than the scheme does. */
function versioned(baseUrl: string): ConnectorDefinition {
  const scheme = { type: "BEARER_TOKEN", key: "token", name: "Token", headerName: "X-Key", prefix: "" } as const;
  const headers = {
    Accept: "application/vnd.own+json",
    "X-Version": "2026-01",
    "X-Tenant": "{connection.token}",
    "X-Key": "none",
  };
  const words = { name: "Versioned", description: null, docsUrl: null, categories: [], setupGuide: [] };
  return { slug: "versioned", kind: "API", ...words, schemes: [scheme], api: { baseUrl, headers } };
}

describe("a call through the proxy", () => {
  test("goes to the connector's API below its base path, query and all, with the secret applied", async () => {
    const answer = await call("/proxy/v1/me?fields=id,name&x='%20+y&filter[a]=1&empty&q=?");
    expect(answer.status, answer.body).toBe(200);
    expect(answer.json()).toEqual({ ok: true });
    expect(answer.headers["moorline-error"]).toBeUndefined();
    expect(api.seen).toHaveLength(1);
    expect(api.seen[0]).toMatchObject({
      method: "GET",
      target: "/base/v1/me?fields=id,name&x='%20+y&filter[a]=1&empty&q=?",
      body: "",
    });
    expect(api.seen[0]!.headers.authorization).toBe("Bearer typed-secret-0123456789");
    expect(api.seen[0]!.headers.host).toBe(new URL(api.url).host);
  });

  test.each(["POST", "PUT", "PATCH", "DELETE"])("carries a body by %s", async (method) => {
    const body = JSON.stringify({ text: "grüße" });
    const answer = await call("/proxy/notes", { method, body, headers: { "Content-Type": "application/json; charset=utf-8" } });
    expect(answer.status).toBe(200);
    expect(api.seen[0]).toMatchObject({ method, target: "/base/notes", body });
    expect(api.seen[0]!.headers).toMatchObject({ "content-type": "application/json; charset=utf-8" });
  });

  test("sends a body without a length as it comes, and none where there is none", async () => {
    await call("/proxy/a", { method: "POST", body: Readable.from(["in ", "pieces"]) });
    expect(api.seen[0]!.body).toBe("in pieces");
    await call("/proxy/b", { method: "POST", headers: { "Content-Length": "0" } });
    expect(api.seen[1]!.headers).toMatchObject({ "content-length": "0" });
    await call("/proxy/c");
    expect(api.seen[2]!.headers["content-length"]).toBeUndefined();
    expect(api.seen[2]!.headers["transfer-encoding"]).toBeUndefined();
  });

  test("knows HEAD, OPTIONS and the methods of WebDAV, and not those that are about the connection", async () => {
    api.answer = (_request, response) => response.writeHead(200, { "content-length": "42" }).end();
    const head = await call("/proxy/file", { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, body: "" });
    expect(head.headers["content-length"]).toBe("42");
    api.reset();
    expect((await call("/proxy/file", { method: "OPTIONS" })).status).toBe(200);
    expect((await call("/proxy/calendar", { method: "PROPFIND", body: "<propfind/>" })).status).toBe(200);
    expect(api.seen.map(({ method }) => method)).toEqual(["OPTIONS", "PROPFIND"]);
    const trace = await call("/proxy/file", { method: "TRACE" });
    expect(trace).toMatchObject({ status: 400, headers: { "moorline-error": "INVALID_INPUT" } });
    expect(api.seen).toHaveLength(2);
  });

  test("passes answers back as they are: no body, an error, a coding that nobody undoes", async () => {
    api.answer = (_request, response) => response.writeHead(204).end();
    expect(await call("/proxy/a")).toMatchObject({ status: 204, body: "" });
    api.answer = (_request, response) => response.writeHead(304, { etag: '"1"' }).end();
    expect(await call("/proxy/a")).toMatchObject({ status: 304, headers: { etag: '"1"' }, body: "" });
    api.answer = (_request, response) => response.writeHead(503, { "retry-after": "7" }).end("down");
    const down = await call("/proxy/a");
    expect(down).toMatchObject({ status: 503, headers: { "retry-after": "7" }, body: "down" });
    expect(down.headers["moorline-error"]).toBeUndefined();

    const packed = gzipSync('{"packed":true}');
    api.answer = (request, response) => {
      expect(request.headers["accept-encoding"]).toBe("gzip");
      response.writeHead(200, { "content-encoding": "gzip", "content-length": packed.byteLength }).end(packed);
    };
    const coded = await call("/proxy/a", { headers: { "Accept-Encoding": "gzip" } });
    expect(coded.headers).toMatchObject({ "content-encoding": "gzip", "content-length": String(packed.byteLength) });
    api.answer = (request, response) => response.end(String(request.headers["accept-encoding"]));
    expect((await call("/proxy/a")).body).toBe("undefined");
  });

  test("follows no redirect: the caller sees where it leads", async () => {
    for (const location of ["https://evil.example/x", "//evil.example/x", "/base/elsewhere"]) {
      api.answer = (_request, response) => response.writeHead(307, { location }).end();
      expect(await call("/proxy/a")).toMatchObject({ status: 307, headers: { location } });
    }
    expect(api.seen).toHaveLength(3);
  });
});

describe("headers on the way there", () => {
  test("are the caller's own, but for what says who it is to us and what belongs to one connection", async () => {
    await call("/proxy/a", {
      method: "POST",
      body: Readable.from(["x"]),
      headers: [
        ...["Accept", "application/json", "User-Agent", "Product/1", "X-Custom", "1", "X-Custom", "2", "If-Match", '"e"'],
        ...["Cookie", "own=1", "Moorline-Anything", "1", "Forwarded", "for=10.0.0.1", "X-Forwarded-For", "10.0.0.1"],
        ...["X-Forwarded-Host", "internal", "Origin", "https://app.example.com", "Referer", "https://app.example.com/secret"],
        ...["Connection", "keep-alive, X-Hop", "X-Hop", "1", "Keep-Alive", "timeout=5", "TE", "trailers"],
        ...["Proxy-Authorization", "Basic eHg=", "Proxy-Connection", "keep-alive", "Trailer", "X-Late"],
      ],
    });
    const { headers, rawHeaders } = api.seen[0]!;
    const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => !["host", "connection"].includes(name)));
    expect(kept).toEqual({
      accept: "application/json",
      "user-agent": "Product/1",
      "x-custom": "1, 2",
      "if-match": '"e"',
      authorization: "Bearer typed-secret-0123456789",
      "content-length": "1",
    });
    expect(valuesOf(rawHeaders, "x-custom")).toEqual(["1", "2"]);
  });

  test("and the scheme's stand in place of the caller's, in whatever spelling", async () => {
    const key = await typedCredential(
      app,
      api,
      userId,
      { apiKey: { location: "HEADER", name: "X-Api-Key" } },
      { apiKey: "k-secret" },
    );
    await call("/proxy/a", { credential: key.id, headers: ["x-API-key", "mine", "X-Api-Key", "mine too"] });
    expect(valuesOf(api.seen[0]!.rawHeaders, "x-api-key")).toEqual(["k-secret"]);
    expect(api.seen[0]!.headers.authorization).toBeUndefined();
  });

  test("and the connector's own are there unless the caller says otherwise, but for those with a secret", async () => {
    await ask(app, app.adminKey, "createAuthConfig", { connectorSlug: "versioned", name: "Versioned" });
    const input = { target: { connectorSlug: "versioned" }, projectOwned: true, fields: { token: "v-secret" } };
    const { id } = await made(ask(app, app.adminKey, "createCredential", input));
    const own = { accept: "application/vnd.own+json", "x-version": "2026-01", "x-tenant": "v-secret", "x-key": "v-secret" };
    await call("/proxy/a", { credential: id });
    expect(api.seen[0]!.headers).toMatchObject(own);
    const headers = { accept: "text/csv", "x-version": "2025-01", "X-Tenant": "mine", "X-Key": "mine" };
    await call("/proxy/a", { credential: id, headers });
    expect(api.seen[1]!.headers).toMatchObject({ ...own, accept: "text/csv", "x-version": "2025-01" });
  });

  test("as a cookie that is the scheme's is sent alone", async () => {
    const cookie = await typedCredential(
      app,
      api,
      userId,
      { apiKey: { location: "COOKIE", name: "session" } },
      { apiKey: "s;1" },
    );
    await call("/proxy/a", { credential: cookie.id, headers: { Cookie: "session=mine; other=1" } });
    expect(api.seen[0]!.headers.cookie).toBe("session=s%3B1");
  });

  test("and a query parameter of the scheme's is the only one of its name", async () => {
    const query = await typedCredential(app, api, userId, { apiKey: { location: "QUERY", name: "api_key" } }, { apiKey: "q&1" });
    await call("/proxy/a?b=%20&api_key=mine&api%5Fkey=mine&c", { credential: query.id });
    expect(api.seen[0]!.target).toBe("/base/a?b=%20&c&api_key=q%261");
    await call("/proxy/a", { credential: query.id });
    expect(api.seen[1]!.target).toBe("/base/a?api_key=q%261");
  });
});

describe("headers on the way back", () => {
  test("are the API's own, but for what would act on our host", async () => {
    api.answer = (_request, response) => {
      response.writeHead(200, [
        ...["Content-Type", "text/html", "ETag", '"1"', "Link", "<a>; rel=a", "Link", "<b>; rel=b", "Cache-Control", "public"],
        ...["X-Request-Id", "theirs", "Content-Security-Policy", "default-src *", "Vary", "Accept", "Date", "theirs"],
        ...["X-Content-Type-Options", "anything", "Set-Cookie", "a=1", "Set-Cookie", "b=2", "Clear-Site-Data", '"*"'],
        ...["Service-Worker-Allowed", "/", "Strict-Transport-Security", "max-age=1", "Alt-Svc", 'h2=":443"'],
        ...["Access-Control-Allow-Origin", "*", "Access-Control-Expose-Headers", "X", "NEL", "{}", "Report-To", "{}"],
        ...["Moorline-Error", "FAKED", "Connection", "close, X-Hop", "X-Hop", "1", "Proxy-Authenticate", "Basic"],
      ]);
      response.end("<script>alert(1)</script>");
    };
    const { headers, rawHeaders } = await call("/proxy/page");
    const kept = Object.keys(headers).filter((name) => !["connection", "keep-alive", "transfer-encoding"].includes(name));
    expect(kept.toSorted()).toEqual(
      [
        ...["content-type", "etag", "link", "cache-control", "x-request-id", "content-security-policy", "vary", "date"],
        ...["x-content-type-options"],
      ].toSorted(),
    );
    expect(headers).toMatchObject({ "x-request-id": "theirs", date: "theirs", "x-content-type-options": "nosniff" });
    expect(valuesOf(rawHeaders, "link")).toEqual(["<a>; rel=a", "<b>; rel=b"]);
    expect(valuesOf(rawHeaders, "content-security-policy")).toEqual([
      "default-src *",
      "sandbox; default-src 'none'; frame-ancestors 'none'",
    ]);
    // Whose answer it was depends on these: a cache in front of us must not mix them up.
    expect(valuesOf(rawHeaders, "vary")).toEqual(["Accept", "Authorization, Moorline-Credential"]);
  });

  test("and each byte of them comes as it went", async () => {
    api.answer = (_request, response) => response.writeHead(200, ["X-Name", "gr\u00fc\u00dfe"]).end();
    expect((await call("/proxy/a")).headers["x-name"]).toBe("gr\u00fc\u00dfe");
  });
});
