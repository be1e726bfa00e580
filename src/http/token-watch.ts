import { authenticate } from "../domain/authenticate.ts";
import { type Caller, callerId } from "../domain/caller.ts";
import type { Services } from "../domain/services.ts";
import { RequestError } from "../lib/errors.ts";
import { Secret } from "../lib/secret.ts";

/** What a long-lived stream holds of its token: `caller()` is up to date whenever it is asked, `onEnd` comes once. */
export interface Lease {
  caller(): Caller;
  readonly authorization: Secret;
  release(): void;
}

export interface TokenWatch {
  /** Follows a token that was just accepted; `onEnd` is called within a second of its expiry or revocation. */
  follow(caller: Caller, authorization: string, onEnd: () => void): Lease;
  close(): void;
}

/** All the streams of one token: one timer and one subscription, however many there are. */
interface Group {
  authorization: Secret;
  /** The database's time, and the process's monotonic time when it was read. */
  databaseNow: Date;
  readAt: number;
  expiresAt: Date | null;
  onEnds: Set<() => void>;
  timer: NodeJS.Timeout | null;
  unsubscribe(): void;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;
const RETRY_MS = 500;
const RECHECKS_AT_A_TIME = 8;

/** Whether a token still holds is always asked of `authenticate`: timers and signals only say when to ask. */
export function createTokenWatch(services: Services): TokenWatch {
  const groups = new Map<string, Group>();
  const doubtful = new Set<string>();
  let checking = 0;
  const unsubscribeClock = services.hub.subscribe("clock:moved", () => {
    for (const id of groups.keys()) doubt(id);
  });

  function follow(caller: Caller, authorization: string, onEnd: () => void): Lease {
    const id = callerId(caller);
    const group = groups.get(id) ?? open(id, caller, authorization);
    const own = () => onEnd();
    group.onEnds.add(own);
    return {
      authorization: group.authorization,
      caller: () => ({ ...caller, now: new Date(group.databaseNow.getTime() + (performance.now() - group.readAt)) }),
      release() {
        group.onEnds.delete(own);
        if (group.onEnds.size === 0 && groups.get(id) === group) drop(id, group);
      },
    };
  }

  function open(id: string, caller: Caller, authorization: string): Group {
    const group: Group = {
      authorization: new Secret(authorization),
      databaseNow: caller.now,
      readAt: performance.now(),
      expiresAt: caller.expiresAt,
      onEnds: new Set(),
      timer: null,
      unsubscribe: services.hub.subscribe(`token:${id}`, () => doubt(id)),
    };
    groups.set(id, group);
    arm(id, group);
    // It may have ended between its lookup and the subscription.
    doubt(id);
    return group;
  }

  function drop(id: string, group: Group): void {
    groups.delete(id);
    group.unsubscribe();
    if (group.timer) clearTimeout(group.timer);
  }

  function arm(id: string, group: Group): void {
    if (group.timer) clearTimeout(group.timer);
    if (!group.expiresAt) return;
    const remaining = group.expiresAt.getTime() - group.databaseNow.getTime() - (performance.now() - group.readAt);
    group.timer = setTimeout(() => doubt(id), Math.min(Math.max(remaining + 5, 20), LONGEST_TIMER_MS));
    group.timer.unref();
  }

  /** Later than the signal itself, so that `authenticate` has dropped what it remembered; a few at a time, since a resync doubts all. */
  function doubt(id: string): void {
    doubtful.add(id);
    setImmediate(work);
  }

  function work(): void {
    while (checking < RECHECKS_AT_A_TIME && doubtful.size > 0) {
      const [id] = doubtful as unknown as [string];
      doubtful.delete(id);
      const group = groups.get(id);
      if (!group) continue;
      checking += 1;
      recheck(id, group).finally(() => {
        checking -= 1;
        work();
      });
    }
  }

  async function recheck(id: string, group: Group): Promise<void> {
    try {
      const authorization = group.authorization.reveal();
      const caller = await authenticate(services, { authorization, ip: null, locale: null, recheck: true });
      Object.assign(group, { databaseNow: caller.now, readAt: performance.now(), expiresAt: caller.expiresAt });
      if (groups.get(id) === group) arm(id, group);
    } catch (error) {
      if (error instanceof RequestError) {
        end(id, group);
        return;
      }
      services.log.warn({ err: error }, "A token could not be checked again; trying once more.");
      setTimeout(() => doubt(id), RETRY_MS).unref();
    }
  }

  function end(id: string, group: Group): void {
    if (groups.get(id) === group) drop(id, group);
    for (const onEnd of [...group.onEnds]) onEnd();
  }

  function close(): void {
    unsubscribeClock();
    for (const [id, group] of groups) drop(id, group);
  }

  return { follow, close };
}
