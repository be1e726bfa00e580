import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type * as Relay from "relay-runtime";
import type { ConcreteRequest, RecordSourceSelectorProxy } from "relay-runtime";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FrontEnd, startFrontEnd } from "./support/front-ends.ts";

/**
 * Relay: its compiler reads schema.graphql and its own conventions into it (`Node`, connections, `id`), and its store is normalised by
 * nothing but the id. React is left out: what its hooks would do is asked of the runtime directly.
 */
// CommonJS, whose names an import of Node's does not see.
const relay = createRequire(import.meta.url)("relay-runtime") as typeof Relay;
const PATIENCE = { timeout: 15_000 };

const OPERATIONS = {
  List: `query ProductListQuery($count: Int!, $cursor: String) {
    credentials(first: $count, after: $cursor) @connection(key: "ProductListQuery_credentials") {
      edges { node { id label status account { id name } } }
    }
  }`,
  Pages: `query ProductPagesQuery { ...Product_list @arguments(count: 1) }`,
  Fragment: `fragment Product_list on Query
    @argumentDefinitions(count: { type: "Int", defaultValue: 1 }, cursor: { type: "String" })
    @refetchable(queryName: "ProductPaginationQuery") {
    credentials(first: $count, after: $cursor) @connection(key: "Product_list_credentials") { edges { node { id label } } }
  }`,
  Refetchable: `fragment Product_credential on Credential @refetchable(queryName: "ProductCredentialRefetchQuery") { label status }`,
  Node: `query ProductNodeQuery($id: ID!) {
    node(id: $id) { __typename id ... on Credential { account { id name } ...Product_credential @alias } }
  }`,
  Request: `query ProductRequestQuery($id: ID!) { connectionRequest(id: $id) { id status sequence credential { id status } } }`,
  Rename: `mutation ProductRenameMutation($id: ID!, $label: String) {
    updateCredential(input: { id: $id, label: $label }) {
      __typename
      ... on UpdateCredentialPayload { credential { id label } }
      ... on UserError { code message }
    }
  }`,
  Updated: `subscription ProductUpdatedSubscription($id: ID!) {
    connectionRequestUpdated(id: $id) { id status sequence credential { id status } }
  }`,
  Changed: `subscription ProductChangedSubscription {
    credentialChanged { kind cursor deletedId credential { id label status account { id name } } }
  }`,
};

let directory: string;
let compiled: { status: number | null; output: string };
let frontEnd: FrontEnd;
let environment: Relay.Environment;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "moorline-relay-"));
  await mkdir(join(directory, "src"));
  await writeFile(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  const config = { src: "./src", schema: resolve("schema.graphql"), language: "javascript", eagerEsModules: true };
  await writeFile(join(directory, "relay.config.json"), JSON.stringify(config));
  const tags = Object.values(OPERATIONS).map((text) => `graphql\`${text}\`;`);
  await writeFile(join(directory, "src/Product.js"), `import { graphql } from "relay-runtime";\n${tags.join("\n")}\n`);
  const compiler = createRequire(import.meta.url)("relay-compiler") as string;
  const { status, stdout, stderr } = spawnSync(compiler, ["relay.config.json"], { cwd: directory, encoding: "utf8" });
  compiled = { status, output: stdout + stderr };
  frontEnd = await startFrontEnd();
  environment = openEnvironment();
});
afterAll(async () => {
  await frontEnd?.close();
  await rm(directory, { recursive: true, force: true });
});

function openEnvironment(): Relay.Environment {
  const fetchOperation: Relay.FetchFunction = async ({ text }, variables) => {
    const init = { method: "POST", headers: { ...frontEnd.headers, "content-type": "application/json" } };
    const response = await fetch(`${frontEnd.app.url}/graphql`, { ...init, body: JSON.stringify({ query: text, variables }) });
    return (await response.json()) as Relay.GraphQLResponse;
  };
  const subscribe: Relay.SubscribeFunction = ({ text }, variables) =>
    relay.Observable.create((sink) => frontEnd.socket.subscribe({ query: text!, variables }, sink as never));
  return new relay.Environment({
    network: relay.Network.create(fetchOperation, subscribe),
    store: new relay.Store(new relay.RecordSource()),
    // The id of an account is the provider's own and means somebody else at another provider: it names nothing in the store.
    getDataID: (node: { id?: string }, typename: string) => (typename === "ProviderAccount" ? undefined : node.id) as string,
  } as Relay.EnvironmentConfig);
}

async function artifact(name: string): Promise<ConcreteRequest> {
  const file = join(directory, "src/__generated__", `${name}.graphql.js`);
  return (await import(/* @vite-ignore */ pathToFileURL(file).href)).default;
}

// biome-ignore lint/suspicious/noExplicitAny: what Relay's compiler would type from its own artifacts.
type Data = any;

async function query(name: string, variables: object): Promise<Data> {
  return relay.fetchQuery(environment, await artifact(name), variables as never).toPromise();
}

/** What a component that shows this query would be given now. */
async function shown(name: string, variables: object): Promise<Data> {
  const operation = relay.createOperationDescriptor(await artifact(name), variables as never);
  environment.retain(operation);
  return environment.lookup(operation.fragment).data;
}

test("the compiler accepts the schema, its connections, `node` and refetchable fragments", () => {
  expect(compiled.output).not.toMatch(/error/i);
  expect(compiled.status, compiled.output).toBe(0);
});

test("pages are merged by @connection, in order and without a repeated one", async () => {
  await shown("ProductListQuery", { count: 2 });
  await query("ProductListQuery", { count: 2 });
  const first = await shown("ProductListQuery", { count: 2 });
  expect(first.credentials.pageInfo.hasNextPage).toBe(true);
  await query("ProductListQuery", { count: 2, cursor: first.credentials.pageInfo.endCursor });
  const { edges, pageInfo } = (await shown("ProductListQuery", { count: 2 })).credentials;
  expect(edges.map(({ node }: Data) => node.id)).toEqual(frontEnd.credentialIds);
  expect(edges.map(({ node }: Data) => node.account.name)).toEqual(["Alan Turing", "Grace Hopper", "Ada Lovelace"]);
  expect(pageInfo.hasNextPage).toBe(false);
});

test("`node` refetches a fragment", async () => {
  const id = frontEnd.credentialIds[2]!;
  const { node } = await query("ProductNodeQuery", { id });
  expect(node).toMatchObject({ __typename: "Credential", id, account: { name: "Ada Lovelace" } });
  await query("ProductCredentialRefetchQuery", { id });
  expect(environment.getStore().getSource().get(id)).toMatchObject({ __typename: "Credential", status: "ACTIVE" });
});

test("a mutation's union: the payload updates the store, an error is data of its own", async () => {
  const mutation = await artifact("ProductRenameMutation");
  const rename = (variables: Relay.Variables) =>
    new Promise<Data>((onCompleted, onError) => relay.commitMutation(environment, { mutation, variables, onCompleted, onError }));
  const [id] = frontEnd.credentialIds as [string];
  const done = await rename({ id, label: "By Relay" });
  expect(done).toMatchObject({ updateCredential: { __typename: "UpdateCredentialPayload", credential: { label: "By Relay" } } });
  expect((await shown("ProductListQuery", { count: 2 })).credentials.edges[0].node.label).toBe("By Relay");
  const refused = await rename({ id: "cred_01h455vb4pex5vsknk084sn02q", label: "x" });
  expect(refused).toMatchObject({ updateCredential: { __typename: "NotFoundError", code: "NOT_FOUND" } });
});

test("connectionRequestUpdated updates what a query shows, to the end", async () => {
  const { id, finish } = await frontEnd.begin();
  await query("ProductRequestQuery", { id });
  expect(await shown("ProductRequestQuery", { id })).toMatchObject({
    connectionRequest: { status: "PENDING", credential: null },
  });
  const subscription = await artifact("ProductUpdatedSubscription");
  const completed = new Promise<void>((onCompleted, onError) => {
    relay.requestSubscription(environment, { subscription, variables: { id }, onCompleted, onError });
  });
  await finish();
  await completed;
  const { connectionRequest } = await shown("ProductRequestQuery", { id });
  expect(connectionRequest).toMatchObject({ status: "ACTIVE", credential: { status: "ACTIVE" } });
});

test("credentialChanged updates the list that is shown, and an updater puts a new one into the connection", async () => {
  const kinds: string[] = [];
  const updater = (store: RecordSourceSelectorProxy) => {
    const change = store.getRootField("credentialChanged")!;
    const credential = change.getLinkedRecord("credential");
    const list = relay.ConnectionHandler.getConnection(store.getRoot(), "ProductListQuery_credentials");
    if (change.getValue("kind") !== "CREATED" || !credential || !list) return;
    relay.ConnectionHandler.insertEdgeBefore(list, relay.ConnectionHandler.createEdge(store, list, credential, "CredentialEdge"));
  };
  const subscription = await artifact("ProductChangedSubscription");
  const onNext = (data: unknown) => kinds.push((data as Data).credentialChanged.kind);
  const watching = relay.requestSubscription(environment, { subscription, variables: {}, updater, onNext });
  // Until the subscription stands, a change is not told: hence more than one.
  const id = frontEnd.credentialIds[1]!;
  const change = async () => {
    await frontEnd.rename(id, `By the back end ${Date.now()}`);
    return kinds.length;
  };
  await expect.poll(change, PATIENCE).toBeGreaterThan(0);
  const edges = async () => (await shown("ProductListQuery", { count: 2 })).credentials.edges;
  expect((await edges())[1].node.label).toMatch("By the back end");
  const before = (await edges()).length;
  const { finish } = await frontEnd.begin();
  await finish();
  await expect.poll(async () => (await edges())[0].node.account.name, PATIENCE).toBe("Grace Hopper");
  expect(await edges()).toHaveLength(before + 1);
  watching.dispose();
});
