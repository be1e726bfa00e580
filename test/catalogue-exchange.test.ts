import { generateKeyPairSync } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fieldsOf } from "../src/catalogue/scheme-fields.ts";
import { hostRulesOf, urlTemplatesOf } from "../src/catalogue/scheme-urls.ts";
import { expandUrl } from "../src/catalogue/templates.ts";
import type { ConnectorDefinition, FieldDefinition, TwoStepSchemeDefinition } from "../src/catalogue/types.ts";
import { signedJwt } from "../src/schemes/index.ts";
import { simulateProvider } from "./schemes/support.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { type LoginPlace, type LoginServer, startLoginServer } from "./support/login-server.ts";
import { refresh } from "./support/oauth.ts";
import { viaProxy } from "./support/proxy.ts";
import { createConfig, createUser } from "./support/seed.ts";
import { isPlayedByItself } from "./support/signed-entries.ts";
import { ask, made, readTyped } from "./support/typed.ts";
import { clockOf } from "./support/unattended.ts";

const FOLDER = join(import.meta.dirname, "../src/catalogue/connectors");
const ALL = readdirSync(FOLDER).map((file) => JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as ConnectorDefinition);
/** Signed ones, those of several hosts and the like are played one by one, in catalogue-signed.test.ts. */
const LOGINS = ALL.filter(({ schemes }) => schemes[0]?.type === "TWO_STEP" && !isPlayedByItself(schemes[0]));
const EXCHANGED = ALL.flatMap(({ slug, schemes }) =>
  schemes.flatMap((scheme) => (scheme.type === "SIGNED_JWT" && scheme.tokenUrl ? [{ slug, scheme }] : [])),
);

let server: LoginServer;
let app: TestApp;
let clock: ReturnType<typeof clockOf>;
let userId: string;
const places = new Map<string, LoginPlace>();

beforeAll(async () => {
  server = await startLoginServer();
  for (const definition of LOGINS) places.set(definition.slug, server.add(definition, typedFor(definition)));
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  server.lead(app);
  clock = clockOf(app);
  userId = (await createUser(app, app.adminKey)).id;
});
afterAll(async () => {
  await app?.close();
  await server?.[Symbol.asyncDispose]();
});

/** A value for each field, with whatever a form, a URL, JSON or a header could trip over where the field allows it. */
function typedFor({ slug, schemes }: ConnectorDefinition): Record<string, unknown> {
  const host = ({ name }: FieldDefinition) => `${name.toLowerCase()}.${slug}.example.org`;
  return Object.fromEntries(
    fieldsOf(schemes[0]!).map((field) => [field.name, field.type === "HOST" ? host(field) : typedInto(field)]),
  );
}

function typedInto({ name, type, options, pattern, example }: FieldDefinition): string {
  if (options) return options[0]!.value;
  if (type === "HOST") return example ?? "acme.example.com";
  const odd = pattern || /header/i.test(name) ? `key-${name} / x=1&y` : `${name}: ä"&=+%{token}\\ 1`;
  const candidates = [odd, example, "ada+x@example.com", "3fa85f64-5717-4562-b3fc-2c963f66afa6", "A".repeat(43)];
  const found = candidates.find((value) => value !== undefined && new RegExp(pattern ?? "", "u").test(value));
  if (found === undefined) throw new Error(`No value fits ${name}: ${pattern}`);
  return found;
}

test("there are some, and each of their addresses is a complete one with what its fields give for an example", () => {
  expect(LOGINS.length).toBeGreaterThan(40);
  for (const definition of LOGINS) {
    const connection = {
      ...typedFor(definition),
      ...Object.fromEntries((definition.schemes[0]!.discovered ?? []).map(({ name }) => [name, "x"])),
    };
    for (const template of urlTemplatesOf(definition)) {
      const url = new URL(expandUrl(template, { connection }, hostRulesOf(definition.schemes[0]!)));
      expect(url.protocol, template).toBe("https:");
      expect(url.hostname, template).toMatch(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/);
    }
  }
});

test("renewals go to the origin of the login", () => {
  for (const { slug, schemes } of LOGINS) {
    const { login, refresh: renewal } = schemes[0] as TwoStepSchemeDefinition;
    const origin = (url: string) => /^https:\/\/[^/]+/.exec(url)?.[0];
    if (renewal) expect(origin(renewal.url), slug).toBe(origin(login[0]!.url));
  }
});

describe.each(LOGINS.map(({ slug }) => slug))("%s", (slug) => {
  test("logs in, calls, logs in again when the token has ended, and is INVALID when the login is refused", async () => {
    const place = places.get(slug)!;
    const { scheme, typed, seen } = place;
    const config = await createConfig(app, app.adminKey, { connectorSlug: slug });
    const target = { authConfigId: config.id };
    const credential = await made(ask(app, app.adminKey, "createCredential", { target, user: { id: userId }, fields: typed }));
    const hasEnd = Boolean(scheme.expiresIn ?? scheme.expiresAt ?? scheme.lifetimeSeconds);
    expect(credential, seen.join()).toMatchObject({ status: "ACTIVE", canRefresh: true });
    expect(credential.accessTokenExpiresAt !== null).toBe(hasEnd);
    expect(seen).toEqual(["logged in"]);
    const call = () => viaProxy(app, "/proxy/things?a=b", { key: app.adminKey, credential: credential.id });
    expect((await call()).status).toBe(200);

    // The provider has ended it, and says so by a 401 only.
    place.live.clear();
    expect((await call()).status).toBe(200);
    const how = scheme.refresh ? "renewed" : "logged in";
    expect(seen).toEqual(["logged in", "call", "call refused", how, "call"]);
    if (hasEnd) {
      await clock.pass((scheme.lifetimeSeconds ?? 3_600) + 60);
      place.live.clear();
      expect((await call()).status).toBe(200);
      // Known beforehand: the dead token is not even tried.
      expect(seen.slice(5)).toEqual([how, "call"]);
    }
    await withLess(place, target);
    await movedElsewhere(place, credential.id);
    await refused(place, credential.id, target);
  });
});

/** What may be left out is: nothing goes in its place. */
async function withLess(place: LoginPlace, target: object): Promise<void> {
  const needed = fieldsOf(place.scheme).filter(({ required, default: preset }) => required || preset !== undefined);
  const whole = place.typed;
  if (needed.length === Object.keys(whole).length) return;
  place.typed = Object.fromEntries(needed.map(({ name }) => [name, whole[name]]));
  const { id } = await made(ask(app, app.adminKey, "createCredential", { target, projectOwned: true, fields: place.typed }));
  expect((await viaProxy(app, "/proxy/things", { key: app.adminKey, credential: id })).status).toBe(200);
  place.typed = whole;
}

/** Who names another host types the secrets that go there. */
async function movedElsewhere({ scheme }: LoginPlace, id: string): Promise<void> {
  const host = scheme.fields?.find(({ type, name }) => type === "HOST" && scheme.login[0]!.url.includes(`{connection.${name}}`));
  if (!host) return;
  const moved = await ask(app, app.adminKey, "updateCredential", { id, fields: { [host.name]: "evil.example.net" } });
  const secrets = fieldsOf(scheme).filter(({ secret }) => secret);
  expect(moved.issues?.map(({ path }) => path.at(-1))).toEqual(secrets.map(({ name }) => name));
}

async function refused(place: LoginPlace, id: string, target: object): Promise<void> {
  place.refusing = { status: place.seen.length % 2 ? 401 : 400 };
  place.forgetful = true;
  const tried = await ask(app, app.adminKey, "tryCredential", { target, fields: place.typed });
  expect(tried.result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
  expect(await refresh(app, app.adminKey, id)).toMatchObject({ __typename: "CredentialNotUsableError" });
  const dead = await readTyped(app, app.adminKey, id);
  expect(dead).toMatchObject({ status: "INVALID", statusReason: expect.stringContaining("does not accept") });
  const before = place.seen.length;
  await refresh(app, app.adminKey, id);
  expect(place.seen).toHaveLength(before);
}

describe("a signed JWT that is exchanged", () => {
  const PAIRS = {
    RS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
    PS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
    ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  };

  test.each(EXCHANGED)("goes to $slug as its data say, signed by the key that was typed", async ({ scheme }) => {
    const { publicKey, privateKey } = PAIRS[scheme.algorithm as keyof typeof PAIRS];
    const pem = String(privateKey.export({ type: "pkcs8", format: "pem" }));
    const isFile = Object.values(scheme.claims).includes("{connection.clientEmail}");
    const file = JSON.stringify({ private_key: pem, client_email: "robot@project.example", private_key_id: "k1" });
    const typed = Object.fromEntries(fieldsOf(scheme).map((field) => [field.name, typedInto(field)]));
    const values = { ...typed, privateKey: isFile ? file : pem };
    const scopes = (scheme.scopes ?? []).filter((scope) => scope.default).map(({ name }) => name);
    await using provider = await simulateProvider(() => ({
      body: { access_token: "at", token_type: "Bearer", expires_in: 60, instance_url: "https://acme.my.salesforce.com" },
    }));
    const { tokens } = await signedJwt.obtain({ scheme, values, scopes, fetch: provider.fetch });
    expect(tokens.accessToken.reveal()).toBe("at");
    const [seen] = provider.seen;
    const connection = { ...values, clientEmail: "robot@project.example", scope: scopes.join(" ") };
    expect(seen!.url.href).toBe(expandUrl(scheme.tokenUrl!, { connection }, hostRulesOf(scheme)));
    const { assertion, client_assertion, client_assertion_type, grant_type, scope, ...rest } = seen!.parameters;
    const isClient = scheme.exchangedAs === "CLIENT_ASSERTION";
    const { payload, protectedHeader } = await jwtVerify(String(isClient ? client_assertion : assertion), publicKey);
    expect(protectedHeader).toMatchObject({ alg: scheme.algorithm, ...plain(scheme.header, connection) });
    expect(payload).toMatchObject(plain(scheme.claims, connection));
    expect(rest).toMatchObject(plain({ ...scheme.tokenParameters, scope: "" }, connection));
    if (!isClient) return expect(grant_type).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    expect([grant_type, client_assertion_type]).toEqual([
      "client_credentials",
      "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    ]);
    expect(scope).toBe(scheme.tokenParameters?.scope ?? scopes.join(" "));
  });

  /** The templates, by a second and simpler reading of them; what comes out empty is left out. */
  function plain(templates: Record<string, string> | undefined, values: Record<string, unknown>): Record<string, string> {
    const filled = Object.entries(templates ?? {}).map(
      ([name, text]) =>
        [name, text.replace(/\{connection\.(\w+)(?:\|\w*)?\}/g, (_, key: string) => String(values[key] ?? ""))] as const,
    );
    return Object.fromEntries(filled.filter(([, text]) => text !== ""));
  }
});
