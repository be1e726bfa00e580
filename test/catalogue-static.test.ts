import { createHash, createHmac, generateKeyPairSync } from "node:crypto";
import { jwtVerify } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadCatalogue } from "../src/catalogue/index.ts";
import { fieldsOf } from "../src/catalogue/scheme-fields.ts";
import type { ConnectorDefinition, FieldDefinition, SchemeDefinition } from "../src/catalogue/types.ts";
import { type AnyHost, type Arrived, startAnyHost } from "./support/any-host.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { run } from "./support/graphql.ts";
import { SIGNED_CALLS } from "./support/signed-entries.ts";
import { ask, made } from "./support/typed.ts";

type Values = Record<string, string | number>;
type Scheme = SchemeDefinition;

let app: TestApp;
let hosts: AnyHost;

beforeAll(async () => {
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  hosts = await startAnyHost(app);
});

beforeEach(() => void hosts.seen.splice(0));

afterAll(async () => {
  await app?.close();
  await hosts?.close();
});

const PAIRS = {
  RS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
};

/** Texts of which one fits every pattern that a field of the catalogue has. */
const SAMPLES = [
  "ada@example.com",
  "3fa85f64-5717-4562-b3fc-2c963f66afa6",
  "2024-01-31",
  "acct_1MZ0aF2eZvKYlo2C",
  "sk_live_51Abc",
];
const HEX_KEY = `${"0a1b2c".repeat(4)}:${"5d".repeat(32)}`;

/** A value for a field that no other field has, as far as its pattern lets it. */
function sample(field: FieldDefinition, scheme: Scheme): string | number {
  const own = `V-${field.name}`;
  if (field.type === "FILE" && scheme.type === "SIGNED_JWT")
    return PAIRS[scheme.algorithm as keyof typeof PAIRS].privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  if (field.type === "ENUM") return field.options!.at(-1)!.value;
  if (field.type === "INTEGER") return field.min ?? 1;
  if (field.type === "URL") return `https://${field.name.toLowerCase()}.example.org:8443/own/base/`;
  if (field.type === "HOST") return `${field.name.toLowerCase()}.example.org`;
  const prefix = /^\^([\w-]+)\[!-~\]\+\$$/.exec(field.pattern ?? "")?.[1];
  const candidates = [own, `${prefix}${own}`, own.toUpperCase(), ...SAMPLES, HEX_KEY];
  const found = candidates.find((one) => new RegExp(field.pattern ?? "", "u").test(one));
  if (found === undefined) throw new Error(`No sample fits ${field.name}: ${field.pattern}`);
  return found;
}

/** What a template says, by a second and simpler reading of it. */
function filled(template: string, values: Values): string {
  const inner = template.replace(/\{connection\.(\w+)(\|)?\}/g, (_, name: string) => String(values[name] ?? ""));
  return inner.replace(/\{base64\(([^{}]*)\)\}/g, (_, what: string) => Buffer.from(what).toString("base64"));
}

const mapped = (templates: Record<string, string> | undefined, values: Values) =>
  Object.fromEntries(
    Object.entries(templates ?? {})
      .map(([name, template]) => [name, filled(template, values)])
      .filter(([, value]) => value !== ""),
  );

/** How a scheme says who is calling, by its data alone. */
function carried(scheme: Scheme, values: Values): { headers: Record<string, string>; query: Record<string, string> } {
  if ("apply" in scheme && scheme.apply && scheme.type !== "SIGNED_JWT")
    return { headers: mapped(scheme.apply.headers, values), query: mapped(scheme.apply.query, values) };
  if (scheme.type === "API_KEY") {
    const key = { [scheme.parameterName!]: `${scheme.prefix ?? ""}${values.apiKey}` };
    return scheme.location === "QUERY" ? { headers: {}, query: key } : { headers: key, query: {} };
  }
  if (scheme.type === "BEARER_TOKEN") return { headers: { authorization: `Bearer ${values.token}` }, query: {} };
  if (scheme.type !== "BASIC") return { headers: {}, query: {} };
  const pair = Buffer.from(`${values.username}:${values.password ?? ""}`).toString("base64");
  return { headers: { authorization: `Basic ${pair}` }, query: {} };
}

/** The whole call that is expected. */
function expected({ api }: ConnectorDefinition, scheme: Scheme, values: Values, verifies: boolean): Arrived {
  const { verification, headers: own } = api!;
  const body = "apply" in scheme ? (scheme.apply as { body?: object } | undefined)?.body : undefined;
  const path = verifies ? verification!.path : "/check";
  // In a path and a query, values are percent-encoded; an address that was given whole stands as it is.
  const whole = /^\{connection\.(\w+)\}/.exec(api!.baseUrl)?.[1];
  const encoded = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      name === whole ? String(value).replace(/\/$/, "") : encodeURIComponent(value),
    ]),
  );
  const base = (verifies && verification!.baseUrl) || api!.baseUrl;
  const url = new URL(filled(base + path, encoded));
  const auth = carried(scheme, values);
  for (const [name, value] of Object.entries(auth.query)) url.searchParams.set(name, value);
  const sent = { ...(verifies && (verification!.body as object | undefined)), ...body };
  const hasBody = verifies ? verification!.body !== undefined || body !== undefined : body !== undefined;
  return {
    method: verifies ? verification!.method : body ? "POST" : "GET",
    origin: url.origin,
    path: url.pathname,
    query: [...url.searchParams],
    headers: {
      ...(verifies && { accept: "application/json" }),
      "user-agent": "Moorline",
      ...(hasBody && { "content-type": "application/json" }),
      ...(verifies && mapped(verification!.headers, values)),
      ...mapped(own, values),
      ...auth.headers,
    },
    body: hasBody ? filled(JSON.stringify(sent), values) : "",
  };
}

const TYPES = new Set<string>(["API_KEY", "BEARER_TOKEN", "BASIC", "NONE", "OAUTH1_TOKENS", "SIGNED_JWT"]);
const ENTRIES = loadCatalogue({ variables: {} })
  .all()
  .filter(({ kind }) => kind === "API")
  .flatMap((connector) => connector.schemes.map((scheme) => ({ slug: connector.slug, key: scheme.key, connector, scheme })))
  // What exchanges a JWT for a token is no static secret.
  .filter(({ scheme, connector }) => TYPES.has(scheme.type) && connector.api && !("tokenUrl" in scheme));
/** What each call has anew is looked at below. */
const EXACT = ENTRIES.filter(
  ({ scheme }) =>
    !["OAUTH1_TOKENS", "SIGNED_JWT"].includes(scheme.type) && !/\{(?:random|now|call\.)/.test(JSON.stringify(scheme)),
);

/** Makes a credential of these values and gives the call that came of it: the one that tests it, where there is one. */
async function call({ connector, scheme }: (typeof ENTRIES)[number], values: Values, verifies: boolean): Promise<Arrived> {
  const isProjects = (name: string) => fieldsOf(scheme).some((field) => field.name === name && field.for === "authConfig");
  const entries = Object.entries(values);
  const fields = Object.fromEntries(entries.filter(([name]) => !isProjects(name)));
  const config = await ask(app, app.adminKey, "createAuthConfig", {
    connectorSlug: connector.slug,
    name: `${connector.slug} ${scheme.key} ${entries.length}`,
    schemeKey: scheme.key,
    parameters: Object.fromEntries(entries.filter(([name]) => isProjects(name))),
  });
  if (!config.authConfig) throw new Error(JSON.stringify(config));
  const target = { authConfigId: config.authConfig.id };
  const { id } = await made(ask(app, app.adminKey, "createCredential", { target, projectOwned: true, fields, test: verifies }));
  if (!verifies) {
    const body = "apply" in scheme && (scheme.apply as { body?: object } | undefined)?.body;
    const query = `mutation StaticCall($input: CallApiInput!) { callApi(input: $input) { __typename ... on CallApiPayload { status } ... on UserError { message } } }`;
    const input = { credentialId: id, method: body ? "POST" : "GET", path: "/check" };
    const answer = await run<{ callApi: { status?: number } }, object>(app, app.adminKey, query, { input });
    expect(answer.callApi).toMatchObject({ status: 200 });
  }
  expect(hosts.seen).toHaveLength(1);
  return hosts.seen[0]!;
}

const samples = (scheme: Scheme, which: (field: FieldDefinition) => boolean = () => true): Values =>
  Object.fromEntries(
    fieldsOf(scheme)
      .filter(which)
      .map((field) => [field.name, sample(field, scheme)]),
  );
const withDefaults = (scheme: Scheme, values: Values): Values => ({
  ...Object.fromEntries(
    fieldsOf(scheme).flatMap((field) => (field.default === undefined ? [] : [[field.name, String(field.default)]])),
  ),
  ...values,
});

describe("each static entry of the catalogue", () => {
  test("is among these", () => {
    expect(EXACT.length).toBeGreaterThan(410);
  });

  test.each(EXACT)("$slug ($key) calls the API with what its data say, and with nothing else", async (entry) => {
    const { connector, scheme } = entry;
    const verifies = connector.api!.verification !== undefined;
    const values = samples(scheme);
    const got = await call(entry, values, verifies);
    expect(got).toEqual(expected(connector, scheme, values, verifies));
    expect(JSON.stringify([got.headers, got.path, got.query, got.origin])).not.toMatch(/[{]connection|%7Bconnection/i);
  });

  const OPTIONAL = EXACT.filter(({ scheme }) => fieldsOf(scheme).some((field) => !field.required));
  test.each(OPTIONAL)("$slug ($key) leaves out what nobody has to say", async (entry) => {
    const { connector, scheme } = entry;
    const verifies = connector.api!.verification !== undefined;
    const values = samples(scheme, (field) => field.required === true);
    const got = await call(entry, values, verifies);
    expect(got).toEqual(expected(connector, scheme, withDefaults(scheme, values), verifies));
  });
});

describe("an entry whose calls differ each time", () => {
  const entry = (slug: string) => {
    const found = ENTRIES.find((one) => one.slug === slug);
    if (!found) throw new Error(`There is no ${slug}.`);
    return found;
  };
  const SIGNED = ENTRIES.filter(({ scheme }) => scheme.type === "SIGNED_JWT");

  test("is one of those that are looked at here", () => {
    const slugs = ENTRIES.filter((one) => !EXACT.includes(one))
      .map(({ slug }) => slug)
      .toSorted();
    expect(slugs).toEqual(
      ["apple-app-store", ...SIGNED_CALLS, "emarsys", "ghost-admin", "heymarket", "netsuite-tba", "snowflake-jwt"].toSorted(),
    );
    expect(SIGNED).toHaveLength(4);
  });

  test.each(SIGNED)("$slug sends a JWT that its key has signed, with the claims of the data", async (one) => {
    const { connector, scheme } = one;
    if (scheme.type !== "SIGNED_JWT") throw new Error(scheme.type);
    const values = samples(scheme);
    const { headers, origin } = await call(one, values, connector.api!.verification !== undefined);
    const [kind, jwt = ""] = headers.authorization!.split(" ");
    expect(kind).toBe(connector.slug === "ghost-admin" ? "Ghost" : "Bearer");
    const [keyId, hex = ""] = String(values.privateKey).split(":");
    const pair = PAIRS[scheme.algorithm as keyof typeof PAIRS];
    const shared = scheme.keyFormat ? Buffer.from(hex, "hex") : Buffer.from(String(values.privateKey));
    const { payload, protectedHeader } = await jwtVerify(jwt, pair?.publicKey ?? shared, { algorithms: [scheme.algorithm] });
    const der = pair?.publicKey.export({ type: "spki", format: "der" }) ?? "";
    const keyFingerprint = `SHA256:${createHash("sha256").update(der).digest("base64")}`;
    const known = { ...values, keyId: keyId!, keyFingerprint };
    expect(payload).toMatchObject(mapped(scheme.claims, known));
    expect(protectedHeader).toMatchObject({ alg: scheme.algorithm, ...mapped(scheme.header, known) });
    expect(payload.exp! - payload.iat!).toBe(scheme.lifetimeSeconds);
    expect(origin).toBe(new URL(filled(connector.api!.baseUrl, values)).origin);
    expect(headers).toMatchObject(mapped(connector.api!.headers, values));
    expect(JSON.stringify(headers)).not.toContain(String(values.privateKey));
  });

  test("emarsys proves the secret by a digest of it, another one each time (WS-Security's UsernameToken)", async () => {
    const one = entry("emarsys");
    const { headers } = await call(one, { username: "ada", password: "V-secret" }, true);
    const form = /^UsernameToken Username="ada", PasswordDigest="([^"]+)", Nonce="([0-9a-f]{32})", Created="([^"]+)"$/;
    const [, digest, nonce, created = ""] = form.exec(headers["x-wsse"]!) ?? [];
    expect(Math.abs(Date.parse(created) - Date.now())).toBeLessThan(60_000);
    const inHex = createHash("sha1").update(`${nonce}${created}V-secret`).digest("hex");
    expect(digest).toBe(Buffer.from(inHex).toString("base64"));
    expect(JSON.stringify(headers)).not.toContain("V-secret");
    expect(headers).not.toHaveProperty("authorization");
  });

  test("netsuite-tba signs with tokens from outside, and names the account as realm in the provider's own spelling", async () => {
    const values = { accountId: "1234567-sb1", consumerKey: "ck", consumerSecret: "c&s", tokenId: "tk", tokenSecret: "t=s" };
    const { headers, origin, path } = await call(entry("netsuite-tba"), values, false);
    expect(origin).toBe("https://1234567-sb1.suitetalk.api.netsuite.com");
    const parts = [...headers.authorization!.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!] as const);
    expect(parts[0]).toEqual(["realm", "1234567_SB1"]);
    const { oauth_signature: signature = "", ...signed } = Object.fromEntries(parts.slice(1));
    expect(signed).toMatchObject({ oauth_consumer_key: "ck", oauth_token: "tk", oauth_signature_method: "HMAC-SHA256" });
    const normal = Object.entries(signed)
      .map((pair) => pair.join("="))
      .toSorted()
      .join("&");
    const base = ["GET", origin + path, normal].map(encodeURIComponent).join("&");
    expect(decodeURIComponent(signature)).toBe(createHmac("sha256", "c%26s&t%3Ds").update(base).digest("base64"));
  });
});
