import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refreshAhead } from "../src/jobs/refresh-ahead.ts";
import { decodeId } from "../src/lib/ids.ts";
import { ADMIN_KEY, moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { mutate } from "./support/entities.ts";
import { auditEvents, readCredential, refresh } from "./support/oauth.ts";
import { endProcesses, type StrictServer, startStrictServer } from "./support/processes.ts";
import { connect, createOwnClientConfig } from "./support/seed.ts";
import { createStrictConnector, expectTruthful, type Grown, grow, growAgain, growAll, need } from "./support/strict-world.ts";

/** Two servers on one PostgreSQL. Their jobs run when a test says so, but for one server at the end. */
let app: TestApp;
let other: TestApp;
let strict: StrictServer;
let env: Record<string, string>;
beforeAll(async () => {
  env = {
    DATABASE_URL: await createPostgresDatabase(),
    MOORLINE_MASTER_KEYS: Buffer.alloc(32, 7).toString("base64"),
    MOORLINE_EGRESS_ALLOW: "127.0.0.1",
  };
  app = await startTestApp(env);
  other = await startTestApp({ ...env, MOORLINE_SANDBOX: "false" });
  strict = await startStrictServer();
  await createStrictConnector(app, strict);
});
afterAll(async () => {
  endProcesses();
  await other?.close();
  await app?.close();
});

const MINUTE = 60_000;
const LIFE = 60 * MINUTE;

let moved = 0;
async function pass(ms: number): Promise<void> {
  moved += ms;
  await moveClock(app, moved);
}

const runJob = (on: TestApp = app) => refreshAhead(on.services, new AbortController().signal);
const grantOf = (credentialId: string) => app.services.database.prisma.grant.findUniqueOrThrow({ where: { credentialId } });
const asked = ({ clientId }: Grown) => strict.refreshes(clientId).length;
const crowd = (name: string, size: number) =>
  growAll(
    app,
    Array.from({ length: size }, (_, nth) => ({ mode: "strict" as const, name: `${name}-${nth}` })),
  );

/** At which share of the token's life it is to be renewed. */
async function shareOf({ id, uuid }: Grown): Promise<number> {
  const { refreshAt } = await grantOf(uuid);
  const expiresAt = new Date((await readCredential(app, ADMIN_KEY, id))!.accessTokenExpiresAt!).getTime();
  return 1 - (expiresAt - refreshAt!.getTime()) / LIFE;
}

describe("ahead of its end", () => {
  test("a token is renewed at 70 to 80 % of its life, each at a moment of its own, and so is the one that it is renewed to", async () => {
    const all = await crowd("ahead", 12);
    const shares = await Promise.all(all.map(shareOf));
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.699);
    expect(Math.max(...shares)).toBeLessThanOrEqual(0.801);
    expect(new Set(shares.map((share) => share.toFixed(4))).size).toBeGreaterThan(6);
    await pass(0.69 * LIFE);
    await runJob();
    expect(all.map(asked)).toEqual(all.map(() => 0));
    await pass(0.12 * LIFE);
    await runJob();
    await runJob();
    expect(all.map(asked)).toEqual(all.map(() => 1));
    for (const share of await Promise.all(all.map(shareOf)))
      expect(share).toSatisfy((value: number) => value > 0.69 && value < 0.81);
    await pass(0.5 * LIFE);
    for (const grown of all) {
      expect(await need(app, grown)).toMatchObject({ __typename: "RevealCredentialPayload" });
      await expectTruthful(app, strict, grown);
    }
    const [first] = all;
    expect(await auditEvents(app, ADMIN_KEY, { targetId: first!.id, action: "credential.refreshed" })).toHaveLength(2);
  });

  test("two servers whose jobs run at once renew each token once", async () => {
    const all = await crowd("both", 30);
    await pass(0.85 * LIFE);
    await Promise.all([runJob(app), runJob(other), runJob(app), runJob(other)]);
    expect(all.map(asked)).toEqual(all.map(() => 1));
  });

  test("callers go on with the old token while it is being renewed", async () => {
    const grown = await grow(app, "strict", "meanwhile");
    const { revealed: before } = (await need(app, grown)) as { revealed: { accessToken: string } };
    await pass(0.85 * LIFE);
    await strict.behave(grown.clientId, { answerAfterMs: 1_500, times: 1 });
    const renewing = runJob();
    await expect.poll(() => asked(grown)).toBe(1);
    expect(((await need(app, grown)) as { revealed: { accessToken: string } }).revealed.accessToken).toBe(before.accessToken);
    await renewing;
    expect(((await need(app, grown)) as { revealed: { accessToken: string } }).revealed.accessToken).not.toBe(before.accessToken);
  });

  test("a token without an end, or without a way to renew it, is never due", async () => {
    for (const switches of [{ noExpiresIn: true }, { noRefreshToken: true }]) {
      const config = await createOwnClientConfig(app, ADMIN_KEY, switches);
      const { credential } = await connect(app, ADMIN_KEY, { authConfigId: config.id });
      expect(await grantOf(decodeId("Credential", credential!.id)!)).toMatchObject({ refreshAt: null });
    }
  });

  test("what is switched off is left alone, and renewed when it is switched on; what is revoked never again", async () => {
    const [off, muted, ended] = (await crowd("off", 3)) as [Grown, Grown, Grown];
    await mutate(app, ADMIN_KEY, "setCredentialEnabled", { id: off.id, enabled: false });
    await mutate(app, ADMIN_KEY, "setAuthConfigEnabled", { id: muted.authConfigId, enabled: false });
    await mutate(app, ADMIN_KEY, "revokeCredential", { id: ended.id });
    await pass(2 * LIFE);
    await runJob();
    expect([off, muted, ended].map(asked)).toEqual([0, 0, 0]);
    expect(await grantOf(ended.uuid)).toMatchObject({ refreshAt: null });
    await mutate(app, ADMIN_KEY, "setCredentialEnabled", { id: off.id, enabled: true });
    await mutate(app, ADMIN_KEY, "setAuthConfigEnabled", { id: muted.authConfigId, enabled: true });
    await runJob();
    expect([off, muted, ended].map(asked)).toEqual([1, 1, 0]);
  });
});

describe("after a failure", () => {
  test("it is tried again later and later, at no fixed beat", async () => {
    const grown = await grow(app, "strict", "beat");
    await strict.behave(grown.clientId, { error: { status: 500, code: "server_error" } });
    await pass(0.9 * LIFE);
    const waits: number[] = [];
    for (let round = 1; round <= 8; round += 1) {
      await runJob();
      const { refreshAt, failures } = await grantOf(grown.uuid);
      expect(failures).toBe(round);
      const wait = refreshAt!.getTime() - (await app.services.database.now()).getTime();
      // Full jitter over a limit that doubles from five seconds, and a second at least.
      expect(wait).toBeLessThanOrEqual(1_000 + 5_000 * 2 ** (round - 1));
      waits.push(wait);
      // The provider's breaker is open meanwhile, for ten minutes at most.
      await pass(Math.max(wait, 0) + 10 * MINUTE);
    }
    expect(new Set(waits.map((wait) => Math.round(wait / 100))).size).toBeGreaterThan(4);
    await strict.behave(grown.clientId, {});
    await runJob();
    expect(await grantOf(grown.uuid)).toMatchObject({ failures: 0, notBefore: null });
    await expectTruthful(app, strict, grown);
  });

  test("of many that are due when a provider is well again one asks first, and then all", async () => {
    const first = await grow(app, "none", "well-again");
    const all = [first];
    for (let more = 0; more < 9; more += 1) all.push(await growAgain(app, first));
    await strict.behave(first.clientId, { error: { status: 503, code: "temporarily_unavailable" } });
    await pass(0.9 * LIFE);
    await Promise.all([runJob(app), runJob(other)]);
    const inVain = asked(first);
    await pass(2 * MINUTE);
    await Promise.all([runJob(app), runJob(other)]);
    expect(asked(first)).toBe(inVain + 1);
    await pass(2 * MINUTE);
    await Promise.all(all.map(({ id }, nth) => refresh(nth % 2 ? app : other, ADMIN_KEY, id)));
    expect(asked(first)).toBe(inVain + 2);
    await strict.behave(first.clientId, {});
    await pass(20 * MINUTE);
    await Promise.all([runJob(app), runJob(other)]);
    await runJob(app);
    expect(asked(first)).toBe(inVain + 2 + all.length);
  });
});

test("the job runs by itself, also in a server that takes over what another one left behind", async () => {
  const grown = await grow(app, "strict", "by-itself");
  await pass(0.85 * LIFE);
  const third = await startTestApp({ ...env, MOORLINE_SANDBOX: "false", MOORLINE_SKIP_JOBS: "" });
  try {
    await expect.poll(() => asked(grown), { timeout: 15_000 }).toBe(1);
    await expect.poll(async () => (await grantOf(grown.uuid)).generation).toBe(2);
  } finally {
    await third.close();
  }
});

test("a server that is told to stop waits for the answer that is on its way", async () => {
  const grown = await grow(app, "strict", "drain");
  await pass(2 * LIFE);
  await strict.behave(grown.clientId, { answerAfterMs: 1_500, times: 1 });
  const third = await startTestApp({ ...env, MOORLINE_SANDBOX: "false" });
  const caller = need(third, grown).catch(() => null);
  await expect.poll(() => asked(grown)).toBe(1);
  await third.close();
  await caller;
  expect(await grantOf(grown.uuid)).toMatchObject({ generation: 2, leaseOwner: null });
  await expectTruthful(app, strict, grown);
});
