import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { recordDenial } from "../domain/audit.ts";
import { authenticate } from "../domain/authenticate.ts";
import type { Context } from "../domain/services.ts";
import { returnedHeaders } from "../domain/use/api-headers.ts";
import { assertMayCall, sendToApi } from "../domain/use/send-to-api.ts";
import { EgressError, type Exchange } from "../egress/index.ts";
import { ForbiddenError, InvalidInputError, NotFoundError, ProviderError, RequestError, UserError } from "../lib/errors.ts";
import { discardBody } from "./body.ts";
import type { Face } from "./options.ts";
import { readProxyBody } from "./proxy-body.ts";
import { refusal, SECURITY_HEADERS, toRequestError, UnexpectedError } from "./respond.ts";
import type { Hit, Route } from "./router.ts";

/**
 * The proxy: `/proxy/<path of the connector's API>` with `Moorline-Credential: cred_…`, for API keys alone. No cookie counts here and no
 * page of another origin gets in: there is no CORS, so a preflight, which carries no key, is answered like every other call without one.
 * Every answer that is ours and not the API's says so in `Moorline-Error`.
 */
export function proxyRoutes(face: Face): Route[] {
  return [{ path: "/proxy/*", ANY: (hit) => proxy(face, hit) }];
}

export function isProxied(target: string): boolean {
  return target.startsWith("/proxy/");
}

async function proxy(face: Face, { request, response, parameters }: Hit): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  let ctx: Context | null = null;
  try {
    const ip = face.clientIp(request);
    const caller = await authenticate(face.services, { authorization: request.headers.authorization ?? null, ip, locale: null });
    ctx = { services: face.services, caller };
    assertMayCall(ctx);
    const credentialId = credentialOf(request);
    const answer = await sendToApi(ctx, {
      credentialId,
      method: request.method ?? "GET",
      path: parameters["*"] ?? "/",
      query: request.url?.split("?").slice(1).join("?") ?? "",
      headers: request.rawHeaders,
      ...(await readProxyBody(request, face.limits.proxy)),
      limits: face.limits.proxy,
      signal: gone.signal,
    });
    await passBack(request, response, answer);
  } catch (error) {
    if (error instanceof ForbiddenError && ctx) await recordDenial(ctx, "proxy");
    if (!response.destroyed) await sendRefusal(face, request, response, error);
  }
}

/** The answer is on its way; its end may be the connection's, which would cut off a caller who still sends before the answer is read. */
async function endAfter(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!request.complete && !request.destroyed) await discardBody(request);
  response.end();
}

function credentialOf(request: IncomingMessage): string {
  const id = request.headers["moorline-credential"];
  if (typeof id === "string" && id !== "") return id;
  throw new RequestError("BAD_REQUEST", "Say which credential to use: send “Moorline-Credential: cred_…”.", 400);
}

/** A document of the API's, opened on our host, gets an origin of its own without scripts; and no cache may mix up whose answer it was. */
const ADDED = [
  ...["content-security-policy", "sandbox; default-src 'none'; frame-ancestors 'none'"],
  ...["x-content-type-options", "nosniff"],
  ...["vary", "Authorization, Moorline-Credential"],
];

async function passBack(request: IncomingMessage, response: ServerResponse, { status, headers, body }: Exchange): Promise<void> {
  response.writeHead(status, [...returnedHeaders(headers), ...ADDED]);
  try {
    await pipeline(body, response, { end: false });
    await endAfter(request, response);
  } catch {
    // What breaks off there breaks off here: an end would say that it was all.
    response.destroy();
  }
}

async function sendRefusal(face: Face, request: IncomingMessage, response: ServerResponse, error: unknown): Promise<void> {
  const { status, code, message, headers } = describe(face, error);
  const body = JSON.stringify({ error: { code, message } });
  const own = {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body),
    "moorline-error": code,
  };
  response.writeHead(status, { ...SECURITY_HEADERS, ...headers, ...own });
  response.write(body);
  await endAfter(request, response);
}

interface Refusal {
  status: number;
  code: string;
  message: string;
  headers?: OutgoingHttpHeaders;
}

function describe(face: Face, error: unknown): Refusal {
  if (error instanceof EgressError)
    return { status: error.code === "TIMEOUT" ? 504 : 502, code: error.code, message: error.message };
  if (error instanceof ProviderError) {
    const { retryAfterSeconds } = error.details;
    const headers = retryAfterSeconds == null ? {} : { "retry-after": String(retryAfterSeconds) };
    return { status: error.code === "RATE_LIMITED" ? 429 : 502, code: error.code, message: error.message, headers };
  }
  if (error instanceof UserError) return { status: statusOf(error), code: error.code, message: error.message };
  const known = toRequestError(face, error, "proxy");
  if (known instanceof UnexpectedError) return { status: 500, code: "INTERNAL", message: known.message };
  return { status: known.status, code: known.code, message: known.message, headers: refusal(known).headers };
}

/** Of those that are about a state of ours: 409. */
function statusOf(error: UserError): number {
  if (error instanceof InvalidInputError) return 400;
  if (error instanceof NotFoundError) return 404;
  return error instanceof ForbiddenError ? 403 : 409;
}
