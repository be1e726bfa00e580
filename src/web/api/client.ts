import { createClient as createSocket, type Client as Socket } from "graphql-ws";
import { Client, cacheExchange, fetchExchange, mapExchange, subscriptionExchange } from "urql";

export interface ApiOptions {
  /** Which of this browser's cookies speaks: `dashboard`, or the name that a hosted link's exchange answered. */
  session: string;
  /** BCP 47; null: the browser's own. */
  locale?: string | null;
  /** The session has ended, or there is none. */
  onSignedOut(): void;
  /** Whether live updates come in at the moment. */
  onLive?(live: boolean): void;
}

export interface Api {
  client: Client;
  /** From now on answers are in this language (BCP 47); what was answered stays as it is until it is asked for again. */
  speak(locale: string): void;
  close(): void;
}

/** Close codes of ours after which a new socket would be refused as well: no token, its end, an origin that is not ours. */
const FINAL = new Set([4400, 4401, 4403, 4406]);

/** The public GraphQL API, by HTTP and WebSocket, on the host that this page came from. */
export function createApi({ session, locale: first = null, onSignedOut, onLive }: ApiOptions): Api {
  let locale = first;
  const socket: Socket = createSocket({
    url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
    lazyCloseTimeout: 5_000,
    connectionParams: () => ({ session, ...(locale ? { locale } : {}) }),
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait: (attempts) => pause(Math.min(15_000, 500 * 2 ** attempts) * (0.5 + Math.random() / 2)),
    // A connection that died without a word is found out within a quarter of a minute.
    keepAlive: 10_000,
    shouldRetry: (problem) => !(problem instanceof CloseEvent && FINAL.has(problem.code)),
    on: {
      connected: () => onLive?.(true),
      closed,
      ping: (received) => {
        if (!received) unanswered = setTimeout(() => socket.terminate(), 5_000);
      },
      pong: (received) => {
        if (received) clearTimeout(unanswered);
      },
    },
  });
  let unanswered: ReturnType<typeof setTimeout> | undefined;
  const onOffline = () => socket.terminate();
  addEventListener("offline", onOffline);
  function closed(event: unknown): void {
    clearTimeout(unanswered);
    if (event instanceof CloseEvent && event.code === 4401) onSignedOut();
    if (!(event instanceof CloseEvent) || event.code !== 1000) onLive?.(false);
  }

  const client = new Client({
    url: "/graphql",
    preferGetMethod: false,
    fetchOptions: () => ({
      credentials: "same-origin",
      headers: { "moorline-session": session, ...(locale ? { "accept-language": locale } : {}) },
    }),
    exchanges: [
      mapExchange({
        onError(error) {
          if (error.graphQLErrors.some(isSignedOut)) onSignedOut();
        },
      }),
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: (request) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe(
              { query: request.query ?? "", variables: request.variables ?? {} },
              { ...sink, error: (e) => sink.error(e) },
            ),
          }),
        }),
      }),
    ],
  });
  function close(): void {
    removeEventListener("offline", onOffline);
    // A socket that is refused while it is being opened rejects this too, with the event of its close: it is closed all the same.
    void Promise.resolve(socket.dispose()).catch(() => {});
  }
  function speak(wanted: string): void {
    if (wanted === locale) return;
    locale = wanted;
    // A socket keeps the language that it was opened with.
    socket.terminate();
  }
  return { client, speak, close };
}

/** At the latest when the network is back. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((over) => {
    function end(): void {
      clearTimeout(timer);
      removeEventListener("online", end);
      over();
    }
    const timer = setTimeout(end, milliseconds);
    addEventListener("online", end);
  });
}

function isSignedOut(error: { extensions?: Record<string, unknown> }): boolean {
  return error.extensions?.["code"] === "UNAUTHENTICATED" || error.extensions?.["code"] === "SESSION_EXPIRED";
}
