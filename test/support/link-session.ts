import { createHash } from "node:crypto";
import { createClient } from "graphql-ws";
import { expect } from "vitest";
import { WebSocket } from "ws";
import type { TestApp } from "./app.ts";
import type { GraphQLAnswer } from "./graphql.ts";

/** The hosted page's side of its link, as its script plays it: one POST, then GraphQL with the cookie. */
export interface Hosted {
  /** `connect-1a2b3c4d`. */
  session: string;
  /** `name=value`. */
  cookie: string;
  /** What the cookie holds; no page ever sees it. */
  token: string;
  answer: Record<string, unknown> & { kind: string; connectionRequestId: string; expiresAt: string };
}

function tokenOf(url: string): string {
  return new URL(url).pathname.split("/")[2]!;
}

export function sessionOf(url: string): string {
  return `connect-${createHash("sha256").update(tokenOf(url)).digest("hex").slice(0, 8)}`;
}

/** The POST as it comes: `headers` replaces those of the page. */
export function postLink(app: TestApp, url: string, headers: Record<string, string> = {}): Promise<Response> {
  const own = { origin: app.url, "moorline-session": sessionOf(url), "content-type": "application/json" };
  return fetch(`${app.url}/connect/${tokenOf(url)}/session`, { method: "POST", headers: { ...own, ...headers }, body: "{}" });
}

export async function openHosted(app: TestApp, url: string, cookie?: string): Promise<Hosted> {
  const response = await postLink(app, url, cookie ? { cookie } : {});
  const answer = await response.json();
  expect(response.status, JSON.stringify(answer)).toBe(200);
  const set = response.headers.get("set-cookie")!;
  expect(set).toMatch(/^moorline-connect-[0-9a-f]{8}=mls_\w+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
  const [pair = ""] = set.split(";");
  return { session: answer.session, cookie: pair, token: pair.split("=")[1]!, answer };
}

/** One operation of the page. */
export async function hostedSend<Result = Record<string, never>>(
  app: TestApp,
  { session, cookie }: Pick<Hosted, "session" | "cookie">,
  query: string,
  variables: object = {},
): Promise<GraphQLAnswer<Result>> {
  const headers = { origin: app.url, cookie, "moorline-session": session, "content-type": "application/json" };
  const body = JSON.stringify({ query, variables });
  const response = await fetch(`${app.url}/graphql`, { method: "POST", headers, body });
  return { status: response.status, ...((await response.json()) as Omit<GraphQLAnswer<Result>, "status">) };
}

export interface Mutated {
  __typename: string;
  code?: string;
  message?: string;
  issues?: { path: string[]; code: string }[];
  result?: { ok: boolean; code: string };
  verificationUrl?: string | null;
  connectionRequest: { id: string; status: string; connectUrl: string | null; credential: { id: string } | null };
}

const REQUEST = "connectionRequest { id status connectUrl credential { id } }";
const PAYLOADS: Record<string, string> = {
  submitConnectionForm: `... on SubmitConnectionFormPayload { verificationUrl ${REQUEST} } ... on TestFailedError { result { ok code } }`,
  retryConnectionRequest: `... on RetryConnectionRequestPayload { ${REQUEST} }`,
  cancelConnectionRequest: `... on CancelConnectionRequestPayload { ${REQUEST} }`,
  initiateConnection: `... on InitiateConnectionPayload { ${REQUEST} }`,
  reauthorizeCredential: `... on ReauthorizeCredentialPayload { ${REQUEST} }`,
  tryCredential: "... on TryCredentialPayload { result { ok code } }",
};

/** One mutation of the page by name. */
export async function hostedMutate(app: TestApp, hosted: Hosted, name: string, input: object): Promise<Mutated> {
  const type = name.charAt(0).toUpperCase() + name.slice(1);
  const query = `mutation ($input: ${type}Input!) { ${name}(input: $input) {
    __typename ${PAYLOADS[name] ?? ""} ... on UserError { code message } ... on InvalidInputError { issues { path code } } } }`;
  const answer = await hostedSend<Record<string, Mutated>>(app, hosted, query, { input });
  expect(answer.errors, JSON.stringify(answer.errors)).toBeUndefined();
  return answer.data![name]!;
}

/** A subscription over a socket that brings the page's cookie: everything that came until it completed. */
export async function hostedWatch<Frame>(
  app: TestApp,
  { session, cookie }: Pick<Hosted, "session" | "cookie">,
  query: string,
  variables: Record<string, unknown>,
): Promise<Frame[]> {
  class PageSocket extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols, { headers: { cookie, origin: app.url } });
    }
  }
  const url = `${app.url.replace("http", "ws")}/graphql`;
  const client = createClient({ url, webSocketImpl: PageSocket, connectionParams: { session }, retryAttempts: 0 });
  const frames: Frame[] = [];
  for await (const { data, errors } of client.iterate<Record<string, Frame>>({ query, variables })) {
    if (errors) throw errors[0];
    frames.push(Object.values(data!)[0]!);
  }
  await client.dispose();
  return frames;
}
