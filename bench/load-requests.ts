import { type Connection, openConnection, requestBytes } from "./http-client.ts";
import { percentile } from "./statistics.ts";

export interface RequestLoad {
  url: string;
  method: "GET" | "POST";
  headers: Record<string, string>;
  /** One of these is sent at a time, in turn: bodies for POST, query strings for GET. */
  payloads: string[];
  /** What every answer must hold: an answer that is an error is not counted but ends the run. */
  marker: string;
  connections: number;
  durationMs: number;
}

export interface LoadResult {
  rps: number;
  p50Ms: number;
  p99Ms: number;
}

/** As many requests as the connections carry, one after the other on each. */
export async function runRequests(load: RequestLoad): Promise<LoadResult> {
  const requests = load.payloads.map((payload) =>
    load.method === "POST"
      ? requestBytes(new URL(load.url), "POST", { ...load.headers, "content-type": "application/json" }, payload)
      : requestBytes(new URL(load.url + payload), "GET", load.headers),
  );
  const connections = await Promise.all(Array.from({ length: load.connections }, () => openConnection(new URL(load.url))));
  const latencies: number[] = [];
  let sent = Math.floor(Math.random() * requests.length);
  const started = performance.now();
  const until = started + load.durationMs;

  async function drive(connection: Connection): Promise<void> {
    for (let now = performance.now(); now < until; ) {
      const body = await connection.send(requests[sent++ % requests.length]!);
      const done = performance.now();
      if (!body.includes(load.marker)) throw new Error(`An unexpected answer: ${body.toString("utf8", 0, 500)}`);
      latencies.push(done - now);
      now = done;
    }
  }

  try {
    await Promise.all(connections.map(drive));
  } finally {
    for (const connection of connections) connection.close();
  }
  const samples = Float64Array.from(latencies);
  const seconds = (performance.now() - started) / 1000;
  return { rps: samples.length / seconds, p50Ms: percentile(samples, 0.5), p99Ms: percentile(samples, 0.99) };
}
