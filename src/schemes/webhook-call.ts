import { isUtf8 } from "node:buffer";
import { textAt } from "../catalogue/paths.ts";
import type { WebhookQuestionValue } from "../catalogue/types.ts";

/** A webhook as it came. */
export interface SignedCall {
  method: string;
  /** As the provider knows it, with its query string. */
  url: string;
  /** Of several headers with one name the first counts. */
  header(name: string): string | null;
  body: Buffer;
}

/** Undefined where the body is no JSON. */
export function jsonOf({ body }: SignedCall): unknown {
  if (!isUtf8(body)) return undefined;
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Null where it is not there. */
export function valueIn(call: SignedCall, value: WebhookQuestionValue): string | null {
  if ("header" in value) return call.header(value.header);
  return "query" in value ? new URL(call.url).searchParams.get(value.query) : textAt(jsonOf(call), [value.path]);
}
