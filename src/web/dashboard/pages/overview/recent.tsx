import { useMemo } from "react";
import { Link } from "react-router";
import { useQuery, useSubscription } from "urql";
import {
  type OverviewCredentialFragment,
  type OverviewCredentialsLiveSubscription,
  type OverviewRequestFragment,
  OverviewRequestsDocument,
  OverviewRequestsLiveDocument,
  type OverviewRequestsLiveSubscription,
} from "../../../api/gql.ts";
import { Time } from "../../../ui/time.tsx";
import { Loads } from "../../shell/page.tsx";
import { Status, wordsOf } from "../../shell/statuses.tsx";

const SHOWN = 8;

type Change = OverviewCredentialsLiveSubscription["credentialChanged"];

export interface CredentialEvent {
  cursor: string;
  at: string;
  kind: Change["kind"];
  credential: OverviewCredentialFragment | null;
  deletedId: string | null;
}

/** For a subscription: the changes since the page was opened, newest first. */
export function collect(
  known: CredentialEvent[] | undefined,
  { credentialChanged }: OverviewCredentialsLiveSubscription,
): CredentialEvent[] {
  const { kind, cursor, credential, deletedId } = credentialChanged;
  const event = { kind, cursor, credential: credential ?? null, deletedId: deletedId ?? null, at: new Date().toISOString() };
  return [event, ...(known ?? []).filter((other) => other.cursor !== cursor)].slice(0, SHOWN);
}

export function RecentCredentials({ events }: { events: readonly CredentialEvent[] }) {
  return (
    <section className="card stack" aria-label="Credentials, live">
      <h2>Credentials, live</h2>
      {events.length === 0 ? (
        <p className="soft">Whatever happens to a credential while this page is open appears here.</p>
      ) : (
        <div role="log">
          <ol className="timeline">
            {events.map((event) => (
              <li key={event.cursor}>
                <Happened event={event} />{" "}
                <span className="soft small">
                  · <Time at={event.at} />
                </span>
              </li>
            ))}
          </ol>
        </div>
      )}
    </section>
  );
}

const VERBS: Record<Change["kind"], string> = { CREATED: "Connected", UPDATED: "Changed", DELETED: "Deleted" };

function Happened({ event: { kind, credential, deletedId } }: { event: CredentialEvent }) {
  if (!credential)
    return (
      <>
        {VERBS[kind]}: <code>{deletedId}</code>
      </>
    );
  return (
    <>
      {VERBS[kind]}: <Link to={`/credentials/${credential.id}`}>{nameOf(credential)}</Link> ({credential.connector.name}){" "}
      <Status value={credential.status} />
    </>
  );
}

export function nameOf({
  label,
  account,
  user,
  id,
}: Pick<OverviewCredentialFragment, "label" | "account" | "user" | "id">): string {
  return label ?? account?.name ?? account?.email ?? user?.displayName ?? user?.externalId ?? id;
}

/** The latest requests, each in its present state: what the subscription brings takes the place of what was read. */
export function RecentRequests() {
  const context = useMemo(() => ({ additionalTypenames: ["ConnectionRequest"] }), []);
  const [result] = useQuery({ query: OverviewRequestsDocument, context, requestPolicy: "cache-and-network" });
  const [{ data: live }] = useSubscription({ query: OverviewRequestsLiveDocument }, merge);
  return (
    <section className="card stack" aria-label="Connection requests">
      <h2>Connection requests</h2>
      <Loads result={result} what="the connection requests">
        {({ connectionRequests }) => {
          const requests = latest([...(live ?? []), ...(connectionRequests?.nodes ?? [])]);
          if (requests.length === 0)
            return <p className="soft">None yet. Each attempt of a user to connect is listed here as it goes on.</p>;
          return (
            <ol className="timeline">
              {requests.map((request) => (
                <li key={request.id}>
                  <Link to={`/requests/${request.id}`}>{request.connector.name}</Link> for{" "}
                  {request.user?.displayName ?? request.user?.externalId ?? "the project"} <Status value={request.status} />{" "}
                  <span className="soft small">
                    {request.kind === "CONNECT" ? "" : `${wordsOf(request.kind)} · `}
                    <Time at={request.updatedAt} />
                  </span>
                </li>
              ))}
            </ol>
          );
        }}
      </Loads>
    </section>
  );
}

function merge(known: OverviewRequestFragment[] | undefined, data: OverviewRequestsLiveSubscription): OverviewRequestFragment[] {
  return latest([data.connectionRequestsUpdated, ...(known ?? [])]);
}

/** One of each, as far as it has come, newest first. */
function latest(requests: readonly OverviewRequestFragment[]): OverviewRequestFragment[] {
  const byId = new Map<string, OverviewRequestFragment>();
  for (const request of requests) {
    const known = byId.get(request.id);
    if (!known || known.sequence < request.sequence) byId.set(request.id, request);
  }
  return [...byId.values()].toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1)).slice(0, SHOWN);
}
