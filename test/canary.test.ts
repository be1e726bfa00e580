import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { mintSignInToken } from "../src/domain/dashboard-session.ts";
import { type CanaryWorld, startCanaryWorld } from "./support/canary-world.ts";
import { ask, cookieOf } from "./support/dashboard.ts";

let world: CanaryWorld;
beforeAll(async () => {
  world = await startCanaryWorld();
});
afterAll(() => world?.close());

describe("what Moorline itself makes", () => {
  test("API keys and session tokens, good ones and wrong ones, over HTTP and WebSockets", async () => {
    const { app, canaries } = world;
    const { user } = await world.mutate("upsertUser", { externalId: "ada" });
    const { key, apiKey } = await world.mutateAside("createApiKey", {
      name: "A key",
      role: "ADMIN",
      idempotencyKey: canaries.mint("idempotency key"),
    });
    canaries.add("API key", key, 10);
    const { token } = await world.mutateAside("createUserSession", { user: { id: user!.id } });
    canaries.add("session token", token);
    const made = await world.mutateAside("createProject", { name: "Another" });
    canaries.add("API key of a new project", made.key, 10);
    const unknown = canaries.mint("unknown API key", (core) => `mlk_${core}`);
    const mistyped = canaries.add("mistyped API key", `${key.slice(0, -1)}x`, 10);
    const tokens = [
      key,
      token,
      made.key,
      unknown,
      mistyped,
      canaries.mint("no token at all"),
      `${canaries.mint("token with a line break")}\\r\\nx`,
    ];
    for (const one of tokens) {
      await world.readAll(one);
      await anyRoute({ authorization: `Bearer ${one}` });
      await anyRoute({ authorization: `Basic ${Buffer.from(`user:${one}`).toString("base64")}` });
      await anyRoute({ cookie: `session=${one}`, "x-api-key": one, "moorline-credential": one });
      await anyRoute({}, `?access_token=${one}&token=${one}&api_key=${one}&authorization=${one}`);
      await openSocket({ authorization: `Bearer ${one}` });
      await openSocket({ token: one, Authorization: one });
    }
    expect((await world.mutate("upsertUser", { externalId: "by the new key" }, key)).__typename).toBe("UpsertUserPayload");
    await world.mutate("revokeApiKey", { id: apiKey!.id });
    await world.mutate("revokeUserSessions", { user: { id: user!.id } });
    for (const one of [key, token]) {
      await world.readAll(one);
      await openSocket({ authorization: `Bearer ${one}` });
    }
    await world.mutate("deleteProject", { id: made.project!.id, confirm: true });
    expect(app.bootstrap).toBeTruthy();
    await world.expectNothing();
  }, 120_000);

  test("dashboard sessions and the links that begin them, good ones and wrong ones", async () => {
    const { app, canaries } = world;
    const link = canaries.add("sign-in link", (await mintSignInToken(app.services, app.bootstrap.projectId))!);
    const unknown = canaries.mint("unknown API key", (core) => `mlk_${core}`);
    const wrongLink = canaries.mint("unknown sign-in link");
    let cookie: string | undefined;
    for (const body of [
      { apiKey: unknown },
      { signInToken: wrongLink },
      { signInToken: link },
      { apiKey: app.adminKey },
      { apiKey: [unknown] },
    ]) {
      const answer = await ask(app.url, "/session", { body, cookie });
      if (answer.status !== 200) continue;
      cookie = cookieOf(answer);
      canaries.add("cookie", cookie.split("=")[1]!);
    }
    const token = cookie!.split("=")[1]!;
    expect((await ask(app.url, "/graphql", { body: { query: "{ viewer { role } }" }, cookie })).body.data.viewer.role).toBe(
      "ADMIN",
    );
    for (const one of [token, link, wrongLink]) {
      await world.readAll(one);
      await anyRoute({ authorization: `Bearer ${one}` });
      await anyRoute({ cookie: `moorline-dashboard=${one}`, "moorline-session": one });
      await openSocket({ session: one });
    }
    await ask(app.url, "/session/switch", { body: { key: token }, cookie });
    await ask(app.url, "/session/end", { body: {}, cookie });
    await ask(app.url, "/graphql", { body: { query: "{ viewer { role } }" }, cookie });
    await world.expectNothing();
  }, 120_000);

  test("webhook secrets, before and after they are rotated, while receivers quote what they are sent", async () => {
    const { canaries, provider } = world;
    for (const mood of ["fails", "refuses", "redirects", "cuts", "html", "works"] as const) {
      provider.moods.hook = mood;
      const { webhook, secret } = await world.mutateAside("createWebhook", { url: `${provider.url}/hook?of=${mood}` });
      canaries.add("webhook secret", secret, 6);
      canaries.add("webhook secret", (await world.mutateAside("rotateWebhookSecret", { id: webhook!.id })).secret, 6);
      const { authConfig } = await world.mutate("createAuthConfig", { connectorSlug: "sandbox", name: mood });
      const { user } = await world.mutate("upsertUser", { externalId: "ada" });
      const target = { authConfigId: authConfig!.id };
      const { connectionRequest } = await world.mutate("initiateConnection", { target, user: { id: user!.id } });
      const before = provider.asked.hook ?? 0;
      await world.mutate("cancelConnectionRequest", { id: connectionRequest!.id });
      await expect.poll(() => provider.asked.hook ?? 0, { timeout: 10_000 }).toBeGreaterThan(before);
      await world.mutate("updateWebhook", { id: webhook!.id, enabled: false });
      await world.mutate("deleteWebhook", { id: webhook!.id });
    }
    await world.expectNothing();
  }, 120_000);
});

test("what is typed into the hosted form, in the right and in the wrong form, accepted and refused", async () => {
  const { canaries, provider } = world;
  const { user } = await world.mutate("upsertUser", { externalId: "ada" });
  const { connector } = await world.mutate("createConnector", {
    slug: "by-form",
    name: "By form",
    baseUrl: `${provider.url}/api`,
    scheme: { basic: {} },
    verification: { method: "GET", path: "/me" },
  });
  expect(connector).toBeTruthy();
  const { authConfig } = await world.mutate("createAuthConfig", { connectorSlug: "by-form", name: "By form" });
  const fill = async (password: string) => {
    const target = { authConfigId: authConfig!.id };
    const begun = await world.mutate("initiateConnection", { target, user: { id: user!.id } });
    const values = { "field.username": "ada", "field.password": password, "field.other": password };
    const page = await world.walk(begun.connectionRequest!.connectUrl as string, "connect", values);
    expect(page.status, page.body).toBeLessThan(500);
    return page;
  };
  for (const mood of ["refuses", "fails", "redirects", "cuts", "works"] as const) {
    provider.moods.api = mood;
    await fill(canaries.mint("password in a form", (core) => `${core}<"&'>`));
    await fill(`${canaries.mint("password of two lines")}\nsecond`);
    await fill(canaries.mint("password that is too long").repeat(1_000));
  }
  expect(provider.asked.api, "what was typed has been tried").toBeGreaterThan(4);
  await world.expectNothing();
}, 120_000);

test("requests that are no good: broken JSON, broken GraphQL, values of the wrong type", async () => {
  const { app, canaries } = world;
  const headers = { authorization: `Bearer ${app.adminKey}`, "content-type": "application/json" };
  const post = async (body: string, more: object = {}) => {
    const answer = await fetch(`${app.url}/graphql`, { method: "POST", headers: { ...headers, ...more }, body });
    return answer.text();
  };
  const secret = () => canaries.mint("secret in a broken request");
  await post(`{"query": "mutation { x }", "variables": {"clientSecret": "${secret()}"`);
  await post(`[{"query": "${secret()}"}]`);
  await post(`clientSecret=${secret()}`, { "content-type": "application/x-www-form-urlencoded" });
  await post(JSON.stringify({ query: 1, variables: { clientSecret: secret() } }));
  const query = "mutation ($input: CreateAuthConfigInput!) { createAuthConfig(input: $input) { __typename } }";
  const good = { connectorSlug: "sandbox", name: "Wrong", clientId: "client" };
  const wrong: object[] = [
    { ...good, clientSecret: [secret()] },
    { ...good, clientSecret: { inner: secret() } },
    { ...good, clientSecret: secret(), unknownField: 1 },
    { ...good, clientSecret: secret(), scopes: { a: 1 } },
    { ...good, clientSecret: secret(), clientSecretExpiresAt: "never" },
    { clientSecret: secret() },
  ];
  for (const input of wrong) {
    const answer = await post(JSON.stringify({ query, variables: { input } }));
    expect(JSON.parse(answer).errors[0], answer).toMatchObject({ extensions: { code: "BAD_REQUEST" } });
  }
  for (const broken of [`{ viewer { role } "${secret()}" }`, `mutation { createAuthConfig(input: { clientSecret: "${secret()}" `])
    await post(JSON.stringify({ query: broken }));
  await post(`${JSON.stringify({ query, variables: { input: { ...good, clientSecret: secret() } } })}${" ".repeat(1_100_000)}`);
  await world.expectNothing();
}, 120_000);

test("a database that fails while a secret is on its way into it", async () => {
  const { app, canaries, provider } = world;
  const { database } = app.services;
  await database.script(`
    CREATE FUNCTION test_fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted failure of %', NEW; END $$;
    CREATE TRIGGER test_fail BEFORE INSERT ON "SealedSecret" FOR EACH ROW EXECUTE FUNCTION test_fail();`);
  try {
    const answer = await world.mutate("createAuthConfig", {
      connectorSlug: "sandbox",
      name: "Failing",
      clientId: "client",
      clientSecret: canaries.mint("client secret at a failing database"),
    });
    expect(answer).toMatchObject({ __typename: "TopLevelError", message: expect.stringContaining("INTERNAL") });
    expect(JSON.stringify(answer)).not.toContain("planted");
    const webhook = await world.mutate("createWebhook", { url: `${provider.url}/hook` });
    expect(webhook.__typename).toBe("TopLevelError");
  } finally {
    await database.script(`DROP TRIGGER test_fail ON "SealedSecret"; DROP FUNCTION test_fail();`);
  }
  await world.expectNothing();
}, 120_000);

test("nothing of it is on the disk, where a search would find it", async () => {
  const folder = join(world.app.dataDirectory, "database");
  expect(readdirSync(folder).length).toBeGreaterThan(0);
  writeFileSync(join(folder, "planted"), `before ${world.canaries.mint("planted on the disk")} after`);
  const found = await world.searchDisk();
  expect(found).toHaveLength(1);
  expect(found[0]).toContain("planted on the disk");
}, 120_000);

async function anyRoute(headers: Record<string, string>, query = ""): Promise<void> {
  const routes = ["/graphql", "/", "/metrics", "/health/ready", "/proxy/me", "/oauth/callback/sandbox", "/connect/x", "/nowhere"];
  for (const route of routes) {
    const target = `${world.app.url}${route}${query || "?a=b"}`;
    await (await fetch(target, { headers, redirect: "manual" }).catch(() => null))?.text();
  }
}

async function openSocket(payload: object): Promise<void> {
  const socket = new WebSocket(`${world.app.url.replace(/^http/, "ws")}/graphql`, "graphql-transport-ws");
  socket.on("error", () => {});
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "connection_init", payload }));
  const answered = Promise.race([once(socket, "message"), once(socket, "close")]);
  await answered;
  socket.close();
}
