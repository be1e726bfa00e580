/** When what is due. Every time is reckoned from the database's; chance spreads what would otherwise fall on one moment. */

/** Limits of one refresh, in milliseconds. Tests take shorter ones in the same proportion. */
export interface RefreshLimits {
  /** How long a lease holds. */
  leaseMs: number;
  /** A token request in all: its answer has to be here well before the lease ends. */
  requestMs: number;
  /** How long a caller waits for a refresh, wherever it runs. */
  waitMs: number;
  /** How long an answer that has come is tried to be stored while the database cannot be had: it exists nowhere else. */
  insistMs: number;
}

export const REFRESH_LIMITS: RefreshLimits = { leaseMs: 30_000, requestMs: 20_000, waitMs: 25_000, insistMs: 300_000 };

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** A token that lives for seconds only is not renewed more often than this by itself. */
const SHORTEST_AHEAD_MS = 10 * SECOND;

/** Ahead of its end: at 70 to 80 % of the life that begins now. Null: never by itself, because it has no end or no way to be renewed. */
export function refreshAheadAt(now: Date, expiresAt: Date | null, canRefresh: boolean): Date | null {
  if (!expiresAt || !canRefresh) return null;
  const share = 0.7 + 0.1 * Math.random();
  return later(now, Math.max((expiresAt.getTime() - now.getTime()) * share, SHORTEST_AHEAD_MS));
}

export interface FailedAttempt {
  /** This one included. */
  failures: number;
  /** Its answer never came. */
  lost: boolean;
  retryAfterSeconds: number | null;
}

/** So many times in a row a lost answer is asked for again almost at once: whether a grace period of the provider still runs decides the grant. */
const PROMPT_RETRIES = 3;
const FIRST_RETRY_MS = 5 * SECOND;
const LONGEST_RETRY_MS = HOUR;

/** When to try again by itself: not before the provider's Retry-After, otherwise full jitter over a limit that doubles. Never never. */
export function retryAt(now: Date, { failures, lost, retryAfterSeconds }: FailedAttempt): Date {
  if (retryAfterSeconds !== null) {
    const asked = retryAfterSeconds * SECOND;
    return later(now, asked + Math.random() * Math.min(Math.max(asked / 10, SECOND), 30 * SECOND));
  }
  if (lost && failures <= PROMPT_RETRIES) return later(now, SECOND * (0.5 + Math.random()));
  const limit = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20), LONGEST_RETRY_MS);
  return later(now, SECOND + Math.random() * limit);
}

/** From so many failures in a row on, a caller who needs the tokens does not make the provider be asked at once either. */
const PATIENCE = 3;
const LONGEST_REFUSAL_MS = 30 * SECOND;

/** Until when nobody asks, not even on demand. Null: whoever needs the tokens may ask at once. */
export function notBefore(now: Date, { failures, retryAfterSeconds }: FailedAttempt): Date | null {
  if (retryAfterSeconds !== null) return later(now, retryAfterSeconds * SECOND);
  if (failures < PATIENCE) return null;
  return later(now, Math.min(SECOND * 2 ** Math.min(failures - PATIENCE, 10), LONGEST_REFUSAL_MS));
}

export function later(now: Date, ms: number): Date {
  return new Date(now.getTime() + Math.round(ms));
}

/** Whole seconds from `now` to `then`, at least one: for a Retry-After of ours. */
export function secondsUntil(now: Date, then: Date): number {
  return Math.max(Math.ceil((then.getTime() - now.getTime()) / SECOND), 1);
}
