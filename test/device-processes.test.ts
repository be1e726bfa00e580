import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ADMIN_KEY, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { tokenRequests } from "./support/oauth.ts";
import { createOwnClientConfig, createUser } from "./support/seed.ts";
import { begin, clockOf, ended, enterCode, type Request, statusesOf } from "./support/unattended.ts";

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
  two = await startTestApp(
    { ...env, MOORLINE_SANDBOX: "false" },
    { app: { connectors: [one.services.catalogue.get("sandbox")!] } },
  );
});
afterAll(async () => {
  await two?.close();
  await one?.close();
});

test("two processes ask about a code once at each interval between them, however slow the answer, and one of them connects it", async () => {
  const config = await createOwnClientConfig(one, ADMIN_KEY, {}, { flows: ["DEVICE"] });
  const user = await createUser(one, ADMIN_KEY);
  const requests: Request[] = [];
  for (let count = 0; count < 8; count++) {
    const app = count % 2 ? one : two;
    const input = { target: { authConfigId: config.id }, user: { id: user.id }, flow: "DEVICE", ifAccountExists: "CREATE" };
    requests.push(await begin(app, ADMIN_KEY, input));
  }
  const clock = clockOf(one);
  await one.sandbox!.control.setSwitches(config.clientId, { tokenDelayMs: 3_000 });
  await clock.pass(5);
  // Both look for work every second while the answers are awaited.
  await delay(5_500);
  expect(tokenRequests(one, config.clientId)).toHaveLength(8);
  await one.sandbox!.control.setSwitches(config.clientId, {});
  for (const request of requests) await enterCode(request);
  await clock.pass(5);
  const ends = await Promise.all(requests.map((request, index) => ended(index % 2 ? two : one, ADMIN_KEY, request.id)));
  for (const end of ends) expect(statusesOf(end)).toEqual(["PENDING", "AUTHORIZING", "EXCHANGING", "ACTIVE"]);
  expect(new Set(ends.map(({ credential }) => credential?.id)).size).toBe(8);
  const outcomes = tokenRequests(one, config.clientId).map(({ outcome }) => outcome);
  expect(outcomes.sort()).toEqual([...Array(8).fill("authorization_pending"), ...Array(8).fill("ok")]);
});
