import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadCatalogue } from "../src/catalogue/index.ts";
import { browse, CookieJar } from "../src/sandbox/play-user.ts";
import { RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { type AppProvider, startAppProvider } from "./support/app-provider.ts";
import { faults, mutate } from "./support/entities.ts";
import { confirm, createProject, press, readConfig, readCredential, refresh, reveal } from "./support/oauth.ts";
import { viaProxy } from "./support/proxy.ts";
import { createConfig, createSession, createUser } from "./support/seed.ts";
import { ask, begin, clockOf, type Request, read, statusesOf } from "./support/unattended.ts";

let provider: AppProvider;
let app: TestApp;
let clock: ReturnType<typeof clockOf>;
beforeAll(async () => {
  provider = await startAppProvider();
  const definition = loadCatalogue({ variables: {} }).get("github-app")!;
  app = await startTestApp(
    { MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" },
    { app: { connectors: [provider.connector(definition, "forge-app")] } },
  );
  clock = clockOf(app);
});
beforeEach(() => {
  provider.installations.clear();
  provider.installations.set("17", { account: { id: 4711, login: "acme" }, users: ["ada"], suspended: false });
  provider.installations.set("18", { account: { id: 4712, login: "victim" }, users: ["eve"], suspended: false });
  provider.seen.length = 0;
  provider.live.clear();
  Object.assign(provider, { page: { user: "ada", installation: "17", withCode: true, error: null }, outage: null });
});
afterAll(async () => {
  await app?.close();
  await provider?.[Symbol.asyncDispose]();
});

async function start(options: { key?: string; config?: object } = {}) {
  const { key = app.adminKey } = options;
  const config = await createConfig(app, key, { connectorSlug: "forge-app", ...provider.app, ...options.config });
  provider.callbackUrl = config.redirectUri!;
  const user = await createUser(app, key);
  const session = await createSession(app, key, user.id, { expiresInSeconds: 86_400 });
  const request = await begin(app, session, { target: { authConfigId: config.id }, returnUrl: RETURN_URL });
  return { key, config, user, session, request };
}

/** All the way: to the app's page, back to our callback, over our confirming page, to its end. */
async function goThrough(request: Request, cookieJar = new CookieJar()) {
  const { redirectedTo } = await browse(request.authorizationUrl!, { cookieJar, stopAtPrefix: `${app.url}/oauth/callback/` });
  const page = await browse(redirectedTo!, { cookieJar, stopAtPrefix: RETURN_URL });
  return page.redirectedTo ? page : press(page, "connect", cookieJar);
}

async function connect(options: Parameters<typeof start>[0] = {}) {
  const started = await start(options);
  await goThrough(started.request);
  return { ...started, end: await read(app, started.session, started.request.id) };
}

const call = (credential: string) => viaProxy(app, "/proxy/installation/repositories", { key: app.adminKey, credential });

describe("installing an app", () => {
  test("takes the user there and back in the same steps as OAuth 2, and ends with a token of the installation", async () => {
    const { session, request, end } = await connect();
    expect(request).toMatchObject({ status: "PENDING", authorizationUrl: expect.stringContaining(`${app.url}/connect/`) });
    expect(statusesOf(end)).toEqual(["PENDING", "AUTHORIZING", "EXCHANGING", "ACTIVE"]);
    expect(provider.seen).toEqual([
      "POST /login/oauth/access_token 200",
      "GET /user/installations/17/repositories 200",
      "POST /app/installations/17/access_tokens 201",
      "GET /app/installations/17 200",
    ]);
    expect(await readCredential(app, session, end.credential!.id)).toMatchObject({
      status: "ACTIVE",
      canRefresh: true,
      accessTokenExpiresAt: expect.any(String),
      account: { id: "4711", name: "acme" },
    });
    expect((await call(end.credential!.id)).status).toBe(200);
    const tested = await mutate(app, app.adminKey, "testCredential", { id: end.credential!.id }, "result { ok code }");
    expect(tested).toMatchObject({ result: { ok: true, code: "OK" } });
  });

  test("gives newer tokens with the app's key alone, once for however many need one", async () => {
    const { end } = await connect();
    const id = end.credential!.id;
    await clock.pass(3_700);
    provider.live.clear();
    provider.seen.length = 0;
    const answers = await Promise.all(Array.from({ length: 8 }, () => call(id)));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(provider.seen.filter((event) => event.startsWith("POST"))).toEqual(["POST /app/installations/17/access_tokens 201"]);
    provider.live.clear();
    expect((await call(id)).status).toBe(200);
  });

  test("reveals the installation's token, and nothing that the project has preset", async () => {
    const { end } = await connect();
    const answer = (await reveal(app, app.adminKey, { id: end.credential!.id })) as unknown as {
      revealed: { accessToken: string };
    };
    expect(provider.live.get(answer.revealed.accessToken)).toBe("17");
    expect(JSON.stringify(answer)).not.toContain(provider.app.presetCredentialFields.userSecret);
    expect(JSON.stringify(answer)).not.toContain("PRIVATE KEY");
  });

  test("is not asked of users: nothing of the app is theirs to type", async () => {
    const { config } = await start();
    const query = `query($id: ID!) { authConfig(id: $id) { credentialFields { name } initiationFields { name } presetFields } }`;
    const response = await fetch(`${app.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${app.adminKey}` },
      body: JSON.stringify({ query, variables: { id: config.id } }),
    });
    const { data } = (await response.json()) as { data: { authConfig: object } };
    expect(data.authConfig).toEqual({ credentialFields: [], initiationFields: [], presetFields: ["userSecret"] });
  });
});

describe("who came back", () => {
  test("gets no token of an installation that is not theirs, whatever number the callback names", async () => {
    provider.page.installation = "18";
    const { end } = await connect();
    expect(end).toMatchObject({ status: "FAILED", credential: null, failure: { code: "ACCOUNT_MISMATCH", retryable: false } });
    expect(provider.seen).toEqual(["POST /login/oauth/access_token 200", "GET /user/installations/18/repositories 404"]);
    expect(provider.live.size).toBe(0);
  });

  test("must be known: a callback without a code, or with one that was used, ends the request", async () => {
    provider.page.withCode = false;
    const { end } = await connect();
    expect(end.failure).toMatchObject({ code: "CONFIG_CHANGED", message: expect.stringContaining("who installed the app") });
    expect(provider.seen).toEqual([]);
    Object.assign(provider.page, { withCode: true });
    const { session, request } = await start();
    const cookieJar = new CookieJar();
    const { redirectedTo } = await browse(request.authorizationUrl!, { cookieJar, stopAtPrefix: `${app.url}/oauth/callback/` });
    const used = new URL(redirectedTo!);
    used.searchParams.set("code", "used-before");
    await press(await browse(used.href, { cookieJar }), "connect", cookieJar);
    expect((await read(app, session, request.id)).failure).toMatchObject({ code: "INVALID_GRANT" });
    expect(provider.seen).toEqual(["POST /login/oauth/access_token 200"]);
  });

  test.each([
    ["more than one installation", (url: URL) => url.searchParams.append("installation_id", "18"), "MALFORMED_RESPONSE"],
    [
      "none, because somebody has to approve it first",
      (url: URL) => url.searchParams.delete("installation_id"),
      "ADMIN_CONSENT_REQUIRED",
    ],
    ["something that is no number", (url: URL) => url.searchParams.set("installation_id", "../17"), "MALFORMED_RESPONSE"],
  ])("names %s: nothing is asked of the provider", async (_what, change, code) => {
    const { session, request } = await start();
    const cookieJar = new CookieJar();
    const { redirectedTo } = await browse(request.authorizationUrl!, { cookieJar, stopAtPrefix: `${app.url}/oauth/callback/` });
    const callback = new URL(redirectedTo!);
    change(callback);
    await browse(callback.href, { cookieJar, stopAtPrefix: RETURN_URL });
    expect(await read(app, session, request.id)).toMatchObject({ status: "FAILED", failure: { code } });
    expect(provider.seen).toEqual([]);
  });

  test("may have said no", async () => {
    Object.assign(provider.page, { error: "access_denied", installation: null, withCode: false });
    expect((await connect()).end.status).toBe("DENIED");
  });

  test("is the browser that went, and is confirmed by the product where it has a verify URL", async () => {
    const { session, request } = await start();
    const { redirectedTo } = await browse(request.authorizationUrl!, {
      cookieJar: new CookieJar(),
      stopAtPrefix: `${app.url}/oauth/callback/`,
    });
    // A forwarded callback, opened elsewhere.
    await browse(redirectedTo!, { cookieJar: new CookieJar() });
    expect((await read(app, session, request.id)).status).toBe("AUTHORIZING");
    expect(provider.seen).toEqual([]);
    const { key } = await createProject(app, app.adminKey, {
      verifyUrl: "https://app.test/verify",
      allowedReturnUrls: [RETURN_URL],
    });
    const product = await start({ key });
    const page = await goThroughTo(product.request, "https://app.test/verify");
    expect(provider.seen).toEqual([]);
    const verification = new URL(page.redirectedTo!).searchParams.get("verification")!;
    await confirm(app, key, verification, product.user.id);
    expect((await read(app, product.session, product.request.id)).status).toBe("ACTIVE");
  });
});

async function goThroughTo(request: Request, prefix: string) {
  const cookieJar = new CookieJar();
  const { redirectedTo } = await browse(request.authorizationUrl!, { cookieJar, stopAtPrefix: `${app.url}/oauth/callback/` });
  return browse(redirectedTo!, { cookieJar, stopAtPrefix: prefix });
}

describe("an installation", () => {
  test.each([
    ["is gone", () => provider.installations.delete("17")],
    ["is suspended", () => Object.assign(provider.installations.get("17")!, { suspended: true })],
  ])("that %s makes its credential INVALID, and accuses no config", async (_what, end) => {
    const { config, end: connected } = await connect();
    const id = connected.credential!.id;
    end();
    expect(await refresh(app, app.adminKey, id)).toMatchObject({ __typename: "CredentialNotUsableError" });
    expect((await readCredential(app, app.adminKey, id))!.status).toBe("INVALID");
    expect((await readConfig(app, app.adminKey, config.id)).status).toBe("ACTIVE");
  });

  test.each<NonNullable<AppProvider["outage"]>>([
    { status: 502 },
    { status: 403, headers: { "retry-after": "60" } },
    { status: 403, headers: { "x-ratelimit-remaining": "0" } },
  ])("whose provider cannot be had (%o) stays as it is", async (outage) => {
    const { end } = await connect();
    const id = end.credential!.id;
    provider.outage = outage;
    expect(await refresh(app, app.adminKey, id)).toMatchObject({ __typename: "ProviderError", retryable: true });
    expect((await readCredential(app, app.adminKey, id))!.status).toBe("ACTIVE");
    await clock.pass(3_000);
  });

  test("of an app whose key is another accuses the config, and works again with the new key", async () => {
    const { config, end } = await connect();
    const id = end.credential!.id;
    const clientSecret = provider.rotateKey();
    await refresh(app, app.adminKey, id);
    expect((await readCredential(app, app.adminKey, id))!.status).toBe("ACTIVE");
    expect((await readConfig(app, app.adminKey, config.id)).status).toBe("ERROR");
    await mutate(app, app.adminKey, "updateAuthConfig", { id: config.id, clientSecret });
    provider.app.clientSecret = clientSecret;
    expect(await refresh(app, app.adminKey, id)).toMatchObject({ __typename: "RefreshCredentialPayload" });
    expect((await readConfig(app, app.adminKey, config.id)).status).toBe("ACTIVE");
  });

  test("is authorized again as the same one, and as no other", async () => {
    const { key, end } = await connect();
    const id = end.credential!.id;
    const again = async () => {
      const answer = await ask(app, key, "reauthorizeCredential", { id, returnUrl: RETURN_URL });
      const request = answer.connectionRequest as unknown as Request;
      await goThrough(request);
      return read(app, key, request.id);
    };
    expect(await again()).toMatchObject({ status: "ACTIVE", credential: { id } });
    Object.assign(provider.page, { installation: "18", user: "eve" });
    expect(await again()).toMatchObject({ status: "FAILED", failure: { code: "ACCOUNT_MISMATCH" } });
    expect((await readCredential(app, key, id))!.account).toMatchObject({ id: "4711" });
  });
});

test("an installation's token is nothing to import", async () => {
  const config = await createConfig(app, app.adminKey, { connectorSlug: "forge-app", ...provider.app });
  const input = { target: { authConfigId: config.id }, projectOwned: true, fields: { accessToken: "ghs_1" } };
  const answer = await mutate(app, app.adminKey, "importCredential", input);
  expect(answer).toMatchObject({ __typename: "ConflictError", message: expect.stringContaining("initiateConnection") });
});

describe("the config of an app", () => {
  const create = (more: object) =>
    mutate(app, app.adminKey, "createAuthConfig", {
      connectorSlug: "forge-app",
      name: `App ${Math.random()}`,
      ...provider.app,
      ...more,
    });

  test("needs the app's id, its private key, its own client secret, and its name in the address", async () => {
    expect((await create({})).__typename).toBe("CreateAuthConfigPayload");
    expect(faults(await create({ clientSecret: null }))).toBe("clientSecret REQUIRED");
    expect(faults(await create({ presetCredentialFields: null }))).toBe("presetCredentialFields.userSecret REQUIRED");
    expect(faults(await create({ parameters: { appSlug: "Acme Sync" } }))).toBe("parameters.appSlug PATTERN");
    expect(faults(await create({ parameters: null }))).toBe("parameters.appSlug REQUIRED");
    expect(faults(await create({ flows: ["CLIENT_CREDENTIALS"] }))).toBe("flows.0 NOT_ALLOWED");
  });

  test("whose key cannot be read is told so, without a word of it", async () => {
    const { end } = await connect({
      config: { clientSecret: "-----BEGIN RSA PRIVATE KEY-----\nnot-a-key\n-----END RSA PRIVATE KEY-----" },
    });
    expect(end).toMatchObject({
      status: "FAILED",
      failure: { code: "INVALID_CLIENT", message: expect.stringContaining("private key") },
    });
    expect(JSON.stringify(end)).not.toContain("not-a-key");
  });

  test("whose client secret is another is told so", async () => {
    const { end, config } = await connect({ config: { presetCredentialFields: { userSecret: "wrong" } } });
    expect(end.failure).toMatchObject({ code: "INVALID_CLIENT", providerCode: "incorrect_client_credentials" });
    expect((await readConfig(app, app.adminKey, config.id)).status).toBe("ERROR");
  });
});
