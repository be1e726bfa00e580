import { type FormEvent, useMemo, useRef, useState } from "react";
import { type Problem, useAction } from "../api/use-action.ts";
import { FieldForm } from "../forms/field-form.tsx";
import { fieldsOf } from "../forms/values.ts";
import { Button } from "../ui/button.tsx";
import { Notice } from "../ui/show.tsx";
import { CancelButton } from "./cancel-button.tsx";
import { ConnectSubmitDocument, ConnectTryDocument, type FieldFragment } from "./gql.ts";
import { Step } from "./step.tsx";
import { Summary, useProduct } from "./summary.tsx";
import { fieldIssues, useFields } from "./use-fields.ts";
import type { Request, WatchedRequest } from "./use-request.ts";
import { useWords } from "./words/use-words.ts";
import type { Words } from "./words/words.ts";

interface Result {
  code: keyof Words["tests"];
  ok: boolean;
  message: string;
}

/** What a person has to type, tested before it is saved. */
export function FormStep({ request, watched }: { request: Request; watched: WatchedRequest }) {
  const { start, fields: words } = useWords();
  const product = useProduct();
  const { connector, authConfig } = request;
  const specs = authConfig.credentialFields as readonly FieldFragment[];
  const form = useRef<HTMLFormElement>(null);
  // Set from the start where a credential is entered anew: only its secrets have to be typed again.
  const fields = useFields(specs, form, (request.before?.parameters ?? {}) as Record<string, unknown>);
  const trying = useAction(ConnectTryDocument);
  const saving = useAction(ConnectSubmitDocument);
  const [result, setResult] = useState<Result | null>(null);
  const testable = useMemo(
    () => connector.schemes.find(({ key }) => key === authConfig.schemeKey)?.testable ?? false,
    [connector, authConfig],
  );
  const busy = trying.pending || saving.pending;

  function begin(): boolean {
    setResult(null);
    trying.reset();
    saving.reset();
    return !busy && fields.check();
  }

  async function tryOut(): Promise<void> {
    if (!begin()) return;
    const outcome = await trying.run({ target: { authConfigId: authConfig.id }, fields: fieldsOf(specs, fields.values) });
    if (outcome.ok) setResult(outcome.payload.result);
    else fields.refuse(fieldIssues(outcome.problem, "fields"));
  }

  async function save(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (!begin()) return;
    const outcome = await saving.run({ id: request.id, fields: fieldsOf(specs, fields.values) });
    if (outcome.ok) {
      const { verificationUrl, connectionRequest } = outcome.payload;
      if (verificationUrl) location.assign(verificationUrl);
      else watched.take(connectionRequest);
      return;
    }
    fields.refuse(fieldIssues(outcome.problem, "fields"));
    // It may have been saved, or have ended elsewhere: the page shows what is so.
    watched.read();
  }

  const title = request.kind === "REAUTHORIZE" ? start.titleAgain(connector.name) : start.title(connector.name);
  return (
    <Step title={title}>
      <Summary request={request} />
      <form ref={form} className="stack" onSubmit={(event) => void save(event)} noValidate>
        <p>{specs.length > 0 ? words.intro(product, connector.name) : words.none(connector.name)}</p>
        <FieldForm fields={specs} {...fields.form} helpLabel={words.help} />
        <div role="alert">
          {fields.toMend > 0 && <Notice tone="bad" title={words.stillToMend(fields.toMend)} />}
          <Refusal problem={saving.problem ?? trying.problem} saves={saving.problem !== null} />
        </div>
        <div role="status">{result && <TestNotice result={result} />}</div>
        <div className="row actions">
          <Button type="submit" variant="primary" isPending={saving.pending}>
            {saving.pending ? words.submitting : words.submit}
          </Button>
          {testable && specs.length > 0 && (
            <Button onPress={() => void tryOut()} isPending={trying.pending}>
              {trying.pending ? words.testing : words.test}
            </Button>
          )}
          <CancelButton id={request.id} label={start.refuse} onState={watched.take} />
        </div>
        <p className="soft small">{start.caution}</p>
      </form>
    </Step>
  );
}

function TestNotice({ result }: { result: Result }) {
  const { fields, tests } = useWords();
  if (result.ok) return <Notice tone="good" title={fields.works} />;
  return (
    <Notice tone="bad" title={tests[result.code].title}>
      <p>{tests[result.code].remedy}</p>
      <p className="soft small">{result.message}</p>
    </Notice>
  );
}

function Refusal({ problem, saves }: { problem: Problem | null; saves: boolean }) {
  const { fields, tests, failures } = useWords();
  if (!problem || problem.__typename === "InvalidInputError") return null;
  if (problem.code === "NETWORK") return <Notice tone="warn" title={fields.lost} />;
  const tested = problem.__typename === "TestFailedError" ? problem.result : null;
  const refused = problem.__typename === "ProviderError" ? failures.PROVIDER_ERROR : fields.refused;
  const told = tested ? tests[tested.code] : problem.code === "RATE_LIMITED" ? tests.RATE_LIMITED : refused;
  return (
    <Notice tone="bad" title={saves ? `${told.title} ${fields.nothingSaved}` : told.title}>
      <p>{told.remedy}</p>
      <p className="soft small">{tested?.message ?? problem.message}</p>
    </Notice>
  );
}
