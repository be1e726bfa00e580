/**
 * The main job in the terminal: connect an account at the sandbox, watch it become active, use the credential, clean up.
 *
 *   npm run demo                                                        a temporary server, thrown away at the end
 *   MOORLINE_URL=http://localhost:4000 MOORLINE_API_KEY=mlk_… npm run demo     a server that runs, with its sandbox
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "graphql-ws";
import { graphql } from "../generated/gql/index.ts";
import { playUser } from "../src/sandbox/play-user.ts";

/** A step did not work: a sentence for the person at the terminal. */
class DemoError extends Error {}

interface Server {
  url: string;
  apiKey: string;
  close(): Promise<void>;
}

/** A document of the client preset: text that knows its result and variables. */
interface TypedDocument<Result, Variables> {
  toString(): string;
  __apiType?: (variables: Variables) => Result;
}

const CreateConfig = graphql(`
  mutation DemoCreateConfig($input: CreateAuthConfigInput!) {
    createAuthConfig(input: $input) {
      ... on CreateAuthConfigPayload { authConfig { id scopes } }
      ... on UserError { message }
    }
  }
`);

const UpsertUser = graphql(`
  mutation DemoUpsertUser($input: UpsertUserInput!) {
    upsertUser(input: $input) {
      ... on UpsertUserPayload { user { id } }
      ... on UserError { message }
    }
  }
`);

const CreateSession = graphql(`
  mutation DemoCreateSession($input: CreateUserSessionInput!) {
    createUserSession(input: $input) {
      ... on CreateUserSessionPayload { token }
      ... on UserError { message }
    }
  }
`);

const Initiate = graphql(`
  mutation DemoInitiate($input: InitiateConnectionInput!) {
    initiateConnection(input: $input) {
      ... on InitiateConnectionPayload { connectionRequest { id authorizationUrl } }
      ... on UserError { message }
    }
  }
`);

const Watch = graphql(`
  subscription DemoWatch($id: ID!) {
    connectionRequestUpdated(id: $id) {
      status
      failure { message remedy }
      credential { id status account { name } }
    }
  }
`);

const Refresh = graphql(`
  mutation DemoRefresh($input: RefreshCredentialInput!) {
    refreshCredential(input: $input) {
      ... on RefreshCredentialPayload { credential { status accessTokenExpiresAt } }
      ... on UserError { message }
    }
  }
`);

const Reveal = graphql(`
  mutation DemoReveal($input: RevealCredentialInput!) {
    revealCredential(input: $input) {
      ... on RevealCredentialPayload { revealed { headers } credential { connector { docsUrl } } }
      ... on UserError { message }
    }
  }
`);

const DeleteUser = graphql(`
  mutation DemoDeleteUser($input: DeleteUserInput!) {
    deleteUser(input: $input) {
      ... on DeleteUserPayload { deletedId }
      ... on UserError { message }
    }
  }
`);

const DeleteConfig = graphql(`
  mutation DemoDeleteConfig($input: DeleteAuthConfigInput!) {
    deleteAuthConfig(input: $input) {
      ... on DeleteAuthConfigPayload { deletedId }
      ... on UserError { message }
    }
  }
`);

type Cleanup = (() => Promise<unknown>)[];

async function demo(cleanup: Cleanup): Promise<void> {
  const server = await findServer();
  cleanup.push(() => server.close());
  const name = `demo-${randomUUID().slice(0, 8)}`;
  const call = <Result, Variables>(document: TypedDocument<Result, Variables>, variables: Variables, token = server.apiKey) =>
    send(server.url, token, document, variables);

  const created = await call(CreateConfig, { input: { connectorSlug: "sandbox", name } });
  const { authConfig } = payload("creating the auth config", created.createAuthConfig, "authConfig");
  cleanup.push(async () => {
    const { deleteAuthConfig } = await call(DeleteConfig, { input: { id: authConfig.id, confirm: true } });
    payload("deleting the auth config", deleteAuthConfig, "deletedId");
    say("cleanup", "auth config deleted");
  });
  say("config", `how this project connects to the sandbox: ${authConfig.id}, scopes ${authConfig.scopes?.join(" ")}`);

  const upserted = await call(UpsertUser, { input: { externalId: name, displayName: "A user of the demo" } });
  const { user } = payload("creating the user", upserted.upsertUser, "user");
  cleanup.push(async () => {
    const { deleteUser } = await call(DeleteUser, { input: { id: user.id, confirm: true } });
    payload("deleting the user", deleteUser, "deletedId");
    say("cleanup", "user deleted, and every secret of theirs");
  });
  say("user", `${user.id}, to your product: ${name}`);

  const { createUserSession } = await call(CreateSession, { input: { user: { id: user.id } } });
  const session = payload("creating the session", createUserSession, "token").token;
  say("session", "a login for the user's browser; it does the next steps");

  const initiated = await call(Initiate, { input: { target: { authConfigId: authConfig.id } } }, session);
  const { connectionRequest } = payload("starting the connection", initiated.initiateConnection, "connectionRequest");
  say("request", `${connectionRequest.id}; the browser opens ${connectionRequest.authorizationUrl}`);

  const credential = await connect(server.url, session, connectionRequest);
  say("connected", `${credential.id}, the account of ${credential.account?.name}`);

  const { refreshCredential } = await call(Refresh, { input: { id: credential.id } });
  const refreshed = payload("refreshing the credential", refreshCredential, "credential").credential;
  say("refreshed", `a new access token, good until ${refreshed.accessTokenExpiresAt}`);

  const { revealCredential } = await call(Reveal, { input: { id: credential.id, reason: "npm run demo" } });
  const revealed = payload("revealing the credential", revealCredential, "revealed");
  // The sandbox documents itself: its pages, its OAuth endpoints and its sample API have one origin.
  const api = new URL("/api/me", String(revealed.credential.connector.docsUrl));
  say("used", `${api} says: ${await accountName(api, revealed.revealed.headers as Record<string, string>)}`);
}

/** The server of MOORLINE_URL, or a temporary one in this process, on PGlite and on ports that are free. */
async function findServer(): Promise<Server> {
  const apiKey = process.env.MOORLINE_API_KEY || process.env.MOORLINE_BOOTSTRAP_API_KEY;
  const url = process.env.MOORLINE_URL?.replace(/\/+$/, "");
  if (url && !apiKey)
    throw new DemoError("MOORLINE_API_KEY is needed with MOORLINE_URL: the ADMIN key that the first start showed.");
  if (url && apiKey) {
    say("server", `${url}/graphql`);
    return { url, apiKey, close: async () => {} };
  }
  say("server", "starting a temporary one; give MOORLINE_URL and MOORLINE_API_KEY to use one that runs");
  const directory = await mkdtemp(join(tmpdir(), "moorline-demo-"));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const [{ startApp }, { readConfig }] = await Promise.all([import("../src/app.ts"), import("../src/config.ts")]);
    const quiet = { HOST: "127.0.0.1", PORT: "0", MOORLINE_SANDBOX_PORT: "0", MOORLINE_LOG_LEVEL: "error" };
    const app = await startApp(readConfig({ ...quiet, MOORLINE_DATA_DIR: directory }));
    say("server", `${app.url}/graphql`);
    return { url: app.url, apiKey: app.bootstrap.generatedKey!, close: () => app.close(1_000).finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Subscribes, then plays the user; prints each status as it arrives, and resolves to the credential when the stream completes. */
async function connect(url: string, session: string, request: { id: string; authorizationUrl: string | null }) {
  const client = createClient({
    url: `${url.replace(/^http/, "ws")}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${session}` },
    retryAttempts: 0,
  });
  const stream = client.iterate<ReturnType<NonNullable<(typeof Watch)["__apiType"]>>>({
    query: String(Watch),
    variables: { id: request.id },
  });
  const started = performance.now();
  let playing: Promise<unknown> | null = null;
  let failed: unknown = null;
  try {
    for await (const { data, errors } of stream) {
      if (!data) throw new DemoError(`The subscription failed: ${errors?.[0]?.message}`);
      const { status, failure, credential } = data.connectionRequestUpdated;
      say("status", `${status.padEnd(12)} after ${Math.round(performance.now() - started)} ms`);
      if (failure) throw new DemoError(`The connection failed: ${failure.message} ${failure.remedy}`);
      if (status === "ACTIVE" && credential) {
        await playing;
        return credential;
      }
      playing ??= playUser(String(request.authorizationUrl), { account: "ada" }).catch((error: unknown) => {
        failed = error;
        client.terminate();
      });
    }
  } catch (error) {
    throw failed ?? error;
  } finally {
    await client.dispose();
  }
  throw new DemoError("The connection ended without becoming ACTIVE.");
}

async function accountName(api: URL, headers: Record<string, string>): Promise<string> {
  const response = await fetch(api, { headers });
  if (!response.ok) throw new DemoError(`The sandbox's API refused the credential (status ${response.status}).`);
  return ((await response.json()) as { name: string }).name;
}

async function send<Result, Variables>(
  url: string,
  token: string,
  document: TypedDocument<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  const request = {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: String(document), variables }),
  };
  const response = await fetch(`${url}/graphql`, request).catch(() => {
    throw new DemoError(`No server answers at ${url}. Start it with npm start, or leave MOORLINE_URL out.`);
  });
  const { data, errors } = (await response.json().catch(() => {
    throw new DemoError(`What answers at ${url}/graphql is not Moorline (status ${response.status}).`);
  })) as { data?: Result; errors?: { message: string }[] };
  if (errors || !data) throw new DemoError(`The server refused: ${errors?.[0]?.message ?? "no data"}`);
  return data;
}

/** The member of a result union that holds `field`; otherwise fails with the error that stands in its place. */
function payload<Result extends object, Field extends string>(
  step: string,
  result: Result | null | undefined,
  field: Field,
): Extract<Result, Record<Field, unknown>> {
  if (result && field in result) return result as Extract<Result, Record<Field, unknown>>;
  const message = (result as { message?: string } | null)?.message ?? "the server gave no reason";
  throw new DemoError(`This step did not work, ${step}: ${message}`);
}

function say(what: string, text: string): void {
  console.log(`${what.padEnd(10)} ${text}`);
}

const cleanup: Cleanup = [];
try {
  await demo(cleanup);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
for (const undo of cleanup.reverse()) {
  await undo().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
if (!process.exitCode) say("done", "the account was connected, watched, refreshed, used and deleted");
// Nothing is left to wait for but kept-alive connections.
process.exit();
