import { useMemo, useState } from "react";
import { Link } from "react-router";
import { useQuery } from "urql";
import { AuthConfigsCredentialsDocument, type ConfigCredentialFragment } from "../../../api/gql.ts";
import { Button } from "../../../ui/button.tsx";
import { EmptyState } from "../../../ui/show.tsx";
import { Table } from "../../../ui/table.tsx";
import { Time } from "../../../ui/time.tsx";
import { Pager, usePages } from "../../shell/more.tsx";
import { Loads } from "../../shell/page.tsx";
import { Status } from "../../shell/statuses.tsx";
import { useMay } from "../../shell/viewer.ts";
import { AddCredentialDialog, TYPED } from "../credentials/add-credential-dialog.tsx";
import type { ShownConfig } from "./shown-config.ts";

/** The credentials made with it, newest first. */
export function Connections({ config }: { config: ShownConfig }) {
  const may = useMay();
  const pages = usePages();
  const [adding, setAdding] = useState(false);
  const context = useMemo(() => ({ additionalTypenames: ["Credential"] }), []);
  const variables = { id: config.id, first: 20, after: pages.after };
  const [result] = useQuery({ query: AuthConfigsCredentialsDocument, variables, context });
  return (
    <section className="stack" aria-label="Connections">
      <div className="row spread">
        <h2>Connections</h2>
        {may("CREDENTIAL_CREATE") && config.status === "ACTIVE" && TYPED.includes(config.scheme) && (
          <Button onPress={() => setAdding(true)}>Add one of the project’s own</Button>
        )}
      </div>
      <Loads result={result} what="the connections">
        {({ authConfig }) =>
          authConfig && (
            <>
              <List rows={authConfig.credentials.nodes} />
              {authConfig.credentials.totalCount > 0 && (
                <Pager pages={pages} info={authConfig.credentials.pageInfo} total={authConfig.credentials.totalCount} />
              )}
            </>
          )
        }
      </Loads>
      {adding && <AddCredentialDialog user={null} config={config} onClose={() => setAdding(false)} />}
    </section>
  );
}

function List({ rows }: { rows: readonly ConfigCredentialFragment[] }) {
  if (rows.length === 0)
    return (
      <EmptyState title="Nobody has connected yet.">
        <p className="soft">As soon as a user connects an account with this auth config, it is listed here.</p>
      </EmptyState>
    );
  return (
    <Table
      label="Connections"
      rows={rows}
      rowKey={({ id }) => id}
      columns={[
        { title: "Account", cell: (credential) => <Link to={`/credentials/${credential.id}`}>{accountOf(credential)}</Link> },
        { title: "User", cell: (credential) => userOf(credential) },
        { title: "Status", cell: (credential) => <Status value={credential.status} /> },
        {
          title: "Last used",
          cell: (credential) =>
            credential.lastUsedAt ? <Time at={credential.lastUsedAt} /> : <span className="soft">never</span>,
        },
        { title: "Connected", cell: (credential) => <Time at={credential.createdAt} /> },
      ]}
    />
  );
}

export function accountOf({ account, label, id }: Pick<ConfigCredentialFragment, "account" | "label" | "id">): string {
  return label ?? account?.name ?? account?.email ?? id;
}

export function userOf({ user }: Pick<ConfigCredentialFragment, "user">): string {
  return user ? (user.displayName ?? user.externalId) : "The project’s own";
}
