import { createHash } from "node:crypto";
import type { CallVariable } from "../catalogue/templates.ts";
import { InvalidInputError } from "../lib/errors.ts";

/** The call that is about to be made, for whoever signs each one (RFC 5849, RFC 9421). */
export interface SignableCall {
  method: string;
  /** Complete, with its query. */
  url: string;
  /** The parameters of a form body; null: another kind of body, or none. */
  form: URLSearchParams | null;
  /** What else it carries, names in lower case, for a signature that covers some of it (AWS). */
  headers?: Readonly<Record<string, string>>;
  /** STREAMED: it is on its way, and gone when all of it has been seen. Absent or null: none. */
  body?: Uint8Array | "STREAMED" | null;
}

/**
 * What a template can say of a call. The body is looked at where a template names it alone: then it has to be at hand, and one that is too
 * large for that throws InvalidInputError.
 */
export function callVariables(call: SignableCall): Readonly<Record<CallVariable, string>> {
  const target = targetOf(call.url);
  const [path = "/", query = ""] = target.split(/\?(.*)/s);
  return {
    method: call.method,
    host: new URL(call.url).host,
    path,
    target,
    get parameters() {
      const form =
        call.form ?? (isForm(call) && call.body != null ? new URLSearchParams(Buffer.from(atHand(call)).toString()) : []);
      return canonical([...new URLSearchParams(query), ...form]);
    },
    get bodySha256() {
      return createHash("sha256").update(atHand(call)).digest("base64");
    },
  };
}

/** Path and query as they stand in the request line: a URL parser would write some of it anew. */
export function targetOf(url: string): string {
  const { origin, pathname, search } = new URL(url);
  return url.startsWith(origin) ? url.slice(origin.length) || "/" : pathname + search;
}

function isForm({ headers }: SignableCall): boolean {
  return headers?.["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() === "application/x-www-form-urlencoded";
}

function atHand({ body }: SignableCall): Uint8Array {
  if (body !== "STREAMED") return body ?? new Uint8Array();
  throw InvalidInputError.at(
    ["body"],
    "TOO_LONG",
    "This API has every call signed with its body, and this one is too large for that here: at most 1 MiB.",
  );
}

/** By name, then by value, each percent-encoded but for what RFC 3986 section 2.3 leaves as it is. */
function canonical(parameters: readonly [string, string][]): string {
  const pairs = parameters.map(([name, value]) => [encoded(name), encoded(value)] as const);
  const inOrder = pairs.toSorted(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)));
  return inOrder.map((pair) => pair.join("=")).join("&");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
