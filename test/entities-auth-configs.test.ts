import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { type Answer, faults, list, mutate } from "./support/entities.ts";

let app: TestApp;
let key: string;
let developer: string;
beforeAll(async () => {
  app = await startTestApp();
  key = app.adminKey;
  developer = (await mutate(app, key, "createApiKey", { name: "dev", role: "DEVELOPER" }, "key")).key;
});
afterAll(() => app?.close());

const SELECT = `authConfig {
  id version name description status statusReason ownApp clientId hasClientSecret clientSecretExpiresAt scopes redirectUri flows
  parameters presetFields credentialFields { name } initiationFields { name } credentialCount schemeKey scheme
}`;
const OWN = { clientId: "client", clientSecret: "s3cret-of-the-client" };

const create = (input: object = {}, token = key) =>
  mutate(app, token, "createAuthConfig", { connectorSlug: "sandbox", name: `Config ${randomUUID()}`, ...input }, SELECT);
const update = (id: string, input: object, token = key) => mutate(app, token, "updateAuthConfig", { id, ...input }, SELECT);
const outcome = ({ __typename, code }: Answer) => code ?? __typename;

describe("creating an auth config", () => {
  test("with the operator's app takes the connector's default scopes", async () => {
    const { authConfig } = await create();
    expect(authConfig).toMatchObject({
      ownApp: false,
      clientId: null,
      hasClientSecret: false,
      status: "ACTIVE",
      statusReason: null,
      version: 1,
    });
    expect(authConfig).toMatchObject({
      flows: ["AUTHORIZATION_CODE"],
      redirectUri: `${app.url}/oauth/callback/sandbox`,
      scheme: "OAUTH2",
    });
    expect(authConfig.scopes).toEqual(["openid", "profile", "email", "offline_access", "notes:read"]);
    expect(authConfig.id).toMatch(/^ac_/);
  });

  test("with an own app takes its scopes, and never shows the secret", async () => {
    const created = await create({ connectorSlug: "github", ...OWN, scopes: ["repo", "something:custom"] });
    expect(created.authConfig).toMatchObject({
      ownApp: true,
      clientId: "client",
      hasClientSecret: true,
      scopes: ["repo", "something:custom"],
    });
    expect(JSON.stringify(created)).not.toContain(OWN.clientSecret);
    const { scopes } = (await create({ connectorSlug: "github", ...OWN, scopes: [] })).authConfig;
    expect(scopes).toEqual([]);
  });

  test.each([
    ["an unknown connector", { connectorSlug: "nobody" }, "connectorSlug NOT_FOUND"],
    ["a connector that is no slug", { connectorSlug: "No Slug'--" }, "connectorSlug NOT_FOUND"],
    ["an unknown scheme", { schemeKey: "nothing" }, "schemeKey NOT_FOUND"],
    ["a client id without its secret", { clientId: "client" }, "clientSecret REQUIRED"],
    ["a secret without its client id", { clientSecret: "secret" }, "clientId REQUIRED"],
    ["neither, where the operator has no app", { connectorSlug: "github" }, "ConflictError NO_MANAGED_APP"],
    ["an empty secret", { ...OWN, clientSecret: "" }, "clientSecret REQUIRED"],
    ["a blank name", { name: "  " }, "name REQUIRED"],
    ["an empty name", { name: "" }, "name REQUIRED"],
    ["a name of two lines", { name: "a\nb" }, "name PATTERN"],
    ["a name that is too long", { name: "x".repeat(201) }, "name TOO_LONG"],
    ["two scopes in one", { scopes: ["a b"] }, "scopes.0 PATTERN"],
    ["a scope twice", { scopes: ["a", "a"] }, "scopes.1 NOT_ALLOWED"],
    ["an unknown parameter", { parameters: { nothing: 1 } }, "parameters.nothing UNKNOWN_FIELD"],
    ["parameters that are no object", { parameters: [1] }, "parameters WRONG_TYPE"],
    [
      "a parameter of the protocol",
      { parameters: { authorizationParameters: { redirect_uri: "https://evil.example" } } },
      "parameters.authorizationParameters.redirect_uri NOT_ALLOWED",
    ],
    [
      "a parameter of the wrong form",
      { connectorSlug: "microsoft", ...OWN, parameters: { tenant: "../evil" } },
      "parameters.tenant PATTERN",
    ],
    [
      "a preset that leaves its host",
      { connectorSlug: "shopify", ...OWN, presetCredentialFields: { subdomain: "evil.example/" } },
      "presetCredentialFields.subdomain PATTERN",
    ],
    ["an unknown preset", { presetCredentialFields: { password: "x" } }, "presetCredentialFields.password UNKNOWN_FIELD"],
    [
      "the life of a secret that is not there",
      { clientSecretExpiresAt: "2030-01-01T00:00:00Z" },
      "clientSecretExpiresAt NOT_ALLOWED",
    ],
    ["no flow at all", { flows: [] }, "flows REQUIRED"],
    ["a flow that the connector has not", { connectorSlug: "hubspot", ...OWN, flows: ["DEVICE"] }, "flows.0 NOT_ALLOWED"],
  ])("is refused with %s, and nothing is kept", async (_what, input, expected) => {
    const before = (await list(app, key, "authConfigs")).totalCount;
    expect(faults(await create(input))).toBe(expected);
    expect((await list(app, key, "authConfigs")).totalCount).toBe(before);
  });

  test("gives a name once per connector, also to two at the same time", async () => {
    const name = `Name ${randomUUID()}`;
    expect((await Promise.all([create({ name }), create({ name })])).map(outcome).toSorted()).toEqual([
      "CreateAuthConfigPayload",
      "DUPLICATE_NAME",
    ]);
    expect(outcome(await create({ name, connectorSlug: "github", ...OWN }))).toBe("CreateAuthConfigPayload");
    const { authConfig } = await create();
    expect(outcome(await update(authConfig.id, { name }))).toBe("DUPLICATE_NAME");
  });

  test("leaves what is preset out of what users are asked for", async () => {
    const open = (await create({ connectorSlug: "shopify", ...OWN })).authConfig;
    expect(open).toMatchObject({
      credentialFields: [{ name: "subdomain" }],
      initiationFields: [{ name: "subdomain" }],
      presetFields: [],
    });
    const preset = (await create({ connectorSlug: "shopify", ...OWN, presetCredentialFields: { subdomain: "acme" } })).authConfig;
    expect(preset).toMatchObject({ credentialFields: [], initiationFields: [], presetFields: ["subdomain"] });
  });

  test("repeats under the same idempotency key, and refuses another input under it", async () => {
    const input = { name: `Name ${randomUUID()}`, idempotencyKey: randomUUID() };
    const [first, second] = await Promise.all([create(input), create(input)]);
    expect(second.authConfig.id).toBe(first.authConfig.id);
    expect(outcome(await create({ ...input, name: "Another" }))).toBe("IDEMPOTENCY_MISMATCH");
    // Keys are each caller's own.
    expect(outcome(await create({ ...input, name: `Name ${randomUUID()}` }, developer))).toBe("CreateAuthConfigPayload");
  });
});
