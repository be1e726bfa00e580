import { createClient } from "graphql-ws";
import { afterAll, beforeAll, expect, test } from "vitest";
import { graphql } from "../generated/gql/index.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { payload, run, send } from "./support/graphql.ts";
import { begin } from "./support/oauth.ts";
import { connect, goThrough } from "./support/seed.ts";

const Rename = graphql(`
  mutation OAuthWatchRename($id: ID!, $label: String) {
    updateCredential(input: { id: $id, label: $label }) { __typename ... on UserError { message } }
  }
`);

const DeleteUser = graphql(`
  mutation OAuthWatchDelete($id: ID!) {
    deleteUser(input: { id: $id, confirm: true }) { __typename ... on UserError { message } }
  }
`);

interface Change {
  kind: string;
  cursor: string;
  deletedId: string | null;
  credential: { id: string; label: string | null; status: string } | null;
}

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
const clients: ReturnType<typeof createClient>[] = [];
afterAll(async () => {
  for (const client of clients) await client.dispose();
  await app.close();
});

/** What a subscription delivers until it has delivered so many. */
function take<T>(token: string, query: string, variables: object, count: number) {
  const client = createClient({
    url: `${app.url.replace("http", "ws")}/graphql`,
    connectionParams: { authorization: `Bearer ${token}` },
  });
  clients.push(client);
  const got: T[] = [];
  const done = (async () => {
    for await (const { data, errors } of client.iterate<Record<string, T>>({ query, variables: variables as never })) {
      if (errors) throw errors[0];
      got.push(Object.values(data!)[0]!);
      if (got.length >= count) break;
    }
    await client.dispose();
    return got;
  })();
  return { got, done };
}

const CHANGES = `subscription($after: String, $filter: CredentialFilter) {
  credentialChanged(after: $after, filter: $filter) { kind cursor deletedId credential { id label status } }
}`;

test("credentialChanged resumed after any of its messages delivers every later one", async () => {
  const { credential, userId } = await connect(app, app.adminKey);
  const { id } = credential!;
  const beginning = Buffer.from("c1:0").toString("base64url");
  for (const label of ["one", "two"])
    payload((await run(app, app.adminKey, Rename, { id, label })).updateCredential, "UpdateCredentialPayload");
  payload((await run(app, app.adminKey, DeleteUser, { id: userId })).deleteUser, "DeleteUserPayload");
  const all = await take<Change>(app.adminKey, CHANGES, { after: beginning }, 1).done;
  // A deleted credential is told of as deleted alone: what it was before is no longer to be seen.
  expect(all[0]).toMatchObject({ kind: "DELETED", deletedId: id, credential: null });

  const other = await connect(app, app.adminKey);
  for (const label of ["one", "two", "three"]) await run(app, app.adminKey, Rename, { id: other.credential!.id, label });
  const stream = await take<Change>(app.adminKey, CHANGES, { after: all[0]!.cursor }, 4).done;
  expect(stream.map((change) => change.kind)).toEqual(["CREATED", "UPDATED", "UPDATED", "UPDATED"]);
  for (const [index, { cursor }] of stream.slice(0, -1).entries()) {
    const rest = stream.length - index - 1;
    const resumed = await take<Change>(app.adminKey, CHANGES, { after: cursor }, rest).done;
    expect(
      resumed.map((change) => change.kind),
      `after message ${index}`,
    ).toEqual(stream.slice(index + 1).map((change) => change.kind));
  }
  const filtered = take<Change>(app.adminKey, CHANGES, { after: beginning, filter: { connectorSlug: "github" } }, 1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(filtered.got).toEqual([]);
});

test("a cursor that is none is refused", async () => {
  for (const after of ["nonsense", "", Buffer.from("c1:9999999999999999999").toString("base64url")]) {
    const refused = take<Change>(app.adminKey, CHANGES, { after }, 1).done.catch((error: unknown) => [error].flat()[0]);
    expect(await refused, after).toMatchObject({
      message: expect.stringContaining("cursor"),
      extensions: { code: "BAD_REQUEST" },
    });
  }
});

test("connectionRequestsUpdated begins with what is under way and shows each end", async () => {
  const first = await begin(app);
  const filter = { user: { id: first.user.id } };
  const query = "subscription($filter: ConnectionRequestFilter) { connectionRequestsUpdated(filter: $filter) { id status } }";
  const watching = take<{ id: string; status: string }>(app.adminKey, query, { filter }, 1_000);
  while (watching.got.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(watching.got).toEqual([{ id: first.request.id, status: "PENDING" }]);
  await begin(app);
  await goThrough(first.url);
  while (watching.got.at(-1)!.status !== "ACTIVE") await new Promise((resolve) => setTimeout(resolve, 10));
  expect(new Set(watching.got.map(({ id }) => id))).toEqual(new Set([first.request.id]));
  const { data } = await send(app, app.adminKey, "query($id: ID!) { connectionRequest(id: $id) { status } }", {
    id: first.request.id,
  });
  expect(data).toEqual({ connectionRequest: { status: "ACTIVE" } });
});
