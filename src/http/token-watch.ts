import { authenticate, type Held } from "../domain/authenticate.ts";
import { type Caller, tokenIds } from "../domain/caller.ts";
import type { Services } from "../domain/services.ts";
import { RequestError } from "../lib/errors.ts";
import { Secret } from "../lib/secret.ts";

/** What a long-lived stream holds of its token: `caller()` is up to date whenever it is asked, `onEnd` comes once. */
export interface Lease {
  caller(): Caller;
  release(): void;
}

export interface TokenWatch {
  /** Follows a token that was just accepted; `onEnd` is called within a second of its expiry or revocation. */
  follow(caller: Caller, held: Held, onEnd: () => void): Lease;
  close(): void;
}

/** All the streams of one token: one timer and one subscription, however many there are. */
interface Group {
  held: Record<keyof Held, Secret | null>;
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

  function follow(caller: Caller, held: Held, onEnd: () => void): Lease {
    const id = tokenId(caller);
    const group = groups.get(id) ?? open(id, caller, held);
    const own = () => onEnd();
    group.onEnds.add(own);
    return {
      caller: () => ({ ...caller, now: new Date(group.databaseNow.getTime() + (performance.now() - group.readAt)) }),
      release() {
        group.onEnds.delete(own);
        if (group.onEnds.size === 0 && groups.get(id) === group) drop(id, group);
      },
    };
  }

  function open(id: string, caller: Caller, { authorization, cookie }: Held): Group {
    const subscriptions = tokenIds(caller).map((one) => services.hub.subscribe(`token:${one}`, () => doubt(id)));
    const group: Group = {
      held: { authorization: sealed(authorization), cookie: sealed(cookie) },
      databaseNow: caller.now,
      readAt: performance.now(),
      expiresAt: caller.expiresAt,
      onEnds: new Set(),
      timer: null,
      unsubscribe: () => {
        for (const unsubscribe of subscriptions) unsubscribe();
      },
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
      const held = { authorization: revealed(group.held.authorization), cookie: revealed(group.held.cookie) };
      const caller = await authenticate(services, { ...held, ip: null, locale: null, recheck: true });
      // A dashboard session that has gone on to another project is not what these streams were opened with.
      if (tokenId(caller) !== id) return end(id, group);
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

/** The same for all streams of one token. */
function tokenId(caller: Caller): string {
  return tokenIds(caller).join(" ");
}

function sealed(token: string | null | undefined): Secret | null {
  return token ? new Secret(token) : null;
}

function revealed(token: Secret | null): string | null {
  return token?.reveal() ?? null;
}
