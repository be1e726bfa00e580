import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { type InputIssue, type InputIssueCode, InvalidInputError } from "../lib/errors.ts";
import { fieldsToJsonSchema } from "./field-schema.ts";
import { fieldsOf } from "./scheme-fields.ts";
import type { FieldDefinition, SchemeDefinition } from "./types.ts";

/** A scheme's fields for one place: the project's AuthConfig, or each end user. */
export function fieldsFor(scheme: SchemeDefinition, place: FieldDefinition["for"]): FieldDefinition[] {
  return fieldsOf(scheme)
    .filter((field) => field.for === place)
    .map(({ group, ...field }) => (group === undefined ? field : { ...field, group: GROUP_HEADINGS[group] ?? group }));
}

/** What stands above the fields of a group; the data names groups by their keys. */
const GROUP_HEADINGS: Readonly<Record<string, string>> = {
  auth: "How to sign in",
  connection: "Where it is",
  tls: "Encryption (TLS)",
  search: "Search",
  advanced: "More settings",
};

/** The fields whose values must be known before the browser is sent to the provider. */
export function fieldsBeforeRedirect(fields: readonly FieldDefinition[]): FieldDefinition[] {
  return fields.filter((field) => field.beforeRedirect === true);
}

/**
 * Checks values against the very schema that clients are given, fills in defaults and drops what is hidden.
 * Throws InvalidInputError with one issue for each fault, each path beginning with `pathPrefix`.
 */
export function validateFields(
  fields: readonly FieldDefinition[],
  values: unknown,
  pathPrefix: readonly string[],
): { values: Record<string, unknown> } {
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw InvalidInputError.at([...pathPrefix], "WRONG_TYPE", "An object of field names and values is needed here.");
  }
  const filled: Record<string, unknown> = { ...values };
  for (const field of fields) {
    if (filled[field.name] === null || filled[field.name] === "") delete filled[field.name];
    if (filled[field.name] === undefined && field.default !== undefined) filled[field.name] = field.default;
  }
  const validate = compile(fields);
  if (!validate(filled)) throw new InvalidInputError(issuesOf(validate.errors ?? [], fields, pathPrefix));
  const broken = fields.filter((field) => isBroken(field, filled[field.name]));
  if (broken.length > 0) throw new InvalidInputError(broken.map((field) => brokenIssue(field, pathPrefix)));
  for (const field of fields) {
    if (!isVisible(field, filled)) delete filled[field.name];
    else if (field.type === "JSON" && filled[field.name] !== undefined)
      filled[field.name] = parsed(field, filled[field.name], pathPrefix);
  }
  return { values: filled };
}

/** JSON that was pasted as text is kept as the object that it says. */
function parsed(field: FieldDefinition, value: unknown, pathPrefix: readonly string[]): unknown {
  if (typeof value !== "string") return value;
  try {
    const object: unknown = JSON.parse(value);
    if (typeof object === "object" && object !== null && !Array.isArray(object)) return object;
  } catch {
    // Said below.
  }
  throw InvalidInputError.at([...pathPrefix, field.name], "PATTERN", `${field.label} must be a JSON object: paste all of it.`);
}

/** A line break in a value that becomes a header or a login would add another one to the call (RFC 9110 section 5.5). */
function isBroken(field: FieldDefinition, value: unknown): boolean {
  if (typeof value !== "string" || field.type === "JSON") return false;
  const severalLines = field.multiline === true || field.type === "FILE";
  return /\p{Cc}/u.test(severalLines ? value.replace(/[\n\r\t]/g, "") : value) || !value.isWellFormed();
}

function brokenIssue(field: FieldDefinition, pathPrefix: readonly string[]): InputIssue {
  const message = `${field.label} holds a line break or another control character: paste it again, without.`;
  return { path: [...pathPrefix, field.name], code: "PATTERN", message };
}

/** Whether a field is shown, given the values so far. */
export function isVisible(field: FieldDefinition, values: Readonly<Record<string, unknown>>): boolean {
  return (field.visibleWhen ?? []).every((condition) => condition.in.includes(values[condition.field]));
}

const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true });
formats.default(ajv, ["uri", "hostname"]);
ajv.addKeyword("x-ui");

const compiled = new WeakMap<readonly FieldDefinition[], ValidateFunction>();
const compiledByText = new Map<string, ValidateFunction>();
const MAX_COMPILED = 2_000;

/** Compiled once for each distinct schema: by the list itself where it is the same, else by its text. Bounded. */
function compile(fields: readonly FieldDefinition[]): ValidateFunction {
  const known = compiled.get(fields);
  if (known) return known;
  const schema = fieldsToJsonSchema(fields);
  const text = JSON.stringify(schema);
  let validate = compiledByText.get(text);
  if (!validate) {
    validate = ajv.compile(schema);
    ajv.removeSchema(schema);
    if (compiledByText.size >= MAX_COMPILED) compiledByText.clear();
    compiledByText.set(text, validate);
  }
  compiled.set(fields, validate);
  return validate;
}

function issuesOf(errors: readonly ErrorObject[], fields: readonly FieldDefinition[], prefix: readonly string[]): InputIssue[] {
  const issues = new Map<string, InputIssue>();
  for (const error of errors) {
    const name = fieldName(error);
    // `const` repeats each branch of an enumeration, `anyOf` each of its own, `if` its `then`: the keyword around them says it once.
    if (name === null || error.keyword === "const" || error.keyword === "if") continue;
    if (error.keyword !== "anyOf" && error.schemaPath.includes("/anyOf/")) continue;
    const field = fields.find((candidate) => candidate.name === name);
    if (!issues.has(name)) issues.set(name, { path: [...prefix, name], ...describe(error, field, name) });
  }
  return [...issues.values()];
}

function fieldName(error: ErrorObject): string | null {
  if (error.keyword === "required") return String(error.params.missingProperty);
  if (error.keyword === "additionalProperties") return String(error.params.additionalProperty);
  return error.instancePath.split("/")[1]?.replaceAll("~1", "/").replaceAll("~0", "~") ?? null;
}

function describe(
  error: ErrorObject,
  field: FieldDefinition | undefined,
  name: string,
): { code: InputIssueCode; message: string } {
  const label = field?.label ?? name.slice(0, 100);
  switch (error.keyword) {
    case "required":
      return { code: "REQUIRED", message: `${label} is required.` };
    case "additionalProperties":
      return { code: "UNKNOWN_FIELD", message: `There is no field “${label}” here; leave it out.` };
    case "type":
      return { code: "WRONG_TYPE", message: `${label} must be ${typeInWords(error.params.type)}.` };
    case "pattern":
      return { code: "PATTERN", message: field?.patternMessage ?? `${label} does not have the expected form.` };
    case "format":
      return {
        code: "PATTERN",
        message: `${label} must be ${error.params.format === "uri" ? "a complete URL" : "a host name"}.`,
      };
    case "minLength":
      return error.params.limit === 1
        ? { code: "REQUIRED", message: `${label} is required.` }
        : { code: "TOO_SHORT", message: `${label} must have at least ${error.params.limit} characters.` };
    case "maxLength":
      return { code: "TOO_LONG", message: `${label} must have at most ${error.params.limit} characters.` };
    case "minimum":
      return { code: "OUT_OF_RANGE", message: `${label} must be at least ${error.params.limit}.` };
    case "maximum":
      return { code: "OUT_OF_RANGE", message: `${label} must be at most ${error.params.limit}.` };
    case "anyOf":
      return { code: "WRONG_TYPE", message: `${label} must be a JSON object, or the text of one.` };
    case "oneOf":
      return {
        code: "NOT_ALLOWED",
        message: `${label} must be one of: ${(field?.options ?? []).map((option) => option.value).join(", ")}.`,
      };
    default:
      return { code: "NOT_ALLOWED", message: `${label} is not valid.` };
  }
}

function typeInWords(type: unknown): string {
  return type === "integer" ? "a whole number" : type === "boolean" ? "true or false" : "a text";
}
