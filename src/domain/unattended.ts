import type { Tx } from "../db/database.ts";
import type { ConnectionRequest } from "../db/generated/client.ts";
import { announce } from "../events/announce.ts";
import { connectApp } from "./app-flow.ts";
import { requestWithParties } from "./connection-parties.ts";
import { isFinished, presentRequest } from "./connection-request.ts";
import { beginDevice, pollDevice } from "./device-flow.ts";
import { goesOnByItself, isDevice } from "./request-flow.ts";
import type { Services } from "./services.ts";

/** Longer than everything together that one step may ask a provider. */
const LEASE_SECONDS = 90;
/** Steps at once, of one process. They wait for providers and hold nothing of the database meanwhile. */
const AT_ONCE = 50;
const LOOK_AGAIN_MS = 1_000;
const TOPIC = "job:advance-requests";
/** Whoever waits for a step is not stopped in the middle of it. */
const NEVER = new AbortController().signal;

/**
 * For a new request of a flow in which no browser comes to us: when its next step is due. The device flow's first one is made by
 * whoever creates the request, who holds its lease meanwhile.
 */
export async function dueAt(
  tx: Tx,
  request: Pick<ConnectionRequest, "flow">,
): Promise<Partial<Pick<ConnectionRequest, "devicePollAt" | "deviceLeaseUntil">>> {
  if (isDevice(request)) return { devicePollAt: tx.now, deviceLeaseUntil: new Date(tx.now.getTime() + LEASE_SECONDS * 1000) };
  if (!goesOnByItself(request)) return {};
  await announce(tx, TOPIC);
  return { devicePollAt: tx.now };
}

/** After the transaction that created a request: what its caller waits for. Gives the request as it is then. */
export async function start(services: Services, request: ConnectionRequest): Promise<ConnectionRequest> {
  if (!isDevice(request)) return request;
  await step(services, { id: request.id, lease: request.deviceLeaseUntil! }, NEVER);
  return (await requestWithParties(services, request.id))?.request ?? request;
}

interface Due {
  id: string;
  lease: Date;
}

/** Whoever takes over from a process that has ended asks no sooner than that one would have: the provider may want longer than a lease. */
const CLAIM = `
  UPDATE "ConnectionRequest" SET "deviceLeaseUntil" = (SELECT moorline_now()) + interval '${LEASE_SECONDS} seconds',
    "devicePollAt" = (SELECT moorline_now()) + make_interval(secs => COALESCE("deviceIntervalMs", 0) / 1000.0)
  WHERE "id" IN (
    SELECT "id" FROM "ConnectionRequest"
    WHERE "devicePollAt" <= (SELECT moorline_now()) AND ("deviceLeaseUntil" IS NULL OR "deviceLeaseUntil" <= (SELECT moorline_now()))
    ORDER BY "devicePollAt" LIMIT $1 FOR UPDATE SKIP LOCKED)
  RETURNING "id", "deviceLeaseUntil" AS "lease"`;

/**
 * One step for each request that is due, one token request at most. In any number of processes: the lease of each decides. While a slow
 * provider is waited for, whatever else becomes due is gone on with. Stops taking more where `signal` says so.
 */
export async function advanceDue(services: Services, signal: AbortSignal): Promise<void> {
  const flying = new Set<Promise<void>>();
  let wake = () => {};
  const unsubscribe = services.hub.subscribe(TOPIC, () => wake());
  try {
    do {
      const room = signal.aborted ? 0 : AT_ONCE - flying.size;
      const due = room > 0 ? await services.database.query<Due>("requests_advance", CLAIM, [room]) : [];
      for (const one of due) {
        const flight = stepOrLog(services, one, signal).finally(() => {
          flying.delete(flight);
          wake();
        });
        flying.add(flight);
      }
      if (flying.size > 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const timer = setTimeout(resolve, LOOK_AGAIN_MS);
        await promise;
        clearTimeout(timer);
      }
    } while (flying.size > 0);
  } finally {
    unsubscribe();
  }
}

async function stepOrLog(services: Services, due: Due, signal: AbortSignal): Promise<void> {
  try {
    await step(services, due, signal);
  } catch (error) {
    // One that fails for a reason of ours keeps nobody else waiting: it is due again when its lease is over.
    const err = error instanceof Error ? error : undefined;
    services.log.error({ err, requestId: due.id }, "a step of a connection request failed and will be tried again");
  }
}

async function step(services: Services, { id, lease }: Due, signal: AbortSignal): Promise<void> {
  const parties = await requestWithParties(services, id);
  if (!parties) return;
  const { request } = parties;
  const { status } = presentRequest(request, parties.now);
  if (isFinished(status)) return;
  if (goesOnByItself(request)) return connectApp(services, parties, signal);
  if (status === "PENDING") return beginDevice(services, parties);
  if (status === "AUTHORIZING") return pollDevice(services, parties, lease);
}
