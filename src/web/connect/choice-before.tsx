import { type FormEvent, useRef } from "react";
import type { Problem } from "../api/use-action.ts";
import { FieldForm } from "../forms/field-form.tsx";
import { fieldsOf } from "../forms/values.ts";
import { Button } from "../ui/button.tsx";
import { Notice } from "../ui/show.tsx";
import type { ChoiceConfig, ChoiceConnector } from "./choice-types.ts";
import type { FieldFragment } from "./gql.ts";
import { Step } from "./step.tsx";
import { fieldIssues, useFields } from "./use-fields.ts";
import { useWords } from "./words/use-words.ts";

export interface BeforeStartProps {
  connector: ChoiceConnector;
  config: ChoiceConfig;
  problem: Problem | null;
  pending: boolean;
  /** Null: it has begun. */
  onBegin(parameters: Record<string, unknown>): Promise<Problem | null>;
  onLeave(): void;
}

/** What has to be known before anybody can be sent to the provider, a subdomain for example. */
export function BeforeStart({ connector, config, problem, pending, onBegin, onLeave }: BeforeStartProps) {
  const { choice, fields: words } = useWords();
  const specs = config.initiationFields as readonly FieldFragment[];
  const form = useRef<HTMLFormElement>(null);
  const fields = useFields(specs, form);

  async function next(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (pending || !fields.check()) return;
    const refused = await onBegin(fieldsOf(specs, fields.values));
    fields.refuse(fieldIssues(refused, "parameters"));
  }
  return (
    <Step title={choice.before(connector.name)}>
      <form ref={form} className="stack" onSubmit={(event) => void next(event)} noValidate>
        <FieldForm fields={specs} {...fields.form} helpLabel={words.help} />
        <div role="alert">
          {fields.toMend > 0 && <Notice tone="bad" title={words.stillToMend(fields.toMend)} />}
          {problem && problem.__typename !== "InvalidInputError" && (
            <Notice tone="bad" title={choice.refused}>
              {problem.message}
            </Notice>
          )}
        </div>
        <div className="row actions">
          <Button type="submit" variant="primary" isPending={pending}>
            {choice.next}
          </Button>
          <Button variant="quiet" onPress={onLeave}>
            {choice.toList}
          </Button>
        </div>
      </form>
    </Step>
  );
}
