import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { auditEvents, cancel, reveal } from "./support/oauth.ts";
import { deviceWorld, ended, enterCode, read, statusesOf, watch } from "./support/unattended.ts";

let app: TestApp;
let world: ReturnType<typeof deviceWorld>;
beforeAll(async () => {
  app = await startTestApp();
  world = deviceWorld(app);
});
afterAll(() => app.close());

describe("a device code", () => {
  test("is shown, asked about at the interval and no sooner, and becomes a credential when it is entered", async () => {
    const { config, session, request } = await world.start();
    expect(request).toMatchObject({
      status: "AUTHORIZING",
      authorizationUrl: null,
      connectUrl: expect.stringContaining("/connect/"),
      credential: null,
      deviceAuthorization: {
        userCode: expect.stringMatching(/^[A-Z]{4}-[A-Z]{4}$/),
        verificationUri: `${app.sandbox!.issuer}/device`,
        verificationUriComplete: expect.stringContaining("user_code="),
      },
    });
    const frames = watch(app, session, request.id);
    await frames.take(1);
    await delay(1_500);
    expect(world.polls(config.clientId)).toEqual([]);
    await world.nextPoll(config.clientId);
    expect((await read(app, session, request.id)).status).toBe("AUTHORIZING");
    await delay(1_500);
    expect(world.polls(config.clientId)).toHaveLength(1);
    await enterCode(request, { account: "grace" });
    await world.nextPoll(config.clientId);
    const all = await frames.completed;
    const last = all.at(-1)!;
    expect(statusesOf(last)).toEqual(["PENDING", "AUTHORIZING", "EXCHANGING", "ACTIVE"]);
    expect(last).toMatchObject({
      status: "ACTIVE",
      deviceAuthorization: null,
      connectUrl: null,
      credential: { status: "ACTIVE", canRefresh: true, account: { id: "grace" } },
    });
    expect(world.polls(config.clientId).map(({ outcome }) => outcome)).toEqual(["authorization_pending", "ok"]);
    const revealed = await reveal(app, app.adminKey, { id: last.credential!.id });
    const { accessToken } = (revealed as unknown as { revealed: { accessToken: string } }).revealed;
    const api = await fetch(`${app.sandbox!.issuer}/api/me`, { headers: { authorization: `Bearer ${accessToken}` } });
    expect(await api.json()).toMatchObject({ id: "grace" });
    await world.pass(10);
    expect(world.polls(config.clientId)).toHaveLength(2);
  });

  test("that is refused at the provider is DENIED", async () => {
    const { config, session, request } = await world.start();
    // The sandbox says so, and asks for another code.
    await expect(enterCode(request, { deny: true })).rejects.toThrow("Connect a device");
    await world.nextPoll(config.clientId);
    const last = await ended(app, session, request.id);
    expect(last).toMatchObject({ status: "DENIED", failure: null, credential: null });
    await world.pass(10);
    expect(world.polls(config.clientId)).toHaveLength(1);
  });

  test("that nobody enters in time is DEVICE_CODE_EXPIRED, by the provider's word or by our clock", async () => {
    const told = await world.start({ switches: { tokenError: { status: 400, error: "expired_token" } } });
    await world.nextPoll(told.config.clientId);
    const late = await world.start();
    await world.clock.pass(601);
    for (const { session, request, config } of [told, late]) {
      const last = await ended(app, session, request.id);
      expect(last.failure).toMatchObject({
        code: "DEVICE_CODE_EXPIRED",
        retryable: true,
        remedy: expect.stringMatching(/again/),
      });
      expect([last.status, last.credential]).toEqual(["FAILED", null]);
      expect(world.polls(config.clientId)).toHaveLength(1);
    }
  });

  test("is asked about less often after a slow_down, five seconds for good", async () => {
    const { config, session, request } = await world.start({
      switches: { tokenError: { status: 400, error: "slow_down", times: 1 } },
    });
    await world.nextPoll(config.clientId);
    await world.pass(6);
    expect(world.polls(config.clientId)).toHaveLength(1);
    await world.nextPoll(config.clientId, 4);
    await world.pass(6);
    expect(world.polls(config.clientId)).toHaveLength(2);
    await enterCode(request);
    await world.nextPoll(config.clientId, 4);
    expect(await ended(app, session, request.id)).toMatchObject({ status: "ACTIVE" });
    expect(world.polls(config.clientId).map(({ outcome }) => outcome)).toEqual(["slow_down", "authorization_pending", "ok"]);
  });

  test("survives an outage of the provider, which is asked ever less often and not before it says", async () => {
    const outage = { status: 503, error: "temporarily_unavailable", times: 1 };
    const { config, session, request } = await world.start({ switches: { tokenError: outage } });
    await world.nextPoll(config.clientId);
    await world.pass(6);
    expect(world.polls(config.clientId)).toHaveLength(1);
    await app.sandbox!.control.setSwitches(config.clientId, { tokenError: { ...outage, status: 429, retryAfterSeconds: 50 } });
    await world.nextPoll(config.clientId, 4);
    await world.pass(45);
    expect(world.polls(config.clientId)).toHaveLength(2);
    await enterCode(request);
    await world.nextPoll(config.clientId, 5);
    expect(await ended(app, session, request.id)).toMatchObject({ status: "ACTIVE", credential: { account: { id: "ada" } } });
  });

  test("whose request is cancelled is asked about no more", async () => {
    const { config, session, request } = await world.start();
    await cancel(app, session, request.id);
    await world.pass(15);
    expect(world.polls(config.clientId)).toEqual([]);
    expect(await read(app, session, request.id)).toMatchObject({
      status: "CANCELED",
      deviceAuthorization: null,
      connectUrl: null,
    });
  });

  test("whose request is cancelled while the tokens are on their way leaves nothing: they are ended at the provider", async () => {
    const { config, session, request } = await world.start({ switches: { tokenDelayMs: 1_500 } });
    await enterCode(request);
    await world.clock.pass(5);
    await expect.poll(() => world.polls(config.clientId).length, { timeout: 5_000 }).toBe(1);
    await cancel(app, session, request.id);
    await expect
      .poll(() => auditEvents(app, app.adminKey, { targetId: request.id, action: "connection_request.tokens_revoked" }), {
        timeout: 8_000,
      })
      .toMatchObject([{ outcome: "ALLOWED", details: { tokens: [{ outcome: "REVOKED" }, { outcome: "REVOKED" }] } }]);
    expect(await read(app, session, request.id)).toMatchObject({ status: "CANCELED", credential: null });
  });

  test("is not asked about while its config is switched off", async () => {
    const { config, session, request } = await world.start();
    const enable = (enabled: boolean) => mutate(app, app.adminKey, "setAuthConfigEnabled", { id: config.id, enabled });
    await enable(false);
    await world.pass(6);
    expect(world.polls(config.clientId)).toEqual([]);
    await enable(true);
    await enterCode(request);
    await world.nextPoll(config.clientId, 6);
    expect((await ended(app, session, request.id)).status).toBe("ACTIVE");
  });
});
