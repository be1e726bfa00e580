import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BAD_MOODS, type Mood } from "./support/canary-provider.ts";
import { type CanaryWorld, startCanaryWorld } from "./support/canary-world.ts";

let world: CanaryWorld;
let user: { id: string };

beforeAll(async () => {
  world = await startCanaryWorld();
  user = { id: (await world.mutate("upsertUser", { externalId: "ada" })).user!.id };
  const { secret } = await world.mutateAside("createWebhook", { url: `${world.provider.url}/hook` });
  world.canaries.add("webhook secret", secret);
});
afterAll(() => world?.close());

/** For all but the first scheme a few of them do. */
const FEW: Mood[] = ["refuses", "cuts", "redirects"];

/** A connector of the project's own at the provider's address, and its config. */
async function configOf(slug: string, scheme: object, more: object = {}) {
  const { connector } = await world.mutate("createConnector", {
    slug,
    name: slug,
    baseUrl: `${world.provider.url}/api`,
    scheme,
    verification: { method: "GET", path: "/me", expectedStatus: [200] },
  });
  expect(connector, slug).toBeTruthy();
  return (await world.mutate("createAuthConfig", { connectorSlug: slug, name: slug, ...more })).authConfig!;
}

/** Everything that can be done with values of one scheme, while the third party answers well and badly. */
async function live(authConfigId: string, fresh: () => object, bad: readonly Mood[] = BAD_MOODS): Promise<void> {
  const target = { authConfigId };
  const { moods } = world.provider;
  for (const mood of bad) {
    moods.api = moods.token = mood;
    const tried = await world.mutate("tryCredential", { target, fields: fresh() });
    expect(tried.__typename, mood).toBe("TryCredentialPayload");
    await world.mutate("createCredential", { target, user, fields: fresh(), test: true });
  }
  moods.api = moods.token = "works";
  const made = await world.mutate("createCredential", {
    target,
    user,
    fields: fresh(),
    test: true,
    idempotencyKey: authConfigId,
  });
  expect(made.__typename, JSON.stringify(made)).toBe("CreateCredentialPayload");
  await world.mutate("createCredential", { target, user, fields: fresh(), idempotencyKey: authConfigId });
  const { id } = made.credential!;
  await world.mutate("importCredential", { target, user, fields: fresh(), label: "Brought along" });
  for (const mood of bad) {
    moods.api = moods.token = mood;
    await world.mutate("updateCredential", { id, fields: fresh(), test: true });
    await world.mutate("tryCredential", { credentialId: id, fields: fresh() });
    await world.mutate("testCredential", { id });
    await world.mutate("refreshCredential", { id });
    await callApi(id, mood);
  }
  moods.api = moods.token = "works";
  await world.mutate("updateCredential", { id, fields: fresh(), test: true });
  await world.mutate("updateCredential", { id, fields: fresh(), version: 1 });
  const revealed = await world.mutateAside("revealCredential", { id, reason: "looked at" });
  expect(world.canaries.find(JSON.stringify(revealed)), "the reveal tells").not.toEqual([]);
  await callApi(id, "works");
  await world.mutate("reauthorizeCredential", { id });
  await world.mutate("setCredentialEnabled", { id, enabled: false });
  await world.mutateAside("revealCredential", { id });
  await world.mutate("setCredentialEnabled", { id, enabled: true });
  await world.mutate("revokeCredential", { id });
  await world.mutate("deleteAuthConfig", { id: authConfigId, confirm: true });
}

/** By the mutation and by the proxy; both pass on what the API itself says. */
async function callApi(credentialId: string, mood: Mood): Promise<void> {
  world.provider.moods.api = mood;
  const { app, aside } = world;
  await world.mutateAside("callApi", { credentialId, method: "GET", path: "/things" });
  const headers = { authorization: `Bearer ${app.adminKey}`, "moorline-credential": credentialId };
  await aside(async () => {
    const answer = await fetch(`${app.url}/proxy/things?a=b`, { headers }).catch(() => null);
    await answer?.text().catch(() => "");
  });
  // What is refused before it leaves, and what is answered by us and not by the API, is as strict as everything else.
  await fetch(`${app.url}/proxy//127.0.0.1:1/`, { headers }).then((answer) => answer.text());
  await fetch(`${app.url}/proxy/things`, { method: "TRACEY", headers })
    .then((answer) => answer.text())
    .catch(() => "");
}

const wrapped = (core: string) => `${core}+/=&"'<b>%41`;

test("an API key in a header, in the query, in a cookie: neither it nor any piece of it comes out", async () => {
  for (const location of ["HEADER", "QUERY", "COOKIE"]) {
    const config = await configOf(`key-${location.toLowerCase()}`, { apiKey: { location, name: "X-Key", prefix: "Token " } });
    const bad = location === "HEADER" ? BAD_MOODS : FEW;
    await live(config.id, () => ({ apiKey: world.canaries.mint(`API key (${location})`, wrapped) }), bad);
  }
  await world.expectNothing();
}, 120_000);

test("a bearer token", async () => {
  const config = await configOf("bearer", { bearerToken: {} });
  await live(config.id, () => ({ token: world.canaries.mint("bearer token") }), FEW);
  await world.expectNothing();
}, 120_000);

test("a user name and password", async () => {
  const config = await configOf("basic", { basic: {} });
  await live(config.id, () => ({ username: "ada", password: world.canaries.mint("password", wrapped) }), FEW);
  await world.expectNothing();
}, 120_000);

test("values that the project presets for everyone", async () => {
  const preset = () => ({ password: world.canaries.mint("preset password") });
  const config = await configOf("preset", { basic: {} }, { presetCredentialFields: preset() });
  expect(config.presetFields).toEqual(["password"]);
  await world.mutate("updateAuthConfig", { id: config.id, presetCredentialFields: preset(), confirm: true });
  await world.mutate("updateAuthConfig", {
    id: config.id,
    presetCredentialFields: { nothing: world.canaries.mint("unknown preset") },
  });
  const target = { authConfigId: config.id };
  const { credential } = await world.mutate("createCredential", { target, user, fields: { username: "ada" }, test: true });
  world.provider.moods.api = "refuses";
  await world.mutate("testCredential", { id: credential!.id });
  await world.mutate("updateAuthConfig", { id: config.id, presetCredentialFields: null, confirm: true });
  world.provider.moods.api = "works";
  await world.expectNothing();
}, 120_000);

test("a client id and secret of a user's own", async () => {
  const { authConfig } = await world.mutate("createAuthConfig", {
    connectorSlug: "canary-client-credentials",
    name: "Own client",
  });
  await live(authConfig!.id, () => ({
    clientId: "machine",
    clientSecret: world.canaries.mint("client secret of a user", wrapped),
  }));
  await world.expectNothing();
}, 120_000);

test("a service account's private key, as PEM and as a key file, and a shared secret that signs", async () => {
  const pem = () => {
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2_048,
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    for (const line of privateKey.split("\n").slice(1, -2)) world.canaries.add("private key", line);
    return privateKey;
  };
  const keys = [pem(), pem(), pem(), pem()];
  let next = 0;
  const { authConfig: signed } = await world.mutate("createAuthConfig", { connectorSlug: "canary-signed-jwt", name: "Signed" });
  await live(signed!.id, () => {
    const key = keys[next++ % keys.length]!;
    return {
      privateKey: next % 2 ? key : JSON.stringify({ type: "service_account", private_key: key, client_email: "a@b.example" }),
    };
  });
  // One that cannot be read is quoted by parsers.
  const target = { authConfigId: signed!.id };
  const broken = `-----BEGIN PRIVATE KEY-----\n${world.canaries.mint("broken private key")}\n-----END PRIVATE KEY-----`;
  await world.mutate("tryCredential", { target, fields: { privateKey: broken } });
  const { authConfig: shared } = await world.mutate("createAuthConfig", {
    connectorSlug: "canary-shared-secret",
    name: "Shared",
  });
  await live(shared!.id, () => ({ privateKey: world.canaries.mint("shared signing secret") }), FEW);
  await world.expectNothing();
}, 180_000);

test("what is typed into the wrong field, in the wrong form, or for nobody", async () => {
  const config = await configOf("wrong", { apiKey: { location: "HEADER", name: "X-Key" } });
  const target = { authConfigId: config.id };
  const secret = () => world.canaries.mint("misplaced secret");
  const misplaced: object[] = [
    { fields: { apiKey: `${secret()}\nsecond line` } },
    { fields: { apiKey: [secret()] } },
    { fields: { apiKey: { inner: secret() } } },
    { fields: { apiKey: secret(), other: secret() } },
    { fields: [secret()] },
    { fields: secret() },
    { fields: { apiKey: secret().repeat(2_000) } },
    { fields: { apiKey: secret() }, user: { id: "usr_nobody" } },
    { fields: { apiKey: secret() }, target: { connectorSlug: "nothing-here" } },
  ];
  for (const input of misplaced) {
    for (const name of ["createCredential", "tryCredential", "importCredential"]) {
      const answer = await world.mutate(name, { target, ...(name !== "tryCredential" && { user }), ...input });
      expect(answer.__typename, JSON.stringify(input).slice(0, 200)).not.toMatch(/Payload$|TopLevel/);
    }
  }
  await world.expectNothing();
}, 120_000);

test("nothing of them is on the disk, not even of what was deleted", async () => {
  await world.mutate("deleteUser", { id: user.id, confirm: true });
  await world.expectNothing();
  expect(await world.searchDisk()).toEqual([]);
}, 120_000);
