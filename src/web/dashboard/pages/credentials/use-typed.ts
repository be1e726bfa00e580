import { type RefObject, useState } from "react";
import { flushSync } from "react-dom";
import type { FieldFragment } from "../../../api/gql.ts";
import { issuesOf, type Problem } from "../../../api/use-action.ts";
import { fieldsOf, initialValues, problemsOf } from "../../../forms/values.ts";
import { FORM_WORDS } from "../../shell/form-words.ts";

const WRONG = "[data-invalid] :is(input, textarea, select, button), .field:has(.field-error) input";

/**
 * What is typed into the fields of a credential. `saved`: what is no secret of the one that they change; null: they make a new one. Of a
 * saved one whatever is left alone stays, and its secrets are shown to nobody.
 */
export function useTyped(
  specs: readonly FieldFragment[],
  saved: Readonly<Record<string, unknown>> | null,
  form: RefObject<HTMLFormElement | null>,
) {
  const shown = saved ? specs.map((field) => (field.secret ? { ...field, default: null, required: false } : field)) : specs;
  const [values, setValues] = useState(() => initialValues(shown, saved ?? {}));
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [isSent, setSent] = useState(false);
  const [refused, setRefused] = useState<Record<string, string>>({});
  const problems = problemsOf(shown, values, FORM_WORDS);
  const isTold = ([name]: [string, string]) => isSent || (left.has(name) && values[name] !== "");

  function toFirst(): void {
    form.current?.querySelector<HTMLElement>(WRONG)?.focus();
  }
  return {
    form: {
      fields: shown,
      values,
      errors: { ...Object.fromEntries(Object.entries(problems).filter(isTold)), ...refused },
      onChange(name: string, value: string | boolean) {
        setValues((known) => ({ ...known, [name]: value }));
        setTouched((known) => new Set(known).add(name));
        setRefused(({ [name]: _mended, ...others }) => others);
      },
      onLeave: (name: string) => setLeft((known) => new Set(known).add(name)),
      kept: new Set(saved ? specs.filter(({ secret }) => secret).map(({ name }) => name) : []),
    },
    /** For `fields`: all of a new credential, of a saved one what was changed. */
    fields() {
      const all = fieldsOf(shown, values);
      if (!saved) return all;
      const emptied = [...touched].filter((name) => saved[name] !== undefined && all[name] === undefined);
      const changed = Object.entries(all).filter(([name]) => touched.has(name));
      return Object.fromEntries([...changed, ...emptied.map((name) => [name, null] as const)]);
    },
    /** True: nothing is wrong. Else it is told, and the focus goes to the first of it. */
    check(): boolean {
      flushSync(() => setSent(true));
      const isRight = Object.keys(problems).length === 0;
      if (!isRight) toFirst();
      return isRight;
    },
    /** What the server finds wrong goes beside its field. */
    refuse(problem: Problem): void {
      flushSync(() => setRefused(belowFields(problem)));
      toFirst();
    },
  };
}

function belowFields(problem: Problem): Record<string, string> {
  const issues = Object.entries(issuesOf(problem)).filter(([path]) => path.startsWith("fields."));
  return Object.fromEntries(issues.map(([path, message]) => [path.slice("fields.".length), message]));
}
