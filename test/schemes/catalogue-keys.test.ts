import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import schema from "../../src/catalogue/connector.schema.json" with { type: "json" };
import { fieldsBeforeRedirect, fieldsFor, fieldsToJsonSchema } from "../../src/catalogue/fields.ts";
import { createCatalogue } from "../../src/catalogue/index.ts";
import { createSearch } from "../../src/catalogue/search.ts";
import { managedAppAllowed } from "../../src/catalogue/templates.ts";
import type { ConnectorDefinition, OAuth2SchemeDefinition } from "../../src/catalogue/types.ts";
import { Secret } from "../../src/lib/secret.ts";
import { oauth2, verify } from "../../src/schemes/index.ts";
import { callback, client, FLOW, simulateProvider } from "./support.ts";

/** A connector that uses every key there is. The first test fails when the schema gains one that is not here. */
const EVERYTHING = {
  $schema: "../connector.schema.json",
  slug: "everything",
  name: "Everything",
  description: "Uses every key of the schema.",
  kind: "OAUTH2_PROVIDER",
  categories: ["crm"],
  docsUrl: "https://docs.example",
  logoUrl: "https://logo.example/a.svg",
  setupGuide: ["Register an app."],
  schemes: [
    {
      type: "OAUTH2",
      key: "oauth2",
      name: "OAuth 2",
      description: "The only way.",
      issuer: "https://provider.example",
      authorizationUrl: "https://provider.example/authorize",
      tokenUrl: "https://provider.example/token",
      refreshUrl: "https://provider.example/refresh",
      revocationUrl: "https://provider.example/revoke",
      revocation: {
        url: "https://provider.example/own",
        method: "POST",
        authentication: "CLIENT",
        bodyFormat: "JSON",
        parameters: { token: "{token}" },
        tokens: ["access_token"],
        endsGrant: true,
      },
      userinfoUrl: "https://provider.example/me",
      jwksUri: "https://provider.example/jwks",
      deviceAuthorizationUrl: "https://provider.example/device",
      pushedAuthorizationUrl: "https://provider.example/par",
      pushedAuthorizationRequired: true,
      issInAuthorizationResponse: true,
      idTokenAlgorithms: ["RS256"],
      scopes: [{ name: "a", description: "A", default: true, sensitive: false }],
      scopeSeparator: ",",
      pkce: true,
      tokenAuthMethod: "CLIENT_SECRET_POST",
      tokenBodyFormat: "FORM",
      authorizationParameters: { one: "1" },
      tokenParameters: { two: "2" },
      refreshParameters: { three: "3" },
      tokenHeaders: { "x-four": "4" },
      fields: [
        {
          name: "tier",
          label: "Tier",
          type: "ENUM",
          options: [{ value: "x", label: "X", description: "The X." }],
          for: "authConfig",
          default: "x",
          beforeRedirect: true,
        },
        {
          name: "sub",
          label: "Sub",
          description: "d",
          helpUrl: "https://docs.example/sub",
          type: "STRING",
          required: true,
          secret: true,
          example: "e",
          pattern: "^[a-z]+$",
          patternMessage: "m",
          minLength: 1,
          maxLength: 9,
          multiline: true,
          group: "g",
          visibleWhen: [{ field: "tier", in: ["x"] }],
          for: "credential",
          hostLabels: 2,
        },
        { name: "count", label: "Count", type: "INTEGER", min: 1, max: 9, for: "credential" },
      ],
      discovered: [
        { name: "found", from: "tokenAnswer", path: "found", pattern: "^.+$", options: ["f"] },
        { name: "where", from: "callback", path: "where", pattern: "^other$", required: false, hostLabels: 1 },
      ],
      account: {
        source: "userinfo",
        id: ["id"],
        name: ["name"],
        email: ["email"],
        avatarUrl: ["avatar"],
        request: { method: "POST", headers: { "x-five": "5" }, body: { q: 1 } },
      },
      apply: { headers: { authorization: "Bearer {token}" }, query: { k: "{token}" } },
      quirks: [{ name: "token-answer-nested", value: "inner" }],
      errorCodes: { odd: "INVALID_GRANT" },
    },
  ],
  api: {
    baseUrl: "https://{connection.found}.api.example.com",
    headers: { "x-six": "6" },
    verification: {
      method: "POST",
      path: "/check",
      headers: { "x-seven": "7" },
      body: { q: 2 },
      expectedStatus: [200],
      expectedBody: { path: "ok", equals: true },
    },
  },
};

/** Shown by the API and its pages as they are: read where the public schema is made. */
const SHOWN = [
  "kind",
  "description",
  "docsUrl",
  "logoUrl",
  "setupGuide",
  "schemes[].key",
  "schemes[].name",
  "schemes[].description",
  "schemes[].scopes",
  "schemes[].scopes[].name",
  "schemes[].scopes[].description",
  "schemes[].scopes[].default",
  "schemes[].scopes[].sensitive",
];
/** For editors, or the discriminator that the registry of schemes goes by. */
const STRUCTURE = ["$schema", "schemes[].type"];
/** Checked with the other URLs of a connector; its flow comes with the device grant. */
const HOSTS_ONLY = ["schemes[].deviceAuthorizationUrl"];

describe("the connector schema", () => {
  const keys = schemaKeys(schema, "");

  it("accepts a connector that uses every key, and knows no other", () => {
    const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
    expect(validate(EVERYTHING), JSON.stringify(validate.errors)).toBe(true);
    expect([...recordedPaths(EVERYTHING)].toSorted()).toEqual([...keys].toSorted());
  });

  it("has a description on every key and refuses unknown ones everywhere", () => {
    const bare: string[] = [];
    walk(schema, "#", (node, at) => {
      if (at.match(/\/properties\/[^/]+$/) && !("description" in node)) bare.push(at);
      if (node.type === "object" && node.properties && node.additionalProperties !== false) bare.push(at);
    });
    expect(bare).toEqual([]);
  });

  it("has no key that nothing reads", async () => {
    const seen = new Set<string>();
    await exercise((variant) => recording(variant, "", seen));
    const unread = [...keys].filter((key) => !seen.has(key) && ![...SHOWN, ...STRUCTURE, ...HOSTS_ONLY].includes(key));
    expect(unread).toEqual([]);
  });

  const graphql = join(import.meta.dirname, "../../src/graphql/connector.ts");
  it.skipIf(!existsSync(graphql))("has the keys that are only shown read by the domain or by the GraphQL schema", () => {
    const source = ["domain", "graphql"].flatMap((folder) => sources(join(import.meta.dirname, "../../src", folder))).join("\n");
    const unread = SHOWN.filter((key) => !new RegExp(`[.{,]\\s*${key.split(/[.[\]]+/).at(-1)}\\b`).test(source));
    expect(unread).toEqual([]);
  });
});

/** Uses a connector in every way there is, in as many variants as keys exclude one another. */
async function exercise(wrap: (definition: ConnectorDefinition) => ConnectorDefinition): Promise<void> {
  await run(wrap(definition({})));
  await run(wrap(definition({ pushedAuthorizationRequired: false, revocation: undefined })));
  const whole = wrap(definition({}));
  createSearch([whole])("everything");
  createCatalogue([definition({})]);
}

function definition(scheme: Partial<OAuth2SchemeDefinition>): ConnectorDefinition {
  const whole = structuredClone(EVERYTHING) as unknown as ConnectorDefinition;
  if (!managedAppAllowed({ ...whole, schemes: [], api: undefined })) throw new Error("This connector has no host to choose.");
  Object.assign(whole.schemes[0] as OAuth2SchemeDefinition, scheme);
  return whole;
}

async function run(connector: ConnectorDefinition): Promise<void> {
  const [scheme] = connector.schemes;
  if (!scheme) throw new Error("There is one scheme.");
  for (const place of ["authConfig", "credential"] as const) fieldsToJsonSchema(fieldsBeforeRedirect(fieldsFor(scheme, place)));
  fieldsToJsonSchema([...(scheme.fields ?? [])]);
  const tokens = { access_token: "at", token_type: "Bearer", refresh_token: "rt", found: "f" };
  await using provider = await simulateProvider((request) => {
    if (request.url.pathname === "/par") return { status: 201, body: { request_uri: "urn:1", expires_in: 9 } };
    if (request.url.pathname === "/token" || request.url.pathname === "/refresh") return { body: { inner: tokens } };
    return { body: { ok: true, id: "1", name: "n", email: "e", avatar: "https://a.example/" } };
  });
  const { fetch } = provider;
  const mine = client({}, { scheme, values: { tier: "x" } });
  await oauth2.begin({ ...FLOW, client: mine, fetch });
  const parameters = callback({ iss: "https://provider.example", where: "here" });
  const set = await oauth2.complete({ ...FLOW, client: mine, parameters, fetch, onRawAnswer: async () => {} });
  await oauth2.identify({ client: mine, tokens: set, fetch });
  const later = { ...mine, values: { ...mine.values, ...set.discovered } };
  await oauth2.refresh({ client: later, refreshToken: new Secret("rt"), scopes: ["a"], fetch, onRawAnswer: async () => {} });
  await oauth2.revoke({ client: later, accessToken: new Secret("at"), refreshToken: new Secret("rt"), fetch });
  const applied = oauth2.apply({ scheme, api: connector.api, accessToken: set.accessToken, values: later.values, clientId: "c" });
  const outcome = await verify({ api: connector.api, scheme, applied, values: later.values, clientId: "c", fetch });
  expect(outcome.code).toBe("OK");
  try {
    oauth2.checkCallback(mine, callback({ iss: "https://provider.example", error: "odd" }));
  } catch {
    // The provider's own error code is looked up in the data: that is the point here.
  }
}

/** The same object, noting the path of each key that is read by name. Listing all keys (a spread) notes nothing. */
function recording<T extends object>(target: T, path: string, seen: Set<string>): T {
  return new Proxy(target, {
    get(object, key, receiver) {
      const value: unknown = Reflect.get(object, key, receiver);
      if (typeof key === "symbol" || (Array.isArray(object) && !/^\d+$/.test(key))) {
        return typeof value === "function" ? value.bind(recordingItems(object, path, seen)) : value;
      }
      const here = Array.isArray(object) ? `${path}[]` : path === "" ? key : `${path}.${key}`;
      if (value !== undefined && !Array.isArray(object)) seen.add(here);
      return typeof value === "object" && value !== null ? recording(value, here, seen) : value;
    },
  });
}

function recordingItems(object: object, path: string, seen: Set<string>): object {
  if (!Array.isArray(object)) return object;
  return object.map((item: unknown) => (typeof item === "object" && item !== null ? recording(item, `${path}[]`, seen) : item));
}

/** Every path that the schema allows; maps with free names count as one. */
function schemaKeys(node: Record<string, unknown>, path: string): Set<string> {
  const keys = new Set<string>();
  const resolved = "$ref" in node ? resolve(String(node.$ref)) : node;
  for (const [key, child] of Object.entries((resolved.properties ?? {}) as Record<string, Record<string, unknown>>)) {
    const here = path === "" ? key : `${path}.${key}`;
    keys.add(here);
    for (const deeper of schemaKeys(child, here)) keys.add(deeper);
  }
  if (resolved.items) for (const deeper of schemaKeys(resolved.items as Record<string, unknown>, `${path}[]`)) keys.add(deeper);
  return keys;
}

function resolve(reference: string): Record<string, unknown> {
  return (schema.$defs as Record<string, Record<string, unknown>>)[reference.split("/").at(-1) ?? ""] ?? {};
}

/** The paths that an object really has, as far as the schema goes. */
function recordedPaths(value: unknown, path = ""): Set<string> {
  const allowed = schemaKeys(schema, "");
  const paths = new Set<string>();
  if (Array.isArray(value)) for (const item of value) for (const at of recordedPaths(item, `${path}[]`)) paths.add(at);
  else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      const here = path === "" ? key : `${path}.${key}`;
      if (allowed.has(here)) paths.add(here);
      for (const at of recordedPaths(item, here)) paths.add(at);
    }
  }
  return paths;
}

function walk(node: unknown, at: string, visit: (node: Record<string, unknown>, at: string) => void): void {
  if (typeof node !== "object" || node === null) return;
  if (!Array.isArray(node)) visit(node as Record<string, unknown>, at);
  for (const [key, child] of Object.entries(node)) walk(child, `${at}/${key}`, visit);
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(join(folder, file), "utf8"));
}
