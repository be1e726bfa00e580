import { randomUUID } from "node:crypto";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { RequestError } from "../lib/errors.ts";
import type { Face } from "./options.ts";
import { spoken } from "./spoken.ts";

/** On everything we answer: JSON, pages, redirects. */
export const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
} as const;

export function send(response: ServerResponse, status: number, headers: OutgoingHttpHeaders, body: string | Buffer = ""): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { ...SECURITY_HEADERS, "content-length": Buffer.byteLength(body), ...headers });
  response.end(body);
}

export function sendJson(response: ServerResponse, status: number, value: unknown, headers: OutgoingHttpHeaders = {}): void {
  send(response, status, { "content-type": "application/json; charset=utf-8", ...headers }, JSON.stringify(value));
}

/** The body and headers of a refusal, in the form of a GraphQL error (`extensions.code`), whatever the route; in a language that is wanted. */
export function refusal(error: RequestError, locale: string | null = null): { body: object; headers: OutgoingHttpHeaders } {
  const extensions: Record<string, unknown> = { code: error.code };
  const headers: OutgoingHttpHeaders = {};
  if (error.retryAfterSeconds !== null) {
    extensions.retryAfterSeconds = error.retryAfterSeconds;
    headers["retry-after"] = String(error.retryAfterSeconds);
  }
  if (error.status === 401) headers["www-authenticate"] = challenge(error);
  return { body: { errors: [spoken({ message: error.message, extensions }, locale)] }, headers };
}

/** RFC 6750 section 3: no error code where no token was sent at all. */
function challenge(error: RequestError): string {
  return error.code === "SESSION_EXPIRED"
    ? 'Bearer realm="moorline", error="invalid_token", error_description="The token has ended"'
    : 'Bearer realm="moorline"';
}

/** A thrown value as a refusal. What nobody expected is logged under an id, and only that id is told. */
export function toRequestError(face: Pick<Face, "services">, error: unknown, where: string): RequestError | UnexpectedError {
  if (error instanceof RequestError) return error;
  const id = randomUUID();
  face.services.log.error({ err: error, errorId: id, where }, "request failed");
  return new UnexpectedError(id);
}

/** A bug or an outage: `id` finds it in the log. */
export class UnexpectedError extends Error {
  readonly id: string;

  constructor(id: string) {
    super(`Something went wrong on our side. Try again; if it stays, give the operator this id: ${id}`);
    this.id = id;
  }
}

export function unexpectedBody(error: UnexpectedError, locale: string | null = null): object {
  return { errors: [spoken({ message: error.message, extensions: { code: "INTERNAL", errorId: error.id } }, locale)] };
}

/** True where the client would rather read a page than JSON: a person's browser. */
export function prefersHtml(request: IncomingMessage): boolean {
  return request.headers.accept?.includes("text/html") ?? false;
}
