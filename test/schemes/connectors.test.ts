import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { loadCatalogue } from "../../src/catalogue/index.ts";
import type { ConnectorDefinition } from "../../src/catalogue/types.ts";
import type { Secret } from "../../src/lib/secret.ts";
import { oauth2, SCHEMES, verify } from "../../src/schemes/index.ts";
import { BY_HAND, client, FLOW, oauth2SchemeOf, type Reply, type Seen, simulateProvider } from "./support.ts";

/** How each provider's documentation describes its own answers: what the simulation sends, and what must come of it. */
interface Case {
  values?: Record<string, string>;
  scopes?: string[];
  /** Callback parameters beside code and state. */
  callback?: Record<string, string>;
  authorization: Record<string, string>;
  /** Host and path of the token endpoint. */
  token: string;
  answer: Record<string, unknown>;
  idToken?: Record<string, unknown>;
  userinfo?: { at: string; body: unknown };
  account: { id: string; name: string | null };
  refresh?: Record<string, unknown>;
  revoke?: { at: string; method?: string; sends: RegExp };
  discovered?: Record<string, string>;
  api?: { header?: [string, string]; at: string; body?: unknown };
}

const ISSUER = "https://sandbox.example";
const BEARER: [string, string] = ["authorization", "Bearer at-1"];
const REFRESHED = { access_token: "at-2", token_type: "Bearer", expires_in: 3600 };
const STANDARD = { access_token: "at-1", token_type: "Bearer", refresh_token: "rt-1", expires_in: 3600 };

const CASES: Record<string, Case> = {
  sandbox: {
    callback: { iss: ISSUER },
    authorization: { scope: "openid profile email offline_access notes:read", nonce: FLOW.nonce },
    token: "sandbox.example/token",
    answer: { ...STANDARD, scope: "openid" },
    idToken: { iss: ISSUER, sub: "ada", name: "Ada Lovelace" },
    account: { id: "ada", name: "Ada Lovelace" },
    revoke: { at: "sandbox.example/token/revocation", sends: /token=rt-1/ },
    api: { header: BEARER, at: "sandbox.example/api/me" },
  },
  google: {
    callback: { iss: "https://accounts.google.com", scope: "openid", authuser: "0" },
    authorization: { access_type: "offline", prompt: "consent", include_granted_scopes: "true", scope: "openid email profile" },
    token: "oauth2.googleapis.com/token",
    answer: { ...STANDARD, scope: "openid https://www.googleapis.com/auth/userinfo.email" },
    idToken: { iss: "https://accounts.google.com", sub: "108", name: "Ada", email: "ada@example.com" },
    account: { id: "108", name: "Ada" },
    revoke: { at: "oauth2.googleapis.com/revoke", sends: /^token=rt-1$/ },
    api: { header: BEARER, at: "www.googleapis.com/oauth2/v3/userinfo" },
  },
  github: {
    authorization: { scope: "read:user" },
    token: "github.com/login/oauth/access_token",
    answer: { access_token: "at-1", token_type: "bearer", scope: "read:user,gist" },
    userinfo: { at: "api.github.com/user", body: { id: 583231, login: "octocat", name: null } },
    account: { id: "583231", name: "octocat" },
    revoke: { at: "api.github.com/applications/client-1/token", method: "DELETE", sends: /^\{"access_token":"at-1"\}$/ },
    api: { header: ["x-github-api-version", "2022-11-28"], at: "api.github.com/user" },
  },
  slack: {
    scopes: ["users:read", "chat:write"],
    authorization: { scope: "users:read,chat:write" },
    token: "slack.com/api/oauth.v2.access",
    answer: {
      ok: true,
      access_token: "at-1",
      token_type: "bot",
      scope: "users:read,chat:write",
      bot_user_id: "U1",
      refresh_token: "rt-1",
      expires_in: 43200,
      team: { id: "T1", name: "Acme" },
      authed_user: { id: "U2" },
    },
    account: { id: "T1", name: "Acme" },
    refresh: { ok: true, access_token: "at-2", token_type: "bot", refresh_token: "rt-2", expires_in: 43200 },
    revoke: { at: "slack.com/api/auth.revoke", sends: /^$/ },
    api: { header: BEARER, at: "slack.com/api/auth.test", body: { ok: true } },
  },
  hubspot: {
    authorization: { scope: "oauth" },
    token: "api.hubapi.com/oauth/2026-03/token",
    answer: STANDARD,
    userinfo: { at: "api.hubapi.com/account-info/v3/details", body: { portalId: 62515, uiDomain: "app.hubspot.com" } },
    account: { id: "62515", name: "app.hubspot.com" },
    revoke: { at: "api.hubapi.com/oauth/2026-03/token/revoke", sends: /token=rt-1/ },
    api: { header: BEARER, at: "api.hubapi.com/account-info/v3/details" },
  },
  salesforce: {
    values: { domain: "acme--dev.sandbox.my" },
    authorization: { scope: "api refresh_token openid", prompt: "consent" },
    token: "acme--dev.sandbox.my.salesforce.com/services/oauth2/token",
    answer: {
      access_token: "at-1",
      token_type: "Bearer",
      refresh_token: "rt-1",
      issued_at: "1700000000000",
      scope: "api openid",
      id_token: "a.b.c",
      instance_url: "https://acme--dev.sandbox.my.salesforce.com",
      id: "https://test.salesforce.com/id/00D/005",
    },
    userinfo: {
      at: "acme--dev.sandbox.my.salesforce.com/services/oauth2/userinfo",
      body: { user_id: "005", sub: "https://x/005", name: "Ada" },
    },
    account: { id: "005", name: "Ada" },
    refresh: { access_token: "at-2", token_type: "Bearer", instance_url: "https://acme--dev.sandbox.my.salesforce.com" },
    revoke: { at: "acme--dev.sandbox.my.salesforce.com/services/oauth2/revoke", sends: /token=rt-1/ },
    discovered: { instance: "acme--dev.sandbox.my" },
    api: { header: BEARER, at: "acme--dev.sandbox.my.salesforce.com/services/oauth2/userinfo" },
  },
  notion: {
    scopes: [],
    authorization: { owner: "user" },
    token: "api.notion.com/v1/oauth/token",
    answer: {
      access_token: "at-1",
      token_type: "bearer",
      refresh_token: "rt-1",
      bot_id: "b",
      workspace_id: "w-1",
      workspace_name: "Acme",
      workspace_icon: null,
      owner: { type: "user" },
    },
    account: { id: "w-1", name: "Acme" },
    revoke: { at: "api.notion.com/v1/oauth/revoke", sends: /^\{"token":"at-1"\}$/ },
    api: { header: ["notion-version", "2022-06-28"], at: "api.notion.com/v1/users/me" },
  },
  microsoft: {
    values: { tenant: "contoso.onmicrosoft.com" },
    authorization: { response_mode: "query", scope: "openid profile email offline_access User.Read" },
    token: "login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token",
    answer: { ...STANDARD, ext_expires_in: 3600, scope: "User.Read profile openid email", id_token: "a.b.c" },
    userinfo: {
      at: "graph.microsoft.com/v1.0/me",
      body: { id: "oid-1", displayName: "Ada", mail: null, userPrincipalName: "ada@contoso.com" },
    },
    account: { id: "oid-1", name: "Ada" },
    api: { header: BEARER, at: "graph.microsoft.com/v1.0/me" },
  },
  zoho: {
    values: { accounts: "zoho.com" },
    callback: { location: "eu", "accounts-server": "https://accounts.zoho.eu" },
    authorization: { access_type: "offline", prompt: "consent", scope: "AaaServer.profile.READ" },
    token: "accounts.zoho.eu/oauth/v2/token",
    answer: { ...STANDARD, api_domain: "https://www.zohoapis.eu" },
    userinfo: { at: "accounts.zoho.eu/oauth/user/info", body: { ZUID: 20061, Display_Name: "Ada", Email: "ada@example.com" } },
    account: { id: "20061", name: "Ada" },
    refresh: { ...REFRESHED, api_domain: "https://www.zohoapis.eu" },
    revoke: { at: "accounts.zoho.eu/oauth/v2/token/revoke", sends: /^token=rt-1$/ },
    discovered: { accounts: "zoho.eu", apis: "zohoapis.eu" },
    api: { header: ["authorization", "Zoho-oauthtoken at-1"], at: "accounts.zoho.eu/oauth/user/info" },
  },
  linear: {
    scopes: ["read", "issues:create"],
    authorization: { scope: "read,issues:create", prompt: "consent" },
    token: "api.linear.app/oauth/token",
    answer: { ...STANDARD, scope: ["read", "issues:create"] },
    userinfo: { at: "api.linear.app/graphql", body: { data: { viewer: { id: "u-1", name: "Ada", email: "ada@example.com" } } } },
    account: { id: "u-1", name: "Ada" },
    revoke: { at: "api.linear.app/oauth/revoke", sends: /token=rt-1/ },
    api: { header: BEARER, at: "api.linear.app/graphql", body: { data: {} } },
  },
  atlassian: {
    authorization: { audience: "api.atlassian.com", prompt: "consent", scope: "read:me offline_access" },
    token: "auth.atlassian.com/oauth/token",
    answer: { ...STANDARD, scope: "read:me offline_access" },
    userinfo: { at: "api.atlassian.com/me", body: { account_id: "acc-1", name: "Ada", email: "ada@example.com" } },
    account: { id: "acc-1", name: "Ada" },
    api: { header: BEARER, at: "api.atlassian.com/oauth/token/accessible-resources" },
  },
  dropbox: {
    authorization: { token_access_type: "offline", scope: "account_info.read" },
    token: "api.dropboxapi.com/oauth2/token",
    answer: { ...STANDARD, account_id: "dbid:1", uid: "1", scope: "account_info.read" },
    userinfo: {
      at: "api.dropboxapi.com/2/users/get_current_account",
      body: { account_id: "dbid:1", name: { display_name: "Ada" }, email: "ada@example.com" },
    },
    account: { id: "dbid:1", name: "Ada" },
    revoke: { at: "api.dropboxapi.com/2/auth/token/revoke", sends: /^$/ },
    api: { header: BEARER, at: "api.dropboxapi.com/2/users/get_current_account" },
  },
  shopify: {
    values: { subdomain: "acme" },
    scopes: ["read_products", "read_orders"],
    callback: { shop: "acme.myshopify.com", timestamp: "1700000000" },
    authorization: { scope: "read_products,read_orders" },
    token: "acme.myshopify.com/admin/oauth/access_token",
    answer: {
      access_token: "at-1",
      scope: "read_products,read_orders",
      expires_in: 3600,
      refresh_token: "rt-1",
      refresh_token_expires_in: 7776000,
    },
    account: { id: "acme", name: "acme" },
    refresh: { access_token: "at-2", scope: "read_products,read_orders", expires_in: 3600, refresh_token: "rt-2" },
    revoke: { at: "acme.myshopify.com/admin/api_permissions/current.json", method: "DELETE", sends: /^$/ },
    api: { header: ["x-shopify-access-token", "at-1"], at: "acme.myshopify.com/admin/api/2026-07/graphql.json" },
  },
};

const catalogue = loadCatalogue({ variables: { sandboxIssuer: ISSUER } });

describe("built-in connectors", () => {
  it("has a complete flow for each of them", () => {
    expect(Object.keys(CASES).toSorted()).toEqual(BY_HAND);
    for (const slug of BY_HAND) expect(catalogue.get(slug)?.slug).toBe(slug);
  });

  for (const [slug, spec] of Object.entries(CASES)) {
    it(`goes through authorization, token, account, refresh, use and revocation with ${slug}`, async () => {
      const definition = catalogue.get(slug);
      if (!definition) throw new Error(`${slug} is not in the catalogue.`);
      await using provider = await simulateProvider((request) => answer(spec, definition, request));
      await runFlow(definition, spec, provider.fetch, provider.seen);
    });
  }

  it("never sends Zoho's client secret to an accounts server that is none of Zoho's", async () => {
    const definition = catalogue.get("zoho");
    const spec = CASES.zoho;
    if (!definition || !spec) throw new Error("Zoho is not in the catalogue.");
    for (const host of [
      "https://accounts.zoho.evil.example",
      "https://accounts.zoho.evil",
      "https://evil.example/accounts.zoho.com",
    ]) {
      await using provider = await simulateProvider((request) =>
        answer({ ...spec, token: "accounts.zoho.com/oauth/v2/token" }, definition, request),
      );
      const mine = client({}, { scheme: oauth2SchemeOf(definition), values: {} });
      const parameters = new URLSearchParams({ code: "code-1", state: FLOW.state, "accounts-server": host });
      await oauth2.complete({ ...FLOW, client: mine, parameters, fetch: provider.fetch, onRawAnswer: async () => {} });
      expect(provider.seen.map(({ url }) => url.host)).toEqual(["accounts.zoho.com"]);
    }
  });
});

async function runFlow(definition: ConnectorDefinition, spec: Case, fetch: oauth2.Fetch, seen: Seen[]) {
  const scheme = oauth2SchemeOf(definition);
  const mine = client({}, { scheme, values: spec.values ?? {} });
  const scopes = spec.scopes ?? (scheme.scopes ?? []).filter((scope) => scope.default).map(({ name }) => name);

  const { url } = await oauth2.begin({ ...FLOW, client: mine, scopes, fetch });
  const query = Object.fromEntries(new URL(url).searchParams);
  expect(query).toMatchObject({ ...spec.authorization, client_id: "client-1", response_type: "code", state: FLOW.state });
  expect("code_challenge" in query).toBe(scheme.pkce !== false);
  expect("scope" in query).toBe(scopes.length > 0);

  const raw: string[] = [];
  const onRawAnswer = async (body: Secret) => void raw.push(body.reveal());
  const tokens = await oauth2.complete({
    ...FLOW,
    client: mine,
    scopes,
    fetch,
    parameters: callbackOf(definition, spec),
    onRawAnswer,
  });
  const [request] = seen;
  expect(`${request?.url.host}${request?.url.pathname}`).toBe(spec.token);
  expectTokenRequest(definition, request, { grant_type: "authorization_code", code: "code-1", redirect_uri: mine.redirectUri });
  expect(request?.parameters.code_verifier).toBe(scheme.pkce === false ? undefined : FLOW.codeVerifier);
  expect([tokens.accessToken.reveal(), tokens.refreshToken?.reveal()]).toEqual(["at-1", spec.answer.refresh_token]);
  expect(tokens.discovered).toEqual(spec.discovered ?? {});
  expect(raw).toHaveLength(1);

  expect(await oauth2.identify({ client: mine, tokens, fetch })).toMatchObject(spec.account);
  if (spec.userinfo) expect(`${seen.at(-1)?.url.host}${seen.at(-1)?.url.pathname}`).toBe(spec.userinfo.at);

  const later = { ...mine, values: { ...mine.values, ...tokens.discovered } };
  if (tokens.refreshToken) {
    const renewed = await oauth2.refresh({ client: later, fetch, refreshToken: tokens.refreshToken, scopes, onRawAnswer });
    expect(renewed.accessToken.reveal()).toBe("at-2");
    expectTokenRequest(definition, seen.at(-1), { grant_type: "refresh_token", refresh_token: "rt-1" });
  }
  await expectApiCall(definition, spec, later, tokens.accessToken, fetch, seen);
  await expectRevocation(spec, later, tokens, fetch, seen);
}

function expectTokenRequest(definition: ConnectorDefinition, request: Seen | undefined, parameters: Record<string, string>) {
  const scheme = oauth2SchemeOf(definition);
  const json = scheme?.tokenBodyFormat === "JSON";
  expect(request?.headers["content-type"]).toMatch(json ? /^application\/json/ : /^application\/x-www-form-urlencoded/);
  const basic = `Basic ${Buffer.from("client-1:s3cret").toString("base64")}`;
  expect(request?.headers.authorization).toBe(scheme?.tokenAuthMethod === "CLIENT_SECRET_BASIC" ? basic : undefined);
  const inBody = scheme?.tokenAuthMethod === "CLIENT_SECRET_POST" ? { client_id: "client-1", client_secret: "s3cret" } : {};
  const extra = parameters.grant_type === "refresh_token" ? scheme?.refreshParameters : scheme?.tokenParameters;
  expect(request?.parameters).toMatchObject({ ...parameters, ...inBody, ...extra });
  for (const [name, value] of Object.entries(scheme?.tokenHeaders ?? {})) expect(request?.headers[name]).toBe(value);
}

async function expectApiCall(
  definition: ConnectorDefinition,
  spec: Case,
  later: oauth2.OAuth2Client,
  accessToken: Secret,
  fetch: oauth2.Fetch,
  seen: Seen[],
) {
  const { scheme, values, clientId } = later;
  const common = { api: definition.api, scheme, accessToken, values, clientId };
  const apply = () => SCHEMES.OAUTH2.apply({ ...common, clientSecret: null, tokenSecret: null });
  const outcome = await verify({ ...common, apply, fetch });
  expect(outcome.code).toBe(spec.api ? "OK" : "NOT_TESTABLE");
  if (!spec.api) return;
  const request = seen.at(-1);
  expect(`${request?.url.host}${request?.url.pathname}`).toBe(spec.api.at);
  if (spec.api.header) expect(request?.headers[spec.api.header[0]]).toBe(spec.api.header[1]);
}

async function expectRevocation(
  spec: Case,
  later: oauth2.OAuth2Client,
  tokens: oauth2.TokenSet,
  fetch: oauth2.Fetch,
  seen: Seen[],
) {
  const before = seen.length;
  const results = await oauth2.revoke({
    client: later,
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken,
    fetch,
  });
  const outcome = spec.revoke ? "REVOKED" : "UNSUPPORTED";
  expect(results.map((result) => result.outcome)).toEqual(results.map(() => outcome));
  expect(results).toHaveLength(tokens.refreshToken ? 2 : 1);
  if (!spec.revoke) return expect(seen).toHaveLength(before);
  const request = seen[before];
  expect(`${request?.method} ${request?.url.host}${request?.url.pathname}`).toBe(
    `${spec.revoke.method ?? "POST"} ${spec.revoke.at}`,
  );
  expect(request?.body).toMatch(spec.revoke.sends);
}

function callbackOf(definition: ConnectorDefinition, spec: Case): URLSearchParams {
  const parameters = new URLSearchParams({ code: "code-1", state: FLOW.state, ...spec.callback });
  if (oauth2SchemeOf(definition).quirks?.some(({ name }) => name === "callback-hmac")) {
    const signed = [...parameters]
      .map(([name, value]) => `${name}=${value}`)
      .toSorted()
      .join("&");
    parameters.set("hmac", createHmac("sha256", "s3cret").update(signed).digest("hex"));
  }
  return parameters;
}

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

function answer(spec: Case, definition: ConnectorDefinition, request: Seen): Reply | undefined {
  const at = `${request.url.host}${request.url.pathname}`;
  const grant = request.parameters.grant_type;
  if (at === spec.token && grant === "authorization_code")
    return { body: { ...spec.answer, ...(spec.idToken && { id_token: idToken(spec.idToken) }) } };
  if (at === spec.token && grant === "refresh_token") return { body: spec.refresh ?? REFRESHED };
  if (request.url.href === oauth2SchemeOf(definition).jwksUri)
    return { body: { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k", alg: "RS256", use: "sig" }] } };
  if (at === spec.userinfo?.at && request.headers.authorization) return { body: spec.userinfo.body };
  if (at === spec.revoke?.at && request.method === (spec.revoke.method ?? "POST"))
    return { status: 200, body: spec.api?.body ?? "" };
  if (at === spec.api?.at) return { body: spec.api.body ?? {} };
  return undefined;
}

function idToken(claims: Record<string, unknown>): string {
  const now = Math.floor(Date.now() / 1000);
  const parts = [
    { alg: "RS256", kid: "k" },
    { aud: "client-1", iat: now, exp: now + 300, nonce: FLOW.nonce, ...claims },
  ];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}`;
}
