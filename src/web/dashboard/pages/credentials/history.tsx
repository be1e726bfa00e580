import { useQuery } from "urql";
import { CredentialsHistoryDocument } from "../../../api/gql.ts";
import { EmptyState } from "../../../ui/show.tsx";
import { Time } from "../../../ui/time.tsx";
import { Pager, usePages } from "../../shell/more.tsx";
import { Loads } from "../../shell/page.tsx";
import { Status, wordsOf } from "../../shell/statuses.tsx";

/** Refreshes, failures, scope changes, uses: the newest first. */
export function History({ id }: { id: string }) {
  const pages = usePages();
  const [result] = useQuery({
    query: CredentialsHistoryDocument,
    variables: { id, after: pages.after },
    requestPolicy: "cache-and-network",
  });
  return (
    <Loads result={result} what="the history">
      {({ credential }) =>
        !credential || credential.history.nodes.length === 0 ? (
          <EmptyState title="Nothing has happened yet" />
        ) : (
          <>
            <ol className="timeline">
              {credential.history.nodes.map((event) => (
                <li key={event.sequence}>
                  <div className="row">
                    <b>{wordsOf(event.kind)}</b> <Status value={event.status} />
                    <span className="soft small">
                      <Time at={event.at} />
                    </span>
                  </div>
                  <p>
                    {event.message} {event.providerCode && <code>{event.providerCode}</code>}
                  </p>
                </li>
              ))}
            </ol>
            <Pager pages={pages} info={credential.history.pageInfo} total={credential.history.totalCount} />
          </>
        )
      }
    </Loads>
  );
}
