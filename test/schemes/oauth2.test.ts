import { generateKeyPairSync } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { OAuth2SchemeDefinition } from "../../src/catalogue/types.ts";
import { Secret } from "../../src/lib/secret.ts";
import { verify } from "../../src/schemes/index.ts";
import {
  begin,
  checkCallback,
  complete,
  discover,
  failure,
  OAuthFailure,
  refresh,
  revoke,
} from "../../src/schemes/oauth2/index.ts";
import { brokenFetch, callback, client, FLOW, type Reply, rejection, simulateProvider } from "./support.ts";

const GOOD = { access_token: "at-1", token_type: "Bearer", refresh_token: "rt-2", expires_in: 60 };
const nothing = async () => {};

async function failureOf(reply: Reply, use: "complete" | "refresh" = "complete", scheme: Partial<OAuth2SchemeDefinition> = {}) {
  await using provider = await simulateProvider(() => reply);
  const common = { client: client(scheme), fetch: provider.fetch, timeoutMs: 2_000, onRawAnswer: nothing };
  const error = await rejection(
    use === "complete"
      ? complete({ ...FLOW, ...common, parameters: callback() })
      : refresh({ ...common, refreshToken: new Secret("rt-1"), scopes: ["a"] }),
  );
  expect(error).toBeInstanceOf(OAuthFailure);
  return error as OAuthFailure;
}

describe("the authorization URL", () => {
  it("carries state, PKCE S256, scopes and the redirect URI, and a nonce only with openid", async () => {
    const start = (scopes: string[]) =>
      begin({ ...FLOW, client: client(), scopes, fetch: brokenFetch("TIMEOUT"), loginHint: "ada@example.com" });
    const url = new URL((await start(["a", "b"])).url);
    expect(url.origin + url.pathname).toBe("https://provider.example/authorize");
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: "client-1",
      response_type: "code",
      redirect_uri: "https://moorline.example/oauth/callback/provider",
      scope: "a b",
      state: "state-1",
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: "S256",
      login_hint: "ada@example.com",
    });
    expect(new URL((await start(["openid"])).url).searchParams.get("nonce")).toBe("nonce-1");
  });

  it("lets a caller's parameter replace one of the data's, but none of the protocol's", async () => {
    const parameters = { prompt: "login", state: "mine", redirect_uri: "https://evil.example", code_challenge_method: "plain" };
    const scheme = { authorizationParameters: { prompt: "consent", audience: "api" } };
    const { url } = await begin({ ...FLOW, client: client(scheme), parameters, fetch: brokenFetch("TIMEOUT") });
    expect(Object.fromEntries(new URL(url).searchParams)).toMatchObject({
      prompt: "login",
      audience: "api",
      state: "state-1",
      redirect_uri: "https://moorline.example/oauth/callback/provider",
      code_challenge_method: "S256",
    });
  });

  it("is pushed first where the provider requires it (RFC 9126)", async () => {
    await using provider = await simulateProvider(() => ({ status: 201, body: { request_uri: "urn:1", expires_in: 60 } }));
    const scheme = { pushedAuthorizationUrl: "https://provider.example/par", pushedAuthorizationRequired: true };
    const { url } = await begin({ ...FLOW, client: client(scheme), fetch: provider.fetch });
    expect(Object.fromEntries(new URL(url).searchParams)).toEqual({ client_id: "client-1", request_uri: "urn:1" });
    expect(provider.seen[0]?.parameters).toMatchObject({ state: "state-1", code_challenge_method: "S256", scope: "a b" });
    expect(provider.seen[0]?.headers.authorization).toMatch(/^Basic /);
  });
});

describe("the callback", () => {
  const issuing = client({ issuer: "https://provider.example", issInAuthorizationResponse: true });

  it("accepts the issuer byte for byte, in errors too", () => {
    expect(checkCallback(issuing, callback({ iss: "https://provider.example" }))).toEqual({ outcome: "CODE" });
    const error = new URLSearchParams({ error: "access_denied", state: "state-1", iss: "https://provider.example/" });
    for (const parameters of [
      callback(),
      callback({ iss: "https://provider.example/" }),
      callback({ iss: "https://evil.example" }),
      error,
    ]) {
      expect(() => checkCallback(issuing, parameters)).toThrow(
        expect.objectContaining({ details: expect.objectContaining({ code: "ISSUER_MISMATCH" }) }),
      );
    }
  });

  it("refuses repeated parameters and an answer with neither code nor error", () => {
    const twice = callback();
    twice.append("state", "other");
    expect(() => checkCallback(client(), twice)).toThrow(/more than once/);
    expect(() => checkCallback(client(), new URLSearchParams({ state: "state-1" }))).toThrow(/neither a code nor an error/);
  });

  it("is not redeemed under another state", async () => {
    const input = { ...FLOW, client: client(), fetch: brokenFetch("TIMEOUT"), onRawAnswer: nothing };
    const error = (await rejection(complete({ ...input, parameters: callback({ state: "other" }) }))) as OAuthFailure;
    expect(error.details.code).toBe("STATE_MISMATCH");
  });

  it("takes the user's no as an outcome, with the provider's text made inert", () => {
    const parameters = new URLSearchParams({ error: "access_denied", error_description: `no\u202E\u0000${"x".repeat(900)}` });
    const result = checkCallback(client(), parameters);
    expect(result).toEqual({ outcome: "DENIED", providerMessage: expect.stringMatching(/^no x{497}$/) });
  });

  it.each([
    [{ error: "invalid_scope" }, "INVALID_SCOPE", false],
    [{ error: "unauthorized_client" }, "INVALID_CLIENT", false],
    [{ error: "redirect_uri_mismatch" }, "REDIRECT_URI_MISMATCH", false],
    [{ error: "invalid_request", error_description: "Invalid redirect_uri" }, "REDIRECT_URI_MISMATCH", false],
    [{ error: "application_suspended" }, "APP_SUSPENDED", false],
    [{ error: "unauthorized_client", error_description: "This app is suspended." }, "APP_SUSPENDED", false],
    [{ error: "consent_required", error_description: "AADSTS65001: no consent" }, "ADMIN_CONSENT_REQUIRED", false],
    [{ error: "server_error" }, "PROVIDER_ERROR", true],
    [{ error: "temporarily_unavailable" }, "PROVIDER_ERROR", true],
    [{ error: "something_else" }, "PROVIDER_ERROR", true],
  ])("sorts %j", (parameters, code, retryable) => {
    expect(() => checkCallback(client(), new URLSearchParams(parameters))).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ code, retryable, providerCode: parameters.error }) }),
    );
  });
});

describe("failures of the token endpoint", () => {
  it.each<[string, Reply, string, boolean]>([
    [
      "invalid_client",
      { status: 401, headers: { "www-authenticate": "Basic" }, body: { error: "invalid_client" } },
      "INVALID_CLIENT",
      false,
    ],
    ["401 without a word", { status: 401, body: "" }, "INVALID_CLIENT", false],
    ["invalid_grant", { status: 400, body: { error: "invalid_grant" } }, "INVALID_GRANT", false],
    [
      "a wrong redirect URI",
      { status: 400, body: { error: "invalid_grant", error_description: "redirect_uri does not match" } },
      "REDIRECT_URI_MISMATCH",
      false,
    ],
    ["invalid_scope", { status: 400, body: { error: "invalid_scope" } }, "INVALID_SCOPE", false],
    ["an unknown error", { status: 400, body: { error: "odd" } }, "PROVIDER_ERROR", false],
    ["a rate limit", { status: 429, headers: { "retry-after": "7" }, body: "" }, "RATE_LIMITED", true],
    ["an outage", { status: 503, body: "<h1>down</h1>" }, "PROVIDER_ERROR", true],
    ["an outage in OAuth's words", { status: 503, body: { error: "temporarily_unavailable" } }, "PROVIDER_ERROR", true],
    ["a page instead of JSON", { headers: { "content-type": "text/html" }, body: "<h1>hi</h1>" }, "MALFORMED_RESPONSE", false],
    ["no access token", { body: { token_type: "Bearer" } }, "MALFORMED_RESPONSE", false],
    ["a redirect", { status: 302, headers: { location: "https://evil.example" }, body: "" }, "MALFORMED_RESPONSE", false],
  ])("reads %s", async (_name, reply, code, retryable) => {
    for (const use of ["complete", "refresh"] as const) {
      const { details, responseLost } = await failureOf(reply, use);
      expect([details.code, details.retryable, responseLost]).toEqual([code, retryable, false]);
      expect(details.message).toMatch(/\.$/);
      expect(details.remedy).toMatch(/\.$/);
      if (details.code === "RATE_LIMITED") expect(details.retryAfterSeconds).toBe(7);
    }
  });

  it.each([
    ["BLOCKED_ADDRESS", "PROVIDER_UNREACHABLE", false],
    ["HOST_NOT_FOUND", "PROVIDER_UNREACHABLE", true],
    ["CONNECTION_REFUSED", "PROVIDER_UNREACHABLE", true],
    ["TLS_ERROR", "PROVIDER_UNREACHABLE", true],
    ["TIMEOUT", "PROVIDER_UNREACHABLE", true],
    ["CONNECTION_LOST", "PROVIDER_UNREACHABLE", true],
    ["TOO_LARGE", "MALFORMED_RESPONSE", false],
  ] as const)("tells %s before the request was sent from a lost answer", async (egress, code, retryable) => {
    for (const sent of [true, false]) {
      const input = { client: client(), refreshToken: new Secret("rt-1"), scopes: [], onRawAnswer: nothing };
      const error = (await rejection(refresh({ ...input, fetch: brokenFetch(egress, sent) }))) as OAuthFailure;
      expect([error.details.code, error.details.retryable, error.responseLost]).toEqual([code, retryable, sent]);
    }
  });

  it("calls an answer that was cut in the middle lost", async () => {
    const error = await failureOf({ body: GOOD, cut: true }, "refresh");
    expect([error.details.code, error.details.retryable, error.responseLost]).toEqual(["PROVIDER_UNREACHABLE", true, true]);
  });

  it("keeps tokens, codes and secrets out of every printed form of its errors", async () => {
    const canary = "canary-8d1f";
    for (const body of [
      { access_token: canary, refresh_token: canary, token_type: canary },
      `"${canary}`,
      { error: "invalid_grant", hint: canary },
    ]) {
      await using provider = await simulateProvider(() => ({ body }));
      const mine = client({ quirks: [{ name: "error-with-200" }] }, { clientSecret: new Secret(canary) });
      const error = await rejection(
        complete({ ...FLOW, client: mine, fetch: provider.fetch, parameters: callback({ code: canary }), onRawAnswer: nothing }),
      );
      expect(
        inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error) + String((error as Error).stack),
      ).not.toContain(canary);
    }
  });
});

describe("what is kept", () => {
  it("hands over the raw answer before it is parsed, also one that cannot be", async () => {
    for (const body of ['{"access_token":"at-1","token_type":', JSON.stringify(GOOD)]) {
      await using provider = await simulateProvider(() => ({ body }));
      const raw: string[] = [];
      const onRawAnswer = async (text: Secret, status: number) => void raw.push(`${status} ${text.reveal()}`);
      await refresh({ client: client(), fetch: provider.fetch, refreshToken: new Secret("rt-1"), scopes: [], onRawAnswer }).catch(
        () => {},
      );
      expect(raw).toEqual([`200 ${body}`]);
    }
  });

  it("passes on what onRawAnswer throws, unchanged", async () => {
    await using provider = await simulateProvider(() => ({ body: GOOD }));
    const mine = new Error("the database is away");
    const onRawAnswer = () => Promise.reject(mine);
    const input = { client: client(), fetch: provider.fetch, refreshToken: new Secret("rt-1"), scopes: [], onRawAnswer };
    expect(await rejection(refresh(input))).toBe(mine);
  });

  it("takes absent scopes as those requested, and no new refresh token as the old one staying", async () => {
    await using provider = await simulateProvider(() => ({ body: { access_token: "at-2", token_type: "bearer" } }));
    const input = {
      client: client({ refreshUrl: "https://provider.example/renew", refreshParameters: { again: "1" } }),
      fetch: provider.fetch,
    };
    const tokens = await refresh({ ...input, refreshToken: new Secret("rt-1"), scopes: ["a"], onRawAnswer: nothing });
    expect([tokens.grantedScopes, tokens.refreshToken, tokens.expiresInSeconds]).toEqual([["a"], null, null]);
    expect(provider.seen[0]?.url.pathname).toBe("/renew");
    expect(provider.seen[0]?.parameters).toEqual({ grant_type: "refresh_token", refresh_token: "rt-1", again: "1" });
  });
});

describe("client authentication", () => {
  it.each(["rsa", "ec", "ed25519"] as const)("signs a client assertion with a private %s key (RFC 7523)", async (type) => {
    const { privateKey } = generateKeyPairSync(
      type as "rsa",
      { modulusLength: 2048, namedCurve: "P-256" } as { modulusLength: number },
    );
    await using provider = await simulateProvider(() => ({ body: GOOD }));
    for (const key of [
      privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      JSON.stringify(privateKey.export({ format: "jwk" })),
    ]) {
      const mine = client({ tokenAuthMethod: "PRIVATE_KEY_JWT" }, { clientSecret: new Secret(key) });
      await refresh({ client: mine, fetch: provider.fetch, refreshToken: new Secret("rt-1"), scopes: [], onRawAnswer: nothing });
    }
    expect(provider.seen).toHaveLength(2);
    for (const request of provider.seen) expect(request.parameters.client_assertion?.split(".")).toHaveLength(3);
  });

  it("says that a private key cannot be read, without quoting it", async () => {
    const mine = client({ tokenAuthMethod: "PRIVATE_KEY_JWT" }, { clientSecret: new Secret("{canary") });
    const error = await rejection(
      refresh({ client: mine, fetch: brokenFetch("TIMEOUT"), refreshToken: new Secret("r"), scopes: [], onRawAnswer: nothing }),
    );
    expect((error as OAuthFailure).details.code).toBe("INVALID_CLIENT");
    expect(inspect(error, { depth: 9 })).not.toContain("canary");
  });

  it("sends client_id alone where there is no secret", async () => {
    await using provider = await simulateProvider(() => ({ body: GOOD }));
    const mine = client({}, { clientSecret: null });
    await refresh({ client: mine, fetch: provider.fetch, refreshToken: new Secret("rt-1"), scopes: [], onRawAnswer: nothing });
    expect(provider.seen[0]?.parameters).toMatchObject({ client_id: "client-1" });
    expect(provider.seen[0]?.headers.authorization).toBeUndefined();
  });
});

describe("revocation and verification", () => {
  it("tells what became of each token", async () => {
    await using provider = await simulateProvider((request) =>
      request.parameters.token_type_hint === "access_token"
        ? { status: 400, body: { error: "unsupported_token_type" } }
        : { status: 200, body: "" },
    );
    const tokens = { accessToken: new Secret("at"), refreshToken: new Secret("rt") };
    const mine = client({ revocationUrl: "https://provider.example/revoke" });
    expect(await revoke({ ...tokens, client: mine, fetch: provider.fetch })).toEqual([
      { kind: "refresh_token", outcome: "REVOKED", message: null, retryable: false },
      { kind: "access_token", outcome: "UNSUPPORTED", message: expect.any(String), retryable: false },
    ]);
    const unsupported = await revoke({ ...tokens, client: client(), fetch: provider.fetch });
    expect(unsupported.map(({ outcome }) => outcome)).toEqual(["UNSUPPORTED", "UNSUPPORTED"]);
    const failed = await revoke({ ...tokens, client: mine, fetch: brokenFetch("HOST_NOT_FOUND") });
    expect(failed.map(({ outcome, retryable }) => [outcome, retryable])).toEqual([
      ["FAILED", true],
      ["FAILED", true],
    ]);
  });

  it("does not call a grant ended because its access token had run out, and ends it with a live one", async () => {
    const revocation = {
      url: "https://provider.example/own",
      authentication: "BEARER",
      parameters: {},
      tokens: ["access_token"],
      endsGrant: true,
    } as const;
    await using provider = await simulateProvider(({ headers }) => ({
      status: headers.authorization === "Bearer live" ? 200 : 401,
    }));
    const mine = client({ revocation: { ...revocation, tokens: ["access_token"] } });
    const tokens = { client: mine, accessToken: new Secret("at"), refreshToken: new Secret("rt"), fetch: provider.fetch };
    const ended = ["access_token", "REVOKED"];
    const told = async (more: Partial<Parameters<typeof revoke>[0]>) =>
      (await revoke({ ...tokens, ...more })).map(({ kind, outcome }) => [kind, outcome]);
    expect(await told({})).toEqual([["refresh_token", "UNSUPPORTED"], ended]);
    expect(await told({ renew: async () => new Secret("live") })).toEqual([["refresh_token", "REVOKED"], ended]);
    const refused = failure("INVALID_GRANT");
    expect(await told({ renew: () => Promise.reject(refused) })).toEqual([["refresh_token", "REVOKED"], ended]);
    const down = failure("PROVIDER_ERROR", { retryable: true });
    expect(await told({ renew: () => Promise.reject(down) })).toEqual([["refresh_token", "FAILED"], ended]);
    expect(await told({ refreshToken: null })).toEqual([ended]);
  });

  it.each([
    [{ status: 400, body: { error: "invalid_token" } }, "REVOKED", false, null],
    [{ status: 503, headers: { "retry-after": "7" } }, "FAILED", true, 7],
    [{ status: 401, body: { error: "invalid_client" } }, "FAILED", false, null],
  ])("tells by RFC 7009 and by the provider's own way what %j means", async (reply, outcome, retryable, retryAfterSeconds) => {
    await using provider = await simulateProvider(() => reply);
    const input = { accessToken: new Secret("at"), refreshToken: null, fetch: provider.fetch };
    const url = "https://provider.example/revoke";
    for (const scheme of [{ revocationUrl: url }, { revocation: { url } }]) {
      const [result] = await revoke({ ...input, client: client(scheme) });
      expect(result).toMatchObject({ outcome, retryable });
      expect(result?.retryAfterSeconds ?? null).toBe(retryAfterSeconds);
    }
  });

  it.each<[Reply, string]>([
    [{ status: 200, body: { ok: true } }, "OK"],
    [{ status: 200, body: { ok: false } }, "INVALID_CREDENTIALS"],
    [{ status: 401 }, "INVALID_CREDENTIALS"],
    [{ status: 403 }, "PERMISSION_DENIED"],
    [{ status: 404 }, "RESOURCE_NOT_FOUND"],
    [{ status: 429 }, "RATE_LIMITED"],
    [{ status: 500 }, "PROVIDER_ERROR"],
    [{ status: 302, headers: { location: "/elsewhere" } }, "PROVIDER_ERROR"],
  ])("judges the verification call's answer %j", async (reply, code) => {
    await using provider = await simulateProvider(() => reply);
    const verification = { method: "GET", path: "/check", expectedBody: { path: "ok", equals: true } };
    const input = {
      api: { baseUrl: "https://api.example/v1/", verification },
      scheme: client().scheme,
      values: {},
      clientId: "c",
    };
    const result = await verify({
      ...input,
      apply: () => ({ headers: { authorization: "Bearer t" }, query: { q: "1" } }),
      fetch: provider.fetch,
    });
    expect(result).toMatchObject({ ok: code === "OK", code, latencyMs: expect.any(Number) });
    expect(provider.seen[0]?.url.href).toBe("https://api.example/v1/check?q=1");
  });
});

describe("discovery", () => {
  it("falls back from OpenID Connect to RFC 8414 and refuses metadata of another issuer", async () => {
    await using provider = await simulateProvider((request) => {
      if (request.url.pathname === "/.well-known/oauth-authorization-server") {
        const base = request.url.origin;
        return {
          body: {
            issuer: base,
            authorization_endpoint: `${base}/a`,
            token_endpoint: `${base}/t`,
            token_endpoint_auth_methods_supported: ["client_secret_post"],
          },
        };
      }
      if (request.url.pathname === "/tenant/.well-known/openid-configuration")
        return { body: { issuer: "https://evil.example" } };
      return { status: 404, body: "" };
    });
    expect(await discover("https://provider.example", { fetch: provider.fetch })).toMatchObject({
      issuer: "https://provider.example",
      authorizationUrl: "https://provider.example/a",
      tokenUrl: "https://provider.example/t",
      tokenAuthMethod: "CLIENT_SECRET_POST",
    });
    const code = async (issuer: string, fetch = provider.fetch) =>
      ((await rejection(discover(issuer, { fetch }))) as OAuthFailure).details.code;
    expect(await code("https://provider.example/tenant")).toBe("ISSUER_MISMATCH");
    expect(await code("https://provider.example/nothing")).toBe("MALFORMED_RESPONSE");
    expect(await code("https://provider.example", brokenFetch("HOST_NOT_FOUND"))).toBe("PROVIDER_UNREACHABLE");
  });
});
