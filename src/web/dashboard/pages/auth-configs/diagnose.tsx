import { useState } from "react";
import type { AuthConfigsDiagnoseMutation, AuthConfigsDiagnoseMutationVariables } from "../../../api/gql.ts";
import { AuthConfigsDiagnoseDocument, type DiagnoseAuthConfigInput } from "../../../api/gql.ts";
import { type Action, type Problem, useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Loading, Notice } from "../../../ui/show.tsx";
import { Checks } from "../../shell/checks.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";

type Diagnosis = Extract<
  NonNullable<AuthConfigsDiagnoseMutation["diagnoseAuthConfig"]>,
  { __typename: "DiagnoseAuthConfigPayload" }
>["diagnosis"];

export interface Diagnosing {
  action: Action<AuthConfigsDiagnoseMutation, AuthConfigsDiagnoseMutationVariables>;
  diagnosis: Diagnosis | null;
  run(input: DiagnoseAuthConfigInput): Promise<Problem | null>;
}

/** A dry run of a whole auth config, stored or not: what would stop a user is told before one tries. */
export function useDiagnosis(): Diagnosing {
  const action = useAction(AuthConfigsDiagnoseDocument);
  const [diagnosis, setDiagnosis] = useState<Diagnosis | null>(null);
  async function run(input: DiagnoseAuthConfigInput): Promise<Problem | null> {
    setDiagnosis(null);
    const outcome = await action.run({ input });
    if (outcome.ok) setDiagnosis(outcome.payload.diagnosis);
    return outcome.ok ? null : outcome.problem;
  }
  return { action, diagnosis, run };
}

export function DiagnoseButton({ diagnosing, label, onPress }: { diagnosing: Diagnosing; label: string; onPress(): void }) {
  return (
    <Button onPress={onPress} isPending={diagnosing.action.pending}>
      {label}
    </Button>
  );
}

/** `shown`: paths of problems that stand beside their fields already. */
export function DiagnosisResult({ diagnosing, shown = [] }: { diagnosing: Diagnosing; shown?: readonly string[] }) {
  const { action, diagnosis } = diagnosing;
  if (action.pending)
    return (
      <div className="progress" data-indeterminate>
        <Loading label="Asking the provider. This can take half a minute…" />
        <div className="track" aria-hidden="true">
          <div className="fill" />
        </div>
      </div>
    );
  if (action.problem) return <ProblemNotice problem={action.problem} shown={shown} />;
  if (!diagnosis) return null;
  const wanting = diagnosis.checks.filter(({ outcome }) => outcome === "FAILED" || outcome === "WARNING");
  const rest = diagnosis.checks.filter((check) => !wanting.includes(check));
  const failed = diagnosis.checks.filter(({ outcome }) => outcome === "FAILED").length;
  const warned = diagnosis.checks.filter(({ outcome }) => outcome === "WARNING").length;
  return (
    <div className="stack">
      <Notice tone={failed > 0 ? "bad" : warned > 0 ? "warn" : "good"} live title={verdict(failed, warned)} />
      {wanting.length > 0 && <Checks checks={wanting} />}
      <details>
        <summary>
          {rest.filter(({ outcome }) => outcome === "PASSED").length} passed,{" "}
          {rest.filter(({ outcome }) => outcome === "SKIPPED").length} skipped
        </summary>
        <Checks checks={rest} />
      </details>
    </div>
  );
}

function verdict(failed: number, warned: number): string {
  if (failed > 0)
    return failed === 1 ? "One check has failed: nobody can connect until it passes." : `${failed} checks have failed.`;
  if (warned > 0) return "No check has failed, but something should be looked at.";
  return "No check has failed: users can connect.";
}
