import { afterAll, beforeAll, expect, test } from "vitest";
import { ADMIN_KEY, moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { readCredential } from "./support/oauth.ts";
import {
  type Cable,
  endProcesses,
  type Gateway,
  layCable,
  type StrictServer,
  startGateway,
  startStrictServer,
} from "./support/processes.ts";
import type { Behaviour, Mode } from "./support/strict-server.ts";
import { attemptsOf, createStrictConnector, expectTruthful, type Grown, growAll, need } from "./support/strict-world.ts";

/**
 * Three processes that are ended, stopped and cut off from their database at random while callers and jobs renew tokens at a provider
 * that misbehaves at random, for MOORLINE_SOAK_SECONDS. Then everything is put right, and every grant has to be accounted for.
 */
const SECONDS = Number(process.env.MOORLINE_SOAK_SECONDS ?? 0);
const SIZE = 10;
const OPTIONS = { refreshLimits: { leaseMs: 6_000, requestMs: 3_000, waitMs: 9_000 }, idleInTransactionMs: 2_000 };
/** How a provider may treat the retry of a request whose answer was lost; the first two let it live. */
const MODES: Mode[] = ["none", "grace", "single", "strict"];

let app: TestApp;
let strict: StrictServer;
let cables: Cable[];
let env: Record<string, string>;
let all: Grown[];
const gateways: Gateway[] = [];

beforeAll(async () => {
  if (!SECONDS) return;
  env = { DATABASE_URL: await createPostgresDatabase(), MOORLINE_MASTER_KEYS: Buffer.alloc(32, 7).toString("base64") };
  // Tokens that hold for less than any caller wants: each need is a refresh.
  strict = await startStrictServer({ ttlSeconds: 20, graceMs: 3_600_000 });
  app = await startTestApp({ ...env, MOORLINE_EGRESS_ALLOW: "127.0.0.1", MOORLINE_SANDBOX: "false" }, { app: OPTIONS });
  await createStrictConnector(app, strict);
  cables = await Promise.all([0, 1, 2].map(() => layCable(env.DATABASE_URL!)));
  const names = MODES.flatMap((mode) => Array.from({ length: SIZE }, (_, nth) => ({ mode, name: `soak-${nth}` })));
  all = await growAll(app, names);
  for (const nth of [0, 1, 2]) await startNth(nth);
}, 120_000);
afterAll(async () => {
  endProcesses();
  await app?.close();
});

async function startNth(nth: number): Promise<void> {
  gateways[nth] = await startGateway({ ...env, DATABASE_URL: cables[nth]!.url, MOORLINE_SKIP_JOBS: "" }, OPTIONS);
}

const oneOf = <Item>(items: readonly Item[]): Item => items[Math.floor(Math.random() * items.length)]!;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const TROUBLE: Behaviour[] = [
  { drop: true, times: 1 },
  { error: { status: 503, code: "temporarily_unavailable" }, times: 1 },
  { error: { status: 429, code: "slow_down", retryAfterSeconds: 1 }, times: 1 },
  { stallMs: 1_500, times: 1 },
  { answerAfterMs: 1_500, times: 1 },
  { html: true, times: 1 },
];

async function disturb(nth: number, over: () => boolean): Promise<void> {
  while (!over()) {
    await pause(1_000 + Math.random() * 4_000);
    const gateway = gateways[nth]!;
    const kind = oneOf(["kill", "stop", "cut"]);
    if (kind === "kill") {
      gateway.kill("SIGKILL");
      await gateway.ended;
      await startNth(nth);
    } else if (kind === "stop") {
      gateway.kill("SIGSTOP");
      await pause(Math.random() * 6_000);
      gateway.kill("SIGCONT");
    } else {
      cables[nth]!.cut();
      await pause(Math.random() * 4_000);
      cables[nth]!.mend();
    }
  }
}

test.skipIf(!SECONDS)(
  "no grant is lost that the provider lets live, whatever happens to whom",
  async () => {
    const end = performance.now() + SECONDS * 1_000;
    const over = () => performance.now() > end;
    const call = async () => {
      while (!over()) {
        const limit = pause(10_000);
        await Promise.race([need(oneOf(gateways), oneOf(all)).catch(() => {}), limit]);
        await pause(Math.random() * 200);
      }
    };
    const misbehave = async () => {
      while (!over()) {
        await strict.behave(oneOf(all).clientId, { ...oneOf(TROUBLE) });
        await pause(300);
      }
    };
    await Promise.all([0, 1, 2].map((nth) => disturb(nth, over)).concat(Array.from({ length: 12 }, call), misbehave()));
    for (const { clientId } of all) await strict.behave(clientId, {});
    // Whoever was left in the midst of something comes to its end, or is taken over.
    await pause(2 * OPTIONS.refreshLimits.leaseMs);
    for (const gateway of gateways) gateway.kill("SIGKILL");
    // Leases run out, and no provider's pause lasts so long.
    await moveClock(app, 900_000);
    const asked = all.reduce((sum, { clientId }) => sum + strict.refreshes(clientId).length, 0);
    expect(asked).toBeGreaterThan(SECONDS);
    for (const grown of all) await account(grown);
  },
  SECONDS * 1_000 + 180_000,
);

/** ACTIVE, and it works; or the provider has ended it, which it does where an answer of its own was lost and by no fault of ours. */
async function account(grown: Grown): Promise<void> {
  await need(app, grown);
  const status = (await readCredential(app, ADMIN_KEY, grown.id))?.status;
  const attempts = await attemptsOf(app, grown);
  const mode = grown.clientId.split("--")[0];
  const lost = attempts.slice(-4).some(({ outcome }) => ["RESPONSE_LOST", "TRANSIENT", "LATE", "SUPERSEDED"].includes(outcome));
  const mayEnd = lost && (mode === "single" || mode === "strict");
  expect(mayEnd ? ["ACTIVE", "INVALID"] : ["ACTIVE"], story(grown, attempts)).toContain(status);
  await expectTruthful(app, strict, grown);
}

function story({ clientId }: Grown, attempts: Awaited<ReturnType<typeof attemptsOf>>): string {
  const ours = attempts.map(({ startedAt, answeredAt, finishedAt, generation, outcome }) =>
    [generation, outcome, startedAt, answeredAt, finishedAt]
      .map((part) => (part instanceof Date ? part.toISOString() : part))
      .join(" "),
  );
  const theirs = strict.refreshes(clientId).map(({ at, outcome }) => `${new Date(at).toISOString()} ${outcome}`);
  return [clientId, ...ours, ...theirs].join("\n");
}
