import { useMemo, useState } from "react";
import { Link, useNavigate, useParams, useSearchParams } from "react-router";
import { useQuery } from "urql";
import { AuthConfigsOneDocument, AuthConfigsSwitchDocument } from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Badge, Copyable, Notice } from "../../../ui/show.tsx";
import { toast } from "../../../ui/toast.tsx";
import { ConnectorAvatar } from "../../shell/connector-avatar.tsx";
import { Loads, NotFound, Page } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { Status, wordsOf } from "../../shell/statuses.tsx";
import { useMay } from "../../shell/viewer.ts";
import { ConfigFacts } from "./config-facts.tsx";
import { Connections } from "./connections.tsx";
import { DeleteDialog } from "./delete-dialog.tsx";
import { DiagnoseButton, DiagnosisResult, useDiagnosis } from "./diagnose.tsx";
import type { ShownConfig } from "./shown-config.ts";
import { TestConnection } from "./test-connection.tsx";
import "../connectors/catalogue.css";

export default function AuthConfigPage() {
  const { id = "" } = useParams();
  const context = useMemo(() => ({ additionalTypenames: ["AuthConfig"] }), []);
  const [result] = useQuery({ query: AuthConfigsOneDocument, variables: { id }, context });
  // Once it is deleted here, nothing of it is asked for again: the list is where one goes.
  const [deleted, setDeleted] = useState(false);
  const navigate = useNavigate();
  if (deleted) return null;
  return (
    <Loads result={result} what="the auth config">
      {({ authConfig }) =>
        authConfig ? (
          <Shown
            config={authConfig}
            onDeleted={() => {
              setDeleted(true);
              toast(`${authConfig.name} is deleted.`);
              void navigate("/auth-configs", { replace: true });
            }}
          />
        ) : (
          <NotFound what="auth config" />
        )
      }
    </Loads>
  );
}

function Shown({ config, onDeleted }: { config: ShownConfig; onDeleted(): void }) {
  const may = useMay();
  const [parameters] = useSearchParams();
  const { name, connector, description, status, statusReason } = config;
  return (
    <Page title={name} lead={description} actions={<Actions config={config} onDeleted={onDeleted} />}>
      <div className="row">
        <ConnectorAvatar connector={connector} />
        <Link to={`/connectors/${connector.slug}`}>{connector.name}</Link>
        <Badge>{wordsOf(config.scheme)}</Badge>
        <Status value={status} />
      </div>
      {parameters.has("created") && <Created config={config} />}
      {status !== "ACTIVE" && (
        <Notice tone={status === "DISABLED" ? "neutral" : "bad"} title={`This auth config is ${wordsOf(status).toLowerCase()}.`}>
          {whyAndWhat(status, statusReason)}
        </Notice>
      )}
      <ConfigFacts config={config} />
      {may("AUTH_CONFIG_UPDATE") && <Diagnose config={config} />}
      {may("CONNECTION_INITIATE") && may("USER_WRITE") && status === "ACTIVE" && <TestConnection config={config} />}
      <Connections config={config} />
    </Page>
  );
}

/** The API's remedy for a switched-off config names a mutation; here it is a button. */
function whyAndWhat(status: string, reason: string | null | undefined): string | null {
  if (status === "DISABLED")
    return "It takes no new connections, and its credentials are not given out. Enable it, and all is as before.";
  return reason ?? null;
}

function Created({ config: { id, redirectUri, ownApp } }: { config: ShownConfig }) {
  return (
    <Notice tone="good" title="It is created. This is its id, for your code:" live>
      <Copyable value={id} label="auth config id" />
      <ol className="steps">
        {redirectUri && ownApp && (
          <li>
            Make sure that this redirect URI is registered at the provider: <code>{redirectUri}</code>
          </li>
        )}
        <li>Diagnose it below: what would stop a user is told before one tries.</li>
        <li>Connect a test account.</li>
      </ol>
    </Notice>
  );
}

function Actions({ config, onDeleted }: { config: ShownConfig; onDeleted(): void }) {
  const may = useMay();
  const [deleting, setDeleting] = useState(false);
  const toggle = useAction(AuthConfigsSwitchDocument);
  const isOn = config.status !== "DISABLED";
  async function switchIt(): Promise<void> {
    const outcome = await toggle.run({ input: { id: config.id, enabled: !isOn } });
    if (outcome.ok) toast(isOn ? `${config.name} is disabled.` : `${config.name} is enabled.`);
  }
  return (
    <>
      <ProblemNotice problem={toggle.problem} />
      {may("AUTH_CONFIG_UPDATE") && (
        <>
          <Link className="button" to={`/auth-configs/${config.id}/edit`}>
            Edit
          </Link>
          <Button onPress={() => void switchIt()} isPending={toggle.pending}>
            {isOn ? "Disable" : "Enable"}
          </Button>
        </>
      )}
      {may("AUTH_CONFIG_DELETE") && (
        <Button variant="danger" onPress={() => setDeleting(true)}>
          Delete…
        </Button>
      )}
      {deleting && <DeleteDialog config={config} onClose={() => setDeleting(false)} onDeleted={onDeleted} />}
    </>
  );
}

function Diagnose({ config }: { config: ShownConfig }) {
  const diagnosing = useDiagnosis();
  return (
    <section className="card stack" aria-label="Diagnosis">
      <div className="row spread">
        <h2>Diagnosis</h2>
        <DiagnoseButton diagnosing={diagnosing} label="Diagnose" onPress={() => void diagnosing.run({ id: config.id })} />
      </div>
      <p className="soft">
        Looks at everything that can be looked at without a user: whether the provider answers, knows the client and its redirect
        URI, and offers the scopes.
      </p>
      <DiagnosisResult diagnosing={diagnosing} />
    </section>
  );
}
