import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { type InputIssue, type InputIssueCode, InvalidInputError } from "../lib/errors.ts";
import { fieldsOf } from "./scheme-fields.ts";
import type { FieldCondition, FieldDefinition, SchemeDefinition } from "./types.ts";

/** FILE contents: UTF-8 text or a base64 data URL of at most 64 KiB, which base64 makes a third longer. */
const MAX_FILE_LENGTH = 90_000;
const MAX_STRING_LENGTH = 10_000;

/** A scheme's fields for one place: the project's AuthConfig, or each end user. */
export function fieldsFor(scheme: SchemeDefinition, place: FieldDefinition["for"]): FieldDefinition[] {
  return fieldsOf(scheme).filter((field) => field.for === place);
}

/** The fields whose values must be known before the browser is sent to the provider. */
export function fieldsBeforeRedirect(fields: readonly FieldDefinition[]): FieldDefinition[] {
  return fields.filter((field) => field.beforeRedirect === true);
}

/**
 * JSON Schema 2020-12 of an object with these fields. `x-ui` carries what JSON Schema has no word for (secret, multiline,
 * group, help, order, the message for a pattern). A conditional field is required only while its conditions hold.
 */
export function fieldsToJsonSchema(fields: readonly FieldDefinition[]): Record<string, unknown> {
  const conditional = fields.filter((field) => field.visibleWhen?.length && isRequired(field));
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(fields.map((field, index) => [field.name, propertySchema(field, index)])),
    required: fields.filter((field) => isRequired(field) && !field.visibleWhen?.length).map((field) => field.name),
    ...(conditional.length > 0 && {
      allOf: conditional.map((field) => ({
        if: conditionSchema(field.visibleWhen ?? [], fields),
        // biome-ignore lint/suspicious/noThenProperty: the JSON Schema keyword
        then: { required: [field.name] },
      })),
    }),
  };
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

function isRequired(field: FieldDefinition): boolean {
  return field.required === true && field.default === undefined;
}

function propertySchema(field: FieldDefinition, order: number): Record<string, unknown> {
  const ui = {
    order,
    ...(field.secret && { secret: true, widget: "password" }),
    ...(field.multiline && { multiline: true, widget: "textarea" }),
    ...(field.group !== undefined && { group: field.group }),
    ...(field.helpUrl !== undefined && { helpUrl: field.helpUrl }),
    ...(field.patternMessage !== undefined && { patternMessage: field.patternMessage }),
    ...(field.visibleWhen && { visibleWhen: field.visibleWhen }),
    ...(field.type === "FILE" && { widget: "file" }),
  };
  return {
    title: field.label,
    ...(field.description !== undefined && { description: field.description }),
    ...typeSchema(field),
    ...(field.default !== undefined && { default: field.default }),
    ...(field.example !== undefined && { examples: [field.example] }),
    ...(field.secret && { writeOnly: true }),
    "x-ui": ui,
  };
}

function typeSchema(field: FieldDefinition): Record<string, unknown> {
  switch (field.type) {
    case "INTEGER":
      return {
        type: "integer",
        ...(field.min !== undefined && { minimum: field.min }),
        ...(field.max !== undefined && { maximum: field.max }),
      };
    case "BOOLEAN":
      return { type: "boolean" };
    // What was pasted, or what it says: see `parsed`.
    case "JSON":
      return {
        anyOf: [
          { title: "Text", type: "string", contentMediaType: "application/json", minLength: 1, maxLength: MAX_FILE_LENGTH },
          { title: "Object", type: "object" },
        ],
      };
    case "ENUM":
      return {
        type: "string",
        oneOf: (field.options ?? []).map((option) => ({
          const: option.value,
          title: option.label,
          ...(option.description !== undefined && { description: option.description }),
        })),
      };
    default:
      return {
        type: "string",
        ...(field.type === "URL" && { format: "uri" }),
        ...(field.type === "HOST" && { format: "hostname" }),
        ...(field.pattern !== undefined && { pattern: field.pattern }),
        minLength: field.minLength ?? (field.required ? 1 : 0),
        maxLength: field.maxLength ?? (field.type === "FILE" ? MAX_FILE_LENGTH : MAX_STRING_LENGTH),
      };
  }
}

function conditionSchema(conditions: readonly FieldCondition[], fields: readonly FieldDefinition[]): Record<string, unknown> {
  // A field left out counts as its default, so its absence satisfies the condition only where the default does.
  const needed = conditions.filter(
    (condition) => !condition.in.includes(fields.find((field) => field.name === condition.field)?.default),
  );
  return {
    properties: Object.fromEntries(conditions.map((condition) => [condition.field, { enum: condition.in }])),
    required: needed.map((condition) => condition.field),
  };
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
