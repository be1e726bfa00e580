import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { mintSignInToken } from "../src/domain/dashboard-session.ts";
import { ADMIN_KEY, FRONT_END, moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { ask, cookieOf, pageSocket, signInWith } from "./support/dashboard.ts";
import { run, send } from "./support/graphql.ts";

let app: TestApp;
let url: string;
beforeAll(async () => {
  app = await startTestApp({ MOORLINE_SANDBOX: "false" });
  url = app.url;
});
afterAll(() => app?.close());

const WHO = "{ viewer { role project { name } apiKey { name } } }";
const who = (cookie: string, headers = {}) => ask(url, "/graphql", { body: { query: WHO }, cookie, headers });

async function createKey(role: string, name = `A ${role}`): Promise<{ id: string; key: string }> {
  const mutation = `mutation { createApiKey(input: { name: "${name}", role: ${role} }) { ... on CreateApiKeyPayload { key apiKey { id } } } }`;
  const { createApiKey } = await run<{ createApiKey: { key: string; apiKey: { id: string } } }, object>(app, ADMIN_KEY, mutation);
  return { id: createApiKey.apiKey.id, key: createApiKey.key };
}

async function createProject(name: string): Promise<string> {
  const mutation = `mutation { createProject(input: { name: "${name}" }) { ... on CreateProjectPayload { key } } }`;
  return (await run<{ createProject: { key: string } }, object>(app, ADMIN_KEY, mutation)).createProject.key;
}

function revoke(id: string): Promise<unknown> {
  return run(app, ADMIN_KEY, `mutation { revokeApiKey(input: { id: "${id}" }) { ... on RevokeApiKeyPayload { __typename } } }`);
}

describe("signing in by an API key", () => {
  test("sets a cookie that no script reads and no other site sends, and says who signed in", async () => {
    const answer = await ask(url, "/session", { body: { apiKey: ` ${ADMIN_KEY}\n` } });
    expect(answer).toMatchObject({ status: 200, body: { projectName: "My product", role: "ADMIN" } });
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const [cookie] = answer.headers.getSetCookie();
    expect(cookie).toMatch(/^moorline-dashboard=mld_\w+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    const left = Date.parse(answer.body.expiresAt) - Date.now();
    expect(Math.abs(left - 12 * 3_600_000)).toBeLessThan(60_000);
    const session = await ask(url, "/session", { cookie: cookieOf(answer) });
    const project = {
      key: expect.stringMatching(/^key_/),
      projectId: expect.stringMatching(/^proj_/),
      projectName: "My product",
    };
    expect(session.body).toEqual({ projects: [{ ...project, role: "ADMIN", current: true }], expiresAt: answer.body.expiresAt });
  });

  test("acts as the key, and the audit log says that it came from the dashboard", async () => {
    const cookie = await signInWith(url, (await createKey("ADMIN", "Grace's key")).key);
    expect((await who(cookie)).body.data.viewer).toEqual({
      role: "ADMIN",
      project: { name: "My product" },
      apiKey: { name: "Grace's key" },
    });
    const made = `mutation { upsertUser(input: { externalId: "by the dashboard" }) { __typename } }`;
    expect((await ask(url, "/graphql", { body: { query: made }, cookie })).body.data.upsertUser.__typename).toBe(
      "UpsertUserPayload",
    );
    const query = "{ auditEvents(first: 2) { nodes { action actorLabel actor { __typename } } } }";
    const events = (await ask(url, "/graphql", { body: { query }, cookie })).body.data.auditEvents.nodes;
    const by = { actorLabel: "Grace's key (dashboard)", actor: { __typename: "ApiKey" } };
    expect(events).toEqual([
      { action: "user.created", ...by },
      { action: "dashboard.signed_in", ...by },
    ]);
  });

  test("may do no more than the key's role", async () => {
    const cookie = await signInWith(url, (await createKey("VIEWER")).key);
    const query = `mutation { upsertUser(input: { externalId: "x" }) { __typename } }`;
    const refused = await ask(url, "/graphql", { body: { query }, cookie });
    expect(refused.body.data.upsertUser).toEqual({ __typename: "ForbiddenError" });
    expect((await who(cookie)).body.data.viewer.role).toBe("VIEWER");
  });

  test.each([
    ["is unknown", { apiKey: "mlk_an_unknown_key_of_enough_characters" }, 401],
    ["is mistyped", { apiKey: "mlk_short" }, 401],
    ["is none", { apiKey: "hello" }, 401],
    ["comes with a link's token", { apiKey: ADMIN_KEY, signInToken: "x" }, 400],
    ["is missing", {}, 400],
    ["is no text", { apiKey: { $ne: "" } }, 400],
  ])("is refused where the key %s", async (_case, body, status) => {
    const answer = await ask(url, "/session", { body });
    expect(answer.status).toBe(status);
    const code = status === 401 ? "UNAUTHENTICATED" : "BAD_REQUEST";
    expect(answer.body).toEqual({ errors: [{ message: expect.any(String), extensions: { code } }] });
    expect(answer.headers.getSetCookie()).toEqual([]);
  });
});

describe("signing in by the link that the console prints", () => {
  const exchange = (signInToken: string) => ask(url, "/session", { body: { signInToken } });

  test("works once, however many browsers try it at the same time, and a reload goes on by the cookie", async () => {
    const token = (await mintSignInToken(app.services, app.bootstrap.projectId))!;
    const answers = await Promise.all([exchange(token), exchange(token), exchange(token)]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 401, 401]);
    const first = answers.find(({ status }) => status === 200)!;
    expect(first.body).toMatchObject({ projectName: "My product", role: "ADMIN" });
    for (let reload = 0; reload < 2; reload += 1)
      expect((await ask(url, "/session", { cookie: cookieOf(first) })).status).toBe(200);
    expect((await exchange(token)).status).toBe(401);
  });

  test("works for a quarter of an hour", async () => {
    const token = (await mintSignInToken(app.services, app.bootstrap.projectId))!;
    await moveClock(app, 15 * 60_000 + 1_000);
    const late = await exchange(token);
    await moveClock(app, 0);
    expect(late).toMatchObject({ status: 401, body: { errors: [{ extensions: { code: "UNAUTHENTICATED" } }] } });
    expect((await exchange(token)).status).toBe(200);
  });

  test("is not made where no ADMIN key of the project holds", async () => {
    const key = await createProject("Without a key");
    const { viewer } = await run<{ viewer: { project: { id: string }; apiKey: { id: string } } }, object>(
      app,
      key,
      "{ viewer { project { id } apiKey { id } } }",
    );
    const { prisma } = app.services.database;
    const project = await prisma.project.findFirstOrThrow({ where: { name: "Without a key" } });
    const before = (await mintSignInToken(app.services, project.id))!;
    await run(app, key, `mutation { revokeApiKey(input: { id: "${viewer.apiKey.id}" }) { __typename } }`);
    expect(await mintSignInToken(app.services, project.id)).toBeNull();
    expect((await exchange(before)).status).toBe(401);
  });
});

describe("requests that no page of ours has sent", () => {
  let cookie: string;
  beforeAll(async () => {
    cookie = await signInWith(url, ADMIN_KEY);
  });
  const port = () => new URL(url).port;

  const FORGED: [string, () => Record<string, string | undefined>][] = [
    ["no header", () => ({ "moorline-session": undefined })],
    ["another session's name", () => ({ "moorline-session": "connect-0123abcd" })],
    ["a name that is none", () => ({ "moorline-session": "Dashboard" })],
    ["another site", () => ({ "sec-fetch-site": "cross-site" })],
    ["another host of the same site", () => ({ "sec-fetch-site": "same-site" })],
    ["an address typed in", () => ({ "sec-fetch-site": "none" })],
    ["a browser that says nothing", () => ({ "sec-fetch-site": undefined })],
    ["another origin", () => ({ "sec-fetch-site": undefined, origin: "https://evil.example" })],
    ["another port", () => ({ "sec-fetch-site": undefined, origin: "http://localhost:1" })],
    ["a front end of the project", () => ({ "sec-fetch-site": undefined, origin: FRONT_END })],
    ["a front end that claims more", () => ({ origin: FRONT_END })],
    ["a page without an origin", () => ({ "sec-fetch-site": undefined, origin: "null" })],
  ];

  test.each(FORGED)("are refused: %s", async (_case, headers) => {
    for (const accept of ["application/json", "text/event-stream"]) {
      const answer = await ask(url, "/graphql", { body: { query: WHO }, cookie, headers: { accept, ...headers() } });
      expect([401, 403], accept).toContain(answer.status);
      expect(answer.body.data).toBeUndefined();
    }
    const doors: [string, object][] = [
      ["/session", { apiKey: ADMIN_KEY }],
      ["/session/switch", { key: "key_x" }],
      ["/session/end", {}],
    ];
    for (const [path, body] of doors) {
      const answer = await ask(url, path, { body, cookie, headers: headers() });
      expect([answer.status, answer.body.errors[0].extensions.code], path).toEqual([403, "FORBIDDEN"]);
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    expect((await ask(url, "/session", { cookie })).status).toBe(200);
  });

  test("are told from our own by the Origin where the browser says nothing else, in each spelling of this machine", async () => {
    for (const host of ["localhost", "127.0.0.1"]) {
      const headers = { "sec-fetch-site": undefined, origin: `http://${host}:${port()}` };
      expect((await who(cookie, headers)).body.data.viewer.role).toBe("ADMIN");
    }
  });

  test("get no session by a preflight", async () => {
    const headers = {
      origin: FRONT_END,
      "access-control-request-method": "POST",
      "access-control-request-headers": "moorline-session",
    };
    const preflight = await fetch(`${url}/graphql`, { method: "OPTIONS", headers });
    expect(preflight.headers.get("access-control-allow-headers")).not.toMatch(/moorline/i);
    expect(preflight.headers.get("access-control-allow-credentials")).toBeNull();
  });

  test.each<[string, () => Record<string, string>, object, (string | number)[]]>([
    ["without the session's name", () => ({ origin: url }), {}, [4401]],
    ["by another name", () => ({ origin: url }), { session: "connect-0123abcd" }, [4401]],
    ["without an Origin", () => ({}), { session: "dashboard" }, [4401]],
    ["of a front end", () => ({ origin: FRONT_END }), { session: "dashboard" }, [4401]],
    ["of another origin", () => ({ origin: "https://evil.example" }), { session: "dashboard" }, [403]],
    ["with a wrong key besides", () => ({ origin: url }), { session: "dashboard", authorization: "Bearer mlk_x" }, [4401]],
    ["of our own", () => ({ origin: url }), { session: "dashboard" }, ["connection_ack"]],
  ])("are told from our own among sockets: %s", async (_case, headers, parameters, expected) => {
    const { first, socket } = await pageSocket(url, { cookie, ...headers() }, parameters);
    socket.close();
    expect(expected).toEqual([first]);
  });

  test("are not looked at for a cookie where they bring a key, or read by GET, or go elsewhere", async () => {
    const wrong = { authorization: "Bearer mlk_an_unknown_key_of_enough_characters" };
    expect((await who(cookie, wrong)).status).toBe(401);
    const get = await ask(url, `/graphql?query=${encodeURIComponent(WHO)}`, { cookie });
    expect(get.status).toBe(401);
    const proxy = (more: object) => ask(url, "/proxy/x", { cookie, headers: { "moorline-credential": "cred_x", ...more } });
    expect((await proxy({})).status).toBe(401);
    expect((await proxy({ authorization: `Bearer ${ADMIN_KEY}` })).status).toBe(404);
  });
});

describe("tokens", () => {
  test("of a dashboard session are none in a header", async () => {
    const token = (await signInWith(url, ADMIN_KEY)).split("=")[1]!;
    expect(await send(app, token, WHO)).toMatchObject({ status: 401, errors: [{ extensions: { code: "UNAUTHENTICATED" } }] });
    const proxied = await fetch(`${url}/proxy/x`, {
      headers: { authorization: `Bearer ${token}`, "moorline-credential": "cred_x" },
    });
    expect(proxied.status).toBe(401);
    const { first } = await pageSocket(url, {}, { authorization: `Bearer ${token}` });
    expect(first).toBe(4401);
  });

  test("count in the cookie of their own kind only", async () => {
    const mutation = `mutation { upsertUser(input: { externalId: "ada" }) { __typename }
      createUserSession(input: { user: { externalId: "ada" } }) { ... on CreateUserSessionPayload { token } } }`;
    const { createUserSession } = await run<{ createUserSession: { token: string } }, object>(app, ADMIN_KEY, mutation);
    const session = createUserSession.token;
    const dashboard = (await signInWith(url, ADMIN_KEY)).split("=")[1]!;
    const named = (name: string, token: string) => who(`moorline-${name}=${token}`, { "moorline-session": name });
    expect((await named("connect-0123abcd", session)).body.data.viewer.role).toBe("END_USER");
    expect((await named("connect-0123abcd", dashboard)).status).toBe(401);
    expect((await named("dashboard", session)).status).toBe(401);
    for (const name of ["dashboard", "connect-0123abcd"]) expect((await named(name, ADMIN_KEY)).status).toBe(401);
    for (const name of ["connect-0123ABCD", "connect-0123abcd0", "connect-", "other"]) {
      expect((await named(name, session)).status, name).toBe(401);
    }
  });

  test("are in the database as hashes alone", async () => {
    const token = (await signInWith(url, ADMIN_KEY)).split("=")[1]!;
    const link = (await mintSignInToken(app.services, app.bootstrap.projectId))!;
    for (const table of ["DashboardSession", "DashboardSessionKey", "SignInLink", "AuditEvent"]) {
      const rows = await app.services.database.query<{ row: string }>(
        `look_${table}`,
        `SELECT t::text AS "row" FROM "${table}" t`,
        [],
      );
      const text = rows.map(({ row }) => row).join("\n");
      expect(text).not.toContain(token);
      expect(text).not.toContain(link);
    }
  });
});

describe("how a session ends", () => {
  afterEach(() => moveClock(app, 0));
  const silence = { query: "subscription { credentialChanged { __typename } }" };

  /** A socket and an event stream, both open under the session. */
  async function openBoth(cookie: string) {
    const { first, socket, closed } = await pageSocket(url, { cookie, origin: url }, { session: "dashboard" });
    expect(first).toBe("connection_ack");
    socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: silence }));
    const stream = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: {
        cookie,
        "moorline-session": "dashboard",
        "sec-fetch-site": "same-origin",
        accept: "text/event-stream",
        "content-type": "application/json",
      },
      body: JSON.stringify(silence),
    });
    expect(stream.status).toBe(200);
    return { closed, streamed: stream.text() };
  }

  async function expectBothEnd(open: { closed: Promise<number>; streamed: Promise<string> }): Promise<void> {
    const asked = performance.now();
    expect(await open.closed).toBe(4401);
    expect(await open.streamed).toContain("SESSION_EXPIRED");
    expect(performance.now() - asked).toBeLessThan(1_000);
  }

  test("with its key, at once, for what is open and for what comes", async () => {
    const { id, key } = await createKey("ADMIN");
    const cookie = await signInWith(url, key);
    const open = await openBoth(cookie);
    await revoke(id);
    await expectBothEnd(open);
    expect(await who(cookie)).toMatchObject({ status: 401, body: { errors: [{ extensions: { code: "SESSION_EXPIRED" } }] } });
    expect((await ask(url, "/session", { cookie })).status).toBe(401);
  });

  test("by signing out, which takes the cookie away and leaves the key as it is", async () => {
    const cookie = await signInWith(url, ADMIN_KEY);
    const open = await openBoth(cookie);
    const end = await ask(url, "/session/end", { body: {}, cookie });
    expect(end.status).toBe(200);
    expect(end.headers.getSetCookie()).toEqual(["moorline-dashboard=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"]);
    await expectBothEnd(open);
    expect((await who(cookie)).status).toBe(401);
    expect((await ask(url, "/session", { cookie })).body.errors[0].extensions.code).toBe("SESSION_EXPIRED");
    expect((await send(app, ADMIN_KEY, WHO)).status).toBe(200);
    expect((await ask(url, "/session/end", { body: {}, cookie })).status).toBe(200);
  });

  test("after twelve hours", async () => {
    const cookie = await signInWith(url, ADMIN_KEY);
    await moveClock(app, 12 * 3_600_000 - 60_000);
    expect((await who(cookie)).status).toBe(200);
    const open = await openBoth(cookie);
    await moveClock(app, 12 * 3_600_000 + 1_000);
    await expectBothEnd(open);
    expect((await who(cookie)).status).toBe(401);
  });

  test("when its key expires", async () => {
    const expiresAt = new Date((await app.services.database.now()).getTime() + 3_600_000).toISOString();
    const mutation = `mutation { createApiKey(input: { name: "Brief", role: VIEWER, expiresAt: "${expiresAt}" }) { ... on CreateApiKeyPayload { key } } }`;
    const { createApiKey } = await run<{ createApiKey: { key: string } }, object>(app, ADMIN_KEY, mutation);
    const cookie = await signInWith(url, createApiKey.key);
    expect((await ask(url, "/graphql", { body: { query: "{ viewer { expiresAt } }" }, cookie })).body.data.viewer.expiresAt).toBe(
      expiresAt,
    );
    await moveClock(app, 3_601_000);
    expect((await who(cookie)).status).toBe(401);
  });
});

describe("several projects", () => {
  const projectOf = async (cookie: string) => (await who(cookie)).body.data.viewer.project.name;

  test("are added by signing in with another key, and switched between, one at a time", async () => {
    const first = await signInWith(url, ADMIN_KEY);
    const both = await signInWith(url, await createProject("Second"), first);
    expect((await who(first)).status, "the cookie from before is worth nothing").toBe(401);
    expect(await projectOf(both)).toBe("Second");
    const { projects } = (await ask(url, "/session", { cookie: both })).body;
    expect(projects).toMatchObject([
      { projectName: "My product", current: false },
      { projectName: "Second", current: true },
    ]);

    const open = await pageSocket(url, { cookie: both, origin: url }, { session: "dashboard" });
    const switched = await ask(url, "/session/switch", { body: { key: projects[0].key }, cookie: both });
    expect(switched.body.projects).toMatchObject([{ current: true }, { current: false }]);
    expect(await open.closed).toBe(4401);
    expect(await projectOf(both)).toBe("My product");

    const { id } = await createKey("ADMIN");
    const strange = await ask(url, "/session/switch", { body: { key: id }, cookie: both });
    expect(strange.status).toBe(404);
    expect(await projectOf(both)).toBe("My product");
  });

  test("have one key each: another of the same project takes its place", async () => {
    const admin = await signInWith(url, ADMIN_KEY);
    const viewer = await signInWith(url, (await createKey("VIEWER")).key, admin);
    expect((await ask(url, "/session", { cookie: viewer })).body.projects).toMatchObject([{ role: "VIEWER", current: true }]);
  });

  test("outlive each other's keys", async () => {
    const { id, key } = await createKey("ADMIN");
    const cookie = await signInWith(url, key, await signInWith(url, await createProject("Third")));
    await revoke(id);
    expect((await who(cookie)).status).toBe(401);
    const { projects } = (await ask(url, "/session", { cookie })).body;
    expect(projects).toMatchObject([{ projectName: "Third", current: false }]);
    await ask(url, "/session/switch", { body: { key: projects[0].key }, cookie });
    expect(await projectOf(cookie)).toBe("Third");
  });
});

test("behind https the cookie is a __Host- one, and another name does not count", async () => {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const env = { PORT: String(port), MOORLINE_PUBLIC_URL: "https://moorline.example.com", MOORLINE_SANDBOX: "false" };
  const secure = await startTestApp(env);
  try {
    const local = `http://127.0.0.1:${port}`;
    const headers = { "sec-fetch-site": undefined, origin: "https://moorline.example.com" };
    const answer = await ask(local, "/session", { body: { apiKey: ADMIN_KEY }, headers });
    const [cookie] = answer.headers.getSetCookie();
    expect(cookie).toMatch(/^__Host-moorline-dashboard=mld_\w+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure$/);
    const query = (text: string, more = {}) =>
      ask(local, "/graphql", { body: { query: WHO }, cookie: text, headers: { ...headers, ...more } });
    expect((await query(cookieOf(answer))).status).toBe(200);
    expect((await query(cookieOf(answer).replace("__Host-", ""))).status).toBe(401);
    // This machine's own names are nobody's here.
    expect((await query(cookieOf(answer), { origin: local })).status).toBe(403);
  } finally {
    await secure.close();
  }
});

// The last one: afterwards this address may not try any more for a minute.
test("ten failures a minute are the most, whoever is right then", async () => {
  const attempt = (apiKey: string) => ask(url, "/session", { body: { apiKey } });
  const answers = await Promise.all(Array.from({ length: 12 }, () => attempt("mlk_an_unknown_key_of_enough_characters")));
  const limited = answers.find(({ status }) => status === 429)!;
  expect(limited.body.errors[0].extensions).toEqual({ code: "RATE_LIMITED", retryAfterSeconds: expect.any(Number) });
  expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await attempt(ADMIN_KEY)).status).toBe(429);
});
