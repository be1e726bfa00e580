import { useEffect, useMemo, useRef } from "react";
import { Link } from "react-router";
import { useQuery, useSubscription } from "urql";
import { OverviewCredentialsLiveDocument, OverviewFiguresDocument, type OverviewFiguresQuery } from "../../../api/gql.ts";
import { Loads, Page } from "../../shell/page.tsx";
import { useMay } from "../../shell/viewer.ts";
import { Attention } from "./attention.tsx";
import { FirstSteps } from "./first-steps.tsx";
import { collect, RecentCredentials, RecentRequests } from "./recent.tsx";
import "../connectors/catalogue.css";

const SOON = 400;

export default function Overview() {
  const may = useMay();
  const context = useMemo(() => ({ additionalTypenames: ["Credential", "ConnectionRequest", "AuthConfig", "User"] }), []);
  const [figures, readFigures] = useQuery({ query: OverviewFiguresDocument, context, requestPolicy: "cache-and-network" });
  const [{ data: events = [] }] = useSubscription({ query: OverviewCredentialsLiveDocument }, collect);

  // A hundred changes at once are one reading.
  const cursor = events[0]?.cursor;
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (!cursor) return;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => readFigures({ requestPolicy: "network-only" }), SOON);
  }, [cursor, readFigures]);
  useEffect(() => () => clearTimeout(timer.current), []);

  return (
    <Page
      title="Overview"
      actions={
        may("AUTH_CONFIG_CREATE") && (
          <Link className="button" to="/auth-configs/new">
            Create an auth config
          </Link>
        )
      }
    >
      <Loads result={figures} what="the overview">
        {(data) => (
          <>
            <FirstSteps figures={data} />
            <Figures figures={data} />
          </>
        )}
      </Loads>
      <Attention changed={cursor ?? null} />
      <div className="split">
        <RecentCredentials events={events} />
        <RecentRequests />
      </div>
    </Page>
  );
}

function Figures({ figures }: { figures: OverviewFiguresQuery }) {
  const tiles = [
    ["Active", figures.active, "/credentials?status=ACTIVE"],
    ["Expired", figures.expired, "/credentials?status=EXPIRED"],
    ["Invalid", figures.invalid, "/credentials?status=INVALID"],
    ["Disabled", figures.disabled, "/credentials?status=DISABLED"],
    ["Connecting now", figures.waiting, "/requests"],
    ["Auth configs", figures.authConfigs, "/auth-configs"],
    ["Users", figures.users, "/users"],
  ] as const;
  return (
    <section aria-label="Figures" className="stack">
      <h2>Credentials and what they hang on</h2>
      <ul className="figures">
        {tiles.map(([title, value, to]) => (
          <li key={title}>
            <Link className="tile figure-tile" to={to}>
              <span className="soft small">{title}</span>
              <span className="figure">{value?.totalCount ?? "–"}</span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
