/**
 * Where a refresh can be cut off: each name is one call of {@link reach} in the code. Nothing listens to them but a test, which may then
 * stop, end or break the process there; without one they cost a function call.
 */
export const FAULT_POINTS = [
  /** The lease is taken. */
  "claimed",
  /** The attempt is on record; nothing has left yet. */
  "attemptWritten",
  /** The request is on its way, and its answer not here. */
  "requestSent",
  "headersIn",
  "bodyIn",
  /** The answer is sealed as it came. */
  "journaled",
  /** The new tokens are written, in a transaction that has not committed. */
  "committing",
  "committed",
  /** Every other process has been told; whoever waits in this one has not. */
  "announced",
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

/** `subject`: what it happens to, a credential's UUID. May take its time, throw, or never return. */
export type FaultListener = (point: FaultPoint, subject: string) => Promise<void> | void;

let listener: FaultListener | null = null;

/** For tests: null takes the listener away again. */
export function onFaultPoint(next: FaultListener | null): void {
  listener = next;
}

export function reach(point: FaultPoint, subject: string): Promise<void> | void {
  return listener?.(point, subject);
}
