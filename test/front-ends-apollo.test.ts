import { readFileSync } from "node:fs";
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { getMainDefinition, relayStylePagination } from "@apollo/client/utilities";
import { buildSchema, isAbstractType } from "graphql";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FrontEnd, startFrontEnd } from "./support/front-ends.ts";

/** Apollo Client with its normalised cache, set up as its handbook says. Documents are text here: its types are the product's to make. */

const PATIENCE = { timeout: 15_000 };

let frontEnd: FrontEnd;
let client: ApolloClient;

beforeAll(async () => {
  frontEnd = await startFrontEnd();
  const schema = buildSchema(readFileSync("schema.graphql", "utf8"));
  const abstract = Object.values(schema.getTypeMap()).filter(isAbstractType);
  const cache = new InMemoryCache({
    possibleTypes: Object.fromEntries(abstract.map((type) => [type.name, schema.getPossibleTypes(type).map(({ name }) => name)])),
    typePolicies: {
      Query: { fields: { credentials: relayStylePagination(["filter", "orderBy"]) } },
      // Its id is the provider's own: the same one means somebody else at another provider.
      ProviderAccount: { keyFields: false },
    },
  });
  const http = new HttpLink({ uri: `${frontEnd.app.url}/graphql`, headers: frontEnd.headers });
  const link = ApolloLink.split(
    ({ query }) => {
      const definition = getMainDefinition(query);
      return definition.kind === "OperationDefinition" && definition.operation === "subscription";
    },
    new GraphQLWsLink(frontEnd.socket),
    http,
  );
  client = new ApolloClient({ cache, link });
});
afterAll(async () => {
  client?.stop();
  await frontEnd?.close();
});

const LIST = gql`
  query ApolloList($first: Int!, $after: String) {
    credentials(first: $first, after: $after) {
      edges { cursor node { id label status account { id name } } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
`;

interface Listed {
  credentials: {
    edges: { node: { id: string; label: string | null; account: { name: string } } }[];
    pageInfo: { hasNextPage: boolean; endCursor: string };
  };
}

function listed() {
  return client.readQuery<Listed>({ query: LIST, variables: { first: 2 } })!.credentials;
}

test("pages are merged by relayStylePagination, in order and without a repeated one", async () => {
  const observed = client.watchQuery<Listed>({ query: LIST, variables: { first: 2 } });
  const subscription = observed.subscribe(() => {});
  await expect.poll(() => observed.getCurrentResult().data?.credentials?.edges?.length, PATIENCE).toBe(2);
  expect(listed().pageInfo.hasNextPage).toBe(true);
  await observed.fetchMore({ variables: { after: listed().pageInfo.endCursor } });
  expect(listed().edges.map(({ node }) => node.id)).toEqual(frontEnd.credentialIds);
  expect(listed().edges.map(({ node }) => node.account.name)).toEqual(["Alan Turing", "Grace Hopper", "Ada Lovelace"]);
  expect(listed().pageInfo.hasNextPage).toBe(false);
  subscription.unsubscribe();
});

test("a mutation's union: the payload updates the cache, an error is data of its own", async () => {
  const RENAME = gql`
    mutation ApolloRename($id: ID!, $label: String) {
      updateCredential(input: { id: $id, label: $label }) {
        ... on UpdateCredentialPayload { credential { id label } }
        ... on UserError { code message }
      }
    }
  `;
  const [id] = frontEnd.credentialIds as [string];
  const done = await client.mutate({ mutation: RENAME, variables: { id, label: "By Apollo" } });
  expect(done.data).toMatchObject({
    updateCredential: { __typename: "UpdateCredentialPayload", credential: { label: "By Apollo" } },
  });
  expect(listed().edges[0]?.node.label).toBe("By Apollo");
  const refused = await client.mutate({ mutation: RENAME, variables: { id: "cred_01h455vb4pex5vsknk084sn02q", label: "x" } });
  expect(refused.data).toMatchObject({ updateCredential: { __typename: "NotFoundError", code: "NOT_FOUND" } });
});

test("connectionRequestUpdated updates what a query shows, to the end", async () => {
  const { id, finish } = await frontEnd.begin();
  const QUERY = gql`query ApolloRequest($id: ID!) { connectionRequest(id: $id) { id status sequence credential { id status } } }`;
  const observed = client.watchQuery<{ connectionRequest: { status: string; credential: { status: string } | null } }>({
    query: QUERY,
    variables: { id },
  });
  const seen: (string | undefined)[] = [];
  const watching = observed.subscribe(({ data }) => seen.push(data?.connectionRequest?.status));
  await expect.poll(() => seen, PATIENCE).toContain("PENDING");
  const UPDATED = gql`
    subscription ApolloUpdated($id: ID!) { connectionRequestUpdated(id: $id) { id status sequence credential { id status } } }
  `;
  const completed = new Promise<void>((resolve, reject) => {
    client.subscribe({ query: UPDATED, variables: { id } }).subscribe({ complete: resolve, error: reject });
  });
  await finish();
  await completed;
  await expect.poll(() => seen.at(-1), PATIENCE).toBe("ACTIVE");
  const shown = client.readQuery<{ connectionRequest: object }>({ query: QUERY, variables: { id } });
  expect(shown).toMatchObject({ connectionRequest: { status: "ACTIVE", credential: { status: "ACTIVE" } } });
  watching.unsubscribe();
});

test("credentialChanged updates the list that is shown, whoever made the change", async () => {
  const CHANGED = gql`subscription ApolloChanged { credentialChanged { kind cursor credential { id label status } deletedId } }`;
  const kinds: string[] = [];
  const watching = client
    .subscribe<{ credentialChanged: { kind: string } }>({ query: CHANGED })
    .subscribe(({ data }) => kinds.push(data!.credentialChanged.kind));
  const id = frontEnd.credentialIds[1]!;
  // Until the subscription stands, a change is not told: hence more than one.
  const change = async () => {
    await frontEnd.rename(id, `By the back end ${Date.now()}`);
    return kinds.length;
  };
  await expect.poll(change, PATIENCE).toBeGreaterThan(0);
  await expect.poll(() => listed().edges[1]?.node.label, PATIENCE).toMatch("By the back end");
  watching.unsubscribe();
});

test("`node` finds an object by the id in the cache", async () => {
  const id = frontEnd.credentialIds[2]!;
  const query = gql`query ApolloNode($id: ID!) { node(id: $id) { id ... on Credential { label account { id name } } } }`;
  const { data } = await client.query({ query, variables: { id } });
  expect(data).toMatchObject({ node: { __typename: "Credential", id, account: { name: "Ada Lovelace" } } });
  expect(client.cache.identify({ __typename: "Credential", id })).toBe(`Credential:${id}`);
});
