import type { InputIssueCode } from "../lib/errors.ts";
import type { ApiKeyLocation, FieldDefinition, SchemeDefinition } from "./types.ts";

/** The members of `input ConnectorSchemeInput` that need no provider; null is as good as absent. */
export interface StaticSchemeInput {
  apiKey?: { location: ApiKeyLocation; name: string; prefix?: string | null } | null;
  bearerToken?: { headerName?: string | null; prefix?: string | null } | null;
  basic?: { usernameLabel?: string | null; passwordLabel?: string | null } | null;
  none?: { note?: string | null } | null;
}

/** Notes one thing that is wrong with an input. */
export type Fault = (path: string[], code: InputIssueCode, message: string) => void;

/** RFC 9110 section 5.6.2 and RFC 6265 section 4.1.1: the names of headers and of cookies. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;
const QUERY_NAME = /^[\x21-\x7e]{1,100}$/;
const PREFIX = /^[\x20-\x7e]{0,100}$/;

/** Headers that say how a call is made and not by whom: with a secret in one of them the call would break, or become another. */
const FRAMING_HEADERS = new Set([
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "cookie",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** A project's own scheme of what users type. Null where the input names none. Tells `fault` of everything that is wrong. */
export function staticScheme(input: StaticSchemeInput, fault: Fault): SchemeDefinition | null {
  if (input.apiKey) return apiKeyScheme(input.apiKey, fault);
  if (input.bearerToken) return bearerScheme(input.bearerToken, fault);
  if (input.basic) return basicScheme(input.basic, fault);
  return input.none ? noneScheme(input.none, fault) : null;
}

function apiKeyScheme({ location, name, prefix }: NonNullable<StaticSchemeInput["apiKey"]>, fault: Fault): SchemeDefinition {
  const path = ["scheme", "apiKey", "name"];
  if (location === "HEADER") checkHeader(name, path, fault);
  if (location === "COOKIE" && !TOKEN.test(name))
    fault(path, "PATTERN", "A cookie's name is one word of letters, digits and - _ . (RFC 6265 section 4.1.1).");
  if (location === "QUERY" && !QUERY_NAME.test(name))
    fault(path, "PATTERN", "A query parameter's name is one word of at most 100 ASCII characters.");
  checkPrefix(prefix, ["scheme", "apiKey", "prefix"], fault);
  return { type: "API_KEY", key: "api-key", name: "API key", location, parameterName: name, ...(prefix && { prefix }) };
}

function bearerScheme({ headerName, prefix }: NonNullable<StaticSchemeInput["bearerToken"]>, fault: Fault): SchemeDefinition {
  if (headerName != null) checkHeader(headerName, ["scheme", "bearerToken", "headerName"], fault);
  checkPrefix(prefix, ["scheme", "bearerToken", "prefix"], fault);
  return {
    type: "BEARER_TOKEN",
    key: "bearer-token",
    name: "Bearer token",
    ...(headerName != null && { headerName }),
    // An empty one is a choice: the token alone.
    ...(prefix != null && { prefix }),
  };
}

function basicScheme({ usernameLabel, passwordLabel }: NonNullable<StaticSchemeInput["basic"]>, fault: Fault): SchemeDefinition {
  const at = (key: string) => ["scheme", "basic", key];
  checkLabel(usernameLabel, at("usernameLabel"), fault);
  checkLabel(passwordLabel, at("passwordLabel"), fault);
  const reworded = (name: string, label: string | null | undefined): FieldDefinition[] =>
    label ? [{ name, label, type: "STRING", for: "credential" }] : [];
  const fields = [...reworded("username", usernameLabel), ...reworded("password", passwordLabel)];
  return { type: "BASIC", key: "basic", name: "User name and password", ...(fields.length > 0 && { fields }) };
}

function noneScheme({ note }: NonNullable<StaticSchemeInput["none"]>, fault: Fault): SchemeDefinition {
  if (note && (note.length > 2_000 || !note.isWellFormed() || note.includes("\0")))
    fault(["scheme", "none", "note"], "TOO_LONG", "The note is a text of at most 2,000 characters.");
  return { type: "NONE", key: "none", name: "No authentication", ...(note && { description: note }) };
}

function checkHeader(name: string, path: string[], fault: Fault): void {
  if (!TOKEN.test(name))
    fault(path, "PATTERN", "A header's name is one word of letters, digits and hyphens (RFC 9110 section 5.6.2).");
  else if (FRAMING_HEADERS.has(name.toLowerCase()))
    fault(path, "NOT_ALLOWED", `The header “${name}” belongs to the call itself and cannot carry a secret.`);
}

function checkPrefix(prefix: string | null | undefined, path: string[], fault: Fault): void {
  if (prefix && !PREFIX.test(prefix))
    fault(path, "PATTERN", "A prefix is at most 100 ASCII characters on one line, its space included.");
}

function checkLabel(label: string | null | undefined, path: string[], fault: Fault): void {
  if (label == null) return;
  if (label.trim() === "") fault(path, "REQUIRED", "The label must not be blank. Leave it out for the usual one.");
  if (label.length > 100) fault(path, "TOO_LONG", "A label has at most 100 characters.");
  if (/\p{Cc}/u.test(label) || !label.isWellFormed()) fault(path, "PATTERN", "A label is one line without control characters.");
}
