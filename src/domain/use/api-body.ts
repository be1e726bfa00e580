import { InvalidInputError } from "../../lib/errors.ts";
import { headerOf, type RawHeaders } from "./api-headers.ts";

/** What of a call its body is about. */
export interface CallBody {
  method: string;
  headers: RawHeaders;
  body: Uint8Array | AsyncIterable<Uint8Array> | null;
  contentLength: number | null;
}

/** They have no body that means anything (RFC 9110 section 9.3). */
const BODILESS = new Set(["GET", "HEAD", "OPTIONS", "DELETE"]);

/**
 * The call with the members that its scheme adds to the JSON object in its body, over the caller's own of these names; a call without a
 * body gets one. Throws InvalidInputError where the body is another kind of thing.
 */
export function withMembers<Call extends CallBody>(call: Call, members: Readonly<Record<string, unknown>> | undefined): Call {
  if (!members || (call.body === null && BODILESS.has(call.method))) return call;
  const body = Buffer.from(JSON.stringify({ ...objectIn(call), ...members }), "utf8");
  const headers = headerOf(call.headers, "content-type") ? call.headers : [...call.headers, "content-type", "application/json"];
  return { ...call, headers, body, contentLength: null };
}

/** The call with its body, itself a piece of XML, put between the two halves of the document that its scheme makes of it. */
export function inEnvelope<Call extends CallBody>(call: Call, envelope: readonly [string, string] | undefined): Call {
  if (!envelope || call.body === null) return call;
  const [before, after] = envelope.map((text) => Buffer.from(text, "utf8")) as [Buffer, Buffer];
  const { body, contentLength } = call;
  const headers = call.headers.filter((_, at) => call.headers[at - (at % 2)]?.toLowerCase() !== "content-type");
  return {
    ...call,
    headers: [...headers, "content-type", "application/xml"],
    body: body instanceof Uint8Array ? Buffer.concat([before, body, after]) : joined(before, body, after),
    contentLength: contentLength === null ? null : before.byteLength + contentLength + after.byteLength,
  };
}

async function* joined(before: Uint8Array, body: AsyncIterable<Uint8Array>, after: Uint8Array): AsyncIterable<Uint8Array> {
  yield before;
  yield* body;
  yield after;
}

function objectIn({ body, headers }: CallBody): object {
  if (body === null) return {};
  const type = headerOf(headers, "content-type") ?? "application/json";
  if (!(body instanceof Uint8Array) || !/^[^;]*[/+]json\s*(;|$)/i.test(type)) throw refused();
  const parsed = parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8"));
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw refused();
  return parsed;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refused(): InvalidInputError {
  const message = "This API takes its key as a member of the body: send a JSON object of at most 1 MiB, as application/json.";
  return InvalidInputError.at(["body"], "WRONG_TYPE", message);
}
