import type { CheckFragment } from "../../api/gql.ts";
import { Status } from "./statuses.tsx";

/** What a diagnosis looked at, each with its outcome and, where something is to be done, what. */
export function Checks({ checks }: { checks: readonly CheckFragment[] }) {
  return (
    <ul className="checks">
      {checks.map((check) => (
        <li key={check.name} className="card">
          <div className="row spread">
            <b>{check.name}</b>
            <Status value={check.outcome} />
          </div>
          <p>{check.message}</p>
          {check.remedy && <p className="remedy">{check.remedy}</p>}
        </li>
      ))}
    </ul>
  );
}
