import type { TestApp } from "./app.ts";
import { run } from "./graphql.ts";

export type Fields = Record<string, unknown> & { id: string };

/** What any mutation can answer: its payload's objects, or the error's own fields. */
export interface Answer {
  __typename: string;
  code?: string;
  message?: string;
  issues?: { path: string[]; code: string; message: string }[];
  impact?: { activeCredentialCount: number; userCount: number; pendingRequestCount: number; credentials: { totalCount: number } };
  project: Fields;
  connector: Fields;
  authConfig: Fields;
  user: Fields;
  credential: Fields;
  connectionRequest: Fields;
  apiKey: Fields;
  key: string;
  token: string;
  expiresAt: string;
  deletedId: string;
  revokedCount: number;
  revealed: { accessToken: string };
}

const IN_USE = new Set([
  "updateAuthConfig",
  "deleteAuthConfig",
  "updateConnector",
  "deleteConnector",
  "deleteUser",
  "deleteProject",
]);

/** One mutation by name with its one input; `select` of the payload. */
export async function mutate(app: TestApp, token: string, name: string, input: object, select = "__typename"): Promise<Answer> {
  const type = name.charAt(0).toUpperCase() + name.slice(1);
  const impact = "impact { activeCredentialCount userCount pendingRequestCount credentials { totalCount } }";
  const data = await run<Record<string, Answer>, object>(
    app,
    token,
    `mutation Run($input: ${type}Input!) {
      ${name}(input: $input) {
        __typename
        ... on ${type}Payload { ${select} }
        ... on UserError { code message }
        ... on InvalidInputError { issues { path code message } }
        ${IN_USE.has(name) ? `... on InUseError { ${impact} }` : ""}
      }
    }`,
    { input },
  );
  return data[name]!;
}

/** Where the fault is, and which: `clientSecret REQUIRED`. */
export function faults({ __typename, issues, code }: Answer): string {
  return issues ? issues.map((issue) => `${issue.path.join(".")} ${issue.code}`).join(", ") : `${__typename} ${code}`;
}

export interface Listed {
  totalCount: number;
  nodes: Fields[];
  edges: { cursor: string; node: Fields }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}

/** One page of a root list; `args` as GraphQL text. */
export async function list(app: TestApp, token: string, name: string, args = "", select = "id"): Promise<Listed> {
  const page = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";
  const field = `${name}${args && `(${args})`} { totalCount nodes { ${select} } edges { cursor node { ${select} } } ${page} }`;
  return (await run<Record<string, Listed>, object>(app, token, `query List { ${field} }`))[name]!;
}
