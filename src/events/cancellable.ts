/**
 * An async generator that can be ended while it waits: `return()` of a plain one is heard only when its present await is over, which
 * for a subscription that nothing happens to can be never.
 */
export function cancellable<T>(start: (abort: AbortSignal) => AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  const controller = new AbortController();
  const inner = start(controller.signal);
  return {
    next: () => inner.next(),
    return(value) {
      controller.abort();
      return inner.return(value);
    },
    throw(error) {
      controller.abort();
      return inner.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      controller.abort();
      await inner.return();
    },
  };
}
