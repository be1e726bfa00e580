import { useState } from "react";
import { type CheckFragment, CustomConnectorsValidateDocument } from "../../../api/gql.ts";
import { issuesOf, type Problem, useAction } from "../../../api/use-action.ts";
import { Notice } from "../../../ui/show.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { Checks } from "../../shell/checks.tsx";
import { type Draft, inputOf, type SchemeKind } from "./draft.ts";

/** What a connector is tried with before it is saved, by field name. Of this nothing is stored. */
export type Trial = Readonly<Record<string, string>>;

interface TrialField {
  name: string;
  label: string;
  secret?: boolean;
}

const TRIALS: Record<SchemeKind, readonly TrialField[]> = {
  oauth2: [
    { name: "clientId", label: "Client ID" },
    { name: "clientSecret", label: "Client secret", secret: true },
  ],
  apiKey: [{ name: "apiKey", label: "API key", secret: true }],
  bearerToken: [{ name: "token", label: "Token", secret: true }],
  basic: [
    { name: "username", label: "User name" },
    { name: "password", label: "Password", secret: true },
  ],
  none: [],
};

export interface Validating {
  /** Of the draft as it is now; null: not looked at yet. */
  checks: { ok: boolean; checks: readonly CheckFragment[] } | null;
  problem: Problem | null;
  pending: boolean;
  /** Null: it could be looked at. */
  run(draft: Draft, trial: Trial): Promise<Problem | null>;
  /** The draft is another one now. */
  forget(): void;
  reset(): void;
}

export function useValidation(): Validating {
  const action = useAction(CustomConnectorsValidateDocument);
  const [checks, setChecks] = useState<Validating["checks"]>(null);
  return {
    checks,
    problem: action.problem,
    pending: action.pending,
    async run(draft, trial) {
      const outcome = await action.run({ input: { connector: inputOf(draft), ...triedWith(draft, trial) } });
      setChecks(outcome.ok ? outcome.payload.diagnosis : null);
      return outcome.ok ? null : outcome.problem;
    },
    forget: () => setChecks(null),
    reset: action.reset,
  };
}

/** Only what belongs to the kind that is chosen now. */
function triedWith({ kind }: Draft, trial: Trial) {
  const typed = TRIALS[kind].flatMap(({ name }) => (trial[name] ? [[name, trial[name]] as const] : []));
  const values = Object.fromEntries(typed);
  if (kind === "oauth2") return { clientId: values["clientId"]?.trim() || null, clientSecret: values["clientSecret"] || null };
  return { fields: typed.length > 0 ? values : null };
}

interface TrialFieldsProps {
  draft: Draft;
  trial: Trial;
  onChange(trial: Trial): void;
  issues: Record<string, string>;
}

export function TrialFields({ draft: { kind }, trial, onChange, issues }: TrialFieldsProps) {
  if (TRIALS[kind].length === 0) return null;
  return (
    <fieldset className="group stack">
      <legend>To check it with</legend>
      <p className="soft small">
        {kind === "oauth2"
          ? "A client of yours at the service. With it, the check asks whether the client is accepted."
          : "A credential of yours at the service. With it, the harmless call above is really made. It is not saved."}
      </p>
      {TRIALS[kind].map(({ name, label, secret }) => (
        <TextField
          key={name}
          label={label}
          value={trial[name] ?? ""}
          onChange={(value) => onChange({ ...trial, [name]: value })}
          error={issues[name] ?? issues[`fields.${name}`]}
          secret={secret}
        />
      ))}
    </fieldset>
  );
}

export function ChecksShown({ checks }: Pick<Validating, "checks">) {
  if (!checks) return null;
  return (
    <>
      <Notice tone={checks.ok ? "good" : "bad"} live title={checks.ok ? "It can be saved." : "Something is wrong with it."} />
      <Checks checks={checks.checks} />
    </>
  );
}

/** Validation names what is wrong below `connector`, creation below the input itself. */
export function issuesBelow(problem: Problem | null): Record<string, string> {
  return Object.fromEntries(
    Object.entries(issuesOf(problem)).map(([path, message]) => [path.replace(/^connector\./, ""), message]),
  );
}

/** Paths of what stands beside a field. */
export function pathsBelow(issues: Record<string, string>): string[] {
  return Object.keys(issues).flatMap((path) => [path, `connector.${path}`]);
}
