import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { hostRulesOf } from "../../src/catalogue/scheme-urls.ts";
import { expandUrl } from "../../src/catalogue/templates.ts";
import type { FieldDefinition, OAuth2SchemeDefinition } from "../../src/catalogue/types.ts";
import { Secret } from "../../src/lib/secret.ts";
import { begin, complete, identify, OAuthFailure, refresh, revoke } from "../../src/schemes/oauth2/index.ts";
import { callback, client, FLOW, rejection, simulateProvider } from "./support.ts";

const GOOD = { access_token: "at-1", token_type: "Bearer", expires_in: 3600 };
const LONG_LIVED = {
  url: "https://graph.provider.example/long",
  parameters: { grant_type: "exchange", access_token: "{token}" },
  renewal: { url: "https://graph.provider.example/renew", parameters: { grant_type: "renew", access_token: "{token}" } },
};
const onRawAnswer = async () => {};

describe("a token that is traded for a long-lived one", () => {
  const answers: Record<string, object> = {
    "/token": { ...GOOD, scope: "a", user_id: "7" },
    "/long": { access_token: "long-1", expires_in: 5_184_000 },
    "/renew": { access_token: "long-2", expires_in: 5_184_000 },
  };

  it("is traded at once, keeps what the first answer told, and hands over both answers before they are read", async () => {
    await using provider = await simulateProvider(({ url }) => ({ body: answers[url.pathname] }));
    const raw: string[] = [];
    const mine = client({
      longLived: LONG_LIVED,
      tokenAuthMethod: "CLIENT_SECRET_POST",
      account: { source: "tokenAnswer", id: ["user_id"] },
    });
    const keep = async (body: Secret) => void raw.push(body.reveal());
    const { fetch } = provider;
    const tokens = await complete({ ...FLOW, client: mine, fetch, parameters: callback(), onRawAnswer: keep });
    expect([tokens.accessToken.reveal(), tokens.refreshToken?.reveal()]).toEqual(["long-1", "long-1"]);
    expect([tokens.grantedScopes, tokens.expiresInSeconds]).toEqual([["a"], 5_184_000]);
    expect((await identify({ client: mine, tokens, fetch }))?.id).toBe("7");
    expect(raw.map((text) => JSON.parse(text))).toEqual([answers["/token"], answers["/long"]]);
    const trade = provider.seen[1]!;
    expect([trade.method, trade.url.searchParams.get("client_secret")]).toEqual(["GET", "s3cret"]);

    const renewed = await refresh({ client: mine, fetch, refreshToken: tokens.refreshToken!, scopes: ["a"], onRawAnswer: keep });
    expect([renewed.accessToken.reveal(), renewed.refreshToken?.reveal()]).toEqual(["long-2", "long-2"]);
    expect(provider.seen[2]!.url.search).toBe("?access_token=long-1&grant_type=renew&client_id=client-1");
    expect(raw).toHaveLength(3);
  });

  it("says no more of a refusal than it may", async () => {
    await using provider = await simulateProvider(({ url }) =>
      url.pathname === "/token"
        ? { body: GOOD }
        : { status: 400, body: { error: "bad", error_description: `at-1-canary ${url.search}` } },
    );
    const mine = client({ longLived: { ...LONG_LIVED, parameters: { grant_type: "exchange", access_token: "{token}-canary" } } });
    const failed = complete({ ...FLOW, client: mine, fetch: provider.fetch, parameters: callback(), onRawAnswer });
    const error = (await rejection(failed)) as OAuthFailure;
    expect(error).toBeInstanceOf(OAuthFailure);
    expect(error.details.providerMessage).not.toMatch(/canary|s3cret/);
  });
});

describe("parameters in the URL", () => {
  it("are kept out of what is told of a refusal, as those in a body are", async () => {
    await using provider = await simulateProvider(({ url }) => ({
      status: 400,
      body: { error: "invalid_grant", error_description: `You asked ${url.search}` },
    }));
    const mine = client(
      { tokenBodyFormat: "QUERY", tokenAuthMethod: "CLIENT_SECRET_POST" },
      { clientSecret: new Secret("canary-secret") },
    );
    const parameters = callback({ code: "canary-code" });
    const failed = complete({ ...FLOW, client: mine, fetch: provider.fetch, parameters, onRawAnswer });
    expect(((await rejection(failed)) as OAuthFailure).details.providerMessage).not.toMatch(/canary/);
    expect(provider.seen[0]).toMatchObject({ method: "POST", body: "" });
  });
});

describe("a client's secret that is a signed JWT", () => {
  const clientSecretJwt = { algorithm: "ES256" as const, header: { kid: "{connection.keyId}" }, claims: { sub: "{client.id}" } };

  it("is made anew for each request and never holds the key", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    await using provider = await simulateProvider(() => ({ body: GOOD }));
    const scheme = {
      clientSecretJwt,
      tokenAuthMethod: "CLIENT_SECRET_POST" as const,
      revocationUrl: "https://provider.example/revoke",
    };
    const mine = client(scheme, { clientSecret: new Secret(pem), values: { keyId: "K1" } });
    const { fetch } = provider;
    await complete({ ...FLOW, client: mine, fetch, parameters: callback(), onRawAnswer });
    await revoke({ client: mine, fetch, accessToken: new Secret("at-1"), refreshToken: null });
    const secrets = provider.seen.map(({ parameters }) => parameters.client_secret!.split("."));
    const header = JSON.parse(Buffer.from(secrets[0]![0]!, "base64url").toString());
    expect([secrets.length, header]).toEqual([2, { kid: "K1", alg: "ES256" }]);
    expect(secrets[0]![2]).not.toBe(secrets[1]![2]);
    expect(JSON.stringify(provider.seen)).not.toContain("PRIVATE KEY");
  });

  it("says that a key is not one, and not what was entered", async () => {
    const mine = client(
      { clientSecretJwt, tokenAuthMethod: "CLIENT_SECRET_POST" },
      { clientSecret: new Secret("canary-key"), values: { keyId: "K1" } },
    );
    const failed = complete({ ...FLOW, client: mine, fetch: () => Promise.reject(), parameters: callback(), onRawAnswer });
    const error = (await rejection(failed)) as OAuthFailure;
    expect(error.details.code).toBe("INVALID_CLIENT");
    expect(JSON.stringify(error)).not.toContain("canary");
  });
});

describe("values that only the user-info call tells", () => {
  const discovered = [{ name: "dc", from: "userinfo" as const, path: "dc", pattern: "^[a-z]{2}[0-9]$", required: true }];
  const scheme: Partial<OAuth2SchemeDefinition> = {
    userinfoUrl: "https://provider.example/me",
    discovered,
    account: { source: "userinfo", id: ["id"], request: { headers: { authorization: "OAuth {token}" } } },
  };

  it("are there with the tokens, by one call for them and for the account", async () => {
    await using provider = await simulateProvider(({ url, headers }) => {
      if (url.pathname === "/token") return { body: GOOD };
      return headers.authorization === "OAuth at-1" ? { body: { dc: "us1", id: 7 } } : { status: 401, body: {} };
    });
    const mine = client(scheme);
    const { fetch } = provider;
    const tokens = await complete({ ...FLOW, client: mine, fetch, parameters: callback(), onRawAnswer });
    expect(tokens.discovered).toEqual({ dc: "us1" });
    expect((await identify({ client: mine, tokens, fetch }))?.id).toBe("7");
    expect(provider.seen).toHaveLength(2);
  });

  it.each([{ dc: "evil.example" }, {}])("are refused where they are not what they may be: %j", async (body) => {
    await using provider = await simulateProvider(({ url }) => ({ body: url.pathname === "/token" ? GOOD : body }));
    const failed = complete({ ...FLOW, client: client(scheme), fetch: provider.fetch, parameters: callback(), onRawAnswer });
    expect(((await rejection(failed)) as OAuthFailure).details.code).toBe("MALFORMED_RESPONSE");
  });
});

describe("an authorization page that routes in the browser", () => {
  it("gets its parameters behind its route", async () => {
    const mine = client({ authorizationUrl: "https://provider.example/#/oauth/authorize" });
    const { url } = await begin({ ...FLOW, client: mine, fetch: () => Promise.reject() });
    const { pathname, search, hash } = new URL(url);
    expect([pathname, search]).toEqual(["/", ""]);
    expect(hash).toMatch(/^#\/oauth\/authorize\?.*client_id=client-1/);
  });
});

describe("a whole host", () => {
  const field = (place: FieldDefinition["for"]): FieldDefinition => ({ name: "host", label: "Host", type: "HOST", for: place });
  const fill = (type: "OAUTH2" | "OAUTH2_CLIENT_CREDENTIALS", place: FieldDefinition["for"]) =>
    expandUrl(
      "https://{connection.host}/token",
      { connection: { host: "own.example" } },
      hostRulesOf({ type, fields: [field(place)] }),
    );

  it("is nobody's to name but the owner's of the secret that goes there", () => {
    expect(fill("OAUTH2", "authConfig")).toBe("https://own.example/token");
    expect(fill("OAUTH2_CLIENT_CREDENTIALS", "credential")).toBe("https://own.example/token");
    expect(() => fill("OAUTH2", "credential")).toThrow(/not a host name/);
  });

  it("may have several parts that are each somebody's, where the end is the provider's", () => {
    const rules = hostRulesOf({
      fields: [
        { ...field("credential"), name: "a", type: "STRING" },
        { ...field("credential"), name: "b", type: "STRING" },
      ],
    });
    const at = (template: string, a: string, b: string) => expandUrl(template, { connection: { a, b } }, rules);
    expect(at("https://{connection.a}-x.{connection.b}.provider.example/", "one", "two")).toBe(
      "https://one-x.two.provider.example/",
    );
    expect(() => at("https://{connection.a}.{connection.b}/", "one", "two")).toThrow();
    expect(() => at("https://{connection.a}.{connection.b}.example/", "one", "two")).toThrow();
    expect(() => at("https://{connection.a}.{connection.b}.provider.example/", "evil.example/", "two")).toThrow();
  });
});
