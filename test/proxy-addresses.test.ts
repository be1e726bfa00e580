import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { type ProxiedApi, startProxiedApi, typedCredential, viaProxy } from "./support/proxy.ts";
import { createUser } from "./support/seed.ts";

let app: TestApp;
let api: ProxiedApi;
/** A stranger's host, which must hear nothing. */
let evil: ProxiedApi;
let credential: string;

beforeAll(async () => {
  [api, evil] = [await startProxiedApi(), await startProxiedApi()];
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  const user = await createUser(app, app.adminKey, "addressed");
  credential = (await typedCredential(app, api, user.id)).id;
});

beforeEach(() => {
  api.reset();
  evil.reset();
});

afterAll(async () => {
  await app?.close();
  await Promise.all([api?.close(), evil?.close()]);
});

const call = (target: string) => viaProxy(app, target, { key: app.adminKey, credential });
const strange = () => new URL(evil.url).host;

describe("a path", () => {
  test.each([
    ["another host after two slashes", () => `/proxy//${strange()}/x`],
    ["another host after a backslash", () => `/proxy/\\${strange()}/x`],
    ["another host after two backslashes", () => `/proxy/\\\\${strange()}/x`],
    ["a complete URL", () => `/proxy/http://${strange()}/x`],
    ["a complete URL in capitals", () => `/proxy/HTTP://${strange()}/x`],
    ["a step up", () => "/proxy/../x"],
    ["a step up at the end", () => "/proxy/a/.."],
    ["a step up that comes back", () => "/proxy/../base/x"],
    ["a step up by encoded dots", () => "/proxy/%2e%2e/x"],
    ["a step up by a half encoded segment", () => "/proxy/.%2E/x"],
    ["a step up behind an encoded slash", () => "/proxy/a%2f..%2f..%2fx"],
    ["a step up before an encoded slash", () => "/proxy/..%2fx"],
    ["a step up before an encoded backslash", () => "/proxy/..%5cx"],
    ["a step up that is encoded twice", () => "/proxy/%252e%252e%252fx"],
    ["a step up with a path parameter", () => "/proxy/..;a=1/x"],
    ["a segment of one dot", () => "/proxy/./x"],
    ["more encodings than anybody can mean", () => `/proxy/${"%25".repeat(3)}${"25".repeat(30)}2e`],
    ["a backslash", () => "/proxy/a\\..\\..\\x"],
  ])("with %s is refused", async (_what, target) => {
    const answer = await call(target());
    expect(answer.status, answer.body).toBe(400);
    expect(answer.headers["moorline-error"]).toBe("INVALID_INPUT");
    expect(answer.json().error!.code).toBe("INVALID_INPUT");
    expect([api.seen, evil.seen]).toEqual([[], []]);
  });

  test.each([
    ["/proxy/@evil.example/x", "/base/@evil.example/x"],
    ["/proxy/user:pass@evil.example", "/base/user:pass@evil.example"],
    ["/proxy/sites/https%3A%2F%2Fexample.com%2F/rows", "/base/sites/https%3A%2F%2Fexample.com%2F/rows"],
    ["/proxy/projects/group%2Fname/files/a%2eb..c", "/base/projects/group%2Fname/files/a%2eb..c"],
    ["/proxy/documents/1:batchUpdate", "/base/documents/1:batchUpdate"],
    ["/proxy/a//b/", "/base/a//b/"],
    ["/proxy/...", "/base/..."],
    ["/proxy/%ff%00", "/base/%ff%00"],
    ["/proxy/a;v=1/(b)!*'~$&+,=", "/base/a;v=1/(b)!*'~$&+,="],
    ["/proxy/", "/base/"],
    ["/proxy/?redirect=//evil.example/../", "/base/?redirect=//evil.example/../"],
  ])("that only looks so stays where it is: %s", async (target, arrived) => {
    const answer = await call(target);
    expect(answer.status, answer.body).toBe(200);
    expect(api.seen.map((seen) => seen.target)).toEqual([arrived]);
    expect(evil.seen).toEqual([]);
  });

  test("in a request line that names a host is not the proxy's", async () => {
    for (const target of [`http://${strange()}/proxy/x`, `${app.url}/proxy/x`]) expect((await call(target)).status).toBe(404);
    expect([api.seen, evil.seen]).toEqual([[], []]);
  });
});
