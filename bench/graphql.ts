import { graphql } from "../generated/gql/index.ts";

/** A document of the client preset: text that knows its result and variables. */
interface TypedDocument<Result, Variables> {
  toString(): string;
  __apiType?: (variables: Variables) => Result;
}

/** One operation through the public door; throws where it did not do what was asked. */
export async function ask<Result, Variables>(
  url: string,
  token: string,
  document: TypedDocument<Result, Variables>,
  variables?: Variables,
): Promise<Result> {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: String(document), variables }),
  });
  const text = await response.text();
  const { data, errors } = JSON.parse(text) as { data?: Result; errors?: unknown };
  if (errors || !data) throw new Error(`GraphQL: ${text.slice(0, 1_000)}`);
  return data;
}

/** The payload of a result union; throws with the error that stands in its place. */
export function payload<Result extends { __typename?: string }, Name extends Result["__typename"]>(
  result: Result | null | undefined,
  name: Name,
): Extract<Result, { __typename?: Name }> {
  if (result?.__typename !== name) throw new Error(`Not a ${name}: ${JSON.stringify(result)}`);
  return result as Extract<Result, { __typename?: Name }>;
}

/** (b) */
export const CREDENTIAL = graphql(`
  query BenchCredential($id: ID!) {
    credential(id: $id) {
      id status enabled label accessTokenExpiresAt canRefresh createdAt updatedAt
      account { id name email }
      scopes { requested granted missing }
    }
  }
`);

/** (b2) */
export const REVEAL = graphql(`
  mutation BenchReveal($input: RevealCredentialInput!) {
    revealCredential(input: $input) {
      __typename
      ... on RevealCredentialPayload { revealed { accessToken tokenType headers expiresAt } }
      ... on UserError { message code }
    }
  }
`);

/** (c) */
export const CREDENTIALS = graphql(`
  query BenchCredentials {
    credentials(first: 20) {
      nodes {
        id status label createdAt
        account { name email }
        connector { slug name }
        user { id externalId displayName }
        authConfig { id name status }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

/** (e) */
export const SUBSCRIPTION = graphql(`
  subscription BenchRequest($id: ID!) {
    connectionRequestUpdated(id: $id) { id status sequence failure { code message } }
  }
`);

export const CREATE_CONFIG = graphql(`
  mutation BenchConfig($input: CreateAuthConfigInput!) {
    createAuthConfig(input: $input) {
      __typename
      ... on CreateAuthConfigPayload { authConfig { id redirectUri } }
      ... on UserError { message code }
      ... on InvalidInputError { issues { path code message } }
    }
  }
`);

export const CREATE_CONNECTOR = graphql(`
  mutation BenchConnector($input: CreateConnectorInput!) {
    createConnector(input: $input) {
      __typename
      ... on CreateConnectorPayload { connector { slug redirectUri } }
      ... on UserError { message code }
      ... on InvalidInputError { issues { path code message } }
    }
  }
`);

/** (d) begins with the one and ends with the other. */
export const INITIATE = graphql(`
  mutation BenchInitiate($input: InitiateConnectionInput!) {
    initiateConnection(input: $input) {
      __typename
      ... on InitiateConnectionPayload { connectionRequest { id authorizationUrl } }
      ... on UserError { message code }
    }
  }
`);

export const REQUEST_STATUS = graphql(`
  query BenchRequestStatus($id: ID!) { connectionRequest(id: $id) { status failure { code message } } }
`);

/** (f) and (g): tokens from elsewhere, without going through a flow for each. */
export const IMPORT = graphql(`
  mutation BenchImport($input: ImportCredentialInput!) {
    importCredential(input: $input) {
      __typename
      ... on ImportCredentialPayload { credential { id } }
      ... on UserError { code message }
    }
  }
`);

/** (g) */
export const REFRESH = graphql(`
  mutation BenchRefresh($id: ID!) {
    refreshCredential(input: { id: $id }) {
      __typename
      ... on RefreshCredentialPayload { credential { id } }
      ... on UserError { code message }
    }
  }
`);
