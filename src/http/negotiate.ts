import type { IncomingMessage } from "node:http";

/** What a GraphQL answer can be sent as (GraphQL over HTTP, section 5.2.2), and an event stream. */
export type ResponseType = "application/json" | "application/graphql-response+json" | "text/event-stream";

const OFFERED: readonly ResponseType[] = ["application/json", "application/graphql-response+json", "text/event-stream"];
const REMEMBERED = 200;
const remembered = new Map<string, ResponseType | null>();

/**
 * The client's favourite among what we offer; without an `Accept`, or with a wildcard, `application/json`, as the specification
 * wants it of servers that know older clients. Null: none of them will do (406).
 */
export function negotiate(request: IncomingMessage): ResponseType | null {
  const accept = request.headers.accept;
  if (accept === undefined || accept === "*/*" || accept === "application/json") return "application/json";
  const known = remembered.get(accept);
  if (known !== undefined) return known;
  const chosen = choose(accept);
  if (remembered.size >= REMEMBERED) remembered.clear();
  remembered.set(accept, chosen);
  return chosen;
}

function choose(accept: string): ResponseType | null {
  let best: { type: ResponseType; quality: number } | null = null;
  for (const range of accept.split(",")) {
    const [name = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const charset = parameters.find((parameter) => parameter.startsWith("charset="));
    if (charset && !/^charset="?utf-?8"?$/.test(charset)) continue;
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    const quality = weight ? Number(weight.slice(2)) : 1;
    const type = name === "*/*" || name === "application/*" ? "application/json" : OFFERED.find((offered) => offered === name);
    if (type && quality > (best?.quality ?? 0)) best = { type, quality };
  }
  return best?.type ?? null;
}
