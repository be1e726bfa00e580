import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { auditEvents, readCredential } from "./support/oauth.ts";
import { grantCredential, type ProxiedApi, type ProxyCall, startProxiedApi, typedCredential, viaProxy } from "./support/proxy.ts";
import { createUser } from "./support/seed.ts";
import { ask } from "./support/typed.ts";

let app: TestApp;
let api: ProxiedApi;
let userId: string;
/** The access token that the API takes now; the token endpoint gives `token-<n>` for the n-th refresh. */
let good: string;
let refreshes: number;
/** What the token endpoint says instead. */
let tokenError: { status: number; error: string } | null;

beforeAll(async () => {
  api = await startProxiedApi();
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  userId = (await createUser(app, app.adminKey, "renewed")).id;
});

beforeEach(() => {
  api.reset();
  [good, refreshes, tokenError] = ["token-1", 0, null];
  api.answer = (request, response, body) => {
    if (request.url === "/token") {
      refreshes += 1;
      const answer = tokenError ?? {
        access_token: `token-${refreshes}`,
        token_type: "Bearer",
        expires_in: 3600,
        refresh_token: "next",
      };
      response.writeHead(tokenError?.status ?? 200, { "content-type": "application/json" }).end(JSON.stringify(answer));
    } else if (bearerOf(request) === good) response.writeHead(200).end(`taken: ${body}`);
    else response.writeHead(401, { "www-authenticate": "Bearer" }).end("your token is refused");
  };
});

afterAll(async () => {
  await app?.close();
  await api?.close();
});

function bearerOf({ headers }: Pick<IncomingMessage, "headers">): string | undefined {
  return headers.authorization?.replace("Bearer ", "");
}

const grant = (fields: object = {}) =>
  grantCredential(app, api, userId, { accessToken: "token-0", refreshToken: "refresh-0", ...fields });
const call = (credential: string, more: Partial<ProxyCall> = {}) =>
  viaProxy(app, "/proxy/me", { key: app.adminKey, credential, ...more });
const callsOf = () => api.seen.filter(({ target }) => target.startsWith("/base/"));

describe("a token that the API refuses", () => {
  test("is renewed, and the call sent once more, its body too", async () => {
    const { id } = await grant();
    expect(await call(id, { method: "POST", body: "all of it" })).toMatchObject({ status: 200, body: "taken: all of it" });
    expect(callsOf().map(bearerOf)).toEqual(["token-0", "token-1"]);
    expect(callsOf().map(({ body }) => body)).toEqual(["all of it", "all of it"]);
    expect(refreshes).toBe(1);
    expect(await call(id)).toMatchObject({ status: 200 });
    expect(refreshes).toBe(1);
    expect(await auditEvents(app, app.adminKey, { targetId: id, action: "credential.used" })).toHaveLength(2);
  });

  test("is renewed once for however many calls met it", async () => {
    const { id } = await grant();
    const answers = await Promise.all(Array.from({ length: 30 }, () => call(id)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(refreshes).toBe(1);
  });

  test("is renewed once only, and the second refusal is the caller's", async () => {
    const { id } = await grant();
    good = "another";
    expect(await call(id)).toMatchObject({
      status: 401,
      body: "your token is refused",
      headers: { "www-authenticate": "Bearer" },
    });
    expect(callsOf()).toHaveLength(2);
    expect(refreshes).toBe(1);
  });

  test("of a call whose body is gone is renewed for the next one", async () => {
    const { id } = await grant();
    const large = () => Readable.from([Buffer.alloc(1024 * 1024, "a"), Buffer.alloc(1024, "b")]);
    expect(await call(id, { method: "PUT", body: large() })).toMatchObject({ status: 401, body: "your token is refused" });
    expect(callsOf()).toHaveLength(1);
    expect(await call(id, { method: "PUT", body: large() })).toMatchObject({ status: 200 });
    expect(refreshes).toBe(1);
  });

  test("and by its provider too makes the credential INVALID, which the caller is told", async () => {
    const { id } = await grant();
    tokenError = { status: 400, error: "invalid_grant" };
    const answer = await call(id);
    expect(answer).toMatchObject({ status: 409, headers: { "moorline-error": "CREDENTIAL_NOT_USABLE" } });
    expect(await readCredential(app, app.adminKey, id)).toMatchObject({ status: "INVALID" });
    expect(callsOf()).toHaveLength(1);
  });

  test("while its provider is down leaves the API's own answer to the caller", async () => {
    const { id } = await grant();
    tokenError = { status: 503, error: "temporarily_unavailable" };
    expect(await call(id)).toMatchObject({ status: 401, body: "your token is refused" });
    expect(await readCredential(app, app.adminKey, id)).toMatchObject({ status: "ACTIVE" });
  });
});

describe("a token that has run out", () => {
  test("is renewed before the call", async () => {
    const { id } = await grant({ expiresAt: new Date(Date.now() + 30_000).toISOString() });
    expect(await call(id)).toMatchObject({ status: 200 });
    expect(callsOf().map(bearerOf)).toEqual(["token-1"]);
  });

  test("and can't be renewed is an error of ours", async () => {
    const { id } = await grant({ expiresAt: new Date(Date.now() - 30_000).toISOString() });
    tokenError = { status: 503, error: "temporarily_unavailable" };
    expect(await call(id)).toMatchObject({ status: 502, headers: { "moorline-error": "PROVIDER_ERROR" } });
    expect(callsOf()).toEqual([]);
  });
});

describe("a grant's token", () => {
  test("goes to the origin it was made for and to no other: the credential is INVALID instead", async () => {
    const { id } = await grant({ accessToken: "token-1" });
    expect(await call(id)).toMatchObject({ status: 200 });
    await app.services.database.prisma.grant.updateMany({
      where: { credential: { is: { connectorSlug: { startsWith: "grant-" } } } },
      data: { apiOrigin: "https://api.elsewhere.example" },
    });
    api.seen.length = 0;
    expect(await call(id)).toMatchObject({ status: 409, headers: { "moorline-error": "CREDENTIAL_NOT_USABLE" } });
    expect(api.seen).toEqual([]);
    const after = await readCredential(app, app.adminKey, id);
    expect(after).toMatchObject({ status: "INVALID" });
    expect(after!.statusReason).toContain("CONFIG_CHANGED");
    const [event] = await auditEvents(app, app.adminKey, { targetId: id, action: "credential.invalidated" });
    expect(event).toMatchObject({ actorLabel: "Moorline" });
  });
});

describe("a typed secret that the API refuses", () => {
  const typed = () => typedCredential(app, api, userId, { bearerToken: {} }, { token: "typed-0" }, { testable: true });

  test("is tested beside the answer, and INVALID where the test says the same", async () => {
    const { id } = await typed();
    expect(await call(id)).toMatchObject({ status: 401, body: "your token is refused" });
    await vi.waitFor(async () => expect(await readCredential(app, app.adminKey, id)).toMatchObject({ status: "INVALID" }));
    expect(await call(id)).toMatchObject({ status: 409 });
    good = "typed-1";
    await ask(app, app.adminKey, "updateCredential", { id, fields: { token: "typed-1" }, test: true });
    expect(await call(id)).toMatchObject({ status: 200 });
  });

  test("for this call alone stays ACTIVE", async () => {
    const { id } = await typed();
    good = "typed-0";
    const { answer } = api;
    api.answer = (request, response, body) => {
      if (request.url === "/base/admin") response.writeHead(401).end("not you");
      else return answer(request, response, body);
    };
    const target = { key: app.adminKey, credential: id };
    expect(await viaProxy(app, "/proxy/admin", target)).toMatchObject({ status: 401, body: "not you" });
    await vi.waitFor(async () => expect((await readCredential(app, app.adminKey, id))!.lastTestedAt).not.toBeNull());
    await vi.waitFor(async () => {
      const { history, status } = (await readCredential(app, app.adminKey, id))!;
      expect(status).toBe("ACTIVE");
      expect(history!.nodes[0]!.kind).toBe("TESTED");
    });
  });
});

describe("a 429", () => {
  /** Answers 429 so many times, then takes the call. */
  function limited(times: number, headers: Record<string, string>): void {
    let left = times;
    api.answer = (_request, response, body) => {
      if (left > 0) response.writeHead(429, headers).end("slow down");
      else response.end(`taken: ${body}`);
      left -= 1;
    };
  }

  test.each(["GET", "PUT", "DELETE"])("is waited for where %s may be sent again and the API says how long", async (method) => {
    const { id } = await typedCredential(app, api, userId);
    limited(1, { "Retry-After": "1" });
    const began = performance.now();
    const body = method === "GET" ? null : "body";
    expect(await call(id, { method, body })).toMatchObject({ status: 200, body: `taken: ${body ?? ""}` });
    expect(performance.now() - began).toBeGreaterThan(900);
    expect(api.seen).toHaveLength(2);
  });

  test("may name the time by the API's own clock", async () => {
    const { id } = await typedCredential(app, api, userId);
    const date = new Date("2020-01-01T00:00:00Z");
    limited(1, { Date: date.toUTCString(), "Retry-After": new Date(date.getTime() + 1_000).toUTCString() });
    expect(await call(id)).toMatchObject({ status: 200 });
  });

  test.each([
    ["that says nothing", {}],
    ["that asks for too long", { "Retry-After": "3600" }],
    ["that makes no sense", { "Retry-After": "soon" }],
  ])("%s is the caller's", async (_what, headers) => {
    const { id } = await typedCredential(app, api, userId);
    limited(1, headers as Record<string, string>);
    const answer = await call(id);
    expect(answer).toMatchObject({ status: 429, body: "slow down" });
    expect(answer.headers["moorline-error"]).toBeUndefined();
    expect(api.seen).toHaveLength(1);
  });

  test("to what may not be sent again, or can't, is the caller's", async () => {
    const { id } = await typedCredential(app, api, userId);
    limited(2, { "Retry-After": "1" });
    expect(await call(id, { method: "POST", body: "x" })).toMatchObject({ status: 429 });
    expect(await call(id, { method: "PUT", body: Readable.from([Buffer.alloc(1024 * 1024), Buffer.alloc(1)]) })).toMatchObject({
      status: 429,
    });
    expect(api.seen).toHaveLength(2);
  });

  test("is waited for twice at most", async () => {
    const { id } = await typedCredential(app, api, userId);
    limited(9, { "Retry-After": "0" });
    expect(await call(id)).toMatchObject({ status: 429 });
    expect(api.seen).toHaveLength(3);
  });
});
