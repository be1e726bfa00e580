import type { ConnectionValues, NativeSchemeDefinition } from "../catalogue/types.ts";
import { type Egress, EgressError, type SocketScope } from "../egress/index.ts";
import { meaningOf } from "./errors.ts";
import { FAMILIES } from "./index.ts";
import { ProbeError, type ProbeFamily, type ProbeOutcome } from "./types.ts";
import { inWords } from "./words.ts";

export interface ProbeTarget {
  egress: Egress;
  scheme: NativeSchemeDefinition;
  values: ConnectionValues;
  timeoutMs: number;
}

/** How long a driver may take to clean up once its sockets are gone. */
const GRACE_MS = 500;

/** Connects with what was typed and asks one harmless question. Never throws: whatever happens is an outcome. */
export async function runProbe(target: ProbeTarget): Promise<ProbeOutcome> {
  const started = performance.now();
  const error = await attempt(target);
  const latencyMs = Math.round(performance.now() - started);
  return { ok: error === null, ...inWords(error), latencyMs };
}

/** Null: it works. */
async function attempt(target: ProbeTarget): Promise<ProbeError | null> {
  const family = await load(target.scheme);
  return family instanceof ProbeError ? family : probeWithin(family, target);
}

async function load({ probe }: NativeSchemeDefinition): Promise<ProbeFamily | ProbeError> {
  const entry = Object.hasOwn(FAMILIES, probe) ? FAMILIES[probe] : undefined;
  if (!entry) return new ProbeError("NOT_TESTABLE");
  try {
    return (await entry.load()).family;
  } catch (error) {
    // Absent, or not a version that has what is needed.
    if (!entry.optionalPackage) throw error;
    const remedy = `Have the operator run "npm install ${entry.optionalPackage}" where Moorline is installed, and restart it.`;
    return new ProbeError("DRIVER_MISSING", { remedy });
  }
}

/** With every socket inside one scope, and not a moment longer than the limit. */
async function probeWithin(family: ProbeFamily, target: ProbeTarget): Promise<ProbeError | null> {
  const { egress, scheme, values, timeoutMs } = target;
  const scope = egress.openSocketScope();
  const limit = new AbortController();
  const over = AbortSignal.any([limit.signal, scope.refused]);
  const timer = setTimeout(() => limit.abort(), timeoutMs);
  const input = {
    scheme,
    values: filled(values),
    timeoutMs,
    signal: over,
    fetch: fetchWithin(egress, scope, { timeoutMs, signal: over }),
  };
  try {
    const work = scope
      .run(() => family.probe(input))
      .then(
        () => null,
        (error: unknown) => meaningOf(error, family, scope),
      );
    const outcome = await Promise.race([work, aborted(over)]);
    if (outcome !== "ABORTED") return outcome;
    scope.close();
    await settledWithin(GRACE_MS, work);
    return scope.refusal ? meaningOf(scope.refusal, family, scope) : new ProbeError("TIMEOUT");
  } finally {
    clearTimeout(timer);
    scope.close();
  }
}

async function settledWithin(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, over]);
  clearTimeout(timer);
}

function aborted(signal: AbortSignal): Promise<"ABORTED"> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve("ABORTED"), { once: true }));
}

/** The shared pool's sockets belong to no probe, so they are not opened inside its scope. */
function fetchWithin(egress: Egress, scope: SocketScope, limits: { timeoutMs: number; signal: AbortSignal }): Egress["fetch"] {
  return async (url, init) => {
    try {
      return await scope.outside(() => egress.fetch(url, { ...limits, ...init }));
    } catch (error) {
      throw isOfHandshake(error, url) ? new ProbeError("TLS_ERROR") : error;
    }
  };
}

/** Lost when it was connected and before anything was written: for https, that is in the handshake. */
function isOfHandshake(error: unknown, url: string | URL): boolean {
  return error instanceof EgressError && error.code === "CONNECTION_LOST" && !error.requestSent && /^https:/i.test(String(url));
}

/** A form that was left empty is a value that was not given. */
function filled(values: ConnectionValues): ConnectionValues {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined));
}
