import { generateKeyPairSync, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { checkOf, diagnose, json, type LocalServer, outcomes, page, startServer } from "./support/diagnosis.ts";
import { mutate } from "./support/entities.ts";
import { createConfig, createOwnClientConfig } from "./support/seed.ts";

let app: TestApp;
let key: string;
const servers: LocalServer[] = [];
beforeAll(async () => {
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1" });
  key = app.adminKey;
});
afterAll(async () => {
  for (const server of servers) await server.close();
  await app?.close();
});

type Answer = Parameters<typeof startServer>[0];

const SECRET = "a-client-secret-of-the-tests-0123";

/** A provider that does as a test says, a connector to it, and a config with a client. */
async function odd(behave: { authorize?: Answer; token?: Answer; more?: Answer }, scheme: object = {}, config: object = {}) {
  const server = await startServer((request, response, raw) => {
    if (request.url.pathname === "/authorize" && behave.authorize && request.url.search)
      return behave.authorize(request, response, raw);
    if (request.url.pathname === "/token" && behave.token && request.body) return behave.token(request, response, raw);
    if (behave.more) return behave.more(request, response, raw);
    return json(response, 400, { error: "invalid_request" });
  });
  servers.push(server);
  const oauth2 = {
    authorizationUrl: `${server.url}/authorize`,
    tokenUrl: `${server.url}/token`,
    tokenAuthMethod: "CLIENT_SECRET_POST",
    ...scheme,
  };
  const input = { slug: `odd-${randomUUID().slice(0, 8)}`, name: "Odd", scheme: { oauth2 } };
  const { connector } = await mutate(app, key, "createConnector", input, "connector { id slug redirectUri }");
  const made = await createConfig(app, key, {
    connectorSlug: String(connector.slug),
    clientId: "client-1",
    clientSecret: SECRET,
    ...config,
  });
  return { server, id: made.id, redirectUri: String(connector.redirectUri) };
}

/** As most do: the client first, then the code. */
const careful: Answer = ({ form }, response) => {
  const known = form.get("client_id") === "client-1" && form.get("client_secret") === SECRET;
  return known ? json(response, 400, { error: "invalid_grant" }) : json(response, 401, { error: "invalid_client" });
};

const signIn: Answer = (_request, response) => page(response, 200, "<h1>Sign in</h1>");

describe("a client at the sandbox", () => {
  test("that is all right passes every check, with nothing changed and no secret shown", async () => {
    const config = await createOwnClientConfig(app, key);
    const told = await diagnose(app, key, { id: config.id });
    expect(told.authConfig?.id).toBe(config.id);
    expect(told.diagnosis.ok).toBe(true);
    expect(outcomes(told)).toEqual({
      CONFIG_ACTIVE: "PASSED",
      VALUES_COMPLETE: "PASSED",
      AUTHORIZATION_ENDPOINT_REACHABLE: "PASSED",
      TOKEN_ENDPOINT_REACHABLE: "PASSED",
      REVOCATION_ENDPOINT_REACHABLE: "PASSED",
      USERINFO_ENDPOINT_REACHABLE: "PASSED",
      KEY_SET_REACHABLE: "PASSED",
      DEVICE_AUTHORIZATION_ENDPOINT_REACHABLE: "PASSED",
      PUSHED_AUTHORIZATION_ENDPOINT_REACHABLE: "PASSED",
      API_REACHABLE: "PASSED",
      KEY_SET_READABLE: "PASSED",
      // It is on this machine, without TLS.
      TLS_VALID: "WARNING",
      CLOCK_IN_STEP: "PASSED",
      DISCOVERY_MATCHES: "PASSED",
      CLIENT_AUTHENTICATED: "PASSED",
      REDIRECT_URI_REGISTERED: "PASSED",
      AUTHORIZATION_REQUEST_ACCEPTED: "PASSED",
      SCOPES_KNOWN: "PASSED",
      CLIENT_SECRET_CURRENT: "SKIPPED",
    });
    const secret = app.sandbox!.control.clients().find(({ clientId }) => clientId === config.clientId)!.clientSecret!;
    expect(JSON.stringify(told)).not.toContain(secret);
    const asked = app.sandbox!.control.log().filter(({ clientId }) => clientId === config.clientId);
    // The code is made up, and the second one comes with a secret that is, too.
    expect(asked.map(({ outcome }) => outcome)).toEqual(["invalid_grant", "invalid_client"]);
  });

  test("with a wrong secret is told from one that does not exist, and both from a good one", async () => {
    const client = await app.sandbox!.control.createClient({ redirectUris: [`${app.url}/oauth/callback/sandbox`] });
    const wrong = await createConfig(app, key, { clientId: client.clientId, clientSecret: SECRET });
    const told = await diagnose(app, key, { id: wrong.id });
    expect(told.diagnosis.ok).toBe(false);
    expect(checkOf(told, "CLIENT_AUTHENTICATED")).toMatchObject({
      outcome: "FAILED",
      message: expect.stringContaining("invalid_client"),
    });
    expect(checkOf(told, "REDIRECT_URI_REGISTERED").outcome).toBe("PASSED");
    expect(JSON.stringify(told)).not.toContain(SECRET);
    const nobody = await createConfig(app, key, { clientId: "nobody", clientSecret: SECRET });
    const toldNobody = await diagnose(app, key, { id: nobody.id });
    expect(outcomes(toldNobody)).toMatchObject({
      CLIENT_AUTHENTICATED: "FAILED",
      REDIRECT_URI_REGISTERED: "SKIPPED",
      AUTHORIZATION_REQUEST_ACCEPTED: "FAILED",
    });
  });

  test("that answers errors with 200, by the connector's quirk, is understood", async () => {
    const config = await createOwnClientConfig(app, key, { errorWith200: true });
    expect(checkOf(await diagnose(app, key, { id: config.id }), "CLIENT_AUTHENTICATED").outcome).toBe("PASSED");
  });

  test.each([
    ["is down", { tokenError: { status: 503, error: "temporarily_unavailable" } }],
    ["wants fewer requests", { tokenError: { status: 429, error: "slow_down", retryAfterSeconds: 2 } }],
  ])("is not accused where the provider %s", async (_what, switches) => {
    const config = await createOwnClientConfig(app, key, switches);
    const check = checkOf(await diagnose(app, key, { id: config.id }), "CLIENT_AUTHENTICATED");
    expect(check.outcome).toBe("SKIPPED");
    expect(check.message).toMatch(/could not be asked/);
  });

  test("that may not use authorization codes is known, and says so", async () => {
    const tokenError = { status: 400, error: "unauthorized_client", description: "no such grant for this client" };
    const config = await createOwnClientConfig(app, key, { tokenError });
    const check = checkOf(await diagnose(app, key, { id: config.id }), "CLIENT_AUTHENTICATED");
    expect(check).toMatchObject({ outcome: "FAILED", message: expect.stringContaining("authorization codes") });
  });

  test("is not said to be treated like any other where another one is only sent somewhere else", async () => {
    const token: Answer = ({ form }, response) =>
      form.get("client_secret") === SECRET
        ? json(response, 400, { error: "invalid_grant" })
        : response.writeHead(302, { location: "/login?error=invalid_client" }).end();
    const { id } = await odd({ authorize: signIn, token });
    const check = checkOf(await diagnose(app, key, { id }), "CLIENT_AUTHENTICATED");
    expect(check).toMatchObject({ outcome: "SKIPPED", message: expect.stringContaining("in another way") });
  });

  test("that nobody knows is not said to be known, in whichever words", async () => {
    // One server says 401, another says the same of every client that it does not let in.
    for (const status of [401, 400]) {
      const { id } = await odd({
        authorize: signIn,
        token: (_request, response) => json(response, status, { error: "unauthorized_client" }),
      });
      const check = checkOf(await diagnose(app, key, { id }), "CLIENT_AUTHENTICATED");
      expect(check).toMatchObject({ outcome: "FAILED", message: expect.stringContaining("unauthorized_client") });
      expect(check.message, String(status)).not.toMatch(/knows the client/);
    }
  });

  test("without a secret is proven by its id, and one with a key pair by its signature", async () => {
    const { issuer, control } = app.sandbox!;
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    for (const method of ["none", "private_key_jwt", "client_secret_post"] as const) {
      const oauth2 = { authorizationUrl: `${issuer}/auth`, tokenUrl: `${issuer}/token`, tokenAuthMethod: method.toUpperCase() };
      const input = { slug: `auth-${randomUUID().slice(0, 8)}`, name: method, scheme: { oauth2 } };
      const { connector } = await mutate(app, key, "createConnector", input, "connector { id slug redirectUri }");
      const jwks = { keys: [{ ...publicKey.export({ format: "jwk" }) }] };
      const client = await control.createClient({
        redirectUris: [String(connector.redirectUri)],
        tokenEndpointAuthMethod: method,
        ...(method === "private_key_jwt" && { jwks }),
      });
      const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
      const clientSecret = method === "private_key_jwt" ? pem : client.clientSecret;
      const config = await createConfig(app, key, {
        connectorSlug: String(connector.slug),
        clientId: client.clientId,
        clientSecret,
      });
      const told = await diagnose(app, key, { id: config.id });
      expect(checkOf(told, "CLIENT_AUTHENTICATED"), method).toMatchObject({ outcome: "PASSED" });
      expect(checkOf(told, "REDIRECT_URI_REGISTERED"), method).toMatchObject({ outcome: "PASSED" });
      // Nobody publishes what its endpoints are.
      expect(checkOf(told, "DISCOVERY_MATCHES").outcome).toBe("SKIPPED");
    }
  });

  test("gets a token of its own where the config uses that flow", async () => {
    const good = await createOwnClientConfig(app, key, {}, { flows: ["CLIENT_CREDENTIALS"], scopes: ["notes:read"] });
    const told = await diagnose(app, key, { id: good.id });
    expect(checkOf(told, "CLIENT_TOKEN_OBTAINED").outcome).toBe("PASSED");
    // No browser is sent anywhere, so nothing is said of one.
    expect(told.diagnosis.checks.map(({ name }) => name)).not.toContain("REDIRECT_URI_REGISTERED");
    const tokenError = { status: 400, error: "unauthorized_client" };
    const bad = await createOwnClientConfig(app, key, { tokenError }, { flows: ["CLIENT_CREDENTIALS"], scopes: ["notes:read"] });
    expect(checkOf(await diagnose(app, key, { id: bad.id }), "CLIENT_TOKEN_OBTAINED").outcome).toBe("FAILED");
  });

  test("gets a device code where the config uses that flow", async () => {
    const good = await createOwnClientConfig(app, key, {}, { flows: ["AUTHORIZATION_CODE", "DEVICE"] });
    expect(checkOf(await diagnose(app, key, { id: good.id }), "DEVICE_CODE_OBTAINED").outcome).toBe("PASSED");
    await app.sandbox!.control.updateClient(good.clientId, { disabled: true });
    expect(checkOf(await diagnose(app, key, { id: good.id }), "DEVICE_CODE_OBTAINED").outcome).toBe("FAILED");
  });

  test("of a config that is switched off is looked at all the same, and that it is off is told", async () => {
    const config = await createOwnClientConfig(app, key);
    await mutate(app, key, "setAuthConfigEnabled", { id: config.id, enabled: false });
    const told = await diagnose(app, key, { id: config.id });
    expect(checkOf(told, "CONFIG_ACTIVE")).toMatchObject({
      outcome: "WARNING",
      message: expect.stringContaining("switched off"),
    });
    expect(checkOf(told, "CLIENT_AUTHENTICATED").outcome).toBe("PASSED");
  });

  test("is told when its secret runs out", async () => {
    const days = (count: number) => new Date(Date.now() + count * 86_400_000).toISOString();
    for (const [expires, outcome] of [
      [days(-1), "FAILED"],
      [days(10), "WARNING"],
      [days(100), "PASSED"],
    ] as const) {
      const config = await createOwnClientConfig(app, key, {}, { clientSecretExpiresAt: expires });
      expect(checkOf(await diagnose(app, key, { id: config.id }), "CLIENT_SECRET_CURRENT").outcome, expires).toBe(outcome);
    }
  });
});

describe("a client at a provider of its own making", () => {
  test("is not taken for proven where the provider looks at the code first", async () => {
    const { id } = await odd({ token: (_request, response) => json(response, 400, { error: "invalid_grant" }) });
    const check = checkOf(await diagnose(app, key, { id }), "CLIENT_AUTHENTICATED");
    expect(check).toMatchObject({ outcome: "SKIPPED", message: expect.stringContaining("whichever client asks") });
  });

  test("is not taken for proven where anybody gets tokens for anything", async () => {
    const token = { access_token: "token-of-nobody-0123456789", token_type: "Bearer" };
    const { id } = await odd({ token: (_request, response) => json(response, 200, token) });
    const told = await diagnose(app, key, { id });
    expect(checkOf(told, "CLIENT_AUTHENTICATED").outcome).toBe("WARNING");
    expect(JSON.stringify(told)).not.toContain(token.access_token);
  });

  test("is proven where the provider has words of its own for both", async () => {
    const answer: Answer = ({ form }, response) => {
      const error = form.get("client_secret") === SECRET ? "bad_verification_code" : "incorrect_client_credentials";
      return json(response, 200, { error, error_description: `You sent ${form.get("client_secret")}` });
    };
    const good = await odd({ token: answer });
    expect(checkOf(await diagnose(app, key, { id: good.id }), "CLIENT_AUTHENTICATED").outcome).toBe("PASSED");
    const bad = await odd({ token: answer }, {}, { clientSecret: "another-secret-0123456789" });
    const told = await diagnose(app, key, { id: bad.id });
    expect(checkOf(told, "CLIENT_AUTHENTICATED").outcome).toBe("FAILED");
    expect(JSON.stringify(told)).not.toContain("another-secret-0123456789");
  });

  test("is not judged where the token endpoint is none", async () => {
    const { id } = await odd({ token: (_request, response) => page(response, 200, "<h1>Welcome</h1>") });
    const check = checkOf(await diagnose(app, key, { id }), "CLIENT_AUTHENTICATED");
    expect(check).toMatchObject({ outcome: "WARNING", message: expect.stringContaining("does not answer as OAuth prescribes") });
  });
});

describe("the redirect URI", () => {
  test.each([
    ["a slash at its end", (uri: string) => `${uri}/`, /the slash at the end \(there, not here\)/],
    ["another scheme", (uri: string) => uri.replace("http:", "https:"), /the scheme \(http:\/\/ here, https:\/\/ there\)/],
    ["no port", (uri: string) => uri.replace(/:\d+\//, "/"), /the port \(\d+ here, none there\)/],
    ["another host", (uri: string) => uri.replace("localhost", "127.0.0.1"), /the host \(localhost here, 127.0.0.1 there\)/],
    ["no path", (uri: string) => `${new URL(uri).origin}/`, /the path \(\/oauth\/callback\/sandbox here, \/ there\)/],
  ])("that is registered with %s is named, with the difference", async (_what, registered, difference) => {
    const config = await createOwnClientConfig(app, key);
    const theirs = registered(`${app.url}/oauth/callback/sandbox`);
    await app.sandbox!.control.updateClient(config.clientId, { redirectUris: [theirs] });
    const check = checkOf(await diagnose(app, key, { id: config.id }), "REDIRECT_URI_REGISTERED");
    expect(check).toMatchObject({ outcome: "FAILED", message: expect.stringContaining(`knows ${theirs} `) });
    expect(check.message).toMatch(difference);
    expect(check.remedy).toContain(`${app.url}/oauth/callback/sandbox`);
  });

  test("that is not registered in any likeness is said to be unknown", async () => {
    const config = await createOwnClientConfig(app, key);
    await app.sandbox!.control.updateClient(config.clientId, { redirectUris: ["https://other.example/somewhere"] });
    const told = await diagnose(app, key, { id: config.id });
    expect(checkOf(told, "REDIRECT_URI_REGISTERED")).toMatchObject({
      outcome: "FAILED",
      message: expect.stringContaining("not registered"),
    });
    expect(outcomes(told)).toMatchObject({ CLIENT_AUTHENTICATED: "PASSED", AUTHORIZATION_REQUEST_ACCEPTED: "SKIPPED" });
  });

  test("is not known where the provider shows the same page whatever it is", async () => {
    const { id } = await odd({ token: careful, authorize: signIn });
    expect(outcomes(await diagnose(app, key, { id }))).toMatchObject({
      REDIRECT_URI_REGISTERED: "SKIPPED",
      AUTHORIZATION_REQUEST_ACCEPTED: "PASSED",
    });
  });

  test("is no protection where the provider sends its answer anywhere", async () => {
    const anywhere: Answer = ({ url }, response) =>
      response
        .writeHead(302, { location: `${url.searchParams.get("redirect_uri")}?code=abc&state=${url.searchParams.get("state")}` })
        .end();
    const { id } = await odd({ token: careful, authorize: anywhere });
    expect(checkOf(await diagnose(app, key, { id }), "REDIRECT_URI_REGISTERED")).toMatchObject({
      outcome: "WARNING",
      message: expect.stringContaining("any redirect URI"),
    });
  });

  /** What a provider says, in one of the ways that are in use, to a URI that is not the registered one. */
  const REFUSALS: [string, Answer][] = [
    [
      "a page with status 200",
      (_request, response) => page(response, 200, "<p>The redirect_uri does not match the ones of this app.</p>"),
    ],
    ["a page with status 400", (_request, response) => page(response, 400, "<p>Error 400: redirect_uri_mismatch</p>")],
    [
      "JSON",
      (_request, response) => json(response, 400, { error: "invalid_request", error_description: "Invalid redirect URI" }),
    ],
    [
      "an error page's address",
      (_request, response) =>
        response
          .writeHead(302, {
            location: `/signin/oauth/error?authError=${Buffer.from("redirect_uri_mismatch: no").toString("base64")}`,
          })
          .end(),
    ],
    ["a code in a script", (_request, response) => page(response, 200, '<script>$Config={"e":"AADSTS50011: no"}</script>')],
  ];

  test.each(REFUSALS)("is understood to be refused by %s", async (_what, refuse) => {
    const registered = { uri: "" };
    const authorize: Answer = (request, response, raw) =>
      request.url.searchParams.get("redirect_uri") === registered.uri
        ? signIn(request, response, raw)
        : refuse(request, response, raw);
    const { id, redirectUri } = await odd({ token: careful, authorize });
    expect(checkOf(await diagnose(app, key, { id }), "REDIRECT_URI_REGISTERED").outcome).toBe("FAILED");
    registered.uri = redirectUri;
    expect(checkOf(await diagnose(app, key, { id }), "REDIRECT_URI_REGISTERED").outcome).toBe("PASSED");
  });

  test("is not taken for refused because a page's script has the words for it", async () => {
    const words = '<script>const t = { mismatch: "The redirect_uri does not match" };</script><h1>Sign in</h1>';
    const { id } = await odd({ token: careful, authorize: (_request, response) => page(response, 200, words) });
    expect(checkOf(await diagnose(app, key, { id }), "REDIRECT_URI_REGISTERED").outcome).toBe("SKIPPED");
  });

  test("is told by the token endpoint where the authorization endpoint does not", async () => {
    const token: Answer = (request, response, raw) =>
      request.form.get("client_secret") === SECRET
        ? json(response, 400, { error: "invalid_grant", error_description: "redirect_uri is not registered" })
        : careful(request, response, raw);
    const { id } = await odd({ token, authorize: signIn });
    expect(outcomes(await diagnose(app, key, { id }))).toMatchObject({
      CLIENT_AUTHENTICATED: "PASSED",
      REDIRECT_URI_REGISTERED: "FAILED",
    });
  });
});

describe("the scopes", () => {
  test("are held against what the provider publishes, and a near one is named", async () => {
    const config = await createOwnClientConfig(app, key, {}, { scopes: ["openid", "notes.read"] });
    const check = checkOf(await diagnose(app, key, { id: config.id }), "SCOPES_KNOWN");
    expect(check).toMatchObject({ outcome: "WARNING", message: expect.stringContaining("notes.read (there is notes:read)") });
  });

  test("that the provider refuses are not confused with the redirect URI", async () => {
    const refuse: Answer = ({ url }, response) => {
      const uri = url.searchParams.get("redirect_uri")!;
      if (!/-[0-9a-f]{12}$/.test(uri))
        response.writeHead(302, { location: `${uri}?error=invalid_scope&error_description=no` }).end();
      else page(response, 400, "Unknown redirect_uri");
    };
    const { id } = await odd({ token: careful, authorize: refuse }, { scope: "everything" });
    expect(outcomes(await diagnose(app, key, { id }))).toMatchObject({
      REDIRECT_URI_REGISTERED: "PASSED",
      AUTHORIZATION_REQUEST_ACCEPTED: "PASSED",
      SCOPES_KNOWN: "FAILED",
    });
  });

  test("of a provider that publishes none are not judged", async () => {
    const { id } = await odd({ token: careful, authorize: signIn }, { scope: "everything" });
    expect(checkOf(await diagnose(app, key, { id }), "SCOPES_KNOWN").outcome).toBe("SKIPPED");
  });
});

describe("discovery", () => {
  /** An issuer whose metadata say what a test wants. */
  async function publishing(metadata: (url: string) => object, scheme: (url: string) => object) {
    let self = "";
    const more: Answer = ({ url }, response) =>
      url.pathname === "/.well-known/openid-configuration" ? json(response, 200, metadata(self)) : json(response, 404, {});
    const server = await startServer(more);
    servers.push(server);
    self = server.url;
    const oauth2 = { authorizationUrl: `${self}/authorize`, tokenUrl: `${self}/token`, jwksUri: `${self}/jwks`, ...scheme(self) };
    const input = { slug: `iss-${randomUUID().slice(0, 8)}`, name: "Issuer", scheme: { oauth2 } };
    const { connector } = await mutate(app, key, "createConnector", input, "connector { slug }");
    return createConfig(app, key, { connectorSlug: String(connector.slug), clientId: "c", clientSecret: SECRET });
  }
  const all = (url: string) => ({
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    jwks_uri: `${url}/jwks`,
    response_types_supported: ["code"],
  });

  test("names each endpoint that is configured otherwise, and how they differ", async () => {
    const config = await publishing(
      (url) => ({ ...all(url), token_endpoint: `${url}/token/`, token_endpoint_auth_methods_supported: ["client_secret_post"] }),
      (url) => ({ issuer: url }),
    );
    const check = checkOf(await diagnose(app, key, { id: config.id }), "DISCOVERY_MATCHES");
    expect(check.outcome).toBe("WARNING");
    expect(check.message).toMatch(
      /the token endpoint is \S+\/token here and \S+\/token\/ there: .*the slash at the end \(there, not here\)/,
    );
    expect(check.message).toMatch(/does not offer client_secret_basic/);
  });

  test("fails where the metadata are somebody else's", async () => {
    const config = await publishing(
      (url) => ({ ...all(url), issuer: "https://somebody-else.example" }),
      (url) => ({ issuer: url }),
    );
    expect(checkOf(await diagnose(app, key, { id: config.id }), "DISCOVERY_MATCHES").outcome).toBe("FAILED");
  });

  test("warns where the issuer publishes nothing", async () => {
    const config = await publishing(
      () => ({ nothing: true }),
      (url) => ({ issuer: `${url}/elsewhere` }),
    );
    expect(checkOf(await diagnose(app, key, { id: config.id }), "DISCOVERY_MATCHES").outcome).toBe("WARNING");
  });
});
