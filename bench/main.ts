import { availableParallelism, cpus } from "node:os";
import { measureFanOut, measureIdle } from "./fan-out.ts";
import { measureFlows } from "./flows.ts";
import { type Case, type Dialect, type Options, readOptions } from "./options.ts";
import { jsonLine, type Measure, table } from "./report.ts";
import { measureRequests } from "./requests.ts";
import { onStage, type Stage } from "./stage.ts";
import { measureProxy, measureRefreshes } from "./use.ts";

/** `npm run bench`: how fast Moorline is, beside the least that could do the same, in one run on one machine. */
const options = readOptions(process.argv.slice(2));
const measures: Measure[] = [];
for (const dialect of options.databases) await measure(dialect, options);
if (!options.json) console.log(`\n${machine()}\n${table(measures)}`);

async function measure(dialect: Dialect, { cases, extent, profile }: Options): Promise<void> {
  const groups: [string, Case[], (stage: Stage) => Promise<Measure[]>][] = [
    ["requests", ["a", "a20", "b", "b2", "c"], (stage) => measureRequests(stage, cases, extent, profile)],
    ["flows", ["d"], async (stage) => [await measureFlows(stage, extent)]],
    ["subscriptions", ["e-paced", "e-burst"], (stage) => measureFanOut(stage, cases, extent)],
    ["idle subscriptions", ["e-idle"], async (stage) => [await measureIdle(stage, extent)]],
    ["calls through the proxy", ["f-direct", "f"], (stage) => measureProxy(stage, cases, extent)],
    ["refreshes", ["g-1", "g-3"], (stage) => measureRefreshes(stage, cases, extent)],
  ];
  for (const [name, members, play] of groups) {
    if (!members.some((member) => cases.has(member))) continue;
    if (!options.json) console.log(`${dialect}: ${name}…`);
    const group = await onStage(dialect, play);
    if (options.json) for (const line of group) console.log(jsonLine(line));
    measures.push(...group);
  }
}

function machine(): string {
  return `Node.js ${process.version} on ${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? process.arch})`;
}
