import { z } from "zod";
import { type InputIssue, type InputIssueCode, InvalidInputError } from "../lib/errors.ts";

/** A JSON value may take this much, as UTF-8 text. */
const MAX_JSON_BYTES = 65_536;
const MAX_JSON_DEPTH = 32;

const CONTROL = /\p{Cc}/u;

export type JsonObject = Record<string, unknown>;

/**
 * Checks a mutation's input against `schema`: absent stays undefined, cleared stays null.
 * Throws InvalidInputError with one issue per fault, each path from the input's root.
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input, { error: inWords });
  if (result.success) return result.data;
  throw new InvalidInputError(result.error.issues.map(toIssue));
}

/** For `z.custom` and `refine`: which code of the contract the fault has. */
export function fault(code: InputIssueCode, message: string): { message: string; params: { code: InputIssueCode } } {
  return { message, params: { code } };
}

/** A text of one line for people: no control characters, and none that the database cannot store. */
export function line(label: string, max: number, min = 1) {
  return boundedText(label, min, max).refine(
    (value) => !CONTROL.test(value),
    fault("PATTERN", `${label} must be one line without control characters.`),
  );
}

/** A text of several lines: line breaks and tabs are the only control characters. */
export function paragraph(label: string, max: number) {
  return boundedText(label, 0, max).refine(
    (value) => !CONTROL.test(value.replace(/[\n\r\t]/g, "")),
    fault("PATTERN", `${label} must not contain control characters.`),
  );
}

export const nameField = line("The name", 200).refine(isNotBlank, fault("REQUIRED", "The name must not be blank."));

/** For a text that must not be empty, which is said already. */
export function isNotBlank(value: string): boolean {
  return value === "" || value.trim() !== "";
}

export const descriptionField = paragraph("The description", 2_000);
export const idempotencyKeyField = line("The idempotency key", 255).nullish();
/** However odd it is: what is no id of anything is not found. */
export const idField = z.string();
/** BCP 47, as `Intl` understands it. */
export const localeField = line("The locale", 35).refine(
  isLocale,
  fault("PATTERN", "The locale must be a language tag such as en or pt-BR."),
);

/** An absolute https: URL; http: only where `allowHttp` says so. Stored as given. */
export function webUrl(label: string, allowHttp: (url: URL) => boolean) {
  return line(label, 2_048).refine(
    (value) => isWebUrl(value, allowHttp),
    fault("NOT_ALLOWED", `${label} must be a complete https:// address without user name, password or fragment.`),
  );
}

function isWebUrl(value: string, allowHttp: (url: URL) => boolean): boolean {
  const url = URL.parse(value);
  if (!url || url.username || url.password || url.hash || /[\s\\]/.test(value)) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && (isLoopback(url) || allowHttp(url)));
}

export function isLoopback(url: URL): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
}

/** Accepts any JSON object of at most 64 KiB (or `maxBytes`); a missing prototype and foreign keys are fine. */
export function jsonObject(label: string, maxBytes = MAX_JSON_BYTES) {
  return z
    .custom<JsonObject>((value) => typeof value === "object" && value !== null && !Array.isArray(value), {
      ...fault("WRONG_TYPE", `${label} must be an object.`),
      abort: true,
    })
    .refine(
      (value) => isStorable(value, maxBytes),
      fault(
        "TOO_LONG",
        `${label} is too large or too deep (at most ${maxBytes / 1024} KiB of JSON), or holds text that cannot be stored.`,
      ),
    );
}

/** What a credential's fields may take: a few files of 64 KiB, which base64 makes a third longer. */
export const fieldsField = jsonObject("fields", 262_144);

/** What a JSON column can hold: bounded, and without the two things PostgreSQL's jsonb refuses (U+0000, lone surrogates). */
function isStorable(value: unknown, maxBytes: number): boolean {
  if (!isShallow(value, MAX_JSON_DEPTH)) return false;
  const text = JSON.stringify(value);
  return Buffer.byteLength(text) <= maxBytes && !/\\u0000|\\ud[89a-f][0-9a-f]{2}/i.test(text.replaceAll("\\\\", ""));
}

/** Whether lists and objects are nested no deeper than `depth`. */
export function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((member) => isShallow(member, depth - 1));
}

/** RFC 7396 by top-level key: null removes a key, anything else replaces it. A null patch clears the object. */
export function mergeJson(current: unknown, patch: JsonObject | null | undefined): JsonObject {
  if (patch === null) return {};
  const merged = new Map(Object.entries((current ?? {}) as JsonObject));
  for (const [key, value] of Object.entries(patch ?? {})) {
    if (value === null) merged.delete(key);
    else merged.set(key, value);
  }
  return Object.fromEntries(merged);
}

/** Whether two JSON values say the same, whatever the order of their keys. */
export function sameJson(a: unknown, b: unknown): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/** JSON text with sorted keys; undefined members are left out. */
export function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, member: unknown) =>
      typeof member === "object" && member !== null && !Array.isArray(member)
        ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
        : member,
    ) ?? "null"
  );
}

/**
 * A search text for Prisma's `contains`: LIKE's own characters escaped, at most 200 characters.
 * Null: nothing to search for.
 */
export function searchText(text: string | null | undefined): string | null {
  const clean = (text ?? "")
    .slice(0, 200)
    .toWellFormed()
    .replace(/\p{Cc}/gu, " ")
    .trim();
  return clean === "" ? null : clean.replace(/[\\%_]/g, "\\$&");
}

/** Rows that fit one of these, in a Prisma filter. Of none it is nobody: within `AND`, Prisma leaves an empty `OR` out. */
export function anyOf<Where extends object>(alternatives: Where[]): { OR: Where[] } | { id: { in: string[] } } {
  return alternatives.length > 0 ? { OR: alternatives } : { id: { in: [] } };
}

function boundedText(label: string, min: number, max: number) {
  return z
    .string()
    .min(min, min === 1 ? `${label} must not be empty.` : `${label} must have at least ${min} characters.`)
    .max(max, `${label} must have at most ${max} characters.`)
    .refine(
      (value) => value.isWellFormed() && !value.includes("\0"),
      fault("PATTERN", `${label} holds characters that cannot be stored.`),
    );
}

function isLocale(value: string): boolean {
  try {
    return Intl.getCanonicalLocales(value).length === 1;
  } catch {
    return false;
  }
}

function toIssue(issue: z.core.$ZodIssue): InputIssue {
  const path = issue.path.map(String);
  switch (issue.code) {
    case "unrecognized_keys":
      return {
        path: [...path, ...issue.keys.slice(0, 1)],
        code: "UNKNOWN_FIELD",
        message: `There is no field ${issue.keys.join(", ")} here.`,
      };
    case "too_small":
      return { path, code: smallCode(issue), message: issue.message };
    case "too_big":
      return { path, code: isCounted(issue.origin) ? "TOO_LONG" : "OUT_OF_RANGE", message: issue.message };
    case "invalid_format":
      return { path, code: "PATTERN", message: issue.message };
    case "invalid_value":
      return { path, code: "NOT_ALLOWED", message: issue.message };
    case "custom":
      return { path, code: (issue.params?.code as InputIssueCode | undefined) ?? "NOT_ALLOWED", message: issue.message };
    default:
      return { path, code: issue.input === undefined ? "REQUIRED" : "WRONG_TYPE", message: issue.message };
  }
}

/** For what a schema has no words of its own for: zod's speak of its types. */
function inWords(issue: z.core.$ZodRawIssue): string {
  if (issue.code === "too_big" && isCounted(issue.origin)) {
    const most = String(issue.maximum);
    return issue.origin === "array" ? `There must be at most ${most} here.` : `This must have at most ${most} characters.`;
  }
  if (issue.code === "too_small" && isCounted(issue.origin)) return "This must not be empty.";
  if (issue.code === "too_big") return `This must be at most ${issue.maximum}.`;
  if (issue.code === "too_small") return `This must be at least ${issue.minimum}.`;
  return issue.input === undefined ? "This is missing." : "This is not of the type that is expected here.";
}

function smallCode(issue: z.core.$ZodIssueTooSmall): InputIssueCode {
  if (!isCounted(issue.origin)) return "OUT_OF_RANGE";
  return issue.minimum === 1 ? "REQUIRED" : "TOO_SHORT";
}

function isCounted(origin: string): boolean {
  return origin === "string" || origin === "array";
}
