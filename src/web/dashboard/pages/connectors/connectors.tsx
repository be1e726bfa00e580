import { Link } from "react-router";
import { useQuery } from "urql";
import {
  type ConnectorFilter,
  type ConnectorKind,
  ConnectorsCategoriesDocument,
  ConnectorsPageDocument,
  type SchemeType,
} from "../../../api/gql.ts";
import { SearchField } from "../../../ui/search-field.tsx";
import { EmptyState } from "../../../ui/show.tsx";
import { Pager } from "../../shell/more.tsx";
import { Loads, Page } from "../../shell/page.tsx";
import { useMay } from "../../shell/viewer.ts";
import { ConnectorTile, TileList } from "./connector-tile.tsx";
import { FilterSelect, inWords } from "./filter-select.tsx";
import { only, useFilters, usePagesOf, useSearch } from "./filters.ts";
import { KINDS, SCHEMES } from "./kinds.ts";

const PAGE = 24;

export default function Connectors() {
  const filters = useFilters();
  const { search, field } = useSearch(filters);
  const [category, kind, scheme] = [filters.get("category"), filters.get("kind"), filters.get("scheme")];
  const filter: ConnectorFilter = {
    search: search || undefined,
    category: category || undefined,
    kind: only<ConnectorKind>(kind),
    scheme: only<SchemeType>(scheme),
  };
  const pages = usePagesOf(filter);
  const [result] = useQuery({ query: ConnectorsPageDocument, variables: { filter, first: PAGE, after: pages.after } });
  const [categories] = useQuery({ query: ConnectorsCategoriesDocument });

  return (
    <Page
      title="Connectors"
      lead="What your users can connect accounts of. Open one to see what it asks for, and to create an auth config."
    >
      <search className="filters">
        <SearchField {...field} placeholder="HubSpot, Postgres, mail…" />
        <FilterSelect
          label="Category"
          filters={filters}
          name="category"
          choices={(categories.data?.connectorCategories ?? []).map(({ slug, name, connectorCount }) => ({
            value: slug,
            label: `${name} (${connectorCount})`,
          }))}
        />
        <FilterSelect label="Kind" filters={filters} name="kind" choices={inWords(KINDS)} />
        <FilterSelect label="Authentication" filters={filters} name="scheme" choices={inWords(SCHEMES)} />
      </search>
      <Loads result={result} what="the connectors">
        {({ connectors }) =>
          connectors && (
            <>
              <p className="soft small" role="status">
                {connectors.totalCount === 1 ? "1 connector" : `${connectors.totalCount} connectors`}
                {search && `, best match first`}
              </p>
              {connectors.nodes.length === 0 ? (
                <NothingFound />
              ) : (
                <TileList label="Connectors">
                  {connectors.nodes.map((connector) => (
                    <li key={connector.id}>
                      <ConnectorTile connector={connector} to={`/connectors/${connector.slug}`} />
                    </li>
                  ))}
                </TileList>
              )}
              <Pager pages={pages} info={connectors.pageInfo} />
            </>
          )
        }
      </Loads>
    </Page>
  );
}

export function NothingFound() {
  const may = useMay();
  return (
    <EmptyState title="No connector fits.">
      <p className="soft">
        Try another word, or fewer filters. A web service that is not in the catalogue can be described by yourself.
      </p>
      {may("CONNECTOR_WRITE") && (
        <Link className="button" to="/custom-connectors">
          Custom connectors
        </Link>
      )}
    </EmptyState>
  );
}
