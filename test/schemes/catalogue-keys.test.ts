import { createHmac, generateKeyPairSync } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { SignJWT } from "jose";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import schema from "../../src/catalogue/connector.schema.json" with { type: "json" };
import { fieldsToJsonSchema } from "../../src/catalogue/field-schema.ts";
import { fieldsBeforeRedirect, fieldsFor } from "../../src/catalogue/fields.ts";
import { createCatalogue } from "../../src/catalogue/index.ts";
import { endpointsOf, managedAppAllowed } from "../../src/catalogue/scheme-urls.ts";
import { createSearch } from "../../src/catalogue/search.ts";
import { setupGuideOf } from "../../src/catalogue/setup-guide.ts";
import type {
  ConnectorDefinition,
  NativeSchemeDefinition,
  OAuth2SchemeDefinition,
  SchemeDefinition,
  WebhookDefinition,
} from "../../src/catalogue/types.ts";
import { canRegister } from "../../src/domain/auth-config-plan.ts";
import { assertWebhookSecret, hostFields } from "../../src/domain/auth-config-rules.ts";
import type { ConnectorView } from "../../src/domain/connector-view.ts";
import { readProviderWebhook } from "../../src/domain/provider-webhook-message.ts";
import { answerTo, questionIn, thanksFor } from "../../src/domain/provider-webhook-question.ts";
import { Secret } from "../../src/lib/secret.ts";
import { isProbed } from "../../src/probes/index.ts";
import { oauth1, oauth2, permissionRemedy, SCHEMES, signedJwt, verifyAccount } from "../../src/schemes/index.ts";
import { checkSignature } from "../../src/schemes/webhook-signature.ts";
import { LOCALHOST } from "../support/certificate.ts";
import { exchangeSchemes, useExchange } from "./exchange-keys.ts";
import { callback, client, FLOW, oauth2SchemeOf, simulateProvider } from "./support.ts";

const TYPED = {
  key: "other",
  name: "Other",
  description: "Another way.",
  fields: [{ name: "more", label: "More", type: "STRING", for: "credential" }],
};
const COMMON = {
  ...TYPED,
  scopes: [{ name: "a" }],
  scopeSeparator: ",",
  discovered: [{ name: "found", from: "tokenAnswer", path: "found", pattern: "^.+$" }],
};

/** A connector that uses every key there is. The first test fails when the schema gains one that is not here. */
const EVERYTHING = {
  $schema: "../connector.schema.json",
  slug: "everything",
  aliases: ["3verything"],
  keywords: ["all of it"],
  name: "Everything",
  description: "Uses every key of the schema.",
  kind: "OAUTH2_PROVIDER",
  categories: ["crm"],
  popularity: 3,
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
        endsAccount: true,
      },
      registrationUrl: "https://provider.example/register",
      clientIdMetadataDocument: true,
      redirectUri: "name-of-ours",
      consentAnswer: { consent: "yes" },
      resource: "https://provider.example/mcp",
      longLived: {
        url: "https://provider.example/long",
        parameters: { grant_type: "long", access_token: "{token}" },
        renewal: { url: "https://provider.example/renew", parameters: { grant_type: "renew", access_token: "{token}" } },
      },
      followUp: {
        url: "https://provider.example/session",
        method: "POST",
        parameters: { token: "{token}" },
        token: ["session"],
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
      clientSecretJwt: { algorithm: "ES256", header: { kid: "1" }, claims: { sub: "{client.id}" } },
      tokenBodyFormat: "FORM",
      parameterNames: { client_id: "client_key" },
      authorizationParameterNames: { state: "customState" },
      authorizationParameters: { one: "1" },
      tokenRequestSignature: { parameters: ["code"], timeHeader: "time", signatureHeader: "sign" },
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
      apply: {
        ...{ headers: { authorization: "Bearer {token}" }, query: { k: "{token}" } },
        envelope: { document: { call: { session: "{token}", content: "" } }, around: "call.content" },
      },
      quirks: [{ name: "token-answer-nested", value: "inner" }],
      errorCodes: { odd: "INVALID_GRANT" },
    },
    {
      type: "OAUTH2_CLIENT_CREDENTIALS",
      ...COMMON,
      tokenUrl: "https://provider.example/token",
      tokenAuthMethod: "CLIENT_SECRET_POST",
      tokenBodyFormat: "JSON",
      tokenParameters: { two: "2" },
      tokenHeaders: { "x-four": "4" },
      revocationUrl: "https://provider.example/revoke",
      clientCertificate: { certificate: "{connection.cert}", privateKey: "{connection.key}" },
      followUp: { url: "https://provider.example/session" },
      apply: { headers: { authorization: "Bearer {token}" } },
      quirks: [{ name: "token-type-other" }],
      errorCodes: { odd: "INVALID_GRANT" },
    },
    {
      type: "OAUTH1",
      ...COMMON,
      requestTokenUrl: "https://provider.example/request-token",
      authorizationUrl: "https://provider.example/authorize",
      accessTokenUrl: "https://provider.example/access-token",
      signatureMethod: "HMAC-SHA1",
      authorizationParameters: { one: "1" },
      requestTokenParameters: { eight: "8" },
      account: { source: "userinfo", id: ["id"] },
      userinfoUrl: "https://provider.example/me",
    },
    {
      type: "SIGNED_JWT",
      ...COMMON,
      algorithm: "HS256",
      claims: { iss: "me" },
      header: { kid: "1" },
      keyFormat: "ID_AND_HEX",
      lifetimeSeconds: 60,
      tokenUrl: "https://provider.example/token",
      exchangedAs: "GRANT",
      tokenParameters: { two: "2" },
      apply: { headers: { authorization: "Bearer {token}" } },
      quirks: [{ name: "token-type-other" }],
      errorCodes: { odd: "INVALID_GRANT" },
    },
    { type: "API_KEY", ...TYPED, location: "HEADER", parameterName: "X-Key", prefix: "Key " },
    { type: "API_KEY", ...TYPED, apply: { query: { key: "{connection.apiKey}" }, body: { key: "{connection.apiKey}" } } },
    { type: "BEARER_TOKEN", ...TYPED, headerName: "X-Token", prefix: "Token " },
    { type: "BASIC", ...TYPED, apply: { headers: { "x-name": "{connection.username}" } } },
    { type: "OAUTH1_TOKENS", ...TYPED, signatureMethod: "HMAC-SHA256", realm: "{connection.more}" },
    ...exchangeSchemes(TYPED, COMMON.discovered),
    {
      type: "NATIVE",
      ...TYPED,
      probe: "http",
      address: ["more"],
      constants: { field: "more" },
      requests: [
        {
          when: [{ field: "tier", in: ["x"] }],
          token: { url: "https://provider.example/token", parameters: { grant_type: "client_credentials" } },
          method: "POST",
          url: "{connection.more}/check",
          login: [
            { when: [{ field: "tier", in: ["y"] }], basic: { username: "{connection.u}", password: "{connection.p}" } },
            { header: { name: "x-key", value: "{connection.accessToken}" } },
          ],
          headers: { "x-nine": "9" },
          headersFrom: "extra",
          query: { q: "1" },
          body: { q: 2 },
          expectedStatus: [200],
          expectedBody: { path: "ok", equals: true, otherwise: "PROVIDER_ERROR" },
          meanings: { "418": "RATE_LIMITED" },
        },
      ],
    },
    { type: "NONE", ...TYPED },
  ],
  api: {
    baseUrl: "https://{connection.found}.api.example.com",
    headers: { "x-six": "6" },
    verification: {
      method: "POST",
      path: "/check",
      baseUrl: "https://check.example.com",
      refusedStatus: [403],
      permission: "check.read",
      headers: { "x-seven": "7" },
      body: { q: 2 },
      expectedStatus: [200],
      expectedBody: { path: "ok", equals: true },
      account: { id: ["id"], name: ["name"], email: ["email"], avatarUrl: ["avatar"] },
    },
  },
  webhooks: {
    signature: {
      type: "HMAC",
      header: "signature",
      algorithm: "SHA256",
      encoding: "HEX",
      prefix: "v1-",
      key: "s",
      content: "{timestamp}.{body}",
      timestamp: { key: "t" },
    },
    secret: "CLIENT_SECRET",
    event: { header: "event" },
    id: { path: "id" },
    account: { path: "account" },
    challenge: {
      method: "POST",
      signed: true,
      when: { path: "type", equals: "question" },
      verifyToken: { path: "verify" },
      echo: { path: "question" },
      answer: { again: "{echo}", proof: "{hmac}" },
    },
    emptyAnswer: true,
    guide: "Enter the webhook secret.",
  },
};
/** What excludes something of it, or one another. */
const OTHERWISE = [
  {
    signature: { type: "STANDARD_WEBHOOKS", headerPrefix: "svix", timestamp: { header: "at" } },
    event: { path: "event" },
    id: { header: "id" },
    account: { header: "account" },
    challenge: {
      method: "POST",
      when: { query: "type", equals: "question" },
      verifyToken: { query: "verify" },
      echo: { query: "question" },
    },
  },
  {
    signature: { type: "BODY_TOKEN", member: "secret", each: "list" },
    challenge: {
      method: "POST",
      when: { header: "type", equals: "question" },
      verifyToken: { header: "verify" },
      echo: { header: "question" },
    },
  },
  { signature: { type: "TOKEN", header: "signature" } },
  { signature: { type: "JWT", header: "signature" } },
];

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

describe("the connector schema", () => {
  const keys = schemaKeys(schema, "");

  it("accepts a connector that uses every key, and knows no other", () => {
    const validate = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true }).compile(schema);
    expect(validate(EVERYTHING), JSON.stringify(validate.errors)).toBe(true);
    const used = [EVERYTHING, ...OTHERWISE.map((webhooks) => ({ webhooks }))].flatMap((one) => [...recordedPaths(one)]);
    expect([...new Set(used)].toSorted()).toEqual([...keys].toSorted());
  });

  it("lets no unsigned question have an answer that takes the secret", () => {
    const validate = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true }).compile(schema);
    const asking = (challenge: object) => validate({ ...EVERYTHING, webhooks: { ...EVERYTHING.webhooks, challenge } });
    const proof = { method: "GET", echo: { query: "q" }, answer: { again: "{echo}", proof: "{hmac}" } };
    expect([asking(proof), asking({ ...proof, signed: true })]).toEqual([false, true]);
    expect([asking({ ...proof, answer: { again: "{echo}" } }), asking({ method: "HEAD" })]).toEqual([true, true]);
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
    const unread = [...keys].filter((key) => !seen.has(key) && ![...SHOWN, ...STRUCTURE].includes(ofAnyScheme(key)));
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
  const code = { consentAnswer: undefined, tokenRequestSignature: undefined };
  await run(wrap(definition(code)));
  const usual = { ...code, longLived: undefined, clientSecretJwt: undefined };
  await run(wrap(definition({ pushedAuthorizationRequired: false, revocation: undefined, ...usual })));
  await run(wrap(definition({ ...usual, tokenRequestSignature: oauth2SchemeOf(definition({})).tokenRequestSignature })));
  await run(wrap(definition({ ...usual, consentAnswer: { consent: "yes" } })));
  const whole = wrap(definition({}));
  for (const scheme of whole.schemes.slice(1)) await (isExchange(scheme) ? useExchange : useOther)(scheme, whole);
  for (const webhooks of [{}, ...OTHERWISE])
    await useWebhooks(wrap({ ...definition({}), webhooks: { ...EVERYTHING.webhooks, ...webhooks } as WebhookDefinition }));
  await useWebhooks(wrap(withTimestampHeader()));
  createSearch([whole])("everything");
  createCatalogue([definition({})]);
}

function withTimestampHeader(): ConnectorDefinition {
  const whole = definition({});
  Object.assign(whole.webhooks!.signature, { key: undefined, timestamp: { header: "at" } });
  return whole;
}

async function useWebhooks(connector: ConnectorDefinition): Promise<void> {
  const { webhooks } = connector;
  const at = String(Math.floor(Date.now() / 1000));
  const said = { type: "question", question: "what", verify: "token" };
  const url = `https://moorline.example/?${new URLSearchParams(said)}`;
  const list = [{ secret: "secret" }];
  const body = Buffer.from(JSON.stringify({ ...said, id: "1", account: "a", event: "e", list }));
  const standard = new Webhook(Buffer.from("secret").toString("base64")).sign("m", new Date(Number(at) * 1000), body.toString());
  const signature = `v1-${createHmac("sha256", "secret").update(`${at}.${body}`).digest("hex")}`;
  const token = new SignJWT().setProtectedHeader({ alg: "HS256" }).setAudience(url).setExpirationTime("1m");
  const { type } = webhooks!.signature;
  const secret = new Secret(type === "STANDARD_WEBHOOKS" ? Buffer.from("secret").toString("base64") : "secret");
  const isList = type === "HMAC" && "key" in (webhooks!.signature.timestamp ?? {});
  const signatures: Partial<Record<typeof type, string>> = { TOKEN: "secret", JWT: await token.sign(Buffer.from("secret")) };
  const headers: Record<string, string> = {
    ...said,
    ...{ at, id: "1", account: "a", event: "e", "svix-id": "m", "svix-timestamp": at, "svix-signature": standard },
    signature: signatures[type] ?? (isList ? `t=${at},s=${signature}` : signature),
  };
  const call = { method: "POST", url, body, header: (name: string) => headers[name] ?? null };
  expect([type, await checkSignature(webhooks!.signature, secret, call, new Date())]).toEqual([type, null]);
  expect(readProviderWebhook(webhooks!, call)).toMatchObject({ event: "e", providerEventId: "1", accountId: "a" });
  const answer = answerTo(questionIn(webhooks!, call)!, { secret, expectedToken: "token" });
  expect(answer).toMatchObject({ text: expect.stringContaining("what") });
  expect(thanksFor(webhooks!).text).toBe("");
  expect(setupGuideOf(connector)).toContain("Enter the webhook secret.");
  expect(() => assertWebhookSecret("x", connector as ConnectorView)).toThrow("client secret");
}

function definition(scheme: Partial<OAuth2SchemeDefinition>): ConnectorDefinition {
  const whole = structuredClone(EVERYTHING) as unknown as ConnectorDefinition;
  if (!managedAppAllowed({ ...whole, schemes: [], api: undefined })) throw new Error("This connector has no host to choose.");
  Object.assign(whole.schemes[0] as OAuth2SchemeDefinition, scheme);
  return whole;
}

async function run(connector: ConnectorDefinition): Promise<void> {
  const scheme = oauth2SchemeOf(connector);
  for (const place of ["authConfig", "credential"] as const) fieldsToJsonSchema(fieldsBeforeRedirect(fieldsFor(scheme, place)));
  fieldsToJsonSchema([...(scheme.fields ?? [])]);
  const tokens = { access_token: "at", token_type: "Bearer", refresh_token: "rt", found: "f" };
  await using provider = await simulateProvider((request) => {
    if (request.url.pathname === "/session") return { body: { session: "s" } };
    if (request.url.pathname === "/device") return { body: { ...tokens, ...DEVICE } };
    if (request.url.pathname === "/par") return { status: 201, body: { request_uri: "urn:1", expires_in: 9 } };
    if (["/token", "/refresh", "/long", "/renew"].includes(request.url.pathname)) return { body: { inner: tokens } };
    return { body: { ok: true, id: "1", name: "n", email: "e", avatar: "https://a.example/" } };
  });
  const { fetch } = provider;
  const mine = client({}, { scheme, values: { tier: "x" }, ...(scheme.clientSecretJwt && { clientSecret: new Secret(EC_KEY) }) });
  expect(endpointsOf(scheme).registrationUrl).toBe("https://provider.example/register");
  await oauth2.begin({ ...FLOW, client: mine, fetch });
  const device = await oauth2.beginDevice({ client: mine, scopes: ["a"], fetch, allowHttp: () => false });
  expect(device.userCode).toBe(DEVICE.user_code);
  expect(canRegister(scheme)).toBe(true);
  const answered = { iss: "https://provider.example", where: "here", consent: "yes", customState: FLOW.state };
  const parameters = callback(answered);
  const set = await oauth2.complete({ ...FLOW, client: mine, parameters, fetch, onRawAnswer: async () => {} });
  await oauth2.identify({ client: mine, tokens: set, fetch });
  const later = { ...mine, values: { ...mine.values, ...set.discovered } };
  await oauth2.refresh({ client: later, refreshToken: new Secret("rt"), scopes: ["a"], fetch, onRawAnswer: async () => {} });
  expect(oauth2.endsAccount(later)).toBe(scheme.revocation !== undefined);
  await oauth2.revoke({ client: later, accessToken: new Secret("at"), refreshToken: new Secret("rt"), fetch });
  const common = { api: connector.api, scheme, accessToken: set.accessToken, values: later.values, clientId: "c" };
  const apply = () => SCHEMES.OAUTH2.apply({ ...common, clientSecret: null, tokenSecret: null });
  const { outcome, account } = await verifyAccount({ ...common, apply, fetch });
  expect(permissionRemedy(common)).toContain("“check.read”");
  expect(outcome.code).toBe("OK");
  expect(account?.id).toBe("1");
  try {
    oauth2.checkCallback(mine, callback({ ...answered, error: "odd" }));
  } catch {
    // The provider's own error code is looked up in the data: that is the point here.
  }
}

const EC_KEY = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const DEVICE = { device_code: "d", user_code: "ABC", verification_uri: "https://provider.example/device", expires_in: 60 };

function isExchange({ type }: SchemeDefinition): boolean {
  return type === "TWO_STEP" || type === "AWS_SIGV4" || type === "APP_INSTALLATION";
}

/** A scheme of another type, in its own way. */
async function useOther(scheme: SchemeDefinition, connector: ConnectorDefinition): Promise<void> {
  const { api } = connector;
  if (scheme.type === "NATIVE") return useNative(scheme, connector);
  fieldsToJsonSchema(fieldsFor(scheme, "credential"));
  const values = {
    tier: "x",
    found: "f",
    apiKey: "k",
    token: "t",
    username: "u",
    password: "p",
    privateKey: `id:${"6b".repeat(32)}`,
    more: "m",
    cert: LOCALHOST.cert,
    key: LOCALHOST.key,
  };
  const clientSecret = new Secret("s");
  const credentials = { values, clientId: "c", clientSecret };
  const scopes = ["a", "b"];
  const form = "oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true&found=f";
  let accepts = false;
  await using provider = await simulateProvider(({ url, method }) => {
    if (url.pathname === "/token" && accepts) return { body: { access_token: "at", found: "f" } };
    if (url.pathname.endsWith("-token")) return { body: form, headers: { "content-type": "text/plain" } };
    if (method === "GET") return { body: { id: "1" } };
    return url.pathname === "/token" ? { status: 400, body: { error: "odd" } } : {};
  });
  const { fetch } = provider;
  const refused = (asking: Promise<unknown>) => expect(asking).rejects.toMatchObject({ details: { code: "INVALID_GRANT" } });
  if (scheme.type === "OAUTH2_CLIENT_CREDENTIALS") {
    const client = { scheme, ...credentials };
    await refused(oauth2.clientCredentials({ client, scopes, fetch }));
    accepts = true;
    expect((await oauth2.clientCredentials({ client, scopes, fetch })).discovered).toEqual({ found: "f" });
    await oauth2.revoke({ client, accessToken: new Secret("at"), refreshToken: null, fetch });
  } else if (scheme.type === "SIGNED_JWT") await refused(signedJwt.obtain({ scheme, values, scopes, fetch }));
  else if (scheme.type === "OAUTH1") {
    const client = { scheme, ...credentials };
    const { temporary } = await oauth1.begin({ client, callback: "https://moorline.example/", scopes, fetch });
    const parameters = new URLSearchParams({ oauth_token: "t", oauth_verifier: "v" });
    const tokens = await oauth1.complete({ client, parameters, temporary, scopes, fetch, onRawAnswer: async () => {} });
    expect(tokens.discovered).toEqual({ found: "f" });
    expect(await oauth1.identify({ client, tokens, fetch })).toMatchObject({ id: "1" });
  }
  const tokens = { accessToken: new Secret("t"), tokenSecret: new Secret("s") };
  const request = { method: "GET", url: "https://provider.example/", form: null };
  SCHEMES[scheme.type].apply({ scheme, api, ...credentials, ...tokens, request });
}

/** Its call in the ways that there are: both logins, and an answer that is well, one that is not, and a status with a meaning of its own. */
async function useNative(scheme: NativeSchemeDefinition, connector: ConnectorDefinition): Promise<void> {
  fieldsToJsonSchema(scheme.fields);
  expect(isProbed(scheme)).toBe(true);
  expect(hostFields(connector as ConnectorView)).toContain("more");
  const { family: tcp } = await import("../../src/probes/tcp.ts");
  const { family: http } = await import("../../src/probes/http.ts");
  const values = { more: "https://provider.example", tier: "x", u: "u", p: "p", extra: { "x-ten": "10" } };
  const signal = new AbortController().signal;
  const answered = async (status: number, ok: boolean, tier = "x") => {
    const fetch = async (url: string | URL) =>
      new Response(JSON.stringify({ access_token: "at", ok }), { status: `${url}`.endsWith("/token") ? 200 : status });
    const [first] = scheme.requests ?? [];
    const both = tier === "x" ? scheme : { ...scheme, requests: [{ ...first!, when: undefined }] };
    await http.probe({ scheme: both, values: { ...values, tier }, timeoutMs: 1_000, signal, fetch });
  };
  await answered(200, true);
  await answered(200, true, "y");
  await expect(answered(200, false)).rejects.toMatchObject({ code: "PROVIDER_ERROR" });
  await expect(answered(418, true)).rejects.toMatchObject({ code: "RATE_LIMITED" });
  const udp = tcp.probe({ scheme, values: { transport: "udp" }, timeoutMs: 1_000, signal, fetch: async () => new Response() });
  await expect(udp).rejects.toMatchObject({ code: "NOT_TESTABLE" });
}

/** The same object, noting the path of each key that is read by name. Listing all keys (a spread) notes nothing. */
function recording<T extends object>(target: T, path: string, seen: Set<string>): T {
  return new Proxy(target, {
    get(object, key, receiver) {
      const value: unknown = Reflect.get(object, key, receiver);
      if (typeof key === "symbol" || (Array.isArray(object) && !/^\d+$/.test(key))) {
        return typeof value === "function" ? value.bind(recordingItems(object, path, seen)) : value;
      }
      const here = Array.isArray(object) ? itemPath(path, value) : path === "" ? key : `${path}.${key}`;
      if (value !== undefined && !Array.isArray(object)) seen.add(here);
      return typeof value === "object" && value !== null ? recording(value, here, seen) : value;
    },
  });
}

function recordingItems(object: object, path: string, seen: Set<string>): object {
  if (!Array.isArray(object)) return object;
  return object.map((item: unknown) =>
    typeof item === "object" && item !== null ? recording(item, itemPath(path, item), seen) : item,
  );
}

/** Each type of scheme has keys of its own. */
function itemPath(path: string, item: unknown): string {
  return path === "schemes" ? `schemes[${(item as SchemeDefinition).type}]` : `${path}[]`;
}

function ofAnyScheme(key: string): string {
  return key.replace(/^schemes\[\w+\]/, "schemes[]");
}

/** Every path that the schema allows; maps with free names count as one. What schemes share is gone into for OAuth 2 alone. */
function schemaKeys(node: Record<string, unknown>, path: string, depth = Number.POSITIVE_INFINITY): Set<string> {
  const keys = new Set<string>();
  if (depth === 0) return keys;
  const resolved = "$ref" in node ? resolve(String(node.$ref)) : node;
  for (const [key, child] of Object.entries((resolved.properties ?? {}) as Record<string, Record<string, unknown>>)) {
    const here = path === "" ? key : `${path}.${key}`;
    keys.add(here);
    // A field is a field, whatever the scheme.
    const isFieldAgain = key === "fields" && path !== "schemes[OAUTH2]";
    for (const deeper of schemaKeys(child, here, isFieldAgain ? 0 : depth - 1)) keys.add(deeper);
  }
  for (const one of (resolved.oneOf ?? []) as Record<string, unknown>[])
    if (one.properties) for (const deeper of schemaKeys(one, path, depth)) keys.add(deeper);
  const items = resolved.items as Record<string, unknown> | undefined;
  const alternatives = items?.oneOf as { $ref: string }[] | undefined;
  for (const one of alternatives ?? []) {
    const { type } = resolve(one.$ref).properties as { type: { const: SchemeDefinition["type"] } };
    const isWhole = type.const === "OAUTH2" || type.const === "NATIVE";
    for (const deeper of schemaKeys(one, itemPath(path, { type: type.const }), isWhole ? depth : 1)) keys.add(deeper);
  }
  if (items && !alternatives) for (const deeper of schemaKeys(items, `${path}[]`, depth)) keys.add(deeper);
  return keys;
}

function resolve(reference: string): Record<string, unknown> {
  const found = reference
    .split("/")
    .slice(1)
    .reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], schema);
  if (!found) throw new Error(`${reference} leads nowhere.`);
  return found as Record<string, unknown>;
}

/** The paths that an object really has, as far as the schema goes. */
function recordedPaths(value: unknown, path = ""): Set<string> {
  const allowed = schemaKeys(schema, "");
  const paths = new Set<string>();
  if (Array.isArray(value)) for (const item of value) for (const at of recordedPaths(item, itemPath(path, item))) paths.add(at);
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
