import type { Services } from "../domain/services.ts";
import { expireRequests } from "./expire-requests.ts";
import { forgetOpenings } from "./forget-openings.ts";

interface Job {
  name: string;
  everyMs: number;
  run(services: Services): Promise<unknown>;
}

const JOBS: Job[] = [
  { name: "expire-requests", everyMs: 2_000, run: expireRequests },
  { name: "forget-openings", everyMs: 600_000, run: forgetOpenings },
];

/** Runs each job every so often, one run at a time; `stop` waits for those that are running. Every process runs them: each is safe beside itself. */
export function startJobs(services: Services): { stop(): Promise<void> } {
  const running = new Map<string, Promise<void>>();
  const timers = JOBS.map((job) =>
    setInterval(() => {
      if (running.has(job.name)) return;
      const run = job
        .run(services)
        .then(() => {})
        .catch((error: unknown) =>
          services.log.error({ err: error, job: job.name }, "a background job failed and will run again"),
        )
        .finally(() => running.delete(job.name));
      running.set(job.name, run);
    }, job.everyMs),
  );
  return {
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await Promise.all(running.values());
    },
  };
}
