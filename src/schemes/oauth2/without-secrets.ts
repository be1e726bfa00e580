/**
 * Some providers quote what they were sent in the text of an error. That text is stored and shown, so whatever of the request may be
 * secret is taken out of it first.
 */
import { REDACTED } from "../../lib/secret.ts";

/** What anyone may read of a token request (RFC 6749, 7523, 8628). Everything else may be a secret, whatever its name. */
const PUBLIC = new Set([
  "assertion_type",
  "audience",
  "client_assertion_type",
  "client_id",
  "grant_type",
  "redirect_uri",
  "resource",
  "response_type",
  "scope",
  "token_type_hint",
]);

/** Shorter ones would take ordinary words out. */
const MIN_LENGTH = 6;
/** So long a piece of a secret is as good as quoted. */
const PIECE = /[\w.~+/%=-]{12,}/g;

/** Every value of a request that is nobody else's to read; tokens in the answer are added by whoever has it. */
export function secretsOf({ headers, body, url }: Pick<RequestInit, "headers" | "body"> & { url?: string }): string[] {
  const inUrl = url === undefined ? {} : Object.fromEntries(new URL(url).searchParams);
  const given = Object.entries({ ...inUrl, ...parametersOf(String(body ?? "")) }).filter(([name]) => !PUBLIC.has(name));
  const values = given.map(([, value]) => (typeof value === "string" ? value : JSON.stringify(value)));
  return [...values, ...inAuthorization(new Headers(headers).get("authorization") ?? "")];
}

function parametersOf(body: string): Record<string, unknown> {
  if (!body.startsWith("{")) return Object.fromEntries(new URLSearchParams(body));
  return JSON.parse(body) as Record<string, unknown>;
}

/** Basic (RFC 6749 section 2.3.1), OAuth 1.0a's parameters (RFC 5849 section 3.5.1), or one token. The client's id is no secret. */
function inAuthorization(header: string): string[] {
  const [, scheme = "", value = ""] = /^(\S+)\s+(.+)$/.exec(header) ?? [];
  if (scheme.toLowerCase() === "basic") {
    const pair = Buffer.from(value, "base64").toString("utf8");
    const password = pair.slice(pair.indexOf(":") + 1);
    return [value, password, decoded(password)];
  }
  const quoted = [...value.matchAll(/(\w+)="([^"]*)"/g)].filter(
    ([, name]) => !/_(consumer_key|method|version|callback)$/.test(name!),
  );
  const parts = quoted.flatMap(([, , part]) => [part!, decoded(part!), ...decoded(part!).split("&").map(decoded)]);
  return scheme === "OAuth" ? parts : [value];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

/** The text with every secret, and every longer piece of one, taken out. */
export function withoutSecrets(text: string | null, secrets: readonly (string | null | undefined)[]): string | null {
  if (text === null) return null;
  const known = secrets.filter((secret) => secret !== null && secret !== undefined && secret.length >= MIN_LENGTH) as string[];
  const longestFirst = known
    .flatMap((secret) => [secret, encodeURIComponent(secret.toWellFormed())])
    .toSorted((a, b) => b.length - a.length);
  const whole = longestFirst.reduce((left, secret) => left.replaceAll(secret, REDACTED), text);
  return whole.replace(PIECE, (piece) => (longestFirst.some((secret) => secret.includes(piece)) ? REDACTED : piece));
}
