import { describe, expect, test } from "vitest";
import { loadCatalogue } from "../src/catalogue/index.ts";
import type { ClientCredentialsSchemeDefinition, OAuth2SchemeDefinition } from "../src/catalogue/types.ts";
import { Secret } from "../src/lib/secret.ts";
import { oauth2, SCHEMES, verify } from "../src/schemes/index.ts";
import type { OAuth2Client, TokenClient, TokenSet } from "../src/schemes/oauth2/types.ts";
import { BY_HAND, FLOW, simulateProvider } from "./schemes/support.ts";
import { discovered, EC, type Entry, pem, quirk, RSA, type Scheme, type Values, valuesOf } from "./support/oauth2-entry.ts";
import { ACCESS, type Client, type StrictProvider, strictProvider } from "./support/oauth2-strict.ts";

const ENTRIES: Entry[] = loadCatalogue({ variables: {} })
  .all()
  .flatMap((connector) => connector.schemes.map((scheme) => ({ slug: connector.slug, connector, scheme: scheme as Scheme })))
  .filter(({ scheme }) => scheme.type === "OAUTH2" || scheme.type === "OAUTH2_CLIENT_CREDENTIALS");
const SIGNING_IN = ENTRIES.filter(({ slug, scheme }) => scheme.type === "OAUTH2" && !BY_HAND.includes(slug));
const CLIENTS = ENTRIES.filter(({ scheme }) => scheme.type === "OAUTH2_CLIENT_CREDENTIALS");
const onRawAnswer = async () => {};

interface Flow {
  entry: Entry;
  provider: StrictProvider;
  client: TokenClient;
  fetch: oauth2.Fetch;
  scopes: string[];
}

/** A client's id and secret, as the provider wants the secret to be. */
function clientFor({ scheme, slug }: Entry): Client {
  const key = scheme.type === "OAUTH2" && scheme.clientSecretJwt ? pem(EC.privateKey) : "s3cret&ö";
  const secret =
    scheme.tokenAuthMethod === "NONE" ? null : scheme.tokenAuthMethod === "PRIVATE_KEY_JWT" ? pem(RSA.privateKey) : key;
  return { id: "the client:ö", secret, redirectUri: `https://moorline.example/oauth/callback/${slug}` };
}

async function within(entry: Entry, all: boolean, work: (flow: Flow) => Promise<void>): Promise<void> {
  const { scheme } = entry;
  const values: Values = valuesOf(entry, all);
  const { id, secret, redirectUri } = clientFor(entry);
  const names = (scheme.scopes ?? []).filter((scope) => all || scope.default).map(({ name }) => name);
  const scopes = all ? names.slice(0, 6) : names;
  const provider = strictProvider(entry, values, { id, secret, redirectUri }, scopes);
  await using simulated = await simulateProvider(provider.answer);
  const client = { scheme, values, clientId: id, clientSecret: secret === null ? null : new Secret(secret), redirectUri };
  await work({ entry, provider, client, fetch: simulated.fetch, scopes });
  expect(provider.problems).toEqual([]);
}

async function signIn({ entry, provider, client, fetch, scopes }: Flow): Promise<void> {
  const mine = client as OAuth2Client;
  const scheme = entry.scheme as OAuth2SchemeDefinition;
  const { url } = await oauth2.begin({ ...FLOW, client: mine, scopes, fetch });
  const callback = provider.authorize(url);
  expect(url).not.toMatch(/[{}]|%7B(connection|client)/i);
  // What the callback tells may be part of the token endpoint's address.
  const fromCallback = (scheme.discovered ?? []).filter(({ from }) => from === "callback");
  const before = { ...mine, values: { ...mine.values } };
  for (const value of fromCallback) (mine.values as Values)[value.name] = discovered(value);
  expect(oauth2.checkCallback(before, callback)).toEqual({ outcome: "CODE" });
  const tokens = await oauth2.complete({ ...FLOW, client: before, scopes, parameters: callback, fetch, onRawAnswer });
  expect(tokens.accessToken.reveal()).toBe(inUse(scheme, ACCESS[scheme.longLived ? 1 : 0]!));
  expect(tokens.grantedScopes).toEqual(scopes);
  expectLifetime(scheme, tokens);
  expect(tokens.discovered).toEqual(
    Object.fromEntries((scheme.discovered ?? []).map((value) => [value.name, discovered(value)])),
  );
  Object.assign(mine.values, tokens.discovered);
  const identity = await oauth2.identify({ client: { ...mine }, tokens, fetch });
  if (scheme.account) expect(identity?.id).toBe(accountOf(scheme, mine.values));
  await renew({ entry, provider, client, fetch, scopes }, tokens);
}

/** What calls carry: the token, or the session that it was traded for. */
function inUse(scheme: OAuth2SchemeDefinition, token: string): string {
  return scheme.followUp?.token ? `session-${token}` : token;
}

function accountOf(scheme: OAuth2SchemeDefinition, values: Values): unknown {
  return scheme.account?.source === "connection" ? values[scheme.account.id[0]!] : "account-1";
}

function expectLifetime(scheme: Scheme, tokens: TokenSet): void {
  if (quirk(scheme, "expires-in-zero")) return void expect(tokens.expiresInSeconds).toBeNull();
  const expected = "longLived" in scheme && scheme.longLived ? 5_184_000 : 3600;
  expect(tokens.expiresInSeconds).toBe(expected);
}

async function renew({ entry, client, fetch, scopes, provider }: Flow, tokens: TokenSet): Promise<void> {
  const scheme = entry.scheme as OAuth2SchemeDefinition;
  let present = tokens;
  if (tokens.refreshToken) {
    present = await oauth2.refresh({ client, refreshToken: tokens.refreshToken, scopes, fetch, onRawAnswer });
    expect(present.accessToken.reveal()).toBe(inUse(scheme, ACCESS[scheme.longLived ? 2 : 1]!));
    expect(present.refreshToken?.reveal() ?? null).toBe(scheme.longLived ? ACCESS[2] : null);
    expect(present.grantedScopes).toEqual(scopes);
  } else expect(scheme.longLived?.renewal).toBeUndefined();
  await use({ entry, client, fetch, scopes, provider }, present);
  await end({ entry, client, fetch, scopes, provider }, present.accessToken, tokens.refreshToken);
}

async function use({ entry, client, fetch, provider }: Flow, tokens: TokenSet): Promise<void> {
  const { scheme, connector } = entry;
  const common = { api: connector.api, scheme, values: client.values, clientId: client.clientId };
  const token = { accessToken: tokens.accessToken, clientSecret: null, tokenSecret: null };
  const outcome = await verify({ ...common, apply: () => SCHEMES[scheme.type].apply({ ...common, ...token }), fetch });
  expect(outcome.code).toBe(connector.api?.verification ? "OK" : "NOT_TESTABLE");
  const { headers, query } = SCHEMES[scheme.type].apply({ ...common, ...token });
  expect(JSON.stringify([headers, query])).toContain(tokens.accessToken.reveal());
  if (connector.api) expect(oauth2.originOf(client, connector.api.baseUrl)).toMatch(/^https:/);
  expect(provider.problems).toEqual([]);
}

async function end({ client, fetch, provider }: Flow, accessToken: Secret, refreshToken: Secret | null): Promise<void> {
  provider.asked.push("done");
  const outcomes = await oauth2.revoke({ client, accessToken, refreshToken, fetch });
  const offered = Boolean(client.scheme.revocation ?? client.scheme.revocationUrl);
  expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set([offered ? "REVOKED" : "UNSUPPORTED"]));
  expect(provider.asked.includes("revoke")).toBe(offered);
}

async function clientCredentials({ entry, provider, client, fetch, scopes }: Flow): Promise<void> {
  const scheme = entry.scheme as ClientCredentialsSchemeDefinition;
  const tokens = await oauth2.clientCredentials({ client, scopes, fetch });
  expect([tokens.accessToken.reveal(), tokens.refreshToken]).toEqual([ACCESS[0], null]);
  expectLifetime(scheme, tokens);
  Object.assign(client.values, tokens.discovered);
  await use({ entry, provider, client, fetch, scopes }, tokens);
  await end({ entry, provider, client, fetch, scopes }, tokens.accessToken, null);
}

describe("each OAuth 2 entry of the catalogue", () => {
  test("is among these", () => {
    expect(SIGNING_IN.length).toBeGreaterThan(400);
    expect(CLIENTS.length).toBeGreaterThan(95);
  });

  test.each([
    "parameterNames",
    "longLived",
    "clientSecretJwt",
    "resource",
    "registrationUrl",
    "clientIdMetadataDocument",
    "redirectUri",
    "consentAnswer",
    "followUp",
    "authorizationParameterNames",
    "tokenRequestSignature",
    "clientCertificate",
    "refreshUrl",
    "revocation",
    "apply",
  ])("is there for %s", (key) => {
    expect(ENTRIES.filter(({ scheme }) => key in scheme).length).toBeGreaterThan(0);
  });

  test.each(SIGNING_IN)("$slug signs in, is renewed, used and ended as its data say", async (entry) => {
    await within(entry, true, signIn);
  });

  test.each(SIGNING_IN)("$slug needs no more than it says it needs", async (entry) => {
    await within(entry, false, signIn);
  });

  test.each(CLIENTS)("$slug gets tokens for a client as its data say", async (entry) => {
    await within(entry, true, clientCredentials);
    await within(entry, false, clientCredentials);
  });
});

describe("hosts that somebody names", () => {
  test("are the project's where the secret is the project's", () => {
    const asked = SIGNING_IN.flatMap(({ slug, scheme }) =>
      (scheme.fields ?? []).filter(({ type }) => type === "HOST" || type === "URL").map((field) => [slug, field.for]),
    );
    expect(asked.length).toBeGreaterThan(20);
    expect(asked.filter(([, place]) => place !== "authConfig")).toEqual([]);
  });
});
