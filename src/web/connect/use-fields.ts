import { type RefObject, useState } from "react";
import { flushSync } from "react-dom";
import { issuesOf, type Problem } from "../api/use-action.ts";
import { type FormValues, initialValues, problemsOf, visibleFields } from "../forms/values.ts";
import { afterPress } from "./after-press.ts";
import type { FieldFragment } from "./gql.ts";
import { useWords } from "./words/use-words.ts";

export interface Fields {
  values: FormValues;
  /** For `FieldForm`. */
  form: {
    values: FormValues;
    errors: Record<string, string>;
    onChange(name: string, value: string | boolean): void;
    onLeave(name: string): void;
  };
  /** How many fields were found wrong when the form was sent and still are. */
  toMend: number;
  /** Tells everything that is wrong, and goes to the first of it. True: nothing is. */
  check(): boolean;
  /** What the server finds wrong, by field name; a change takes it away. */
  refuse(issues: Record<string, string>): void;
}

/** What is typed, and what is told about it: of a field once it was left, of all when the form is sent. `known`: what was typed before. */
export function useFields(
  specs: readonly FieldFragment[],
  form: RefObject<HTMLFormElement | null>,
  known: Readonly<Record<string, unknown>> = {},
): Fields {
  const words = useWords();
  const [values, setValues] = useState<FormValues>(() => initialValues(specs, known));
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [isSent, setSent] = useState(false);
  const [refused, setRefused] = useState<Record<string, string>>({});

  const problems = problemsOf(specs, values, words.form);
  const isTold = (name: string) => isSent || (left.has(name) && values[name] !== "");
  const errors = { ...Object.fromEntries(Object.entries(problems).filter(([name]) => isTold(name))), ...refused };
  const shown = new Set(visibleFields(specs, values).map(({ name }) => name));

  function toFirstProblem(): void {
    const first = form.current?.querySelector<HTMLElement>(
      "[data-invalid] :is(input, textarea, button), .field:has(.field-error) input",
    );
    first?.focus();
  }

  return {
    values,
    form: {
      values,
      errors,
      onChange(name, value) {
        setValues((known) => ({ ...known, [name]: value }));
        setRefused(({ [name]: _mended, ...others }) => others);
      },
      onLeave: (name) => afterPress(() => setLeft((known) => new Set(known).add(name))),
    },
    toMend: isSent ? Object.keys(errors).filter((name) => shown.has(name)).length : Object.keys(refused).length,
    check() {
      flushSync(() => setSent(true));
      const isRight = Object.keys(problems).length === 0;
      if (!isRight) toFirstProblem();
      return isRight;
    },
    refuse(issues) {
      if (Object.keys(issues).length === 0) return;
      flushSync(() => setRefused(issues));
      toFirstProblem();
    },
  };
}

/** What the server finds wrong, by field name; the path of an issue begins with where the fields stand in the input. */
export function fieldIssues(problem: Problem | null, below: "fields" | "parameters"): Record<string, string> {
  const prefix = `${below}.`;
  return Object.fromEntries(
    Object.entries(issuesOf(problem)).map(([path, message]) => [
      path.startsWith(prefix) ? path.slice(prefix.length) : path,
      message,
    ]),
  );
}
