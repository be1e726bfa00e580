import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as client from "openid-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { browse, CookieJar, playUser, submit, type UserChoice } from "../src/sandbox/play-user.ts";
import { type Sandbox, type Switches, startSandbox } from "../src/sandbox/server.ts";

const CALLBACK = "http://127.0.0.1:9/callback";
const ALL_SCOPES = "openid profile email offline_access notes:read notes:write";

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0, publicRedirectUris: [CALLBACK] });
});
afterAll(() => sandbox.close());

type App = { clientId: string; clientSecret: string };

async function newApp(switches: Switches = {}, on = sandbox): Promise<App> {
  const made = await on.control.createClient({ redirectUris: [CALLBACK], switches });
  return { clientId: made.clientId, clientSecret: made.clientSecret ?? "" };
}

function authorizationUrl(app: App, parameters: Record<string, string> = {}, on = sandbox): string {
  const all = {
    client_id: app.clientId,
    response_type: "code",
    redirect_uri: CALLBACK,
    scope: ALL_SCOPES,
    state: "s",
    nonce: "n",
    ...parameters,
  };
  return `${on.issuer}/auth?${new URLSearchParams(all)}`;
}

async function comeBack(app: App, choice: UserChoice = {}, parameters = {}, on = sandbox): Promise<URLSearchParams> {
  const { redirectedTo } = await playUser(authorizationUrl(app, parameters, on), choice, { stopAtPrefix: CALLBACK });
  return new URL(redirectedTo).searchParams;
}

function askForTokens(app: App, parameters: Record<string, string>, on = sandbox): Promise<Response> {
  const body = new URLSearchParams({ client_id: app.clientId, client_secret: app.clientSecret, ...parameters });
  return fetch(`${on.issuer}/token`, { method: "POST", body });
}

type Tokens = Record<string, unknown> & { access_token: string; refresh_token: string };

async function exchange(app: App, choice: UserChoice = {}, parameters = {}, on = sandbox): Promise<Response> {
  const code = (await comeBack(app, choice, parameters, on)).get("code") ?? "";
  return askForTokens(app, { grant_type: "authorization_code", code, redirect_uri: CALLBACK }, on);
}

async function connect(app: App, choice: UserChoice = {}, on = sandbox): Promise<Tokens> {
  const response = await exchange(app, choice, {}, on);
  expect(response.status).toBe(200);
  return (await response.json()) as Tokens;
}

const refresh = (app: App, refreshToken: string, on = sandbox) =>
  askForTokens(app, { grant_type: "refresh_token", refresh_token: refreshToken }, on);

const call = (path: string, accessToken: string, init: RequestInit = {}, on = sandbox) =>
  fetch(`${on.issuer}${path}`, { ...init, headers: { authorization: `Bearer ${accessToken}`, ...init.headers } });

describe("the sandbox as an OAuth and OpenID provider", () => {
  it("completes the code flow with PKCE, nonce and discovery for a certified client", async () => {
    const { clientId, clientSecret } = sandbox.defaultClient;
    const config = await client.discovery(new URL(sandbox.issuer), clientId, clientSecret, undefined, {
      execute: [client.allowInsecureRequests],
    });
    const verifier = client.randomPKCECodeVerifier();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      scope: ALL_SCOPES,
      state: "st",
      nonce: "no",
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    const { redirectedTo } = await playUser(url.href, { account: "grace" }, { stopAtPrefix: CALLBACK });
    const tokens = await client.authorizationCodeGrant(config, new URL(redirectedTo), {
      pkceCodeVerifier: verifier,
      expectedNonce: "no",
      expectedState: "st",
    });
    expect(tokens.claims()).toMatchObject({ sub: "grace", name: "Grace Hopper", email: "grace@people.example" });
    expect(tokens.expires_in).toBe(3600);
    expect(tokens.scope).toBe(ALL_SCOPES);
    const info = await client.fetchUserInfo(config, tokens.access_token, "grace");
    expect((await fetch(String(info.picture))).headers.get("content-type")).toContain("svg");
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token ?? "");
    expect(renewed.refresh_token).not.toBe(tokens.refresh_token);
    expect(await client.tokenIntrospection(config, renewed.access_token)).toMatchObject({ active: true });
    await client.tokenRevocation(config, renewed.refresh_token ?? "");
    await expect(client.refreshTokenGrant(config, renewed.refresh_token ?? "")).rejects.toMatchObject({ error: "invalid_grant" });
    expect((await call("/api/me", renewed.access_token)).status).toBe(401);
  });

  it("takes a pushed authorization request, and offers offline_access to it without prompt=consent", async () => {
    const app = await newApp();
    const body = new URLSearchParams({
      client_id: app.clientId,
      client_secret: app.clientSecret,
      response_type: "code",
      redirect_uri: CALLBACK,
      scope: ALL_SCOPES,
    });
    const pushed = (await (await fetch(`${sandbox.issuer}/request`, { method: "POST", body })).json()) as { request_uri: string };
    const url = `${sandbox.issuer}/auth?${new URLSearchParams({ client_id: app.clientId, request_uri: pushed.request_uri })}`;
    const { redirectedTo } = await playUser(url, {}, { stopAtPrefix: CALLBACK });
    const code = new URL(redirectedTo).searchParams.get("code") ?? "";
    const answer = await askForTokens(app, { grant_type: "authorization_code", code, redirect_uri: CALLBACK });
    expect(await answer.json()).toHaveProperty("refresh_token");
  });

  it("connects a device by its user code", async () => {
    const app = await newApp();
    const body = new URLSearchParams({ client_id: app.clientId, client_secret: app.clientSecret, scope: "openid notes:read" });
    const started = await (await fetch(`${sandbox.issuer}/device/auth`, { method: "POST", body })).json();
    const { device_code, verification_uri_complete } = started as Record<string, string>;
    const grant = { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: device_code ?? "" };
    expect(await (await askForTokens(app, grant)).json()).toMatchObject({ error: "authorization_pending" });
    const { page } = await playUser(verification_uri_complete ?? "", { account: "alan" });
    expect(page.body).toContain("The device is connected");
    expect(await (await askForTokens(app, grant)).json()).toMatchObject({ scope: "openid notes:read" });
  });

  it("registers clients dynamically and gives a client tokens of its own", async () => {
    const response = await fetch(`${sandbox.issuer}/reg`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ redirect_uris: [CALLBACK], grant_types: ["authorization_code", "client_credentials"] }),
    });
    const made = (await response.json()) as Record<string, string>;
    const app = { clientId: made.client_id ?? "", clientSecret: made.client_secret ?? "" };
    const tokens = (await (await askForTokens(app, { grant_type: "client_credentials", scope: "notes:read" })).json()) as Tokens;
    expect(await (await call("/api/notes", tokens.access_token)).json()).toEqual({ notes: [] });
  });

  it("authenticates clients by Basic, by a signed assertion and, with PKCE only, not at all", async () => {
    const made = await newApp();
    const basic = await client.discovery(
      new URL(sandbox.issuer),
      made.clientId,
      undefined,
      client.ClientSecretBasic(made.clientSecret),
      {
        execute: [client.allowInsecureRequests],
      },
    );
    await client.clientCredentialsGrant(basic, { scope: "notes:read" });

    const { publicKey, privateKey } = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
    const jwks = { keys: [{ ...(await crypto.subtle.exportKey("jwk", publicKey)), kid: "k", alg: "Ed25519" }] };
    const { clientId } = await sandbox.control.createClient({ tokenEndpointAuthMethod: "private_key_jwt", jwks });
    const signed = await client.discovery(
      new URL(sandbox.issuer),
      clientId,
      undefined,
      client.PrivateKeyJwt({ key: privateKey, kid: "k" }),
      {
        execute: [client.allowInsecureRequests],
      },
    );
    await client.clientCredentialsGrant(signed, { scope: "notes:read" });
    expect(sandbox.control.log().slice(-2)).toMatchObject([
      { clientId: made.clientId, outcome: "ok" },
      { clientId, outcome: "ok" },
    ]);

    const open = await sandbox.control.createClient({ tokenEndpointAuthMethod: "none", redirectUris: [CALLBACK] });
    const app = { clientId: open.clientId, clientSecret: "" };
    expect((await browse(authorizationUrl(app), { stopAtPrefix: CALLBACK })).redirectedTo).toContain("error=invalid_request");
    const verifier = client.randomPKCECodeVerifier();
    const code = (
      await comeBack(
        app,
        {},
        { code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" },
      )
    ).get("code");
    const redeem = { grant_type: "authorization_code", client_id: app.clientId, redirect_uri: CALLBACK, code: code ?? "" };
    const post = (extra: object) =>
      fetch(`${sandbox.issuer}/token`, { method: "POST", body: new URLSearchParams({ ...redeem, ...extra }) });
    expect((await post({ code_verifier: "x".repeat(43) })).status).toBe(400);
    expect((await post({ code_verifier: verifier })).status).toBe(200);
  });

  it("refuses a redirect URI that differs in its port or path, with a page and no redirect", async () => {
    const app = await newApp();
    for (const wrong of ["http://127.0.0.1:10/callback", `${CALLBACK}/`, `${CALLBACK}?x=1`]) {
      const page = await browse(authorizationUrl(app, { redirect_uri: wrong }));
      expect([page.status, page.url.startsWith(sandbox.issuer)]).toEqual([400, true]);
      expect(page.body).toContain("invalid_redirect_uri");
    }
  });

  it("keeps people apart in one browser, each authorization being a grant of its own", async () => {
    const app = await newApp();
    const cookieJar = new CookieJar();
    const visit = async (account: string) => {
      const { redirectedTo } = await playUser(authorizationUrl(app), { account }, { stopAtPrefix: CALLBACK, cookieJar });
      const code = new URL(redirectedTo).searchParams.get("code") ?? "";
      return (await (
        await askForTokens(app, { grant_type: "authorization_code", code, redirect_uri: CALLBACK })
      ).json()) as Tokens;
    };
    const [ada, other, again] = [await visit("ada"), await visit("Someone@Example.com"), await visit("ada")];
    expect(await (await call("/api/me", other.access_token)).json()).toMatchObject({
      email: "someone@example.com",
      name: "someone",
    });
    await fetch(`${sandbox.issuer}/token/revocation`, {
      method: "POST",
      body: new URLSearchParams({ client_id: app.clientId, client_secret: app.clientSecret, token: ada.refresh_token }),
    });
    expect((await call("/api/me", ada.access_token)).status).toBe(401);
    expect(await (await call("/api/me", again.access_token)).json()).toMatchObject({ id: "ada" });
  });

  it("carries the answer by form_post when asked", async () => {
    const app = await newApp();
    const { redirectedTo, page } = await playUser(
      authorizationUrl(app, { response_mode: "form_post" }),
      {},
      { stopAtPrefix: CALLBACK },
    );
    expect(redirectedTo).toBe(CALLBACK);
    expect(Object.fromEntries(page.forms[0]?.fields ?? [])).toMatchObject({ state: "s", iss: sandbox.issuer });
  });
});

describe("the person at the sandbox's pages", () => {
  it("denies, cancels, or grants fewer scopes", async () => {
    const app = await newApp();
    expect((await comeBack(app, { deny: true })).get("error")).toBe("access_denied");
    expect((await comeBack(app, { cancel: true })).get("error")).toBe("access_denied");
    const tokens = await connect(app, { scopes: ["profile", "notes:read"] });
    expect(tokens.scope).toBe("openid profile notes:read");
    expect(tokens).not.toHaveProperty("refresh_token");
    const refused = await call("/api/notes", tokens.access_token, { method: "POST", body: "{}" });
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      403,
      expect.stringContaining("insufficient_scope"),
    ]);
  });

  it("sees text of others as text, on pages that allow no scripts and no framing", async () => {
    const made = await sandbox.control.createClient({ redirectUris: [CALLBACK], clientName: "<script>x</script>" });
    const app = { clientId: made.clientId, clientSecret: made.clientSecret ?? "" };
    const cookieJar = new CookieJar();
    const page = await browse(authorizationUrl(app, { login_hint: '"><b>hint' }), { cookieJar });
    expect(page.body).toContain("&lt;script&gt;x&lt;/script&gt;");
    expect(page.body).not.toMatch(/<script|<b>hint/);
    expect(page.headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    const form = page.forms.find(({ fields }) => fields.some(([name]) => name === "account"));
    const wrong = await submit(page, form ?? expect.fail("no form"), { account: "nobody" }, { cookieJar });
    expect([wrong.status, wrong.body]).toEqual([400, expect.stringContaining("That is not an e-mail address")]);
  });

  it("switches misbehaviour on by the consent page's own fields", async () => {
    const app = await newApp();
    const press = async (fields: Record<string, string>) => {
      const cookieJar = new CookieJar();
      const signIn = await browse(authorizationUrl(app), { cookieJar });
      const consent = await submit(signIn, signIn.forms[0] ?? expect.fail("no form"), { account: "ada" }, { cookieJar });
      const form = consent.forms[0] ?? expect.fail("no form");
      return submit(consent, form, fields, { cookieJar, button: ["decision", "allow"], stopAtPrefix: CALLBACK });
    };
    const redeem = async (fields: Record<string, string>) => {
      const code = new URL((await press(fields)).redirectedTo ?? "").searchParams.get("code") ?? "";
      return askForTokens(app, { grant_type: "authorization_code", code, redirect_uri: CALLBACK });
    };
    const odd = await (await redeem({ "switch.noTokenType": "on", "switch.accessTokenTtlSeconds": "7" })).json();
    expect(odd).toMatchObject({ expires_in: 7 });
    expect(odd).not.toHaveProperty("token_type");
    const failed = await redeem({ "switch.tokenError": "429" });
    expect([failed.status, failed.headers.get("retry-after")]).toEqual([429, "2"]);
    const refused = await press({ switches: '{"explode": true}' });
    expect([refused.status, refused.body]).toEqual([400, expect.stringContaining("The switches are not valid")]);
  });

  it("gets the plain page for a sign-in of another browser", async () => {
    const page = await browse(`${sandbox.issuer}/interaction/unknown`);
    expect([page.status, page.body]).toEqual([400, expect.stringContaining("begun in another browser")]);
  });
});

describe("switches of the authorization answer", () => {
  it.each<[string, Switches, Record<string, string | null>]>([
    ["denies whatever is pressed", { deny: true }, { error: "access_denied", code: null }],
    [
      "answers with an error and text of any kind",
      { authorizationError: { error: "server_error", description: "<script>alert(1)</script>" } },
      { error: "server_error", error_description: "<script>alert(1)</script>", code: null },
    ],
    ["names another issuer", { wrongIssuer: true }, { iss: "https://issuer.somebody-else.example", error: null }],
    [
      "names another issuer with an error",
      { wrongIssuer: true, deny: true },
      { iss: "https://issuer.somebody-else.example", error: "access_denied" },
    ],
    ["names no issuer", { noIssuer: true }, { iss: null, error: null }],
  ])("%s", async (_name, switches, expected) => {
    for (const answer of [await comeBack(await newApp(switches)), await comeBack(await newApp(), { switches })]) {
      expect(Object.fromEntries(Object.keys(expected).map((key) => [key, answer.get(key)]))).toEqual(expected);
      expect(answer.get("state")).toBe("s");
    }
  });

  it("grants fewer scopes than the person allows", async () => {
    const tokens = await connect(await newApp({ fewerScopes: ["notes:read", "offline_access"] }));
    expect(tokens.scope).toBe("openid offline_access notes:read");
  });
});

describe("switches of lifetimes and rotation", () => {
  it("ends the grant when a replaced refresh token is used again (strict, the default)", async () => {
    const app = await newApp();
    const first = await connect(app);
    const second = (await (await refresh(app, first.refresh_token)).json()) as Tokens;
    expect((await refresh(app, first.refresh_token)).status).toBe(400);
    expect(await (await refresh(app, second.refresh_token)).json()).toMatchObject({ error: "invalid_grant" });
    expect((await call("/api/me", second.access_token)).status).toBe(401);
  });

  it("lets a replaced refresh token work on within its grace period, and not after", async () => {
    const app = await newApp({ rotation: "grace", graceSeconds: 1 });
    const first = await connect(app);
    const second = (await (await refresh(app, first.refresh_token)).json()) as Tokens;
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect((await refresh(app, first.refresh_token)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect(await (await refresh(app, first.refresh_token)).json()).toMatchObject({ error: "invalid_grant" });
  });

  it("keeps one refresh token where rotation is off, or sends none again", async () => {
    const app = await newApp({ rotation: "none" });
    const first = await connect(app);
    expect(await (await refresh(app, first.refresh_token)).json()).toMatchObject({ refresh_token: first.refresh_token });
    await sandbox.control.setSwitches(app.clientId, { refreshOmitsRefreshToken: true });
    for (let round = 0; round < 2; round += 1)
      expect(await (await refresh(app, first.refresh_token)).json()).not.toHaveProperty("refresh_token");
  });

  it("shortens the lives of access and refresh tokens", async () => {
    const app = await newApp();
    const tokens = await connect(app, { switches: { accessTokenTtlSeconds: 1, refreshTokenTtlSeconds: 1 } });
    expect(tokens.expires_in).toBe(1);
    expect((await call("/api/me", tokens.access_token)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const dead = await call("/api/me", tokens.access_token);
    expect([dead.status, dead.headers.get("www-authenticate")]).toEqual([401, expect.stringContaining("invalid_token")]);
    expect(await (await refresh(app, tokens.refresh_token)).json()).toMatchObject({ error: "invalid_grant" });
  });

  it("ends a grant when it is refreshed (revoked), or at once by control", async () => {
    const app = await newApp();
    const [first, second] = [await connect(app, { switches: { revoked: true } }), await connect(app)];
    expect(await (await refresh(app, first.refresh_token)).json()).toMatchObject({ error: "invalid_grant" });
    expect((await call("/api/me", second.access_token)).status).toBe(200);
    expect(await sandbox.control.revokeGrants({ clientId: app.clientId, accountId: "ada" })).toBe(1);
    expect((await call("/api/me", second.access_token)).status).toBe(401);
  });
});

describe("switches of the token answer", () => {
  it.each<[string, Switches, (tokens: Record<string, unknown>) => void]>([
    ["noTokenType", { noTokenType: true }, (tokens) => expect(tokens).not.toHaveProperty("token_type")],
    ["scopeAsList", { scopeAsList: true }, (tokens) => expect(tokens.scope).toEqual(ALL_SCOPES.split(" "))],
    ["scopeCommas", { scopeCommas: true }, (tokens) => expect(tokens.scope).toBe(ALL_SCOPES.replaceAll(" ", ","))],
    ["omitScopeInAnswer", { omitScopeInAnswer: true }, (tokens) => expect(tokens).not.toHaveProperty("scope")],
    ["expiresInAsString", { expiresInAsString: true }, (tokens) => expect(tokens.expires_in).toBe("3600")],
    ["noExpiresIn", { noExpiresIn: true }, (tokens) => expect(tokens).not.toHaveProperty("expires_in")],
    ["noIdToken", { noIdToken: true }, (tokens) => expect(tokens).not.toHaveProperty("id_token")],
    ["noRefreshToken", { noRefreshToken: true }, (tokens) => expect(tokens).not.toHaveProperty("refresh_token")],
    [
      "nested",
      { nested: "authed_user" },
      (tokens) => expect(tokens).toMatchObject({ ok: true, authed_user: { token_type: "Bearer" } }),
    ],
    [
      "wrongNonce",
      { wrongNonce: true },
      (tokens) => {
        const payload = JSON.parse(Buffer.from(String(tokens.id_token).split(".")[1] ?? "", "base64url").toString("utf8"));
        expect(payload.nonce).not.toBe("n");
      },
    ],
    [
      "onlyGrantType of another",
      { noTokenType: true, onlyGrantType: "refresh_token" },
      (tokens) => expect(tokens).toHaveProperty("token_type"),
    ],
  ])("%s", async (_name, switches, check) => {
    check(await connect(await newApp(), { switches }));
    check(await connect(await newApp(switches)));
  });

  it("answers in other forms: form-encoded, text/plain, an HTML page", async () => {
    const form = await exchange(await newApp({ formEncoded: true }));
    expect(form.headers.get("content-type")).toContain("application/x-www-form-urlencoded");
    expect(new URLSearchParams(await form.text()).get("token_type")).toBe("Bearer");
    const plain = await exchange(await newApp({ wrongContentType: true }));
    expect(plain.headers.get("content-type")).toContain("text/plain");
    expect(await plain.json()).toHaveProperty("access_token");
    const html = await exchange(await newApp({ html: true }));
    expect([html.status, html.headers.get("content-type")]).toEqual([200, expect.stringContaining("text/html")]);
  });

  it("sends errors with status 200", async () => {
    const answer = await refresh(await newApp({ errorWith200: true }), "unknown");
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ error: "invalid_grant" })]);
  });

  it("fails a number of times with any status, without doing the work, then works", async () => {
    const app = await newApp();
    const tokens = await connect(app);
    await sandbox.control.setSwitches(app.clientId, {
      tokenError: { status: 503, error: "temporarily_unavailable", retryAfterSeconds: 3, times: 2 },
    });
    for (let round = 0; round < 2; round += 1) {
      const failed = await refresh(app, tokens.refresh_token);
      expect([failed.status, failed.headers.get("retry-after")]).toEqual([503, "3"]);
    }
    expect((await refresh(app, tokens.refresh_token)).status).toBe(200);
  });

  it("cuts the connection: after half an answer, or after the work without any", async () => {
    const app = await newApp();
    const tokens = await connect(app);
    await sandbox.control.setSwitches(app.clientId, { truncated: true, rotation: "none" });
    const half = await refresh(app, tokens.refresh_token);
    await expect(half.text()).rejects.toThrow();
    await sandbox.control.setSwitches(app.clientId, { dropAfterCommit: true });
    await expect(refresh(app, tokens.refresh_token)).rejects.toThrow();
    await sandbox.control.setSwitches(app.clientId, {});
    expect(await (await refresh(app, tokens.refresh_token)).json(), "the work was done").toMatchObject({
      error: "invalid_grant",
    });
    const outcomes = sandbox.control
      .log()
      .filter((entry) => entry.clientId === app.clientId)
      .map((entry) => entry.outcome);
    expect(outcomes).toEqual(["ok", "ok", "dropped", "invalid_grant"]);
  });

  it("waits before it answers, and does nothing for a client that hangs up", async () => {
    const app = await newApp();
    const tokens = await connect(app);
    await sandbox.control.setSwitches(app.clientId, { tokenDelayMs: 150 });
    const body = new URLSearchParams({
      client_id: app.clientId,
      client_secret: app.clientSecret,
      grant_type: "refresh_token",
      refresh_token: tokens.refresh_token,
    });
    await expect(fetch(`${sandbox.issuer}/token`, { method: "POST", body, signal: AbortSignal.timeout(50) })).rejects.toThrow();
    const before = performance.now();
    expect((await refresh(app, tokens.refresh_token)).status).toBe(200);
    expect(performance.now() - before).toBeGreaterThan(140);
    const last = sandbox.control
      .log()
      .filter((entry) => entry.grantType === "refresh_token")
      .slice(-2);
    expect(last.map((entry) => entry.outcome)).toEqual(["hung_up", "ok"]);
    expect(last[0]?.refreshTokenHash).toBe(last[1]?.refreshTokenHash);
  });
});

describe("the sandbox's API and control routes", () => {
  it("keeps notes for the person whose token it is", async () => {
    const tokens = await connect(await newApp(), { account: "alan" });
    const post = await call("/api/notes", tokens.access_token, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text: "On computable numbers" }),
    });
    expect(post.status).toBe(201);
    expect(await (await call("/api/notes", tokens.access_token)).json()).toMatchObject({
      notes: [{ text: "On computable numbers" }],
    });
    expect((await fetch(`${sandbox.issuer}/api/me`)).status).toBe(401);
  });

  const control = (method: string, path: string, body?: unknown, headers = {}) =>
    fetch(`${sandbox.issuer}/control${path}`, {
      method,
      headers: { ...(body ? { "content-type": "application/json" } : {}), ...headers },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });

  it("makes, changes and disables clients, ends grants and shows the log over HTTP", async () => {
    const made = await control("POST", "/clients", { redirectUris: [CALLBACK] });
    expect(made.status).toBe(201);
    const app = (await made.json()) as App;
    const tokens = await connect(app);
    expect((await control("PATCH", `/clients/${app.clientId}`, { switches: { revoked: true } })).status).toBe(200);
    expect(await (await refresh(app, tokens.refresh_token)).json()).toMatchObject({ error: "invalid_grant" });
    expect(await (await control("GET", "/log")).json()).toContainEqual(
      expect.objectContaining({ clientId: app.clientId, grantType: "refresh_token", outcome: "invalid_grant" }),
    );
    await control("PATCH", `/clients/${app.clientId}`, { switches: {}, disabled: true });
    expect(await (await refresh(app, "x")).json()).toMatchObject({ error: "invalid_client" });
    await control("PATCH", `/clients/${app.clientId}`, { disabled: false });
    const again = await connect(app);
    expect(await (await control("POST", "/revoke", { clientId: app.clientId })).json()).toEqual({ revoked: 1 });
    expect((await call("/api/me", again.access_token)).status).toBe(401);
    await control("DELETE", "/log");
    expect(await (await control("GET", "/log")).json()).toEqual([]);
  });

  it("refuses web pages, unknown switches, forms and unknown clients", async () => {
    expect((await control("GET", "/log", undefined, { origin: "http://127.0.0.1:4000" })).status).toBe(403);
    const unknown = await control("POST", "/clients", { redirectUris: [CALLBACK], switches: { explode: true } });
    expect([unknown.status, await unknown.text()]).toEqual([400, expect.stringContaining("explode")]);
    const form = await fetch(`${sandbox.issuer}/control/revoke`, {
      method: "POST",
      body: new URLSearchParams({ clientId: "x" }),
    });
    expect(form.status).toBe(415);
    expect((await control("POST", "/revoke", {})).status).toBe(400);
    expect((await control("PATCH", "/clients/%E0", { disabled: true })).status).toBe(404);
    expect((await control("PATCH", "/clients/nobody", { disabled: true })).status).toBe(404);
    expect((await control("POST", "/clients", { redirectUris: ["javascript:alert(1)"] })).status).toBe(400);
    expect((await control("POST", "/clients", null)).status).toBe(415);
  });

  it("explains itself on its first page", async () => {
    const page = await browse(sandbox.issuer);
    for (const part of [sandbox.issuer, sandbox.defaultClient.clientId, sandbox.defaultClient.clientSecret, "dropAfterCommit"])
      expect(page.body).toContain(part);
  });

  it("closes at once while somebody waits", async () => {
    const slow = await startSandbox({ port: 0 });
    await slow.control.setSwitches(slow.defaultClient.clientId, { tokenDelayMs: 60_000 });
    const waiting = expect(refresh(slow.defaultClient, "x", slow)).rejects.toThrow();
    while (slow.control.log().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const before = performance.now();
    await slow.close();
    await waiting;
    expect(performance.now() - before).toBeLessThan(500);
  });

  it("listens on loopback only", async () => {
    await expect(startSandbox({ port: 0, host: "0.0.0.0" })).rejects.toThrow("loopback only");
  });
});

describe("a restart with a state file", () => {
  it("says which file it cannot read", async () => {
    await expect(startSandbox({ port: 0, stateFile: import.meta.filename })).rejects.toThrow(/state file .*sandbox\.test\.ts/);
  });

  it("still knows keys, clients, switches and refresh tokens", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sandbox-"));
    const stateFile = join(folder, "nested", "state.json");
    try {
      const before = await startSandbox({ port: 0, stateFile, publicRedirectUris: [CALLBACK] });
      const app = await newApp({ rotation: "none" }, before);
      const tokens = await connect(app, { switches: { accessTokenTtlSeconds: 77 } }, before);
      const keys = await (await fetch(`${before.issuer}/jwks`)).json();
      await before.close();
      expect((await stat(stateFile)).mode & 0o777).toBe(0o600);

      const after = await startSandbox({ port: before.port, stateFile });
      try {
        expect(after.issuer).toBe(before.issuer);
        expect(after.defaultClient).toEqual(before.defaultClient);
        expect(await (await fetch(`${after.issuer}/jwks`)).json()).toEqual(keys);
        expect((await call("/api/me", tokens.access_token, {}, after)).status).toBe(200);
        const renewed = await refresh(app, tokens.refresh_token, after);
        expect(await renewed.json()).toMatchObject({ refresh_token: tokens.refresh_token, expires_in: 77 });
        expect((await comeBack(after.defaultClient, {}, {}, after)).get("code")).toBeTruthy();
      } finally {
        await after.close();
      }
      expect(await readFile(stateFile, "utf8")).not.toContain('"Session"');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
