import type { Services } from "../domain/services.ts";
import { newId } from "../lib/ids.ts";
import { count } from "../lib/metrics.ts";

export interface Job {
  name: string;
  /** Runs this often, whether or not anybody said that there is something to do: a lost NOTIFY costs no more than this. */
  everyMs: number;
  /** A topic of the hub (`job:<name>`) that says that there is something to do now. */
  wake?: `job:${string}`;
  /** May return how much it did: a full batch is followed by the next run at once. Stops early where `signal` says so. */
  run(services: Services, signal: AbortSignal): Promise<unknown>;
}

/** One run at a time in this process; whoever wakes it during a run gets another one after it. `stop` waits for the run that is on. */
export function startJob(services: Services, job: Job): { stop(): Promise<void> } {
  const stopping = new AbortController();
  let running: Promise<void> | null = null;
  let again = false;

  async function loop(): Promise<void> {
    do {
      again = false;
      try {
        await job.run(services, stopping.signal);
        count("job_runs", { job: job.name, outcome: "ok" });
      } catch (error) {
        count("job_runs", { job: job.name, outcome: "failed" });
        if (!stopping.signal.aborted)
          services.log.error({ err: error, job: job.name }, "a background job failed and will run again");
        return;
      }
    } while (again && !stopping.signal.aborted);
  }

  function start(): void {
    again = true;
    if (running || stopping.signal.aborted) return;
    running = loop().finally(() => {
      running = null;
    });
  }

  const timer = setInterval(start, job.everyMs);
  // What is due the database's clock decides: where that has been moved, there may be something.
  const topics = job.wake ? [job.wake, "clock:moved"] : ["clock:moved"];
  const unsubscribes = topics.map((topic) => services.hub.subscribe(topic, start));
  return {
    async stop() {
      stopping.abort();
      clearInterval(timer);
      for (const unsubscribe of unsubscribes) unsubscribe();
      await running;
    },
  };
}

/** Runs `work` where no other process holds the lease of that name, by the database's clock. Null: another one does. */
export async function underLease<Result>(
  services: Services,
  name: string,
  seconds: number,
  work: () => Promise<Result>,
): Promise<Result | null> {
  const owner = newId();
  const taken = await services.database.query(
    "job_lease_take",
    `INSERT INTO "JobLease" ("name", "owner", "leaseUntil") VALUES ($1, $2::uuid, moorline_now() + make_interval(secs => $3))
     ON CONFLICT ("name") DO UPDATE SET "owner" = EXCLUDED."owner", "leaseUntil" = EXCLUDED."leaseUntil"
     WHERE "JobLease"."leaseUntil" <= moorline_now() RETURNING "name"`,
    [name, owner, seconds],
  );
  if (taken.length === 0) return null;
  try {
    return await work();
  } finally {
    await services.database.query("job_lease_drop", `DELETE FROM "JobLease" WHERE "name" = $1 AND "owner" = $2::uuid`, [
      name,
      owner,
    ]);
  }
}
