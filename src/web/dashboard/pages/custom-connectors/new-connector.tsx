import { type FormEvent, useRef, useState } from "react";
import { Link, useNavigate } from "react-router";
import { AuthConfigsCreateDocument, CustomConnectorsCreateDocument } from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Checkbox } from "../../../ui/choice.tsx";
import { toast } from "../../../ui/toast.tsx";
import { focusFirstProblem } from "../../shell/focus-first-problem.ts";
import { Page } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { useMay } from "../../shell/viewer.ts";
import { ConnectorForm } from "./connector-form.tsx";
import { type Draft, EMPTY, inputOf } from "./draft.ts";
import { ChecksShown, issuesBelow, pathsBelow, type Trial, TrialFields, useValidation } from "./validation.tsx";

/** Validated first, saved then: a connector that can't work is told so before anybody connects with it. */
export default function NewConnector() {
  const navigate = useNavigate();
  const may = useMay();
  const create = useAction(CustomConnectorsCreateDocument);
  const configure = useAction(AuthConfigsCreateDocument);
  const validation = useValidation();
  const form = useRef<HTMLFormElement>(null);
  const [draft, setDraft] = useState<Draft>(EMPTY);
  const [trial, setTrial] = useState<Trial>({});
  const [keepsClient, setKeepsClient] = useState(true);
  const problem = create.problem ?? validation.problem;
  const issues = issuesBelow(problem);
  const { checks } = validation;
  const hasClient = draft.kind === "oauth2" && Boolean(trial["clientId"]?.trim()) && may("AUTH_CONFIG_CREATE");

  async function check(event: FormEvent): Promise<void> {
    event.preventDefault();
    create.reset();
    if (await validation.run(draft, trial)) focusFirstProblem(form.current);
  }
  async function save(): Promise<void> {
    validation.reset();
    const outcome = await create.run({ input: inputOf(draft) });
    if (!outcome.ok) return focusFirstProblem(form.current);
    const { slug, name } = outcome.payload.connector;
    toast(`“${name}” is saved.`);
    await navigate((hasClient && keepsClient && (await configured(slug, name))) || `/connectors/${slug}`);
  }
  /** Where its auth config is; null: it is not made, which a toast tells. */
  async function configured(connectorSlug: string, name: string): Promise<string | null> {
    const clientSecret = trial["clientSecret"] || undefined;
    const outcome = await configure.run({ input: { connectorSlug, name, clientId: trial["clientId"]?.trim(), clientSecret } });
    if (outcome.ok) return `/auth-configs/${outcome.payload.authConfig.id}?created`;
    toast(`Its auth config could not be made: ${outcome.problem.message}`);
    return null;
  }

  return (
    <Page title="New custom connector" lead="For a service that the catalogue lacks. It is your project’s own.">
      <form ref={form} className="stack" onSubmit={(event) => void check(event)}>
        <ConnectorForm
          draft={draft}
          onChange={(changed) => {
            setDraft((known) => ({ ...known, ...changed }));
            validation.forget();
          }}
          issues={issues}
        />
        <TrialFields draft={draft} trial={trial} onChange={setTrial} issues={issues} />
        {draft.kind === "oauth2" && (
          <p className="soft small">
            The redirect URI (callback URL) to register at the service is made when this is saved, and shown then.
          </p>
        )}
        {hasClient && (
          <Checkbox isSelected={keepsClient} onChange={setKeepsClient}>
            Make an auth config with this client, too: then users can connect
          </Checkbox>
        )}
        <ProblemNotice problem={problem} shown={pathsBelow(issues)} />
        <ChecksShown checks={checks} />
        <div className="dialog-actions">
          <Link className="button" to="/custom-connectors">
            Cancel
          </Link>
          <Button type="submit" variant={checks ? "secondary" : "primary"} isPending={validation.pending}>
            Validate
          </Button>
          {checks && (
            <Button
              variant={checks.ok ? "primary" : "danger"}
              onPress={() => void save()}
              isPending={create.pending || configure.pending}
            >
              {checks.ok ? "Save" : "Save all the same"}
            </Button>
          )}
        </div>
      </form>
    </Page>
  );
}
