import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { graphql } from "../generated/gql/index.ts";
import { moveClock, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { payload, run, send } from "./support/graphql.ts";
import {
  connect,
  createConfig,
  createOwnClientConfig,
  createSession,
  createUser,
  goThrough,
  goToCallback,
  initiate,
} from "./support/seed.ts";
import { closing, openSocket, overEvents, overWebSocket, type Subscribe } from "./support/streams.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const WatchOne = graphql(`
  subscription WatchOne($id: ID!, $after: Int) {
    connectionRequestUpdated(id: $id, after: $after) { id status sequence credential { id status } failure { code } }
  }
`);

const WatchMany = graphql(`
  subscription WatchMany($filter: ConnectionRequestFilter) {
    connectionRequestsUpdated(filter: $filter) { id status sequence }
  }
`);

const WatchCredentials = graphql(`
  subscription WatchCredentials($filter: CredentialFilter, $after: String) {
    credentialChanged(filter: $filter, after: $after) { kind deletedId cursor credential { id status label } }
  }
`);

const Cancel = graphql(`
  mutation SubscriptionsCancel($input: CancelConnectionRequestInput!) {
    cancelConnectionRequest(input: $input) {
      __typename
      ... on CancelConnectionRequestPayload { connectionRequest { status } }
      ... on UserError { message code }
    }
  }
`);

const SetEnabled = graphql(`
  mutation SubscriptionsSetEnabled($input: SetCredentialEnabledInput!) {
    setCredentialEnabled(input: $input) {
      __typename
      ... on SetCredentialEnabledPayload { credential { status } }
      ... on UserError { message code }
    }
  }
`);

const RevokeSessions = graphql(`
  mutation SubscriptionsRevokeSessions($input: RevokeUserSessionsInput!) {
    revokeUserSessions(input: $input) {
      __typename
      ... on RevokeUserSessionsPayload { revokedCount }
      ... on UserError { message code }
    }
  }
`);

const DeleteUser = graphql(`
  mutation SubscriptionsDeleteUser($input: DeleteUserInput!) {
    deleteUser(input: $input) {
      __typename
      ... on DeleteUserPayload { deletedId }
      ... on UserError { message code }
    }
  }
`);

const Steps = graphql(`
  query SubscriptionsSteps($id: ID!, $after: Int) {
    connectionRequest(id: $id) { events(after: $after) { sequence status } }
  }
`);

const CreateProject = graphql(`
  mutation SubscriptionsCreateProject($input: CreateProjectInput!) {
    createProject(input: $input) {
      __typename
      ... on CreateProjectPayload { key }
      ... on UserError { message code }
    }
  }
`);

interface Request {
  id: string;
  status: string;
  sequence: number;
  credential: { id: string; status: string } | null;
}

interface Change {
  kind: string;
  deletedId: string | null;
  cursor: string;
  credential: { id: string; status: string; label: string | null } | null;
}

/** A request in state PENDING of a user of its own. */
async function pendingRequest(to: Pick<TestApp, "url" | "adminKey"> = app, authConfigId?: string) {
  const config = authConfigId ?? (await createConfig(to, to.adminKey)).id;
  const user = await createUser(to, to.adminKey);
  const session = await createSession(to, to.adminKey, user.id);
  const request = await initiate(to, session, { target: { authConfigId: config }, returnUrl: RETURN_URL });
  return { id: request.id, authorizationUrl: request.authorizationUrl!, session, userId: user.id };
}

async function cancel(to: Pick<TestApp, "url">, token: string, id: string) {
  payload((await run(to, token, Cancel, { input: { id } })).cancelConnectionRequest, "CancelConnectionRequestPayload");
}

async function setEnabled(id: string, enabled: boolean) {
  const { setCredentialEnabled } = await run(app, app.adminKey, SetEnabled, { input: { id, enabled } });
  payload(setCredentialEnabled, "SetCredentialEnabledPayload");
}

describe.each<[string, Subscribe]>([
  ["graphql-ws's own client", overWebSocket],
  ["an EventSource-style client", overEvents],
])("connectionRequestUpdated over %s", (_name, subscribe) => {
  const watch = (session: string, id: string, after?: number) =>
    subscribe<Request>({ url: app.url, token: session, query: WatchOne, variables: { id, after } });

  test("tells the state first, then every change, and completes at the end", async () => {
    const slow = await createOwnClientConfig(app, app.adminKey, { tokenDelayMs: 400 });
    const { id, authorizationUrl, session } = await pendingRequest(app, slow.id);
    const watching = watch(session, id);
    expect(await watching.take(1)).toMatchObject([{ id, status: "PENDING", sequence: 1 }]);
    const callback = await goToCallback(app, authorizationUrl);
    await watching.until(({ status }) => status === "AUTHORIZING");
    await goThrough(callback.callbackUrl, {}, callback.cookieJar);
    const frames = await watching.completed;
    expect(frames.map(({ status, sequence }) => [sequence, status])).toEqual([
      [1, "PENDING"],
      [2, "AUTHORIZING"],
      [3, "EXCHANGING"],
      [4, "ACTIVE"],
    ]);
    expect(frames.at(-1)?.credential?.status).toBe("ACTIVE");
  });

  test("sends nothing for what `after` has seen: the rest of it, or only the end", async () => {
    const { id, session } = await pendingRequest();
    const fromOne = watch(session, id, 1);
    await cancel(app, session, id);
    expect(await fromOne.completed).toMatchObject([{ status: "CANCELED", sequence: 2 }]);
    expect(await watch(session, id, 1).completed).toMatchObject([{ status: "CANCELED", sequence: 2 }]);
    expect(await watch(session, id, 2).completed).toEqual([]);
  });

  test("loses nothing when the socket drops in the middle: `after` goes on, `events` has the steps between", async () => {
    const { id, authorizationUrl, session } = await pendingRequest();
    const first = watch(session, id);
    const [seen] = await first.take(1);
    await first.drop();
    await goThrough(authorizationUrl);
    const rest = await watch(session, id, seen!.sequence).completed;
    expect(rest).toMatchObject([{ status: "ACTIVE", sequence: 4, credential: { status: "ACTIVE" } }]);
    const { connectionRequest } = await run(app, session, Steps, { id, after: seen!.sequence });
    expect(connectionRequest!.events.map(({ status }) => status)).toEqual(["AUTHORIZING", "EXCHANGING", "ACTIVE"]);
  });

  test("tells the end that the clock brings", async () => {
    const { id } = await pendingRequest();
    const watching = watch(app.adminKey, id);
    await watching.take(1);
    await moveClock(app, 601_000);
    try {
      expect((await watching.completed).at(-1)).toMatchObject({ status: "EXPIRED" });
    } finally {
      await moveClock(app, 0);
    }
  });

  test("ends with NOT_FOUND for another user's request, another project's, and for no id at all", async () => {
    const { id } = await pendingRequest();
    const stranger = await pendingRequest();
    const { createProject } = await run(app, app.adminKey, CreateProject, { input: { name: `Other ${id}` } });
    const { key: otherProject } = payload(createProject, "CreateProjectPayload");
    for (const [token, which] of [
      [stranger.session, id],
      [otherProject, id],
      [app.adminKey, "req_00000000000000000000000000"],
      [app.adminKey, "nonsense"],
    ] as const) {
      await expect(watch(token, which).completed, which).rejects.toMatchObject([{ extensions: { code: "NOT_FOUND" } }]);
    }
  });

  test("holds nothing once it is unsubscribed, dropped or complete", async () => {
    const { id, session } = await pendingRequest();
    const warm = watch(session, id);
    await warm.take(1);
    await warm.stop();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = app.services.hub.size();
    const watching = Array.from({ length: 6 }, () => watch(session, id));
    await Promise.all(watching.map((each) => each.take(1)));
    expect(app.services.hub.size()).toBeGreaterThanOrEqual(before + 6);
    await Promise.all([...watching.slice(0, 2).map((each) => each.stop()), ...watching.slice(2, 4).map((each) => each.drop())]);
    await cancel(app, session, id);
    await Promise.all(watching.slice(4).map((each) => each.completed));
    await expect.poll(() => app.services.hub.size()).toBeLessThanOrEqual(before);
  });
});

test("a restart of the server in the middle: the client connects again and sees the end", async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "moorline-restart-"));
  cpSync(inject("migratedDirectory"), join(dataDirectory, "database"), { recursive: true });
  const first = await startTestApp({}, { dataDirectory });
  const ports = { PORT: new URL(first.url).port, MOORLINE_SANDBOX_PORT: String(first.sandbox!.port) };
  const { id, authorizationUrl, session } = await pendingRequest(first);
  const watching = overWebSocket<Request>({
    url: first.url,
    token: session,
    query: WatchOne,
    variables: { id },
    retryAttempts: 200,
  });
  await watching.take(1);
  const events = overEvents<Request>({ url: first.url, token: session, query: WatchOne, variables: { id } });
  await events.take(1);
  const callback = await goToCallback(first, authorizationUrl);
  await watching.until(({ status }) => status === "AUTHORIZING");
  await first.close();
  expect((await events.completed).at(-1), "a stream is completed, unfinished: its client asks again").toMatchObject({
    status: "AUTHORIZING",
  });

  const second = await startTestApp(ports, { dataDirectory });
  try {
    await goThrough(callback.callbackUrl, {}, callback.cookieJar);
    const frames = await watching.completed;
    expect(frames.at(-1)).toMatchObject({ status: "ACTIVE", credential: { status: "ACTIVE" } });
    const sequences = frames.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    const again = overEvents<Request>({ url: second.url, token: session, query: WatchOne, variables: { id, after: 2 } });
    expect((await again.completed).at(-1)).toMatchObject({ status: "ACTIVE" });
  } finally {
    await second.close();
    rmSync(dataDirectory, { recursive: true, force: true });
  }
});

describe("a token that ends", () => {
  test.each(["its hour is over", "it is revoked"])("closes the socket with 4401 within a second where %s", async (how) => {
    const { id, session, userId } = await pendingRequest();
    const { closed, subscribe, socket } = await openSocket(app.url, session);
    subscribe(WatchOne, { id });
    await once(socket, "message");
    const events = overEvents<Request>({ url: app.url, token: session, query: WatchOne, variables: { id } });
    await events.take(1);
    const ended = performance.now();
    if (how === "it is revoked") {
      const { revokeUserSessions } = await run(app, app.adminKey, RevokeSessions, { input: { user: { id: userId } } });
      payload(revokeUserSessions, "RevokeUserSessionsPayload");
    } else {
      await moveClock(app, 3_601_000);
    }
    expect(await closed).toBe(4401);
    expect(performance.now() - ended).toBeLessThan(1_000);
    await expect(events.completed).rejects.toMatchObject([{ extensions: { code: "SESSION_EXPIRED" } }]);
    await moveClock(app, 0);
  });
});

describe("connectionRequestsUpdated", () => {
  test("tells what is under way, then every change of what its filter fits or did fit, and nothing of others", async () => {
    const mine = await pendingRequest();
    const other = await pendingRequest();
    const filter = { user: { id: mine.userId }, status: ["PENDING" as const] };
    const watching = overWebSocket<Request>({ url: app.url, token: app.adminKey, query: WatchMany, variables: { filter } });
    expect(await watching.take(1)).toMatchObject([{ id: mine.id, status: "PENDING" }]);
    await cancel(app, app.adminKey, other.id);
    await cancel(app, app.adminKey, mine.id);
    await watching.until(({ status }) => status === "CANCELED");
    expect(watching.frames).toMatchObject([
      { id: mine.id, status: "PENDING" },
      { id: mine.id, status: "CANCELED" },
    ]);
    await watching.stop();
  });

  test("shows a user session its own requests only", async () => {
    const mine = await pendingRequest();
    const watching = overEvents<Request>({ url: app.url, token: mine.session, query: WatchMany });
    await watching.take(1);
    const other = await pendingRequest();
    await cancel(app, app.adminKey, other.id);
    await cancel(app, app.adminKey, mine.id);
    await watching.until(({ status }) => status === "CANCELED");
    expect(new Set(watching.frames.map(({ id }) => id))).toEqual(new Set([mine.id]));
    await watching.stop();
  });
});

describe("credentialChanged", () => {
  const watch = (token: string, variables: object = {}, subscribe: Subscribe = overWebSocket) =>
    subscribe<Change>({ url: app.url, token, query: WatchCredentials, variables });

  const begun = (token: string, variables: object = {}) => begin(() => watch(token, variables));

  test("tells CREATED, UPDATED and DELETED, to the key and to the credential's own user", async () => {
    const user = await createUser(app, app.adminKey);
    const session = await createSession(app, app.adminKey, user.id);
    await run(app, session, "{ viewer { role } }");
    const [all, own] = [await begun(app.adminKey, { filter: { user: { id: user.id } } }), await begun(session)];
    const { credential } = await connect(app, app.adminKey, { userId: user.id });
    const { credential: others } = await connect(app, app.adminKey);
    await setEnabled(others!.id, false);
    await setEnabled(credential!.id, false);
    await all.until(({ credential: now }) => now?.status === "DISABLED");
    expect(all.frames).toMatchObject([
      { kind: "CREATED", credential: { id: credential!.id }, deletedId: null },
      { kind: "UPDATED", credential: { id: credential!.id, status: "DISABLED" } },
    ]);
    await own.until(({ credential: now }) => now?.status === "DISABLED");
    expect(new Set(own.frames.map((frame) => frame.credential?.id))).toEqual(new Set([credential!.id]));

    payload(
      (await run(app, app.adminKey, DeleteUser, { input: { id: user.id, confirm: true } })).deleteUser,
      "DeleteUserPayload",
    );
    const gone = await all.until(({ kind }) => kind === "DELETED");
    expect(gone).toMatchObject({ credential: null, deletedId: credential!.id });
    await all.stop();
    await own.stop();
  });

  test("holds its filter against the state before or after", async () => {
    const { credential, userId } = await connect(app, app.adminKey);
    const id = credential!.id;
    const user = { id: userId };
    const active = await begun(app.adminKey, { filter: { user, status: ["ACTIVE"] } });
    const disabled = await begun(app.adminKey, { filter: { user, status: ["DISABLED"] } });
    const revoked = await begun(app.adminKey, { filter: { user, status: ["INVALID"] } });
    await setEnabled(id, false);
    expect(await active.take(1)).toMatchObject([{ kind: "UPDATED", credential: { status: "DISABLED" } }]);
    expect(await disabled.take(1)).toMatchObject([{ kind: "UPDATED", credential: { status: "DISABLED" } }]);
    const stranger = await begun(app.adminKey, { filter: { user: { externalId: "nobody" } } });
    payload((await run(app, app.adminKey, DeleteUser, { input: { id: userId, confirm: true } })).deleteUser, "DeleteUserPayload");
    expect((await disabled.take(2))[1]).toMatchObject({ kind: "DELETED", deletedId: id });
    expect([revoked.frames, stranger.frames]).toEqual([[], []]);
    for (const each of [active, disabled, revoked, stranger]) await each.stop();
  });

  test("goes on after a cursor and misses nothing, whichever message was the last that arrived", async () => {
    const { credential, userId } = await connect(app, app.adminKey);
    const variables = { filter: { user: { id: userId } } };
    const live = await begun(app.adminKey, variables);
    for (const enabled of [false, true, false]) await setEnabled(credential!.id, enabled);
    const [first] = await live.take(3);
    await live.drop();
    for (const enabled of [true, false]) await setEnabled(credential!.id, enabled);

    for (const subscribe of [overWebSocket, overEvents] as Subscribe[]) {
      const replayed = watch(app.adminKey, { ...variables, after: first!.cursor }, subscribe);
      const frames = await replayed.take(4);
      await replayed.drop();
      // Each of the messages replayed in one go is a place to break off and go on from.
      for (const [index, { cursor }] of frames.entries()) {
        if (index === frames.length - 1) continue;
        const rest = watch(app.adminKey, { ...variables, after: cursor }, subscribe);
        expect((await rest.take(frames.length - 1 - index)).length).toBeGreaterThanOrEqual(frames.length - 1 - index);
        await rest.stop();
      }
    }
  });

  test("names what is wrong with a cursor", async () => {
    await expect(watch(app.adminKey, { after: "nonsense" }).completed).rejects.toMatchObject([
      { message: expect.stringContaining("cursor") },
    ]);
  });
});

/** Subscribes to credentials and comes back once the server listens for them: nothing tells a client so. What is asked of the database then comes later. */
async function begin<T>(subscribe: () => T): Promise<T> {
  const listening = vi.spyOn(app.services.hub, "subscribe");
  try {
    const watching = subscribe();
    const topics = () => listening.mock.calls.map(([topic]) => topic.split(":")[0]);
    await expect.poll(topics, { timeout: 15_000, interval: 5 }).toContain("credentials");
    return watching;
  } finally {
    listening.mockRestore();
  }
}

test("a subscriber that does not read is closed with 4429 and costs nobody else anything", async () => {
  const { credential, userId } = await connect(app, app.adminKey);
  const metadata = { notes: "x".repeat(60_000) };
  const { user } = await run<{ user: { externalId: string } }, object>(
    app,
    app.adminKey,
    "query ($id: ID!) { user(by: { id: $id }) { externalId } }",
    {
      id: userId,
    },
  );
  await run(app, app.adminKey, "mutation ($input: UpsertUserInput!) { upsertUser(input: $input) { __typename } }", {
    input: { externalId: user.externalId, metadata },
  });
  const heavy = Array.from({ length: 12 }, (_, index) => `m${index}: user { metadata }`).join(" ");
  const lazy = await openSocket(app.url, app.adminKey);
  const variables = { filter: { user: { id: userId } } };
  const heavily = `subscription ($filter: CredentialFilter) { credentialChanged(filter: $filter) { credential { ${heavy} } } }`;
  await begin(() => lazy.subscribe(heavily, variables));
  const keen = await begin(() =>
    overWebSocket<Change>({ url: app.url, token: app.adminKey, query: WatchCredentials, variables }),
  );
  lazy.socket.pause();
  const givenUp = closing(4429);
  const changes = 24;
  for (let count = 0; count < changes; count += 1) await setEnabled(credential!.id, count % 2 === 1);
  expect(await keen.take(changes)).toHaveLength(changes);
  expect(await send(app, app.adminKey, "{ viewer { role } }")).toMatchObject({ status: 200 });
  await givenUp;
  lazy.socket.resume();
  expect(await lazy.closed).toBe(4429);
  await keen.stop();
});
