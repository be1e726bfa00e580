import { generateKeyPairSync } from "node:crypto";
import { expect } from "vitest";
import type { ConnectorDefinition, SchemeDefinition } from "../../src/catalogue/types.ts";
import { Secret } from "../../src/lib/secret.ts";
import { appInstallation, SCHEMES, twoStep, verify } from "../../src/schemes/index.ts";
import { simulateProvider } from "./support.ts";

/** Schemes that make something else of what they are given, each with every key it has. */
export function exchangeSchemes(typed: object, discovered: readonly object[]): object[] {
  const login = [{ url: "https://provider.example/login", body: { name: "{connection.more}" } }];
  return [
    {
      type: "TWO_STEP",
      ...typed,
      discovered,
      login,
      refresh: { url: "https://provider.example/renew" },
      token: ["session"],
      refreshToken: ["renewal"],
      expiresIn: ["in"],
      expiresAt: ["at"],
      lifetimeSeconds: 60,
      refusal: ["wrong"],
      account: { source: "tokenAnswer", id: ["id"] },
      apply: { headers: { "x-session": "{token}" } },
    },
    { type: "TWO_STEP", ...typed, login, tokenHeader: "x-session" },
    {
      type: "TWO_STEP",
      ...typed,
      login: [{ ...login[0], bodyFormat: "FORM", keep: [{ name: "kept", path: "id", pattern: "^1$", options: ["1"] }] }],
      assertion: {
        ...{ type: "JWT", privateKey: "{connection.privateKey}", algorithm: "RS256", lifetimeSeconds: 60 },
        ...{ claims: { iss: "{connection.more}" }, header: { kid: "1" } },
      },
      temporaryKeys: {
        signedWith: { accessKeyId: "{connection.accessKeyId}", secretAccessKey: "{connection.secretAccessKey}" },
        ...{ accessKeyId: ["id"], secretAccessKey: ["id"], sessionToken: ["session"], service: "s3", region: "eu-west-1" },
      },
    },
    { type: "AWS_SIGV4", ...typed, service: "{connection.more}", region: "eu-west-1" },
    {
      type: "APP_INSTALLATION",
      ...typed,
      discovered: [{ name: "installation", from: "callback", path: "installation", pattern: "^\\d+$" }],
      authorizationUrl: "https://provider.example/install",
      userTokenUrl: "https://provider.example/person",
      userCheckUrl: "https://provider.example/check/{connection.installation}",
      tokenUrl: "https://provider.example/{connection.installation}/token",
      token: ["session"],
      expiresAt: ["at"],
      algorithm: "RS256",
      lifetimeSeconds: 300,
      userinfoUrl: "https://provider.example/me",
      account: { source: "userinfo", id: ["id"] },
      errorCodes: { odd: "INVALID_GRANT" },
    },
  ];
}

/** Uses one of them in its own way. */
export async function useExchange(scheme: SchemeDefinition, { api }: ConnectorDefinition): Promise<void> {
  const values = {
    more: "m",
    found: "f",
    accessKeyId: "A",
    secretAccessKey: "s",
    userSecret: "u",
    installation: "1",
    privateKey: RSA_KEY,
  };
  const answer = { session: "s", renewal: "r", id: "1", found: "f", access_token: "p" };
  let code = 200;
  await using provider = await simulateProvider(({ url }) => {
    if (url.pathname === "/person" && code === 400) return { status: 400, body: { error: "odd" } };
    return { status: url.pathname === "/check" ? code : 200, body: answer, headers: { "x-session": "s" } };
  });
  const { fetch } = provider;
  if (scheme.type === "TWO_STEP") {
    for (const refreshToken of [null, new Secret("r")]) {
      const { tokens } = await twoStep.obtain({ scheme, values, refreshToken, scopes: [], fetch });
      const keys = JSON.stringify({ accessKeyId: "1", secretAccessKey: "1", sessionToken: "s" });
      const token = scheme.temporaryKeys ? keys : "s";
      expect([tokens.accessToken.reveal(), tokens.expiresInSeconds]).toEqual([token, scheme.lifetimeSeconds ?? null]);
    }
  }
  if (scheme.type === "APP_INSTALLATION") {
    const clientSecret = new Secret(RSA_KEY);
    const client = { scheme, values, clientId: "c", clientSecret };
    expect(appInstallation.begin(client, "state", {})).toBe("https://provider.example/install?state=state");
    const parameters = new URLSearchParams({ code: "1", installation: "1" });
    await appInstallation.complete({ client, parameters, fetch, onRawAnswer: async () => {} });
    expect((await appInstallation.identify({ client, fetch }))?.id).toBe("1");
    code = 400;
    const again = appInstallation.complete({ client, parameters, fetch, onRawAnswer: async () => {} });
    await expect(again).rejects.toMatchObject({ details: { code: "INVALID_GRANT" } });
  }
  code = 403;
  const accessToken = new Secret(JSON.stringify({ accessKeyId: "A", secretAccessKey: "s" }));
  const none = { clientId: "c", clientSecret: null, accessToken, tokenSecret: null };
  const apply = (request: { method: string; url: string; form: null }) =>
    SCHEMES[scheme.type].apply({ scheme, api, values, ...none, request });
  apply({ method: "GET", url: "https://f.api.example.com/", form: null });
  const refused = await verify({
    api,
    scheme,
    values,
    clientId: "c",
    fetch,
    apply: (request) => apply({ ...request, form: null }),
  });
  expect(refused.code).toBe("INVALID_CREDENTIALS");
}

const RSA_KEY = String(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }));
