import { readFileSync } from "node:fs";
import { Client, fetchExchange, gql, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { buildSchema, introspectionFromSchema } from "graphql";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type FrontEnd, startFrontEnd } from "./support/front-ends.ts";

/** urql with Graphcache, its normalised cache, which knows the schema and complains about what it cannot keep. */

const PATIENCE = { timeout: 15_000 };

let frontEnd: FrontEnd;
let client: Client;
const complaints: string[] = [];

beforeAll(async () => {
  frontEnd = await startFrontEnd();
  for (const level of ["warn", "error"] as const)
    vi.spyOn(console, level).mockImplementation((text) => complaints.push(String(text)));
  const cache = cacheExchange({
    schema: introspectionFromSchema(buildSchema(readFileSync("schema.graphql", "utf8"))),
    // What has no id of its own hangs on what has one. (The id of an account is the provider's.)
    keys: { ProviderAccount: () => null, ScopeGrant: () => null, CredentialChange: () => null, Viewer: () => null },
    resolvers: { Query: { credentials: relayPagination() } },
  });
  client = new Client({
    url: `${frontEnd.app.url}/graphql`,
    preferGetMethod: false,
    fetchOptions: { headers: frontEnd.headers },
    exchanges: [
      cache,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: frontEnd.socket.subscribe({ query: query ?? "", variables }, sink as never) }),
        }),
      }),
    ],
  });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await frontEnd?.close();
});

const LIST = gql`
  query UrqlList($first: Int!, $after: String) {
    credentials(first: $first, after: $after) {
      edges { cursor node { id label status account { id name } scopes { granted } } }
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

const listed = () => client.readQuery<Listed>(LIST, { first: 2 })!.data!.credentials;

test("pages are merged by relayPagination, in order and without a repeated one", async () => {
  const first = await client.query<Listed>(LIST, { first: 2 });
  expect(first.error).toBeUndefined();
  const { endCursor, hasNextPage } = first.data!.credentials.pageInfo;
  expect(hasNextPage).toBe(true);
  await client.query<Listed>(LIST, { first: 2, after: endCursor });
  expect(listed().edges.map(({ node }) => node.id)).toEqual(frontEnd.credentialIds);
  expect(listed().edges.map(({ node }) => node.account.name)).toEqual(["Alan Turing", "Grace Hopper", "Ada Lovelace"]);
});

test("a mutation's union: the payload updates the cache, an error is data of its own", async () => {
  const rename = gql`
    mutation UrqlRename($id: ID!, $label: String) {
      updateCredential(input: { id: $id, label: $label }) {
        __typename
        ... on UpdateCredentialPayload { credential { id label } }
        ... on UserError { code message }
      }
    }
  `;
  const [id] = frontEnd.credentialIds as [string];
  const done = await client.mutation(rename, { id, label: "By urql" });
  expect(done.data).toMatchObject({
    updateCredential: { __typename: "UpdateCredentialPayload", credential: { label: "By urql" } },
  });
  expect(listed().edges[0]?.node.label).toBe("By urql");
  const refused = await client.mutation(rename, { id: "cred_01h455vb4pex5vsknk084sn02q", label: "x" });
  expect(refused.data).toMatchObject({ updateCredential: { __typename: "NotFoundError", code: "NOT_FOUND" } });
});

test("connectionRequestUpdated updates what a query shows, to the end", async () => {
  const { id, finish } = await frontEnd.begin();
  const query = gql`query UrqlRequest($id: ID!) { connectionRequest(id: $id) { id status sequence credential { id status } } }`;
  const seen: string[] = [];
  const watching = client
    .query<{ connectionRequest: { status: string } }>(query, { id })
    .subscribe(({ data }) => seen.push(data!.connectionRequest.status));
  await expect.poll(() => seen, PATIENCE).toContain("PENDING");
  const updated = gql`
    subscription UrqlUpdated($id: ID!) { connectionRequestUpdated(id: $id) { id status sequence credential { id status } } }
  `;
  const told: string[] = [];
  const subscription = client
    .subscription<{ connectionRequestUpdated: { status: string } }>(updated, { id })
    .subscribe(({ data }) => data && told.push(data.connectionRequestUpdated.status));
  await expect.poll(() => told, PATIENCE).toContain("PENDING");
  await finish();
  await expect.poll(() => seen.at(-1), PATIENCE).toBe("ACTIVE");
  expect(told.at(-1)).toBe("ACTIVE");
  subscription.unsubscribe();
  watching.unsubscribe();
});

test("credentialChanged updates the list that is shown, whoever made the change", async () => {
  const changed = gql`subscription UrqlChanged { credentialChanged { kind cursor credential { id label status } deletedId } }`;
  const kinds: string[] = [];
  const labels: (string | null | undefined)[] = [];
  const list = client
    .query<Listed>(LIST, { first: 2 })
    .subscribe(({ data }) => labels.push(data?.credentials.edges[1]?.node.label));
  const watching = client
    .subscription<{ credentialChanged: { kind: string } }>(changed, {})
    .subscribe(({ data }) => data && kinds.push(data.credentialChanged.kind));
  // Until the subscription stands, a change is not told: hence more than one.
  const id = frontEnd.credentialIds[1]!;
  const change = async () => {
    await frontEnd.rename(id, `By the back end ${Date.now()}`);
    return kinds.length;
  };
  await expect.poll(change, PATIENCE).toBeGreaterThan(0);
  await expect.poll(() => labels.at(-1), PATIENCE).toMatch("By the back end");
  watching.unsubscribe();
  list.unsubscribe();
});

test("`node` finds an object by the id in the cache; Graphcache had nothing to complain about", async () => {
  const id = frontEnd.credentialIds[2]!;
  const query = gql`query UrqlNode($id: ID!) { node(id: $id) { __typename id ... on Credential { label account { id name } } } }`;
  const { data } = await client.query(query, { id });
  expect(data).toMatchObject({ node: { __typename: "Credential", id, account: { name: "Ada Lovelace" } } });
  expect(complaints).toEqual([]);
});
