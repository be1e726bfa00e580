import { join } from "node:path";
import { CREDENTIAL, CREDENTIALS, REVEAL } from "./graphql.ts";
import type { LoadResult, RequestLoad } from "./load-requests.ts";
import type { Case, Extent } from "./options.ts";
import type { Measure } from "./report.ts";
import { API_KEY, type Stage } from "./stage.ts";
import { median } from "./statistics.ts";
import type { Yardstick } from "./yardstick.ts";

type Runner = { name: string; load: Pick<RequestLoad, "url" | "method" | "headers" | "payloads" | "marker"> };

/** (a) to (c): each case beside its yardstick, round by round, so that what else the machine does meets both. */
export async function measureRequests(
  stage: Stage,
  cases: ReadonlySet<Case>,
  extent: Extent,
  profile: string | null,
): Promise<Measure[]> {
  const { server, load, projectId, dialect } = stage;
  const { credentialIds } = await server.call("seedCredentials", { projectId, count: extent.credentials });
  const yardstick = stage.start<Yardstick>("yardstick.ts", { DATABASE_URL: stage.databaseUrl ?? "" });
  const { url, ids } = await yardstick.call("prepare", { count: extent.credentials });
  const runners = runnersFor(stage, credentialIds, { url, ids }, cases);

  const results = new Map<string, LoadResult[]>(runners.map(({ name }) => [name, []]));
  const run = (runner: Runner, durationMs: number) =>
    load.call("runRequests", { ...runner.load, connections: extent.connections, durationMs });
  for (const runner of runners) await run(runner, extent.warmUpMs);
  for (let round = 0; round < extent.rounds; round += 1) {
    for (const runner of runners) results.get(runner.name)!.push(await run(runner, extent.roundMs));
  }
  for (const runner of profile === null ? [] : runners.filter(({ load }) => load.method === "POST")) {
    await server.call("startProfile", undefined);
    await run(runner, extent.roundMs);
    await server.call("stopProfile", join(profile!, `${dialect}-${runner.name}.cpuprofile`));
  }

  const rss = { server: await server.call("rssMb", undefined), yardstick: await yardstick.call("rssMb", undefined) };
  const measure = (name: Case, to: string | null): Measure => {
    const own = results.get(name)!;
    return {
      case: name,
      database: dialect,
      rps: median(own.map(({ rps }) => rps)),
      p50Ms: median(own.map(({ p50Ms }) => p50Ms)),
      p99Ms: median(own.map(({ p99Ms }) => p99Ms)),
      ratio: to === null ? null : median(own.map(({ rps }, round) => rps / results.get(to)![round]!.rps)),
      rssMb: name === "a" || name === "a20" ? rss.yardstick : rss.server,
    };
  };
  const to: [Case, string | null][] = [
    ["a", null],
    ["a20", null],
    ["b", "a"],
    ["b2", "b2 yardstick"],
    ["c", "a20"],
  ];
  return to.filter(([name]) => cases.has(name)).map(([name, yard]) => measure(name, yard));
}

/** Each case stands next to what it is compared with. */
function runnersFor(
  stage: Stage,
  credentialIds: string[],
  yardstick: { url: string; ids: string[] },
  cases: ReadonlySet<Case>,
): Runner[] {
  const raw = (name: string, path: string, payloads: string[], marker: string): Runner => ({
    name,
    load: { url: yardstick.url + path, method: "GET", headers: {}, payloads, marker },
  });
  const operation = (name: string, query: { toString(): string }, variables: object[], marker: string): Runner => ({
    name,
    load: {
      url: `${stage.url}/graphql`,
      method: "POST",
      headers: { accept: "application/json", authorization: `Bearer ${API_KEY}` },
      payloads: variables.map((values) => JSON.stringify({ query: String(query), variables: values })),
      marker,
    },
  });
  const each = yardstick.ids.map((id) => `?id=${id}`);
  const groups: [Case[], Runner[]][] = [
    [["a", "b"], [raw("a", "/a", each, '"secret":"s')]],
    [
      ["b"],
      [
        operation(
          "b",
          CREDENTIAL,
          credentialIds.map((id) => ({ id })),
          '"status":"ACTIVE"',
        ),
      ],
    ],
    [["b2"], [raw("b2 yardstick", "/b2", each, '"secret":"s')]],
    [
      ["b2"],
      [
        operation(
          "b2",
          REVEAL,
          credentialIds.map((id) => ({ input: { id } })),
          '"accessToken":"t',
        ),
      ],
    ],
    [["a20", "c"], [raw("a20", "/a20", [""], '"externalId"')]],
    [["c"], [operation("c", CREDENTIALS, [{}], '"hasNextPage":true')]],
  ];
  return groups.filter(([names]) => names.some((name) => cases.has(name))).flatMap(([, runners]) => runners);
}
