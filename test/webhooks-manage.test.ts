import dns from "node:dns";
import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { decodeId } from "../src/lib/ids.ts";
import { moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { list, mutate } from "./support/entities.ts";
import { send } from "./support/graphql.ts";
import { auditEvents, createProject } from "./support/oauth.ts";
import { connect, createConfig, createSession, createUser, initiate } from "./support/seed.ts";
import {
  createWebhook,
  deleteWebhook,
  type Receiver,
  readWebhook,
  replay,
  rotate,
  startReceiver,
  tryToCreate,
  updateWebhook,
  verify,
  wakeJob,
} from "./support/webhooks.ts";

let app: TestApp;
let receiver: Receiver;
beforeAll(async () => {
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  receiver = await startReceiver();
});
afterAll(async () => {
  await app?.close();
  await receiver?.close();
});
beforeEach(() => receiver.reset());

const HOUR = 3_600_000;
/** Names that end in `.invalid` are answered with ENOTFOUND in tests. */
const PUBLIC = "https://hooks.invalid/moorline?a=1";

async function project() {
  const { key, id } = await createProject(app, app.adminKey);
  const config = await createConfig(app, key);
  const user = await createUser(app, key);
  const happen = () => initiate(app, key, { target: { authConfigId: config.id }, user: { id: user.id } });
  return { key, id, user, happen };
}

describe("a webhook's URL", () => {
  /** As in production: this machine is not allowed. */
  let guarded: TestApp;
  beforeAll(async () => {
    guarded = await startTestApp();
  });
  afterAll(() => guarded?.close());

  test("is kept as it was given, also where its host does not exist yet", async () => {
    const { key } = await project();
    const webhook = await createWebhook(app, key, { url: PUBLIC });
    expect(webhook).toMatchObject({ url: PUBLIC, events: ["*"], enabled: true });
    expect(webhook.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  });

  test.each([
    ["http://hooks.invalid/", "https://"],
    ["https://user:secret@hooks.invalid/", "without user name, password or fragment"],
    ["https://hooks.invalid/#top", "without user name, password or fragment"],
    ["ftp://hooks.invalid/", "https://"],
    ["https://10.0.0.1/hook", "not at a public address"],
    ["https://169.254.169.254/latest/meta-data", "not at a public address"],
    ["https://[::1]/hook", "not at a public address"],
    ["https://[::ffff:10.0.0.1]/hook", "not at a public address"],
    ["https://0x7f.1/hook", "not at a public address"],
    ["https://2130706433/hook", "not at a public address"],
    ["https://localhost/hook", "not at a public address"],
    ["http://localhost:4000/hook", "MOORLINE_EGRESS_ALLOW"],
    ["http://127.0.0.1:4000/hook", "MOORLINE_EGRESS_ALLOW"],
  ])("%s is refused when it is created, and when it is changed", async (url, reason) => {
    const refused = {
      __typename: "InvalidInputError",
      issues: [{ path: ["url"], code: "NOT_ALLOWED", message: expect.stringContaining(reason) }],
    };
    expect(await tryToCreate(guarded, guarded.adminKey, { url })).toMatchObject(refused);
    const { id } = await createWebhook(guarded, guarded.adminKey, { url: PUBLIC });
    expect(await updateWebhook(guarded, guarded.adminKey, { id, url })).toMatchObject(refused);
    expect((await readWebhook(guarded, guarded.adminKey, id))!.url).toBe(PUBLIC);
    await deleteWebhook(guarded, guarded.adminKey, id);
  });

  test("whose name moves to a private address afterwards is not called", async () => {
    const { key, happen } = await project();
    const { port } = new URL(receiver.url);
    let address = "93.184.216.34";
    const lookup = dns.lookup;
    const spy = vi
      .spyOn(dns, "lookup")
      .mockImplementation(((host: string, options: object, callback: (...of: unknown[]) => void) =>
        host === "rebound.invalid"
          ? callback(null, [{ address, family: 4 }])
          : (lookup as (...of: unknown[]) => void)(host, options, callback)) as never);
    try {
      const webhook = await createWebhook(app, key, { url: `https://rebound.invalid:${port}/` });
      address = "10.1.2.3";
      await happen();
      const read = async () => (await readWebhook(app, key, webhook.id))!.deliveries.nodes[0]!;
      await expect.poll(async () => (await read()).lastError).toContain("rebound.invalid is not at a public address");
      expect(await read()).toMatchObject({ status: "PENDING", attempts: 1, lastResponseStatus: null });
      expect((await read()).lastError).not.toContain(address);
    } finally {
      spy.mockRestore();
    }
    expect(receiver.posted).toEqual([]);
  });
});

describe("the types of events", () => {
  test.each([
    [["credential.refreshed", "nonsense"], "1"],
    [["CREDENTIAL.*"], "0"],
    [["credential.used"], "0"],
    [[""], "0"],
  ])("%j are refused, with those that there are", async (events, index) => {
    const { key } = await project();
    const answer = await tryToCreate(app, key, { url: PUBLIC, events });
    expect(answer).toMatchObject({ __typename: "InvalidInputError", issues: [{ path: ["events", index], code: "NOT_ALLOWED" }] });
    for (const known of ["*", "credential.*", "credential.refreshed", "connection_request.active"])
      expect((answer as { message: string }).message).toContain(known);
  });

  test("are one at least, each once, and all of them where none is named", async () => {
    const { key } = await project();
    expect(await tryToCreate(app, key, { url: PUBLIC, events: [] })).toMatchObject({
      issues: [{ path: ["events"], code: "REQUIRED" }],
    });
    const webhook = await createWebhook(app, key, {
      url: PUBLIC,
      events: ["credential.*", "credential.*", "connection_request.failed"],
    });
    expect(webhook.events).toEqual(["credential.*", "connection_request.failed"]);
    const update = (input: object) => updateWebhook(app, key, { id: webhook.id, ...input });
    expect(await update({ events: ["connection_request.*"] })).toMatchObject({ webhook: { events: ["connection_request.*"] } });
    expect(await update({ enabled: true })).toMatchObject({ webhook: { events: ["connection_request.*"] } });
    expect(await update({ events: null })).toMatchObject({ webhook: { events: ["*"] } });
    expect(await update({ url: null, enabled: null })).toMatchObject({
      issues: [
        { path: ["url"], code: "REQUIRED" },
        { path: ["enabled"], code: "REQUIRED" },
      ],
    });
  });
});

test("a repeat under the same idempotency key gives the same webhook, without its secret", async () => {
  const { key } = await project();
  const input = { url: PUBLIC, idempotencyKey: "once" };
  const first = await createWebhook(app, key, input);
  const repeat = await createWebhook(app, key, input);
  expect([repeat.id, repeat.secret]).toEqual([first.id, ""]);
  expect(await tryToCreate(app, key, { ...input, url: `${PUBLIC}2` })).toMatchObject({ code: "IDEMPOTENCY_MISMATCH" });
});

describe("a rotated secret", () => {
  test("signs at once, beside the old one for a day, and alone afterwards", async () => {
    const { key, happen } = await project();
    // Of what a day brings to an end it is told nothing, so that nothing comes late.
    const webhook = await createWebhook(app, key, { url: receiver.url, events: ["connection_request.pending"] });
    const next = await rotate(app, key, webhook.id);
    expect(next).toMatch(/^whsec_/);
    expect(next).not.toBe(webhook.secret);
    await happen();
    const [both] = await receiver.received(1);
    expect(both!.headers["webhook-signature"]!.split(" ")).toHaveLength(2);
    for (const secret of [webhook.secret, next]) verify(secret, both!);
    await moveClock(app, 25 * HOUR);
    try {
      await happen();
      const alone = (await receiver.received(2))[1]!;
      expect(alone.headers["webhook-signature"]!.split(" ")).toHaveLength(1);
      verify(next, alone, 25 * HOUR);
      expect(() => verify(webhook.secret, alone, 25 * HOUR)).toThrow("No matching signature");
      const { forgetDeliveries } = await import("../src/jobs/forget-deliveries.ts");
      await forgetDeliveries(app.services);
      expect(await sealed(webhook.id)).toEqual(["secret"]);
    } finally {
      await moveClock(app, 0);
    }
  });

  test("of which another one is made before the first is in use cuts nobody off", async () => {
    const { key, happen } = await project();
    const webhook = await createWebhook(app, key, { url: receiver.url });
    const secrets = [webhook.secret, await rotate(app, key, webhook.id), await rotate(app, key, webhook.id)];
    await happen();
    const [posted] = await receiver.received(1);
    for (const secret of secrets) verify(secret, posted!);
    for (let more = 0; more < 8; more += 1) await rotate(app, key, webhook.id);
    expect(await mutate(app, key, "rotateWebhookSecret", { id: webhook.id })).toMatchObject({ code: "CONFLICT" });
  });

  test("is nowhere but in its one answer", async () => {
    const { key, happen } = await project();
    const webhook = await createWebhook(app, key, { url: receiver.url });
    const next = await rotate(app, key, webhook.id);
    await happen();
    const [posted] = await receiver.received(1);
    const { database } = app.services;
    const rows = await Promise.all([
      database.prisma.webhook.findMany(),
      database.prisma.webhookDelivery.findMany(),
      database.prisma.auditEvent.findMany(),
      database.prisma.idempotencyRecord.findMany(),
      database.prisma.sealedSecret.findMany().then((all) => all.map(({ blob }) => Buffer.from(blob).toString("latin1"))),
    ]);
    const everything = inspect([rows, posted, await readWebhook(app, key, webhook.id)], ALL);
    expect(everything).toContain("webhook.secret_rotated");
    for (const secret of [webhook.secret, next]) expect(everything).not.toContain(secret.slice("whsec_".length, -1));
  });
});

const ALL = { depth: null, maxArrayLength: null, maxStringLength: null };

async function sealed(publicId: string): Promise<string[]> {
  const rows = await app.services.database.prisma.sealedSecret.findMany({ where: { ownerId: decodeId("Webhook", publicId)! } });
  return rows.map(({ column }) => column).sort();
}

test("a deleted webhook is gone with its log and its secrets, and hears nothing more", async () => {
  const { key, happen } = await project();
  receiver.reset(500);
  const webhook = await createWebhook(app, key, { url: receiver.url });
  await rotate(app, key, webhook.id);
  await happen();
  await receiver.received(1);
  const [delivery] = (await readWebhook(app, key, webhook.id))!.deliveries.nodes;
  expect(await deleteWebhook(app, key, webhook.id)).toEqual({ __typename: "DeleteWebhookPayload", deletedId: webhook.id });
  receiver.reset();
  await happen();
  await wakeJob(app);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(receiver.posted).toEqual([]);
  expect(await readWebhook(app, key, webhook.id)).toBeNull();
  expect(await sealed(webhook.id)).toEqual([]);
  expect((await list(app, key, "webhooks")).totalCount).toBe(0);
  const gone = { __typename: "NotFoundError", code: "NOT_FOUND" };
  expect(await deleteWebhook(app, key, webhook.id)).toMatchObject(gone);
  expect(await updateWebhook(app, key, { id: webhook.id, enabled: true })).toMatchObject(gone);
  expect(await mutate(app, key, "rotateWebhookSecret", { id: webhook.id })).toMatchObject(gone);
  expect(await replay(app, key, delivery!.id)).toMatchObject(gone);
});

test("webhooks are their project's ADMINs' alone", async () => {
  const { key, user, happen } = await project();
  const webhook = await createWebhook(app, key, { url: receiver.url });
  await happen();
  await receiver.received(1);
  const [delivery] = (await readWebhook(app, key, webhook.id))!.deliveries.nodes;
  const developer = (await mutate(app, key, "createApiKey", { name: "D", role: "DEVELOPER" }, "key")).key;
  const session = await createSession(app, key, user.id);
  for (const token of [developer, session, app.adminKey]) {
    for (const id of [webhook.id, delivery!.id])
      expect((await send(app, token, "query($id: ID!) { node(id: $id) { id } }", { id })).data).toEqual({ node: null });
    const code = token === app.adminKey ? "NOT_FOUND" : "FORBIDDEN";
    for (const name of ["updateWebhook", "deleteWebhook", "rotateWebhookSecret"])
      expect(await mutate(app, token, name, { id: webhook.id }), name).toMatchObject({ code });
    expect(await mutate(app, token, "replayWebhookDelivery", { id: delivery!.id })).toMatchObject({ code });
  }
  for (const token of [developer, session]) {
    expect(await tryToCreate(app, token, { url: PUBLIC })).toMatchObject({ code: "FORBIDDEN" });
    const { data, errors } = await send(app, token, "{ webhooks { nodes { id } } }");
    expect([data, errors![0]!.extensions.code]).toEqual([{ webhooks: null }, "FORBIDDEN"]);
  }
  expect((await list(app, key, "webhooks")).nodes).toEqual([{ id: webhook.id }]);
  expect((await send(app, key, "query($id: ID!) { node(id: $id) { __typename id } }", { id: delivery!.id })).data).toEqual({
    node: { __typename: "WebhookDelivery", id: delivery!.id },
  });
});

test("every change of a webhook is in the audit log, without its path", async () => {
  const { key } = await project();
  const { id } = await createWebhook(app, key, { url: "https://hooks.invalid/canary-path" });
  await updateWebhook(app, key, { id, enabled: false });
  await updateWebhook(app, key, { id, enabled: false });
  await rotate(app, key, id);
  await deleteWebhook(app, key, id);
  const audited = await auditEvents(app, key, { targetId: id });
  expect(audited.map(({ action }) => action)).toEqual([
    "webhook.deleted",
    "webhook.secret_rotated",
    "webhook.updated",
    "webhook.created",
  ]);
  expect(JSON.stringify(audited)).not.toContain("canary");
});

test("the log of deliveries is paged and filtered, newest first", async () => {
  const { key, happen } = await project();
  const webhook = await createWebhook(app, key, { url: receiver.url });
  await connect(app, key);
  await happen();
  await receiver.received(6);
  await expect
    .poll(async () => (await readWebhook(app, key, webhook.id, { filter: { status: ["PENDING"] } }))!.deliveries.totalCount)
    .toBe(0);
  const all = (await readWebhook(app, key, webhook.id))!.deliveries;
  expect(all.totalCount).toBe(6);
  expect(all.nodes[0]!.event).toBe("connection_request.pending");
  const times = all.nodes.map(({ createdAt }) => new Date(createdAt).getTime());
  expect(times).toEqual(times.toSorted((a, b) => b - a));
  const paged: string[] = [];
  for (let after: string | undefined; ; ) {
    const page: typeof all = (await readWebhook(app, key, webhook.id, { first: 4, ...(after && { after }) }))!.deliveries;
    paged.push(...page.nodes.map(({ id }) => id));
    if (!page.pageInfo.hasNextPage) break;
    after = page.pageInfo.endCursor!;
  }
  expect(paged).toEqual(all.nodes.map(({ id }) => id));
  const connected = (await readWebhook(app, key, webhook.id, {
    filter: { event: "credential.connected", status: ["DELIVERED"] },
  }))!;
  expect(connected.deliveries.nodes.map(({ event }) => event)).toEqual(["credential.connected"]);
});

test("a deleted project tells nobody of its end", async () => {
  const { key, id } = await project();
  await createWebhook(app, key, { url: receiver.url });
  await connect(app, key);
  await receiver.received(5);
  receiver.reset();
  expect(await mutate(app, app.adminKey, "deleteProject", { id, confirm: true })).toMatchObject({
    __typename: "DeleteProjectPayload",
  });
  await wakeJob(app);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(receiver.posted).toEqual([]);
  const where = { projectId: decodeId("Project", id)! };
  expect(await app.services.database.prisma.webhookDelivery.count({ where })).toBe(0);
});
