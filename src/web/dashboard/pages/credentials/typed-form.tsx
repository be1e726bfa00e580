import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { CredentialsTryDocument, type CredentialsTypedFormQuery, type TryCredentialInput } from "../../../api/gql.ts";
import { issuesOf, type Problem, useAction } from "../../../api/use-action.ts";
import { FieldForm } from "../../../forms/field-form.tsx";
import { Button } from "../../../ui/button.tsx";
import { Checkbox } from "../../../ui/choice.tsx";
import { Notice } from "../../../ui/show.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { TestNotice, type TestOutcome } from "./test-notice.tsx";
import { useTyped } from "./use-typed.ts";

export type TypedConfig = NonNullable<CredentialsTypedFormQuery["authConfig"]>;

export interface Typed {
  fields: Record<string, unknown>;
  label: string | null;
  /** The third party is asked first, and nothing saved where it refuses. */
  test: boolean;
}

export interface TypedFormProps {
  config: TypedConfig;
  /** A saved credential that it changes; null: it makes a new one. */
  saved: { label: string | null; parameters: Record<string, unknown> } | null;
  /** What is asked of the third party before anything is saved, beside the values. */
  tries: Omit<TryCredentialInput, "fields">;
  /** Null: it is saved. */
  save(typed: Typed): Promise<Problem | null>;
  pending: boolean;
  problem: Problem | null;
  /** Before the fields, for example what they are for. */
  children?: ReactNode;
  onClose(): void;
}

/** The values of a credential that nobody consents to at a provider: typed, tried, saved. */
export function TypedForm({ config, saved, tries, save, pending, problem, children, onClose }: TypedFormProps) {
  const form = useRef<HTMLFormElement>(null);
  const typed = useTyped(config.credentialFields, saved?.parameters ?? null, form);
  const [label, setLabel] = useState(saved?.label ?? "");
  const testable = config.connector.schemes.find(({ key }) => key === config.schemeKey)?.testable ?? false;
  const [testFirst, setTestFirst] = useState(testable);
  const trying = useAction(CredentialsTryDocument);
  const [tested, setTested] = useState<TestOutcome | null>(null);
  const told = pending || trying.pending ? null : (problem ?? trying.problem);
  const end = useRef<HTMLDivElement>(null);
  // A long form: what came of it is told below the fold.
  useEffect(() => {
    if (tested || told) end.current?.scrollIntoView({ block: "nearest" });
  }, [tested, told]);
  const hasFields = config.credentialFields.length > 0;

  async function tryOut(): Promise<void> {
    setTested(null);
    if (!typed.check()) return;
    const outcome = await trying.run({ input: { ...tries, fields: typed.fields() } });
    if (outcome.ok) setTested(outcome.payload.result);
    else typed.refuse(outcome.problem);
  }
  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    setTested(null);
    trying.reset();
    if (pending || !typed.check()) return;
    const fields = typed.fields();
    const refusal = await save({ fields, label: label.trim() || null, test: testFirst && testable });
    if (refusal) typed.refuse(refusal);
  }

  return (
    <form ref={form} className="stack" onSubmit={(event) => void submit(event)} noValidate>
      {children}
      <FieldForm {...typed.form} keptNote="Left empty, it stays as it is." helpLabel="Where to find it" />
      <TextField
        label="Label"
        help="Tells several accounts of one user apart."
        value={label}
        onChange={setLabel}
        error={issuesOf(told)["label"]}
        maxLength={200}
      />
      {testable && (
        <Checkbox isSelected={testFirst} onChange={setTestFirst}>
          Save only if the test succeeds
        </Checkbox>
      )}
      <ProblemNotice problem={told} shown={["label", ...Object.keys(typed.form.errors).map((name) => `fields.${name}`)]} />
      {tested && <TestNotice tested={tested} />}
      {!hasFields && !saved && <Notice>Nothing has to be entered for {config.connector.name}.</Notice>}
      <div className="dialog-actions" ref={end}>
        <Button onPress={onClose}>Cancel</Button>
        {testable && (
          <Button onPress={() => void tryOut()} isPending={trying.pending}>
            Test
          </Button>
        )}
        <Button type="submit" variant="primary" isPending={pending}>
          Save
        </Button>
      </div>
    </form>
  );
}
