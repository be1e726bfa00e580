import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type ExecutionArgs, type ExecutionResult, GraphQLError } from "graphql";
import { handleProtocols, makeServer, type ServerOptions } from "graphql-ws";
import { type WebSocket, WebSocketServer } from "ws";
import { authenticate } from "../domain/authenticate.ts";
import type { PreparedDocument } from "../graphql/document.ts";
import { RequestError } from "../lib/errors.ts";
import { spokenLanguage } from "../words/index.ts";
import { readCookies } from "./cookies.ts";
import type { Cors, OriginVerdict } from "./cors.ts";
import { executeWithinLimit, formatErrors, formatResult, subscribeOperation } from "./execute.ts";
import type { Face } from "./options.ts";
import { checkParameters, type GraphQLParameters } from "./parameters.ts";
import { prepare } from "./prepare.ts";
import { sessionToken } from "./session-cookie.ts";
import { CLOSE, createSockets, type Opening, type SocketState } from "./sockets.ts";
import { endable, isStream } from "./stream.ts";
import type { Lease, TokenWatch } from "./token-watch.ts";

export interface WebSockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  /** Says 1001 to each socket once its queries and mutations are answered, to all of them at the latest after `drainMs`. */
  close(drainMs: number): Promise<void>;
}

/** What graphql-ws carries from `onSubscribe` to `execute` and `subscribe`: our own arguments beside its own. */
interface Job extends ExecutionArgs {
  prepared: PreparedDocument;
  parameters: GraphQLParameters;
  state: SocketState;
  lease: Lease;
}

/** Stays small for an idle socket: no compression, no timer of its own, and nothing of the request that opened it. */
export function createWebSockets(face: Face, cors: Cors, tokens: TokenWatch): WebSockets {
  const options = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    closeTimeout: 5_000,
    maxPayload: face.limits.messageBytes,
    handleProtocols,
  };
  const server = new WebSocketServer(options);
  const sockets = createSockets(face);
  const protocol = makeServer<Record<string, unknown>, SocketState>(protocolOptions(face, cors, tokens));

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    let verdict: OriginVerdict;
    try {
      verdict = await cors.screen(request);
    } catch (error) {
      return rejectUpgrade(socket, error instanceof RequestError ? error.status : 500);
    }
    if (face.draining() || sockets.size() >= face.limits.streams) return rejectUpgrade(socket, 503);
    // A socket can bring no header of its own: its Origin has to be ours, and there has to be one.
    const cookies = verdict.kind === "own" ? readCookies(request) : null;
    const locale = spokenLanguage(request.headers["accept-language"]);
    const opening = { verdict, ip: face.clientIp(request), cookies, locale };
    server.handleUpgrade(request, socket, head, (webSocket) => opened(webSocket, opening));
  }

  function opened(webSocket: WebSocket, opening: Opening): void {
    const state = sockets.add(webSocket, opening);
    const closed = protocol.opened(
      {
        protocol: webSocket.protocol,
        send: (data) => sockets.send(state, data),
        close: (code, reason) => webSocket.close(code, reason),
        onMessage: (receive) =>
          webSocket.on("message", (data) => {
            // A socket that was told to close still delivers what its client goes on sending.
            if (webSocket.readyState === webSocket.OPEN) receive(String(data)).catch((error) => failed(face, webSocket, error));
          }),
      },
      state,
    );
    webSocket.once("close", (code, reason) => {
      sockets.remove(state);
      closed(code, String(reason)).catch((error: unknown) =>
        face.services.log.error({ err: error }, "A socket did not close cleanly."),
      );
    });
  }

  return { upgrade, close: (drainMs) => sockets.close(drainMs) };
}

function protocolOptions(face: Face, cors: Cors, tokens: TokenWatch): ServerOptions<Record<string, unknown>, SocketState> {
  return {
    connectionInitWaitTimeout: face.limits.connectionInitMs,
    async onConnect(context) {
      const { extra: state, connectionParams } = context;
      // The token stays in the lease alone, as a Secret.
      (context as { connectionParams?: unknown }).connectionParams = undefined;
      const authorization = text(connectionParams?.authorization) ?? text(connectionParams?.Authorization);
      const cookie =
        authorization === null ? sessionToken(state.cookies ?? {}, face.services.publicUrl, connectionParams?.session) : null;
      state.cookies = null;
      const held = { authorization, cookie };
      const locale = spokenLanguage(text(connectionParams?.locale)) ?? state.locale;
      const caller = await authenticate(face.services, { ...held, ip: state.ip, locale });
      cors.assertCaller(state.verdict, caller);
      if (state.socket.readyState !== state.socket.OPEN) return;
      state.lease = tokens.follow(caller, held, () => state.socket.close(CLOSE.tokenEnded, "The token has ended"));
    },
    onSubscribe({ extra: state, subscriptions }, _id, payload) {
      if (Object.keys(subscriptions).length > face.limits.operationsPerSocket) {
        state.socket.close(CLOSE.tooMuch, "Too many operations on one socket");
        return [refusedOperation("Too many operations run on this socket.")];
      }
      if (face.draining()) return [refusedOperation("The server is restarting. Connect again.")];
      return prepareJob(face, state, payload);
    },
    execute(args) {
      const job = args as Job;
      return countPending(face, job);
    },
    async subscribe(args) {
      const { prepared, parameters, state, lease } = args as Job;
      const controller = new AbortController();
      const result = await subscribeOperation(face, prepared, parameters, () => lease.caller(), controller.signal);
      const onTooSlow = () => state.socket.close(CLOSE.tooMuch, "Reading too slowly");
      return isStream(result) ? endable(result, controller, onTooSlow) : result;
    },
    onNext: (_context, _id, _payload, args, result) =>
      result.errors ? formatResult(face, result, localeOf(args as Job)) : undefined,
    onError: ({ extra }, _id, _payload, errors) => formatErrors(face, errors, extra.lease?.caller().locale ?? null),
  };
}

/** Errors of the document, or the arguments with which graphql-ws calls `execute` or `subscribe`. */
function prepareJob(face: Face, state: SocketState, payload: unknown): Job | readonly GraphQLError[] {
  try {
    const parameters = checkParameters(payload);
    const preparation = prepare(face, parameters);
    if ("errors" in preparation) return preparation.errors;
    const { prepared } = preparation;
    const { lease } = state;
    if (!lease) return [refusedOperation("The socket is closing. Connect again.")];
    const { operationName } = parameters;
    return {
      schema: face.schema,
      document: prepared.document,
      operationName,
      contextValue: null,
      rootValue: undefined,
      prepared,
      parameters,
      state,
      lease,
    };
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return [new GraphQLError(error.message, { originalError: error })];
  }
}

/** A query or mutation. A socket with an answer outstanding is not closed by a drain before its time. */
async function countPending(face: Face, { prepared, parameters, state, lease }: Job): Promise<ExecutionResult> {
  state.pending += 1;
  try {
    return await executeWithinLimit(face, prepared, parameters, lease.caller());
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return { errors: [new GraphQLError(error.message, { originalError: error })] };
  } finally {
    state.pending -= 1;
  }
}

/** What was thrown while a message was handled, as a close code. Nothing of an unexpected error goes into the reason. */
function failed(face: Face, webSocket: WebSocket, error: unknown): void {
  if (error instanceof RequestError) {
    const code = error.status === 401 ? CLOSE.tokenEnded : error.status === 403 ? CLOSE.forbidden : CLOSE.badRequest;
    webSocket.close(code, error.status === 401 ? error.code : "Forbidden");
    return;
  }
  if (webSocket.readyState !== webSocket.OPEN) return;
  face.services.log.error({ err: error }, "A WebSocket message could not be handled.");
  webSocket.close(CLOSE.internal, "Internal server error");
}

function rejectUpgrade(socket: Duplex, status: number): void {
  const reasons: Record<number, string> = { 403: "Forbidden", 404: "Not Found", 503: "Service Unavailable" };
  socket.end(
    `HTTP/1.1 ${status} ${reasons[status] ?? "Internal Server Error"}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  );
}

function refusedOperation(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: "RATE_LIMITED", retryAfterSeconds: 1 } });
}

function localeOf({ lease }: Job): string | null {
  return lease.caller().locale;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
