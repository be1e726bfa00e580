import { useCallback, useRef, useState } from "react";
import { type AnyVariables, type CombinedError, type TypedDocumentNode, useClient } from "urql";
import type { ProblemFragment } from "./gql.ts";

/** An expected failure, as the schema types it; `NETWORK`: no answer came, so that it may or may not have happened; `RATE_LIMITED`: it has not. */
export type Problem = ProblemFragment | { __typename: "NetworkProblem"; code: "NETWORK" | "RATE_LIMITED"; message: string };

type Root<Data> = NonNullable<Data[Exclude<keyof Data, "__typename">]>;
export type Payload<Data> = Exclude<Root<Data>, { __typename: `${string}Error` }>;

export type Outcome<Data> = { ok: true; payload: Payload<Data> } | { ok: false; problem: Problem };

export interface Action<Data, Variables> {
  run(variables: Variables): Promise<Outcome<Data>>;
  pending: boolean;
  /** Of the last run; null while one runs and after one that succeeded. */
  problem: Problem | null;
  reset(): void;
}

/**
 * A mutation of one root field whose result is a union of its payload and the errors that are expected. `touches`: a type whose lists
 * are read again afterwards, where the answer itself holds nothing of that type (a deletion's).
 */
export function useAction<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  touches: string | null = null,
): Action<Data, Variables> {
  const client = useClient();
  const [pending, setPending] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const latest = useRef(0);

  const run = useCallback(
    async (variables: Variables): Promise<Outcome<Data>> => {
      latest.current += 1;
      const mine = latest.current;
      setPending(true);
      setProblem(null);
      const { data, error } = await client
        .mutation(document, variables, { additionalTypenames: touches ? [touches] : [] })
        .toPromise();
      const outcome = outcomeOf<Data>(data, error);
      if (mine === latest.current) {
        setPending(false);
        setProblem(outcome.ok ? null : outcome.problem);
      }
      return outcome;
    },
    [client, document, touches],
  );
  const reset = useCallback(() => setProblem(null), []);
  return { run, pending, problem, reset };
}

function outcomeOf<Data>(data: unknown, error: CombinedError | undefined): Outcome<Data> {
  const root = data ? Object.entries(data).find(([key]) => key !== "__typename")?.[1] : null;
  if (!root || typeof root !== "object") return { ok: false, problem: problemOf(error) };
  const { __typename } = root as { __typename: string };
  if (__typename.endsWith("Error")) return { ok: false, problem: root as ProblemFragment };
  return { ok: true, payload: root as Payload<Data> };
}

/** A value that its scalar refuses is told as a request error, with its place in the message: beside its field it reads like the others. */
function problemOf(error: CombinedError | undefined): Problem {
  const messages = error?.graphQLErrors.map(({ message }) => message) ?? [];
  const issues = messages.flatMap((text) => {
    const [, path, message] = /^Variable "\$input" has invalid value at \.([^:]+): (.*)$/s.exec(text) ?? [];
    return path && message ? [{ path: path.replaceAll("[", ".").replaceAll("]", "").split("."), message }] : [];
  });
  if (issues.length > 0 && issues.length === messages.length) {
    const told = issues.map((issue) => ({ __typename: "InputIssue" as const, code: "PATTERN" as const, ...issue }));
    return {
      __typename: "InvalidInputError",
      code: "INVALID_INPUT",
      message: "Something in the form does not fit.",
      issues: told,
    };
  }
  const message =
    messages[0] ?? (error?.networkError ? "No answer came. See whether you are online, and try again." : error?.message);
  const isTooMuch = error?.graphQLErrors.some(({ extensions }) => extensions["code"] === "RATE_LIMITED");
  const code = isTooMuch ? "RATE_LIMITED" : "NETWORK";
  return { __typename: "NetworkProblem", code, message: message ?? "No answer came. Try again." };
}

/** What is wrong with each field, by its path below the input (`fields.host`); null: the problem is another one. */
export function issuesOf(problem: Problem | null): Record<string, string> {
  if (problem?.__typename !== "InvalidInputError") return {};
  return Object.fromEntries(problem.issues.map((issue) => [issue.path.join("."), issue.message]));
}
