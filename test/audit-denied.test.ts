import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { graphql } from "../generated/gql/index.ts";
import { browse, CookieJar } from "../src/sandbox/play-user.ts";
import { ADMIN_KEY, moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { run, send } from "./support/graphql.ts";
import { createKey } from "./support/matrix-world.ts";
import { begin, createProject } from "./support/oauth.ts";
import { connect, createSession, createUser, goToCallback } from "./support/seed.ts";

const Denied = graphql(`
  query AuditDenied($action: String!, $actorId: ID, $from: DateTime) {
    auditEvents(first: 100, filter: { action: $action, actorId: $actorId, from: $from }) {
      totalCount
      nodes { action outcome actor { id } actorLabel targetId ip details at }
    }
  }
`);

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app?.close());

async function denials(key: string, actorId?: string) {
  return (await run(app, key, Denied, { action: "access.denied", actorId })).auditEvents!.nodes;
}

const WHO = "{ viewer { role } }";

describe("what was refused is on record: who, what, when, from where", () => {
  test("mutations and queries that the caller's role does not allow", async () => {
    const { key, id } = await createProject(app, ADMIN_KEY);
    const viewer = await createKey(app, key, { role: "VIEWER", name: "A viewer's key" });
    const session = await createSession(app, key, (await createUser(app, key, "ada")).id);
    expect((await mutate(app, viewer.key, "createUserSession", { user: { externalId: "ada" } })).__typename).toBe(
      "ForbiddenError",
    );
    for (const query of [
      "{ apiKeys { totalCount } }",
      "{ auditEvents { totalCount } a: auditEvents { totalCount } }",
      "{ projects { totalCount } }",
    ]) {
      expect((await send(app, viewer.key, query)).errors?.[0]?.extensions.code).toBe("FORBIDDEN");
    }
    const byViewer = await denials(key, viewer.id);
    expect(byViewer.map(({ details }) => (details as { operation: string }).operation).toSorted()).toEqual([
      "apiKeys",
      "auditEvents",
      "auditEvents",
      "createUserSession",
      "projects",
    ]);
    for (const event of byViewer) {
      expect(event).toMatchObject({ outcome: "DENIED", actorLabel: "A viewer's key", actor: { id: viewer.id }, ip: "127.0.0.1" });
    }
    await mutate(app, session, "deleteUser", { id });
    expect((await denials(key)).find(({ actorLabel }) => actorLabel === "ada")).toMatchObject({
      details: { operation: "deleteUser" },
    });
    const allowed = (await denials(key)).length;
    await run(app, key, "{ apiKeys { totalCount } }");
    expect(await denials(key)).toHaveLength(allowed);
  });

  test("an address that a client makes up is not believed", async () => {
    const { key } = await createProject(app, ADMIN_KEY);
    const viewer = await createKey(app, key, { role: "VIEWER" });
    await fetch(`${app.url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${viewer.key}`,
        "x-forwarded-for": "203.0.113.7",
        forwarded: "for=203.0.113.7",
        "x-real-ip": "203.0.113.7",
      },
      body: JSON.stringify({ query: "{ apiKeys { totalCount } }" }),
    });
    expect(await denials(key)).toMatchObject([{ ip: "127.0.0.1" }]);
  });

  test("a key that was revoked and a session that has run out, once a minute each however often they are tried", async () => {
    const { key } = await createProject(app, ADMIN_KEY);
    const old = await createKey(app, key, { role: "ADMIN", name: "Old key" });
    const user = await createUser(app, key, "grace");
    const session = await createSession(app, key, user.id, { expiresInSeconds: 60 });
    await mutate(app, key, "revokeApiKey", { id: old.id });
    await moveClock(app, 120_000);
    for (let time = 0; time < 5; time += 1) {
      expect((await send(app, old.key, WHO)).errors?.[0]?.extensions.code).toBe("UNAUTHENTICATED");
      expect((await send(app, session, WHO)).errors?.[0]?.extensions.code).toBe("SESSION_EXPIRED");
    }
    await expect.poll(async () => (await denials(key)).length).toBe(2);
    const byLabel = Object.fromEntries((await denials(key)).map((event) => [event.actorLabel, event]));
    expect(byLabel).toMatchObject({
      "Old key": { actor: { id: old.id }, details: { reason: "REVOKED" }, ip: "127.0.0.1", outcome: "DENIED" },
      grace: { actor: { id: user.id }, details: { reason: "EXPIRED" }, ip: "127.0.0.1", outcome: "DENIED" },
    });
    await moveClock(app, 0);
  });

  test("a stream that ends with its token was refused nothing", async () => {
    const { key } = await createProject(app, ADMIN_KEY);
    const other = await createKey(app, key, { role: "ADMIN" });
    const stream = await fetch(`${app.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream", authorization: `Bearer ${other.key}` },
      body: JSON.stringify({ query: "subscription { credentialChanged { kind } }" }),
    });
    await mutate(app, key, "revokeApiKey", { id: other.id });
    await stream.text();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await denials(key)).toEqual([]);
  });

  test("a token that nobody has belongs to no project's log", async () => {
    const { key } = await createProject(app, ADMIN_KEY);
    expect((await send(app, "mlk_nobody_has_this_key_0123456789abcdef", WHO)).status).toBe(401);
    expect(await denials(key)).toEqual([]);
    expect(await denials(ADMIN_KEY)).toEqual([]);
  });

  test("the answer of a provider that another browser brings", async () => {
    const begun = await begin(app);
    const { callbackUrl } = await goToCallback(app, begun.url);
    for (let time = 0; time < 3; time += 1) await browse(callbackUrl, { cookieJar: new CookieJar() });
    await expect.poll(async () => (await denials(ADMIN_KEY)).length).toBe(1);
    expect(await denials(ADMIN_KEY)).toMatchObject([
      {
        targetId: begun.request.id,
        actor: null,
        actorLabel: "another browser",
        details: { reason: "BROWSER_MISMATCH" },
        ip: "127.0.0.1",
      },
    ]);
  });
});

describe("the filter of auditEvents", () => {
  test("takes one action, or all of a kind, and only what was done by one key and from a moment on", async () => {
    const { key } = await createProject(app, ADMIN_KEY);
    const second = await createKey(app, key, { role: "ADMIN" });
    await connect(app, key);
    const from = (await app.services.database.now()).toISOString();
    await createUser(app, second.key);
    const actions = async (variables: { action: string; actorId?: string; from?: string }) =>
      (await run(app, key, Denied, variables)).auditEvents!.nodes.map(({ action }) => action).toSorted();
    expect(await actions({ action: "user.created" })).toEqual(["user.created", "user.created"]);
    expect(await actions({ action: "user.*", actorId: second.id })).toEqual(["user.created"]);
    expect(await actions({ action: "user.*", from })).toEqual(["user.created"]);
    expect(await actions({ action: "user*" })).toEqual([]);
    expect(await actions({ action: "connection_request.*" })).toEqual([
      "connection_request.active",
      "connection_request.confirmed",
      "connection_request.created",
      "connection_request.opened",
    ]);
    expect(await actions({ action: "u_er.*" }), "nothing in it is a pattern").toEqual([]);
    expect(await actions({ action: "%.*" })).toEqual([]);
  });
});
