import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { playUser, type UserChoice } from "../../src/sandbox/play-user.ts";
import { moveClock, type TestApp } from "./app.ts";
import { mutate } from "./entities.ts";
import { run } from "./graphql.ts";
import { tokenRequests } from "./oauth.ts";
import { createOwnClientConfig, createSession, createUser } from "./seed.ts";
import { overWebSocket } from "./streams.ts";

/** What tests of flows without a browser of ours do again and again. */

export interface Request {
  id: string;
  kind: string;
  status: string;
  sequence: number;
  authorizationUrl: string | null;
  connectUrl: string | null;
  expiresAt: string;
  deviceAuthorization: {
    userCode: string;
    verificationUri: string;
    verificationUriComplete: string | null;
    expiresAt: string;
  } | null;
  failure: { code: string; message: string; remedy: string; retryable: boolean; providerCode: string | null } | null;
  credential: {
    id: string;
    status: string;
    canRefresh: boolean;
    account: { id: string } | null;
    scopes: { granted: string[] };
  } | null;
  events: { sequence: number; status: string }[];
}

const REQUEST = `id kind status sequence authorizationUrl connectUrl expiresAt
  deviceAuthorization { userCode verificationUri verificationUriComplete expiresAt }
  failure { code message remedy retryable providerCode }
  credential { id status canRefresh account { id } scopes { granted } }
  events { sequence status }`;

/** The mutation's whole answer. */
export function ask(app: TestApp, token: string, name: "initiateConnection" | "reauthorizeCredential", input: object) {
  return mutate(app, token, name, input, `connectionRequest { ${REQUEST} }`);
}

export async function begin(app: TestApp, token: string, input: object): Promise<Request> {
  const answer = await ask(app, token, "initiateConnection", input);
  expect(answer.__typename, JSON.stringify(answer)).toBe("InitiateConnectionPayload");
  return answer.connectionRequest as unknown as Request;
}

export async function read(app: TestApp, token: string, id: string): Promise<Request> {
  const document = `query($id: ID!) { connectionRequest(id: $id) { ${REQUEST} } }`;
  const { connectionRequest } = await run<{ connectionRequest: Request }, { id: string }>(app, token, document, { id });
  return connectionRequest;
}

/** As it is at its end, awaited on the server. */
export async function ended(app: TestApp, token: string, id: string, waitSeconds = 20): Promise<Request> {
  const document = `query($id: ID!, $wait: Int) { connectionRequest(id: $id, waitSeconds: $wait) { ${REQUEST} } }`;
  const variables = { id, wait: waitSeconds };
  const { connectionRequest } = await run<{ connectionRequest: Request }, typeof variables>(app, token, document, variables);
  return connectionRequest;
}

export function statusesOf({ events }: Request): string[] {
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  return events.map(({ status }) => status);
}

/** Every message of the request's own subscription. */
export function watch(app: TestApp, token: string, id: string) {
  const query = `subscription($id: ID!) { connectionRequestUpdated(id: $id) { ${REQUEST} } }`;
  return overWebSocket<Request>({ url: app.url, token, query, variables: { id } });
}

/** The person at another device: opens the address with the code in it, confirms it, signs in and decides. */
export function enterCode({ deviceAuthorization }: Request, choice: UserChoice = {}) {
  return playUser(deviceAuthorization!.verificationUriComplete!, choice);
}

/** A clock that only goes on: what is due stays so. */
export function clockOf(app: TestApp) {
  let offsetMs = 0;
  return {
    async pass(seconds: number) {
      offsetMs += seconds * 1000;
      await moveClock(app, offsetMs);
    },
  };
}

const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

/** What a test does with device codes of clients of its own, at a sandbox whose answers it counts. */
export function deviceWorld(app: TestApp) {
  const clock = clockOf(app);
  const polls = (clientId: string) => tokenRequests(app, clientId, DEVICE_GRANT);
  return {
    clock,
    polls,
    async start(options: { switches?: object; input?: object; flows?: ("DEVICE" | "AUTHORIZATION_CODE")[] } = {}) {
      const key = app.adminKey;
      const switches = { accessTokenTtlSeconds: 86_400, ...options.switches };
      const config = await createOwnClientConfig(app, key, switches, { flows: options.flows ?? ["DEVICE"] });
      const user = await createUser(app, key);
      const session = await createSession(app, key, user.id, { expiresInSeconds: 86_400 });
      const target = { authConfigId: config.id };
      const request = await begin(app, session, { target, flow: "DEVICE", ...options.input });
      return { config, user, session, request, key };
    },
    /** Lets time pass, and the job take notice of it. */
    async pass(seconds: number) {
      await clock.pass(seconds);
      await delay(1_300);
    },
    /** The next poll, which is due after the interval. */
    async nextPoll(clientId: string, intervalSeconds = 5) {
      const before = polls(clientId).length;
      await clock.pass(intervalSeconds);
      await expect.poll(() => polls(clientId).filter((entry) => entry.outcome).length, { timeout: 8_000 }).toBe(before + 1);
      await delay(100);
    },
  };
}
