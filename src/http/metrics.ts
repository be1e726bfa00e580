import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { queues } from "../domain/queues.ts";
import { RequestError } from "../lib/errors.ts";
import { gauge, registry } from "../lib/metrics.ts";
import { withinLimit } from "./health.ts";
import type { Face } from "./options.ts";
import { send } from "./respond.ts";
import type { Route } from "./router.ts";

const due = gauge("queue_due", "Rows that a background job has to do now.", ["job"]);
const late = gauge("queue_late_seconds", "For how long the oldest of them has been due.", ["job"]);
const pool = gauge("database_connections", "Connections of this process: `open`, those `idle`; `waiting`: callers for one.", [
  "state",
]);

/**
 * For Prometheus, in its own text form. What this process counted, and how the queues of all processes stand; without a database that
 * answers, the former alone.
 */
export function metricsRoutes(face: Face): Route[] {
  return [
    {
      path: "/metrics",
      async GET({ request, response }) {
        assertMayRead(face, request);
        due.reset();
        late.reset();
        for (const queue of (await withinLimit(queues(face.services))) ?? []) {
          due.set({ job: queue.name }, queue.due);
          late.set({ job: queue.name }, queue.lateSeconds);
        }
        for (const [state, count] of Object.entries(face.services.database.connections() ?? {})) pool.set({ state }, count);
        send(response, 200, { "content-type": registry.contentType }, await registry.metrics());
      },
    },
  ];
}

/** Open in development; with a token by that alone; in production without one it is not there. */
function assertMayRead({ metrics }: Face, request: IncomingMessage): void {
  if (metrics === "open") return;
  if (metrics === "closed") {
    throw new RequestError("BAD_REQUEST", "Metrics are off. The operator sets MOORLINE_METRICS_TOKEN to read them.", 404);
  }
  const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
  const digest = (text: string) => createHash("sha256").update(text).digest();
  if (timingSafeEqual(digest(given), digest(metrics.token))) return;
  throw new RequestError("UNAUTHENTICATED", "Send MOORLINE_METRICS_TOKEN as “Authorization: Bearer …”.", 401);
}
