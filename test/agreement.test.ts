import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OPEN_STATUSES } from "../src/domain/connection-request.ts";
import { WEBHOOK_EVENTS } from "../src/domain/webhook-events.ts";
import { encodeId } from "../src/lib/ids.ts";
import { moveClock, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { mutate } from "./support/entities.ts";
import { begin, cancel, createProject, readCredential, reauthorize, reveal } from "./support/oauth.ts";
import { connect, createConfig, createOwnClientConfig, createUser, goThrough } from "./support/seed.ts";
import { overEvents, overWebSocket, type Subscribed } from "./support/streams.ts";
import { createWebhook, type Posted, type Receiver, readWebhook, startReceiver, wakeJob } from "./support/webhooks.ts";

/**
 * What happens to credentials is told three ways: by their stored history, by the subscription, and by webhooks. Many things are done at
 * once, by several callers, to the same credentials; then the three are compared, event for event.
 */

const CALLERS = 4;
/** Of each caller, after everything has been done once. */
const ROUNDS = Number(process.env.AGREEMENT_ROUNDS ?? 10);
/** How often the jobs look for what the clock has decided. */
const SWEEP_MS = 2_000;
const SEED = Number(process.env.AGREEMENT_SEED ?? Math.floor(Math.random() * 2 ** 31));

interface Frame {
  kind: string;
  sequence: number;
  cursor: string;
  deletedId: string | null;
  credential: { id: string; status: string } | null;
}

const CHANGES = `subscription($after: String) {
  credentialChanged(after: $after) { kind sequence cursor deletedId credential { id status } }
}`;

/** Whoever has seen nothing yet has no cursor of their own. */
const BEGINNING = Buffer.from("c1:0").toString("base64url");

const idOf = (frame: Frame) => frame.deletedId ?? frame.credential!.id;
const keyOf = (id: string, sequence: number) => `${id} ${sequence}`;

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function randomness(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe.each(["PGlite", "PostgreSQL"])("on %s", (dialect) => {
  let app: TestApp;
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await startReceiver();
    const database = dialect === "PostgreSQL" ? { DATABASE_URL: await createPostgresDatabase() } : {};
    const MOORLINE_MASTER_KEYS = Buffer.alloc(32, 7).toString("base64");
    app = await startTestApp({
      ...(database as object),
      ...(dialect === "PostgreSQL" && { MOORLINE_MASTER_KEYS }),
      MOORLINE_EGRESS_ALLOW: "127.0.0.1/32",
    });
  });
  afterAll(async () => {
    await app?.close();
    await receiver?.close();
  });

  test(`history, subscription and webhooks agree, event for event (seed ${SEED})`, { timeout: 120_000 }, async () => {
    const random = randomness(SEED);
    const { key } = await createProject(app, app.adminKey);
    const webhook = await createWebhook(app, key, { url: receiver.url });
    receiver.reset((response) => response.writeHead(random() < 0.1 ? 500 : 204).end());
    const steady = subscribe(app, key);
    const restless = reconnecting(app, key, random);
    // From before the first change on.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await act(app, key, random);
    await settled(app);

    const history = await storedHistory(app);
    // Uses change nothing, and of what is gone nobody is told any more: what the provider said of its tokens is for the log.
    const gone = await deletions(app);
    const told = history.filter(
      ({ id, sequence, kind }) => kind !== "USED" && kind !== "REVEALED" && sequence <= (gone.get(id) ?? sequence),
    );
    expect(new Set(told.map(({ kind }) => kind)), "all of it happened").toEqual(
      new Set(["CONNECTED", "REAUTHORIZED", "REFRESHED", "REFRESH_FAILED", "STATUS_CHANGED", "TESTED", "UPDATED", "REVOKED"]),
    );
    expect(history.some(({ kind }) => kind === "REVEALED")).toBe(true);
    expect(
      told.some(({ kind, status, before }) => kind === "STATUS_CHANGED" && status === "EXPIRED" && before === "ACTIVE"),
    ).toBe(true);

    expect((await readWebhook(app, key, webhook.id, { filter: { status: ["PENDING"] } }))!.deliveries.totalCount).toBe(0);
    compareWebhooks(told, receiver.posted);
    await compareRequests(app, receiver.posted);
    const changes = await storedChanges(app);
    expect(changes).toEqual(told.map(({ id, sequence }) => keyOf(id, sequence)).sort());

    const live = new Set((await liveCredentials(app)).map((id) => encodeId("Credential", id)));
    for (const { id, sequence } of new Map(told.map((event) => [event.id, event])).values())
      await steady.until((frame) => idOf(frame) === id && (frame.sequence === sequence || frame.kind === "DELETED"));
    compareFrames(told, steady.frames, live);
    expect(new Set(steady.frames.map((frame) => keyOf(idOf(frame), frame.sequence))).size, "nothing twice").toBe(
      steady.frames.length,
    );
    compareFrames(told, await restless.stop(), live);
    for (const id of live) {
      const credential = await readCredential(app, key, id);
      const of = told.filter((event) => event.id === id);
      expect([of.at(-1)!.status, credential!.status], JSON.stringify(credential)).toEqual([
        credential!.status,
        of.at(-1)!.status,
      ]);
      expect(steady.frames.findLast((frame) => frame.credential?.id === id)!.credential!.status).toBe(credential!.status);
    }
    // Whoever comes back after any message has everything from there on.
    const middle = steady.frames[Math.floor(steady.frames.length / 2)]!;
    const resumed = subscribe(app, key, middle.cursor);
    const rest = steady.frames
      .slice(Math.floor(steady.frames.length / 2) + 1)
      .filter((frame) => live.has(idOf(frame)) || frame.kind === "DELETED");
    for (const frame of rest) await resumed.until((one) => idOf(one) === idOf(frame) && one.sequence === frame.sequence);
    await Promise.all([resumed.stop(), steady.stop()]);
  });
});

function subscribe(app: TestApp, token: string, after?: string): Subscribed<Frame> {
  return overWebSocket<Frame>({ url: app.url, token, query: CHANGES, variables: { ...(after && { after }) } });
}

/** A subscriber that is cut off again and again, and goes on from the last message that it has seen. */
function reconnecting(app: TestApp, token: string, random: () => number) {
  const seen: Frame[] = [];
  let ending = false;
  const done = (async () => {
    let quiet = 0;
    while (!ending || quiet < 2) {
      const after = seen.at(-1)?.cursor ?? BEGINNING;
      const stream = overEvents<Frame>({ url: app.url, token, query: CHANGES, variables: { after } });
      await new Promise((resolve) => setTimeout(resolve, 150 + random() * 500));
      await stream.drop();
      const known = new Set(seen.map((frame) => keyOf(idOf(frame), frame.sequence)));
      const fresh = stream.frames.filter((frame) => !known.has(keyOf(idOf(frame), frame.sequence)));
      seen.push(...fresh);
      quiet = ending && fresh.length === 0 ? quiet + 1 : 0;
    }
  })();
  return {
    async stop() {
      ending = true;
      await done;
      return seen;
    },
  };
}

interface Connected {
  id: string;
  clientId: string;
  userId: string;
  authConfigId: string;
}

interface World {
  app: TestApp;
  key: string;
  random: () => number;
  /** Those that are deleted stay in it, and are met with NOT_FOUND. */
  credentials: Connected[];
  /** An auth config of a connector that takes API keys. */
  typedConfig: string;
}

type Action = (world: World, one: Connected) => Promise<unknown>;

/** Everything once for certain, then by chance, by several callers at once: some of it comes too late, and nothing may be told of that. */
async function act(app: TestApp, key: string, random: () => number): Promise<void> {
  const scheme = { apiKey: { location: "HEADER", name: "x-key" } };
  await mutate(app, key, "createConnector", { slug: "typed", name: "Typed", baseUrl: "https://api.invalid", scheme });
  const world: World = { app, key, random, credentials: [], typedConfig: (await createConfig(app, key, TYPED)).id };
  const first = await add(world);
  for (const action of [...ACTIONS, addShortLived, addTyped, move, deny, cancelOne, again, revoke]) await action(world, first);
  await retype(world, world.credentials.at(-1)!);
  // One that nobody meets again: whatever chance does to the others, it runs out.
  await addShortLived(world, first);
  world.credentials.pop();
  for (const end of ENDINGS) await end(world, await add(world));
  const caller = async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const more = [another, again, addShortLived, addTyped, retype, move, deny, cancelOne];
      const action = pick(world, random() < 0.12 ? [revoke, ...ENDINGS] : [...ACTIONS, ...more]);
      await action(world, pick(world, world.credentials));
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

function pick<Item>({ random }: World, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)]!;
}

async function add(world: World, switches: object = {}): Promise<Connected> {
  const { app, key } = world;
  const config = await createOwnClientConfig(app, key, switches);
  const { credential, userId, request } = await connect(app, key, { authConfigId: config.id });
  expect(request, JSON.stringify(request)).toMatchObject({ status: "ACTIVE" });
  const one = { id: credential!.id, clientId: config.clientId, userId, authConfigId: config.id };
  world.credentials.push(one);
  return one;
}

const another: Action = (world) => add(world);
/** What runs out without anybody's doing. */
const addShortLived: Action = (world) => add(world, { noRefreshToken: true, accessTokenTtlSeconds: 1 });

const TYPED = { connectorSlug: "typed" };

/** What a user has typed. */
async function type(world: World, authConfigId: string): Promise<void> {
  const { app, key } = world;
  const user = await createUser(app, key);
  const input = { target: { authConfigId }, user: { id: user.id }, fields: { apiKey: `key-${user.id}` } };
  const answer = await mutate(app, key, "createCredential", input, "credential { id }");
  // The config may be gone by then.
  if (answer.__typename !== "CreateCredentialPayload") return;
  const { credential } = answer;
  world.credentials.push({ id: credential.id, clientId: "", userId: user.id, authConfigId });
}

const addTyped: Action = (world) => type(world, world.typedConfig);
const retype: Action = (world, one) =>
  on("updateCredential", ({ random }) => ({ fields: { apiKey: `key-${random()}` } }))(world, one);

/** A config hands its credentials on, many by one statement. */
const move: Action = async (world) => {
  const { app, key, typedConfig } = world;
  const { id } = await createConfig(app, key, TYPED);
  for (let count = 0; count < 3; count += 1) await type(world, id);
  await mutate(app, key, "deleteAuthConfig", { id, confirm: true, reassignTo: typedConfig });
};

const on =
  (name: string, input: (world: World) => object = () => ({})): Action =>
  (world, { id }) =>
    mutate(world.app, world.key, name, { id, ...input(world) });

const invalidate: Action = async (world, one) => {
  // Without a client it would be everybody's.
  if (one.clientId) await world.app.sandbox!.control.revokeGrants({ clientId: one.clientId });
  await on("refreshCredential")(world, one);
};

const again: Action = async ({ app, key }, { id }) => {
  const answer = await reauthorize(app, key, { id, returnUrl: RETURN_URL });
  if (answer.__typename !== "ReauthorizeCredentialPayload") return;
  // Whoever ends the credential meanwhile takes the pages away from under its user.
  await goThrough(answer.connectionRequest.authorizationUrl!).catch(() => {});
};

const deny: Action = async ({ app, key }) => {
  const begun = await begin(app, { key });
  await goThrough(begun.url, { deny: true });
};

const cancelOne: Action = async ({ app, key }) => cancel(app, key, (await begin(app, { key })).request.id);

const ACTIONS: Action[] = [
  on("refreshCredential"),
  on("testCredential"),
  on("setCredentialEnabled", () => ({ enabled: false })),
  on("setCredentialEnabled", () => ({ enabled: true })),
  on("updateCredential", ({ random }) => ({ label: `Label ${random()}` })),
  ({ app, key }, { id }) => reveal(app, key, { id }),
  invalidate,
];
const revoke = on("revokeCredential");
const ENDINGS: Action[] = [
  ({ app, key }, { userId }) => mutate(app, key, "deleteUser", { id: userId, confirm: true }),
  ({ app, key }, { authConfigId }) => mutate(app, key, "deleteAuthConfig", { id: authConfigId, confirm: true }),
];

interface Told {
  id: string;
  sequence: number;
  kind: string;
  status: string;
  /** Of the event before; null for the first. */
  before: string | null;
}

/**
 * Credential by credential; deleted ones, which no caller sees any more, included. Not by time: `at` is when a transaction began, and of
 * two that met at one credential the one that began first may have been the second to get it.
 */
async function storedHistory(app: TestApp): Promise<Told[]> {
  const orderBy = [{ credentialId: "asc" }, { sequence: "asc" }] as const;
  const rows = await app.services.database.prisma.credentialEvent.findMany({ orderBy: [...orderBy] });
  const latest = new Map<string, Told>();
  return rows.map(({ credentialId, sequence, kind, status }) => {
    const id = encodeId("Credential", credentialId);
    const previous = latest.get(id);
    expect(sequence, "without a gap").toBe((previous?.sequence ?? 0) + 1);
    const one = { id, sequence, kind, status, before: previous?.status ?? null };
    latest.set(id, one);
    return one;
  });
}

async function storedChanges(app: TestApp): Promise<string[]> {
  const rows = await app.services.database.prisma.credentialChange.findMany();
  return rows.map(({ credentialId, sequence }) => keyOf(encodeId("Credential", credentialId), sequence)).sort();
}

/** By id, which event of its history it was. */
async function deletions(app: TestApp): Promise<Map<string, number>> {
  const rows = await app.services.database.prisma.credentialChange.findMany({ where: { kind: "DELETED" } });
  return new Map(rows.map(({ credentialId, sequence }) => [encodeId("Credential", credentialId), sequence]));
}

async function liveCredentials(app: TestApp): Promise<string[]> {
  const rows = await app.services.database.prisma.credential.findMany({ where: { deletedAt: null }, select: { id: true } });
  return rows.map(({ id }) => id);
}

/**
 * Moves the clock on until everything that was begun has come to its end, and no job has found anything to do for twice the time between
 * two of its runs: deliveries that failed at first, revocations, requests that nobody finishes, tokens that run out.
 */
async function settled(app: TestApp): Promise<void> {
  const { prisma } = app.services.database;
  const unfinished = async () =>
    (await prisma.webhookDelivery.count({ where: { status: "PENDING" } })) +
    (await prisma.revocation.count({ where: { status: "PENDING" } })) +
    (await prisma.connectionRequest.count({ where: { status: { in: OPEN_STATUSES } } }));
  const written = async () => (await prisma.credentialEvent.count()) + (await prisma.connectionEvent.count());
  let before = -1;
  for (let round = 1; round < 100; round += 1) {
    await wakeJob(app);
    await new Promise((resolve) => setTimeout(resolve, 200));
    if ((await unfinished()) > 0) {
      await moveClock(app, round * 2 * 60_000);
      continue;
    }
    if ((await written()) === before) return;
    before = await written();
    await new Promise((resolve) => setTimeout(resolve, 2 * SWEEP_MS));
  }
  throw new Error("It never came to an end.");
}

/** Each event once: a repeated delivery has the id of the first. */
function distinct(posted: Posted[]): Posted[] {
  const byId = new Map(posted.map((one) => [one.id, one]));
  for (const one of posted) expect(one.body).toBe(byId.get(one.id)!.body);
  for (const { event } of posted) expect([...WEBHOOK_EVENTS.keys()]).toContain(event.type);
  return [...byId.values()];
}

function compareWebhooks(told: Told[], posted: Posted[]): void {
  const heard = distinct(posted).flatMap(({ event: { type, data } }) =>
    type.startsWith("credential.")
      ? [{ id: data.credentialId, sequence: data.sequence, kind: data.kind, status: data.status, before: data.previousStatus }]
      : [],
  );
  const sorted = (list: Told[]) => list.map((one) => JSON.stringify(one)).sort();
  expect(sorted(heard)).toEqual(sorted(told));
}

async function compareRequests(app: TestApp, posted: Posted[]): Promise<void> {
  const rows = await app.services.database.prisma.connectionEvent.findMany();
  const stored = rows.map(
    ({ requestId, sequence, status }) => `${encodeId("ConnectionRequest", requestId)} ${sequence} ${status}`,
  );
  const heard = distinct(posted).flatMap(({ event: { type, data } }) =>
    type.startsWith("connection_request.") ? [`${data.connectionRequestId} ${data.sequence} ${data.status}`] : [],
  );
  expect(heard.sort()).toEqual(stored.sort());
}

/** Of a credential that is still there every event, in order; of one that is gone at least that. */
function compareFrames(told: Told[], frames: Frame[], live: Set<string>): void {
  const byId = Map.groupBy(frames, idOf);
  for (const [id, events] of Map.groupBy(told, (event) => event.id)) {
    const seen = byId.get(id)!.map(({ sequence }) => sequence);
    const stored = events.map(({ sequence }) => sequence);
    if (live.has(id)) expect(seen, id).toEqual(stored);
    else {
      const deletion = byId.get(id)!.find(({ kind }) => kind === "DELETED");
      expect(deletion, id).toBeDefined();
      expect(seen, id).toEqual(stored.filter((sequence) => seen.includes(sequence)));
    }
  }
}
