import type { ConnectorDetailsFragment, SchemeDetailsFragment } from "../../../api/gql.ts";
import { Copyable } from "../../../ui/show.tsx";
import { SetupGuide } from "../connectors/connector.tsx";

export interface ConfigAsideProps {
  connector: ConnectorDetailsFragment;
  scheme: SchemeDetailsFragment;
  webhookUrl: string | null;
}

/** What is to be entered at the provider, beside the form where what it gives in return is entered. */
export function ConfigAside({ connector, scheme, webhookUrl }: ConfigAsideProps) {
  const { name, docsUrl } = connector;
  return (
    <aside className="stack" aria-label={`At ${name}`}>
      {webhookUrl && (
        <section className="card stack" aria-label="Webhook URL">
          <h2>Webhook URL</h2>
          <p className="soft">Enter this at {name} as the address for its webhooks:</p>
          <Copyable value={webhookUrl} label="webhook URL" wrap />
        </section>
      )}
      {scheme.usesClient && <SetupGuide connector={connector} />}
      {docsUrl && (
        <p>
          <a href={docsUrl} target="_blank" rel="noreferrer noopener">
            Documentation of {name}
          </a>
        </p>
      )}
    </aside>
  );
}
