import { useRef, useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { useQuery } from "urql";
import {
  AuthConfigsCreateDocument,
  type ConnectorDetailsFragment,
  ConnectorsOneDocument,
  type SchemeDetailsFragment,
} from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { RadioCards } from "../../../ui/choice.tsx";
import { toast } from "../../../ui/toast.tsx";
import { focusFirstProblem } from "../../shell/focus-first-problem.ts";
import { Loads, NotFound, Page } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { wordsOf } from "../../shell/statuses.tsx";
import { useMay } from "../../shell/viewer.ts";
import { ConfigAside } from "./aside.tsx";
import { ConfigForm } from "./config-form.tsx";
import { DiagnoseButton, DiagnosisResult, useDiagnosis } from "./diagnose.tsx";
import { createInput, type Draft, emptyDraft } from "./draft.ts";
import { serviceKind } from "./guide.ts";
import { PickConnector } from "./pick-connector.tsx";
import { draftProblems, type Problems, serverProblems, shownPaths } from "./problems.ts";
import "../connectors/catalogue.css";

/** What is chosen stands in the address, so that the browser's back button goes a step back. */
export default function NewAuthConfig() {
  const [parameters] = useSearchParams();
  const slug = parameters.get("connector");
  const may = useMay();
  if (!may("AUTH_CONFIG_CREATE")) return <NotFound />;
  return slug ? <ForConnector key={slug} slug={slug} service={parameters.get("service") ?? ""} /> : <PickConnector />;
}

function ForConnector({ slug, service }: { slug: string; service: string }) {
  const [result] = useQuery({ query: ConnectorsOneDocument, variables: { slug } });
  return (
    <Loads result={result} what="the connector">
      {({ connector }) =>
        connector ? (
          <Create connector={connector} service={service} taken={connector.authConfigs.nodes.map(({ name }) => name)} />
        ) : (
          <NotFound what="connector" />
        )
      }
    </Loads>
  );
}

interface CreateProps {
  connector: ConnectorDetailsFragment;
  service: string;
  taken: readonly string[];
}

function Create({ connector, service, taken }: CreateProps) {
  const wanted = serviceKind(service)?.schemes ?? [];
  const proposed = connector.schemes.find(({ type }) => wanted.includes(type)) ?? connector.schemes[0];
  const [key, setKey] = useState(proposed?.key ?? "");
  const scheme = connector.schemes.find((candidate) => candidate.key === key);
  const back = service ? `/auth-configs/new?service=${service}` : "/auth-configs/new";
  return (
    <Page
      title={`New auth config for ${connector.name}`}
      actions={
        <Link className="button" to={back}>
          Another connector
        </Link>
      }
    >
      {connector.schemes.length > 1 && (
        <RadioCards
          label="How do users authenticate?"
          value={key}
          onChange={setKey}
          choices={connector.schemes.map(({ key: value, name, type, description }, index) => ({
            value,
            label: `${name}${index === 0 ? " – recommended" : ""}`,
            description: description ?? whatItIs(name, type),
          }))}
          isRequired
        />
      )}
      {scheme && <CreateForm key={scheme.key} connector={connector} scheme={scheme} taken={taken} />}
    </Page>
  );
}

function CreateForm({ connector, scheme, taken }: Omit<CreateProps, "service"> & { scheme: SchemeDetailsFragment }) {
  const navigate = useNavigate();
  const create = useAction(AuthConfigsCreateDocument);
  const diagnosing = useDiagnosis();
  const form = useRef<HTMLFormElement>(null);
  const [draft, setDraft] = useState<Draft>(() =>
    emptyDraft(scheme, connector.managedAppAvailable, freeName(connector.name, taken)),
  );
  const [own, setOwn] = useState<Problems>({});
  // Of the two that ask the server, the one that was asked last speaks.
  const problem = create.problem ?? diagnosing.action.problem;

  function change(part: Partial<Draft>): void {
    const next = { ...draft, ...part };
    setDraft(next);
    if (Object.keys(own).length > 0) setOwn(draftProblems(next, scheme, null));
  }
  /** The input, or null where something has to be mended first: then the first field of that is where the focus goes. */
  function ready() {
    const found = draftProblems(draft, scheme, null);
    setOwn(found);
    if (Object.keys(found).length === 0) return createInput(draft, connector.slug, scheme);
    focusFirstProblem(form.current);
    return null;
  }
  async function save(): Promise<void> {
    const input = ready();
    if (!input) return;
    diagnosing.action.reset();
    const outcome = await create.run({ input });
    if (!outcome.ok) return focusFirstProblem(form.current);
    toast(`${outcome.payload.authConfig.name} is created.`);
    await navigate(`/auth-configs/${outcome.payload.authConfig.id}?created`);
  }
  async function diagnose(): Promise<void> {
    const input = ready();
    if (!input) return;
    create.reset();
    if (await diagnosing.run({ draft: input })) focusFirstProblem(form.current);
  }

  return (
    <div className="beside">
      <form
        ref={form}
        className="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <ConfigForm
          connector={connector}
          scheme={scheme}
          draft={draft}
          onChange={change}
          problems={{ ...serverProblems(problem), ...own }}
          config={null}
        />
        <ProblemNotice problem={create.problem} shown={shownPaths(create.problem, scheme, draft)} />
        <div className="row">
          <Button type="submit" variant="primary" isPending={create.pending}>
            Create auth config
          </Button>
          <DiagnoseButton diagnosing={diagnosing} label="Diagnose before saving" onPress={() => void diagnose()} />
        </div>
        <DiagnosisResult diagnosing={diagnosing} shown={shownPaths(diagnosing.action.problem, scheme, draft)} />
      </form>
      <ConfigAside connector={connector} scheme={scheme} webhookUrl={null} />
    </div>
  );
}

/** Null where the name says it already. */
function whatItIs(name: string, type: string): string | null {
  const words = wordsOf(type);
  return name.replaceAll(" ", "").toLowerCase().includes(words.replaceAll(" ", "").toLowerCase()) ? null : words;
}

/** Names are unique within a connector. */
function freeName(name: string, taken: readonly string[]): string {
  if (!taken.includes(name)) return name;
  for (let number = 2; ; number++) if (!taken.includes(`${name} ${number}`)) return `${name} ${number}`;
}
