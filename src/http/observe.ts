import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Services } from "../domain/services.ts";
import { count, observe, statusClass } from "../lib/metrics.ts";

const REQUEST_ID = /^[\w.:-]{1,100}$/;
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/**
 * Gives a request its id (the client's own `X-Request-Id`, or a new one) and, once it is answered or given up, a log line and its metrics.
 * The line has the route's pattern and never the path or the query: there are one-time links in them.
 */
export function observeRequest(
  { log }: Pick<Services, "log">,
  request: IncomingMessage,
  response: ServerResponse,
  route: string,
): void {
  const given = request.headers["x-request-id"];
  const requestId = typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
  response.setHeader("x-request-id", requestId);
  const started = performance.now();
  response.once("close", () => {
    const seconds = (performance.now() - started) / 1000;
    const method = METHODS.has(request.method ?? "") ? request.method! : "other";
    const status = response.writableFinished ? statusClass(response.statusCode) : "aborted";
    count("http_requests", { method, route, status });
    observe("http_request", { route }, seconds);
    const level = response.statusCode >= 500 ? "warn" : "debug";
    const line = { requestId, method, route, status: response.statusCode, finished: response.writableFinished };
    if (log.isLevelEnabled(level)) log[level]({ ...line, ms: Math.round(seconds * 1000) }, "request");
  });
}
