import { once } from "node:events";
import { createClient } from "graphql-ws";
import { expect, vi } from "vitest";
import { WebSocket } from "ws";

interface Message {
  data?: Record<string, unknown> | null;
  errors?: readonly { message: string; extensions?: { code?: unknown } }[];
}

/** One subscription, over whichever transport: what it delivered, and how it ended. */
export interface Subscribed<Frame> {
  readonly frames: Frame[];
  /** The first `count` frames, once they are there. */
  take(count: number): Promise<Frame[]>;
  /** The first frame that fits, once it is there. */
  until(fits: (frame: Frame) => boolean): Promise<Frame>;
  /** Resolves to all frames when the server completes the stream; rejects with its error, or with the close event of a lost socket. */
  completed: Promise<Frame[]>;
  /** Ends it as a client does that wants no more. */
  stop(): Promise<void>;
  /** Cuts the line without a word. */
  drop(): Promise<void>;
}

export interface SubscribeOptions {
  url: string;
  token: string;
  query: { toString(): string };
  variables?: object;
  /** Times graphql-ws's client connects again by itself. */
  retryAttempts?: number;
  /** The language of what is said. */
  locale?: string;
}

export type Subscribe = <Frame>(options: SubscribeOptions) => Subscribed<Frame>;

const PATIENCE_MS = 15_000;

function collector<Frame>(completed: Promise<void>) {
  const frames: Frame[] = [];
  const finished = completed.then(() => frames);
  finished.catch(() => {});
  async function until(fits: (frame: Frame) => boolean): Promise<Frame> {
    let ended: unknown = null;
    finished.then(
      () => (ended = new Error("The stream completed.")),
      (error) => (ended = error),
    );
    for (const deadline = Date.now() + PATIENCE_MS; ; await new Promise((resolve) => setTimeout(resolve, 5))) {
      const found = frames.find(fits);
      if (found !== undefined) return found;
      if (ended) throw ended;
      if (Date.now() > deadline) throw new Error(`Waited in vain; there is ${JSON.stringify(frames)}`);
    }
  }
  async function take(count: number): Promise<Frame[]> {
    await until(() => frames.length >= count);
    return frames.slice(0, count);
  }
  /** The value of the one root field. */
  const add = (message: Message) => frames.push(Object.values(message.data!)[0] as Frame);
  return { frames, until, take, completed: finished, add };
}

/** graphql-ws's own client. */
export function overWebSocket<Frame>({
  url,
  token,
  query,
  variables,
  retryAttempts = 0,
  locale,
}: SubscribeOptions): Subscribed<Frame> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const collected = collector<Frame>(promise);
  const client = createClient({
    url: `${url.replace(/^http/, "ws")}/graphql`,
    connectionParams: { authorization: `Bearer ${token}`, ...(locale && { locale }) },
    webSocketImpl: WebSocket,
    retryAttempts,
    retryWait: () => new Promise((again) => setTimeout(again, 50)),
    shouldRetry: () => true,
  });
  const unsubscribe = client.subscribe<Record<string, unknown>>(
    { query: String(query), variables: variables as Record<string, unknown> },
    { next: (message) => (message.errors ? reject(message.errors) : collected.add(message)), error: reject, complete: resolve },
  );
  const finished = collected.completed.finally(() => client.dispose());
  finished.catch(() => {});
  return {
    ...collected,
    completed: finished,
    async stop() {
      unsubscribe();
      await client.dispose();
    },
    async drop() {
      client.terminate();
      await finished.catch(() => {});
    },
  };
}

/** As an EventSource does, over fetch for the sake of the header: graphql-sse's distinct connections. */
export function overEvents<Frame>({ url, token, query, variables, locale }: SubscribeOptions): Subscribed<Frame> {
  const controller = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const collected = collector<Frame>(promise);
  async function read(): Promise<void> {
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "text/event-stream",
        authorization: `Bearer ${token}`,
        ...(locale && { "accept-language": locale }),
      },
      body: JSON.stringify({ query: String(query), variables }),
      signal: controller.signal,
    });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
    for await (const { event, data } of events(response.body!)) {
      if (event === "complete") return;
      const message = JSON.parse(data) as Message;
      if (message.errors) throw message.errors;
      collected.add(message);
    }
    throw new Error("The stream ended without completing.");
  }
  read().then(resolve, reject);
  const stop = async () => {
    controller.abort();
    await collected.completed.catch(() => {});
  };
  return { ...collected, stop, drop: stop };
}

/** What WHATWG HTML, section 9.2.6, makes of the bytes, as far as it is needed here. */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<{ event: string; data: string }> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    const blocks = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
    rest = blocks.pop()!;
    for (const block of blocks) {
      const field = (name: string) =>
        block
          .split("\n")
          .filter((line) => line.startsWith(`${name}:`))
          .map((line) => line.slice(name.length + 1).trimStart())
          .join("\n");
      if (field("event")) yield { event: field("event"), data: field("data") };
    }
  }
}

/** Until one of this process's sockets is told to close with `code`, which a peer that has stopped reading does not see by itself. */
export async function closing(code: number): Promise<void> {
  const close = vi.spyOn(WebSocket.prototype, "close");
  try {
    await expect.poll(() => close.mock.calls.map(([given]) => given), { timeout: 15_000, interval: 10 }).toContain(code);
  } finally {
    close.mockRestore();
  }
}

/** A socket that speaks graphql-transport-ws by hand, where a test has to see the close code or to read slowly. */
export async function openSocket(url: string, token: string) {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/graphql`, "graphql-transport-ws");
  const closed = once(socket, "close").then(([code]) => code as number);
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "connection_init", payload: { authorization: `Bearer ${token}` } }));
  await once(socket, "message");
  const subscribe = (query: { toString(): string }, variables?: object) =>
    socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query: String(query), variables } }));
  return { socket, closed, subscribe };
}
