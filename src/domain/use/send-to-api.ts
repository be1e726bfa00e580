import { setTimeout as delay } from "node:timers/promises";
import type { Exchange, ExchangeLimits } from "../../egress/index.ts";
import { ConflictError, InvalidInputError, NotFoundError, ProviderError } from "../../lib/errors.ts";
import { Failure } from "../../lib/failure.ts";
import { decodeId } from "../../lib/ids.ts";
import { count, observe, statusClass } from "../../lib/metrics.ts";
import { type AppliedCredential, clientTls, type OutboundRequest } from "../../schemes/index.ts";
import { assertApiKey, assertMay, assertMethodWithin } from "../caller.ts";
import { clientOfGrant } from "../oauth-client.ts";
import type { Context } from "../services.ts";
import { type ApiAddress, assertTarget, withParameters } from "./api-address.ts";
import { inEnvelope, withMembers } from "./api-body.ts";
import { headerOf, outgoingHeaders, type RawHeaders } from "./api-headers.ts";
import { pinnedAddress } from "./pinned-address.ts";
import { openRead, type ReadRequest, type RecordedRead, readFresh, recordFailure } from "./read-recorded.ts";
import { confirmRefused } from "./test-credential.ts";
import { assembled, type Usable, useCredential } from "./use-credential.ts";

/** One call to a connector's API, as the caller wrote it. */
export interface ApiCall {
  /** `cred_…` */
  credentialId: string;
  method: string;
  /** Relative to the connector's API; begins with a slash, percent-encoded. */
  path: string;
  /** Without its question mark; empty: none. */
  query: string;
  headers: RawHeaders;
  /** Bytes at hand can be sent once more; what comes in pieces is gone when it is sent. */
  body: Uint8Array | AsyncIterable<Uint8Array> | null;
  contentLength: number | null;
  limits: ExchangeLimits;
  signal?: AbortSignal;
}

/** A credential opened for one call, and where that goes. */
interface Opened {
  usable: Usable;
  address: ApiAddress;
}

/** CONNECT and TRACE are about the connection and not about the API (RFC 9110 sections 9.3.6 and 9.3.8). */
const METHOD = /^(?!CONNECT$|TRACE$)[A-Z][A-Z-]{0,19}$/;
/** Once more does no harm (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
/** A token that holds for less is refreshed first. */
const MIN_TTL_SECONDS = 60;
/** How long a 429 is waited for here, and how often; beyond that the caller hears of it. */
const MAX_WAIT_MS = 10_000;
const MAX_WAITS = 2;

/**
 * Sends a call with the credential applied, and gives the API's answer, whatever it says. For API keys with CREDENTIAL_USE, within what
 * they are narrowed to; on record before the secret leaves. The secret goes to the origin that it was given for, and nowhere else.
 * Throws InvalidInputError, NotFoundError, ForbiddenError, ConflictError, CredentialNotUsableError, ProviderError or EgressError.
 */
export async function sendToApi(ctx: Context, call: ApiCall): Promise<Exchange> {
  assertMayCall(ctx);
  const started = performance.now();
  let status = "none";
  try {
    const answer = await answerOf(ctx, call, started + call.limits.totalMs);
    status = statusClass(answer.status);
    return answer;
  } finally {
    count("proxy_calls", { status });
    observe("proxy_call", { status }, (performance.now() - started) / 1000);
  }
}

/** What can be told before a body is read. Throws ForbiddenError. */
export function assertMayCall(ctx: Context): void {
  assertApiKey(ctx);
  assertMay(ctx, "CREDENTIAL_USE");
}

async function answerOf(ctx: Context, call: ApiCall, until: number): Promise<Exchange> {
  let opened = await open(ctx, call);
  let answer = await send(ctx, call, opened, until);
  if (answer.status === 401) {
    const renewed = await renewAfter(ctx, call, answer, opened);
    if (renewed && isRepeatable(call)) {
      opened = renewed;
      answer = await sendAgain(ctx, call, opened, until, answer, "refresh");
    }
  }
  for (let waits = 0; waits < MAX_WAITS; waits += 1) {
    const waitMs = waitOf(call, answer);
    if (waitMs === null || performance.now() + waitMs >= until) break;
    await delay(waitMs, null, { signal: call.signal });
    answer = await sendAgain(ctx, call, opened, until, answer, "rate_limit");
  }
  return answer;
}

async function open(ctx: Context, call: ApiCall): Promise<Opened> {
  const { method } = call;
  if (!METHOD.test(method)) throw InvalidInputError.at(["method"], "NOT_ALLOWED", "The method must be one such as GET or POST.");
  assertMethodWithin(ctx, method);
  assertTarget(call.path, call.query);
  const id = decodeId("Credential", call.credentialId);
  if (!id) throw new NotFoundError("There is no such credential. Check the id.");
  // Neither path nor query goes into the audit log: they may hold anything.
  const request: ReadRequest = { purpose: "use", id, minTtlSeconds: MIN_TTL_SECONDS, details: { method } };
  const read = await readFresh(ctx, request);
  try {
    const usable = await usableOf(ctx, read);
    return { usable, address: await pinnedAddress(ctx.services, usable, call) };
  } catch (error) {
    // It is on record as used, and was not: that is on record too.
    await recordFailure(ctx, request);
    throw error;
  }
}

async function usableOf(ctx: Context, read: RecordedRead): Promise<Usable> {
  const { generation, clientId, apiOrigin, authConfig } = read;
  const opened = openRead(ctx, read);
  // Of all schemes one signs with the client's secret (RFC 5849 section 3.4.2).
  const client = opened.scheme.type === "OAUTH1" && clientId ? await clientOfGrant(ctx.services, authConfig, clientId) : null;
  const credential = { ...read.credential, authConfig };
  const pinned = generation === null ? undefined : apiOrigin;
  return assembled({ ...opened, credential, generation, clientId, apiOrigin: pinned }, client?.clientSecret ?? null);
}

/** With the time that is left of the whole. */
async function send({ services }: Context, call: ApiCall, { usable, address }: Opened, until: number): Promise<Exchange> {
  const { method, limits, signal } = call;
  const request = { method, url: address.origin + address.target, form: formOf(call, usable), ...signable(call) };
  const applied = appliedTo(usable, request);
  const { headers, body, contentLength } = inEnvelope(withMembers(call, applied.body), applied.envelope);
  const [path = "/", query = ""] = split(address.target);
  const target = withParameters(query, applied.query);
  return services.egress.exchange({
    origin: address.origin,
    method,
    path: target === "" ? path : `${path}?${target}`,
    headers: outgoingHeaders(headers, applied.headers, usable.api?.headers),
    body,
    contentLength,
    limits: { ...limits, totalMs: Math.max(1, until - performance.now()) },
    signal,
    tls: clientTls(usable),
  });
}

/** What is missing, or is no key to sign with, the caller hears of. Throws ConflictError. */
function appliedTo(usable: Usable, request: OutboundRequest): AppliedCredential {
  try {
    return usable.apply(request);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new ConflictError("CONFLICT", `This credential can't be used for a call: ${error.details.message}`);
  }
}

/** In place of an answer that nobody is to see. */
function sendAgain(
  ctx: Context,
  call: ApiCall,
  opened: Opened,
  until: number,
  answer: Exchange,
  reason: string,
): Promise<Exchange> {
  answer.body.destroy();
  count("proxy_repeats", { reason });
  return send(ctx, call, opened, until);
}

/**
 * The API does not take the secret: a new token, where there can be one. Null: there is none, and the API's own answer says most. Throws
 * where the provider has just said that the credential is at its end.
 */
async function renewAfter({ services }: Context, call: ApiCall, answer: Exchange, { usable }: Opened): Promise<Opened | null> {
  if (usable.generation === null || !usable.credential.canRefresh) {
    // Beside the answer, not before it: whether the credential is at its end is for whoever looks next.
    confirmRefused(services, usable).catch((error: unknown) =>
      services.log.warn({ err: error }, "a refused credential was not tested"),
    );
    return null;
  }
  try {
    const { generation } = usable;
    const renewed = await useCredential(services, usable.credential, { force: generation === null || { generation } });
    return { usable: renewed, address: await pinnedAddress(services, renewed, call) };
  } catch (error) {
    if (error instanceof ProviderError) return null;
    answer.body.destroy();
    throw error;
  }
}

function isRepeatable({ body }: ApiCall): boolean {
  return body === null || body instanceof Uint8Array;
}

/** How long a 429 asks to wait, where the call may be sent once more; null: the answer is the caller's. */
function waitOf(call: ApiCall, answer: Exchange): number | null {
  if (answer.status !== 429 || !IDEMPOTENT.has(call.method) || !isRepeatable(call)) return null;
  const after = headerOf(answer.headers, "retry-after")?.trim() ?? "";
  // A date is held against the API's own clock, which wrote it (RFC 9110 section 10.2.3).
  const ms = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.parse(headerOf(answer.headers, "date") ?? "");
  return ms >= 0 && ms <= MAX_WAIT_MS ? ms : null;
}

/** What a signature may cover beside the address. */
function signable({ headers, body }: ApiCall): Pick<OutboundRequest, "headers" | "body"> {
  const names = headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const given = names.map((name, index) => [name, headers[index * 2 + 1] ?? ""] as const);
  return { headers: Object.fromEntries(given), body: body === null || body instanceof Uint8Array ? body : "STREAMED" };
}

/** What a signature covers of a body (RFC 5849 section 3.4.1.3.1); null: another kind of body, or none. */
function formOf({ headers, body }: ApiCall, { scheme }: Usable): URLSearchParams | null {
  const type = headerOf(headers, "content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded" || body === null) return null;
  if (!(body instanceof Uint8Array)) {
    if (scheme.type !== "OAUTH1" && scheme.type !== "OAUTH1_TOKENS") return null;
    throw InvalidInputError.at(
      ["body"],
      "TOO_LONG",
      "A form is signed as a whole, and is too large for that here: at most 1 MiB.",
    );
  }
  return new URLSearchParams(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8"));
}

function split(target: string): [path: string, query: string] {
  const mark = target.indexOf("?");
  return mark < 0 ? [target, ""] : [target.slice(0, mark), target.slice(mark + 1)];
}
