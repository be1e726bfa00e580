import type { ServerResponse } from "node:http";
import type { ExecutionResult } from "graphql";
import type { Held } from "../domain/authenticate.ts";
import type { Caller } from "../domain/caller.ts";
import type { PreparedDocument } from "../graphql/document.ts";
import { RequestError } from "../lib/errors.ts";
import { executeWithinLimit, formatErrors, formatResult, subscribeOperation } from "./execute.ts";
import type { Face } from "./options.ts";
import type { GraphQLParameters } from "./parameters.ts";
import { SECURITY_HEADERS } from "./respond.ts";
import { endable, isStream } from "./stream.ts";
import type { TokenWatch } from "./token-watch.ts";

export interface EventStreams {
  /** Answers one operation as events: `next` for each result, then `complete` (graphql-sse, distinct connections mode). */
  open(operation: StreamedOperation): Promise<void>;
  /** Completes every stream: the client asks again elsewhere. */
  closeAll(): void;
}

export interface StreamedOperation {
  response: ServerResponse;
  headers: Record<string, string>;
  prepared: PreparedDocument;
  parameters: GraphQLParameters;
  caller: Caller;
  held: Held;
}

const TOKEN_ENDED = new RequestError("SESSION_EXPIRED", "The token has ended. Subscribe again with a new one.", 401);

export function createEventStreams(face: Face, tokens: TokenWatch): EventStreams {
  const open = new Set<AbortController>();

  async function run(operation: StreamedOperation): Promise<void> {
    if (open.size >= face.limits.streams || face.draining()) {
      throw new RequestError("RATE_LIMITED", "Too many streams are open. Try again in a few seconds.", 503, 5);
    }
    const controller = new AbortController();
    const events = openEvents(face, operation.response, operation.headers, controller);
    const lease = tokens.follow(operation.caller, operation.held, () => {
      events.next({
        errors: formatErrors(face, [TOKEN_ENDED], operation.caller.locale),
      });
      controller.abort();
    });
    open.add(controller);
    operation.response.on("close", () => controller.abort());
    try {
      await pump(operation, lease.caller, controller, events);
    } finally {
      lease.release();
      open.delete(controller);
      events.complete();
    }
  }

  async function pump(
    operation: StreamedOperation,
    caller: () => Caller,
    controller: AbortController,
    events: Events,
  ): Promise<void> {
    const { locale } = operation.caller;
    try {
      const result = await start(operation, caller, controller.signal);
      if (!isStream(result)) return void (await events.next(formatResult(face, result, locale)));
      for await (const next of endable(result, controller)) await events.next(formatResult(face, next, locale));
    } catch (error) {
      await events.next({ errors: formatErrors(face, [error], locale) });
    }
  }

  function closeAll(): void {
    for (const controller of open) controller.abort();
  }

  async function start({ prepared, parameters, caller: first }: StreamedOperation, caller: () => Caller, signal: AbortSignal) {
    if (prepared.operation.operation !== "subscription") return executeWithinLimit(face, prepared, parameters, first);
    return subscribeOperation(face, prepared, parameters, caller, signal);
  }

  return { open: run, closeAll };
}

interface Events {
  next(result: ExecutionResult | object): Promise<void> | void;
  complete(): void;
}

/** Writes events, waits where the client reads slowly, and gives it up where it does not read at all. */
function openEvents(face: Face, response: ServerResponse, headers: Record<string, string>, controller: AbortController): Events {
  response.writeHead(200, {
    ...SECURITY_HEADERS,
    ...headers,
    "content-type": "text/event-stream; charset=utf-8",
    "x-accel-buffering": "no",
  });
  response.write(":\n\n");
  const keepAlive = setInterval(() => response.writableNeedDrain || response.write(":\n\n"), face.limits.keepAliveMs);
  keepAlive.unref();

  function drained(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => response.destroy(), face.limits.slowMs);
      const done = () => {
        clearTimeout(timer);
        response.off("drain", done).off("close", done);
        resolve();
      };
      response.on("drain", done).on("close", done);
    });
  }

  return {
    next(result) {
      if (response.destroyed || response.writableEnded) return controller.abort();
      if (!response.write(`event: next\ndata: ${JSON.stringify(result)}\n\n`)) return drained();
    },
    complete() {
      clearInterval(keepAlive);
      if (!response.writableEnded) response.end("event: complete\ndata:\n\n");
    },
  };
}
