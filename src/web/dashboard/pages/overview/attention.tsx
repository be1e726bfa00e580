import { useEffect, useMemo } from "react";
import { Link } from "react-router";
import { useQuery } from "urql";
import { OverviewAttentionDocument, type OverviewAttentionQuery } from "../../../api/gql.ts";
import { Time } from "../../../ui/time.tsx";
import { Loads } from "../../shell/page.tsx";
import { Status } from "../../shell/statuses.tsx";
import { nameOf } from "./recent.tsx";

/** Failures older than this are history: what is wrong now is what matters here. */
const LATELY = 86_400_000;

/** What somebody has to do something about. `changed`: read again when it changes. */
export function Attention({ changed }: { changed: string | null }) {
  const context = useMemo(() => ({ additionalTypenames: ["Credential", "ConnectionRequest", "AuthConfig"] }), []);
  const [result, read] = useQuery({ query: OverviewAttentionDocument, context, requestPolicy: "cache-and-network" });
  useEffect(() => {
    if (changed) read({ requestPolicy: "network-only" });
  }, [changed, read]);
  return (
    <section className="stack" aria-label="What needs attention">
      <h2>What needs attention</h2>
      <Loads result={result} what="what needs attention">
        {(data) => <List data={data} />}
      </Loads>
    </section>
  );
}

function List({ data }: { data: OverviewAttentionQuery }) {
  const configs = data.authConfigs?.nodes ?? [];
  const credentials = data.credentials?.nodes ?? [];
  const failed = (data.connectionRequests?.nodes ?? []).filter(({ updatedAt }) => Date.now() - Date.parse(updatedAt) < LATELY);
  const more = (data.credentials?.totalCount ?? 0) - credentials.length;
  if (configs.length + credentials.length + failed.length === 0)
    return <p className="card soft">Nothing: all that is connected works, as far as is known.</p>;
  return (
    <ul className="plain-list">
      {configs.map((config) => (
        <li key={config.id} className="card attention">
          <Status value={config.status} />
          <div>
            <Link to={`/auth-configs/${config.id}`}>{config.name}</Link>{" "}
            <span className="soft">auth config for {config.connector.name}</span>
            <p>{config.statusReason}</p>
          </div>
        </li>
      ))}
      {credentials.map((credential) => (
        <li key={credential.id} className="card attention">
          <Status value={credential.status} />
          <div>
            <Link to={`/credentials/${credential.id}`}>{nameOf(credential)}</Link>{" "}
            <span className="soft">
              {credential.connector.name}, <Time at={credential.updatedAt} />
            </span>
            <p>{credential.statusReason}</p>
          </div>
        </li>
      ))}
      {more > 0 && (
        <li>
          <Link to="/credentials?status=EXPIRED">and {more} more credentials</Link>
        </li>
      )}
      {failed.map((request) => (
        <li key={request.id} className="card attention">
          <Status value="FAILED" />
          <div>
            <Link to={`/requests/${request.id}`}>
              Connecting {request.connector.name} for {request.user?.displayName ?? request.user?.externalId ?? "the project"}
            </Link>{" "}
            <span className="soft">
              <Time at={request.updatedAt} />
            </span>
            <p>
              {request.failure?.message} {request.failure?.remedy}
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}
