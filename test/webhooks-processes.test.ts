import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ADMIN_KEY, moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { killPrograms, type Run, startProgram } from "./support/process.ts";
import { createConfig, createUser, initiate } from "./support/seed.ts";
import { createWebhook, deleteWebhook, type Receiver, readWebhook, startReceiver, verify, wakeJob } from "./support/webhooks.ts";

/** Several processes on one PostgreSQL: this one's app, and `node src/main.ts`. */
let app: TestApp;
let receiver: Receiver;
let env: Record<string, string>;
beforeAll(async () => {
  receiver = await startReceiver();
  env = {
    DATABASE_URL: await createPostgresDatabase(),
    MOORLINE_MASTER_KEYS: Buffer.alloc(32, 7).toString("base64"),
    MOORLINE_EGRESS_ALLOW: "127.0.0.1/32",
  };
  app = await startTestApp(env);
});
afterAll(async () => {
  killPrograms();
  await app?.close();
  await receiver?.close();
});
beforeEach(() => receiver.reset());

async function startOther(): Promise<Run & { url: string }> {
  const more = { HOST: "127.0.0.1", PORT: "0", MOORLINE_SANDBOX: "false", MOORLINE_DATA_DIR: app.dataDirectory };
  const run = startProgram("src/main.ts", { ...env, ...more });
  const [, url] = await run.printed(/GraphQL API +(\S+)\/graphql/);
  return Object.assign(run, { url: url! });
}

/** One event for each request. The sandbox is one process's own, so it is another connector's. */
async function events(at: { url: string }, count: number) {
  const config = await createConfig(at, ADMIN_KEY, { connectorSlug: "github", clientId: "c", clientSecret: "s" });
  const user = await createUser(at, ADMIN_KEY);
  const one = () => initiate(at, ADMIN_KEY, { target: { authConfigId: config.id }, user: { id: user.id } });
  return Promise.all(Array.from({ length: count }, one));
}

test("two processes send every event, and each of them once", async () => {
  const other = await startOther();
  const webhook = await createWebhook(app, ADMIN_KEY, { url: receiver.url });
  receiver.reset((response) => setTimeout(() => response.writeHead(204).end(), Math.random() * 30));
  const requests = (await Promise.all([events(app, 60), events(other, 60)])).flat();
  await receiver.received(120);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(receiver.posted.map(({ event }) => event.data.connectionRequestId).sort()).toEqual(requests.map(({ id }) => id).sort());
  const read = async (status: "DELIVERED" | "PENDING") =>
    (await readWebhook(app, ADMIN_KEY, webhook.id, { filter: { status: [status] } }))!.deliveries.totalCount;
  await expect.poll(() => read("DELIVERED")).toBe(120);
  expect(await read("PENDING")).toBe(0);
  await deleteWebhook(app, ADMIN_KEY, webhook.id);
  other.child.kill("SIGTERM");
  expect(await other.ended).toBe(0);
});

test("what a process was sending when it was killed is sent again by another one, under the same id", async () => {
  const webhook = await createWebhook(app, ADMIN_KEY, { url: receiver.url });
  await app.close();
  const other = await startOther();
  // It has arrived, and nobody has written that down.
  receiver.reset(() => other.child.kill("SIGKILL"));
  await events(other, 1);
  const [first] = await receiver.received(1);
  await other.ended;
  app = await startTestApp(env);
  receiver.answer = 204;
  const read = async () => (await readWebhook(app, ADMIN_KEY, webhook.id))!.deliveries.nodes;
  await wakeJob(app);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(receiver.posted, "while the one that was killed could still be at it").toHaveLength(1);
  await moveClock(app, 61_000);
  await wakeJob(app);
  const [, second] = await receiver.received(2);
  expect([second!.id, second!.body]).toEqual([first!.id, first!.body]);
  verify(webhook.secret, second!, 61_000);
  await expect.poll(read).toMatchObject([{ status: "DELIVERED", attempts: 2, lastResponseStatus: 204 }]);
  await deleteWebhook(app, ADMIN_KEY, webhook.id);
});

test("a process that is ended lets what it is sending arrive", async () => {
  const webhook = await createWebhook(app, ADMIN_KEY, { url: receiver.url });
  receiver.reset((response) => setTimeout(() => response.writeHead(204).end(), 800));
  const began = receiver.received(1);
  await events(app, 1);
  await began;
  await app.close();
  app = await startTestApp(env);
  expect((await readWebhook(app, ADMIN_KEY, webhook.id))!.deliveries.nodes).toMatchObject([{ status: "DELIVERED", attempts: 1 }]);
  expect(receiver.posted).toHaveLength(1);
});
