import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { begin, cancel, createProject, readCredential, refresh, statuses } from "./support/oauth.ts";
import { connect, createOwnClientConfig, goThrough, initiate } from "./support/seed.ts";
import { overWebSocket } from "./support/streams.ts";
import {
  createWebhook,
  type Posted,
  type Receiver,
  readWebhook,
  settledDeliveries,
  startReceiver,
  verify,
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

/** A project of its own, so that nobody else's events come. */
async function project(events?: string[]) {
  const { key, id } = await createProject(app, app.adminKey);
  const webhook = await createWebhook(app, key, { url: `${receiver.url}/hook?of=${id}`, ...(events && { events }) });
  return { key, id, webhook };
}

const told = (posted: Posted[]) =>
  posted.map(({ event: { type, data } }) => [type, data.sequence, data.previousStatus, data.status]);

test("a connection from its beginning to the end is told, signed, in order and as the history has it", async () => {
  const { key, id, webhook } = await project();
  const { credential, request, userId, authConfigId } = await connect(app, key);
  const posted = await receiver.received(5);
  const requests = posted.filter(({ event }) => event.type.startsWith("connection_request."));
  expect(told(requests)).toEqual([
    ["connection_request.pending", 1, null, "PENDING"],
    ["connection_request.authorizing", 2, "PENDING", "AUTHORIZING"],
    ["connection_request.exchanging", 3, "AUTHORIZING", "EXCHANGING"],
    ["connection_request.active", 4, "EXCHANGING", "ACTIVE"],
  ]);
  const credentials = posted.filter(({ event }) => event.type.startsWith("credential."));
  expect(told(credentials)).toEqual([["credential.connected", 1, null, "ACTIVE"]]);
  for (const one of posted) {
    expect(verify(webhook.secret, one)).toEqual(one.event);
    expect(() => verify(`whsec_${Buffer.alloc(32, 1).toString("base64")}`, one)).toThrow("No matching signature");
    expect(one.path).toBe(`/hook?of=${id}`);
    expect(one.headers).toMatchObject({ "content-type": "application/json", "user-agent": "Moorline" });
    expect(one.id).toMatch(/^evt_[0-9a-z]{26}$/);
  }
  expect(new Set(posted.map((one) => one.id)).size).toBe(posted.length);
  const user = { id: userId, externalId: expect.stringMatching(/^user-/) };
  const common = { projectId: id, user, connectorSlug: "sandbox", authConfigId };
  expect(credentials[0]!.event.data).toEqual({
    ...common,
    credentialId: credential!.id,
    sequence: 1,
    kind: "CONNECTED",
    change: "CREATED",
    status: "ACTIVE",
    previousStatus: null,
    cursor: expect.any(String),
  });
  expect(requests[3]!.event.data).toEqual({
    ...common,
    connectionRequestId: request.id,
    credentialId: credential!.id,
    sequence: 4,
    kind: "CONNECT",
    status: "ACTIVE",
    previousStatus: "EXCHANGING",
    failure: null,
  });
  expect(new Date(credentials[0]!.event.timestamp).getTime()).toBeGreaterThan(Date.now() - 60_000);
  const log = await settledDeliveries(app, key, webhook.id);
  expect(
    log.map(({ status, attempts, lastResponseStatus, nextAttemptAt }) => [status, attempts, lastResponseStatus, nextAttemptAt]),
  ).toEqual(Array.from({ length: 5 }, () => ["DELIVERED", 1, 204, null]));
  expect(log.map(({ payload: body }) => body)).toEqual(expect.arrayContaining(posted.map(({ event }) => event)));
});

test("a credential that dies and recovers is told of both", async () => {
  const { key } = await project(["credential.*"]);
  const config = await createOwnClientConfig(app, key);
  const { credential, userId } = await connect(app, key, { authConfigId: config.id });
  await app.sandbox!.control.revokeGrants({ clientId: config.clientId });
  await refresh(app, key, credential!.id);
  expect((await readCredential(app, key, credential!.id))!.status).toBe("INVALID");
  await connect(app, key, { authConfigId: config.id, userId });
  expect(told(await receiver.received(3))).toEqual([
    ["credential.connected", 1, null, "ACTIVE"],
    ["credential.refresh_failed", 2, "ACTIVE", "INVALID"],
    ["credential.reauthorized", 3, "INVALID", "ACTIVE"],
  ]);
});

test("one that is switched off says so still when it is authorized again", async () => {
  const { key } = await project(["credential.*"]);
  const { credential, userId, authConfigId } = await connect(app, key);
  await mutate(app, key, "setCredentialEnabled", { id: credential!.id, enabled: false });
  await connect(app, key, { userId, authConfigId });
  expect(told(await receiver.received(3)).slice(1)).toEqual([
    ["credential.status_changed", 2, "ACTIVE", "DISABLED"],
    ["credential.reauthorized", 3, "DISABLED", "DISABLED"],
  ]);
  expect((await readCredential(app, key, credential!.id))!.status).toBe("DISABLED");
});

test("a failure is told by its code, and nothing of what the provider wrote", async () => {
  const { key } = await project(["connection_request.failed", "connection_request.canceled"]);
  const description = "canary of the provider";
  const begun = await begin(app, { key, switches: { authorizationError: { error: "invalid_scope", description } } });
  await goThrough(begun.url);
  const [failed] = await receiver.received(1);
  expect(failed!.event.data).toMatchObject({
    status: "FAILED",
    failure: { code: "INVALID_SCOPE", retryable: expect.any(Boolean) },
  });
  expect(failed!.body).not.toContain("canary");
  const other = await begin(app, { key });
  await cancel(app, key, other.request.id);
  expect((await receiver.received(2))[1]!.event).toMatchObject({
    type: "connection_request.canceled",
    data: { status: "CANCELED" },
  });
});

describe("a webhook hears", () => {
  test("only of the types that it names, and of its own project's only", async () => {
    const { key, webhook } = await project(["credential.connected", "connection_request.*"]);
    const stranger = await project();
    const quiet = await createWebhook(app, key, { url: `${receiver.url}/quiet`, events: ["credential.deleted"] });
    const { credential } = await connect(app, key);
    await refresh(app, key, credential!.id);
    const log = await settledDeliveries(app, key, webhook.id);
    expect(log.map(({ event }) => event).sort()).toEqual([
      "connection_request.active",
      "connection_request.authorizing",
      "connection_request.exchanging",
      "connection_request.pending",
      "credential.connected",
    ]);
    expect((await readWebhook(app, stranger.key, stranger.webhook.id))!.deliveries.totalCount).toBe(0);
    expect((await readWebhook(app, key, quiet.id))!.deliveries.totalCount).toBe(0);
  });

  test("under the same event id as the others of its project, each with its own signature", async () => {
    const { key, webhook } = await project(["credential.connected"]);
    const second = await createWebhook(app, key, { url: `${receiver.url}/second`, events: ["*"] });
    await connect(app, key);
    const posted = (await receiver.received(6)).filter(({ event }) => event.type === "credential.connected");
    expect(posted.map(({ path }) => path.split("?")[0]).sort()).toEqual(["/hook", "/second"]);
    expect(posted[0]!.id).toBe(posted[1]!.id);
    for (const one of posted) verify(one.path === "/second" ? second.secret : webhook.secret, one);
    expect(() => verify(webhook.secret, posted.find(({ path }) => path === "/second")!)).toThrow();
  });
});

test("whose account it is stands in every event: nobody's for the project's own, and a deleted user's without their own id", async () => {
  const { key } = await project(["credential.*", "connection_request.pending"]);
  const config = await createOwnClientConfig(app, key);
  await initiate(app, key, { target: { authConfigId: config.id }, projectOwned: true });
  expect((await receiver.received(1))[0]!.event.data.user).toBeNull();
  const { userId, credential } = await connect(app, key, { authConfigId: config.id });
  expect(await mutate(app, key, "deleteUser", { id: userId, confirm: true })).toMatchObject({ __typename: "DeleteUserPayload" });
  const deleted = (await receiver.received(4)).find(({ event }) => event.type === "credential.deleted")!;
  expect(deleted.event.data).toMatchObject({
    credentialId: credential!.id,
    change: "DELETED",
    status: "REVOKED",
    previousStatus: "ACTIVE",
    user: { id: userId, externalId: null },
  });
});

test("the same number goes to the subscription, and its cursor leads back to the change", async () => {
  const { key } = await project(["credential.*"]);
  const { credential } = await connect(app, key);
  const [posted] = await receiver.received(1);
  const query = "subscription($after: String) { credentialChanged(after: $after) { kind sequence credential { id } } }";
  const stream = overWebSocket({ url: app.url, token: key, query, variables: { after: posted!.event.data.cursor } });
  expect(await stream.take(1)).toEqual([
    { kind: "CREATED", sequence: posted!.event.data.sequence, credential: { id: credential!.id } },
  ]);
  await stream.stop();
});

test("a burst of one credential's events arrives in the order of its history", async () => {
  const { key } = await project(["credential.*"]);
  const { credential } = await connect(app, key);
  await receiver.received(1);
  receiver.reset((response) => setTimeout(() => response.writeHead(204).end(), Math.random() * 100));
  const rename = (label: string) => mutate(app, key, "updateCredential", { id: credential!.id, label });
  await Promise.all(["a", "b", "c", "d", "e", "f", "g", "h"].map(rename));
  const posted = await receiver.received(8);
  expect(posted.map(({ event }) => event.data.sequence)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
});

test("a change that cannot be told is not made", async () => {
  const { key } = await project();
  const begun = await begin(app, { key });
  const { database } = app.services;
  await database.script(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON "WebhookDelivery" FOR EACH ROW EXECUTE FUNCTION refuse();`);
  try {
    await expect(cancel(app, key, begun.request.id)).rejects.toThrow("INTERNAL");
    expect(await statuses(app, key, begun.request.id)).toEqual(["PENDING"]);
  } finally {
    await database.script(`DROP TRIGGER refuse ON "WebhookDelivery"; DROP FUNCTION refuse`);
  }
  expect((await cancel(app, key, begun.request.id)).__typename).toBe("CancelConnectionRequestPayload");
  expect(await statuses(app, key, begun.request.id)).toEqual(["PENDING", "CANCELED"]);
});
