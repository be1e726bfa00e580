import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FRONT_END, moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { run } from "./support/graphql.ts";
import { auditEvents, createProject, readCredential } from "./support/oauth.ts";
import { createKey, type ProxiedApi, type ProxyCall, startProxiedApi, typedCredential, viaProxy } from "./support/proxy.ts";
import { createSession, createUser } from "./support/seed.ts";
import { ask } from "./support/typed.ts";

let app: TestApp;
let api: ProxiedApi;
let ada: { id: string };
let eve: { id: string };
let own: Awaited<ReturnType<typeof typedCredential>>;
let other: Awaited<ReturnType<typeof typedCredential>>;

beforeAll(async () => {
  api = await startProxiedApi();
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  ada = await createUser(app, app.adminKey, "ada");
  eve = await createUser(app, app.adminKey, "eve");
  own = await typedCredential(app, api, ada.id);
  other = await typedCredential(app, api, eve.id);
});

beforeEach(() => {
  api.reset();
});

afterAll(async () => {
  await app?.close();
  await api?.close();
});

const call = (more: Partial<ProxyCall> = {}, target = "/proxy/a") =>
  viaProxy(app, target, { key: app.adminKey, credential: own.id, ...more });

async function refusedWith(more: Partial<ProxyCall>, status: number, code: string) {
  const answer = await call(more);
  expect(answer.status, answer.body).toBe(status);
  expect(answer.headers["moorline-error"]).toBe(code);
  expect(answer.json()).toEqual({ error: { code, message: expect.stringMatching(/^.{20,}$/) } });
  expect(api.seen).toEqual([]);
  return answer;
}

async function denials(): Promise<number> {
  const events = await auditEvents(app, app.adminKey, { action: "access.denied" });
  for (const event of events) expect(event).toMatchObject({ outcome: "DENIED" });
  return events.length;
}

describe("who may call", () => {
  test("is an API key that may use credentials", async () => {
    await refusedWith({ key: null }, 401, "UNAUTHENTICATED");
    await refusedWith({ key: "mlk_no_such_key_0123456789abcdefghijk" }, 401, "UNAUTHENTICATED");
    const before = await denials();
    await refusedWith({ key: await createKey(app, { role: "VIEWER" }) }, 403, "FORBIDDEN");
    expect(await denials()).toBe(before + 1);
    const user = await createKey(app, { role: "VIEWER", permissions: ["CREDENTIAL_USE"] });
    expect((await call({ key: user })).status).toBe(200);
    expect((await call({ key: await createKey(app, { role: "DEVELOPER" }) })).status).toBe(200);
  });

  test("is never a user session, for its own credential neither, and never a cookie", async () => {
    const session = await createSession(app, app.adminKey, ada.id);
    const before = await denials();
    await refusedWith({ key: session }, 403, "FORBIDDEN");
    expect(await denials()).toBe(before + 1);
    for (const cookie of [`token=${session}`, `__Host-session=${session}`, `authorization=Bearer ${app.adminKey}`]) {
      await refusedWith({ key: null, headers: { Cookie: cookie } }, 401, "UNAUTHENTICATED");
    }
  });

  test("is no page of another origin: no preflight is answered, and nothing says that one may read", async () => {
    const preflight = await call({
      key: null,
      credential: null,
      method: "OPTIONS",
      headers: {
        Origin: FRONT_END,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization, moorline-credential",
      },
    });
    expect(preflight.status).toBe(401);
    const answered = await call({ headers: { Origin: FRONT_END } });
    expect(answered.status).toBe(200);
    for (const { headers } of [preflight, answered]) {
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control-"))).toEqual([]);
    }
  });

  test("names a credential of its own project", async () => {
    await refusedWith({ credential: null }, 400, "BAD_REQUEST");
    await refusedWith({ credential: "cred_nonsense" }, 404, "NOT_FOUND");
    await refusedWith({ credential: own.authConfigId }, 404, "NOT_FOUND");
    const project = await createProject(app, app.adminKey);
    await refusedWith({ key: project.key }, 404, "NOT_FOUND");
    expect(await auditEvents(app, project.key, { action: "credential.used" })).toEqual([]);
  });

  test("gets no socket through", async () => {
    const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
    socket.write(
      `GET /proxy/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${app.adminKey}\r\nMoorline-Credential: ${own.id}\r\n` +
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    const [answer] = await once(socket, "data");
    expect(String(answer)).toMatch(/^HTTP\/1\.1 501 /);
    expect(api.seen).toEqual([]);
  });
});

describe("a narrowed key", () => {
  test("uses the credentials of its connectors only", async () => {
    const key = await createKey(app, { connectorSlugs: [own.connector.slug] });
    expect((await call({ key })).status).toBe(200);
    api.reset();
    const before = await denials();
    await refusedWith({ key, credential: other.id }, 403, "FORBIDDEN");
    expect(await denials()).toBe(before + 1);
  });

  test("uses the credentials of its users only, and none of the project's own", async () => {
    const key = await createKey(app, { users: [{ externalId: "ada" }] });
    expect((await call({ key })).status).toBe(200);
    api.reset();
    await refusedWith({ key, credential: other.id }, 403, "FORBIDDEN");
    const { target } = own;
    const made = await ask(app, app.adminKey, "createCredential", {
      target,
      projectOwned: true,
      fields: { token: "project-own" },
    });
    await refusedWith({ key, credential: made.credential!.id }, 403, "FORBIDDEN");
  });

  test("uses its methods only", async () => {
    const key = await createKey(app, { methods: ["GET", "HEAD"] });
    expect((await call({ key })).status).toBe(200);
    expect((await call({ key, method: "HEAD" })).status).toBe(200);
    api.reset();
    for (const method of ["POST", "DELETE", "PROPFIND"]) await refusedWith({ key, method }, 403, "FORBIDDEN");
  });

  test("tests, refreshes and tries within its narrowing only, each refusal on record", async () => {
    const key = await createKey(app, { connectorSlugs: [own.connector.slug], users: [{ id: ada.id }] });
    const refused = { __typename: "ForbiddenError", code: "FORBIDDEN" };
    const before = await denials();
    expect(await ask(app, key, "testCredential", { id: own.id })).toMatchObject({ result: { code: "NOT_TESTABLE" } });
    expect(await ask(app, key, "testCredential", { id: other.id })).toMatchObject(refused);
    expect(await ask(app, key, "tryCredential", { credentialId: other.id, fields: {} })).toMatchObject(refused);
    expect(await ask(app, key, "updateCredential", { id: other.id, fields: { token: "t" }, test: true })).toMatchObject(refused);
    const refresh = `mutation ProxyRefresh($id: ID!) { refreshCredential(input: { id: $id }) { __typename ... on UserError { code } } }`;
    const { refreshCredential } = await run<{ refreshCredential: object }, object>(app, key, refresh, { id: other.id });
    expect(refreshCredential).toMatchObject(refused);
    expect(await denials()).toBe(before + 4);
  });

  test("to methods is not given the secret itself, with which it could do anything", async () => {
    const reveal = { role: "DEVELOPER", permissions: ["CREDENTIAL_REVEAL"] };
    const wide = await createKey(app, reveal);
    expect(await ask(app, wide, "revealCredential", { id: own.id })).toMatchObject({ __typename: "RevealCredentialPayload" });
    const narrow = await createKey(app, { ...reveal, methods: ["GET"] });
    expect(await ask(app, narrow, "revealCredential", { id: own.id })).toMatchObject({ code: "FORBIDDEN" });
  });

  test("says what it is narrowed to", async () => {
    const viewer = `query ProxyViewer { viewer { apiKey { connectorSlugs users { externalId } methods } } }`;
    const connectorSlugs = [own.connector.slug];
    const key = await createKey(app, { connectorSlugs, users: [{ externalId: "ada" }], methods: ["GET"] });
    const narrowed = { connectorSlugs, users: [{ externalId: "ada" }], methods: ["GET"] };
    expect(await run(app, key, viewer)).toEqual({ viewer: { apiKey: narrowed } });
    const wide = { connectorSlugs: null, users: null, methods: null };
    expect(await run(app, await createKey(app, {}), viewer)).toEqual({ viewer: { apiKey: wide } });
  });

  test("is refused before its body is taken", async () => {
    const key = await createKey(app, { methods: ["GET"] });
    await refusedWith({ key, method: "POST", body: Buffer.alloc(3_000_000) }, 403, "FORBIDDEN");
  });
});

describe("a use", () => {
  test("is on record each time with method and connector, and in the history once a minute", async () => {
    const { id, connector } = await typedCredential(app, api, ada.id);
    await call({ credential: id }, "/proxy/private-path?private=query");
    await call({ credential: id, method: "POST", body: "private body" });
    const events = await auditEvents(app, app.adminKey, { targetId: id, action: "credential.used" });
    expect(events.map(({ outcome, details }) => ({ outcome, details }))).toEqual(
      ["POST", "GET"].map((method) => ({ outcome: "ALLOWED", details: { method, connector: connector.slug } })),
    );
    const used = async () => (await readCredential(app, app.adminKey, id))!;
    expect((await used()).history!.nodes.map(({ kind }) => kind)).toEqual(["USED", "CONNECTED"]);
    const first = (await used()).lastUsedAt;
    expect(first).not.toBeNull();
    await moveClock(app, 61_000);
    try {
      await call({ credential: id });
      expect((await used()).history!.nodes.map(({ kind }) => kind)).toEqual(["USED", "USED", "CONNECTED"]);
      expect(Date.parse((await used()).lastUsedAt!)).toBeGreaterThan(Date.parse(first!) + 60_000);
    } finally {
      await moveClock(app, 0);
    }
    const { authConfig } = await app.services.database.prisma.credential.findFirstOrThrow({
      where: { connectorSlug: connector.slug },
      include: { authConfig: true },
    });
    expect(authConfig.lastUsedAt).not.toBeNull();
  });

  test("that can't be recorded does not take place", async () => {
    const { database } = app.services;
    await database.script(`ALTER TABLE "AuditEvent" RENAME TO "AuditEventAway"`);
    try {
      const answer = await call();
      expect(answer).toMatchObject({ status: 500, headers: { "moorline-error": "INTERNAL" } });
      expect(answer.body).not.toContain("AuditEvent");
      expect(api.seen).toEqual([]);
    } finally {
      await database.script(`ALTER TABLE "AuditEventAway" RENAME TO "AuditEvent"`);
    }
    expect((await call()).status).toBe(200);
  });

  test("of one that is switched off is refused with the reason, and on record as failed", async () => {
    const { id } = await typedCredential(app, api, ada.id);
    await ask(app, app.adminKey, "setCredentialEnabled", { id, enabled: false });
    const answer = await refusedWith({ credential: id }, 409, "CREDENTIAL_NOT_USABLE");
    expect(answer.json().error!.message).toContain("DISABLED");
    const [event] = await auditEvents(app, app.adminKey, { targetId: id, action: "credential.used" });
    expect(event).toMatchObject({ outcome: "FAILED" });
  });

  test("with a connector that has no API is refused", async () => {
    const { connector } = await ask(app, app.adminKey, "createConnector", {
      slug: "no-api",
      name: "No API",
      scheme: { bearerToken: {} },
    });
    await ask(app, app.adminKey, "createAuthConfig", { connectorSlug: connector!.slug, name: "No API" });
    const target = { connectorSlug: connector!.slug };
    const made = await ask(app, app.adminKey, "createCredential", { target, user: { id: ada.id }, fields: { token: "t" } });
    await refusedWith({ credential: made.credential!.id }, 409, "CONFLICT");
  });
});
