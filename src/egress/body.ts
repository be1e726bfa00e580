import type { Readable } from "node:stream";
import { pipeline } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";

/** What we ask for: what {@link decoded} undoes. */
export const ACCEPT_ENCODING = "gzip, deflate, br";

const DECODERS: Record<string, () => NodeJS.ReadWriteStream> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/**
 * The body without its content codings (RFC 9110 section 8.4). `undone` is false where one of them is unknown, or there are more
 * than two, which no honest server sends: the body is then as it came.
 */
export function decoded(body: Readable, contentEncoding: string | null): { stream: Readable; undone: boolean } {
  const codings = (contentEncoding ?? "")
    .toLowerCase()
    .split(",")
    .map((coding) => coding.trim());
  const named = codings.filter((coding) => coding !== "" && coding !== "identity");
  if (named.length === 0 || named.length > 2 || !named.every((coding) => Object.hasOwn(DECODERS, coding))) {
    return { stream: body, undone: false };
  }
  let stream = body;
  for (const coding of named.reverse()) {
    const decoder = DECODERS[coding]?.() as unknown as Readable & NodeJS.WritableStream;
    // Errors run down the pipeline to its last stream, where the reader meets them.
    stream = pipeline(stream, decoder, () => {}) as unknown as Readable;
  }
  return { stream, undone: true };
}

export type OutboundBody = { body: string | Uint8Array | Readable | null; contentType: string | null };

/** A fetch body as undici's dispatcher takes it, with the content type that fetch would add. */
export async function outbound(body: RequestInit["body"]): Promise<OutboundBody> {
  if (body === null || body === undefined) return { body: null, contentType: null };
  if (typeof body === "string") return { body, contentType: "text/plain;charset=UTF-8" };
  if (body instanceof URLSearchParams)
    return { body: body.toString(), contentType: "application/x-www-form-urlencoded;charset=UTF-8" };
  if (body instanceof Uint8Array) return { body, contentType: null };
  const wrapped = new Response(body);
  // A stream goes out as it comes; everything else is at hand, and known lengths make better requests.
  if (body instanceof ReadableStream) return { body: wrapped.body as unknown as Readable, contentType: null };
  return { body: new Uint8Array(await wrapped.arrayBuffer()), contentType: wrapped.headers.get("content-type") };
}
