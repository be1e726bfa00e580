import type { IncomingMessage } from "node:http";
import { RequestError } from "../lib/errors.ts";

/** How much of a refused body is read and thrown away, so that the client gets to read the answer, before the line is cut. */
const DISCARD_BYTES = 64 * 1024 * 1024;
const DISCARD_MS = 10_000;
/** How long a body may take to arrive. */
const ARRIVAL_MS = 60_000;

/**
 * The whole body, counted while it arrives: past `limit` nothing more is kept and RequestError 413 is thrown.
 * A compressed body is refused (415): what it unpacks to would have to be counted too, and no client of ours sends one.
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const encoding = request.headers["content-encoding"];
  if (encoding && encoding !== "identity") {
    discardBody(request);
    return Promise.reject(
      new RequestError("BAD_REQUEST", "Send the body uncompressed: Content-Encoding is not accepted here.", 415),
    );
  }
  if (Number(request.headers["content-length"]) > limit) {
    discardBody(request);
    return Promise.reject(tooLarge(limit));
  }
  return new Promise((resolve, reject) => {
    const slow = setTimeout(() => {
      discardBody(request);
      reject(new RequestError("BAD_REQUEST", "The request took too long to arrive.", 408));
    }, ARRIVAL_MS);
    slow.unref();
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      request.removeAllListeners("data");
      discardBody(request);
      reject(tooLarge(limit));
    });
    // "close" comes after every "end", too: an error made for nothing costs as much as reading the body.
    const cutOff = () => {
      clearTimeout(slow);
      if (!request.complete) reject(new RequestError("BAD_REQUEST", "The request was cut off.", 400));
    };
    request.on("end", () => {
      clearTimeout(slow);
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    });
    request.on("error", cutOff);
    request.on("close", cutOff);
  });
}

/** Declared to be larger than `limit`: then a client that waits for "100 Continue" need not send it at all. */
export function declaresTooMuch(request: IncomingMessage, limit: number): boolean {
  return Number(request.headers["content-length"]) > limit;
}

export function tooLarge(limit: number): RequestError {
  return new RequestError(
    "BAD_REQUEST",
    `The request body is larger than ${limit.toLocaleString("en")} bytes, the most that is accepted here.`,
    413,
  );
}

/**
 * Lets the rest of a body run into nothing; resolves when it has, or was cut. Cutting the line at once would often destroy the answer
 * before the client has read it.
 */
export function discardBody(request: IncomingMessage): Promise<void> {
  // Somebody who waits for more of it would keep it from flowing.
  request.removeAllListeners("readable");
  let size = 0;
  const timer = setTimeout(() => request.destroy(), DISCARD_MS);
  timer.unref();
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > DISCARD_BYTES) request.destroy();
  });
  request.on("error", () => {});
  request.resume();
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      resolve();
    };
    request.on("close", over);
    request.on("end", over);
  });
}

/** The fields of an `application/x-www-form-urlencoded` body. Throws RequestError 415 for any other content type. */
export async function readForm(request: IncomingMessage, limit: number): Promise<URLSearchParams> {
  const type = mediaType(request.headers["content-type"]);
  if (type !== "application/x-www-form-urlencoded") {
    throw new RequestError("BAD_REQUEST", "This address takes a form (application/x-www-form-urlencoded).", 415);
  }
  return new URLSearchParams((await readBody(request, limit)).toString("utf8"));
}

/** `application/json; charset=utf-8` gives `application/json`. */
export function mediaType(header: string | undefined): string {
  const [type = ""] = (header ?? "").split(";", 1);
  return type.trim().toLowerCase();
}
