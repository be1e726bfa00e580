import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browse } from "../src/sandbox/play-user.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { readConfig } from "./support/oauth.ts";
import { createConfig, createUser } from "./support/seed.ts";
import { ask, begin, deviceWorld, ended, enterCode, type Request, read, statusesOf } from "./support/unattended.ts";

let app: TestApp;
let world: ReturnType<typeof deviceWorld>;
beforeAll(async () => {
  app = await startTestApp();
  world = deviceWorld(app);
});
afterAll(() => app.close());

describe("the device flow", () => {
  test("is there only where the config names it, because a code can be handed to a victim", async () => {
    const key = app.adminKey;
    const plain = await createConfig(app, key);
    const user = await createUser(app, key);
    const input = { target: { authConfigId: plain.id }, user: { id: user.id }, flow: "DEVICE" };
    const refused = await ask(app, key, "initiateConnection", input);
    expect(refused.issues).toMatchObject([{ path: ["flow"], code: "NOT_ALLOWED" }]);
    const github = { connectorSlug: "hubspot", name: "No device flow", clientId: "a", clientSecret: "b", flows: ["DEVICE"] };
    expect((await mutate(app, key, "createAuthConfig", github)).issues).toMatchObject([
      { path: ["flows", "0"], code: "NOT_ALLOWED" },
    ]);
    const only = await world.start();
    const other = { target: { authConfigId: only.config.id }, user: { id: user.id } };
    expect((await ask(app, key, "initiateConnection", other)).issues).toMatchObject([{ path: ["flow"], code: "NOT_ALLOWED" }]);
  });

  test("fails at once where the provider refuses the client, which accuses the config", async () => {
    const { config, user, session, key } = await world.start();
    await mutate(app, key, "updateAuthConfig", { id: config.id, clientSecret: "not-the-secret", confirm: true });
    const request = await begin(app, session, { target: { authConfigId: config.id }, flow: "DEVICE" });
    expect(request).toMatchObject({ status: "FAILED", deviceAuthorization: null, failure: { code: "INVALID_CLIENT" } });
    expect(statusesOf(request)).toEqual(["PENDING", "FAILED"]);
    expect((await readConfig(app, key, config.id)).status).toBe("ERROR");
    expect(user.id).toBeDefined();
  });

  test("gives the same code to a repeat of the same call", async () => {
    const { config, session } = await world.start();
    const input = { target: { authConfigId: config.id }, flow: "DEVICE", idempotencyKey: "device-once" };
    const [first, second] = [await begin(app, session, input), await begin(app, session, input)];
    expect(second.id).toBe(first.id);
    expect(second.deviceAuthorization).toEqual(first.deviceAuthorization);
    expect(first.deviceAuthorization).not.toBeNull();
  });

  test("shows its code to the request's own user and to keys that may initiate, and to nobody else", async () => {
    const { request, key } = await world.start();
    const viewer = await mutate(app, key, "createApiKey", { name: "Viewer", role: "VIEWER" }, "key");
    expect(await read(app, viewer.key, request.id)).toMatchObject({
      status: "AUTHORIZING",
      deviceAuthorization: null,
      connectUrl: null,
    });
    expect((await read(app, key, request.id)).deviceAuthorization).toEqual(request.deviceAuthorization);
  });

  test("has a page that shows the code, says what entering it does, and tells the outcome", async () => {
    const { config, user, session, request } = await world.start({
      flows: ["DEVICE", "AUTHORIZATION_CODE"],
      input: { returnUrl: "http://app.test/connected" },
    });
    const { userCode, verificationUriComplete } = request.deviceAuthorization!;
    const page = await browse(request.connectUrl!);
    expect(page.status).toBe(200);
    for (const text of [userCode, `Name of ${user.externalId}`, "did not start this yourself"]) expect(page.body).toContain(text);
    expect(page.body).toContain(`href="${verificationUriComplete}"`);
    expect(page.body).toContain('http-equiv="refresh"');
    // The link of another flow leads back here: no second way to the same request.
    const link = await browse(`${request.connectUrl}/authorize`);
    expect([link.url, link.body.includes(userCode)]).toEqual([request.connectUrl, true]);
    await enterCode(request);
    await world.nextPoll(config.clientId);
    await ended(app, session, request.id);
    const done = await browse(request.connectUrl!);
    expect(done.body).toContain("is connected");
    expect(done.body).not.toContain(userCode);
    expect(done.body).toContain("http://app.test/connected");
  });

  test("authorizes a credential again in place, as the same account only", async () => {
    const { config, session, request, key } = await world.start();
    await enterCode(request);
    await world.nextPoll(config.clientId);
    const { credential } = await ended(app, session, request.id);
    const again = async (account: string) => {
      const answer = await ask(app, key, "reauthorizeCredential", { id: credential!.id, flow: "DEVICE" });
      const second = answer.connectionRequest as unknown as Request;
      await enterCode(second, { account });
      await world.nextPoll(config.clientId);
      return ended(app, key, second.id);
    };
    expect(await again("grace")).toMatchObject({ status: "FAILED", failure: { code: "ACCOUNT_MISMATCH" } });
    expect(await again("ada")).toMatchObject({ kind: "REAUTHORIZE", status: "ACTIVE", credential: { id: credential!.id } });
  });
});
