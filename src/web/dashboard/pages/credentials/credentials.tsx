import { useMemo, useState } from "react";
import { useSearchParams } from "react-router";
import { useQuery } from "urql";
import { type CredentialStatus, CredentialsChangedDocument, CredentialsListDocument } from "../../../api/gql.ts";
import { useLive } from "../../../api/use-live.ts";
import { Button } from "../../../ui/button.tsx";
import { Select } from "../../../ui/choice.tsx";
import { EmptyState } from "../../../ui/show.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { Pager, usePages } from "../../shell/more.tsx";
import { Loads, Page } from "../../shell/page.tsx";
import { wordsOf } from "../../shell/statuses.tsx";
import { useSearchText } from "../../shell/use-search-text.ts";
import { useMay } from "../../shell/viewer.ts";
import { AddCredentialDialog } from "./add-credential-dialog.tsx";
import { CredentialTable } from "./credential-table.tsx";

const STATUSES = ["ACTIVE", "EXPIRED", "INVALID", "DISABLED", "REVOKED"] as const;
const STATUS_CHOICES = [{ value: "ALL", label: "All" }, ...STATUSES.map((value) => ({ value, label: wordsOf(value) }))];

/** Live: a change of any of them is taken in as it happens. The status stands in the address, so that the overview can lead here. */
export default function Credentials() {
  const may = useMay();
  const [adding, setAdding] = useState(false);
  const pages = usePages();
  const [params, setParams] = useSearchParams();
  const [text, search, setText] = useSearchText(pages.restart);
  const status = STATUSES.filter((value) => params.getAll("status").includes(value));
  const filter = { search, status: status.length > 0 ? (status as CredentialStatus[]) : null };
  const context = useMemo(() => ({ additionalTypenames: ["Credential"] }), []);
  const [result, read] = useQuery({
    query: CredentialsListDocument,
    variables: { filter, after: pages.after },
    context,
    requestPolicy: "cache-and-network",
  });
  useLive(CredentialsChangedDocument, { filter: null }, read);

  function choose(value: string): void {
    pages.restart();
    setParams(value === "ALL" || value === "" ? {} : { status: value }, { replace: true });
  }
  return (
    <Page
      title="Credentials"
      lead="Accounts that your users connected. Status, account and scopes are here; secrets stay in the vault."
      actions={may("CREDENTIAL_CREATE") && <Button onPress={() => setAdding(true)}>Add one of the project’s own</Button>}
    >
      <search className="filters">
        <TextField label="Search" value={text} onChange={setText} filter placeholder="Account, label, user" />
        <Select
          label="Status"
          choices={STATUS_CHOICES}
          value={status.length === 1 ? (status[0] ?? "ALL") : "ALL"}
          onChange={choose}
          filter
        />
        {status.length > 1 && <span className="soft small">Now: {status.map(wordsOf).join(", ")}</span>}
      </search>
      <Loads result={result} what="the credentials">
        {({ credentials }) =>
          !credentials || credentials.nodes.length === 0 ? (
            <EmptyState title={search || status.length > 0 ? "None fits" : "Nothing is connected yet"}>
              {!search && status.length === 0 && (
                <p className="soft">Create an auth config, add a user, and send them a connect link.</p>
              )}
            </EmptyState>
          ) : (
            <>
              <CredentialTable credentials={credentials.nodes} />
              <Pager pages={pages} info={credentials.pageInfo} total={credentials.totalCount} />
            </>
          )
        }
      </Loads>
      {adding && <AddCredentialDialog user={null} onClose={() => setAdding(false)} />}
    </Page>
  );
}
