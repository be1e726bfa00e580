import { useMemo, useRef, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { useQuery } from "urql";
import { AuthConfigsOneDocument, AuthConfigsUpdateDocument, type SchemeDetailsFragment } from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Checkbox } from "../../../ui/choice.tsx";
import { Dialog } from "../../../ui/dialog.tsx";
import { Notice } from "../../../ui/show.tsx";
import { toast } from "../../../ui/toast.tsx";
import { focusFirstProblem } from "../../shell/focus-first-problem.ts";
import { ImpactNotice } from "../../shell/impact.tsx";
import { Loads, NotFound, Page } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { useMay } from "../../shell/viewer.ts";
import { ConfigAside } from "./aside.tsx";
import { ConfigForm } from "./config-form.tsx";
import { DiagnoseButton, DiagnosisResult, useDiagnosis } from "./diagnose.tsx";
import { type Draft, draftOf, updateInput } from "./draft.ts";
import { draftProblems, type Problems, serverProblems, shownPaths } from "./problems.ts";
import type { ShownConfig } from "./shown-config.ts";
import "../connectors/catalogue.css";

export default function EditAuthConfig() {
  const { id = "" } = useParams();
  const may = useMay();
  const context = useMemo(() => ({ additionalTypenames: ["AuthConfig"] }), []);
  const [result] = useQuery({ query: AuthConfigsOneDocument, variables: { id }, context });
  if (!may("AUTH_CONFIG_UPDATE")) return <NotFound />;
  return (
    <Loads result={result} what="the auth config">
      {({ authConfig }) => {
        const scheme = authConfig?.connector.schemes.find(({ key }) => key === authConfig.schemeKey);
        return authConfig && scheme ? <Edit config={authConfig} scheme={scheme} /> : <NotFound what="auth config" />;
      }}
    </Loads>
  );
}

function Edit({ config: latest, scheme }: { config: ShownConfig; scheme: SchemeDetailsFragment }) {
  const navigate = useNavigate();
  // As it was when the editing began: what somebody else changes meanwhile is refused by its version, not overwritten.
  const [config] = useState(latest);
  const [draft, setDraft] = useState<Draft>(() => draftOf(config, scheme));
  const [own, setOwn] = useState<Problems>({});
  const [retireNow, setRetireNow] = useState(false);
  const update = useAction(AuthConfigsUpdateDocument);
  const diagnosing = useDiagnosis();
  const form = useRef<HTMLFormElement>(null);
  const to = `/auth-configs/${config.id}`;
  const change = updateInput(config, draft, scheme);
  const isChanged = Object.keys(change).length > 2;
  // Of the two that ask the server, the one that was asked last speaks.
  const problem = update.problem ?? diagnosing.action.problem;
  const isInUse = update.problem?.__typename === "InUseError";

  function edit(part: Partial<Draft>): void {
    const next = { ...draft, ...part };
    setDraft(next);
    if (Object.keys(own).length > 0) setOwn(draftProblems(next, scheme, config));
  }
  /** True: nothing is wrong as far as can be told here. Else the focus goes to the first of it. */
  function isReady(): boolean {
    const found = draftProblems(draft, scheme, config);
    setOwn(found);
    if (Object.keys(found).length > 0) focusFirstProblem(form.current);
    return Object.keys(found).length === 0;
  }
  async function diagnose(): Promise<void> {
    if (!isReady()) return;
    update.reset();
    if (await diagnosing.run({ change })) focusFirstProblem(form.current);
  }
  async function save(confirm: boolean): Promise<void> {
    if (!isReady()) return;
    diagnosing.action.reset();
    const outcome = await update.run({ input: { ...change, ...(confirm && { confirm, retireNow: retireNow || undefined }) } });
    if (!outcome.ok) return focusFirstProblem(form.current);
    toast(`${outcome.payload.authConfig.name} is saved.`);
    await navigate(to);
  }

  return (
    <Page
      title={`Edit ${config.name}`}
      actions={
        <Link className="button" to={to}>
          Cancel
        </Link>
      }
    >
      <div className="beside">
        <form
          ref={form}
          className="stack"
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            void save(false);
          }}
        >
          <ConfigForm
            connector={config.connector}
            scheme={scheme}
            draft={draft}
            onChange={edit}
            problems={{ ...serverProblems(problem), ...own }}
            config={config}
          />
          <Effects config={config} draft={draft} scheme={scheme} />
          {!isInUse && <ProblemNotice problem={update.problem} shown={shownPaths(update.problem, scheme, draft)} />}
          <div className="row">
            <Button type="submit" variant="primary" isPending={update.pending} isDisabled={!isChanged}>
              Save
            </Button>
            {isChanged && (
              <DiagnoseButton diagnosing={diagnosing} label="Diagnose before saving" onPress={() => void diagnose()} />
            )}
            {!isChanged && <span className="soft small">Nothing is changed yet.</span>}
          </div>
          <DiagnosisResult diagnosing={diagnosing} shown={shownPaths(diagnosing.action.problem, scheme, draft)} />
        </form>
        <ConfigAside connector={config.connector} scheme={scheme} webhookUrl={config.webhookUrl ?? null} />
      </div>
      <Dialog title="This touches accounts that are connected" isOpen={isInUse} onClose={update.reset}>
        <ImpactNotice problem={update.problem} />
        {change.clientId !== undefined && (
          <Checkbox isSelected={retireNow} onChange={setRetireNow}>
            Drop the present client at once: what it obtained becomes invalid, and those users must connect again
          </Checkbox>
        )}
        <div className="dialog-actions">
          <Button onPress={update.reset} autoFocus>
            Back to the form
          </Button>
          <Button variant="danger" onPress={() => void save(true)} isPending={update.pending}>
            Save all the same
          </Button>
        </div>
      </Dialog>
    </Page>
  );
}

/** What a change means for those who are connected, while it is still being typed. */
function Effects({ config, draft, scheme }: { config: ShownConfig; draft: Draft; scheme: SchemeDetailsFragment }) {
  const { credentialCount } = config;
  if (credentialCount === 0) return null;
  const change = updateInput(config, draft, scheme);
  const before = config.scopes ?? [];
  const added = draft.scopes.filter((name) => !before.includes(name));
  const removed = before.filter((name) => !draft.scopes.includes(name));
  const whose = credentialCount === 1 ? "The one credential that is" : `The ${credentialCount} credentials that are`;
  const notes = [
    added.length > 0 && `${whose} connected will not have ${added.join(", ")} until re-authorized, from the credential’s page.`,
    removed.length > 0 && `${whose} connected keep${credentialCount === 1 ? "s" : ""} ${removed.join(", ")} until re-authorized.`,
    change.presetCredentialFields &&
      `${whose} connected use${credentialCount === 1 ? "s" : ""} the new values for everyone at once.`,
    (change.clientId !== undefined || change.clientSecret) &&
      `${whose} connected depend${credentialCount === 1 ? "s" : ""} on this client. Before another one takes its place you are asked again.`,
  ].filter((note) => typeof note === "string");
  if (notes.length === 0) return null;
  return (
    <Notice tone="warn" title="What this means for those who are connected" live>
      <ul>
        {notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
    </Notice>
  );
}
