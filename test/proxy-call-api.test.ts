import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { graphql } from "../generated/gql/index.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { run } from "./support/graphql.ts";
import { auditEvents, createProject } from "./support/oauth.ts";
import { createKey, grantCredential, type ProxiedApi, startProxiedApi, typedCredential } from "./support/proxy.ts";
import { createSession, createUser } from "./support/seed.ts";
import { ask } from "./support/typed.ts";

const CallApi = graphql(`
  mutation ProxyCallApi($input: CallApiInput!) {
    callApi(input: $input) {
      __typename
      ... on CallApiPayload { status headers body latencyMs }
      ... on UserError { message code }
      ... on InvalidInputError { issues { path code } }
      ... on ProviderError { retryable }
      ... on CredentialNotUsableError { credential { id status } }
    }
  }
`);

let app: TestApp;
let api: ProxiedApi;
let user: { id: string };
let credentialId: string;

beforeAll(async () => {
  api = await startProxiedApi();
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  user = await createUser(app, app.adminKey, "caller");
  credentialId = (await typedCredential(app, api, user.id)).id;
});

beforeEach(() => {
  api.reset();
});

afterAll(async () => {
  await app?.close();
  await api?.close();
});

async function call(input: object = {}, token = app.adminKey) {
  const given = { credentialId, method: "GET", path: "/me", ...input };
  return (await run(app, token, CallApi, { input: given })).callApi!;
}

/** What went wrong: `query.a WRONG_TYPE`, or type and code. */
async function wrong(input: object, token?: string): Promise<string> {
  const answer = await call(input, token);
  if (answer.__typename === "InvalidInputError")
    return answer.issues.map(({ path, code }) => `${path.join(".")} ${code}`).join(", ");
  return "code" in answer ? `${answer.__typename} ${answer.code}` : JSON.stringify(answer);
}

describe("callApi", () => {
  test("sends JSON with the credential applied and gives the answer", async () => {
    api.answer = (_request, response) => {
      response.writeHead(201, ["Content-Type", "application/json", "X-A", "1", "X-A", "2", "Set-Cookie", "a=1"]);
      response.end('{"id":7,"none":null}');
    };
    const answer = await call({
      method: "post",
      path: "v1/things",
      query: { "filter[a]": "x & y", n: 1, yes: true, many: ["a", 2], none: null },
      headers: { "X-Own": "o", Cookie: "c=1", Authorization: "Bearer mine" },
      body: { name: "grüße" },
    });
    expect(answer).toMatchObject({
      __typename: "CallApiPayload",
      status: 201,
      headers: { "content-type": "application/json", "x-a": "1, 2" },
      body: { id: 7, none: null },
      latencyMs: expect.any(Number),
    });
    expect((answer as { headers: object }).headers).not.toHaveProperty("set-cookie");
    expect(api.seen).toHaveLength(1);
    expect(api.seen[0]).toMatchObject({
      method: "POST",
      target: "/base/v1/things?filter%5Ba%5D=x%20%26%20y&n=1&yes=true&many=a&many=2",
      body: '{"name":"grüße"}',
    });
    expect(api.seen[0]!.headers).toMatchObject({
      authorization: "Bearer typed-secret-0123456789",
      "content-type": "application/json",
      "x-own": "o",
    });
    expect(api.seen[0]!.headers.cookie).toBeUndefined();
    const [event] = await auditEvents(app, app.adminKey, { targetId: credentialId, action: "credential.used" });
    expect(event).toMatchObject({ outcome: "ALLOWED", details: { method: "POST" } });
  });

  test("sends a text as it is where its type is said, and any JSON value as JSON", async () => {
    await call({ method: "POST", headers: { "content-type": "text/csv" }, body: "a;b" });
    await call({ method: "POST", headers: { "Content-Type": "application/vnd.api+json" }, body: "a" });
    await call({ method: "POST", body: [1, "2"] });
    await call({ method: "POST", body: null });
    expect(api.seen.map(({ body, headers }) => [body, headers["content-type"]])).toEqual([
      ["a;b", "text/csv"],
      ['"a"', "application/vnd.api+json"],
      ['[1,"2"]', "application/json"],
      ["", undefined],
    ]);
  });

  test("gives texts, packed and broken answers, and none", async () => {
    const answers: [expected: unknown, headers: Record<string, string>, body: string | Buffer][] = [
      ["plain ü", { "content-type": "text/plain; charset=utf-8" }, "plain ü"],
      ["gr\u00fc\u00df", { "content-type": "text/plain; charset=iso-8859-1" }, Buffer.from("gr\u00fc\u00df", "latin1")],
      ["{not json", { "content-type": "application/json" }, "{not json"],
      [{ packed: true }, { "content-type": "application/problem+json", "content-encoding": "gzip" }, gzipSync('{"packed":true}')],
      [null, {}, ""],
    ];
    for (const [expected, headers, body] of answers) {
      api.answer = (_request, response) => response.writeHead(200, headers).end(body);
      const answer = await call();
      expect(answer).toMatchObject({ status: 200, body: expected });
      expect((answer as { headers: object }).headers).not.toHaveProperty("content-encoding");
    }
    api.answer = (_request, response) => response.writeHead(302, { location: "https://evil.example/" }).end();
    expect(await call()).toMatchObject({ status: 302, headers: { location: "https://evil.example/" }, body: null });
  });

  test("does not give what is too large or no text, nor what never came", async () => {
    const bombs: [Record<string, string>, string | Buffer][] = [
      [{ "content-type": "text/plain" }, "x".repeat(1024 * 1024 + 1)],
      [{ "content-type": "text/plain", "content-encoding": "gzip" }, gzipSync("x".repeat(1024 * 1024 + 1))],
      [{ "content-encoding": "gzip" }, "not gzip at all"],
      [{ "content-encoding": "unheard-of" }, "x"],
      [{ "content-type": "image/png" }, Buffer.from([0x89, 0x50, 0xff, 0xfe])],
    ];
    for (const [headers, body] of bombs) {
      api.answer = (_request, response) => response.writeHead(200, headers).end(body);
      expect(await call(), JSON.stringify(headers)).toMatchObject({ __typename: "ProviderError", retryable: false });
    }
    api.answer = (request) => request.socket.destroy();
    expect(await call()).toMatchObject({ __typename: "ProviderError", retryable: true });
  });

  test("names each fault of its input", async () => {
    expect(await wrong({ query: { a: { b: 1 } } })).toBe("query.a WRONG_TYPE");
    expect(await wrong({ query: [1] })).toBe("query WRONG_TYPE");
    expect(await wrong({ headers: { "bad name": "x" } })).toBe("headers.bad name PATTERN");
    expect(await wrong({ headers: { a: "b\r\nc: d" } })).toBe("headers.a PATTERN");
    expect(await wrong({ headers: { a: 1 } })).toBe("headers.a PATTERN");
    expect(await wrong({ method: "CONNECT" })).toBe("method NOT_ALLOWED");
    expect(await wrong({ method: "GET / HTTP/1.1\r\n" })).toBe("method NOT_ALLOWED");
    for (const path of ["//evil.example", "https://evil.example/", "../x", "a/%2e%2e/x"]) {
      expect(await wrong({ path }), path).toBe("path NOT_ALLOWED");
    }
    expect(await call({ path: "/a?b" })).toMatchObject({ message: expect.stringContaining("goes into `query`") });
    for (const path of ["/a b", "/a?b", "/ü", "/a\\b", "/a#b"]) expect(await wrong({ path }), path).toBe("path PATTERN");
    expect(api.seen).toEqual([]);
  });

  test("is for API keys that may use credentials, within what they are narrowed to", async () => {
    const session = await createSession(app, app.adminKey, user.id);
    const viewer = await createKey(app, { role: "VIEWER" });
    const reader = await createKey(app, { methods: ["GET"] });
    const elsewhere = await createKey(app, { users: [{ id: (await createUser(app, app.adminKey)).id }] });
    expect(await wrong({}, session)).toBe("ForbiddenError FORBIDDEN");
    expect(await wrong({}, viewer)).toBe("ForbiddenError FORBIDDEN");
    expect(await wrong({}, elsewhere)).toBe("ForbiddenError FORBIDDEN");
    expect(await wrong({ method: "DELETE" }, reader)).toBe("ForbiddenError FORBIDDEN");
    expect(api.seen).toEqual([]);
    expect(await call({}, reader)).toMatchObject({ status: 200 });
    const denied = await auditEvents(app, app.adminKey, { action: "access.denied" });
    expect(denied.filter(({ details }) => (details as { operation: string }).operation === "callApi")).toHaveLength(4);
    const { key } = await createProject(app, app.adminKey);
    expect(await wrong({}, key)).toBe("NotFoundError NOT_FOUND");
    expect(await wrong({ credentialId: "cred_nonsense" })).toBe("NotFoundError NOT_FOUND");
  });

  test("says which credential can't be used, and renews one that the API refuses", async () => {
    const off = await typedCredential(app, api, user.id);
    await ask(app, app.adminKey, "setCredentialEnabled", { id: off.id, enabled: false });
    expect(await call({ credentialId: off.id })).toMatchObject({
      __typename: "CredentialNotUsableError",
      credential: { id: off.id, status: "DISABLED" },
    });
    const grant = await grantCredential(app, api, user.id, { accessToken: "token-0", refreshToken: "refresh-0" });
    api.answer = ({ url, headers }, response) => {
      const token = { access_token: "token-1", token_type: "Bearer", expires_in: 3600 };
      if (url === "/token") response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(token));
      else response.writeHead(headers.authorization === "Bearer token-1" ? 200 : 401).end("answer");
    };
    expect(await call({ credentialId: grant.id, method: "POST", body: {} })).toMatchObject({ status: 200, body: "answer" });
  });
});
