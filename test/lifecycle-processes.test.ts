import { randomUUID } from "node:crypto";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, inject, test } from "vitest";
import { recordCredentialEvent } from "../src/domain/credential-event.ts";
import { ADMIN_KEY, moveClock, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { list, mutate } from "./support/entities.ts";
import {
  accessToken,
  apiStatus,
  connected,
  outcomes,
  ownConnector,
  revocations,
  revoke,
  told,
  uuid,
  wake,
} from "./support/lifecycle.ts";
import { readCredential, tokenRequests } from "./support/oauth.ts";
import { killPrograms, startProgram } from "./support/process.ts";
import { connect, createConfig, createUser, goThrough, initiate, readRequest } from "./support/seed.ts";

const MINUTE = 60_000;
const DOWN = { revocationError: { status: 503, error: "temporarily_unavailable" } };
const MASTER_KEY = Buffer.alloc(32, 9).toString("base64");

const open = new Set<TestApp>();
async function start(...given: Parameters<typeof startTestApp>): Promise<TestApp> {
  const app = await startTestApp(...given);
  open.add(app);
  return app;
}
async function stop(app: TestApp): Promise<void> {
  open.delete(app);
  await app.close();
}
afterEach(async () => {
  for (const app of open) await stop(app);
});
afterAll(killPrograms);

/** The sandbox keeps its grants in the data directory, and its address only where the port is given. */
async function freePort(): Promise<string> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return String(port);
}

test("a restart goes on where the process before it left off", async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "moorline-lifecycle-"));
  await cp(inject("migratedDirectory"), join(dataDirectory, "database"), { recursive: true });
  const env = { MOORLINE_SANDBOX_PORT: await freePort(), MOORLINE_MASTER_KEYS: MASTER_KEY };
  try {
    const before = await start(env, { dataDirectory });
    const made = await connected(before);
    await before.sandbox!.control.setSwitches(made.config.clientId, DOWN);
    expect(outcomes(await revoke(before, ADMIN_KEY, made.id))).toEqual(["refresh_token PENDING", "access_token PENDING"]);
    await before.sandbox!.control.setSwitches(made.config.clientId, {});
    await stop(before);

    const after = await start(env, { dataDirectory });
    expect(await apiStatus(after, made.token)).toBe(200);
    await moveClock(after, MINUTE);
    await wake(after);
    await expect.poll(() => told(after, ADMIN_KEY, made.id).then(([latest]) => latest)).toMatch(/refresh_token: REVOKED/);
    expect(await apiStatus(after, made.token)).toBe(401);
    await stop(after);
  } finally {
    await rm(dataDirectory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
});

async function twoOnPostgres() {
  const env = {
    DATABASE_URL: await createPostgresDatabase(),
    MOORLINE_MASTER_KEYS: MASTER_KEY,
    MOORLINE_EGRESS_ALLOW: "127.0.0.1",
    MOORLINE_SANDBOX_PORT: await freePort(),
  };
  return { env, one: await start(env) };
}

test("of two processes one asks the provider about each token, however many are ended at once", async () => {
  const { env, one } = await twoOnPostgres();
  const two = await start({ ...env, MOORLINE_SANDBOX: "false" });
  const { clientId, config } = await ownConnector(one, ADMIN_KEY, "both-know-it");
  for (let count = 0; count < 12; count += 1) {
    await connect(one, ADMIN_KEY, { authConfigId: config.id, userId: (await createUser(one, ADMIN_KEY)).id });
  }
  await one.sandbox!.control.setSwitches(clientId, { revocationDelayMs: 100 });
  await mutate(two, ADMIN_KEY, "deleteAuthConfig", { id: config.id, confirm: true });
  await Promise.all([wake(one), wake(two)]);
  const statuses = () => revocations(one, clientId).map(({ status }) => status);
  await expect.poll(() => statuses().filter((status) => status === 200).length, { timeout: 10_000 }).toBe(24);
  await Promise.all([wake(one), wake(two)]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(statuses()).toHaveLength(24);
  const [left] = await one.services.database.query<{ n: number }>(
    "test_left",
    `SELECT count(*)::int AS "n" FROM "Revocation" WHERE "status" <> 'DONE'`,
    [],
  );
  expect(left!.n).toBe(0);
});

test("a process that is killed while it asks leaves the rest to another one", async () => {
  const { env, one } = await twoOnPostgres();
  const { clientId, config } = await ownConnector(one, ADMIN_KEY, "both-know-it");
  const { id } = (await connect(one, ADMIN_KEY, { authConfigId: config.id })).credential!;
  const token = await accessToken(one, ADMIN_KEY, id);
  await one.sandbox!.control.setSwitches(clientId, { revocationDelayMs: 60_000 });
  const killed = startProgram("src/main.ts", {
    ...env,
    PORT: "0",
    HOST: "127.0.0.1",
    MOORLINE_SANDBOX: "false",
    MOORLINE_DATA_DIR: join(tmpdir(), `moorline-${randomUUID()}`),
    MOORLINE_BOOTSTRAP_API_KEY: ADMIN_KEY,
  });
  const [, url] = await killed.printed(/GraphQL API +(\S+)\/graphql/);
  const revoking = revoke({ ...one, url: url! }, ADMIN_KEY, id).catch(() => null);
  await expect.poll(() => revocations(one, clientId).length, { timeout: 10_000 }).toBe(1);
  killed.child.kill("SIGKILL");
  await revoking;
  await one.sandbox!.control.setSwitches(clientId, {});
  // Its lease holds: nobody asks twice at the same time.
  await wake(one);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(revocations(one, clientId)).toHaveLength(1);
  await moveClock(one, 2 * MINUTE);
  await wake(one);
  await expect.poll(() => apiStatus(one, token)).toBe(401);
  await expect.poll(() => told(one, ADMIN_KEY, id).then(([latest]) => latest)).toMatch(/refresh_token: REVOKED/);
});

test("a credential that comes to be at the very moment when its config is deleted goes with it", async () => {
  const { one } = await twoOnPostgres();
  const { config, key, id, session, token } = await connected(one);
  await one.sandbox!.control.setSwitches(config.clientId, { tokenDelayMs: 500 });
  const input = { target: { authConfigId: config.id }, returnUrl: RETURN_URL };
  const request = await initiate(one, session, input);
  const playing = goThrough(request.authorizationUrl!, { account: "grace" });
  await expect.poll(() => tokenRequests(one, config.clientId, "authorization_code").length).toBe(2);
  // The flow has stored its credential, and waits for its request's row, when the deletion looks what there is.
  let letGo = () => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const holding = one.services.database.transact(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM "ConnectionRequest" WHERE "id" = ${uuid("ConnectionRequest", request.id)}::uuid FOR UPDATE`;
    await held;
  });
  await waiting(one, 1);
  const deleting = mutate(one, key, "deleteAuthConfig", { id: config.id, confirm: true });
  await waiting(one, 2);
  letGo();
  await holding;
  expect((await deleting).__typename).toBe("DeleteAuthConfigPayload");
  await playing;
  expect((await readRequest(one, key, request.id)).status).toBe("ACTIVE");
  expect(await readCredential(one, key, id)).toBeNull();
  expect((await list(one, key, "credentials")).totalCount).toBe(0);
  await expect.poll(() => revocations(one, config.clientId).filter(({ status }) => status === 200).length).toBe(4);
  expect(await apiStatus(one, token)).toBe(401);
});

/** Until so many transactions wait for a row that another one holds. */
async function waiting(app: TestApp, count: number): Promise<void> {
  const text = `SELECT count(*)::int AS "n" FROM pg_stat_activity WHERE "datname" = current_database() AND "wait_event_type" = 'Lock'`;
  const read = async () => (await app.services.database.query<{ n: number }>("test_waiting", text, []))[0]!.n;
  await expect.poll(read, { timeout: 10_000 }).toBe(count);
}

test("a move that meets an end under way waits for it, and does not tell of a life that is over", async () => {
  const app = await start({ DATABASE_URL: await createPostgresDatabase(), MOORLINE_MASTER_KEYS: MASTER_KEY });
  const scheme = { basic: {} };
  await mutate(app, ADMIN_KEY, "createConnector", { slug: "typed", name: "Typed", baseUrl: "https://api.invalid", scheme });
  const [from, to] = [
    await createConfig(app, ADMIN_KEY, { connectorSlug: "typed" }),
    await createConfig(app, ADMIN_KEY, { connectorSlug: "typed" }),
  ];
  const user = await createUser(app, ADMIN_KEY);
  const fields = { username: "ada", password: "s3cret" };
  const input = { target: { authConfigId: from.id }, user: { id: user.id }, fields };
  const { credential } = await mutate(app, ADMIN_KEY, "createCredential", input, "credential { id }");
  const id = uuid("Credential", credential.id);
  let moving: Promise<unknown> = Promise.resolve();
  await app.services.database.transact(async (tx) => {
    const where = { id };
    const { projectId } = await tx.credential.update({ where, data: { health: "REVOKED" } });
    await recordCredentialEvent(tx, { projectId, id }, { kind: "REVOKED", status: "REVOKED", message: "Revoked here." }, null);
    moving = mutate(app, ADMIN_KEY, "deleteAuthConfig", { id: from.id, confirm: true, reassignTo: to.id });
    // It has begun, and stands before the row.
    await new Promise((resolve) => setTimeout(resolve, 700));
  });
  expect(await moving).toMatchObject({ __typename: "DeleteAuthConfigPayload" });
  const moved = await readCredential(app, ADMIN_KEY, credential.id);
  expect(moved!.history.nodes.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
    "UPDATED REVOKED",
    "REVOKED REVOKED",
    "CONNECTED ACTIVE",
  ]);
});
