import type { Api } from "./api.ts";
import { FINAL, MoorlineError, Unauthenticated, Unreachable } from "./errors.ts";
import type { Source } from "./transports.ts";
import type { ConnectionRequest, WatchOptions } from "./types.ts";
import { backoff, linked, pause, type Wake } from "./waiting.ts";

export interface Watching {
  api: Api;
  /** The ways to hear of changes, the best first. */
  sources: readonly Source[];
  /** The first way that has not been found closed; kept from one watch to the next. */
  preferred: number;
  wake: Wake;
  closing: AbortSignal;
}

/** A connection that held for so long was a good one. */
const LASTING_MS = 10_000;

/**
 * The request now, then after every change. A connection that breaks is made again, and the state is read again; what was handed out already
 * is left out; a way that cannot be opened at all gives room to the next one.
 */
export async function* watchRequest(
  watching: Watching,
  id: string,
  options: WatchOptions = {},
): AsyncGenerator<ConnectionRequest, void> {
  const { api, sources, wake } = watching;
  const { followRetries = false } = options;
  const ended = linked(options.signal, watching.closing);
  const { signal } = ended;
  const seen = createSeen(id, options.after);
  let attempt = 0;
  let way = watching.preferred;
  let renewed = false;
  let open = false;
  let completions = 0;
  // Whoever has a reason to ask now has one to ask again soon, if it fails.
  const unlisten = wake.listen(() => {
    attempt = 0;
  });
  const onOpen = () => {
    open = true;
    renewed = false;
  };
  try {
    for (;;) {
      signal.throwIfAborted();
      let pauseAfter: number | null = null;
      open = false;
      const startedAt = Date.now();
      try {
        const source = sources[way];
        if (!source) throw new TypeError("No transport is given.");
        for await (const request of source({ id: seen.id, followRetries, signal, wake, onOpen })) {
          onOpen();
          watching.preferred = way;
          if (seen.add(request)) {
            completions = 0;
            attempt = 0;
            yield request;
          }
          if (isEnd(request, followRetries)) return;
        }
        signal.throwIfAborted();
        // It has ended, and nobody can try it again any more. The first time it may have been a server that restarts.
        if (open && seen.final && ++completions > 1) return;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Unauthenticated && !renewed && api.tokens.refused()) {
          renewed = true;
          continue;
        }
        if (!(error instanceof Unreachable)) throw error instanceof MoorlineError ? atRequest(error, seen.id) : error;
        pauseAfter = error.retryAfterSeconds;
      }
      // Whoever lets in and closes at once, again and again, is asked less and less often.
      if (Date.now() - startedAt > LASTING_MS) attempt = 0;
      attempt += 1;
      // The next way is tried at once; after the last one everything begins anew, later.
      if (!open) way = (way + 1) % sources.length;
      if (open || way === 0) await pause(backoff(attempt, pauseAfter), signal, wake);
    }
  } finally {
    unlisten();
    ended.unlink();
  }
}

function isEnd(request: ConnectionRequest, followRetries: boolean): boolean {
  return FINAL.has(request.status) && (!followRetries || request.status === "ACTIVE");
}

/** An error that was made before the request was known, on it. */
function atRequest(error: MoorlineError, id: string): MoorlineError {
  return error.requestId ? error : Object.assign(error, { requestId: id });
}

/** What has been handed out. A state comes again after a reconnect, and once more with `retriedBy`, when the user tries again. */
function createSeen(id: string, after: number | undefined) {
  const seen = {
    id,
    sequence: after,
    retried: false,
    final: false,
    add(request: ConnectionRequest): boolean {
      const retried = request.retriedBy !== null;
      if (request.id === seen.id && request.sequence <= (seen.sequence ?? 0) && retried === seen.retried) return false;
      Object.assign(seen, { id: request.id, sequence: request.sequence, retried, final: FINAL.has(request.status) });
      return true;
    },
  };
  return seen;
}
