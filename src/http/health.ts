import { type Queue, queues } from "../domain/queues.ts";
import type { Face } from "./options.ts";
import { sendJson } from "./respond.ts";
import type { Route } from "./router.ts";

const DATABASE_MS = 2_000;
/** A queue that nobody has looked at for so long is told of; traffic can still be sent here. */
const LATE_SECONDS = 300;

/**
 * `live`: the process answers. `ready`: it would do its work, so traffic may be sent here: the database answers, and changes are heard of
 * (LISTEN; without it subscriptions are late). Jobs that lag behind make it `degraded`, not unavailable: another process would be no better off.
 */
export function healthRoutes(face: Face): Route[] {
  return [
    { path: "/health/live", GET: ({ response }) => sendJson(response, 200, { status: "ok" }) },
    {
      path: "/health/ready",
      async GET({ response }) {
        if (face.draining()) return sendJson(response, 503, { status: "unavailable", reason: "shutting down" });
        const found = await withinLimit(queues(face.services));
        if (!found) return sendJson(response, 503, { status: "unavailable", reason: "the database does not answer" });
        const reasons = [
          ...lagging(found),
          ...(face.services.hub.connected() ? [] : ["changes of other processes are not heard of"]),
        ];
        sendJson(response, 200, reasons.length > 0 ? { status: "degraded", reasons } : { status: "ok" });
      },
    },
  ];
}

function lagging(found: Queue[]): string[] {
  return found
    .filter(({ lateSeconds }) => lateSeconds > LATE_SECONDS)
    .map(({ name, due, lateSeconds }) => `the job ${name} is ${Math.round(lateSeconds)} seconds behind, with ${due} to do`);
}

/** Null where the database fails or takes too long. */
export async function withinLimit<Result>(work: Promise<Result>): Promise<Result | null> {
  let timer: NodeJS.Timeout;
  const limit = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), DATABASE_MS);
  });
  return Promise.race([work.catch(() => null), limit]).finally(() => clearTimeout(timer));
}
