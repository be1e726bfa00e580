import { type ReactNode, useEffect } from "react";
import type { CombinedError } from "urql";
import { EmptyState, Loading, Notice } from "../../ui/show.tsx";

/** Heading, what can be done about the whole, and the content. The title is the window's, too. */
export function Page({
  title,
  lead,
  actions,
  children,
}: {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} – Moorline`;
  }, [title]);
  return (
    <div className="stack page">
      <div className="row spread">
        <h1>{title}</h1>
        <div className="row">{actions}</div>
      </div>
      {lead && <p className="soft">{lead}</p>}
      {children}
    </div>
  );
}

interface Loaded<Data> {
  data?: Data | undefined;
  fetching: boolean;
  error?: CombinedError | undefined;
}

/** What a query is at: loading, failed with a word what to do, or there. Data that is there stays while it is read again. */
export function Loads<Data>({ result, what, children }: { result: Loaded<Data>; what: string; children(data: Data): ReactNode }) {
  const { data, error, fetching } = result;
  if (data) {
    return (
      <>
        {error && <Notice tone="warn">Part of this could not be read: {plain(error)}</Notice>}
        {children(data)}
      </>
    );
  }
  if (error)
    return (
      <Notice tone="bad" live title={`Could not load ${what}.`}>
        {plain(error)}
      </Notice>
    );
  return fetching ? <Loading label={`Loading ${what}…`} /> : null;
}

function plain(error: CombinedError): string {
  return error.graphQLErrors[0]?.message ?? error.networkError?.message ?? error.message;
}

export function NotFound({ what = "page" }: { what?: string }) {
  return (
    <Page title="Nothing here">
      <EmptyState title={`This ${what} is not there.`}>
        <p className="soft">It may have been deleted, or belong to another project.</p>
        <a className="button" href="/">
          To the overview
        </a>
      </EmptyState>
    </Page>
  );
}
