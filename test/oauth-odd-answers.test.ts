import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Egress } from "../src/egress/index.ts";
import { CookieJar, playUser } from "../src/sandbox/play-user.ts";
import { type Reply, type Seen, type SimulatedProvider, simulateProvider } from "./schemes/support.ts";
import { RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { run } from "./support/graphql.ts";
import { viaProxy } from "./support/proxy.ts";
import { createConfig, createSession, createUser, initiate, readRequest } from "./support/seed.ts";

/** A provider may write whatever JSON can say, and each request still has to end, and to say the truth of it. */

let app: TestApp;
let provider: SimulatedProvider;
let token: Reply;
let user: Reply;

const LONE = "\ud800";

beforeAll(async () => {
  app = await startTestApp({ MOORLINE_SANDBOX: "off", MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  provider = await simulateProvider(({ url }: Seen) => (url.pathname === "/login/oauth/access_token" ? token : user));
  const { egress } = app.services;
  const exchange: Egress["exchange"] = (init) =>
    egress.exchange({ ...init, origin: provider.origin, headers: [...init.headers, "x-simulated-origin", init.origin] });
  (app.services as { egress: Egress }).egress = { ...egress, exchange, fetch: provider.fetch as Egress["fetch"] };
});
afterAll(async () => {
  await app?.close();
  await provider?.[Symbol.asyncDispose]();
});

async function connect(answers: { token?: object; user?: object; status?: number; said?: Record<string, string> }) {
  token = { status: answers.status ?? 200, body: { access_token: "at", token_type: "bearer", ...answers.token } };
  user = { body: { id: 7, login: "ada", name: "Ada", ...answers.user } };
  const input = { connectorSlug: "github", clientId: "client-1", clientSecret: "s3cret" };
  const config = await createConfig(app, app.adminKey, input);
  const session = await createSession(app, app.adminKey, (await createUser(app, app.adminKey)).id);
  const request = await initiate(app, session, { target: { authConfigId: config.id }, returnUrl: RETURN_URL });
  const cookieJar = new CookieJar();
  const { redirectedTo } = await playUser(request.authorizationUrl!, {}, { cookieJar, stopAtPrefix: "https://" });
  const state = new URL(redirectedTo).searchParams.get("state")!;
  const back = new URLSearchParams({ state, ...(answers.said ?? { code: "code-1" }) });
  await playUser(`${config.redirectUri}?${back}`, {}, { cookieJar, stopAtPrefix: RETURN_URL });
  return readRequest(app, session, request.id);
}

/** Up to the cut in the middle of a character that takes two. */
const cutAt = (length: number) => `${"x".repeat(length - 1)}😀 and more`;

describe("an error that a provider writes", () => {
  test.each([
    ["with characters that no database holds", { error: `inv\0alid${LONE}`, error_description: "\0".repeat(2_000) }],
    ["that is cut where it is too long, through a character", { error: cutAt(100), error_description: cutAt(500) }],
  ])("%s ends the request all the same", async (_what, body) => {
    const { status, failure } = await connect({ token: body, status: 400 });
    expect([status, failure?.code]).toEqual(["FAILED", "PROVIDER_ERROR"]);
  });

  test("at the redirect is cut there as well", async () => {
    const { status, failure } = await connect({ said: { error: cutAt(100), error_description: cutAt(500) } });
    expect([status, failure?.code]).toEqual(["FAILED", "PROVIDER_ERROR"]);
  });
});

describe("tokens", () => {
  test.each(["€uro", "a\0b", "a\r\nx-more: b", LONE])(
    "that no call can carry (%j) are said to be malformed at once",
    async (text) => {
      const { status, failure } = await connect({ token: { access_token: text } });
      expect([status, failure?.code]).toEqual(["FAILED", "MALFORMED_RESPONSE"]);
      expect(failure!.message).toContain("access token");
    },
  );

  test("with a life that no calendar has, and scopes that cannot be stored, are good without them", async () => {
    const { status, credential } = await connect({ token: { expires_in: 1e300, scope: `repo a\0b ${LONE} repo` } });
    expect([status, credential?.scopes.granted]).toEqual(["ACTIVE", ["repo"]]);
    const answer = await viaProxy(app, "/proxy/user", { key: app.adminKey, credential: credential!.id });
    expect(answer.status).toBe(200);
  });
});

describe("an account", () => {
  test("has the name that can be stored of what the provider writes", async () => {
    const { status, credential } = await connect({ user: { name: `A\0da${LONE}`, email: cutAt(500) } });
    expect([status, credential?.account]).toEqual(["ACTIVE", { id: "7", name: "A da\ufffd", email: `${"x".repeat(499)}\ufffd` }]);
  });

  test.each([`7\0`, LONE, "x".repeat(501)])("is not told by an id that cannot be kept as it is", async (id) => {
    const { status, credential } = await connect({ user: { id } });
    expect([status, credential?.account]).toEqual(["ACTIVE", null]);
  });
});

test("an answer of the API that is nested deeper than can be written is given as its text", async () => {
  const { credential } = await connect({});
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  user = { headers: { "content-type": "application/json" }, body: deep };
  const query = `mutation { callApi(input: { credentialId: "${credential!.id}", method: "GET", path: "/user" }) {
    ... on CallApiPayload { status body } ... on UserError { code } } }`;
  const { callApi } = await run<{ callApi: object }, object>(app, app.adminKey, query, {});
  expect(callApi).toEqual({ status: 200, body: deep });
});
