import type { Problem } from "../../api/use-action.ts";
import { Notice } from "../../ui/show.tsx";

/** Whom a change or deletion would touch, as the API tells it before it does anything. Its own message speaks to programs. */
export function ImpactNotice({ problem }: { problem: Problem | null }) {
  if (problem?.__typename !== "InUseError") return null;
  const { impact } = problem;
  const { nodes } = impact.credentials;
  return (
    <Notice tone="warn" title="It is in use." live>
      <p>
        {count(impact.activeCredentialCount, "working credential")} of {count(impact.userCount, "user")}
        {impact.pendingRequestCount > 0 && `, and ${count(impact.pendingRequestCount, "connection")} under way`}.
      </p>
      {nodes.length > 0 && (
        <ul>
          {nodes.map((credential) => (
            <li key={credential.id}>
              {credential.user?.displayName ?? credential.user?.externalId ?? "The project’s own"}
              {credential.account && `: ${credential.account.name ?? credential.account.email ?? ""}`}
            </li>
          ))}
          {impact.activeCredentialCount > nodes.length && <li>and others</li>}
        </ul>
      )}
    </Notice>
  );
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
