import { playUser } from "../src/sandbox/play-user.ts";
import { ask, INITIATE, payload, REQUEST_STATUS } from "./graphql.ts";
import type { LoadResult } from "./load-requests.ts";
import { percentile } from "./statistics.ts";

export interface FlowLoad {
  url: string;
  key: string;
  authConfigId: string;
  /** One flow for each at a time, in turn. */
  userIds: string[];
  returnUrl: string;
  concurrency: number;
  durationMs: number;
}

/** Complete flows, each as a product and its user go through it: initiate, sign in, consent, callback, ACTIVE. */
export async function runFlows(load: FlowLoad): Promise<LoadResult> {
  const durations: number[] = [];
  let next = 0;
  const started = performance.now();
  const until = started + load.durationMs;

  async function drive(): Promise<void> {
    while (performance.now() < until) {
      const begun = performance.now();
      await flow(load, load.userIds[next++ % load.userIds.length]!);
      durations.push(performance.now() - begun);
    }
  }

  await Promise.all(Array.from({ length: load.concurrency }, drive));
  const samples = Float64Array.from(durations);
  const seconds = (performance.now() - started) / 1000;
  return { rps: samples.length / seconds, p50Ms: percentile(samples, 0.5), p99Ms: percentile(samples, 0.99) };
}

async function flow({ url, key, authConfigId, returnUrl }: FlowLoad, userId: string): Promise<void> {
  const input = { target: { authConfigId }, user: { id: userId }, returnUrl };
  const { initiateConnection } = await ask(url, key, INITIATE, { input });
  const { id, authorizationUrl } = payload(initiateConnection, "InitiateConnectionPayload").connectionRequest;
  await playUser(authorizationUrl!, {}, { stopAtPrefix: returnUrl });
  const { connectionRequest } = await ask(url, key, REQUEST_STATUS, { id });
  if (connectionRequest?.status !== "ACTIVE") throw new Error(`A flow ended with ${JSON.stringify(connectionRequest)}`);
}
