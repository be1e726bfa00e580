import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ADMIN_KEY, moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { expectTable, type GrownCell, growCells, reasonsOf } from "./support/fault-table.ts";
import { readCredential, refresh } from "./support/oauth.ts";
import {
  type Cable,
  endProcesses,
  type Gateway,
  layCable,
  type StrictServer,
  startGateway,
  startStrictServer,
} from "./support/processes.ts";
import { MODES } from "./support/strict-server.ts";
import { createStrictConnector, expectTruthful, type Grown, grow, growAll, need } from "./support/strict-world.ts";

/**
 * What becomes of a grant when its refresh is cut off: at which point, by what, at a provider whose refresh tokens behave in which way
 * (strict-server.ts has them: none is no rotation, latest the harder form of rotation with grace). In each cell: the token requests that
 * the provider has seen when all is over, and the credential's status then.
 *
 * kill: the process is ended by SIGKILL, and another one needs the tokens. stop: SIGSTOP until its lease has run out; another process
 * needs the tokens; then SIGCONT. cut: the process loses its database for a while.
 *
 * A 2 is a request whose answer died with its process: asked again, the provider says what it holds of that, and where it is INVALID no
 * client could have done better. A 3 is two requests with one refresh token, because the first seemed lost, and one that finds out whether
 * the first one's late answer is worth something: with `single` it is, and the grant lives; with `strict` the second use had ended it.
 */
const TABLE = `
  fault  point           none      latest    single     strict
  kill   claimed         1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  kill   attemptWritten  1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  kill   requestSent     2 ACTIVE  2 ACTIVE  2 INVALID  2 INVALID
  kill   headersIn       2 ACTIVE  2 ACTIVE  2 INVALID  2 INVALID
  kill   bodyIn          2 ACTIVE  2 ACTIVE  2 INVALID  2 INVALID
  kill   journaled       1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  kill   committing      1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  kill   committed       1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  kill   announced       1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  stop   claimed         1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  stop   attemptWritten  1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  stop   requestSent     2 ACTIVE  2 ACTIVE  3 ACTIVE   3 INVALID
  stop   headersIn       2 ACTIVE  2 ACTIVE  3 ACTIVE   3 INVALID
  stop   bodyIn          2 ACTIVE  2 ACTIVE  3 ACTIVE   3 INVALID
  stop   journaled       1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  stop   committing      1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  stop   committed       1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  stop   announced       1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  cut    claimed         1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  cut    attemptWritten  1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  cut    requestSent     1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  cut    headersIn       1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  cut    bodyIn          1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  cut    journaled       1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  cut    committing      1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  cut    committed       1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  cut    announced       1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE`;

/** In the proportion of the real ones: a request is over well before its lease. */
const LIMITS = { leaseMs: 15_000, requestMs: 11_000, waitMs: 40_000 };
const OPTIONS = { refreshLimits: LIMITS, idleInTransactionMs: 2_500 };
/** How long an answer is on its way whose request is caught without it: where its process stands still it comes meanwhile. */
const ON_ITS_WAY_MS: Record<string, number> = { kill: 6_000, stop: 6_000, cut: 1_000 };

let other: TestApp;
let strict: StrictServer;
let cable: Cable;
let env: Record<string, string>;
let grown: Record<string, GrownCell[]>;
let overtaken: Grown[];
let sealed: Grown;

/** Every credential is there, and its access token has run out, before the tests begin, all of them at once: most of them is waiting. */
beforeAll(async () => {
  env = { DATABASE_URL: await createPostgresDatabase(), MOORLINE_MASTER_KEYS: Buffer.alloc(32, 7).toString("base64") };
  strict = await startStrictServer();
  other = await startTestApp({ ...env, MOORLINE_EGRESS_ALLOW: "127.0.0.1", MOORLINE_SANDBOX: "false" }, { app: OPTIONS });
  await createStrictConnector(other, strict);
  cable = await layCable(env.DATABASE_URL!);
  grown = {};
  for (const fault of ["kill", "stop", "cut"]) grown[fault] = await growCells(other, TABLE, fault);
  overtaken = await growAll(
    other,
    MODES.map((mode) => ({ mode, name: "overtaken" })),
  );
  sealed = await grow(other, "latest", "sealed");
  await moveClock(other, 7_200_000);
}, 120_000);
afterAll(async () => {
  endProcesses();
  await other?.close();
});

interface Caught {
  cells: GrownCell[];
  gateway: Gateway;
  /** Of those who needed the tokens of the process that was caught. */
  calls: Promise<unknown>[];
}

/** One process with a refresh of each cell, every one of them held where its cell says. */
async function caught(fault: string, through: Record<string, string> = {}): Promise<Caught> {
  const gateway = await startGateway({ ...env, ...through }, OPTIONS);
  const cells = grown[fault]!;
  const sent = cells.filter(({ point }) => point === "requestSent").map((cell) => cell.grown.clientId);
  for (const clientId of sent) await strict.behave(clientId, { answerAfterMs: ON_ITS_WAY_MS[fault], times: 1 });
  const holds = Object.fromEntries(cells.map((cell) => [cell.grown.uuid, cell.point]));
  gateway.hold(holds);
  const calls = cells.map((cell) => need(gateway, cell.grown).catch((error: unknown) => error));
  await gateway.held(holds);
  await expect.poll(() => sent.every((clientId) => strict.refreshes(clientId).length === 1), WHILE).toBe(true);
  return { cells, gateway, calls };
}

const WHILE = { timeout: 40_000 };

const allNeeded = (app: { url: string }, cells: GrownCell[]) => Promise.all(cells.map((cell) => need(app, cell.grown)));

describe.concurrent("a refresh that is cut off at any point", { timeout: 120_000 }, () => {
  test("by kill -9 loses no grant that the provider lets live, and the status says what became of it", async () => {
    const { cells, gateway, calls } = await caught("kill");
    gateway.kill("SIGKILL");
    await Promise.all(calls);
    await allNeeded(other, cells);
    await expectTable(other, strict, cells);
    for (const reason of await reasonsOf(other, cells)) expect(reason).toContain("lost on the way");
  });

  test("by SIGSTOP past its lease sends nothing when it wakes up, and throws away nothing newer", async () => {
    const { cells, gateway, calls } = await caught("stop");
    gateway.kill("SIGSTOP");
    await allNeeded(other, cells);
    gateway.kill("SIGCONT");
    gateway.release();
    await Promise.all(calls);
    await expectTable(other, strict, cells);
  });

  test("by a database that is away keeps what the provider gave until it is back", async () => {
    const { cells, gateway, calls } = await caught("cut", { DATABASE_URL: cable.url });
    cable.cut();
    gateway.release();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    cable.mend();
    await Promise.all(calls);
    await allNeeded(gateway, cells);
    await expectTable(other, strict, cells);
  });

  /** The second answer is the newer one; or it is a refusal, and whether that ended the first one's tokens a third request finds out. */
  const OVERTAKEN = { none: "2 ACTIVE", grace: "2 ACTIVE", single: "3 ACTIVE", strict: "3 INVALID", latest: "2 ACTIVE" };

  test("and stores its answer while a second request is out leaves the newer tokens, and nothing is believed of the older", async () => {
    const gateway = await startGateway(env, OPTIONS);
    const holds = Object.fromEntries(overtaken.map(({ uuid }) => [uuid, "bodyIn" as const]));
    gateway.hold(holds);
    const first = overtaken.map((each) => need(gateway, each));
    await gateway.held(holds);
    for (const { clientId } of overtaken) await strict.behave(clientId, { answerAfterMs: 5_000, times: 1 });
    // Until the lease of the first has run out they wait; then they ask.
    const second = overtaken.map((each) => need(other, each));
    const requests = () => overtaken.map(({ clientId }) => strict.refreshes(clientId).length);
    await expect.poll(requests, WHILE).toEqual(MODES.map(() => 2));
    gateway.release();
    await Promise.all([...first, ...second]);
    const statuses = await Promise.all(overtaken.map(async ({ id }) => (await readCredential(other, ADMIN_KEY, id))?.status));
    const found = MODES.map((mode, nth) => [mode, `${requests()[nth]} ${statuses[nth]}`]);
    expect(Object.fromEntries(found)).toEqual(OVERTAKEN);
    for (const each of overtaken) await expectTruthful(other, strict, each);
  });

  test("and leaves a newer answer sealed than the one that was stored is heard by the next one, before the provider is asked", async () => {
    const [older, newer] = await Promise.all([startGateway(env, OPTIONS), startGateway(env, OPTIONS)]);
    older.hold({ [sealed.uuid]: "bodyIn" });
    newer.hold({ [sealed.uuid]: "journaled" });
    const first = need(older, sealed);
    await older.held({ [sealed.uuid]: "bodyIn" });
    const second = need(newer, sealed).catch(() => {});
    await newer.held({ [sealed.uuid]: "journaled" });
    older.release();
    await first;
    newer.kill("SIGKILL");
    await second;
    expect(await refresh(other, ADMIN_KEY, sealed.id)).toMatchObject({ __typename: "RefreshCredentialPayload" });
    expect(strict.refreshes(sealed.clientId)).toHaveLength(2);
    await expectTruthful(other, strict, sealed);
  });
});
