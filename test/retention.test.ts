import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ADMIN_KEY, moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { list, mutate } from "./support/entities.ts";
import { run, send } from "./support/graphql.ts";
import { createProject } from "./support/oauth.ts";
import { connect, createSession, createUser } from "./support/seed.ts";
import { overEvents, overWebSocket, type Subscribe } from "./support/streams.ts";

/** What grows with use is kept for a time. On PostgreSQL, where statements that are prepared under one name have to be one. */

const DAY = 86_400_000;

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({
    DATABASE_URL: await createPostgresDatabase(),
    MOORLINE_MASTER_KEYS: Buffer.alloc(32, 5).toString("base64"),
  });
});
afterAll(() => app?.close());

interface Change {
  cursor: string;
  credential: { id: string; enabled: boolean } | null;
}

const WATCH = `subscription($after: String) { credentialChanged(after: $after) { cursor credential { id enabled } } }`;

const watch = (after: string, subscribe: Subscribe = overWebSocket) =>
  subscribe<Change>({ url: app.url, token: ADMIN_KEY, query: WATCH, variables: { after } });

/** Before every change. */
const FIRST = Buffer.from("c1:0").toString("base64url");

const setEnabled = (id: string, enabled: boolean) => mutate(app, ADMIN_KEY, "setCredentialEnabled", { id, enabled });

test("a cursor whose changes are kept no more says so, and what is to be done; a later one goes on", async () => {
  const { credential } = await connect(app, ADMIN_KEY);
  const id = credential!.id;
  await setEnabled(id, false);
  const before = watch(FIRST);
  const early = (await before.until((change) => change.credential !== null)).cursor;
  await before.stop();
  const { credentialChange } = app.services.database.prisma;
  try {
    await moveClock(app, 29 * DAY);
    const still = watch(early);
    expect((await still.until((change) => change.credential?.id === id)).credential?.id).toBe(id);
    await still.stop();

    await moveClock(app, 31 * DAY);
    await expect.poll(() => credentialChange.count(), { timeout: 15_000 }).toBe(0);
    for (const subscribe of [overWebSocket, overEvents] as Subscribe[]) {
      await expect(watch(early, subscribe).completed).rejects.toMatchObject([
        { message: expect.stringContaining("Subscribe without `after`"), extensions: { code: "BAD_REQUEST" } },
      ]);
    }
    await setEnabled(id, true);
    const now = await credentialChange.findFirstOrThrow({ where: {}, orderBy: { xid: "asc" } });
    const late = watch(Buffer.from(`c1:${now.xid}`).toString("base64url"));
    expect((await late.take(1))[0]!.credential).toEqual({ id, enabled: true });
    await late.stop();
    // A credential's own history is for people, and stays.
    const { history } = (await list(app, ADMIN_KEY, "credentials", "", "id history(first: 50) { nodes { sequence kind } }"))
      .nodes[0] as unknown as { history: { nodes: { sequence: number }[] } };
    expect(Math.min(...history.nodes.map(({ sequence }) => sequence))).toBe(1);
  } finally {
    await moveClock(app, 0);
  }
});

test("what is forgotten of one project is no other's loss", async () => {
  const { key } = await createProject(app, ADMIN_KEY);
  const { credential } = await connect(app, key);
  const quiet = overWebSocket<Change>({ url: app.url, token: key, query: WATCH, variables: { after: FIRST } });
  expect((await quiet.take(1))[0]!.credential?.id).toBe(credential!.id);
  await quiet.stop();
});

test("a session that ended long ago is not known any more, and links that have ended neither", async () => {
  const user = await createUser(app, ADMIN_KEY);
  const token = await createSession(app, ADMIN_KEY, user.id, { expiresInSeconds: 60 });
  const code = async () => (await send(app, token, "{ viewer { user { id } } }")).errors?.[0]?.extensions.code;
  const { forgetOpenings } = await import("../src/jobs/forget-openings.ts");
  const { database } = app.services;
  const { id: apiKeyId, projectId } = await database.prisma.apiKey.findFirstOrThrow();
  await database.prisma.signInLink.create({
    data: { id: randomUUID(), projectId, apiKeyId, hash: Buffer.alloc(32, 3), expiresAt: await database.now() },
  });
  try {
    expect(await code()).toBeUndefined();
    await moveClock(app, 29 * DAY);
    for (let count = 0; count < 3; count++) await forgetOpenings(app.services);
    expect(await code()).toBe("SESSION_EXPIRED");
    expect(await database.prisma.signInLink.count()).toBe(0);
    await moveClock(app, 31 * DAY);
    await forgetOpenings(app.services);
    expect(await code()).toBe("UNAUTHENTICATED");
    expect(await run<{ user: { id: string } }, object>(app, ADMIN_KEY, `{ user(by: { id: "${user.id}" }) { id } }`)).toEqual({
      user: { id: user.id },
    });
  } finally {
    await moveClock(app, 0);
  }
});
