import { afterAll, beforeAll, expect, test } from "vitest";
import { inSpan } from "../src/lib/tracing.ts";
import { type CanaryWorld, startCanaryWorld } from "./support/canary-world.ts";
import { send } from "./support/graphql.ts";

/** The other canary tests expect to find nothing: these show that they would. */
let world: CanaryWorld;
beforeAll(async () => {
  world = await startCanaryWorld();
});
afterAll(() => world?.close());

/** What a search finds of a secret that stands, in this form, where `plant` puts it. */
async function found(plant: (secret: string) => unknown): Promise<string[]> {
  const kind = `planted ${Math.random()}`;
  await plant(world.canaries.mint(kind));
  return (await world.search()).filter((what) => what.includes(kind)).map((what) => what.split(":", 1)[0]!);
}

const base64 = (text: string) => Buffer.from(text).toString("base64");
const forms: Record<string, (secret: string) => string> = {
  "as it is": (secret) => secret,
  "a piece of it": (secret) => secret.slice(5, 25),
  "in base64": base64,
  "in base64, behind one character": (secret) => base64(`:${secret}`),
  "in base64, behind two": (secret) => base64(`a:${secret}`),
  "in base64 for URLs": (secret) => Buffer.from(`name:${secret}`).toString("base64url"),
  "in hexadecimal": (secret) => Buffer.from(secret).toString("hex"),
  "in a URL": (secret) => encodeURIComponent(`?a=${secret}&`),
  "in JSON in JSON": (secret) => JSON.stringify(JSON.stringify({ a: `"${secret}"` })),
};
for (const [name, form] of Object.entries(forms)) {
  test(name, async () => {
    expect(await found((secret) => world.app.services.log.info({ inner: { text: form(secret) } }, "planted"))).toContain("log");
  });
}

test("in a table, of text, of JSON and of bytes", async () => {
  const { database } = world.app.services;
  expect(await found((secret) => world.mutate("upsertUser", { externalId: "planted", displayName: secret }))).toContain(
    "table User",
  );
  expect(await found((secret) => world.mutate("upsertUser", { externalId: "planted", metadata: { a: [secret] } }))).toContain(
    "table User",
  );
  await world.mutate("createApiKey", { name: "Planted", role: "VIEWER" });
  const plant = `UPDATE "ApiKey" SET "hash" = $1 WHERE "name" = 'Planted'`;
  expect(await found((secret) => database.query("test_plant", plant, [Buffer.from(secret)]))).toContain("table ApiKey");
});

test("in an answer, in an event over a WebSocket and over server-sent events", async () => {
  const { app } = world;
  const asked = (secret: string) => send(app, app.adminKey, `{ ${secret}: viewer { role } }`);
  expect(await found(asked)).toEqual(["answer"]);
  expect(await found((secret) => world.aside(() => asked(secret)))).toEqual([]);
  const user = (await world.mutate("upsertUser", { externalId: "planted" })).user!;
  const { authConfig } = await world.mutate("createAuthConfig", { connectorSlug: "sandbox", name: "Planted" });
  const target = { authConfigId: authConfig!.id };
  const where = await found(async (secret) => {
    await world.aside(() =>
      world.mutate("initiateConnection", { target, user: { id: user.id }, parameters: {}, scopes: [secret] }),
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
  });
  expect(where).toEqual(expect.arrayContaining(["frame", "event", "table ConnectionRequest"]));
});

test("in a trace", async () => {
  const where = await found(async (secret) => {
    await inSpan(`planted ${secret}`, {}, async () => {});
    await expect.poll(() => world.provider.traces.some((trace) => trace.includes(secret)), { timeout: 10_000 }).toBe(true);
  });
  expect(where).toEqual(["trace"]);
});

test("in what is printed", async () => {
  expect(await found((secret) => process.stderr.write(`planted ${secret}\n`))).toEqual(["printed"]);
});
