import { useMemo } from "react";
import { Link } from "react-router";
import { useQuery } from "urql";
import {
  type AuthConfigFilter,
  type AuthConfigRowFragment,
  type AuthConfigStatus,
  AuthConfigsPageDocument,
  type ConnectorKind,
} from "../../../api/gql.ts";
import { SearchField } from "../../../ui/search-field.tsx";
import { EmptyState } from "../../../ui/show.tsx";
import { Table } from "../../../ui/table.tsx";
import { Time } from "../../../ui/time.tsx";
import { ConnectorAvatar } from "../../shell/connector-avatar.tsx";
import { Pager } from "../../shell/more.tsx";
import { Loads, Page } from "../../shell/page.tsx";
import { Status, wordsOf } from "../../shell/statuses.tsx";
import { useMay } from "../../shell/viewer.ts";
import { FilterSelect, inWords } from "../connectors/filter-select.tsx";
import { only, useFilters, usePagesOf, useSearch } from "../connectors/filters.ts";
import { KINDS } from "../connectors/kinds.ts";
import "../connectors/catalogue.css";

const PAGE = 20;
const STATUSES: AuthConfigStatus[] = ["ACTIVE", "EXPIRED", "ERROR", "DISABLED"];

export default function AuthConfigs() {
  const may = useMay();
  const filters = useFilters();
  const { search, field } = useSearch(filters);
  const [status, kind] = [filters.get("status"), filters.get("kind")];
  const filter: AuthConfigFilter = {
    search: search || undefined,
    status: only<AuthConfigStatus>(status),
    kind: only<ConnectorKind>(kind),
  };
  const isFiltered = Boolean(search || status || kind);
  const pages = usePagesOf(filter);
  const context = useMemo(() => ({ additionalTypenames: ["AuthConfig", "Credential"] }), []);
  const [result] = useQuery({
    query: AuthConfigsPageDocument,
    variables: { filter, orderBy: null, first: PAGE, after: pages.after },
    context,
  });

  return (
    <Page
      title="Auth configs"
      lead="How your users authenticate with each service: whose app, which scopes, which values are the same for everyone."
      actions={
        may("AUTH_CONFIG_CREATE") && (
          <Link className="button" data-variant="primary" to="/auth-configs/new">
            Create an auth config
          </Link>
        )
      }
    >
      <search className="filters">
        <SearchField {...field} placeholder="Name, description, connector" />
        <FilterSelect label="Status" filters={filters} name="status" choices={inWords(STATUSES)} />
        <FilterSelect label="Kind" filters={filters} name="kind" choices={inWords(KINDS)} />
      </search>
      <Loads result={result} what="the auth configs">
        {({ authConfigs }) =>
          authConfigs && (
            <>
              <List rows={authConfigs.nodes} isFiltered={isFiltered} />
              {authConfigs.totalCount > 0 && <Pager pages={pages} info={authConfigs.pageInfo} total={authConfigs.totalCount} />}
            </>
          )
        }
      </Loads>
    </Page>
  );
}

function List({ rows, isFiltered }: { rows: readonly AuthConfigRowFragment[]; isFiltered: boolean }) {
  const may = useMay();
  if (rows.length === 0 && isFiltered)
    return (
      <EmptyState title="No auth config fits.">
        <p className="soft">Try another word, or fewer filters.</p>
      </EmptyState>
    );
  if (rows.length === 0)
    return (
      <EmptyState title="No auth config yet.">
        <p className="soft">Begin with one: choose a service, and how your users authenticate with it. Then they can connect.</p>
        {may("AUTH_CONFIG_CREATE") && (
          <Link className="button" to="/auth-configs/new">
            Create the first one
          </Link>
        )}
      </EmptyState>
    );
  return (
    <Table
      label="Auth configs"
      rows={rows}
      rowKey={({ id }) => id}
      columns={[
        { title: "Name", cell: (config) => <Link to={`/auth-configs/${config.id}`}>{config.name}</Link> },
        { title: "Type", cell: (config) => wordsOf(config.scheme) },
        {
          title: "Connector",
          cell: ({ connector }) => (
            <span className="row nowrap">
              <ConnectorAvatar connector={connector} />
              <Link to={`/connectors/${connector.slug}`}>{connector.name}</Link>
            </span>
          ),
        },
        { title: "Status", cell: (config) => <Status value={config.status} /> },
        {
          title: "Last used",
          cell: (config) => (config.lastUsedAt ? <Time at={config.lastUsedAt} /> : <span className="soft">never</span>),
        },
        { title: "Connections", number: true, cell: (config) => config.credentialCount },
      ]}
    />
  );
}
