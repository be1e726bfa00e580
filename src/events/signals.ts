import type { Ending } from "./cancellable.ts";
import type { Hub } from "./hub.ts";

/** More changed ids than this between two reads and the reader is told to read everything again, or to come back. */
const MAX_PENDING = 1_000;

/** Thrown at a reader that is too slow for what happens: nothing is lost, it has to subscribe again (close code 4429). */
export class TooSlowError extends Error {
  constructor() {
    super("This subscription is too slow for what happens. Subscribe again: nothing is lost.");
    this.name = "TooSlowError";
  }
}

export interface Signals {
  /** Waits until something has changed, `untilMs` has passed or the stream ends; then gives the changed ids, each once. */
  next(untilMs: number): Promise<{ ids: string[]; resync: boolean }>;
  close(): void;
}

/** A topic's changes as a bounded, coalescing queue: a slow reader costs nobody else anything. */
export function signals(hub: Hub, topic: string, ending?: Ending): Signals {
  let pending: Set<string> | null = null;
  let resync = false;
  let overflow = false;
  let wake: (() => void) | null = null;

  const unsubscribe = hub.subscribe(topic, (signal) => {
    if ("resync" in signal) resync = true;
    else if (!pending) pending = new Set([signal.id]);
    else if (pending.size < MAX_PENDING) pending.add(signal.id);
    else overflow = true;
    wake?.();
  });
  if (ending) ending.onEnd = () => wake?.();

  return {
    async next(untilMs) {
      if (!pending && !resync && !overflow && !ending?.ended) await sleepOr(untilMs, (resolve) => (wake = resolve));
      wake = null;
      if (overflow) throw new TooSlowError();
      const changed = { ids: [...(pending ?? [])], resync };
      pending = null;
      resync = false;
      return changed;
    },
    close() {
      unsubscribe();
      if (ending) ending.onEnd = null;
      wake?.();
    },
  };
}

function sleepOr(ms: number, onWake: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(0, ms));
    onWake(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
