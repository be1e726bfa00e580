import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { socket, who } from "./support/callers.ts";
import { type Answer, faults, list, mutate } from "./support/entities.ts";
import { run } from "./support/graphql.ts";
import { connect, createConfig, createSession, createUser, initiate } from "./support/seed.ts";

let app: TestApp;
let key: string;
beforeAll(async () => {
  app = await startTestApp();
  key = app.adminKey;
});
afterAll(() => app?.close());

const outcome = ({ __typename, code }: Answer) => code ?? __typename;
describe("users", () => {
  const upsert = (input: object) =>
    mutate(app, key, "upsertUser", input, "user { id externalId displayName email locale metadata }");

  test("are made once by externalId, also by ten at the same time", async () => {
    const externalId = `u-${randomUUID()}`;
    const answers = await Promise.all(Array.from({ length: 10 }, () => upsert({ externalId })));
    expect(new Set(answers.map(({ user }) => user.id)).size).toBe(1);
    expect((await list(app, key, "users", `filter: { search: "${externalId}" }`)).totalCount).toBe(1);
  });

  test("are updated by absent, null and merged values", async () => {
    const externalId = `u-${randomUUID()}`;
    await upsert({
      externalId,
      displayName: "Ada",
      email: "ada@example.com",
      locale: "en-GB",
      metadata: { plan: "pro", seats: 3, deep: { a: 1 } },
    });
    const { user } = await upsert({ externalId, email: null, metadata: { seats: null, deep: { b: 2 } } });
    expect(user).toMatchObject({ displayName: "Ada", email: null, locale: "en-GB", metadata: { plan: "pro", deep: { b: 2 } } });
    expect((await upsert({ externalId, metadata: null })).user.metadata).toEqual({});
  });

  test.each([
    ["no external id", { externalId: "" }, "externalId REQUIRED"],
    ["a long external id", { externalId: "x".repeat(256) }, "externalId TOO_LONG"],
    ["a control character", { externalId: "a\u0007b" }, "externalId PATTERN"],
    ["metadata that is no object", { externalId: "x", metadata: "text" }, "metadata WRONG_TYPE"],
    ["metadata that is too large", { externalId: "x", metadata: { a: "x".repeat(70_000) } }, "metadata TOO_LONG"],
    ["a locale that is none", { externalId: "x", locale: "!!" }, "locale PATTERN"],
  ])("are refused with %s", async (_what, input, expected) => {
    expect(faults(await upsert(input))).toBe(expected);
  });

  test("take their accounts, sessions, requests and secrets with them, after a confirmation", async () => {
    const { authConfigId, userId, session, credential } = await connect(app, key);
    const open = await initiate(app, key, { target: { authConfigId }, user: { id: userId } });
    const other = await connect(app, key, { authConfigId, choice: { account: "grace" } });
    const count = async () =>
      (
        await app.services.database.query<{ n: number }>(
          "sealed",
          `SELECT count(*)::int AS n FROM "SealedSecret" WHERE "ownerTable" = 'Credential'`,
          [],
        )
      )[0]!.n;
    const sealed = await count();
    const asked = await mutate(app, key, "deleteUser", { id: userId });
    expect(asked).toMatchObject({ code: "IN_USE", impact: { activeCredentialCount: 1, userCount: 1, pendingRequestCount: 1 } });
    expect(await who(app, session)).toBe("END_USER");
    expect((await mutate(app, key, "deleteUser", { id: userId, confirm: true }, "deletedId")).deletedId).toBe(userId);
    await expect.poll(() => who(app, session), { timeout: 1_000 }).toBe("SESSION_EXPIRED");
    expect(await count()).toBe(sealed - 1);
    const ids = JSON.stringify([userId, credential!.id, other.credential!.id]);
    const after = `query After { nodes(ids: ${ids}) { __typename } connectionRequest(id: "${open.id}") { status user { id } } }`;
    expect(await run(app, key, after)).toEqual({
      nodes: [null, null, { __typename: "Credential" }],
      connectionRequest: { status: "CANCELED", user: null },
    });
    expect(outcome(await mutate(app, key, "revealCredential", { id: credential!.id }))).toBe("NOT_FOUND");
    // Nothing can be begun for whoever is gone.
    expect(faults(await mutate(app, key, "initiateConnection", { target: { authConfigId }, user: { id: userId } }))).toBe(
      "user NOT_FOUND",
    );
    expect(outcome(await mutate(app, key, "createUserSession", { user: { id: userId } }))).toBe("NOT_FOUND");
  });

  test("free their externalId when they are deleted", async () => {
    const first = await createUser(app, key, "comes-back");
    await mutate(app, key, "deleteUser", { id: first.id });
    const second = await createUser(app, key, "comes-back");
    expect(second.id).not.toBe(first.id);
  });
});

describe("user sessions", () => {
  test.each([59, 0, -1, 86_401])("do not last %d seconds", async (expiresInSeconds) => {
    const user = await createUser(app, key);
    expect(faults(await mutate(app, key, "createUserSession", { user: { id: user.id }, expiresInSeconds }))).toBe(
      "expiresInSeconds OUT_OF_RANGE",
    );
  });

  test("last an hour unless told otherwise, and end then, over HTTP and WebSocket", async () => {
    const user = await createUser(app, key);
    const make = (more: object = {}) =>
      mutate(app, key, "createUserSession", { user: { externalId: user.externalId }, ...more }, "token expiresAt user { id }");
    const hour = await make();
    const now = (await app.services.database.now()).getTime();
    expect(Math.abs(Date.parse(hour.expiresAt) - now - 3_600_000)).toBeLessThan(5_000);
    expect(hour).toMatchObject({ token: expect.stringMatching(/^mls_/), user: { id: user.id } });
    const { token } = await make({ expiresInSeconds: 60 });
    const watching = socket(app, token);
    await watching.connected;
    expect(await who(app, token)).toBe("END_USER");
    try {
      await moveClock(app, 60_001);
      expect(await who(app, token)).toBe("SESSION_EXPIRED");
      expect(await who(app, hour.token)).toBe("END_USER");
      expect(await watching.closed).toBe(4401);
    } finally {
      await moveClock(app, 0);
    }
  });

  test("see and connect the connectors that they name, and no others", async () => {
    await createConfig(app, key);
    const user = await createUser(app, key);
    const make = (connectorSlugs: string[]) => mutate(app, key, "createUserSession", { user: { id: user.id }, connectorSlugs });
    expect(faults(await make(["sandbox", "nobody"]))).toBe("connectorSlugs.1 NOT_FOUND");
    expect(faults(await make([]))).toBe("connectorSlugs REQUIRED");
    expect(faults(await make(["slack", "slack"]))).toBe("connectorSlugs NOT_ALLOWED");
    const slack = await createSession(app, key, user.id, { connectorSlugs: ["slack"] });
    expect(outcome(await mutate(app, slack, "initiateConnection", { target: { connectorSlug: "sandbox" } }))).toBe("NOT_FOUND");
    expect((await list(app, slack, "connectors", "", "slug")).nodes).toEqual([{ slug: "slack" }]);
  });

  test("end all at once for a user when they are revoked: HTTP and WebSocket within a second", async () => {
    const user = await createUser(app, key);
    const [first, second] = [await createSession(app, key, user.id), await createSession(app, key, user.id)];
    const another = await createSession(app, key, (await createUser(app, key)).id);
    const watching = [socket(app, first), socket(app, second)];
    await Promise.all(watching.map(({ connected }) => connected));
    expect(await who(app, first)).toBe("END_USER");
    const revokedAt = performance.now();
    expect((await mutate(app, key, "revokeUserSessions", { user: { id: user.id } }, "revokedCount")).revokedCount).toBe(2);
    expect(await Promise.all(watching.map(({ closed }) => closed))).toEqual([4401, 4401]);
    expect([await who(app, first), await who(app, second), await who(app, another)]).toEqual([
      "SESSION_EXPIRED",
      "SESSION_EXPIRED",
      "END_USER",
    ]);
    expect(performance.now() - revokedAt).toBeLessThan(1_000);
    expect((await mutate(app, key, "revokeUserSessions", { user: { id: user.id } }, "revokedCount")).revokedCount).toBe(0);
  });
});
