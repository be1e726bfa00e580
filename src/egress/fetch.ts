import type { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import { type Agent, DecoratorHandler, type Dispatcher } from "undici";
import { ACCEPT_ENCODING, decoded, outbound } from "./body.ts";
import { EgressError, egressError, translate } from "./errors.ts";

export type EgressInit = Omit<RequestInit, "redirect"> & {
  /** Milliseconds for everything, until the body has been read. Default 15,000. */
  timeoutMs?: number;
  /** Decoded bytes of the answer's body. Default 1 MiB. */
  maxBytes?: number;
  /** Taken for fetch's sake: no redirect is ever followed, the 3xx answer itself comes back. */
  redirect?: RequestInit["redirect"];
  /** For a server with certificates of its own. What is absent is as always; verified it is in any case. */
  tls?: TlsMaterial;
};

/** PEM texts. */
export interface TlsMaterial {
  /** Whom to trust, instead of the well-known authorities. */
  ca?: string;
  cert?: string;
  key?: string;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const DEFAULT_MAX_BYTES = 1024 * 1024;
const STOOD_STILL_MS = 500;
const CATCH_UP_MS = 250;
/** Answers that have no body, whatever they say (RFC 9110 section 6.4.1). */
const BODILESS = new Set([204, 205, 304]);

/** What is known of one call while it runs. */
interface Call {
  host: string;
  maxBytes: number;
  sent: boolean;
  /** Aborts at the time limit and with the caller's signal. */
  signal: AbortSignal;
  timedOut: boolean;
  finish(): void;
}

export function createFetch(agent: Agent): (url: string | URL, init?: EgressInit) => Promise<Response> {
  return async (input, init = {}) => {
    const url = acceptable(input);
    const call = begin(url.hostname, init);
    try {
      const answer = await send(agent, url, init, call);
      return await respond(answer, url, init, call);
    } catch (error) {
      call.finish();
      throw failureOf(error, call, init.signal);
    }
  };
}

function acceptable(input: string | URL): URL {
  const url = URL.parse(String(input));
  const reason = !url
    ? "The address is not a valid URL."
    : !["http:", "https:"].includes(url.protocol)
      ? "Only http: and https: addresses can be called."
      : url.username || url.password
        ? "An address with a user name or password in it is not called: send them in a header."
        : null;
  if (!url || reason) throw new EgressError("BLOCKED_ADDRESS", reason ?? "", { requestSent: false });
  return url;
}

function begin(host: string, init: EgressInit): Call {
  const limit = new AbortController();
  const timeoutMs = init.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const due = performance.now() + timeoutMs;
  const giveUp = () => {
    call.timedOut = true;
    limit.abort();
  };
  let timer = setTimeout(() => {
    // Long past its time: the process itself stood still. What has come in meanwhile is read before the call is given up.
    if (performance.now() - due < STOOD_STILL_MS) return giveUp();
    timer = setTimeout(giveUp, CATCH_UP_MS);
    timer.unref();
  }, timeoutMs);
  timer.unref();
  const call: Call = {
    host,
    maxBytes: init.maxBytes ?? DEFAULT_MAX_BYTES,
    sent: false,
    signal: init.signal ? AbortSignal.any([init.signal, limit.signal]) : limit.signal,
    timedOut: false,
    finish: () => clearTimeout(timer),
  };
  return call;
}

async function send(agent: Agent, url: URL, init: EgressInit, call: Call): Promise<Dispatcher.ResponseData> {
  const { body, contentType } = await outbound(init.body);
  const headers = new Headers(init.headers);
  // The body is here, so its length is ours to say.
  headers.delete("content-length");
  if (contentType && !headers.has("content-type")) headers.set("content-type", contentType);
  if (!headers.has("accept")) headers.set("accept", "*/*");
  if (!headers.has("accept-encoding")) headers.set("accept-encoding", ACCEPT_ENCODING);
  if (!headers.has("user-agent")) headers.set("user-agent", "Moorline");
  const watched = agent.compose((dispatch) => (options, handler) => dispatch(options, watch(handler, call)));
  return watched.request({
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    method: (init.method ?? "GET").toUpperCase() as Dispatcher.HttpMethod,
    headers: Object.fromEntries(headers),
    body: body as Dispatcher.DispatchOptions["body"],
    signal: call.signal,
  });
}

/** Notes when the request begins to be written to a socket that is connected, and for https secured. */
function watch(handler: Dispatcher.DispatchHandler, call: Call): Dispatcher.DispatchHandler {
  const watching: Dispatcher.DispatchHandler = new DecoratorHandler(handler);
  const start = watching.onRequestStart?.bind(watching);
  watching.onRequestStart = (controller, context) => {
    call.sent = true;
    start?.(controller, context);
  };
  return watching;
}

async function respond(answer: Dispatcher.ResponseData, url: URL, init: EgressInit, call: Call): Promise<Response> {
  // Reading meets the error; where nobody reads, nobody needs it.
  answer.body.on("error", () => {});
  const headers = responseHeaders(answer.headers);
  const bodiless = init.method?.toUpperCase() === "HEAD" || BODILESS.has(answer.statusCode);
  if (!bodiless && Number(headers.get("content-length") ?? 0) > call.maxBytes) {
    answer.body.destroy();
    throw egressError("TOO_LARGE", call.host, { requestSent: true });
  }
  const { stream, undone } = decoded(answer.body, bodiless ? null : headers.get("content-encoding"));
  if (undone) {
    headers.delete("content-encoding");
    headers.delete("content-length");
  }
  if (bodiless) {
    // Read to its end, so that the connection is free for the next call.
    await answer.body.dump();
    call.finish();
  }
  const body = bodiless ? null : ReadableStream.from<Uint8Array>(limited(stream, answer.body, call, init.signal));
  const response = new Response(body as BodyInit | null, { status: answer.statusCode, headers });
  Object.defineProperty(response, "url", { value: url.href });
  return response;
}

async function* limited(stream: Readable, raw: Readable, call: Call, signal: EgressInit["signal"]): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > call.maxBytes) throw egressError("TOO_LARGE", call.host, { requestSent: true });
      yield chunk;
    }
  } catch (error) {
    throw failureOf(error, call, signal);
  } finally {
    call.finish();
    stream.destroy();
    raw.destroy();
  }
}

function responseHeaders(from: Dispatcher.ResponseData["headers"]): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(from)) {
    for (const value of [values ?? []].flat()) headers.append(name, value);
  }
  return headers;
}

function failureOf(error: unknown, call: Call, signal: EgressInit["signal"]): unknown {
  if (call.timedOut) return egressError("TIMEOUT", call.host, { requestSent: call.sent });
  if (signal?.aborted) return signal.reason;
  return translate(error, call.host, call.sent);
}
