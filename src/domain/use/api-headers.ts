/** Names and values in turn, as they stand on the wire. */
export type RawHeaders = readonly string[];

/** What belongs to one connection only, beside what its own `Connection` header names (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Who the caller is to us is none of the API's business; the last three are said anew for the call that we make. */
const NOT_SENT_ON = new Set([
  ...HOP_BY_HOP,
  ...["authorization", "cookie", "forwarded", "origin", "referer"],
  ...["host", "content-length", "expect"],
]);

/** What would act on our host, which all proxied APIs share with each other and with our own pages; the first one is said anew. */
const NOT_PASSED_BACK = new Set([
  ...HOP_BY_HOP,
  ...[
    "x-content-type-options",
    "set-cookie",
    "clear-site-data",
    "service-worker-allowed",
    "strict-transport-security",
    "alt-svc",
    "nel",
    "report-to",
  ],
]);

/**
 * What a call carries: the caller's headers, over them those of the scheme. `defaults` are the connector's own, which a caller may say
 * otherwise (the version of an API, say), so long as the scheme has not put a value of its own in their place.
 */
export function outgoingHeaders(
  given: RawHeaders,
  applied: Readonly<Record<string, string>>,
  defaults: Readonly<Record<string, string>> = {},
): string[] {
  const dropped = new Set(connectionNames(given));
  const kept = filtered(
    given,
    (name) => !NOT_SENT_ON.has(name) && !dropped.has(name) && !name.startsWith("moorline-") && !name.startsWith("x-forwarded-"),
  );
  const named = namesOf(kept);
  const literal = new Map(Object.entries(defaults).map(([name, value]) => [name.toLowerCase(), value]));
  const own = Object.entries(applied).filter(([name, value]) => !(named.has(name) && literal.get(name) === value));
  const ownNames = new Set(own.map(([name]) => name));
  const headers = [...filtered(kept, (name) => !ownNames.has(name)), ...own.flat()];
  if (!named.has("user-agent") && !ownNames.has("user-agent")) headers.push("user-agent", "Moorline");
  return headers;
}

/** What of an answer's headers reaches the caller. */
export function returnedHeaders(given: RawHeaders): string[] {
  const dropped = new Set(connectionNames(given));
  return filtered(
    given,
    (name) =>
      !NOT_PASSED_BACK.has(name) && !dropped.has(name) && !name.startsWith("moorline-") && !name.startsWith("access-control-"),
  );
}

/** The first value under a name in lower case. */
export function headerOf(headers: RawHeaders, name: string): string | null {
  for (let at = 0; at < headers.length; at += 2) if (headers[at]?.toLowerCase() === name) return headers[at + 1] ?? null;
  return null;
}

function connectionNames(headers: RawHeaders): string[] {
  const names: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() !== "connection") continue;
    names.push(...(headers[at + 1] ?? "").split(",").map((name) => name.trim().toLowerCase()));
  }
  return names;
}

function namesOf(headers: RawHeaders): Set<string> {
  return new Set(headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
}

function filtered(headers: RawHeaders, keep: (name: string) => boolean): string[] {
  const kept: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? "";
    if (keep(name.toLowerCase())) kept.push(name, headers[at + 1] ?? "");
  }
  return kept;
}
