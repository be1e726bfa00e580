import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type OAuthCanaries, startOAuthCanaries } from "./support/canary-oauth.ts";
import { BAD_MOODS } from "./support/canary-provider.ts";

let world: OAuthCanaries;
beforeAll(async () => {
  world = await startOAuthCanaries();
});
beforeEach(() => {
  world.provider.moods = { hook: "fails" };
});
afterAll(() => world?.close());

test("authorizations that fail, in every way that a provider has to say why", async () => {
  const config = await world.configOf("failing");
  const { moods } = world.provider;
  for (const place of ["token", "userinfo", "authorize"]) {
    for (const mood of place === "token" ? BAD_MOODS : (["refuses", "pretends", "cuts", "redirects"] as const)) {
      moods[place] = mood;
      await world.connect(config.id);
      moods[place] = "works";
    }
    await world.mutate("updateAuthConfig", { id: config.id, clientSecret: world.clientSecret() });
  }
  expect(world.provider.asked.token).toBeGreaterThanOrEqual(BAD_MOODS.length);
  await world.expectNothing();
}, 120_000);

test("refreshes that fail, and those that work, and what is revealed in between", async () => {
  const config = await world.configOf("refreshing");
  const { moods } = world.provider;
  for (const mood of BAD_MOODS) {
    const id = await world.connected(config.id, { ifAccountExists: "CREATE" });
    expect((await world.mutate("refreshCredential", { id })).__typename).toBe("RefreshCredentialPayload");
    moods.token = mood;
    await world.mutate("refreshCredential", { id });
    await world.mutateAside("revealCredential", { id, minTtlSeconds: 86_400 });
    await world.mutate("testCredential", { id });
    moods.api = mood;
    await world.mutate("testCredential", { id });
    await world.callApi(id);
    moods.token = moods.api = "works";
    await world.mutate("updateAuthConfig", { id: config.id, clientSecret: world.clientSecret() });
    await world.callApi(id);
  }
  await world.expectNothing();
}, 180_000);

test("re-authorizations, and tokens brought along", async () => {
  const config = await world.configOf("again");
  const id = await world.connected(config.id);
  for (const mood of ["refuses", "pretends", "works"] as const) {
    world.provider.moods.token = mood;
    const begun = await world.mutate("reauthorizeCredential", { id, scopes: ["more"] });
    await world.walk(begun.connectionRequest!.authorizationUrl as string);
  }
  const fields = () => ({
    accessToken: world.canaries.mint("imported access token"),
    refreshToken: world.canaries.mint("imported refresh token"),
    expiresAt: "2030-01-01T00:00:00Z",
    scope: "read",
  });
  const target = { authConfigId: config.id };
  const { credential } = await world.mutate("importCredential", {
    target,
    user: world.user,
    fields: fields(),
    label: "Imported",
  });
  expect(credential).toBeTruthy();
  world.provider.moods.userinfo = world.provider.moods.api = "refuses";
  await world.mutate("importCredential", { target, user: world.user, fields: fields(), test: true });
  await world.mutate("importCredential", {
    target,
    user: world.user,
    fields: { ...fields(), idToken: world.canaries.mint("imported ID token") },
  });
  await world.mutate("importCredential", {
    target,
    user: world.user,
    clientId: "another",
    fields: { ...fields(), expiresAt: world.canaries.mint("misplaced token") },
  });
  world.provider.moods = { hook: "fails" };
  await world.mutate("refreshCredential", { id: credential!.id });
  await world.expectNothing();
}, 120_000);

test("nothing of them is on the disk, not even of what was deleted", async () => {
  expect(await world.searchDisk()).toEqual([]);
}, 120_000);
