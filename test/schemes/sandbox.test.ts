import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadCatalogue } from "../../src/catalogue/index.ts";
import { createEgress, type Egress } from "../../src/egress/index.ts";
import { Secret } from "../../src/lib/secret.ts";
import { playUser, type UserChoice } from "../../src/sandbox/play-user.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/server.ts";
import { oauth2, SCHEMES, verify } from "../../src/schemes/index.ts";
import { FLOW, oauth2SchemeOf, rejection } from "./support.ts";

const REDIRECT_URI = "http://127.0.0.1:4999/oauth/callback/sandbox";
let sandbox: Sandbox;
let egress: Egress;

beforeAll(async () => {
  sandbox = await startSandbox({ port: 0, publicRedirectUris: [REDIRECT_URI] });
  egress = createEgress({ allow: [], exact: [{ host: "127.0.0.1", port: sandbox.port }] });
});
afterAll(async () => {
  await egress.close();
  await sandbox.close();
});

function connector() {
  const definition = loadCatalogue({ variables: { sandboxIssuer: sandbox.issuer } }).get("sandbox");
  const scheme = oauth2SchemeOf(definition);
  if (!definition) throw new Error("The sandbox is not in the catalogue.");
  const { clientId, clientSecret } = sandbox.defaultClient;
  const client: oauth2.OAuth2Client = {
    scheme,
    values: {},
    clientId,
    clientSecret: new Secret(clientSecret),
    redirectUri: REDIRECT_URI,
  };
  const scopes = (scheme.scopes ?? []).filter((scope) => scope.default).map(({ name }) => name);
  return { definition, client, scopes };
}

async function authorize(choice: UserChoice) {
  const { client, scopes } = connector();
  const { url } = await oauth2.begin({ ...FLOW, client, scopes, fetch: egress.fetch });
  const { redirectedTo } = await playUser(url, choice, { stopAtPrefix: REDIRECT_URI });
  return new URL(redirectedTo).searchParams;
}

async function connect(choice: UserChoice) {
  const { client, scopes } = connector();
  const parameters = await authorize(choice);
  return oauth2.complete({ ...FLOW, client, scopes, parameters, fetch: egress.fetch, onRawAnswer: async () => {} });
}

describe("a real authorization server", () => {
  it("is discovered with the endpoints that the catalogue has", async () => {
    const { client } = connector();
    const found = await oauth2.discover(sandbox.issuer, { fetch: egress.fetch });
    const { authorizationUrl, tokenUrl, revocationUrl, userinfoUrl, jwksUri, pushedAuthorizationUrl, deviceAuthorizationUrl } =
      client.scheme;
    expect(found).toMatchObject({
      authorizationUrl,
      tokenUrl,
      revocationUrl,
      userinfoUrl,
      jwksUri,
      pushedAuthorizationUrl,
      deviceAuthorizationUrl,
    });
    expect(found.issInAuthorizationResponse).toBe(client.scheme.issInAuthorizationResponse);
  });

  it("takes a user from authorization to revocation", async () => {
    const { definition, client, scopes } = connector();
    const tokens = await connect({ account: "ada" });
    expect(tokens.grantedScopes.toSorted()).toEqual(scopes.toSorted());
    expect(await oauth2.identify({ client, tokens, fetch: egress.fetch })).toMatchObject({
      id: "ada",
      name: expect.stringContaining("Ada"),
    });
    const use = async (accessToken: Secret) => {
      const common = { api: definition.api, scheme: client.scheme, values: {}, clientId: client.clientId };
      const apply = () => SCHEMES.OAUTH2.apply({ ...common, accessToken, clientSecret: null, tokenSecret: null });
      return (await verify({ ...common, apply, fetch: egress.fetch })).code;
    };
    expect(await use(tokens.accessToken)).toBe("OK");
    const refreshToken = tokens.refreshToken as Secret;
    const renewed = await oauth2.refresh({ client, refreshToken, scopes, fetch: egress.fetch, onRawAnswer: async () => {} });
    expect(await use(renewed.accessToken)).toBe("OK");
    const results = await oauth2.revoke({
      client,
      accessToken: renewed.accessToken,
      refreshToken: renewed.refreshToken,
      fetch: egress.fetch,
    });
    expect(results.map(({ outcome }) => outcome)).toEqual(["REVOKED", "REVOKED"]);
    expect(await use(renewed.accessToken)).toBe("INVALID_CREDENTIALS");
  });

  it.each<[string, UserChoice["switches"]]>([
    ["no token_type", { noTokenType: true }],
    ["scopes as a list", { scopeAsList: true }],
    ["scopes with commas", { scopeCommas: true }],
    ["nested tokens", { nested: "authed_user" }],
    ["a form", { formEncoded: true }],
    ["another content type", { wrongContentType: true }],
    ["expires_in as text", { expiresInAsString: true }],
    ["no scope", { omitScopeInAnswer: true }],
    ["no expires_in", { noExpiresIn: true }],
  ])("is understood when it answers with %s", async (_name, switches) => {
    const { scopes } = connector();
    const tokens = await connect({ switches });
    expect(tokens.grantedScopes.toSorted()).toEqual(scopes.toSorted());
    expect(tokens.refreshToken).not.toBeNull();
  });

  it("grants fewer scopes, and tells which", async () => {
    expect((await connect({ scopes: ["openid", "email"] })).grantedScopes.toSorted()).toEqual(["email", "openid"]);
  });

  it("names the account by the user-info endpoint where there is no ID token", async () => {
    const { client } = connector();
    const tokens = await connect({ account: "grace", switches: { noIdToken: true } });
    expect(tokens.idTokenClaims).toBeNull();
    expect(await oauth2.identify({ client, tokens, fetch: egress.fetch })).toMatchObject({ id: "grace" });
  });

  it.each<[string, NonNullable<UserChoice["switches"]>, string, boolean]>([
    ["another nonce", { wrongNonce: true }, "MALFORMED_RESPONSE", false],
    ["a page", { html: true }, "MALFORMED_RESPONSE", false],
    ["half an answer", { truncated: true }, "PROVIDER_UNREACHABLE", true],
    ["no answer", { dropAfterCommit: true }, "PROVIDER_UNREACHABLE", true],
    ["a rate limit", { tokenError: { status: 429, error: "slow_down", retryAfterSeconds: 2 } }, "RATE_LIMITED", false],
    ["invalid_client", { tokenError: { status: 401, error: "invalid_client" } }, "INVALID_CLIENT", false],
    [
      "an error with status 200",
      { errorWith200: true, tokenError: { status: 400, error: "invalid_grant" } },
      "INVALID_GRANT",
      false,
    ],
  ])("fails in the right words when it answers with %s", async (_name, switches, code, lost) => {
    const error = (await rejection(connect({ switches }))) as oauth2.OAuthFailure;
    expect([error.details?.code, error.responseLost]).toEqual([code, lost]);
  });

  it("tells a refusal, another issuer and a missing one apart", async () => {
    const { client } = connector();
    expect(oauth2.checkCallback(client, await authorize({ deny: true })).outcome).toBe("DENIED");
    for (const switches of [{ wrongIssuer: true }, { noIssuer: true }]) {
      const parameters = await authorize({ switches });
      expect(() => oauth2.checkCallback(client, parameters)).toThrow(
        expect.objectContaining({ details: expect.objectContaining({ code: "ISSUER_MISMATCH" }) }),
      );
    }
  });

  it("calls a slow token endpoint a lost answer", async () => {
    const { client, scopes } = connector();
    const parameters = await authorize({ switches: { tokenDelayMs: 3_000 } });
    const input = { ...FLOW, client, scopes, parameters, fetch: egress.fetch, timeoutMs: 300, onRawAnswer: async () => {} };
    const error = (await rejection(oauth2.complete(input))) as oauth2.OAuthFailure;
    expect([error.details.code, error.responseLost]).toEqual(["PROVIDER_UNREACHABLE", true]);
  });
});
