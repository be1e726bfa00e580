import type { IncomingMessage } from "node:http";
import { RequestError } from "../lib/errors.ts";
import { declaresTooMuch, tooLarge } from "./body.ts";
import type { ProxyLimits } from "./options.ts";

export interface ProxyBody {
  /** Bytes where all of it is at hand; pieces as they come where it is larger; null: none. */
  body: Uint8Array | AsyncIterable<Uint8Array> | null;
  /** As the caller says; null: it does not. */
  contentLength: number | null;
}

/**
 * The body of a request that is passed on: a small one whole, so that it can be sent again, a larger one as it comes. Whatever content
 * coding it has, it keeps. Rejects, or the pieces throw, RequestError 413 past the limit and 408 where a small one does not arrive.
 */
export async function readProxyBody(request: IncomingMessage, limits: ProxyLimits): Promise<ProxyBody> {
  const { "content-length": length, "transfer-encoding": chunked } = request.headers;
  if (chunked === undefined && !(Number(length) > 0)) return { body: null, contentLength: null };
  if (declaresTooMuch(request, limits.maxRequestBytes)) throw tooLarge(limits.maxRequestBytes);
  const contentLength = length === undefined ? null : Number(length);
  // The iterator must not take the socket down with it: the answer is yet to come over it.
  const pieces = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  if (contentLength !== null && contentLength > limits.bufferedBytes) {
    return { body: counted([], pieces, limits.maxRequestBytes), contentLength };
  }
  const { head, ended } = await within(limits.idleMs, readHead(pieces, limits.bufferedBytes));
  if (ended) return { body: Buffer.concat(head), contentLength: null };
  return { body: counted(head, pieces, limits.maxRequestBytes), contentLength };
}

async function readHead(pieces: AsyncIterator<Buffer>, limit: number): Promise<{ head: Buffer[]; ended: boolean }> {
  const head: Buffer[] = [];
  for (let size = 0; size <= limit; ) {
    const { done, value } = await pieces.next();
    if (done) return { head, ended: true };
    head.push(value);
    size += value.byteLength;
  }
  return { head, ended: false };
}

async function* counted(head: Buffer[], rest: AsyncIterator<Buffer>, limit: number): AsyncGenerator<Uint8Array> {
  let size = head.reduce((sum, piece) => sum + piece.byteLength, 0);
  yield* head.splice(0);
  for (let next = await rest.next(); !next.done; next = await rest.next()) {
    size += next.value.byteLength;
    if (size > limit) throw tooLarge(limit);
    yield next.value;
  }
}

function within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RequestError("BAD_REQUEST", "The request's body did not arrive in time.", 408)), ms);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
