import { ReadDocument, UpdatedDocument, type UpdatedSubscription } from "../../../generated/client-gql/graphql.ts";
import { type Api, asError, type ErrorInAnswer } from "./api.ts";
import { FINAL, MoorlineError, Refused, Unreachable } from "./errors.ts";
import type { ConnectionRequest } from "./types.ts";
import { linked, pause, silenceAfter, type Wake } from "./waiting.ts";

/** What is listened for, and whom to tell that the way is open: from then on a break is a lost connection, not a way that does not work. */
export interface Listening {
  id: string;
  followRetries: boolean;
  signal: AbortSignal;
  wake: Wake;
  onOpen(): void;
}

/** One way to hear of changes. Ends when there is nothing more to hear, or early; throws Unreachable where another try makes sense. */
export type Source = (listening: Listening) => AsyncGenerator<ConnectionRequest, void>;

/** Moorline sends a comment every 25 seconds: a stream that is silent for longer is dead, or held back by a proxy that collects answers. */
const SILENCE_MS = 40_000;
const FIRST_BYTE_MS = 8_000;

/** Server-sent events over POST (graphql-sse, distinct connections): `next` for each message, then `complete`. */
export function eventSource(api: Api): Source {
  return async function* ({ id, followRetries, signal, wake, onOpen }) {
    const call = linked(signal);
    const silence = silenceAfter(wake, () => call.abort());
    let watchdog: ReturnType<typeof setTimeout> | undefined;
    const expect = (milliseconds: number) => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => call.abort(), milliseconds);
    };
    try {
      expect(FIRST_BYTE_MS);
      const response = await api.fetch(api.endpoint, {
        method: "POST",
        headers: api.headers(await api.tokens.get(), "text/event-stream"),
        body: JSON.stringify({ query: String(UpdatedDocument), variables: { id, followRetries } }),
        signal: call.signal,
        credentials: "omit",
        cache: "no-store",
      });
      if (!response.body || !response.headers.get("content-type")?.startsWith("text/event-stream"))
        throw await refusalOf(response, id);
      for await (const { event, data } of readEvents(response.body, () => expect(SILENCE_MS), onOpen)) {
        silence.heard();
        if (event !== "next") return;
        const { data: result, errors } = JSON.parse(data) as { data?: UpdatedSubscription; errors?: ErrorInAnswer[] };
        if (errors?.[0]) throw asError(errors[0], id);
        if (result) yield result.connectionRequestUpdated;
      }
    } catch (error) {
      if (error instanceof MoorlineError) throw error;
      throw new Unreachable("The stream of events broke off.", id, error);
    } finally {
      clearTimeout(watchdog);
      silence.stop();
      call.abort();
      call.unlink();
    }
  };
}

async function refusalOf(response: Response, id: string): Promise<MoorlineError> {
  const { errors } = (await response.json().catch(() => ({}))) as { errors?: ErrorInAnswer[] };
  return errors?.[0] ? asError(errors[0], id) : new Unreachable(`Events are not to be had here (${response.status}).`, id);
}

/** WHATWG HTML section 9.2.6, as far as Moorline uses it: `event`, `data`, comments. */
async function* readEvents(body: ReadableStream<Uint8Array>, onBytes: () => void, onOpen: () => void) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      onOpen();
      text += decoder.decode(value, { stream: true });
      const blocks = text.split(/\r?\n\r?\n/);
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const lines = block.split(/\r?\n/);
        const field = (name: string) =>
          lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart());
        const event = field("event")[0];
        if (event) yield { event, data: field("data").join("\n") };
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** What an answer may wait for; short, because the states in between are told by it too. */
const WAIT_SECONDS = 5;
const RETRY_LOOK_MS = 2_500;
/** So long after its end a request can be tried again on the hosted page. */
const RETRYABLE_MS = 15 * 60_000;

/** One question after the other, each answered when the request ends, or after a few seconds. Works wherever HTTP does. */
export function polling(api: Api): Source {
  return async function* ({ id, followRetries, signal, wake, onOpen }) {
    let current = id;
    let waitSeconds = 0;
    let endedAt: number | null = null;
    for (;;) {
      const { connectionRequest } = await api.run(ReadDocument, { id: current, waitSeconds }, signal);
      onOpen();
      if (!connectionRequest) throw new Refused("NOT_FOUND", "There is no such connection request.", current);
      yield connectionRequest;
      waitSeconds = WAIT_SECONDS;
      if (!FINAL.has(connectionRequest.status)) await pause(250, signal);
      else if (!followRetries || connectionRequest.status === "ACTIVE") return;
      else if (connectionRequest.retriedBy) {
        current = connectionRequest.retriedBy.id;
        endedAt = null;
        waitSeconds = 0;
      } else {
        endedAt ??= Date.now();
        if (Date.now() - endedAt > RETRYABLE_MS) return;
        await pause(RETRY_LOOK_MS, signal, wake);
      }
    }
  };
}
