import { type FormEvent, useRef, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { useQuery } from "urql";
import {
  CustomConnectorsDetailDocument,
  type CustomConnectorsDetailQuery,
  CustomConnectorsUpdateDocument,
} from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Notice } from "../../../ui/show.tsx";
import { toast } from "../../../ui/toast.tsx";
import { focusFirstProblem } from "../../shell/focus-first-problem.ts";
import { ImpactNotice } from "../../shell/impact.tsx";
import { Loads, NotFound, Page } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { ConnectorForm } from "./connector-form.tsx";
import { type Draft, draftOf, type Given, updateOf } from "./draft.ts";
import { ChecksShown, issuesBelow, pathsBelow, type Trial, TrialFields, useValidation } from "./validation.tsx";

type Detail = NonNullable<CustomConnectorsDetailQuery["connector"]>;

export default function EditConnector() {
  const { slug = "" } = useParams();
  const [result] = useQuery({ query: CustomConnectorsDetailDocument, variables: { slug }, requestPolicy: "network-only" });
  return (
    <Loads result={result} what="the connector">
      {({ connector }) =>
        connector?.kind === "CUSTOM" ? <Edit key={connector.id} connector={connector} /> : <NotFound what="connector" />
      }
    </Loads>
  );
}

/** What it says about itself is saved at once; how it authenticates, and where its API is, is validated first. */
const ABOUT = ["name", "description", "docsUrl"];

function Edit({ connector }: { connector: Detail }) {
  const navigate = useNavigate();
  const update = useAction(CustomConnectorsUpdateDocument);
  const validation = useValidation();
  const given = (connector.definition ?? null) as Given | null;
  const [before] = useState(() => draftOf(connector, given));
  const [draft, setDraft] = useState<Draft>(before);
  const form = useRef<HTMLFormElement>(null);
  const [trial, setTrial] = useState<Trial>({});
  const change = updateOf(before, draft);
  const changed = Object.keys(change);
  const { checks } = validation;
  const needsCheck = changed.some((name) => !ABOUT.includes(name));
  const isInUse = update.problem?.__typename === "InUseError";
  const problem = isInUse ? null : (update.problem ?? validation.problem);
  const issues = issuesBelow(problem);
  const isSound = !needsCheck || checks?.ok === true;

  async function check(): Promise<void> {
    update.reset();
    if (await validation.run(draft, trial)) focusFirstProblem(form.current);
  }
  async function save(): Promise<void> {
    validation.reset();
    const outcome = await update.run({ input: { id: connector.id, ...change, ...(isInUse && { confirm: true }) } });
    if (!outcome.ok) return focusFirstProblem(form.current);
    toast(`“${outcome.payload.connector.name}” is saved.`);
    await navigate(`/connectors/${connector.slug}`);
  }
  function submit(event: FormEvent): void {
    event.preventDefault();
    if (changed.length > 0) void (isSound ? save() : check());
  }

  return (
    <Page title={`Edit ${connector.name}`}>
      <form ref={form} className="stack" onSubmit={submit}>
        {!given && (
          <Notice title="Its definition is not known here.">
            What is left empty below stays as it is. To change how it authenticates, enter all of that anew.
          </Notice>
        )}
        <ConnectorForm
          draft={draft}
          onChange={(part) => {
            setDraft((known) => ({ ...known, ...part }));
            validation.forget();
            update.reset();
          }}
          issues={issues}
          editing
        />
        <TrialFields draft={draft} trial={trial} onChange={setTrial} issues={issues} />
        <ProblemNotice problem={problem} shown={pathsBelow(issues)} />
        <ChecksShown checks={checks} />
        <ImpactNotice problem={update.problem} />
        <div className="dialog-actions">
          {changed.length === 0 && <span className="soft small">Nothing is changed yet.</span>}
          <Link className="button" to={`/connectors/${connector.slug}`}>
            Cancel
          </Link>
          <Button onPress={() => void check()} variant={isSound ? "secondary" : "primary"} isPending={validation.pending}>
            Validate
          </Button>
          {(isSound || checks) && (
            <Button
              variant={isSound && !isInUse ? "primary" : "danger"}
              onPress={() => void save()}
              isPending={update.pending}
              isDisabled={changed.length === 0}
            >
              {isSound && !isInUse ? "Save" : "Save all the same"}
            </Button>
          )}
        </div>
      </form>
    </Page>
  );
}
