import { useQuery } from "urql";
import { type ConnectorFilter, ConnectorsPageDocument } from "../../../api/gql.ts";
import { RadioCards } from "../../../ui/choice.tsx";
import { SearchField } from "../../../ui/search-field.tsx";
import { Notice } from "../../../ui/show.tsx";
import { Pager } from "../../shell/more.tsx";
import { Loads, Page } from "../../shell/page.tsx";
import { ConnectorTile, TileList } from "../connectors/connector-tile.tsx";
import { NothingFound } from "../connectors/connectors.tsx";
import { useFilters, usePagesOf, useSearch } from "../connectors/filters.ts";
import { SERVICE_KINDS, serviceKind } from "./guide.ts";

const PAGE = 12;

/** The first step: what is it, and which service exactly? Whoever knows the name needs no answer to the first question. */
export function PickConnector() {
  const filters = useFilters();
  const { search, field } = useSearch(filters);
  const kind = serviceKind(filters.get("service"));
  const filter: ConnectorFilter = { search: search || undefined, scheme: kind ? [...kind.schemes] : undefined };
  const pages = usePagesOf(filter);
  const [result] = useQuery({ query: ConnectorsPageDocument, variables: { filter, first: PAGE, after: pages.after } });
  const more = kind ? `&service=${kind.id}` : "";

  return (
    <Page
      title="Create an auth config"
      lead="Which service, and how does one sign in to it? If you know its name, search for it right away."
    >
      <div className="beside guide-first">
        <section className="card">
          <RadioCards
            label="What is the service?"
            value={kind?.id ?? "any"}
            onChange={(value) => filters.set("service", value === "any" ? "" : value)}
            choices={[
              { value: "any", label: "I only know its name", description: "All connectors are searched." },
              ...SERVICE_KINDS.map(({ id, title, help }) => ({ value: id, label: title, description: help })),
            ]}
            isRequired
          />
        </section>
        <section className="stack" aria-label="Connectors that fit">
          <h2>Choose the connector</h2>
          {kind && (
            <Notice title="The type that fits" live>
              {kind.proposal}
            </Notice>
          )}
          <SearchField {...field} placeholder="Name of the service" />
          <Loads result={result} what="the connectors">
            {({ connectors }) =>
              connectors && (
                <>
                  <p className="soft small" role="status">
                    {connectors.totalCount === 1 ? "1 connector fits" : `${connectors.totalCount} connectors fit`}
                  </p>
                  {connectors.nodes.length === 0 ? (
                    <NothingFound />
                  ) : (
                    <TileList label="Connectors">
                      {connectors.nodes.map((connector) => (
                        <li key={connector.id}>
                          <ConnectorTile connector={connector} to={`/auth-configs/new?connector=${connector.slug}${more}`} />
                        </li>
                      ))}
                    </TileList>
                  )}
                  <Pager pages={pages} info={connectors.pageInfo} />
                </>
              )
            }
          </Loads>
        </section>
      </div>
    </Page>
  );
}
