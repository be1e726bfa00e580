import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { decodeId } from "../src/lib/ids.ts";
import { ADMIN_KEY, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { tokenRequests } from "./support/oauth.ts";
import { endProcesses, startGateway } from "./support/processes.ts";
import { createOwnClientConfig, createUser } from "./support/seed.ts";
import { begin, clockOf, ended, enterCode, statusesOf } from "./support/unattended.ts";

/** Requests are begun at a server that asks nobody about them; processes of their own do, and are killed in the middle of it. */
let app: TestApp;
let env: Record<string, string>;
let clock: ReturnType<typeof clockOf>;
beforeAll(async () => {
  env = {
    DATABASE_URL: await createPostgresDatabase(),
    MOORLINE_MASTER_KEYS: Buffer.alloc(32, 7).toString("base64"),
  };
  app = await startTestApp({ ...env, MOORLINE_SKIP_JOBS: "refresh-ahead,advance-requests" });
  clock = clockOf(app);
});
afterEach(endProcesses);
afterAll(() => app?.close());

const gateway = () => startGateway(env, { connectors: [app.services.catalogue.get("sandbox")!] });

/** A device code of a client of its own. */
async function asked() {
  const { control } = app.sandbox!;
  const config = await createOwnClientConfig(app, ADMIN_KEY, {}, { flows: ["DEVICE"] });
  const user = await createUser(app, ADMIN_KEY);
  const target = { authConfigId: config.id };
  const request = await begin(app, ADMIN_KEY, { target, user: { id: user.id }, flow: "DEVICE" });
  const outcomes = () => tokenRequests(app, config.clientId).map(({ outcome }) => outcome);
  return {
    request,
    outcomes,
    switches: (switches: object) => control.setSwitches(config.clientId, switches),
    /** Until the provider has answered so, in this order. */
    answered: (...expected: string[]) => expect.poll(outcomes, { timeout: 15_000 }).toEqual(expected),
  };
}

/** As if the provider wanted to be asked every five minutes, which is longer than a lease, and its codes were good for a day. */
async function asRarely({ request }: Awaited<ReturnType<typeof asked>>): Promise<void> {
  const { database } = app.services;
  const tomorrow = new Date((await database.now()).getTime() + 86_400_000);
  await database.prisma.connectionRequest.update({
    where: { id: decodeId("ConnectionRequest", request.id)! },
    data: { deviceIntervalMs: 300_000, deviceExpiresAt: tomorrow, expiresAt: tomorrow },
  });
}

/** Lets time pass until others that are due then have been asked about. */
async function pass(seconds: number): Promise<void> {
  const other = await asked();
  await clock.pass(seconds);
  await other.answered(PENDING);
}

const PENDING = "authorization_pending";

test("who goes on with a device code after a process was killed keeps to its lease, its interval and what slow_down added", async () => {
  const killed = await gateway();
  const code = await asked();
  await asRarely(code);
  await code.switches({ tokenError: { status: 400, error: "slow_down" } });
  await pass(5);
  await code.answered("slow_down");
  await code.switches({ tokenDelayMs: 600_000 });
  // Five seconds more than before (RFC 8628 section 3.5).
  await pass(200);
  expect(code.outcomes()).toEqual(["slow_down"]);
  await pass(110);
  await code.answered("slow_down", "pending");
  killed.kill("SIGKILL");
  await killed.ended;
  await code.answered("slow_down", "hung_up");
  await code.switches({});

  await gateway();
  await pass(30);
  expect(code.outcomes()).toEqual(["slow_down", "hung_up"]);
  // The lease of ninety seconds is over, and the interval is not.
  await pass(120);
  expect(code.outcomes()).toEqual(["slow_down", "hung_up"]);
  await pass(160);
  await code.answered("slow_down", "hung_up", PENDING);
  await pass(200);
  expect(code.outcomes()).toEqual(["slow_down", "hung_up", PENDING]);
  await enterCode(code.request);
  await pass(110);
  expect(statusesOf(await ended(app, ADMIN_KEY, code.request.id))).toEqual(["PENDING", "AUTHORIZING", "EXCHANGING", "ACTIVE"]);
  expect(code.outcomes()).toEqual(["slow_down", "hung_up", PENDING, "ok"]);
}, 120_000);
