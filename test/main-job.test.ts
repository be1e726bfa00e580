import { createClient } from "graphql-ws";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { graphql } from "../generated/gql/index.ts";
import { CookieJar } from "../src/sandbox/play-user.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { payload, run } from "./support/graphql.ts";
import { createConfig, createSession, createUser, goThrough, initiate, readRequest } from "./support/seed.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const Watch = `subscription Watch($id: ID!, $after: Int) {
  connectionRequestUpdated(id: $id, after: $after) { id status sequence credential { id status } failure { code } }
}`;

interface Frame {
  id: string;
  status: string;
  sequence: number;
  credential: { id: string; status: string } | null;
}

/** Collects what graphql-ws's own client delivers until the stream completes. */
function watch(token: string, id: string, after?: number) {
  const client = createClient({
    url: `${app.url.replace("http", "ws")}/graphql`,
    connectionParams: { authorization: `Bearer ${token}` },
  });
  const frames: Frame[] = [];
  const begun = Promise.withResolvers<void>();
  const completed = new Promise<Frame[]>((resolve, reject) => {
    client.subscribe<{ connectionRequestUpdated: Frame }>(
      { query: Watch, variables: { id, after } },
      {
        next: ({ data, errors }) => {
          if (!data) return reject(errors);
          frames.push(data.connectionRequestUpdated);
          begun.resolve();
        },
        error: reject,
        complete: () => resolve(frames),
      },
    );
  }).finally(() => client.dispose());
  return { begun: begun.promise, completed };
}

describe("the main job", () => {
  test("connects an account, shows each status live, completes, and reveals a token that works", async () => {
    const config = await createConfig(app, app.adminKey);
    expect(config.redirectUri).toBe(`${app.url}/oauth/callback/sandbox`);
    const user = await createUser(app, app.adminKey, "ada");
    const session = await createSession(app, app.adminKey, user.id);
    const request = await initiate(app, session, {
      target: { connectorSlug: "sandbox" },
      returnUrl: "http://app.test/connected",
      clientState: "tab 7",
    });
    expect(request).toMatchObject({ status: "PENDING", sequence: 1 });
    expect(request.authorizationUrl).toMatch(new RegExp(`^${app.url}/connect/`));

    const watching = watch(session, request.id);
    await watching.begun;
    const { redirectedTo } = await goThrough(request.authorizationUrl!, { account: "ada" });
    const frames = await watching.completed;

    expect(frames.at(0)).toMatchObject({ status: "PENDING", sequence: 1 });
    expect(frames.at(-1)).toMatchObject({ status: "ACTIVE", credential: { status: "ACTIVE" } });
    expect(frames.map((frame) => frame.sequence)).toEqual([...frames.map((frame) => frame.sequence)].sort((a, b) => a - b));
    const back = new URL(redirectedTo);
    expect(back.origin + back.pathname).toBe("http://app.test/connected");
    expect(Object.fromEntries(back.searchParams)).toEqual({
      connectionRequestId: request.id,
      status: "ACTIVE",
      clientState: "tab 7",
    });

    const ended = await readRequest(app, session, request.id);
    expect(ended.credential).toMatchObject({ status: "ACTIVE", account: { id: "ada", name: "Ada Lovelace" } });

    const Reveal = graphql(`
      mutation Reveal($input: RevealCredentialInput!) {
        revealCredential(input: $input) {
          __typename
          ... on RevealCredentialPayload { revealed { accessToken headers } credential { id } }
          ... on UserError { message code }
        }
      }
    `);
    const { revealCredential } = await run(app, app.adminKey, Reveal, { input: { id: ended.credential!.id } });
    const { revealed } = payload(revealCredential, "RevealCredentialPayload");
    const me = await fetch(`${app.sandbox!.issuer}/api/me`, { headers: revealed.headers as Record<string, string> });
    expect(await me.json()).toMatchObject({ id: "ada", name: "Ada Lovelace" });
  });

  test("replays nothing that was seen: `after` the last sequence only completes", async () => {
    const config = await createConfig(app, app.adminKey);
    const user = await createUser(app, app.adminKey);
    const session = await createSession(app, app.adminKey, user.id);
    const request = await initiate(app, session, { target: { authConfigId: config.id }, returnUrl: "http://app.test/connected" });
    await goThrough(request.authorizationUrl!, {}, new CookieJar());
    const { sequence } = await readRequest(app, session, request.id);
    expect(await watch(session, request.id, sequence).completed).toEqual([]);
    expect((await watch(session, request.id, sequence - 1).completed).map((frame) => frame.status)).toEqual(["ACTIVE"]);
  });
});
