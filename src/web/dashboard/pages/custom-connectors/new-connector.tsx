import { type FormEvent, useState } from "react";
import { Link, useNavigate } from "react-router";
import { type CheckFragment, CustomConnectorsCreateDocument, CustomConnectorsValidateDocument } from "../../../api/gql.ts";
import { issuesOf, type Problem, useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Notice } from "../../../ui/show.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { toast } from "../../../ui/toast.tsx";
import { Checks } from "../../shell/checks.tsx";
import { Page } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { ConnectorForm } from "./connector-form.tsx";
import { type Draft, EMPTY, inputOf } from "./draft.ts";

/** Validated first, saved then: a connector that can't work is told so before anybody connects with it. */
export default function NewConnector() {
  const navigate = useNavigate();
  const create = useAction(CustomConnectorsCreateDocument);
  const validate = useAction(CustomConnectorsValidateDocument);
  const [draft, setDraft] = useState<Draft>(EMPTY);
  const [client, setClient] = useState({ clientId: "", clientSecret: "" });
  const [checks, setChecks] = useState<{ ok: boolean; checks: readonly CheckFragment[] } | null>(null);
  const problem = create.problem ?? validate.problem;
  const issues = issuesBelow(problem);

  function change(changed: Partial<Draft>): void {
    setDraft((known) => ({ ...known, ...changed }));
    setChecks(null);
  }
  async function check(event: FormEvent): Promise<void> {
    event.preventDefault();
    create.reset();
    const outcome = await validate.run({
      input: { connector: inputOf(draft), clientId: client.clientId.trim() || null, clientSecret: client.clientSecret || null },
    });
    setChecks(outcome.ok ? outcome.payload.diagnosis : null);
  }
  async function save(): Promise<void> {
    validate.reset();
    const outcome = await create.run({ input: inputOf(draft) });
    if (!outcome.ok) return;
    toast(`“${outcome.payload.connector.name}” is saved.`);
    void navigate(`/connectors/${outcome.payload.connector.slug}`);
  }

  return (
    <Page title="New custom connector" lead="For a service that the catalogue lacks. It is your project’s own.">
      <form className="stack" onSubmit={(event) => void check(event)}>
        <ProblemNotice problem={problem} shown={Object.keys(issues).flatMap((path) => [path, `connector.${path}`])} />
        <ConnectorForm draft={draft} onChange={change} issues={issues} />
        {draft.kind === "oauth2" && (
          <fieldset className="group stack">
            <legend>To check it with</legend>
            <p className="soft small">
              A client of yours at the service; it is not saved here. With it, the check asks whether the client is accepted.
            </p>
            <TextField label="Client ID" value={client.clientId} onChange={(clientId) => setClient({ ...client, clientId })} />
            <TextField
              label="Client secret"
              value={client.clientSecret}
              onChange={(clientSecret) => setClient({ ...client, clientSecret })}
              secret
            />
          </fieldset>
        )}
        {checks && (
          <>
            <Notice
              tone={checks.ok ? "good" : "bad"}
              live
              title={checks.ok ? "It can be saved." : "Something is wrong with it."}
            />
            <Checks checks={checks.checks} />
          </>
        )}
        <div className="dialog-actions">
          <Link className="button" to="/custom-connectors">
            Cancel
          </Link>
          <Button type="submit" variant={checks ? "secondary" : "primary"} isPending={validate.pending}>
            Validate
          </Button>
          {checks && (
            <Button variant={checks.ok ? "primary" : "danger"} onPress={() => void save()} isPending={create.pending}>
              {checks.ok ? "Save" : "Save all the same"}
            </Button>
          )}
        </div>
      </form>
    </Page>
  );
}

/** Validation names what is wrong below `connector`, creation below the input itself. */
export function issuesBelow(problem: Problem | null): Record<string, string> {
  return Object.fromEntries(
    Object.entries(issuesOf(problem)).map(([path, message]) => [path.replace(/^connector\./, ""), message]),
  );
}
