/** Resolves after so many milliseconds, or at once when `wake` fires; throws the signal's reason when it is aborted. Leaves nothing behind. */
export function pause(milliseconds: number, signal?: AbortSignal, wake?: Wake): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      unlisten?.();
    };
    const abort = () => {
      finish();
      reject(signal?.reason);
    };
    const done = () => {
      finish();
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", abort);
    const unlisten = wake?.listen(done);
  });
}

const FIRST_MS = 400;
const LONGEST_MS = 20_000;

/** Full jitter, so that a thousand browsers don't come back at the same moment; never sooner than Moorline asks for. `attempt` counts from 1. */
export function backoff(attempt: number, retryAfterSeconds: number | null = null): number {
  const limit = Math.min(FIRST_MS * 2 ** (attempt - 1), LONGEST_MS);
  return (retryAfterSeconds ?? 0) * 1_000 + 50 + Math.random() * limit;
}

/** Cuts waiting short: the network is back, or the popup has said something. */
export interface Wake {
  listen(listener: () => void): () => void;
  now(): void;
}

export function createWake(): Wake {
  const listeners = new Set<() => void>();
  return {
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    now() {
      for (const listener of [...listeners]) listener();
    },
  };
}

const ANSWER_MS = 1_500;

/** After a wake, something should be heard soon: where nothing is, the connection is dead without saying so. */
export function silenceAfter(wake: Wake, onSilence: () => void): { heard(): void; stop(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => clearTimeout(timer);
  const unlisten = wake.listen(() => {
    heard();
    timer = setTimeout(onSilence, ANSWER_MS);
  });
  return {
    heard,
    stop() {
      heard();
      unlisten();
    },
  };
}

/** Aborted as soon as one of them is, with its reason. `AbortSignal.any` without the need for a browser of 2024. */
export function linked(...signals: (AbortSignal | undefined)[]): {
  signal: AbortSignal;
  abort(reason?: unknown): void;
  unlink(): void;
} {
  const controller = new AbortController();
  const undo: (() => void)[] = [];
  const unlink = () => {
    for (const each of undo.splice(0)) each();
  };
  for (const signal of signals) {
    if (!signal) continue;
    const abort = () => controller.abort(signal.reason);
    if (signal.aborted) abort();
    else {
      signal.addEventListener("abort", abort);
      undo.push(() => signal.removeEventListener("abort", abort));
    }
  }
  return { signal: controller.signal, abort: (reason) => controller.abort(reason), unlink };
}
