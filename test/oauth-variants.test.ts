import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Egress } from "../src/egress/index.ts";
import { CookieJar, playUser } from "../src/sandbox/play-user.ts";
import { type Reply, type Seen, type SimulatedProvider, simulateProvider } from "./schemes/support.ts";
import { RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { checkOf, diagnose } from "./support/diagnosis.ts";
import { refresh } from "./support/oauth.ts";
import { viaProxy } from "./support/proxy.ts";
import { createConfig, createSession, createUser, initiate, readRequest } from "./support/seed.ts";
import { ask, made } from "./support/typed.ts";
import { clockOf } from "./support/unattended.ts";

let app: TestApp;
let provider: SimulatedProvider;
let clock: ReturnType<typeof clockOf>;
let answer: (request: Seen) => Reply | undefined;
let userId: string;

beforeAll(async () => {
  app = await startTestApp({ MOORLINE_SANDBOX: "off", MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  clock = clockOf(app);
  provider = await simulateProvider((request) => answer(request));
  const { egress } = app.services;
  const exchange: Egress["exchange"] = (init) =>
    egress.exchange({ ...init, origin: provider.origin, headers: [...init.headers, "x-simulated-origin", init.origin] });
  (app.services as { egress: Egress }).egress = { ...egress, exchange, fetch: provider.fetch as Egress["fetch"] };
  userId = (await createUser(app, app.adminKey)).id;
});
beforeEach(() => {
  provider.seen.length = 0;
});
afterAll(async () => {
  await app?.close();
  await provider?.[Symbol.asyncDispose]();
});

const asked = () => provider.seen.map(({ method, url }) => `${method} ${url.host}${url.pathname}`);

/** To the provider's page, and back with what `callback` makes of what that was asked. */
async function connect(input: object, parameters: object, callback: (there: URL) => Record<string, string>) {
  const config = await createConfig(app, app.adminKey, { clientId: "client-1", clientSecret: "s3cret", ...input });
  const session = await createSession(app, app.adminKey, userId);
  const request = await initiate(app, session, { target: { authConfigId: config.id }, parameters, returnUrl: RETURN_URL });
  const cookieJar = new CookieJar();
  const { redirectedTo } = await playUser(request.authorizationUrl!, {}, { cookieJar, stopAtPrefix: "https://" });
  const there = new URL(redirectedTo);
  const back = new URLSearchParams(callback(there));
  await playUser(`${config.redirectUri}?${back}`, {}, { cookieJar, stopAtPrefix: RETURN_URL });
  return { there, ...(await readRequest(app, session, request.id)) };
}

describe("an administrator's consent", () => {
  const TENANT = "3fa85f64-5717-4562-b3fc-2c963f66afa6";
  const OTHER = "11111111-5717-4562-b3fc-2c963f66afa6";
  const config = { connectorSlug: "microsoft-admin", parameters: { tenantId: TENANT } };
  const consent = (more: object) => (there: URL) => ({ state: there.searchParams.get("state")!, ...more });

  beforeEach(() => {
    answer = ({ url, parameters }) =>
      url.pathname === `/${TENANT}/oauth2/v2.0/token` && parameters.grant_type === "client_credentials"
        ? { body: { access_token: `at-${provider.seen.length}`, token_type: "Bearer", expires_in: 3600 } }
        : undefined;
  });

  test("brings no code: the app asks for tokens of its own, and anew when they have ended", async () => {
    const { there, status, failure, credential } = await connect(config, {}, consent({ admin_consent: "True", tenant: TENANT }));
    expect([status, failure, credential?.account?.id]).toEqual(["ACTIVE", null, TENANT]);
    expect([there.pathname, there.searchParams.has("response_type")]).toEqual([`/${TENANT}/adminconsent`, false]);
    await clock.pass(3_700);
    await viaProxy(app, "/proxy/v1.0/users", { key: app.adminKey, credential: credential!.id });
    const token = `POST login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`;
    expect(asked()).toEqual([token, token, "GET graph.microsoft.com/v1.0/users"]);
    expect(provider.seen[1]!.parameters).toMatchObject({ scope: "https://graph.microsoft.com/.default", client_id: "client-1" });
    expect(provider.seen[2]!.headers.authorization).toBe("Bearer at-2");
  });

  test.each([
    ["for another tenant", { admin_consent: "True", tenant: OTHER }],
    ["that was not given", { admin_consent: "False", tenant: TENANT }],
    ["that says nothing", {}],
  ])("%s connects nothing, and nobody is asked for a token", async (_why, said) => {
    const { status, failure } = await connect(config, {}, consent(said));
    expect([status, failure?.code]).toEqual(["FAILED", "MALFORMED_RESPONSE"]);
    expect(asked()).toEqual([]);
  });

  test("that is refused is told as a refusal", async () => {
    const { status } = await connect(config, {}, consent({ error: "access_denied", error_description: "No." }));
    expect(status).toBe("DENIED");
  });
});

describe("a session that each new token is traded for", () => {
  const REST = "https://rest42.bullhornstaffing.com/rest-services/e999/";
  let refreshToken = 0;
  let session: (token: string) => Reply;

  beforeEach(() => {
    refreshToken = 0;
    session = (token) => ({ body: { BhRestToken: `session-of-${token}`, restUrl: REST } });
    answer = ({ url, method, parameters, headers }) => {
      if (url.host === "auth-east.bullhornstaffing.com" && url.pathname === "/oauth/token") {
        // Each refresh token is good for once.
        const isGood = parameters.grant_type === "authorization_code" || parameters.refresh_token === `rt-${refreshToken}`;
        if (!isGood) return { status: 400, body: { error: "invalid_grant" } };
        refreshToken += 1;
        return { body: { access_token: `at-${refreshToken}`, refresh_token: `rt-${refreshToken}`, expires_in: 600 } };
      }
      if (url.host === "rest-east.bullhornstaffing.com" && method === "POST" && url.searchParams.get("version") === "*")
        return session(url.searchParams.get("access_token")!);
      if (url.host !== "rest42.bullhornstaffing.com") return undefined;
      const wanted = `session-of-at-${refreshToken}`;
      return headers.bhresttoken === wanted ? { body: { path: url.pathname } } : { status: 401, body: {} };
    };
  });

  const signIn = () =>
    connect({ connectorSlug: "bullhorn" }, { dataCenter: "east" }, (there) => ({
      code: "code-1",
      state: there.searchParams.get("state")!,
    }));
  const call = (credential: string) => viaProxy(app, "/proxy/entity/Candidate/1", { key: app.adminKey, credential });

  test("is what calls carry, where the provider says the API is, and is begun anew with each renewal", async () => {
    const { status, failure, credential } = await signIn();
    expect([status, failure]).toEqual(["ACTIVE", null]);
    const first = await call(credential!.id);
    expect([first.status, first.json()]).toEqual([200, { path: "/rest-services/e999/entity/Candidate/1" }]);
    await clock.pass(650);
    expect((await call(credential!.id)).status).toBe(200);
    expect(refreshToken).toBe(2);
  });

  test("that cannot be begun loses no refresh token: the next one who needs it has it begun", async () => {
    const { credential } = await signIn();
    const works = session;
    session = () => ({ status: 503, body: {} });
    await refresh(app, app.adminKey, credential!.id);
    expect(refreshToken).toBe(2);
    session = works;
    expect((await call(credential!.id)).status).toBe(200);
    // With the refresh token that had come before the session failed.
    expect(refreshToken).toBe(3);
  });

  test.each([
    ["the API is at another company's host", { BhRestToken: "s", restUrl: "https://rest42.evil.example/rest-services/e999/" }],
    ["no session is begun", { restUrl: REST }],
  ])("connects nothing where %s", async (_why, body) => {
    session = () => ({ body });
    const { status, failure } = await signIn();
    expect([status, failure?.code]).toEqual(["FAILED", "MALFORMED_RESPONSE"]);
  });

  test("is not there for a client whose account has its API elsewhere, and says so", async () => {
    answer = ({ url }) =>
      url.host === "id.sophos.com"
        ? { body: { access_token: "at", token_type: "bearer", expires_in: 3600 } }
        : {
            body: {
              id: "3fa85f64-5717-4562-b3fc-2c963f66afa6",
              idType: "partner",
              apiHosts: { global: "https://api.central.sophos.com" },
            },
          };
    const config = await createConfig(app, app.adminKey, { connectorSlug: "sophos-central" });
    const input = { target: { authConfigId: config.id }, user: { id: userId }, fields: { clientId: "c", clientSecret: "s" } };
    const told = await ask(app, app.adminKey, "createCredential", input);
    expect(told).toMatchObject({ __typename: "ProviderError", message: expect.stringContaining("apiHosts.dataRegion") });
  });

  test("tells a client where its API is", async () => {
    const tenant = "3fa85f64-5717-4562-b3fc-2c963f66afa6";
    answer = ({ url, headers }) => {
      if (url.host === "id.sophos.com") return { body: { access_token: "at", token_type: "bearer", expires_in: 3600 } };
      if (url.host === "api.central.sophos.com" && headers.authorization === "Bearer at")
        return { body: { id: tenant, idType: "tenant", apiHosts: { dataRegion: "https://api-eu01.central.sophos.com" } } };
      return url.host === "api-eu01.central.sophos.com" && headers["x-tenant-id"] === tenant
        ? { body: { items: [] } }
        : undefined;
    };
    const config = await createConfig(app, app.adminKey, { connectorSlug: "sophos-central" });
    const input = { target: { authConfigId: config.id }, user: { id: userId }, fields: { clientId: "c", clientSecret: "s" } };
    const credential = await made(ask(app, app.adminKey, "createCredential", input));
    const told = await viaProxy(app, "/proxy/endpoint/v1/endpoints", { key: app.adminKey, credential: credential.id });
    expect([told.status, told.json()]).toEqual([200, { items: [] }]);
  });
});

describe("a redirect URI that the provider has named", () => {
  const config = { connectorSlug: "ebay", parameters: { ruName: "Acme_Inc-AcmeInc-AcmeSy-abcdefgh" } };

  test("is sent by that name in both requests, while the answer comes to ours", async () => {
    answer = ({ url, parameters }) => {
      if (url.host === "apiz.ebay.com") return { body: { userId: "u-1", username: "ada" } };
      return parameters.redirect_uri === config.parameters.ruName
        ? { body: { access_token: "at", token_type: "User Access Token", refresh_token: "rt", expires_in: 7200 } }
        : { status: 400, body: { error: "invalid_request" } };
    };
    const { there, status, failure, credential } = await connect(config, {}, (page) => ({
      code: "code-1",
      state: page.searchParams.get("state")!,
    }));
    expect([status, failure, credential?.account?.name]).toEqual(["ACTIVE", null, "ada"]);
    expect(there.searchParams.get("redirect_uri")).toBe(config.parameters.ruName);
  });

  test("is not said to be registered, because nobody can know what the name stands for", async () => {
    answer = ({ url }) =>
      url.host === "auth.ebay.com"
        ? { status: 302, headers: { location: "https://signin.ebay.com/" } }
        : { status: 400, body: { error: "invalid_grant" } };
    const { id } = await createConfig(app, app.adminKey, { clientId: "client-1", clientSecret: "s3cret", ...config });
    const check = checkOf(await diagnose(app, app.adminKey, { id }), "REDIRECT_URI_REGISTERED");
    expect(check).toMatchObject({ outcome: "SKIPPED", remedy: expect.stringContaining(`${app.url}/oauth/callback/ebay`) });
  });

  test("has to be a name, and has to be there", async () => {
    for (const parameters of [{}, { ruName: "https://moorline.example/" }]) {
      const input = { connectorSlug: "ebay", name: "eBay", clientId: "c", clientSecret: "s", parameters };
      expect((await ask(app, app.adminKey, "createAuthConfig", input)).__typename).toBe("InvalidInputError");
    }
  });
});

test("an answer whose state has another name is known by that, and by nothing else", async () => {
  answer = ({ url, body, headers }) =>
    url.pathname === "/admin/oauth/token/create" && body === '{"code":"code-1"}' && headers.appkey === "client-1"
      ? { body: { code: 200, data: { accessToken: "at", expireTime: "2100-01-01T00:00:00Z", scope: "read_products" } } }
      : undefined;
  const config = { connectorSlug: "shopline-oauth" };
  const state = (page: URL) => new URLSearchParams(page.hash.split("?")[1]).get("customField")!;
  const { there, status } = await connect(config, { handle: "acme" }, (page) => ({ code: "code-1", customField: state(page) }));
  expect([there.host, status]).toEqual(["acme.myshopline.com", "ACTIVE"]);
  const asState = connect(config, { handle: "acme" }, (page) => ({ code: "code-1", state: state(page) }));
  await expect(asState).rejects.toThrow("answers with an error");
});
