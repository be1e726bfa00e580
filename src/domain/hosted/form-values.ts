import { isVisible } from "../../catalogue/fields.ts";
import type { FieldDefinition } from "../../catalogue/types.ts";
import type { InputIssue } from "../../lib/errors.ts";

/** One control of a form: what to draw, and what was typed into it. Never the value of a secret. */
export interface FormField extends Pick<FieldDefinition, "name" | "label" | "description" | "helpUrl" | "type" | "group"> {
  secret: boolean;
  multiline: boolean;
  required: boolean;
  options: { value: string; label: string }[];
  value: string;
  example: string | null;
  /** When it matters, by the labels of other fields and of their values; empty: always. */
  conditions: { label: string; values: string[] }[];
  error: string | null;
}

/** The controls of some fields with present values in them, and what is wrong with each. */
export function formFields(
  fields: readonly FieldDefinition[],
  values: Readonly<Record<string, unknown>>,
  issues: readonly InputIssue[] = [],
): FormField[] {
  return fields.map((field) => ({
    name: field.name,
    label: field.label,
    description: field.description,
    helpUrl: field.helpUrl,
    type: field.type,
    group: field.group,
    secret: field.secret === true,
    multiline: field.multiline === true || field.type === "FILE" || field.type === "JSON",
    required: field.required === true && field.default === undefined && !field.visibleWhen?.length,
    options: (field.options ?? []).map(({ value, label }) => ({ value, label })),
    value: field.secret ? "" : asText(values[field.name] ?? field.default),
    example: field.example ?? null,
    conditions: conditionsOf(field, fields),
    error: issues.find(({ path }) => path.at(-1) === field.name)?.message ?? null,
  }));
}

/** Without a script a form shows everything, so it says in words what belongs together. */
function conditionsOf(field: FieldDefinition, all: readonly FieldDefinition[]): FormField["conditions"] {
  return (field.visibleWhen ?? []).map((condition) => {
    const other = all.find(({ name }) => name === condition.field);
    const values = condition.in.map((value) => other?.options?.find((option) => option.value === value)?.label ?? asText(value));
    return { label: other?.label ?? condition.field, values };
  });
}

/** What a form brought, in the fields' own types. What cannot be read as its type stays a text, and is refused as such. */
export function readForm(
  fields: readonly FieldDefinition[],
  form: URLSearchParams,
): { values: Record<string, unknown>; issues: InputIssue[] } {
  const all = Object.fromEntries(fields.map((field) => [field.name, read(field, form.get(`field.${field.name}`))]));
  // Everything is shown, so somebody may have filled in what does not matter.
  const shown = fields.filter((field) => isVisible(field, all));
  return {
    values: Object.fromEntries(shown.map(({ name }) => [name, all[name]])),
    issues: shown.filter((field) => all[field.name] === NO_JSON).map((field) => noJson(field)),
  };
}

const NO_JSON = Symbol("no JSON");

function noJson({ name, label }: FieldDefinition): InputIssue {
  return { path: ["fields", name], code: "WRONG_TYPE", message: `${label} must be JSON.` };
}

function read(field: FieldDefinition, text: string | null): unknown {
  if (field.type === "BOOLEAN") return text !== null;
  if (text === null || text === "") return null;
  if (field.type === "INTEGER") return /^\s*-?\d{1,15}\s*$/.test(text) ? Number(text) : text;
  if (field.type === "JSON") return parsed(text);
  // Browsers send line breaks as CRLF, whatever was pasted.
  return field.multiline || field.type === "FILE" ? text.replaceAll("\r\n", "\n") : text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return NO_JSON;
  }
}

function asText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
