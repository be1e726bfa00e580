import type { FieldFragment } from "../api/gql.ts";

/** What is typed, as text, by field name; booleans as themselves. */
export type FormValues = Record<string, string | boolean>;

export interface FormWords {
  needed: string;
  invalid: string;
  number: string;
  atLeast(limit: number): string;
  atMost(limit: number): string;
  shorter(limit: number): string;
  longer(limit: number): string;
  json: string;
  url: string;
}

/** `known`: what was typed before, by field name; else each field's default. */
export function initialValues(fields: readonly FieldFragment[], known: Readonly<Record<string, unknown>> = {}): FormValues {
  return Object.fromEntries(fields.map((field) => [field.name, asTyped(field, known[field.name] ?? field.default)]));
}

function asTyped({ type }: FieldFragment, value: unknown): string | boolean {
  if (type === "BOOLEAN") return value === true;
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The server's rule: shown, and required, only while every condition holds, and while the fields asked about are shown themselves. */
export function visibleFields(fields: readonly FieldFragment[], values: FormValues): FieldFragment[] {
  const byName = new Map(fields.map((field) => [field.name, field]));
  const isVisible = (field: FieldFragment): boolean =>
    (field.visibleWhen ?? []).every(({ field: name, in: wanted }) => {
      const other = byName.get(name);
      return other !== undefined && isVisible(other) && wanted.some((value) => same(value, other, values[name]));
    });
  return fields.filter(isVisible);
}

function same(wanted: unknown, field: FieldFragment, value: string | boolean | undefined): boolean {
  return wanted === typed(field, value ?? "");
}

/** What goes into `fields`: of what is shown, what is not empty. A file's text and a JSON text go as they are. */
export function fieldsOf(fields: readonly FieldFragment[], values: FormValues): Record<string, unknown> {
  return Object.fromEntries(
    visibleFields(fields, values)
      .map((field) => [field.name, typed(field, values[field.name] ?? "")] as const)
      .filter(([, value]) => value !== undefined),
  );
}

function typed(field: FieldFragment, value: string | boolean): unknown {
  if (typeof value === "boolean") return value;
  if (value === "") return undefined;
  if (field.type === "INTEGER" && /^-?\d+$/.test(value.trim())) return Number(value.trim());
  return value;
}

/** What is wrong, by field name, in words. `required` counts only where `complete`: nobody is told so before they are done. */
export function problemsOf(
  fields: readonly FieldFragment[],
  values: FormValues,
  words: FormWords,
  optional: ReadonlySet<string> = new Set(),
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const field of visibleFields(fields, values)) {
    const value = values[field.name];
    const problem = typeof value === "string" ? problemOf(field, value, words, optional.has(field.name)) : null;
    if (problem) found[field.name] = problem;
  }
  return found;
}

function problemOf(field: FieldFragment, value: string, words: FormWords, optional: boolean): string | null {
  if (value === "") return field.required && !optional ? words.needed : null;
  if (field.type === "INTEGER") return numberProblem(field, value.trim(), words);
  if (field.maxLength != null && value.length > field.maxLength) return words.shorter(field.maxLength);
  if (field.minLength != null && value.length < field.minLength) return words.longer(field.minLength);
  if (field.pattern && !matches(field.pattern, value)) return field.patternMessage ?? words.invalid;
  if (field.type === "URL" && !URL.canParse(value)) return words.url;
  if (field.type === "JSON" && !isJson(value)) return words.json;
  return null;
}

function numberProblem({ min, max }: FieldFragment, value: string, words: FormWords): string | null {
  if (!/^-?\d+$/.test(value)) return words.number;
  if (min != null && Number(value) < min) return words.atLeast(min);
  if (max != null && Number(value) > max) return words.atMost(max);
  return null;
}

function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    // A pattern that this browser does not read: the server decides.
    return true;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
