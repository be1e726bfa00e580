/** Runs a probe of each protocol family against a server that never answers and one that is not there, and then has nothing left to do. */
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { loadCatalogue } from "../../src/catalogue/index.ts";
import type { FieldDefinition, NativeSchemeDefinition } from "../../src/catalogue/types.ts";
import { createEgress } from "../../src/egress/index.ts";
import { FAMILIES } from "../../src/probes/index.ts";
import { runProbe } from "../../src/probes/run.ts";

const LIMIT_MS = 300;
const egress = createEgress({ allow: ["127.0.0.0/8"] });

/** Null: what the driver connects to is no value of the user's. */
function valuesAt(scheme: NativeSchemeDefinition, port: number): Record<string, unknown> | null {
  const values: Record<string, unknown> = {};
  let isPlaced = false;
  for (const field of scheme.fields) {
    const place = placeOf(field, port);
    isPlaced ||= place !== null && field.name !== "port";
    values[field.name] = place ?? field.default ?? (field.options ? field.options[0]?.value : field.required ? "x" : undefined);
  }
  return isPlaced ? values : null;
}

function placeOf({ name, type, example, pattern }: FieldDefinition, port: number): string | number | null {
  if (name === "port") return port;
  if (type === "HOST" || name === "contactPoints") return "127.0.0.1";
  const protocol = /^\^?\(?([a-z][a-z0-9+]*)s?[?)]*:\/\//.exec(example ?? pattern ?? "")?.[1]?.replace(/s$/, "");
  if (/^(url|uri|node|endpoint|.*Url|hosts|servers|connectionString)$/.test(name) && (protocol || type === "URL"))
    return `${protocol ?? "http"}://127.0.0.1:${port}`;
  return /^(servers|bootstrapServers|connectString|address|hosts)$/.test(name) ? `127.0.0.1:${port}` : null;
}

const silent = net.createServer((socket) => socket.on("error", () => {}).unref()).listen(0, "127.0.0.1");
await once(silent, "listening");
silent.unref();
const schemes = loadCatalogue({ variables: {} })
  .all()
  .flatMap((connector) => connector.schemes.filter((scheme) => scheme.type === "NATIVE"));

const tried: string[] = [];
for (const probe of Object.keys(FAMILIES)) {
  const { port } = silent.address() as AddressInfo;
  const scheme = schemes.find((one) => one.probe === probe && valuesAt(one, port));
  const outcomes: string[] = [];
  for (const where of [port, 1]) {
    const values = scheme && valuesAt(scheme, where);
    if (scheme && values) outcomes.push((await runProbe({ egress, scheme, values, timeoutMs: LIMIT_MS })).code);
  }
  if (outcomes.length > 0) tried.push(`${probe}: ${outcomes.join(", ")}`);
}
await egress.close();
process.stdout.write(`${tried.join("\n")}\n`);
const done = performance.now();
process.on("exit", () => process.stdout.write(`left after ${Math.round(performance.now() - done)} ms\n`));
setTimeout(() => process.stdout.write(`still there: ${process.getActiveResourcesInfo().join(" ")}\n`), 1_000).unref();
