import { SOCKET_HOST } from "./scheme-fields.ts";
import type { FieldCondition, FieldDefinition } from "./types.ts";

/** FILE contents: UTF-8 text or a base64 data URL of at most 64 KiB, which base64 makes a third longer. */
const MAX_FILE_LENGTH = 90_000;
const MAX_STRING_LENGTH = 10_000;

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
        // JSON Schema knows no format for "a name or an address".
        ...(field.type === "HOST" && field.pattern !== SOCKET_HOST.pattern && { format: "hostname" }),
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
