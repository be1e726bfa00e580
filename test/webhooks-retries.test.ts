import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { auditEvents, createProject } from "./support/oauth.ts";
import { createConfig, createUser, initiate } from "./support/seed.ts";
import {
  createWebhook,
  type Receiver,
  readWebhook,
  replay,
  startReceiver,
  updateWebhook,
  verify,
  wakeJob,
} from "./support/webhooks.ts";

let app: TestApp;
let receiver: Receiver;
let offsetMs = 0;
beforeAll(async () => {
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  receiver = await startReceiver();
});
afterAll(async () => {
  await app?.close();
  await receiver?.close();
});
beforeEach(() => receiver.reset());

const SECOND = 1_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Time only goes on, so that nothing that fell due is taken back. */
async function later(ms: number): Promise<void> {
  offsetMs += ms;
  await moveClock(app, offsetMs);
  await wakeJob(app);
}

async function project() {
  const { key } = await createProject(app, app.adminKey);
  const config = await createConfig(app, key);
  const user = await createUser(app, key);
  const events = ["connection_request.pending"];
  const webhook = await createWebhook(app, key, { url: receiver.url, events });
  /** One event, and no more. */
  const happen = () => initiate(app, key, { target: { authConfigId: config.id }, user: { id: user.id } });
  const read = async () => (await readWebhook(app, key, webhook.id))!;
  const deliveries = async () => (await read()).deliveries.nodes;
  /** The only delivery, once it has been tried so many times. */
  const tried = async (attempts: number) => {
    const settled = async () => {
      const [one] = await deliveries();
      return one!.attempts === attempts && (one!.lastError !== null || one!.status !== "PENDING");
    };
    await expect.poll(settled, { timeout: 10_000, interval: 30 }).toBe(true);
    return (await deliveries())[0]!;
  };
  return { key, webhook, happen, read, deliveries, tried };
}

const untilNext = ({ nextAttemptAt }: { nextAttemptAt: string | null }) =>
  new Date(nextAttemptAt!).getTime() - Date.now() - offsetMs;

test("an endpoint that fails is tried again, later and later, and the event arrives when it is back", async () => {
  receiver.reset(500);
  const { happen, tried, webhook } = await project();
  await happen();
  const waits: number[] = [];
  for (const attempt of [1, 2, 3, 4]) {
    const delivery = await tried(attempt);
    expect(delivery).toMatchObject({ status: "PENDING", lastResponseStatus: 500, lastError: "The receiver answered 500." });
    waits.push(untilNext(delivery));
    await later(waits.at(-1)! + SECOND);
  }
  expect(
    waits.map((wait, index) => wait > [3, 23, 95, 470][index]! * SECOND && wait < [7, 37, 145, 725][index]! * SECOND),
  ).toEqual([true, true, true, true]);
  await tried(5);
  receiver.reset(200);
  await later(HOUR);
  expect(await tried(6)).toMatchObject({ status: "DELIVERED", lastResponseStatus: 200, lastError: null, nextAttemptAt: null });
  const [posted] = receiver.posted;
  expect(verify(webhook.secret, posted!, offsetMs).type).toBe("connection_request.pending");
});

test("every attempt has the same id and body, and a time and signature of its own", async () => {
  receiver.reset(503);
  const { happen, tried, webhook } = await project();
  await happen();
  await tried(1);
  await later(30 * SECOND);
  await tried(2);
  const [first, second] = receiver.posted;
  expect([second!.id, second!.body]).toEqual([first!.id, first!.body]);
  expect(Number(second!.headers["webhook-timestamp"]) - Number(first!.headers["webhook-timestamp"])).toBeGreaterThanOrEqual(30);
  verify(webhook.secret, second!, offsetMs);
  expect(() => verify(webhook.secret, second!, offsetMs + HOUR)).toThrow("too old");
});

test("what no attempt of three days brought home has failed, and can be replayed", async () => {
  receiver.reset(500);
  const { key, webhook, happen, deliveries, tried } = await project();
  await happen();
  let delivery = await tried(1);
  for (let attempt = 2; delivery.status === "PENDING"; attempt += 1) {
    await later(Math.max(untilNext(delivery), 16 * 60 * SECOND) + SECOND);
    delivery = await tried(attempt);
    expect(attempt).toBeLessThan(20);
  }
  expect(delivery).toMatchObject({ status: "FAILED", nextAttemptAt: null, lastResponseStatus: 500 });
  expect(delivery.attempts).toBeGreaterThan(8);
  const age = Date.now() + offsetMs - new Date(delivery.createdAt).getTime();
  expect(age).toBeGreaterThan(DAY);
  expect(age).toBeLessThan(3 * DAY + HOUR);
  const id = receiver.posted[0]!.id;
  receiver.reset();
  expect(await replay(app, key, delivery.id)).toMatchObject({ webhookDelivery: { status: "PENDING", attempts: 0, eventId: id } });
  const [posted] = await receiver.received(1);
  expect(posted!.id).toBe(id);
  await expect.poll(async () => (await deliveries()).map(({ status }) => status)).toEqual(["DELIVERED", "FAILED"]);
  const again = await replay(app, key, (await deliveries())[0]!.id);
  expect(again, "a delivered one can be sent once more, too").toMatchObject({ webhookDelivery: { eventId: id } });
  expect((await receiver.received(2))[1]!.body).toBe(posted!.body);
  const audited = await auditEvents(app, key, { action: "webhook.delivery_replayed" });
  expect(audited.map(({ targetId }) => targetId)).toContain(delivery.id);
  expect(webhook.enabled).toBe(true);
});

test("a delivery that waits for hours is tried at once where it is replayed", async () => {
  receiver.reset(500);
  const { key, happen, tried } = await project();
  await happen();
  const { id, eventId } = await tried(1);
  receiver.reset();
  expect(await replay(app, key, id)).toMatchObject({ webhookDelivery: { id, eventId, status: "PENDING" } });
  expect(await tried(2)).toMatchObject({ id, status: "DELIVERED" });
});

test("Retry-After is honoured, by all that goes to the same endpoint", async () => {
  receiver.reset((response) => response.writeHead(429, { "retry-after": "1800" }).end());
  const { happen, tried, read } = await project();
  await happen();
  const delivery = await tried(1);
  expect(untilNext(delivery)).toBeGreaterThan(1_790 * SECOND);
  expect(untilNext(delivery)).toBeLessThan(1_810 * SECOND);
  receiver.reset();
  await happen();
  await later(1_700 * SECOND);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(receiver.posted).toEqual([]);
  expect((await read()).pausedUntil).not.toBeNull();
  await later(120 * SECOND);
  await receiver.received(2);
  await expect.poll(async () => (await read()).deliveries.nodes.map(({ status }) => status)).toEqual(["DELIVERED", "DELIVERED"]);
  expect((await read()).pausedUntil).toBeNull();
});

test("410 switches the webhook off, which the audit log tells; what waits is held until it is on again", async () => {
  receiver.reset((response) => setTimeout(() => response.writeHead(410).end(), 300));
  const { key, webhook, happen, read, deliveries } = await project();
  await happen();
  await receiver.received(1);
  await expect.poll(async () => (await read()).enabled).toBe(false);
  expect((await deliveries())[0]).toMatchObject({ status: "FAILED", lastResponseStatus: 410, attempts: 1 });
  expect(await auditEvents(app, key, { action: "webhook.disabled" })).toMatchObject([
    { actorLabel: "Moorline", targetId: webhook.id, details: { reason: "410 Gone" } },
  ]);
  receiver.reset();
  await happen();
  expect(await deliveries(), "nothing new is kept for what is switched off").toHaveLength(1);
  expect(await replay(app, key, (await deliveries())[0]!.id)).toMatchObject({ __typename: "ConflictError", code: "CONFLICT" });
  await updateWebhook(app, key, { id: webhook.id, enabled: true });
  await happen();
  await receiver.received(1);
});

test("what waits while the webhook is switched off is sent when it is switched on", async () => {
  receiver.reset(500);
  const { key, webhook, happen, tried } = await project();
  await happen();
  await tried(1);
  await updateWebhook(app, key, { id: webhook.id, enabled: false });
  receiver.reset();
  await later(HOUR);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(receiver.posted).toEqual([]);
  await updateWebhook(app, key, { id: webhook.id, enabled: true });
  expect(await tried(2)).toMatchObject({ status: "DELIVERED" });
});

describe("an endpoint that is dead", () => {
  test("is asked by one at a time after a few failures, and holds up nobody else", async () => {
    const dead = await startReceiver((response) => void response);
    const { key } = await createProject(app, app.adminKey);
    const config = await createConfig(app, key);
    const user = await createUser(app, key);
    const events = ["connection_request.pending"];
    const hanging = await createWebhook(app, key, { url: dead.url, events });
    await createWebhook(app, key, { url: receiver.url, events });
    const happen = () => initiate(app, key, { target: { authConfigId: config.id }, user: { id: user.id } });
    try {
      for (let round = 0; round < 12; round += 1) await happen();
      const begun = performance.now();
      await receiver.received(12);
      expect(performance.now() - begun, "while the other keeps us waiting").toBeLessThan(5_000);
      expect(dead.posted.length, "so many at a time and no more").toBe(8);
      expect((await readWebhook(app, key, hanging.id))!.deliveries.nodes.filter(({ attempts }) => attempts > 0)).toHaveLength(8);
      // They are cut off as if it had gone down.
      dead.reset(500);
      dead.drop();
      const read = async () => (await readWebhook(app, key, hanging.id))!;
      await expect.poll(async () => (await read()).pausedUntil, { timeout: 10_000 }).not.toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 300));
      const seen = dead.posted.length;
      await happen();
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(dead.posted.length).toBe(seen);
      await later(31 * SECOND);
      await expect.poll(() => dead.posted.length).toBe(seen + 1);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(dead.posted.length, "one asks whether it is back").toBe(seen + 1);
      dead.answer = 204;
      await later(70 * SECOND);
      const open = async () => (await read()).deliveries.nodes.filter(({ status }) => status === "PENDING").length;
      await expect.poll(open, { timeout: 10_000 }).toBe(0);
      expect((await read()).deliveries.nodes.every(({ status }) => status === "DELIVERED")).toBe(true);
      expect((await read()).pausedUntil).toBeNull();
    } finally {
      await dead.close();
    }
  });
});

test("what would wait for hours yet arrives when the endpoint takes something again", async () => {
  receiver.reset(500);
  const { happen, tried, deliveries } = await project();
  await happen();
  let delivery = await tried(1);
  for (let attempt = 2; attempt <= 8; attempt += 1) {
    await later(Math.max(untilNext(delivery), 16 * 60 * SECOND) + SECOND);
    delivery = await tried(attempt);
  }
  expect(untilNext(delivery)).toBeGreaterThan(4 * HOUR);
  receiver.reset();
  await happen();
  await later(16 * 60 * SECOND);
  await receiver.received(2);
  await expect.poll(async () => (await deliveries()).map(({ status }) => status)).toEqual(["DELIVERED", "DELIVERED"]);
});

test("a redirect is not followed, and an answer's body is of no interest", async () => {
  receiver.reset((response) => response.writeHead(302, { location: `${receiver.url}/elsewhere` }).end());
  const { happen, tried } = await project();
  await happen();
  expect(await tried(1)).toMatchObject({
    lastResponseStatus: 302,
    lastError: expect.stringContaining("redirects are not followed"),
  });
  expect(receiver.posted.map(({ path }) => path)).toEqual(["/"]);
  // Larger than anything that is read, and never complete.
  receiver.reset((response) => response.writeHead(200, { "content-length": 100_000_000 }).write("canary".repeat(10_000)));
  await later(10 * SECOND);
  const delivered = await tried(2);
  expect(delivered).toMatchObject({ status: "DELIVERED", lastResponseStatus: 200 });
  expect(JSON.stringify(delivered)).not.toContain("canary");
});

test("the log of deliveries is kept for thirty days", async () => {
  const { happen, deliveries } = await project();
  await happen();
  await expect.poll(async () => (await deliveries()).map(({ status }) => status)).toEqual(["DELIVERED"]);
  const { forgetDeliveries } = await import("../src/jobs/forget-deliveries.ts");
  await later(29 * DAY);
  await forgetDeliveries(app.services);
  expect(await deliveries()).toHaveLength(1);
  await later(2 * DAY);
  await forgetDeliveries(app.services);
  expect(await deliveries()).toHaveLength(0);
});
