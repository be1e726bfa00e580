import type { Services } from "../domain/services.ts";
import { advanceRequests } from "./advance-requests.ts";
import { deliverWebhooks } from "./deliver-webhooks.ts";
import { deregisterClients } from "./deregister-clients.ts";
import { destroyKeys } from "./destroy-keys.ts";
import { expireCredentials } from "./expire-credentials.ts";
import { expireRequests } from "./expire-requests.ts";
import { forgetAttempts } from "./forget-attempts.ts";
import { forgetChanges } from "./forget-changes.ts";
import { forgetDeliveries } from "./forget-deliveries.ts";
import { forgetOpenings } from "./forget-openings.ts";
import { refreshAhead } from "./refresh-ahead.ts";
import { revokeTokens } from "./revoke-tokens.ts";
import { rotateKeysJob } from "./rotate-keys.ts";
import { type Job, startJob } from "./runner.ts";
import { sealAudit } from "./seal-audit.ts";

/** Every background job. What each has to do stands in rows with a time; a job that is told of one by NOTIFY (`wake`) is only quicker. */
const JOBS: Job[] = [
  { name: "advance-requests", everyMs: 1_000, wake: "job:advance-requests", run: advanceRequests },
  { name: "expire-requests", everyMs: 2_000, run: expireRequests },
  { name: "expire-credentials", everyMs: 2_000, run: expireCredentials },
  { name: "webhooks", everyMs: 2_000, wake: "job:webhooks", run: deliverWebhooks },
  { name: "forget-deliveries", everyMs: 300_000, run: forgetDeliveries },
  { name: "forget-openings", everyMs: 600_000, run: forgetOpenings },
  { name: "forget-attempts", everyMs: 600_000, run: forgetAttempts },
  { name: "forget-changes", everyMs: 600_000, run: forgetChanges },
  { name: "refresh-ahead", everyMs: 5_000, run: refreshAhead },
  { name: "revoke-tokens", everyMs: 5_000, wake: "job:revoke-tokens", run: revokeTokens },
  { name: "deregister-clients", everyMs: 5_000, wake: "job:deregister-clients", run: deregisterClients },
  { name: "destroy-keys", everyMs: 60_000, wake: "job:destroy-keys", run: destroyKeys },
  { name: "seal-audit", everyMs: 2_000, run: sealAudit },
  { name: "rotate-keys", everyMs: 5_000, wake: "job:rotate-keys", run: rotateKeysJob },
];

/** What MOORLINE_SKIP_JOBS may name. */
export const JOB_NAMES: readonly string[] = JOBS.map(({ name }) => name);

/** Starts every job but those that this process leaves to others. Every process may run them: each is safe beside itself. */
export function startJobs(services: Services, { skip = [] }: { skip?: readonly string[] } = {}): { stop(): Promise<void> } {
  const started = JOBS.filter(({ name }) => !skip.includes(name)).map((job) => startJob(services, job));
  return {
    async stop() {
      await Promise.all(started.map((job) => job.stop()));
    },
  };
}
