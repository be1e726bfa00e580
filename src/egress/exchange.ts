import { Readable } from "node:stream";
import type { Agent, Dispatcher } from "undici";
import { egressError, translate } from "./errors.ts";
import type { TlsMaterial } from "./fetch.ts";

/** A call as it goes on the wire. */
export interface ExchangeInit {
  /** http: or https:, host and port. */
  origin: string;
  method: string;
  /** Begins with a slash; with its query. */
  path: string;
  /** Names and values in turn; not Host, Content-Length and what belongs to one connection only (RFC 9110 section 7.6.1). */
  headers: readonly string[];
  body: Uint8Array | AsyncIterable<Uint8Array> | null;
  /** Of a body that comes in pieces, where it is known; null: it goes out chunked. */
  contentLength?: number | null;
  limits: ExchangeLimits;
  signal?: AbortSignal;
  /** For a server that wants to see a certificate, or has one of its own. */
  tls?: TlsMaterial;
}

export interface ExchangeLimits {
  /** From the end of the request to the head of the answer, in milliseconds. */
  answerMs: number;
  /** Between two pieces of a body, either way. */
  idleMs: number;
  /** For everything. */
  totalMs: number;
  /** Of the answer's body, as it comes. */
  maxBytes: number;
}

/** An answer as it came: names and values of its headers in turn, its body with whatever content codings it has. */
export interface Exchange {
  status: number;
  headers: string[];
  /** Reading it meets an EgressError where the answer breaks off. Destroying it ends the call. */
  body: Readable;
}

const BUFFERED_BYTES = 64 * 1024;

/**
 * One call whose bodies stream both ways, each no faster than its reader: what is in memory at a time does not grow with their size. By
 * undici's dispatcher itself, because every layer above it decodes, copies or collects.
 */
export function createExchange(agent: Agent): (init: ExchangeInit) => Promise<Exchange> {
  return (init) => {
    const call = begin(init);
    agent.dispatch(
      {
        origin: init.origin,
        path: init.path,
        method: init.method as Dispatcher.HttpMethod,
        headers: withLength(init),
        body: call.body as Dispatcher.DispatchOptions["body"],
      },
      call.handler,
    );
    return call.answer;
  };
}

interface Call {
  answer: Promise<Exchange>;
  body: Uint8Array | AsyncIterable<Uint8Array> | null;
  handler: Dispatcher.DispatchHandler;
}

function begin({ origin, method, body, limits, signal }: ExchangeInit): Call {
  const host = new URL(origin).hostname;
  const { promise: answer, resolve, reject } = Promise.withResolvers<Exchange>();
  let controller: Dispatcher.DispatchController | null = null;
  let incoming: Readable | null = null;
  let sent = false;
  let received = 0;
  const patience = createPatience(limits, signal, (reason) =>
    fail(reason ?? egressError("TIMEOUT", host, { requestSent: sent })),
  );

  function fail(error: unknown): void {
    if (!patience.end()) return;
    reject(error);
    incoming?.destroy(error as Error);
    controller?.abort(error as Error);
  }

  function tooLarge(): void {
    fail(egressError("TOO_LARGE", host, { requestSent: true }));
  }

  /** The caller's body as it is sent; what breaks it breaks the call, as it is. */
  async function* outgoing(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    patience.allow(limits.idleMs);
    try {
      for await (const piece of pieces) {
        patience.moved();
        yield piece;
      }
    } catch (error) {
      fail(error);
      throw error;
    }
    if (!incoming) patience.allow(limits.answerMs);
  }

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      if (patience.ended()) started.abort(GIVEN_UP);
      else sent = true;
    },
    onResponseStart(started, status, parsed) {
      if (status < 200 || patience.ended()) return;
      patience.allow(limits.idleMs);
      incoming = incomingBody(started, patience);
      const hasBody = method !== "HEAD" && status !== 304;
      if (hasBody && Number(parsed["content-length"] ?? 0) > limits.maxBytes) tooLarge();
      else resolve({ status, headers: rawHeaders(started), body: incoming });
    },
    onResponseData(reading, piece) {
      if (patience.ended()) return;
      patience.moved();
      received += piece.byteLength;
      if (received > limits.maxBytes) tooLarge();
      else if (!incoming?.push(piece)) reading.pause();
    },
    onResponseEnd() {
      patience.end();
      incoming?.push(null);
    },
    onResponseError: (_controller, error) => fail(translate(error, host, sent)),
  };
  return { answer, body: body && Symbol.asyncIterator in body ? outgoing(body) : body, handler };
}

const GIVEN_UP = new Error("Nobody waits for this answer any more.");

function incomingBody(controller: Dispatcher.DispatchController, patience: Patience): Readable {
  const body = new Readable({
    highWaterMark: BUFFERED_BYTES,
    read: () => controller.resume(),
    destroy(error, done) {
      if (patience.end()) controller.abort(error ?? GIVEN_UP);
      done(error);
    },
  });
  // Whoever reads meets the error; where nobody reads, nobody needs it.
  body.on("error", () => {});
  return body;
}

interface Patience {
  /** So long until the next piece moves. */
  allow(ms: number): void;
  moved(): void;
  /** True the first time. */
  end(): boolean;
  ended(): boolean;
}

/** `onOver` with the signal's reason, or with nothing where the time is over. */
function createPatience(limits: ExchangeLimits, signal: AbortSignal | undefined, onOver: (reason?: unknown) => void): Patience {
  let over = false;
  const total = setTimeout(onOver, limits.totalMs).unref();
  let stall = setTimeout(onOver, limits.answerMs).unref();
  const onAbort = () => onOver(signal?.reason);
  if (signal?.aborted) queueMicrotask(onAbort);
  else signal?.addEventListener("abort", onAbort, { once: true });
  return {
    allow(ms) {
      clearTimeout(stall);
      if (!over) stall = setTimeout(onOver, ms).unref();
    },
    moved() {
      if (!over) stall.refresh();
    },
    end() {
      if (over) return false;
      over = true;
      clearTimeout(total);
      clearTimeout(stall);
      signal?.removeEventListener("abort", onAbort);
      return true;
    },
    ended: () => over,
  };
}

function withLength({ headers, body, contentLength }: ExchangeInit): string[] {
  const inPieces = body !== null && Symbol.asyncIterator in body;
  return inPieces && contentLength != null ? [...headers, "content-length", String(contentLength)] : [...headers];
}

/** HTTP's own text is Latin-1 (RFC 9110 section 5.5): each byte comes out as it went in. */
function rawHeaders(controller: Dispatcher.DispatchController): string[] {
  const raw = (controller.rawHeaders ?? []) as (Buffer | string)[];
  return raw.map((text) => (typeof text === "string" ? text : text.toString("latin1")));
}
