import type { ExecutionResult } from "graphql";
import { TooSlowError } from "../events/signals.ts";
import { RequestError } from "../lib/errors.ts";

export type ResultStream = AsyncGenerator<ExecutionResult, void, void>;

/**
 * The same stream, ended at once by `return()` or by the controller. An async generator that waits for its next event would otherwise
 * end only after that event has come, and hold its subscription until then. `onTooSlow`: more has happened than the reader took.
 */
export function endable(stream: ResultStream, controller: AbortController, onTooSlow?: () => void): ResultStream {
  const finished = { done: true, value: undefined } as const;

  function end(): void {
    controller.abort();
    stream.return().catch(() => {});
  }

  const ended: ResultStream = {
    async next() {
      if (controller.signal.aborted) return finished;
      try {
        return await stream.next();
      } catch (error) {
        if (controller.signal.aborted) return finished;
        if (!(error instanceof TooSlowError)) throw error;
        onTooSlow?.();
        throw new RequestError("RATE_LIMITED", error.message, 429, 1);
      }
    },
    async return() {
      end();
      return finished;
    },
    async throw() {
      end();
      return finished;
    },
    [Symbol.asyncIterator]: () => ended,
    async [Symbol.asyncDispose]() {
      end();
    },
  };
  controller.signal.addEventListener("abort", () => void stream.return().catch(() => {}), { once: true });
  return ended;
}

export function isStream(result: object): result is ResultStream {
  return Symbol.asyncIterator in result;
}
