import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type OAuthCanaries, startOAuthCanaries } from "./support/canary-oauth.ts";
import { BAD_MOODS } from "./support/canary-provider.ts";
import { createSession } from "./support/seed.ts";

let world: OAuthCanaries;
beforeAll(async () => {
  world = await startOAuthCanaries();
});
beforeEach(() => {
  world.provider.moods = { hook: "fails" };
});
afterAll(() => world?.close());

test("revocations that fail, and those that work; deleted configs and users", async () => {
  const { moods } = world.provider;
  const config = await world.configOf("ending");
  for (const mood of [...BAD_MOODS, "works"] as const) {
    const id = await world.connected(config.id, { ifAccountExists: "CREATE" });
    moods.revoke = mood;
    await world.mutate("revokeCredential", { id });
  }
  for (const mood of ["fails", "works"] as const) {
    const left = await world.configOf(`left-${mood}`);
    await world.connected(left.id);
    moods.revoke = mood;
    await world.mutate("deleteAuthConfig", { id: left.id, confirm: true });
    const leaver = await world.mutate("upsertUser", { externalId: `leaver-${mood}` });
    await world.connected(config.id, { user: { id: leaver.user!.id } });
    await world.mutate("deleteUser", { id: leaver.user!.id, confirm: true });
  }
  await world.mutate("updateAuthConfig", {
    id: config.id,
    clientId: "client-2",
    clientSecret: world.clientSecret(),
    confirm: true,
  });
  await world.expectNothing();
}, 120_000);

test("a device code, while it is polled for and after", async () => {
  const config = await world.configOf("device", { flows: ["AUTHORIZATION_CODE", "DEVICE"] });
  for (const mood of ["refuses", "html", "works"] as const) {
    world.provider.moods.device = mood;
    await world.mutate("initiateConnection", { target: { authConfigId: config.id }, user: world.user, flow: "DEVICE" });
  }
  for (const mood of ["works", "pretends", "refuses", "html"] as const) {
    world.provider.moods.token = mood;
    const begun = await world.mutate("initiateConnection", {
      target: { authConfigId: config.id },
      user: world.user,
      flow: "DEVICE",
    });
    expect(begun.connectionRequest?.deviceAuthorization, JSON.stringify(begun)).toBeTruthy();
    const isOver = async () => !["PENDING", "AUTHORIZING", "EXCHANGING"].includes((await world.requestOf(begun)).status);
    for (let look = 0; look < 40 && !(await isOver()); look += 1) await new Promise((resolve) => setTimeout(resolve, 250));
    if (mood === "works") expect((await world.requestOf(begun)).status).toBe("ACTIVE");
  }
  await world.expectNothing();
}, 120_000);

test("OAuth 1.0a: both pairs of tokens, the verifier and the client's secret", async () => {
  const { authConfig } = await world.mutate("createAuthConfig", {
    connectorSlug: "canary-oauth1",
    name: "OAuth 1.0a",
    clientId: "consumer",
    clientSecret: world.clientSecret(),
  });
  for (const mood of BAD_MOODS) {
    world.provider.moods.oauth1 = mood;
    const begun = await world.mutate("initiateConnection", { target: { authConfigId: authConfig!.id }, user: world.user });
    await world.walk(begun.connectionRequest!.authorizationUrl as string);
  }
  world.provider.moods.oauth1 = "works";
  const id = await world.connected(authConfig!.id);
  await world.mutateAside("revealCredential", { id });
  for (const mood of BAD_MOODS) {
    world.provider.moods.api = world.provider.moods.userinfo = mood;
    await world.mutate("testCredential", { id });
    await world.callApi(id);
  }
  world.provider.moods = { hook: "fails" };
  await world.mutate("revokeCredential", { id });
  await world.expectNothing();
}, 120_000);

test("the product is asked who is at the browser: the verification, right and wrong", async () => {
  const { project } = await world.readViewer();
  const asked = await world.mutate("updateProject", { id: project.id, verifyUrl: `${world.provider.url}/verify` });
  expect(asked.__typename, JSON.stringify(asked)).toBe("UpdateProjectPayload");
  const config = await world.configOf("verified");
  for (const person of [{ id: world.user.id }, { externalId: "grace" }]) {
    await world.mutate("upsertUser", { externalId: "grace" });
    const begun = await world.mutate("initiateConnection", { target: { authConfigId: config.id }, user: world.user });
    const page = await world.walk(begun.connectionRequest!.authorizationUrl as string);
    const verification = world.canaries.add("verification", new URL(page.url).searchParams.get("verification")!);
    await world.mutate("confirmConnection", { verification: `${verification}x`, user: person });
    await world.mutate("confirmConnection", { verification, user: person });
    await world.mutate("confirmConnection", { verification, user: person });
  }
  await world.mutate("updateProject", { id: project.id, verifyUrl: null });
  await world.expectNothing();
}, 120_000);

test("keys are rotated under all of it, and every key is replaced", async () => {
  const config = await world.configOf("rotated");
  const id = await world.connected(config.id);
  for (const dataKeys of [false, true]) {
    const { __typename } = await world.mutate("rotateKeys", { dataKeys });
    expect(__typename).toBe("RotateKeysPayload");
    await world.mutateAside("revealCredential", { id });
  }
  await world.mutate("refreshCredential", { id });
  await world.expectNothing();
}, 120_000);

test("through a user's own session, and by people whom it does not concern", async () => {
  const config = await world.configOf("sessions");
  const session = await world.aside(() => createSession(world.app, world.app.adminKey, world.user.id));
  world.canaries.add("session token", session);
  const begun = await world.mutate("initiateConnection", { target: { authConfigId: config.id } }, session);
  await world.walk(begun.connectionRequest!.authorizationUrl as string, "refuse");
  await world.walk(begun.connectionRequest!.authorizationUrl as string);
  await world.readAll(session);
  await world.mutate("revokeUserSessions", { user: world.user });
  await world.mutate("upsertUser", { externalId: "too late" }, session);
  await world.expectNothing();
}, 120_000);

test("nothing of them is on the disk, not even of what was deleted", async () => {
  expect(await world.searchDisk()).toEqual([]);
}, 120_000);
