import type { Readable } from "node:stream";
import { z } from "zod";
import { ACCEPT_ENCODING, decoded } from "../../egress/body.ts";
import { EgressError, type Exchange, type ExchangeLimits } from "../../egress/index.ts";
import { InvalidInputError, ProviderError } from "../../lib/errors.ts";
import { fault, idField, isShallow, jsonObject, parseInput } from "../input.ts";
import type { Context } from "../services.ts";
import { headerOf, type RawHeaders, returnedHeaders } from "./api-headers.ts";
import { sendToApi } from "./send-to-api.ts";

export interface CallApiInput {
  credentialId: string;
  method: string;
  path: string;
  query?: unknown;
  headers?: unknown;
  body?: unknown;
}

/** The public `CallApiPayload`. */
export interface ApiAnswer {
  status: number;
  headers: Record<string, string>;
  body: unknown;
  latencyMs: number;
}

/** Of a body, either way; what is larger is the proxy's. */
const MAX_BYTES = 1024 * 1024;
/** Within what one GraphQL operation may take. */
const LIMITS: ExchangeLimits = { answerMs: 30_000, idleMs: 15_000, totalMs: 60_000, maxBytes: MAX_BYTES };

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

type Scalar = string | number | boolean;
type QueryValue = Scalar | Scalar[] | null;

function isQueryValue(value: unknown): boolean {
  return value === null || [value].flat().every((one) => ["string", "number", "boolean"].includes(typeof one));
}

const schema = z.object({
  credentialId: idField,
  method: z.string().max(20).toUpperCase(),
  path: z.string().max(8_192, "The path must have at most 8,192 characters."),
  query: jsonObject("The query")
    .pipe(
      z.record(
        z.string(),
        z.custom<QueryValue>(isQueryValue, fault("WRONG_TYPE", "Write a text, a number, a boolean, or a list of them.")),
      ),
    )
    .nullish(),
  headers: jsonObject("The headers")
    .superRefine((headers, issues) => {
      for (const [name, value] of Object.entries(headers)) {
        if (TOKEN.test(name) && typeof value === "string" && VALUE.test(value)) continue;
        const message = "Write a header's name and its text, as HTTP takes them.";
        issues.addIssue({ code: "custom", path: [name], ...fault("PATTERN", message) });
      }
    })
    .transform((headers) => headers as Record<string, string>)
    .nullish(),
  body: z.unknown().optional(),
});

/** The proxy's rules and the proxy's way, for a small call whose answer is JSON or text. */
export async function callApi(ctx: Context, raw: CallApiInput): Promise<ApiAnswer> {
  const input = parseInput(schema, raw);
  const headers = Object.entries(input.headers ?? {}).filter(([name]) => name.toLowerCase() !== "accept-encoding");
  const body = outgoingBody(input.body, headers);
  const started = performance.now();
  try {
    const answer = await sendToApi(ctx, {
      credentialId: input.credentialId,
      method: input.method,
      path: input.path.startsWith("/") ? input.path : `/${input.path}`,
      query: encoded(input.query ?? {}),
      headers: [...headers.flat(), "accept-encoding", ACCEPT_ENCODING],
      body,
      contentLength: null,
      limits: LIMITS,
    });
    const read = await readBody(answer);
    return {
      status: answer.status,
      headers: headersOf(answer.headers),
      body: read,
      latencyMs: Math.round(performance.now() - started),
    };
  } catch (error) {
    throw error instanceof EgressError ? unreachable(error) : error;
  }
}

/** A text with a content type of its own goes as it is; everything else as JSON. */
function outgoingBody(body: unknown, headers: [string, string][]): Uint8Array | null {
  if (body === undefined || body === null) return null;
  const type = headers.find(([name]) => name.toLowerCase() === "content-type")?.[1];
  const text = typeof body === "string" && type !== undefined && !isJson(type) ? body : JSON.stringify(body);
  if (type === undefined) headers.push(["content-type", "application/json"]);
  const bytes = Buffer.from(text, "utf8");
  if (bytes.byteLength <= MAX_BYTES) return bytes;
  throw InvalidInputError.at(["body"], "TOO_LONG", "The body is larger than 1 MiB. Send it through the proxy.");
}

function encoded(query: Record<string, QueryValue>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((one) => [name, one]),
  );
  return pairs.map((pair) => pair.map((part) => encodeURIComponent(String(part).toWellFormed())).join("=")).join("&");
}

/** Null: there is none. */
async function readBody({ headers, body }: Exchange): Promise<unknown> {
  const bytes = await readDecoded(body, headerOf(headers, "content-encoding"));
  if (bytes.byteLength === 0) return null;
  const type = headerOf(headers, "content-type") ?? "";
  const text = textOf(bytes, type);
  if (text === null) throw unreadable(body, "it is neither JSON nor text");
  return isJson(type) ? jsonOr(text) : text;
}

async function readDecoded(body: Readable, coding: string | null): Promise<Buffer> {
  const { stream, undone } = decoded(body, coding);
  if (coding && !undone) throw unreadable(body, "its content coding is not known here");
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of stream as AsyncIterable<Uint8Array>) {
      size += piece.byteLength;
      if (size > MAX_BYTES) throw unreadable(body, "it is larger than 1 MiB");
      pieces.push(piece);
    }
  } catch (error) {
    throw error instanceof EgressError || error instanceof ProviderError
      ? error
      : unreadable(body, "its content coding is broken");
  }
  return Buffer.concat(pieces);
}

/** Null where it is no text in the coding that it says. */
function textOf(bytes: Uint8Array, type: string): string | null {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(type)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** What is nested deeper goes on as text: writing it into our answer would take more stack than there is. */
const MAX_DEPTH = 500;

function jsonOr(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isShallow(value, MAX_DEPTH) ? value : text;
  } catch {
    return text;
  }
}

function isJson(type: string): boolean {
  return /^[^;]*[/+]json\s*(;|$)/i.test(type);
}

/** By name in lower case, several of a name joined (RFC 9110 section 5.3); length and coding were those of the wire. */
function headersOf(raw: RawHeaders): Record<string, string> {
  const headers = new Map<string, string>();
  const kept = returnedHeaders(raw);
  for (let at = 0; at < kept.length; at += 2) {
    const name = (kept[at] ?? "").toLowerCase();
    if (name === "content-length" || name === "content-encoding") continue;
    const before = headers.get(name);
    headers.set(name, before === undefined ? (kept[at + 1] ?? "") : `${before}, ${kept[at + 1]}`);
  }
  return Object.fromEntries(headers);
}

function unreadable(body: Readable, why: string): ProviderError {
  body.destroy();
  return new ProviderError(`The answer of the API can't be shown here: ${why}. Use the proxy.`, { retryable: false });
}

function unreachable({ code, message }: EgressError): ProviderError {
  const isPassing = ["TIMEOUT", "CONNECTION_REFUSED", "CONNECTION_LOST"].includes(code);
  return new ProviderError(message, { retryable: isPassing });
}
