import type { FieldFragment, SchemeDetailsFragment } from "../../../api/gql.ts";
import { Badge } from "../../../ui/show.tsx";
import { Table } from "../../../ui/table.tsx";
import { wordsOf } from "../../shell/statuses.tsx";

/** One way to authenticate: who is asked for what. */
export function SchemeCard({ scheme, recommended }: { scheme: SchemeDetailsFragment; recommended: boolean }) {
  const { name, type, description, usesClient, credentialFields, authConfigFields, scopes, testable } = scheme;
  return (
    <section className="card stack" aria-label={name}>
      <div className="row">
        <h3>{name}</h3>
        <Badge tone="live">{wordsOf(type)}</Badge>
        {recommended && <Badge tone="good">Recommended</Badge>}
        {testable && <Badge>Can be tested</Badge>}
      </div>
      {description && <p>{description}</p>}
      <div className="split">
        <FieldList
          title="Each user"
          fields={credentialFields}
          none={usesClient ? "Enters nothing: consents at the provider." : "Enters nothing."}
          first={usesClient && credentialFields.length > 0 ? "Consents at the provider, and enters:" : null}
        />
        <FieldList
          title="You, once, on the auth config"
          fields={authConfigFields}
          none={usesClient ? clientNeed(scheme) : "Nothing: everything comes from each user, unless you preset it for everyone."}
          first={usesClient && authConfigFields.length > 0 ? clientNeed(scheme) : null}
        />
      </div>
      {scopes.length > 0 && <Scopes scheme={scheme} />}
    </section>
  );
}

function clientNeed({ needsClientSecret, selfRegistration }: SchemeDetailsFragment): string {
  if (selfRegistration) return "Nothing: Moorline registers itself at the provider. Or the client id of an app of your own.";
  return needsClientSecret ? "Client id and client secret of your app." : "Client id of your app.";
}

function FieldList({
  title,
  fields,
  none,
  first,
}: {
  title: string;
  fields: readonly FieldFragment[];
  none: string;
  first: string | null;
}) {
  return (
    <div className="stack">
      <h4>{title}</h4>
      {first && <p>{first}</p>}
      {fields.length === 0 ? (
        <p className="soft">{none}</p>
      ) : (
        <ul className="plain-list">
          {fields.map((field) => (
            <li key={field.name}>
              <b>{field.label}</b> {!field.required && <span className="soft small">optional</span>}{" "}
              {field.secret && <Badge>Secret</Badge>}
              {field.description && <div className="soft small">{field.description}</div>}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Scopes({ scheme: { name, scopes } }: { scheme: SchemeDetailsFragment }) {
  return (
    <details>
      <summary>
        Scopes: {scopes.length}, of which {scopes.filter((scope) => scope.default).length} are asked for by default
      </summary>
      <Table
        label={`Scopes of ${name}`}
        rows={scopes}
        rowKey={(scope) => scope.name}
        columns={[
          { title: "Scope", cell: (scope) => <code>{scope.name}</code> },
          { title: "What it allows", cell: (scope) => scope.description ?? <span className="soft">–</span> },
          {
            title: "Notes",
            cell: (scope) => (
              <span className="row">
                {scope.default && <Badge tone="good">Default</Badge>}
                {scope.sensitive && <Badge tone="warn">Sensitive</Badge>}
              </span>
            ),
          },
        ]}
      />
    </details>
  );
}
