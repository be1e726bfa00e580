import { useMemo, useState } from "react";
import { Link } from "react-router";
import { useQuery } from "urql";
import { type CustomConnectorRowFragment, CustomConnectorsListDocument } from "../../../api/gql.ts";
import { Button } from "../../../ui/button.tsx";
import { EmptyState } from "../../../ui/show.tsx";
import { Table } from "../../../ui/table.tsx";
import { Pager, usePages } from "../../shell/more.tsx";
import { Loads, Page } from "../../shell/page.tsx";
import { wordsOf } from "../../shell/statuses.tsx";
import { useMay } from "../../shell/viewer.ts";
import { DeleteConnector } from "./delete-connector.tsx";

export default function CustomConnectors() {
  const may = useMay();
  const pages = usePages();
  const context = useMemo(() => ({ additionalTypenames: ["Connector"] }), []);
  const [result] = useQuery({ query: CustomConnectorsListDocument, variables: { after: pages.after }, context });
  const [deleting, setDeleting] = useState<CustomConnectorRowFragment | null>(null);
  const create = may("CONNECTOR_WRITE") && (
    <Link className="button" data-variant="primary" to="/custom-connectors/new">
      New custom connector
    </Link>
  );
  return (
    <Page title="Custom connectors" lead="Services that the catalogue lacks, defined by your project." actions={create}>
      <Loads result={result} what="the custom connectors">
        {({ connectors }) =>
          !connectors || connectors.nodes.length === 0 ? (
            <EmptyState title="No custom connector yet">
              <p className="soft">
                Look into the catalogue first: a thousand services are there. For yours, an issuer’s address is often all it
                takes.
              </p>
            </EmptyState>
          ) : (
            <>
              <Table
                label="Custom connectors"
                rows={connectors.nodes}
                rowKey={(connector) => connector.id}
                columns={[
                  {
                    title: "Name",
                    cell: (connector) => (
                      <>
                        <Link to={`/connectors/${connector.slug}`}>{connector.name}</Link>
                        <code className="soft">{connector.slug}</code>
                      </>
                    ),
                  },
                  { title: "Type", cell: (connector) => connector.schemes.map((scheme) => wordsOf(scheme.type)).join(", ") },
                  { title: "Auth configs", number: true, cell: (connector) => connector.authConfigs.totalCount },
                  {
                    title: "Actions",
                    hidden: true,
                    cell: (connector) => (
                      <span className="row">
                        {may("CONNECTOR_WRITE") && (
                          <Link
                            className="button"
                            data-small
                            to={`/custom-connectors/${connector.slug}/edit`}
                            aria-label={`Edit ${connector.name}`}
                          >
                            Edit
                          </Link>
                        )}
                        {may("CONNECTOR_DELETE") && (
                          <Button
                            small
                            variant="danger"
                            onPress={() => setDeleting(connector)}
                            aria-label={`Delete ${connector.name}`}
                          >
                            Delete
                          </Button>
                        )}
                      </span>
                    ),
                  },
                ]}
              />
              <Pager pages={pages} info={connectors.pageInfo} total={connectors.totalCount} />
            </>
          )
        }
      </Loads>
      {deleting && <DeleteConnector connector={deleting} onClose={() => setDeleting(null)} />}
    </Page>
  );
}
