import { claimDeliveries, type DueDelivery, deliver } from "../domain/send-webhook.ts";
import type { Services } from "../domain/services.ts";

/** What is on its way at one time: in all, and to one webhook, whose receiver is somebody's server. */
const MAX_FLIGHTS = 64;
const PER_WEBHOOK = 8;
/** While something is on its way; a retry that falls due waits no longer. */
const LOOK_AGAIN_MS = 2_000;
/** What is on its way when the process ends has so long to arrive. */
const GRACE_MS = 2_000;

/**
 * Sends what is due, and goes on as long as anything is on its way: a receiver that keeps us waiting holds up nobody else's. Safe to run
 * in every process: the lease of each row decides who sends it.
 */
export async function deliverWebhooks(services: Services, signal: AbortSignal): Promise<void> {
  const flights = new Map<string, { webhookId: string; landed: Promise<void> }>();
  const hangUp = new AbortController();
  const bell = createBell();
  const unsubscribe = services.hub.subscribe("job:webhooks", bell.ring);
  const stop = () => {
    bell.ring();
    setTimeout(() => hangUp.abort(), GRACE_MS).unref();
  };
  signal.addEventListener("abort", stop, { once: true });

  function start(delivery: DueDelivery): void {
    const { id, webhookId } = delivery;
    const landed = deliver(services, delivery, hangUp.signal)
      .catch((error: unknown) =>
        services.log.error({ err: error, webhookDeliveryId: id }, "a webhook's delivery could not be tried"),
      )
      .finally(() => {
        flights.delete(id);
        bell.ring();
      });
    flights.set(id, { webhookId, landed });
  }

  try {
    while (!signal.aborted) {
      bell.hush();
      for (const delivery of await claim(services, [...flights.values()])) start(delivery);
      if (flights.size === 0) return;
      await bell.rung(LOOK_AGAIN_MS);
    }
  } finally {
    unsubscribe();
    signal.removeEventListener("abort", stop);
    await Promise.all([...flights.values()].map(({ landed }) => landed));
  }
}

async function claim(services: Services, flights: { webhookId: string }[]): Promise<DueDelivery[]> {
  const limit = MAX_FLIGHTS - flights.length;
  if (limit <= 0) return [];
  const busy = Map.groupBy(flights, ({ webhookId }) => webhookId);
  const without = [...busy].filter(([, own]) => own.length >= PER_WEBHOOK).map(([webhookId]) => webhookId);
  return claimDeliveries(services, { limit, perWebhook: PER_WEBHOOK, without });
}

/** Rung at any time, heard at the next waiting. */
function createBell() {
  let isRung = false;
  let hear: (() => void) | null = null;
  return {
    ring() {
      isRung = true;
      hear?.();
    },
    hush() {
      isRung = false;
    },
    async rung(withinMs: number): Promise<void> {
      if (isRung) return;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        hear = resolve;
        timer = setTimeout(resolve, withinMs);
      });
      clearTimeout(timer);
      hear = null;
    },
  };
}
