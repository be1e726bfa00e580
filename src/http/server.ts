import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { createOriginList } from "../domain/origins.ts";
import type { Services } from "../domain/services.ts";
import { inSpan } from "../lib/tracing.ts";
import { pageRoutes, readPages } from "./assets.ts";
import { declaresTooMuch } from "./body.ts";
import { brandRoutes } from "./brand.ts";
import { callbackRoutes } from "./callback.ts";
import { createClientAddress, rememberAddress } from "./client-address.ts";
import { clientDocumentRoutes } from "./client-documents.ts";
import { connectRoutes, sendPage } from "./connect-pages.ts";
import { createCors } from "./cors.ts";
import { dashboardSessionRoutes } from "./dashboard-session.ts";
import { createEngine } from "./engine.ts";
import { createGraphiQL } from "./graphiql.ts";
import { createGraphQLHandlers } from "./graphql.ts";
import { healthRoutes } from "./health.ts";
import { linkSessionRoutes } from "./link-session.ts";
import { metricsRoutes } from "./metrics.ts";
import { observeRequest } from "./observe.ts";
import { DEFAULT_LIMITS, type Face, type HttpOptions } from "./options.ts";
import { homePage, messagePage } from "./pages.ts";
import { providerWebhookRoutes } from "./provider-webhooks.ts";
import { isProxied, proxyRoutes } from "./proxy.ts";
import { prefersHtml, refusal, sendJson, toRequestError, UnexpectedError, unexpectedBody } from "./respond.ts";
import { createRouter } from "./router.ts";
import { createEventStreams } from "./sse.ts";
import { createTokenWatch } from "./token-watch.ts";
import { createWebSockets } from "./websocket.ts";

export interface HttpServer {
  readonly server: Server;
  /** Takes nothing new, lets what runs finish, says goodbye to streams and sockets; after `drainMs` milliseconds cuts what is left. */
  close(drainMs: number): Promise<void>;
}

const GRAPHQL_PATH = "/graphql";

/** The HTTP face: not listening yet. `services.publicUrl` is asked at each use, so it may be settled after listening. */
export function createHttpServer(services: Services, options: HttpOptions): HttpServer {
  let draining = false;
  const face: Face = {
    services,
    schema: options.schema,
    engine: createEngine(options.schema),
    exploration: options.exploration ?? false,
    metrics: options.metrics ?? "closed",
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    pages: options.pages ? readPages(options.pages) : null,
    clientIp: createClientAddress(options.trustedProxies ?? []),
    draining: () => draining,
  };
  const tokens = createTokenWatch(services);
  const cors = createCors(() => services.publicUrl, createOriginList(services));
  const streams = createEventStreams(face, tokens);
  const webSockets = createWebSockets(face, cors, tokens);
  const graphiql = face.exploration ? createGraphiQL() : null;
  const match = createRouter([
    { path: GRAPHQL_PATH, ...createGraphQLHandlers(face, cors, streams, graphiql) },
    ...callbackRoutes(face),
    ...clientDocumentRoutes(face),
    ...connectRoutes(face),
    ...linkSessionRoutes(face, cors),
    ...brandRoutes(face),
    ...proxyRoutes(face),
    ...providerWebhookRoutes(face),
    ...healthRoutes(face),
    ...metricsRoutes(face),
    ...dashboardSessionRoutes(face, cors),
    // The last: a page gives way to what has the same path.
    ...pageRoutes(face, ({ request, response }) => sendNotFound(request, response)),
    { path: "/", GET: ({ response }) => sendPage(response, homePage(face.exploration)) },
  ]);

  const server = createServer(
    {
      headersTimeout: 15_000,
      // The longest that any request may take to arrive; all but the proxy's have less (readBody).
      requestTimeout: face.limits.proxy.totalMs,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: 32 * 1024,
    },
    (request, response) => void answer(request, response),
  );

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (draining) response.setHeader("connection", "close");
    try {
      const { path, query } = split(request.url ?? "/");
      const found = match(request.method ?? "GET", path);
      observeRequest(services, request, response, found.kind === "none" ? "none" : found.route);
      if (found.kind === "none") return sendNotFound(request, response);
      if (found.kind === "method") return sendMethodNotAllowed(response, found.allow);
      const { method, headers } = request;
      const attributes = { "http.request.method": method ?? "GET", "http.route": found.route };
      await inSpan(`${method} ${found.route}`, { kind: "SERVER", attributes, parent: headers }, async (span) => {
        await found.handler({ request, response, parameters: found.parameters, query });
        span?.setAttribute("http.response.status_code", response.statusCode);
      });
    } catch (error) {
      sendFailure(face, request, response, error);
    }
  }

  server.on("connection", rememberAddress);
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => {});
    const { path } = split(request.url ?? "/");
    if (path !== GRAPHQL_PATH) return void socket.end(refusedUpgrade(isProxied(path)));
    webSockets.upgrade(request, socket, head).catch((error: unknown) => {
      services.log.error({ err: error }, "A WebSocket could not be opened.");
      socket.destroy();
    });
  });
  // A client that asks before it sends is told at once; without the 100 it keeps a body to itself that would be refused.
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    const limit = isProxied(request.url ?? "/") ? face.limits.proxy.maxRequestBytes : face.limits.bodyBytes;
    if (!declaresTooMuch(request, limit)) response.writeContinue();
    server.emit("request", request, response);
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
    const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  });

  async function close(drainMs: number): Promise<void> {
    draining = true;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    streams.closeAll();
    const cut = setTimeout(() => server.closeAllConnections(), drainMs);
    // A connection that was busy when the closing began stays open after its answer, as long as its client likes.
    const sweep = setInterval(() => server.closeIdleConnections(), 50);
    await webSockets.close(drainMs);
    await closed;
    clearInterval(sweep);
    clearTimeout(cut);
    tokens.close();
  }

  return { server, close };
}

/** The path and the query string of a request target. Nothing else of it, nor the Host header, is ever used. */
function split(target: string): { path: string; query: URLSearchParams } {
  const mark = target.indexOf("?");
  if (mark < 0) return { path: target, query: new URLSearchParams() };
  return { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
}

/** To a request for another protocol than HTTP (RFC 9110 section 7.8): the proxy carries calls and answers, no sockets. */
function refusedUpgrade(proxied: boolean): string {
  const status = proxied ? "501 Not Implemented\r\nMoorline-Error: UPGRADE_REFUSED" : "404 Not Found";
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
}

function sendNotFound(request: IncomingMessage, response: ServerResponse): void {
  if (prefersHtml(request)) {
    sendPage(response, messagePage(404, "There is nothing here", "Check the address, or go back to where you came from."));
    return;
  }
  const message = "There is nothing at this address. The API is at /graphql.";
  sendJson(response, 404, { errors: [{ message, extensions: { code: "NOT_FOUND" } }] });
}

function sendMethodNotAllowed(response: ServerResponse, allow: string): void {
  const message = `This address takes ${allow} only.`;
  sendJson(response, 405, { errors: [{ message, extensions: { code: "BAD_REQUEST" } }] }, { allow });
}

/** What a handler threw, as a page for a person and JSON for a program; what nobody expected with an id and nothing else. */
function sendFailure(face: Face, request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const known = toRequestError(face, error, `${request.method} /${request.url?.split(/[/?]/, 2)[1]}`);
  const unexpected = known instanceof UnexpectedError;
  if (response.headersSent) {
    response.destroy();
  } else if (prefersHtml(request)) {
    const title = unexpected ? "Something went wrong" : "That did not work";
    sendPage(response, messagePage(unexpected ? 500 : known.status, title, known.message));
  } else if (unexpected) {
    sendJson(response, 500, unexpectedBody(known));
  } else {
    const { body, headers } = refusal(known);
    sendJson(response, known.status, body, headers);
  }
}
