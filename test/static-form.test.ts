import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { browse, CookieJar, type Page, submit } from "../src/sandbox/play-user.ts";
import { FRONT_END, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { run } from "./support/graphql.ts";
import { confirm, createProject, statuses } from "./support/oauth.ts";
import { createSession, createUser, readRequest } from "./support/seed.ts";
import { basicOf, keyAt, type StaticApi, startStaticApi } from "./support/static-api.ts";
import { ask, createTypedConfig, kinds, made, readTyped, wrong } from "./support/typed.ts";

let app: TestApp;
let api: StaticApi;
let key: string;
let userId: string;
let session: string;

const IN_HEADER = { apiKey: { location: "HEADER" as const, name: "X-Api-Key" } };

beforeAll(async () => {
  api = await startStaticApi();
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  key = app.adminKey;
  userId = (await createUser(app, key, "form-user")).id;
  session = await createSession(app, key, userId);
});

beforeEach(() => {
  api.seen.length = 0;
  api.force = null;
  api.hold = null;
  api.accept = keyAt(({ headers }) => headers["x-api-key"]);
});

afterAll(async () => {
  await app?.close();
  await api?.close();
});

async function begin(
  scheme: Parameters<typeof createTypedConfig>[3] = IN_HEADER,
  options: { testable?: boolean; token?: string; input?: object } = {},
) {
  const { target, connector } = await createTypedConfig(app, key, api, scheme, { testable: options.testable ?? true });
  const answer = await ask(app, options.token ?? session, "initiateConnection", {
    target,
    returnUrl: RETURN_URL,
    ...options.input,
  });
  return { target, connector, request: answer.connectionRequest!, url: answer.connectionRequest!.connectUrl! };
}

/** The page and its form, filled in and sent. */
async function fill(
  page: Page,
  values: Record<string, string | undefined>,
  cookieJar: CookieJar,
  { decision = "connect", stopAtPrefix = "http://app.test/" } = {},
) {
  return submit(page, page.forms[0]!, values, { cookieJar, button: ["decision", decision], stopAtPrefix });
}

describe("a request for something that is typed", () => {
  test("has a connectUrl alone, whose form leads to ACTIVE and back to the product", async () => {
    const { request, url, connector } = await begin({ basic: { usernameLabel: "Login name" } });
    api.accept = (call) => (basicOf(call)?.[1] === "good-1" ? "ada" : null);
    expect(request).toMatchObject({ status: "PENDING", authorizationUrl: null });
    const cookieJar = new CookieJar();
    const page = await browse(url, { cookieJar });
    expect(page.status).toBe(200);
    expect(page.body).toContain("Name of form-user");
    expect(page.body).toMatch(/<label for="field-username">Login name<\/label>/);
    expect(page.body).toMatch(/<input type="password" id="field-password"[^>]*>/);
    expect(page.headers.get("content-security-policy")).toMatch(/default-src 'none'.*form-action 'self'.*frame-ancestors 'none'/);
    expect(page.headers.get("content-security-policy")).not.toContain("script-src");
    expect(page.headers.get("cache-control")).toBe("no-store");
    expect((await readRequest(app, session, request.id)).status).toBe("AUTHORIZING");

    const end = await fill(page, { "field.username": "ada", "field.password": "good-1" }, cookieJar);
    const back = new URL(end.redirectedTo!);
    expect(Object.fromEntries(back.searchParams)).toEqual({ connectionRequestId: request.id, status: "ACTIVE" });
    const { credential, status } = await readRequest(app, session, request.id);
    expect(status).toBe("ACTIVE");
    expect(credential).toMatchObject({ status: "ACTIVE", account: { id: "ada" } });
    expect(await statuses(app, session, request.id)).toEqual(["PENDING", "AUTHORIZING", "ACTIVE"]);
    const { revealed } = await ask(app, key, "revealCredential", { id: credential!.id });
    expect(revealed!.fields).toEqual({ password: "good-1" });
    // The link has served: it shows the outcome and takes nothing more.
    expect((await browse(url, { cookieJar })).forms).toEqual([]);
    const again = await fill(page, { "field.username": "eve", "field.password": "good-1" }, cookieJar);
    expect(again.redirectedTo).toBe(end.redirectedTo);
    expect(await app.services.database.prisma.credential.count({ where: { connectorSlug: connector.slug } })).toBe(1);
  });

  test("says beside each field what is wrong, keeps what was typed, and never shows a secret again", async () => {
    const { request, url } = await begin({ basic: {} });
    const cookieJar = new CookieJar();
    const page = await browse(url, { cookieJar });
    const secret = "a-secret-that-nobody-sees";
    const before = await app.services.database.prisma.credential.count();
    const first = await fill(page, { "field.username": 'a:"<b>', "field.password": secret }, cookieJar);
    expect(first.status).toBe(422);
    expect(first.body).toContain('role="alert"');
    expect(first.body).toMatch(/<title>Error: /);
    expect(first.body).toMatch(/id="field-username"[^>]*aria-describedby="field-username-error"[^>]*aria-invalid="true"/);
    expect(first.forms[0]!.fields.find(([name]) => name === "field.username")?.[1]).toBe('a:"<b>');
    expect(first.body).not.toContain(secret);
    expect(first.body).not.toContain("<b>");

    api.accept = () => null;
    const second = await fill(first, { "field.username": "ada", "field.password": secret }, cookieJar);
    expect(second.status).toBe(422);
    expect(second.body).toContain("does not accept");
    expect(second.body).not.toContain(secret);
    expect(await app.services.database.prisma.credential.count()).toBe(before);
    expect((await readRequest(app, session, request.id)).status).toBe("AUTHORIZING");
    api.accept = () => "ada";
    expect((await fill(second, { "field.password": secret }, cookieJar)).redirectedTo).toContain("status=ACTIVE");
  });

  test("is sent only by the browser that opened it, from our own page", async () => {
    const { request, url } = await begin();
    const page = await browse(url, { cookieJar: new CookieJar() });
    const values = { "field.apiKey": "good-ada-1" };
    const stranger = await fill(page, values, new CookieJar());
    expect(stranger.status).toBe(400);
    expect(stranger.body).toContain("BROWSER_MISMATCH");
    const own = new CookieJar();
    const mine = await browse(url, { cookieJar: own });
    const other = await browse((await begin()).url, { cookieJar: own });
    const swapped = { handle: other.forms[0]!.fields.find(([name]) => name === "handle")![1] };
    expect((await fill(mine, { ...values, ...swapped }, own)).status).toBe(400);
    const options = { cookieJar: own, headers: { "sec-fetch-site": "cross-site" }, stopAtPrefix: "http://app.test/" };
    expect((await submit(mine, mine.forms[0]!, values, options)).status).toBe(403);
    expect((await readRequest(app, session, request.id)).status).toBe("AUTHORIZING");
    expect(api.seen).toEqual([]);
    // A second window of the same browser does not shut the first one out.
    await browse(url, { cookieJar: own });
    expect((await fill(mine, values, own)).redirectedTo).toContain("status=ACTIVE");
  });

  test("is opened by nobody who only looks whether the link is there", async () => {
    const { request, url } = await begin();
    await fetch(url, { method: "HEAD" });
    await fetch(url, { headers: { "sec-purpose": "prefetch" } });
    expect((await readRequest(app, session, request.id)).status).toBe("PENDING");
  });

  test("is refused by who is somebody else, without filling anything in", async () => {
    const { request, url } = await begin();
    const cookieJar = new CookieJar();
    const page = await browse(url, { cookieJar });
    await fill(page, {}, cookieJar, { decision: "refuse" });
    expect((await readRequest(app, session, request.id)).status).toBe("CANCELED");
  });

  test("becomes one credential, however often the button is pressed", async () => {
    const { request, url } = await begin(IN_HEADER, { input: { ifAccountExists: "CREATE" } });
    const cookieJar = new CookieJar();
    const page = await browse(url, { cookieJar });
    const before = await app.services.database.prisma.credential.count();
    let release = () => {};
    api.hold = new Promise((resolve) => (release = resolve));
    const all = Promise.all([1, 2, 3, 4].map(() => fill(page, { "field.apiKey": "good-ada-1" }, cookieJar)));
    while (api.seen.length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
    release();
    expect(new Set((await all).map(({ redirectedTo }) => redirectedTo)).size).toBe(1);
    expect(await app.services.database.prisma.credential.count()).toBe(before + 1);
    expect((await readRequest(app, session, request.id)).status).toBe("ACTIVE");
  });

  test("has nothing to fill in where the config presets everything", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER, { presetCredentialFields: { apiKey: "good-ada-1" } });
    const { connectionRequest } = await ask(app, session, "initiateConnection", { target, returnUrl: RETURN_URL });
    const cookieJar = new CookieJar();
    const page = await browse(connectionRequest!.connectUrl!, { cookieJar });
    expect(page.forms[0]!.names).toEqual(["handle", "decision", "decision"]);
    expect((await fill(page, {}, cookieJar)).redirectedTo).toContain("status=ACTIVE");
  });

  test("shows the way back where its config was switched off, and forgets nothing", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const { connectionRequest } = await ask(app, session, "initiateConnection", { target });
    const cookieJar = new CookieJar();
    const page = await browse(connectionRequest!.connectUrl!, { cookieJar });
    await ask(app, key, "setAuthConfigEnabled", { id: target.authConfigId, enabled: false });
    const off = await fill(page, { "field.apiKey": "good-ada-1" }, cookieJar);
    expect(off.body).toContain("switched off");
    await ask(app, key, "setAuthConfigEnabled", { id: target.authConfigId, enabled: true });
    const end = await fill(page, { "field.apiKey": "good-ada-1" }, cookieJar);
    expect(end.body).toContain("Connected");
  });

  test("takes neither flow nor scopes", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const initiate = (input: object) => ask(app, session, "initiateConnection", { target, ...input });
    expect(wrong(await initiate({ flow: "DEVICE" }))).toBe("flow NOT_ALLOWED");
    expect(wrong(await initiate({ scopes: ["a"] }))).toBe("scopes NOT_ALLOWED");
    expect(wrong(await initiate({ parameters: { apiKey: "x" } }))).toBe("parameters.apiKey UNKNOWN_FIELD");
  });

  test("tells a popup's opener, and links that were made for a redirect lead to the form", async () => {
    const { url } = await begin(IN_HEADER, { input: { display: "POPUP", origin: FRONT_END, returnUrl: null } });
    const cookieJar = new CookieJar();
    const page = await browse(`${url}/authorize`, { cookieJar });
    expect(page.url).toBe(url);
    const end = await fill(page, { "field.apiKey": "good-ada-1" }, cookieJar);
    expect(end.body).toContain(`data-origin="${FRONT_END}"`);
    expect(end.body).toContain('data-status="ACTIVE"');
  });
});

describe("entering anew", () => {
  test("replaces the secret under the same id, brings an INVALID credential back, and leaves it alone until then", async () => {
    const { target } = await createTypedConfig(app, key, api, { basic: {} });
    api.accept = (call) => (basicOf(call)?.[1] === "good-2" ? "ada" : null);
    const { id } = await made(ask(app, session, "createCredential", { target, fields: { username: "ada", password: "good-1" } }));
    expect((await ask(app, session, "testCredential", { id })).credential).toMatchObject({ status: "INVALID" });
    const { connectionRequest } = await ask(app, session, "reauthorizeCredential", { id, returnUrl: RETURN_URL });
    expect(connectionRequest).toMatchObject({ authorizationUrl: null });
    const cookieJar = new CookieJar();
    const page = await browse(connectionRequest!.connectUrl!, { cookieJar });
    const filled = Object.fromEntries(page.forms[0]!.fields);
    expect(filled).toMatchObject({ "field.username": "ada", "field.password": "" });
    const failed = await fill(page, { "field.password": "good-1" }, cookieJar);
    expect(failed.status).toBe(422);
    expect(await readTyped(app, session, id)).toMatchObject({ status: "INVALID" });
    expect((await fill(failed, { "field.password": "good-2" }, cookieJar)).redirectedTo).toContain("status=ACTIVE");
    const back = (await readTyped(app, session, id))!;
    expect(back).toMatchObject({ id, status: "ACTIVE", statusReason: null });
    expect(kinds(back).slice(-2)).toEqual(["REAUTHORIZED", "STATUS_CHANGED"]);
    expect((await ask(app, key, "revealCredential", { id })).revealed!.fields).toEqual({ password: "good-2" });
  });

  test("refuses the secret of another account", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const { id } = await made(ask(app, session, "createCredential", { target, fields: { apiKey: "good-ada-1" }, test: true }));
    const { connectionRequest } = await ask(app, session, "reauthorizeCredential", { id });
    const cookieJar = new CookieJar();
    const page = await browse(connectionRequest!.connectUrl!, { cookieJar });
    const other = await fill(page, { "field.apiKey": "good-grace-1" }, cookieJar);
    expect(other.body).toContain("Name of ada");
    expect((await ask(app, key, "revealCredential", { id })).revealed!.fields).toEqual({ apiKey: "good-ada-1" });
  });

  test.each([
    ["UPDATE", 1],
    ["CREATE", 2],
  ])("of an account that is connected already with %s makes %i of it", async (ifAccountExists, expected) => {
    const { target, connector } = await createTypedConfig(app, key, api, IN_HEADER);
    for (const apiKey of ["good-ada-1", "good-ada-2"]) {
      const { connectionRequest } = await ask(app, session, "initiateConnection", { target, ifAccountExists });
      const cookieJar = new CookieJar();
      await fill(await browse(connectionRequest!.connectUrl!, { cookieJar }), { "field.apiKey": apiKey }, cookieJar);
    }
    const query = `query TypedCount($slug: String!) { credentials(filter: { connectorSlug: $slug }) { totalCount } }`;
    expect(await run(app, session, query, { slug: connector.slug })).toEqual({ credentials: { totalCount: expected } });
    const { connectionRequest } = await ask(app, session, "initiateConnection", { target, ifAccountExists: "REFUSE" });
    const cookieJar = new CookieJar();
    const page = await browse(connectionRequest!.connectUrl!, { cookieJar });
    expect((await fill(page, { "field.apiKey": "good-ada-3" }, cookieJar)).body).toContain("connected already");
  });
});

describe("with a verify URL", () => {
  const settings = { verifyUrl: "https://app.test/verify" };

  async function beginIn(project: { key: string }) {
    const { target } = await createTypedConfig(app, project.key, api, IN_HEADER);
    const user = await createUser(app, project.key);
    const own = await createSession(app, project.key, user.id);
    const { connectionRequest } = await ask(app, own, "initiateConnection", { target, returnUrl: RETURN_URL });
    const cookieJar = new CookieJar();
    const page = await browse(connectionRequest!.connectUrl!, { cookieJar });
    return {
      user,
      own,
      request: connectionRequest!,
      send: (apiKey: string) => fill(page, { "field.apiKey": apiKey }, cookieJar, { stopAtPrefix: "https://app.test/" }),
    };
  }

  test("nothing that was typed is used before the product has said who is there", async () => {
    const project = await createProject(app, key, settings);
    const { user, own, request, send } = await beginIn(project);
    const { redirectedTo } = await send("good-ada-1");
    expect(redirectedTo).toMatch(/^https:\/\/app\.test\/verify\?verification=/);
    expect((await readRequest(app, own, request.id)).status).toBe("VERIFYING");
    expect(api.seen).toEqual([]);
    const verification = new URL(redirectedTo!).searchParams.get("verification")!;
    const confirmed = await confirm(app, project.key, verification, user.id);
    expect(confirmed).toMatchObject({ connectionRequest: { status: "ACTIVE", credential: { status: "ACTIVE" } } });
    expect(await statuses(app, own, request.id)).toEqual(["PENDING", "AUTHORIZING", "VERIFYING", "EXCHANGING", "ACTIVE"]);
    expect(await app.services.database.prisma.sealedSecret.count({ where: { ownerTable: "Opening" } })).toBe(0);
  });

  test("somebody else's confirmation ends it, and a refused secret fails it", async () => {
    const project = await createProject(app, key, settings);
    const stranger = await createUser(app, project.key);
    const first = await beginIn(project);
    const verificationOf = (page: Page) => new URL(page.redirectedTo!).searchParams.get("verification")!;
    await confirm(app, project.key, verificationOf(await first.send("good-ada-1")), stranger.id);
    expect(await readRequest(app, first.own, first.request.id)).toMatchObject({
      status: "FAILED",
      failure: { code: "USER_MISMATCH" },
    });
    expect(api.seen).toEqual([]);
    const second = await beginIn(project);
    await confirm(app, project.key, verificationOf(await second.send("bad")), second.user.id);
    expect(await readRequest(app, second.own, second.request.id)).toMatchObject({
      status: "FAILED",
      failure: { code: "INVALID_CREDENTIALS" },
      credential: null,
    });
  });
});
