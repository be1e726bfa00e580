import { useMemo } from "react";
import { Link, useParams } from "react-router";
import { useQuery } from "urql";
import { type ConnectorDetailsFragment, ConnectorsOneDocument, type ConnectorsOneQuery } from "../../../api/gql.ts";
import { Badge, Copyable, EmptyState, Facts } from "../../../ui/show.tsx";
import { Table } from "../../../ui/table.tsx";
import { ConnectorAvatar } from "../../shell/connector-avatar.tsx";
import { Loads, NotFound, Page } from "../../shell/page.tsx";
import { Status, wordsOf } from "../../shell/statuses.tsx";
import { useMay } from "../../shell/viewer.ts";
import { SchemeCard } from "./scheme-card.tsx";
import "./catalogue.css";

type One = NonNullable<ConnectorsOneQuery["connector"]>;

export default function ConnectorPage() {
  const { slug = "" } = useParams();
  const context = useMemo(() => ({ additionalTypenames: ["AuthConfig"] }), []);
  const [result] = useQuery({ query: ConnectorsOneDocument, variables: { slug }, context });
  return (
    <Loads result={result} what="the connector">
      {({ connector }) => (connector ? <Shown connector={connector} /> : <NotFound what="connector" />)}
    </Loads>
  );
}

function Shown({ connector }: { connector: One }) {
  const may = useMay();
  const { name, description, schemes } = connector;
  return (
    <Page
      title={name}
      actions={
        <>
          {connector.kind === "CUSTOM" && may("CONNECTOR_WRITE") && (
            <Link className="button" to={`/custom-connectors/${connector.slug}/edit`}>
              Edit
            </Link>
          )}
          {may("AUTH_CONFIG_CREATE") && (
            <Link className="button" data-variant="primary" to={`/auth-configs/new?connector=${connector.slug}`}>
              Create an auth config
            </Link>
          )}
        </>
      }
    >
      <div className="card row">
        <ConnectorAvatar connector={connector} large />
        <div className="stack">
          {description && <p>{description}</p>}
          <div className="row">
            <Badge>{wordsOf(connector.kind)}</Badge>
            {connector.categories.map((category) => (
              <Badge key={category}>{wordsOf(category.replaceAll("-", "_"))}</Badge>
            ))}
          </div>
        </div>
      </div>
      <div className="split">
        <section className="card stack" aria-label="Facts">
          <h2>Facts</h2>
          <ConnectorFacts connector={connector} />
        </section>
        <SetupGuide connector={connector} />
      </div>
      <h2>{schemes.length === 1 ? "How it authenticates" : "Ways to authenticate"}</h2>
      {schemes.map((scheme, index) => (
        <SchemeCard key={scheme.key} scheme={scheme} recommended={index === 0 && schemes.length > 1} />
      ))}
      <h2>Auth configs</h2>
      <Configs connector={connector} />
    </Page>
  );
}

function ConnectorFacts({ connector }: { connector: One }) {
  const { slug, redirectUri, managedAppAvailable, webhookSigning, docsUrl, schemes } = connector;
  const usesClient = schemes.some((scheme) => scheme.usesClient);
  return (
    <Facts
      items={[
        ["Slug", <Copyable key="slug" value={slug} label="slug" />],
        ["Redirect URI", redirectUri && <Copyable key="uri" value={redirectUri} label="redirect URI" wrap />],
        [
          "Default app",
          usesClient
            ? managedAppAvailable
              ? "The operator of this Moorline has set one."
              : "None: an app of your own is needed."
            : null,
        ],
        ["Webhooks", webhookSigning ? "Checked, and passed on to your webhooks." : null],
        [
          "Documentation",
          docsUrl && (
            <a key="docs" href={docsUrl} target="_blank" rel="noreferrer noopener">
              {docsUrl}
            </a>
          ),
        ],
      ]}
    />
  );
}

/** How to get a client id at the provider, step by step; nothing where none is needed. */
export function SetupGuide({ connector }: { connector: Pick<ConnectorDetailsFragment, "name" | "setupGuide"> }) {
  if (connector.setupGuide.length === 0) return null;
  return (
    <section className="card stack" aria-label="Setup guide">
      <h2>Set up at {connector.name}</h2>
      <ol className="steps">
        {connector.setupGuide.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
    </section>
  );
}

function Configs({ connector: { name, authConfigs } }: { connector: One }) {
  if (authConfigs.nodes.length === 0)
    return (
      <EmptyState title="No auth config yet.">
        <p className="soft">An auth config says how your users authenticate with {name}. Without one, nobody can connect.</p>
      </EmptyState>
    );
  return (
    <Table
      label={`Auth configs for ${name}`}
      rows={authConfigs.nodes}
      rowKey={({ id }) => id}
      columns={[
        { title: "Name", cell: (config) => <Link to={`/auth-configs/${config.id}`}>{config.name}</Link> },
        { title: "Status", cell: (config) => <Status value={config.status} /> },
        { title: "Scheme", cell: (config) => config.schemeKey },
        { title: "Connections", number: true, cell: (config) => config.credentialCount },
      ]}
    />
  );
}
