import { afterAll, beforeAll, expect, test } from "vitest";
import { ADMIN_KEY, moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { mutate } from "./support/entities.ts";
import { readCredential, reveal, tokenRequests } from "./support/oauth.ts";
import { connect, createConfig } from "./support/seed.ts";

/** Two servers on one PostgreSQL, with nothing in common but the database; the sandbox is the first one's. */
let one: TestApp;
let two: TestApp;
beforeAll(async () => {
  const env = {
    DATABASE_URL: await createPostgresDatabase(),
    MOORLINE_MASTER_KEYS: Buffer.alloc(32, 7).toString("base64"),
    MOORLINE_EGRESS_ALLOW: "127.0.0.1",
  };
  one = await startTestApp(env);
  two = await startTestApp({ ...env, MOORLINE_SANDBOX: "false" });
});
afterAll(async () => {
  await two?.close();
  await one?.close();
});

/** A credential of a strict provider whose token has run out: a second use of the same refresh token would end the grant. */
async function expiredCredential(slug: string, hours: number) {
  const { issuer, control } = one.sandbox!;
  const oauth2 = { issuer, scope: "openid offline_access" };
  const { connector } = await mutate(
    one,
    ADMIN_KEY,
    "createConnector",
    { slug, name: "Strict", scheme: { oauth2 } },
    "connector { id redirectUri }",
  );
  const switches = { rotation: "strict" as const };
  const client = await control.createClient({ redirectUris: [connector.redirectUri as string], switches });
  const { clientId, clientSecret } = client;
  const config = await createConfig(one, ADMIN_KEY, { connectorSlug: slug, clientId, clientSecret });
  const { credential } = await connect(one, ADMIN_KEY, { authConfigId: config.id });
  await control.setSwitches(clientId, { ...switches, tokenDelayMs: 500 });
  await moveClock(one, hours * 3_600_000);
  return { id: credential!.id, clientId };
}

test("of a hundred callers at two servers one refreshes, and all get its token", async () => {
  const { id, clientId } = await expiredCredential("strict", 2);
  const callers = Array.from({ length: 100 }, (_, index) => (index % 2 ? one : two));
  const answers = await Promise.all(callers.map((app) => reveal(app, ADMIN_KEY, { id })));
  const tokens = new Set(answers.map((answer) => (answer as { revealed?: { accessToken?: string } }).revealed?.accessToken));
  expect([...tokens]).toEqual([expect.any(String)]);
  expect(tokenRequests(one, clientId, "refresh_token")).toHaveLength(1);
  expect((await readCredential(two, ADMIN_KEY, id))?.status).toBe("ACTIVE");
});

test("of a hundred callers at two servers one asks in vain, and all are told what it was told", async () => {
  const { id, clientId } = await expiredCredential("strict-2", 4);
  const tokenError = { status: 503, error: "temporarily_unavailable" };
  await one.sandbox!.control.setSwitches(clientId, { rotation: "strict", tokenDelayMs: 2_000, tokenError });
  const callers = Array.from({ length: 100 }, (_, index) => (index % 2 ? one : two));
  const answers = await Promise.all(callers.map((app) => reveal(app, ADMIN_KEY, { id })));
  for (const answer of answers)
    expect(answer).toMatchObject({ __typename: "ProviderError", retryable: true, providerStatus: 503 });
  expect(tokenRequests(one, clientId, "refresh_token")).toHaveLength(1);
});
