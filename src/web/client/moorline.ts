import { ReadDocument } from "../../../generated/client-gql/graphql.ts";
import { createApi } from "./api.ts";
import { type Connecting, connectByPopup, resumeFromUrl, startByRedirect } from "./connect.ts";
import { cancelRequest } from "./start.ts";
import { createSockets } from "./transport-socket.ts";
import { eventSource, polling, type Source } from "./transports.ts";
import type {
  ConnectionRequest,
  ConnectOptions,
  Credential,
  Moorline,
  MoorlineOptions,
  Transport,
  WatchOptions,
} from "./types.ts";
import { createWake, linked } from "./waiting.ts";
import { watchRequest } from "./watch.ts";

const ALL: readonly Transport[] = ["websocket", "sse", "polling"];

/** A client for one user. Opens nothing until it is used; `close` when the page has no more use for it. */
export function createMoorline(options: MoorlineOptions): Moorline {
  const api = createApi(options);
  const sockets = createSockets(api, options);
  const ways: Record<Transport, Source> = { websocket: sockets.source, sse: eventSource(api), polling: polling(api) };
  const sources = (options.transports ?? ALL).map((transport) => ways[transport]);
  const closing = new AbortController();
  const wake = createWake();
  const context: Connecting = { api, sources, preferred: 0, wake, closing: closing.signal, locale: options.locale };
  // Back on the network: what was connected before is seldom still alive.
  const page = globalThis as Partial<Pick<EventTarget, "addEventListener" | "removeEventListener">>;
  page.addEventListener?.("online", wake.now);
  return {
    connect: (connecting) => connectByPopup(context, connecting),
    startRedirect: (redirecting) => startByRedirect(context, redirecting),
    resume: (resuming) => resumeFromUrl(context, resuming),
    watch: (id, watching) => returnable((signal) => watchRequest(context, id, { ...watching, signal }), watching?.signal),
    async read(id, { signal } = {}) {
      return (await api.insist(ReadDocument, { id }, signal)).connectionRequest;
    },
    cancel: (id, { signal } = {}) => cancelRequest(api, id, signal),
    close() {
      page.removeEventListener?.("online", wake.now);
      closing.abort(new DOMException("This client was closed.", "AbortError"));
      sockets.close();
    },
  };
}

/** The five-line way: a client for this one connection, closed at its end. */
export async function connect(options: MoorlineOptions & ConnectOptions): Promise<Credential> {
  const moorline = createMoorline(options);
  try {
    return await moorline.connect(options);
  } finally {
    moorline.close();
  }
}

/** Likewise for watching alone. */
export async function* watch(
  id: string,
  { signal, after, followRetries, ...options }: MoorlineOptions & WatchOptions,
): AsyncGenerator<ConnectionRequest, void, undefined> {
  const moorline = createMoorline(options);
  try {
    yield* moorline.watch(id, { signal, after, followRetries });
  } finally {
    moorline.close();
  }
}

/** A generator's own `return` waits for what it is waiting for itself. This one ends at once. */
function returnable<T>(begin: (signal: AbortSignal) => AsyncGenerator<T, void>, outer?: AbortSignal): AsyncGenerator<T, void> {
  const ending = linked(outer);
  const returned = Symbol("returned");
  const inner = begin(ending.signal);
  const end = inner.return.bind(inner);
  const next = inner.next.bind(inner);
  inner.next = async () => {
    try {
      return await next();
    } catch (error) {
      if (error === returned) return { done: true, value: undefined };
      throw error;
    }
  };
  inner.return = async () => {
    ending.abort(returned);
    ending.unlink();
    return end().catch(() => ({ done: true, value: undefined }));
  };
  return inner;
}
