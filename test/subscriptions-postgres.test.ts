import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { graphql } from "../generated/gql/index.ts";
import { decodeId } from "../src/lib/ids.ts";
import { ADMIN_KEY, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { payload, run } from "./support/graphql.ts";
import { killPrograms, type Run, startProgram } from "./support/process.ts";
import { connect, createConfig, createUser, initiate } from "./support/seed.ts";
import { overEvents, overWebSocket, type Subscribe } from "./support/streams.ts";

/** Two processes on one PostgreSQL: this one's app, and `node src/main.ts`. */
let app: TestApp;
let other: Run & { url: string };
let authConfigId = "";
let databaseName = "";
/** Connected to another database of the same server: stays open whatever happens to this one. */
let operator: pg.Client;
beforeAll(async () => {
  const databaseUrl = new URL(await createPostgresDatabase());
  databaseName = databaseUrl.pathname.slice(1);
  operator = new pg.Client({ connectionString: new URL("/postgres", databaseUrl).href });
  await operator.connect();
  const env = {
    DATABASE_URL: databaseUrl.href,
    MOORLINE_MASTER_KEYS: Buffer.alloc(32, 7).toString("base64"),
  };
  app = await startTestApp(env);
  const run = startProgram("src/main.ts", {
    ...env,
    HOST: "127.0.0.1",
    PORT: "0",
    MOORLINE_SANDBOX: "false",
    MOORLINE_DATA_DIR: app.dataDirectory,
  });
  const [, url] = await run.printed(/GraphQL API +(\S+)\/graphql/);
  other = Object.assign(run, { url: url! });
  authConfigId = (await createConfig(app, ADMIN_KEY)).id;
});
afterAll(async () => {
  other?.child.kill("SIGTERM");
  await other?.ended;
  killPrograms();
  await app?.close();
  await operator?.end();
});

const Watch = graphql(`
  subscription PostgresWatch($id: ID!, $after: Int) {
    connectionRequestUpdated(id: $id, after: $after) { status sequence }
  }
`);

const WatchCredentials = graphql(`
  subscription PostgresWatchCredentials($filter: CredentialFilter, $after: String) {
    credentialChanged(filter: $filter, after: $after) { kind cursor credential { id status } }
  }
`);

const Cancel = graphql(`
  mutation PostgresCancel($input: CancelConnectionRequestInput!) {
    cancelConnectionRequest(input: $input) {
      __typename
      ... on CancelConnectionRequestPayload { connectionRequest { status } }
      ... on UserError { message code }
    }
  }
`);

const SetEnabled = graphql(`
  mutation PostgresSetEnabled($input: SetCredentialEnabledInput!) {
    setCredentialEnabled(input: $input) {
      __typename
      ... on SetCredentialEnabledPayload { credential { status } }
      ... on UserError { message code }
    }
  }
`);

interface Request {
  status: string;
  sequence: number;
}

interface Change {
  kind: string;
  cursor: string;
  credential: { id: string; status: string };
}

async function pendingRequest() {
  const user = await createUser(app, ADMIN_KEY);
  return initiate(app, ADMIN_KEY, { target: { authConfigId }, user: { id: user.id } });
}

async function cancel(at: { url: string }, id: string) {
  payload((await run(at, ADMIN_KEY, Cancel, { input: { id } })).cancelConnectionRequest, "CancelConnectionRequestPayload");
}

async function setEnabled(at: { url: string }, id: string, enabled: boolean) {
  const { setCredentialEnabled } = await run(at, ADMIN_KEY, SetEnabled, { input: { id, enabled } });
  payload(setCredentialEnabled, "SetCredentialEnabledPayload");
}

const watch = (at: { url: string }, id: string, subscribe: Subscribe = overWebSocket) =>
  subscribe<Request>({ url: at.url, token: ADMIN_KEY, query: Watch, variables: { id } });

async function listeners(): Promise<number[]> {
  const { rows } = await operator.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'moorline-listen' AND datname = $1",
    [databaseName],
  );
  return rows.map(({ pid }) => pid);
}

test("what one process changes arrives at the other's subscribers, both ways", async () => {
  for (const [watched, changed] of [
    [app, other],
    [other, app],
  ] as const) {
    const { id } = await pendingRequest();
    const watching = [watch(watched, id), watch(watched, id, overEvents)];
    for (const each of watching) expect(await each.take(1)).toMatchObject([{ status: "PENDING" }]);
    const asked = performance.now();
    await cancel(changed, id);
    for (const each of watching) expect((await each.completed).at(-1)).toMatchObject({ status: "CANCELED", sequence: 2 });
    expect(performance.now() - asked, "by NOTIFY, not by looking again").toBeLessThan(5_000);
  }
});

test("what happens while the LISTEN connection is lost arrives when it is back", async () => {
  const request = await pendingRequest();
  const { credential, userId } = await connect(app, ADMIN_KEY, { authConfigId });
  const variables = { filter: { user: { id: userId } } };
  const watching = watch(app, request.id);
  const events = watch(app, request.id, overEvents);
  const changes = overWebSocket<Change>({ url: app.url, token: ADMIN_KEY, query: WatchCredentials, variables });
  await Promise.all([watching.take(1), events.take(1)]);
  await setEnabled(app, credential!.id, false);
  await changes.until((change) => change.credential.status === "DISABLED");
  // A transaction that was still open when it subscribed puts "now" before the credential's creation: that is told, too.
  const heard = changes.frames.length;
  // The pool has connections to spare, and no new one comes in: the listener stays away until it may come back.
  await Promise.all(Array.from({ length: 8 }, () => app.services.database.query("test_sleep", "SELECT pg_sleep(0.1)", [])));
  await operator.query(`ALTER DATABASE ${databaseName} ALLOW_CONNECTIONS false`);
  try {
    for (const pid of await listeners()) await operator.query("SELECT pg_terminate_backend($1)", [pid]);
    await expect.poll(listeners).toEqual([]);
    await cancel(app, request.id);
    await setEnabled(app, credential!.id, true);
    expect(await listeners()).toEqual([]);
    expect([watching.frames.length, events.frames.length, changes.frames.length]).toEqual([1, 1, heard]);
  } finally {
    await operator.query(`ALTER DATABASE ${databaseName} ALLOW_CONNECTIONS true`);
  }
  expect((await watching.completed).at(-1)).toMatchObject({ status: "CANCELED" });
  expect((await events.completed).at(-1)).toMatchObject({ status: "CANCELED" });
  await changes.until((change) => change.credential.status === "ACTIVE");
  await changes.stop();
  // And from then on as before.
  const next = await pendingRequest();
  const after = watch(app, next.id);
  await after.take(1);
  await cancel(other, next.id);
  expect((await after.completed).at(-1)).toMatchObject({ status: "CANCELED" });
});

test("a cursor from one process goes on at another, and misses no change that committed late", async () => {
  const { credential, userId } = await connect(app, ADMIN_KEY, { authConfigId });
  const variables = { filter: { user: { id: userId } } };
  const first = overWebSocket<Change>({ url: app.url, token: ADMIN_KEY, query: WatchCredentials, variables });
  await new Promise((resolve) => setTimeout(resolve, 300));
  const uuid = decodeId("Credential", credential!.id);
  // A transaction that began before and is still open holds back nothing, and what it commits later is not skipped.
  const late = app.services.database.transact(async (tx) => {
    await tx.$executeRaw`INSERT INTO "CredentialChange" ("id", "projectId", "credentialId", "kind")
      SELECT gen_random_uuid(), "projectId", "id", 'CREATED' FROM "Credential" WHERE "id" = ${uuid}::uuid`;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  await setEnabled(app, credential!.id, false);
  const seen = await first.until((change) => change.credential.status === "DISABLED");
  await first.stop();
  await late;
  const resumed = overEvents<Change>({
    url: other.url,
    token: ADMIN_KEY,
    query: WatchCredentials,
    variables: { ...variables, after: seen.cursor },
  });
  const [missed] = await resumed.take(1);
  expect(missed).toMatchObject({ kind: "CREATED", credential: { id: credential!.id } });
  await resumed.stop();
});
