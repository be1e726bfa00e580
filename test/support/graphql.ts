import { expect } from "vitest";
import type { App } from "../../src/app.ts";

/** A document of the client preset: text that knows its result and variables. */
interface TypedDocument<Result, Variables> {
  toString(): string;
  __apiType?: (variables: Variables) => Result;
}

export interface GraphQLAnswer<Result> {
  status: number;
  data: Result | null;
  errors?: { message: string; path?: (string | number)[]; extensions: { code: string; [key: string]: unknown } }[];
}

/** One operation as a back end or a browser sends it: POST, JSON, `Authorization: Bearer`. */
export async function send<Result, Variables>(
  app: Pick<App, "url">,
  token: string | null,
  document: TypedDocument<Result, Variables> | string,
  variables?: Variables,
): Promise<GraphQLAnswer<Result>> {
  const response = await fetch(`${app.url}/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json",
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query: String(document), variables }),
  });
  return { status: response.status, ...((await response.json()) as Omit<GraphQLAnswer<Result>, "status">) };
}

/** The same, where nothing may go wrong at the top level. */
export async function run<Result, Variables>(
  app: Pick<App, "url">,
  token: string,
  document: TypedDocument<Result, Variables> | string,
  variables?: Variables,
): Promise<Result> {
  const answer = await send(app, token, document, variables);
  expect(answer.errors, JSON.stringify(answer.errors)).toBeUndefined();
  return answer.data as Result;
}

/** The payload of a result union; fails with the error that stands in its place. */
export function payload<Result extends { __typename?: string }, Name extends Result["__typename"]>(
  result: Result | null | undefined,
  name: Name,
): Extract<Result, { __typename?: Name }> {
  expect(result, "the mutation's root is null").toBeTruthy();
  expect(result?.__typename, JSON.stringify(result)).toBe(name);
  return result as Extract<Result, { __typename?: Name }>;
}
