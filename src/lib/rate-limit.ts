import { RequestError } from "./errors.ts";

/** How often something may be done in a while, by key, in this process. */
export interface RateLimit {
  /** Counts one more. Throws RequestError RATE_LIMITED where that is one too many. */
  take(key: string): void;
  /** The last one does not count after all. */
  giveBack(key: string): void;
}

const MAX_KEYS = 10_000;

/** At most `times` in any `windowMs` for each key. */
export function createRateLimit(times: number, windowMs: number, message: string): RateLimit {
  const taken = new Map<string, number[]>();
  return {
    take(key) {
      const now = Date.now();
      const recent = (taken.get(key) ?? []).filter((at) => at > now - windowMs);
      if (recent.length >= times) {
        const wait = Math.max(1, Math.ceil((recent[0]! + windowMs - now) / 1000));
        throw new RequestError("RATE_LIMITED", message, 429, wait);
      }
      // Written anew, so that whoever was longest away comes first.
      taken.delete(key);
      taken.set(key, [...recent, now]);
      if (taken.size > MAX_KEYS) taken.delete(taken.keys().next().value!);
    },
    giveBack(key) {
      taken.get(key)?.pop();
    },
  };
}
