import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { browse, CookieJar } from "../src/sandbox/play-user.ts";
import { RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { confirm, createProject, press, readConfig, readCredential, reveal } from "./support/oauth.ts";
import { type OAuth1Provider, startOAuth1Provider } from "./support/oauth1-provider.ts";
import { viaProxy } from "./support/proxy.ts";
import { createConfig, createSession, createUser } from "./support/seed.ts";
import { ask, begin, type Request, read, statusesOf } from "./support/unattended.ts";

let provider: OAuth1Provider;
let app: TestApp;
beforeAll(async () => {
  provider = await startOAuth1Provider();
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" }, { app: { connectors: [provider.connector("old")] } });
});
beforeEach(() => {
  Object.assign(provider, { seen: [], account: { id: "17", name: "Ada" }, decide: "allow", unconfirmed: false, outage: null });
});
afterAll(async () => {
  await app?.close();
  await provider?.[Symbol.asyncDispose]();
});

async function start(options: { schemeKey?: string; key?: string; client?: object } = {}) {
  const { key = app.adminKey, schemeKey = "oauth1" } = options;
  const config = await createConfig(app, key, { connectorSlug: "old", schemeKey, ...provider.client, ...options.client });
  const user = await createUser(app, key);
  const session = await createSession(app, key, user.id);
  const request = await begin(app, session, { target: { authConfigId: config.id }, returnUrl: RETURN_URL });
  return { key, config, user, session, request };
}

/** As far as our callback, which is not opened. */
async function toCallback(request: Request, cookieJar = new CookieJar()) {
  const { redirectedTo } = await browse(request.authorizationUrl!, { cookieJar, stopAtPrefix: `${app.url}/oauth/callback/` });
  return { callback: redirectedTo!, cookieJar };
}

/** All the way: to the callback, over our confirming page, to its end. */
async function goThrough(request: Request) {
  const { callback, cookieJar } = await toCallback(request);
  const page = await browse(callback, { cookieJar, stopAtPrefix: RETURN_URL });
  return page.redirectedTo ? page : press(page, "connect", cookieJar);
}

async function connect(options: Parameters<typeof start>[0] = {}) {
  const started = await start(options);
  await goThrough(started.request);
  const end = await read(app, started.session, started.request.id);
  return { ...started, end };
}

describe("connecting with OAuth 1.0a", () => {
  test("takes the user there and back by our links, in the same steps as OAuth 2, and the token does not run out", async () => {
    const { session, request, config, end } = await connect();
    expect(request).toMatchObject({ status: "PENDING", authorizationUrl: expect.stringContaining(`${app.url}/connect/`) });
    expect(provider.seen).toEqual(["/initiate 200", "/token 200"]);
    expect(provider.asked.parameters).toEqual({ scope: "read & write" });
    const callback = new URL(provider.asked.callback);
    expect(callback.origin + callback.pathname).toBe(config.redirectUri);
    expect([...callback.searchParams.keys()]).toEqual(["state"]);
    expect(statusesOf(end)).toEqual(["PENDING", "AUTHORIZING", "EXCHANGING", "ACTIVE"]);
    expect(await readCredential(app, session, end.credential!.id)).toMatchObject({
      status: "ACTIVE",
      canRefresh: false,
      accessTokenExpiresAt: null,
      account: { id: "17", name: "Ada" },
    });
  });

  test.each(["oauth1", "sha256", "plaintext"])(
    "signs every call as %s says: to the account, to the test, and to whatever the proxy is given",
    async (schemeKey) => {
      const { end, key } = await connect({ schemeKey });
      const id = end.credential!.id;
      expect(end.credential!.account).toEqual({ id: "17" });
      const tested = await mutate(app, key, "testCredential", { id }, "result { ok code }");
      expect((tested as unknown as { result: object }).result).toEqual({ ok: true, code: "OK" });
      const target = "/proxy/search?q=a+b%26c&q=%C3%BC&empty=&b=%2B";
      const found = await viaProxy(app, target, { key, credential: id });
      expect([found.status, found.json().query]).toEqual([
        200,
        [
          ["q", "a b&c"],
          ["q", "ü"],
          ["empty", ""],
          ["b", "+"],
        ],
      ]);
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const body = "status=Hello+World%21&a=1%3D2";
      const posted = await viaProxy(app, "/proxy/update?z=1", { key, credential: id, method: "POST", headers, body });
      expect([posted.status, posted.json().body]).toEqual([200, body]);
      const json = await viaProxy(app, "/proxy/items", {
        key,
        credential: id,
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: '{"a":1}',
      });
      expect([json.status, json.json().body]).toEqual([200, '{"a":1}']);
    },
  );

  test("reveals what a back end needs to sign by itself, and no signature that it could not use", async () => {
    const { end, key } = await connect();
    const { revealed } = (await mutate(
      app,
      key,
      "revealCredential",
      { id: end.credential!.id },
      "revealed { accessToken tokenType fields headers expiresAt }",
    )) as unknown as {
      revealed: object;
    };
    expect(revealed).toEqual({
      accessToken: expect.any(String),
      tokenType: "OAuth",
      fields: { tokenSecret: expect.any(String) },
      headers: { "x-site": "eu1" },
      expiresAt: null,
    });
    expect((await reveal(app, key, { id: end.credential!.id })).__typename).toBe("RevealCredentialPayload");
  });

  test.each(["denied", "user_refused"] as const)("ends as DENIED where the user says no (%s)", async (decide) => {
    provider.decide = decide;
    const { session, request } = await start();
    const { redirectedTo } = await goThrough(request);
    expect(new URL(redirectedTo!).searchParams.get("status")).toBe("DENIED");
    expect(await read(app, session, request.id)).toMatchObject({ status: "DENIED", credential: null });
    expect(provider.seen).toEqual(["/initiate 200"]);
  });

  test("asks the product who is at the browser before the verifier is spent", async () => {
    const project = await createProject(app, app.adminKey, { verifyUrl: "https://app.test/verify" });
    const { key, user, session, request } = await start({ key: project.key });
    const { callback, cookieJar } = await toCallback(request);
    const { redirectedTo } = await browse(callback, { cookieJar, stopAtPrefix: "https://app.test/" });
    expect(provider.seen).toEqual(["/initiate 200"]);
    expect((await read(app, session, request.id)).status).toBe("VERIFYING");
    await confirm(app, key, new URL(redirectedTo!).searchParams.get("verification")!, user.id);
    expect(statusesOf(await read(app, session, request.id))).toEqual([
      "PENDING",
      "AUTHORIZING",
      "VERIFYING",
      "EXCHANGING",
      "ACTIVE",
    ]);
  });

  test("goes on with the credential of the same account, and never with another one's", async () => {
    const { end, key } = await connect();
    const id = end.credential!.id;
    const again = async () => {
      const { connectionRequest } = await ask(app, key, "reauthorizeCredential", { id, returnUrl: RETURN_URL });
      await goThrough(connectionRequest as unknown as Request);
      return read(app, key, connectionRequest.id);
    };
    expect(await again()).toMatchObject({ status: "ACTIVE", credential: { id } });
    provider.account = { id: "18", name: "Grace" };
    expect(await again()).toMatchObject({ status: "FAILED", failure: { code: "ACCOUNT_MISMATCH" } });
  });

  test("is refreshed by nobody, and revoked here although the provider has no way", async () => {
    const { end, key } = await connect();
    const id = end.credential!.id;
    expect(await mutate(app, key, "refreshCredential", { id })).toMatchObject({ __typename: "CredentialNotUsableError" });
    const revoked = await mutate(app, key, "revokeCredential", { id }, "credential { status } tokens { kind outcome }");
    expect(revoked).toMatchObject({
      credential: { status: "REVOKED" },
      tokens: [{ kind: "access_token", outcome: "UNSUPPORTED" }],
    });
  });
});

describe("an answer of OAuth 1.0a that is not the one to this browser's flow", () => {
  test("of another token fails it, and nothing is exchanged", async () => {
    provider.decide = "other_token";
    const { session, request } = await start();
    await goThrough(request);
    expect(await read(app, session, request.id)).toMatchObject({ status: "FAILED", failure: { code: "STATE_MISMATCH" } });
    expect(provider.seen).toEqual(["/initiate 200"]);
  });

  test("in another browser, at another connector or with a made-up state changes nothing", async () => {
    const { session, request } = await start();
    const { callback, cookieJar } = await toCallback(request);
    const elsewhere = callback.replace("/oauth/callback/old", "/oauth/callback/sandbox");
    const invented = callback.replace(/state=[^&]+/, "state=invented");
    for (const [url, jar] of [
      [callback, new CookieJar()],
      [elsewhere, cookieJar],
      [invented, cookieJar],
    ] as const) {
      expect((await browse(url, { cookieJar: jar })).status).toBe(400);
    }
    expect((await read(app, session, request.id)).status).toBe("AUTHORIZING");
    expect(provider.seen).toEqual(["/initiate 200"]);
    const page = await browse(callback, { cookieJar });
    await press(page, "connect", cookieJar);
    expect((await read(app, session, request.id)).status).toBe("ACTIVE");
  });

  test("of an earlier opening of the same link counts, and the later one's is told so", async () => {
    const { session, request } = await start();
    const jar = new CookieJar();
    const first = await toCallback(request, jar);
    const second = await toCallback(request, jar);
    for (const { callback } of [first, second]) {
      const page = await browse(callback, { cookieJar: jar, stopAtPrefix: RETURN_URL });
      if (!page.redirectedTo) await press(page, "connect", jar);
    }
    expect(await read(app, session, request.id)).toMatchObject({ status: "ACTIVE" });
    expect(provider.seen).toEqual(["/initiate 200", "/initiate 200", "/token 200"]);
  });

  test("whose verifier the provider does not accept is INVALID_GRANT", async () => {
    provider.decide = "wrong_verifier";
    const { session, request, key, config } = await start();
    await goThrough(request);
    expect(await read(app, session, request.id)).toMatchObject({
      status: "FAILED",
      failure: { code: "INVALID_GRANT", providerCode: "verifier_invalid" },
    });
    expect((await readConfig(app, key, config.id)).status).toBe("ACTIVE");
  });
});

describe("a provider of OAuth 1.0a", () => {
  test("that does not know the client, or not its secret, accuses the config when the link is opened", async () => {
    for (const [client, problem] of [
      [{ clientId: "nobody" }, "consumer_key_unknown"],
      [{ clientSecret: "wrong" }, "signature_invalid"],
    ] as const) {
      const { session, request, key, config } = await start({ client });
      const page = await browse(request.authorizationUrl!);
      expect(page.status).toBe(400);
      expect(await read(app, session, request.id)).toMatchObject({
        status: "FAILED",
        failure: { code: "INVALID_CLIENT", providerCode: problem },
      });
      expect((await readConfig(app, key, config.id)).status).toBe("ERROR");
    }
  });

  test("that does not confirm the callback is refused: its flow could be fixed to somebody else's", async () => {
    provider.unconfirmed = true;
    const { session, request } = await start();
    await browse(request.authorizationUrl!);
    expect(await read(app, session, request.id)).toMatchObject({ status: "FAILED", failure: { code: "MALFORMED_RESPONSE" } });
  });

  test("that is out for a moment leaves the link as it is", async () => {
    provider.outage = 503;
    const { session, request } = await start();
    expect((await browse(request.authorizationUrl!)).body).toContain("The provider answered with an error");
    expect((await read(app, session, request.id)).status).toBe("PENDING");
    provider.outage = null;
    await goThrough(request);
    expect((await read(app, session, request.id)).status).toBe("ACTIVE");
  });

  test("needs a client and its secret on the config, which offers no other flow", async () => {
    const make = (more: object) =>
      mutate(app, app.adminKey, "createAuthConfig", { connectorSlug: "old", name: `x${Math.random()}`, ...more });
    expect((await make({ clientId: "a" })).issues).toMatchObject([{ path: ["clientSecret"], code: "REQUIRED" }]);
    expect(await make({})).toMatchObject({ code: "NO_MANAGED_APP" });
    for (const flow of ["DEVICE", "CLIENT_CREDENTIALS"])
      expect((await make({ ...provider.client, flows: [flow] })).issues).toMatchObject([
        { path: ["flows", "0"], code: "NOT_ALLOWED" },
      ]);
  });
});
