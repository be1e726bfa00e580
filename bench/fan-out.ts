import type { Commit, CommitOrder } from "./commit-events.ts";
import type { Committer } from "./committer.ts";
import type { Case, Extent } from "./options.ts";
import type { Measure } from "./report.ts";
import type { Subscriber } from "./seed.ts";
import type { Stage } from "./stage.ts";
import { median, percentile, sleep } from "./statistics.ts";

const TIMEOUT_MS = 60_000;
const PER_SECOND = 1_000;
/** After the last socket has opened, until the memory is read. */
const SETTLE_MS = 3_000;
const REST_MS = 500;

/** (e): every subscriber on a socket and a session of its own, watching a connection request of its own. */
export async function measureFanOut(stage: Stage, cases: ReadonlySet<Case>, extent: Extent): Promise<Measure[]> {
  const measures: Measure[] = [];
  const { server, load, projectId } = stage;
  const { authConfigId } = await server.call("seedCredentials", { projectId, count: 1 });
  const open = async (count: number) => {
    const subscribers = await server.call("seedSubscribers", { projectId, count, authConfigId });
    await load.call("openSubscriptions", { url: stage.url, subscribers });
    return subscribers;
  };
  if (cases.has("e-paced") || cases.has("e-burst")) {
    const subscribers = await open(extent.subscribers);
    const rounds = deliver(stage, subscribers);
    if (cases.has("e-paced")) measures.push(await measureDelivery(stage, "e-paced", rounds, PER_SECOND, extent));
    if (cases.has("e-burst")) measures.push(await measureDelivery(stage, "e-burst", rounds, null, extent));
  }
  if (cases.has("e-idle")) {
    await open(extent.idle - (measures.length > 0 ? extent.subscribers : 0));
    await sleep(SETTLE_MS);
    measures.push({ ...NOTHING, case: "e-idle", database: stage.dialect, rssMb: await server.call("rssMb", undefined) });
  }
  return measures;
}

const NOTHING = { rps: null, p50Ms: null, p99Ms: null, ratio: null };

type Round = (perSecond: number | null) => Promise<{ latencies: Float64Array; perSecond: number }>;

/** Each round changes every request once and gives how long after its commit each frame arrived. */
function deliver(stage: Stage, subscribers: Subscriber[]): Round {
  // PGlite belongs to the server's process: there it commits itself.
  const committer = stage.databaseUrl
    ? stage.start<Committer>("committer.ts", { DATABASE_URL: stage.databaseUrl })
    : stage.server;
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
