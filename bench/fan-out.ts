import type { Commit, CommitOrder } from "./commit-events.ts";
import type { Committer } from "./committer.ts";
import type { Case, Extent } from "./options.ts";
import type { Remote } from "./process.ts";
import type { Measure } from "./report.ts";
import type { Subscriber } from "./seed.ts";
import type { Stage } from "./stage.ts";
import { median, percentile, sleep } from "./statistics.ts";

const TIMEOUT_MS = 60_000;
const PER_SECOND = 1_000;
/** After the last socket has opened, until the memory is read. */
const SETTLE_MS = 3_000;
const REST_MS = 500;

/** PGlite belongs to the server's process: there it does itself what another process does on PostgreSQL. */
function handOf(stage: Stage): Remote<Committer> {
  return stage.databaseUrl ? stage.start<Committer>("committer.ts", { DATABASE_URL: stage.databaseUrl }) : stage.server;
}

/** Every subscriber on a socket and a session of its own, watching a connection request of its own. */
async function subscribe(stage: Stage, hand: Remote<Committer>, count: number): Promise<Subscriber[]> {
  const subscribers = await hand.call("seedSubscribers", { projectId: stage.projectId, count });
  await stage.load.call("openSubscriptions", { url: stage.url, subscribers });
  return subscribers;
}

/** (e): from commit to frame. */
export async function measureFanOut(stage: Stage, cases: ReadonlySet<Case>, extent: Extent): Promise<Measure[]> {
  const measures: Measure[] = [];
  const hand = handOf(stage);
  const round = deliver(stage, hand, await subscribe(stage, hand, extent.subscribers));
  if (cases.has("e-paced")) measures.push(await measureDelivery(stage, "e-paced", round, PER_SECOND, extent));
  if (cases.has("e-burst")) measures.push(await measureDelivery(stage, "e-burst", round, null, extent));
  return measures;
}

/** (e): memory alone, of a server that has done nothing else. */
export async function measureIdle(stage: Stage, extent: Extent): Promise<Measure> {
  await subscribe(stage, handOf(stage), extent.idle);
  await sleep(SETTLE_MS);
  const rssMb = await stage.server.call("rssMb", undefined);
  return { case: "e-idle", database: stage.dialect, rps: null, p50Ms: null, p99Ms: null, ratio: null, rssMb };
}

type Round = (perSecond: number | null) => Promise<{ latencies: Float64Array; perSecond: number }>;

/** Each round changes every request once and gives how long after its commit each frame arrived. */
function deliver(stage: Stage, committer: Remote<Committer>, subscribers: Subscriber[]): Round {
  const publicIds = new Map(subscribers.map(({ id, requestId }) => [id, requestId]));
  let statuses: [CommitOrder["from"], CommitOrder["to"]] = ["PENDING", "AUTHORIZING"];

  return async function round(perSecond) {
    const [from, to] = statuses;
    statuses = [to, from];
    const order = { projectId: stage.projectId, requestIds: [...publicIds.keys()], from, to, perSecond };
    const commits = await committer.call("commitEvents", order);
    const frames = await stage.load.call("collect", { expected: commits.length, timeoutMs: TIMEOUT_MS });
    const arrivals = new Map(frames.map(({ requestId, at }) => [requestId, at]));
    const latencies = Float64Array.from(commits, ({ id, at }: Commit) => arrivals.get(publicIds.get(id)!)! - at);
    const times = frames.map(({ at }) => at).toSorted((a, b) => a - b);
    const first = Math.min(...commits.map(({ at }) => at));
    return { latencies, perSecond: (frames.length * 1_000) / (times.at(-1)! - first) };
  };
}

async function measureDelivery(
  stage: Stage,
  name: Case,
  round: Round,
  perSecond: number | null,
  { rounds }: Extent,
): Promise<Measure> {
  await round(perSecond);
  const results: Awaited<ReturnType<Round>>[] = [];
  for (let index = 0; index < rounds; index += 1) {
    await sleep(REST_MS);
    results.push(await round(perSecond));
  }
  return {
    case: name,
    database: stage.dialect,
    rps: median(results.map((result) => result.perSecond)),
    p50Ms: median(results.map(({ latencies }) => percentile(latencies, 0.5))),
    p99Ms: median(results.map(({ latencies }) => percentile(latencies, 0.99))),
    ratio: null,
    rssMb: await stage.server.call("rssMb", undefined),
  };
}
