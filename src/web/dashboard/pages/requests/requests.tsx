import { useMemo, useState } from "react";
import { useQuery } from "urql";
import { type ConnectionStatus, RequestsListDocument, RequestsUpdatedDocument } from "../../../api/gql.ts";
import { useLive } from "../../../api/use-live.ts";
import { Select } from "../../../ui/choice.tsx";
import { EmptyState } from "../../../ui/show.tsx";
import { Pager, usePages } from "../../shell/more.tsx";
import { Loads, Page } from "../../shell/page.tsx";
import { RequestTable } from "./request-table.tsx";

const OPEN: ConnectionStatus[] = ["PENDING", "AUTHORIZING", "VERIFYING", "EXCHANGING"];
const CHOICES: { value: string; label: string; status: ConnectionStatus[] | null }[] = [
  { value: "ALL", label: "All", status: null },
  { value: "OPEN", label: "Under way", status: OPEN },
  { value: "ACTIVE", label: "Succeeded", status: ["ACTIVE"] },
  { value: "FAILED", label: "Failed or denied", status: ["FAILED", "DENIED"] },
  { value: "LEFT", label: "Cancelled or expired", status: ["CANCELED", "EXPIRED"] },
];

/** Live: the list is what the subscription makes of it, from whatever happens now. */
export default function Requests() {
  const pages = usePages();
  const [choice, setChoice] = useState("ALL");
  const status = CHOICES.find(({ value }) => value === choice)?.status ?? null;
  const context = useMemo(() => ({ additionalTypenames: ["ConnectionRequest"] }), []);
  const [result, read] = useQuery({
    query: RequestsListDocument,
    variables: { filter: { status }, after: pages.after },
    context,
    requestPolicy: "cache-and-network",
  });
  useLive(RequestsUpdatedDocument, { filter: null }, read);
  function choose(value: string): void {
    pages.restart();
    setChoice(value || "ALL");
  }
  return (
    <Page title="Connection requests" lead="Each attempt of a user to connect an account, as it happens.">
      <search className="filters">
        <Select label="Status" choices={CHOICES} value={choice} onChange={choose} filter />
      </search>
      <Loads result={result} what="the connection requests">
        {({ connectionRequests }) =>
          !connectionRequests || connectionRequests.nodes.length === 0 ? (
            <EmptyState title={choice === "ALL" ? "No connection request yet" : "None fits"}>
              {choice === "ALL" && (
                <p className="soft">They begin with initiateConnection, or with a connect link that a user opens.</p>
              )}
            </EmptyState>
          ) : (
            <>
              <RequestTable requests={connectionRequests.nodes} />
              <Pager pages={pages} info={connectionRequests.pageInfo} total={connectionRequests.totalCount} />
            </>
          )
        }
      </Loads>
    </Page>
  );
}
