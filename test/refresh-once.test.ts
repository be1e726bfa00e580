import { afterAll, beforeAll, expect, test } from "vitest";
import { ADMIN_KEY, moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { auditEvents } from "./support/oauth.ts";
import { endProcesses, type Gateway, type StrictServer, startGateway, startStrictServer } from "./support/processes.ts";
import { createStrictConnector, expectTruthful, type Grown, grow, need } from "./support/strict-world.ts";

/** Three processes on one PostgreSQL, with the limits of production; a fourth has the clock in its hand. */
let app: TestApp;
let gateways: Gateway[];
let strict: StrictServer;

beforeAll(async () => {
  const env = { DATABASE_URL: await createPostgresDatabase(), MOORLINE_MASTER_KEYS: Buffer.alloc(32, 7).toString("base64") };
  app = await startTestApp({ ...env, MOORLINE_EGRESS_ALLOW: "127.0.0.1", MOORLINE_SANDBOX: "false" });
  [strict, ...gateways] = await Promise.all([startStrictServer(), startGateway(env), startGateway(env), startGateway(env)]);
  await createStrictConnector(app, strict);
});
afterAll(async () => {
  endProcesses();
  await app?.close();
});

const CALLERS = 200;
const HOUR = 3_600_000;

/** So many callers at each process who all need the one token that has run out; what they got. */
async function allNeed(grown: Grown): Promise<Set<string | undefined>> {
  const callers = gateways.flatMap((gateway) => Array.from({ length: CALLERS }, () => need(gateway, grown)));
  const answers = await Promise.all(callers);
  return new Set(answers.map((answer) => (answer as { revealed?: { accessToken: string } }).revealed?.accessToken));
}

test("of 200 callers at each of three processes one refreshes, and all get its token", async () => {
  const grown = await grow(app, "strict", "crowd");
  await moveClock(app, 2 * HOUR);
  expect([...(await allNeed(grown))]).toEqual([expect.any(String)]);
  expect(strict.refreshes(grown.clientId)).toMatchObject([{ outcome: "ok" }]);
  expect(await auditEvents(app, ADMIN_KEY, { targetId: grown.id, action: "credential.refreshed" })).toHaveLength(1);
  await expectTruthful(app, strict, grown);
});

test("a token endpoint that takes 19 seconds is asked once, and every caller waits for its answer", async () => {
  const grown = await grow(app, "strict", "slow");
  await moveClock(app, 4 * HOUR);
  await strict.behave(grown.clientId, { stallMs: 19_000, times: 1 });
  expect([...(await allNeed(grown))]).toEqual([expect.any(String)]);
  expect(strict.refreshes(grown.clientId)).toMatchObject([{ outcome: "ok" }]);
  await expectTruthful(app, strict, grown);
}, 120_000);
