import { type Client, createClient } from "graphql-ws/client";
import { UpdatedDocument, type UpdatedSubscription } from "../../../generated/client-gql/graphql.ts";
import { type Api, asError, type ErrorInAnswer } from "./api.ts";
import { MoorlineError, Refused, Unauthenticated, Unreachable } from "./errors.ts";
import type { Listening, Source } from "./transports.ts";
import type { ConnectionRequest, MoorlineOptions } from "./types.ts";
import { silenceAfter } from "./waiting.ts";

/** A socket that is quiet for so long is asked whether it is alive, and given up if it does not say so in time. */
const PING_MS = 15_000;
const PONG_MS = 5_000;
/** Requests that follow each other closely share the socket. */
const LINGER_MS = 1_000;

export interface Sockets {
  source: Source;
  close(): void;
}

/** graphql-ws below, without its own retries: what to do after a lost socket is decided where the sequence is known. */
export function createSockets(api: Api, options: MoorlineOptions): Sockets {
  let client: Client | null = null;
  let connected = false;

  function open(): Client {
    let pong: ReturnType<typeof setTimeout>;
    const opened = createClient({
      url: api.endpoint.replace(/^http/, "ws"),
      webSocketImpl: options.WebSocket ?? globalThis.WebSocket,
      retryAttempts: 0,
      lazyCloseTimeout: LINGER_MS,
      connectionAckWaitTimeout: 10_000,
      keepAlive: PING_MS,
      async connectionParams() {
        return { authorization: `Bearer ${await api.tokens.get()}`, ...(options.locale && { locale: options.locale }) };
      },
      on: {
        connected: () => {
          connected = true;
        },
        closed: () => {
          connected = false;
          clearTimeout(pong);
        },
        ping: (received) => {
          if (!received) pong = setTimeout(() => opened.terminate(), PONG_MS);
        },
        pong: (received) => {
          if (received) clearTimeout(pong);
        },
      },
    });
    return opened;
  }

  async function* source({ id, followRetries, signal, wake, onOpen }: Listening): AsyncGenerator<ConnectionRequest, void> {
    if (!(options.WebSocket ?? globalThis.WebSocket)) throw new Unreachable("There is no WebSocket here.", id);
    client ??= open();
    if (connected) onOpen();
    const unlisten = client.on("connected", () => onOpen());
    const stream = client.iterate<UpdatedSubscription>({
      query: String(UpdatedDocument),
      variables: { id, followRetries },
    });
    const abort = () => void stream.return?.();
    signal.addEventListener("abort", abort);
    const silence = silenceAfter(wake, () => client?.terminate());
    try {
      for await (const { data, errors } of stream) {
        silence.heard();
        if (errors?.[0]) throw asError(errors[0] as ErrorInAnswer, id);
        if (data) yield data.connectionRequestUpdated;
      }
    } catch (error) {
      throw closeToError(error, id);
    } finally {
      signal.removeEventListener("abort", abort);
      silence.stop();
      unlisten();
      void stream.return?.();
    }
  }

  return {
    source,
    // A socket that is refused while it is being opened rejects this too, with the event of its close: it is closed all the same.
    close: () => void Promise.resolve(client?.dispose()).catch(() => {}),
  };
}

/** What graphql-ws throws: the socket's close event, GraphQL errors, or what was thrown while the token was fetched. */
function closeToError(thrown: unknown, id: string): unknown {
  if (thrown instanceof MoorlineError) return thrown;
  if (Array.isArray(thrown) && thrown[0]) return asError(thrown[0], id);
  const { code, reason } = (thrown ?? {}) as { code?: number; reason?: string };
  if (code === 4401) return new Unauthenticated("SESSION_EXPIRED", "Moorline does not accept the session any more.", id);
  if (code === 4403) return new Refused("FORBIDDEN", "This page's origin is not one of the project's allowedOrigins.", id);
  if (code === 4400) return new Refused("BAD_REQUEST", reason || "Moorline did not understand this client.", id);
  return new Unreachable(`The socket was closed${code ? ` (${code})` : ""}.`, id, thrown);
}
