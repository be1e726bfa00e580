import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { graphql } from "../generated/gql/index.ts";
import { expireRequests } from "../src/jobs/expire-requests.ts";
import { browse, type UserChoice } from "../src/sandbox/play-user.ts";
import { moveClock, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { payload, run } from "./support/graphql.ts";
import { begin, cancel, endOf, goToConfirmPage, readConfig, statuses, tokenRequests } from "./support/oauth.ts";
import { connect, createConfig, createOwnClientConfig, goThrough, goToCallback, initiate } from "./support/seed.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1" });
});
afterAll(() => app.close());

/** What the user and the product get to see where a flow ends badly. */
async function endsWith(switches: object, choice: UserChoice = {}, input: object = {}) {
  const begun = await begin(app, { switches, input });
  const { redirectedTo, page } = await goThrough(begun.url, choice);
  const ended = await endOf(app, begun);
  return { begun, ended, page, told: new URL(redirectedTo).searchParams.get("status"), failure: ended.failure };
}

describe("the user's own end", () => {
  test("no at the provider is DENIED, without a failure and without a token request", async () => {
    for (const choice of [{ deny: true }, { cancel: true }]) {
      const { ended, told, begun } = await endsWith({}, choice);
      expect(ended).toMatchObject({ status: "DENIED", failure: null, credential: null });
      expect(told).toBe("DENIED");
      expect(tokenRequests(app, begun.config.clientId)).toEqual([]);
    }
  });

  test("a cancellation midway stays, whatever the browser does then", async () => {
    const begun = await begin(app);
    const { press } = await goToConfirmPage(app, begun.url);
    expect(
      payload(await cancel(app, begun.session, begun.request.id), "CancelConnectionRequestPayload").connectionRequest.status,
    ).toBe("CANCELED");
    const { redirectedTo } = await press("connect");
    expect(new URL(redirectedTo!).searchParams.get("status")).toBe("CANCELED");
    expect(await cancel(app, begun.session, begun.request.id)).toMatchObject({
      __typename: "ConflictError",
      code: "ALREADY_FINISHED",
    });
    expect((await browse(begun.url)).body).toContain("cancelled");
    expect(tokenRequests(app, begun.config.clientId)).toEqual([]);
    expect(await statuses(app, begun.session, begun.request.id)).toEqual(["PENDING", "AUTHORIZING", "CANCELED"]);
  });

  test("a cancellation while the provider is slow leaves no credential behind", async () => {
    const begun = await begin(app, { switches: { tokenDelayMs: 700 } });
    const { press } = await goToConfirmPage(app, begun.url);
    const pressed = press("connect");
    while ((await endOf(app, begun)).status !== "EXCHANGING") await new Promise((resolve) => setTimeout(resolve, 20));
    await cancel(app, begun.session, begun.request.id);
    expect(new URL((await pressed).redirectedTo!).searchParams.get("status")).toBe("CANCELED");
    expect(await endOf(app, begun)).toMatchObject({ status: "CANCELED", failure: null, credential: null });
    const Count = graphql(`query OAuthCount($user: UserRef!) { credentials(filter: { user: $user }) { totalCount } }`);
    expect((await run(app, app.adminKey, Count, { user: { id: begun.user.id } })).credentials!.totalCount).toBe(0);
  });
});

describe("time", () => {
  test("runs out before the link is opened, at the provider and at our question; an opening has ten minutes of its own", async () => {
    const unopened = await begin(app, { input: { expiresInSeconds: 60 } });
    const away = await begin(app);
    const { callbackUrl, cookieJar } = await goToCallback(app, away.url);
    const asked = await begin(app);
    const { press } = await goToConfirmPage(app, asked.url);
    const fresh = await begin(app, { input: { expiresInSeconds: 60 } });
    const late = await goToCallback(app, fresh.url);
    try {
      await moveClock(app, 61_000);
      const page = await browse(unopened.url);
      expect([page.status, page.headers.get("set-cookie")]).toEqual([200, null]);
      expect(page.body).toContain("run out");
      expect((await endOf(app, unopened)).status).toBe("EXPIRED");
      expect((await endOf(app, fresh)).status).toBe("AUTHORIZING");
      await browse(late.callbackUrl, { cookieJar: late.cookieJar });

      await moveClock(app, 601_000);
      expect((await browse(callbackUrl, { cookieJar, stopAtPrefix: RETURN_URL })).body).toContain("too long");
      const pressed = await press("connect");
      expect([pressed.status, pressed.redirectedTo]).toEqual([400, undefined]);
      for (const one of [away, asked, fresh]) {
        expect(await endOf(app, one)).toMatchObject({ status: "EXPIRED", failure: null, credential: null });
        expect(tokenRequests(app, one.config.clientId)).toEqual([]);
      }
      // Read, or swept by the job: the same events under the same numbers.
      await expireRequests(app.services);
      expect(await statuses(app, app.adminKey, away.request.id)).toEqual(["PENDING", "AUTHORIZING", "EXPIRED"]);
      expect(await cancel(app, app.adminKey, away.request.id)).toMatchObject({
        __typename: "ConflictError",
        code: "ALREADY_FINISHED",
      });
    } finally {
      await moveClock(app, 0);
    }
  });
});

describe("errors at the redirect URI", () => {
  const SCRIPT = "<script>alert(1)</script>";

  test.each([
    ["server_error", "PROVIDER_ERROR", true],
    ["temporarily_unavailable", "PROVIDER_ERROR", true],
    ["invalid_scope", "INVALID_SCOPE", false],
    ["unauthorized_client", "INVALID_CLIENT", false],
    ["something_of_their_own", "PROVIDER_ERROR", true],
  ])("%s becomes %s with a remedy, and accuses no config, because a browser can make it up", async (error, code, retryable) => {
    const { ended, begun } = await endsWith({ authorizationError: { error, description: `Because. ${SCRIPT}` } });
    expect(ended).toMatchObject({ status: "FAILED", credential: null });
    expect(ended.failure).toMatchObject({ code, retryable, providerCode: error, providerMessage: `Because. ${SCRIPT}` });
    expect(ended.failure!.remedy).not.toBe("");
    expect(tokenRequests(app, begun.config.clientId)).toEqual([]);
    expect((await readConfig(app, app.adminKey, begun.config.id)).status).toBe("ACTIVE");
  });

  test("what the provider wrote is text, in the API and on the page", async () => {
    const authorizationError = { error: "server_error", description: `${SCRIPT}\u202e\u0007 and ${"long ".repeat(300)}` };
    const begun = await begin(app, { switches: { authorizationError }, input: { display: "POPUP", origin: "http://app.test" } });
    const page = await (await goToCallback(app, begun.url)).open();
    const ended = await endOf(app, begun);
    expect(ended.failure!.providerMessage).toMatch(/^<script>alert\(1\)<\/script> {1,2}and long/);
    expect(ended.failure!.providerMessage!.length).toBeLessThanOrEqual(500);
    expect(page.body).toContain("That did not work");
    expect(page.body).not.toContain("alert(1)");
  });

  test.each([["wrongIssuer"], ["noIssuer"]])(
    "%s is ISSUER_MISMATCH, in an error answer too, and nothing is redeemed",
    async (name) => {
      for (const more of [{}, { authorizationError: { error: "server_error" } }]) {
        const { ended, begun } = await endsWith({ [name]: true, ...more });
        expect(ended.failure).toMatchObject({ code: "ISSUER_MISMATCH" });
        expect(tokenRequests(app, begun.config.clientId)).toEqual([]);
      }
    },
  );

  test("a code that is not the provider's is INVALID_GRANT, a missing or repeated one MALFORMED_RESPONSE", async () => {
    const changes: [string, (parameters: URLSearchParams) => void][] = [
      ["INVALID_GRANT", (parameters) => parameters.set("code", "made-up")],
      ["MALFORMED_RESPONSE", (parameters) => parameters.delete("code")],
      ["MALFORMED_RESPONSE", (parameters) => parameters.append("code", "another")],
    ];
    for (const [code, change] of changes) {
      const begun = await begin(app);
      const { callbackUrl, cookieJar } = await goToCallback(app, begun.url);
      const url = new URL(callbackUrl);
      change(url.searchParams);
      const page = await browse(url.href, { cookieJar, stopAtPrefix: RETURN_URL });
      if (page.forms[0]) {
        const form = new URLSearchParams([...page.forms[0].fields, ["decision", "connect"]]);
        await browse(`${app.url}/connect/confirm`, { body: form, cookieJar, stopAtPrefix: RETURN_URL });
      }
      expect((await endOf(app, begun)).failure).toMatchObject({ code });
    }
  });
});

describe("odd answers of the token endpoint (design 5.12)", () => {
  test.each([
    ["noTokenType"],
    ["noExpiresIn"],
    ["expiresInAsString"],
    ["scopeAsList"],
    ["scopeCommas"],
    ["omitScopeInAnswer"],
    ["formEncoded"],
    ["wrongContentType"],
    ["noIdToken"],
    ["nested"],
  ])("%s is understood", async (name) => {
    const { ended, failure } = await endsWith({ [name]: name === "nested" ? "authed_user" : true });
    expect(failure).toBeNull();
    expect(ended).toMatchObject({ status: "ACTIVE", credential: { account: { id: "ada" }, scopes: { missing: [] } } });
    expect(ended.credential!.scopes.granted).toContain("notes:read");
  });

  test.each([
    ["html", { html: true }, "MALFORMED_RESPONSE"],
    ["truncated", { truncated: true }, "PROVIDER_UNREACHABLE"],
    ["dropAfterCommit", { dropAfterCommit: true }, "PROVIDER_UNREACHABLE"],
    ["wrongNonce", { wrongNonce: true }, "MALFORMED_RESPONSE"],
    ["an error with 200", { errorWith200: true, tokenError: { status: 400, error: "invalid_grant" } }, "INVALID_GRANT"],
    ["503", { tokenError: { status: 503, error: "temporarily_unavailable" } }, "PROVIDER_ERROR"],
    ["429", { tokenError: { status: 429, error: "slow_down", retryAfterSeconds: 2 } }, "RATE_LIMITED"],
    ["invalid_scope", { tokenError: { status: 400, error: "invalid_scope" } }, "INVALID_SCOPE"],
    ["a wrong redirect URI", { tokenError: { status: 400, error: "redirect_uri_mismatch" } }, "REDIRECT_URI_MISMATCH"],
  ])("%s fails as what it is, with a remedy", async (_name, switches, code) => {
    const { ended, told } = await endsWith(switches);
    expect(ended).toMatchObject({ status: "FAILED", credential: null, failure: { code } });
    expect(ended.failure!.remedy.length).toBeGreaterThan(10);
    expect(told).toBe("FAILED");
  });
});

describe("a client that the provider refuses", () => {
  test("is INVALID_CLIENT, shows as ERROR on the config with the reason, and a later success cures it", async () => {
    const begun = await begin(app, { switches: { tokenError: { status: 401, error: "invalid_client", times: 1 } } });
    await goThrough(begun.url);
    expect((await endOf(app, begun)).failure).toMatchObject({ code: "INVALID_CLIENT", retryable: false });
    const accused = await readConfig(app, app.adminKey, begun.config.id);
    expect(accused.status).toBe("ERROR");
    expect(accused.statusReason).toContain("client id and secret");
    const { credential } = await connect(app, app.adminKey, { authConfigId: begun.config.id });
    expect(credential?.status).toBe("ACTIVE");
    expect(await readConfig(app, app.adminKey, begun.config.id)).toMatchObject({ status: "ACTIVE", statusReason: null });
  });

  test("because of its secret is told so", async () => {
    const own = await createOwnClientConfig(app, app.adminKey);
    const wrong = await createConfig(app, app.adminKey, { clientId: own.clientId, clientSecret: "not-the-secret" });
    const { request } = await connect(app, app.adminKey, { authConfigId: wrong.id });
    expect(request.failure).toMatchObject({ code: "INVALID_CLIENT", providerCode: "invalid_client" });
    expect((await readConfig(app, app.adminKey, wrong.id)).status).toBe("ERROR");
    expect((await readConfig(app, app.adminKey, own.id)).status).toBe("ACTIVE");
  });

  test("because its redirect URI is not registered never sends the browser back: the request waits and runs out", async () => {
    const client = await app.sandbox!.control.createClient({ redirectUris: ["http://elsewhere.test/callback"] });
    const config = await createConfig(app, app.adminKey, { clientId: client.clientId, clientSecret: client.clientSecret });
    const { session } = await begin(app);
    const request = await initiate(app, session, { target: { authConfigId: config.id } });
    const page = await browse(request.authorizationUrl!);
    expect(page.status).toBe(400);
    expect(new URL(page.url).origin).toBe(app.sandbox!.issuer);
    expect((await endOf(app, { session, request })).status).toBe("AUTHORIZING");
  });
});

test("a config that is switched off meanwhile lets nobody finish, and consumes nothing", async () => {
  const begun = await begin(app);
  const { callbackUrl, cookieJar } = await goToCallback(app, begun.url);
  const Switch = graphql(`
    mutation OAuthSwitchConfig($id: ID!, $enabled: Boolean!) {
      setAuthConfigEnabled(input: { id: $id, enabled: $enabled }) { __typename ... on UserError { message } }
    }
  `);
  await run(app, app.adminKey, Switch, { id: begun.config.id, enabled: false });
  expect((await browse(callbackUrl, { cookieJar })).body).toContain("switched off");
  expect((await browse(begun.url)).body).toContain("switched off");
  await run(app, app.adminKey, Switch, { id: begun.config.id, enabled: true });
  const page = await browse(callbackUrl, { cookieJar });
  expect(page.body).toContain("Is this you?");
});

test("a provider that cannot be reached, and an address that may not be, are told apart from all else", async () => {
  const Create = graphql(`
    mutation OAuthConnector($input: CreateConnectorInput!) {
      createConnector(input: $input) {
        __typename
        ... on CreateConnectorPayload { connector { slug redirectUri } }
        ... on UserError { message code }
      }
    }
  `);
  const issuer = app.sandbox!.issuer;
  const dead = {
    "dead-port": "http://127.0.0.1:1/token",
    "dead-host": "https://provider.invalid/token",
    inside: "https://10.0.0.7/token",
  };
  for (const [slug, tokenUrl] of Object.entries(dead)) {
    const oauth2 = { authorizationUrl: `${issuer}/auth`, tokenUrl };
    const { createConnector } = await run(app, app.adminKey, Create, { input: { slug, name: slug, scheme: { oauth2 } } });
    if (slug === "inside" && createConnector?.__typename === "InvalidInputError") continue;
    const { connector } = payload(createConnector, "CreateConnectorPayload");
    const client = await app.sandbox!.control.createClient({ redirectUris: [connector.redirectUri!], switches: {} });
    const config = await createConfig(app, app.adminKey, {
      connectorSlug: slug,
      clientId: client.clientId,
      clientSecret: client.clientSecret!,
      scopes: ["openid"],
    });
    const { request } = await connect(app, app.adminKey, { authConfigId: config.id });
    expect(request.failure, slug).toMatchObject({ code: "PROVIDER_UNREACHABLE", retryable: slug !== "inside" });
    expect(request.failure!.remedy).not.toBe("");
    expect((await readConfig(app, app.adminKey, config.id)).status).toBe("ACTIVE");
  }
});
