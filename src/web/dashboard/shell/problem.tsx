import { issuesOf, type Problem } from "../../api/use-action.ts";
import { Notice } from "../../ui/show.tsx";

/**
 * An expected failure, in the server's own words, which say what to do. `shown`: paths of issues that stand beside their fields
 * already; the others are listed here, so that none is lost.
 */
export function ProblemNotice({ problem, shown = [] }: { problem: Problem | null; shown?: readonly string[] }) {
  if (!problem) return null;
  const others = Object.entries(issuesOf(problem)).filter(([path]) => !shown.includes(path));
  return (
    <Notice tone="bad" title={problem.message} live>
      {others.length > 0 && (
        <ul>
          {others.map(([path, message]) => (
            <li key={path}>
              {path && <code>{path}</code>} {message}
            </li>
          ))}
        </ul>
      )}
      {problem.__typename === "TestFailedError" && (
        <p>{[problem.result.message, problem.result.remedy].filter(Boolean).join(" ")}</p>
      )}
      {problem.__typename === "ProviderError" && problem.providerCode && (
        <p className="soft">
          The provider’s code: <code>{problem.providerCode}</code>
        </p>
      )}
    </Notice>
  );
}
