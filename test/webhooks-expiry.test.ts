import { afterAll, beforeAll, expect, test } from "vitest";
import { expireCredentials } from "../src/jobs/expire-credentials.ts";
import { moveClock, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { auditEvents, createProject, readCredential, reauthorize } from "./support/oauth.ts";
import { connect, createOwnClientConfig, goThrough } from "./support/seed.ts";
import { overWebSocket } from "./support/streams.ts";
import { createWebhook, type Receiver, startReceiver } from "./support/webhooks.ts";

/** What nobody does: an access token runs out, and there is no way to renew it. */
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

const HOUR = 3_600_000;
let offsetMs = 0;

async function later(ms: number): Promise<void> {
  offsetMs += ms;
  await moveClock(app, offsetMs);
}

async function shortLived() {
  const { key } = await createProject(app, app.adminKey);
  const config = await createOwnClientConfig(app, key, { noRefreshToken: true });
  const { credential, userId } = await connect(app, key, { authConfigId: config.id });
  const history = async () =>
    (await readCredential(app, key, credential!.id))!.history.nodes.map(({ kind, status }) => `${kind} ${status}`);
  return { key, config, userId, id: credential!.id, history };
}

test("it is in the history once, and told to subscribers, webhooks and the audit log", async () => {
  const { key, id, history } = await shortLived();
  await createWebhook(app, key, { url: receiver.url, events: ["credential.status_changed", "credential.reauthorized"] });
  const query = `subscription { credentialChanged(filter: { status: [ACTIVE] }) { kind sequence credential { id status statusReason } } }`;
  const stream = overWebSocket<object>({ url: app.url, token: key, query });
  await new Promise((resolve) => setTimeout(resolve, 300));
  await later(2 * HOUR);
  const [posted] = await receiver.received(1);
  expect(posted!.event).toMatchObject({
    type: "credential.status_changed",
    data: { credentialId: id, sequence: 2, status: "EXPIRED", previousStatus: "ACTIVE" },
  });
  // Who watches ACTIVE ones hears of it that has left them.
  expect(await stream.take(1)).toEqual([
    {
      kind: "UPDATED",
      sequence: 2,
      credential: { id, status: "EXPIRED", statusReason: expect.stringContaining("connect again") },
    },
  ]);
  await stream.stop();
  // Two runs of the sweep later there is still one.
  for (let run = 0; run < 2; run += 1) await expireCredentials(app.services);
  expect(await history()).toEqual(["STATUS_CHANGED EXPIRED", "CONNECTED ACTIVE"]);
  expect(await auditEvents(app, key, { action: "credential.expired" })).toMatchObject([{ targetId: id, actorLabel: "Moorline" }]);
  expect((await readCredential(app, key, id))!.statusReason).toContain("connect again");

  const answer = await reauthorize(app, key, { id, returnUrl: RETURN_URL });
  await goThrough((answer as { connectionRequest: { authorizationUrl: string } }).connectionRequest.authorizationUrl);
  expect((await receiver.received(2))[1]!.event).toMatchObject({
    type: "credential.reauthorized",
    data: { sequence: 3, status: "ACTIVE", previousStatus: "EXPIRED" },
  });
});

test("one that is switched off says so still, and when it is switched on what is true", async () => {
  const { key, id, history } = await shortLived();
  await mutate(app, key, "setCredentialEnabled", { id, enabled: false });
  await later(2 * HOUR);
  await expect.poll(history, { timeout: 10_000 }).toHaveLength(3);
  await mutate(app, key, "setCredentialEnabled", { id, enabled: true });
  await expireCredentials(app.services);
  expect(await history()).toEqual([
    "STATUS_CHANGED EXPIRED",
    "STATUS_CHANGED DISABLED",
    "STATUS_CHANGED DISABLED",
    "CONNECTED ACTIVE",
  ]);
});

test("one that is deleted, or can be renewed, does not expire", async () => {
  const { key, userId, id } = await shortLived();
  const renewable = await connect(app, key);
  await mutate(app, key, "deleteUser", { id: userId, confirm: true });
  await later(2 * HOUR);
  await expireCredentials(app.services);
  expect(await auditEvents(app, key, { action: "credential.expired" })).toEqual([]);
  expect(await readCredential(app, key, id)).toBeNull();
  expect((await readCredential(app, key, renewable.credential!.id))!.status).toBe("ACTIVE");
});
