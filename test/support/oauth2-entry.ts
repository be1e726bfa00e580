import { createHash, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { fieldsBeforeRedirect, fieldsFor, validateFields } from "../../src/catalogue/fields.ts";
import type {
  ClientCredentialsSchemeDefinition,
  ConnectorDefinition,
  DiscoveredValue,
  FieldDefinition,
  OAuth2SchemeDefinition,
} from "../../src/catalogue/types.ts";
import { LOCALHOST } from "./certificate.ts";

/** What a provider is, read from a connector's data a second time and in the simplest way: the code under test reads it in its own. */

export type Scheme = OAuth2SchemeDefinition | ClientCredentialsSchemeDefinition;
export interface Entry {
  slug: string;
  connector: ConnectorDefinition;
  scheme: Scheme;
}
export type Values = Record<string, unknown>;

export const RSA = generateKeyPairSync("rsa", { modulusLength: 2048 });
export const EC = generateKeyPairSync("ec", { namedCurve: "P-256" });
export const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();

export const quirk = (scheme: Scheme, name: string) => scheme.quirks?.find((one) => one.name === name);

/** Texts of which one fits every pattern that a field or a discovered value of these connectors has. */
const SAMPLES = [
  "acme",
  "1234567890",
  "202606",
  "us1",
  "A1B2C3D4E5",
  "3fa85f64-5717-4562-b3fc-2c963f66afa6",
  "sellercentral.amazon.com",
  "acme.my",
];

/** What an address of the provider's looks like whose parts are read one by one. */
function inPlaceOfClasses(shape: string): string {
  return shape
    .replaceAll(/\[[^\]]*\](?:[+*]|\{[^}]*\})?/g, "acme1")
    .replaceAll(/[()]|\/\?$/g, "")
    .replaceAll("\\.", ".");
}

function sample(field: FieldDefinition, scheme: Scheme): unknown {
  if (field.type === "ENUM") return field.options!.at(-1)!.value;
  if (field.type === "FILE" && !("clientCertificate" in scheme)) return pem(RSA.privateKey);
  if (field.name === "clientSecret" && scheme.tokenAuthMethod === "PRIVATE_KEY_JWT") return pem(RSA.privateKey);
  if (scheme.type === "OAUTH2_CLIENT_CREDENTIALS" && scheme.clientCertificate) {
    if (field.name === "clientCertificate") return LOCALHOST.cert;
    if (field.name === "clientPrivateKey") return LOCALHOST.key;
  }
  if (field.name === "clientId") return "the client:ö";
  if (field.name === "clientSecret") return "s3cret&ö";
  const candidates = [...(field.type === "HOST" && !field.pattern ? ["own.example.org"] : []), field.example ?? "", ...SAMPLES];
  const found = candidates.find((one) => one !== "" && new RegExp(field.pattern ?? "", "u").test(one));
  if (found === undefined) throw new Error(`No sample fits ${field.name}: ${field.pattern}`);
  return found;
}

/** What a project and a user fill in; `all` of it, or what has to be. */
export function valuesOf({ scheme }: Entry, all: boolean): Values {
  const credential = fieldsFor(scheme, "credential");
  const asked = scheme.type === "OAUTH2" ? fieldsBeforeRedirect(credential) : credential;
  // A user is asked before the redirect or never, and never for a secret: what is left is the project's to preset, and nobody's duty.
  const rest = credential.filter((field) => !asked.includes(field));
  if (rest.some((field) => field.required) || (scheme.type === "OAUTH2" && asked.some((field) => field.secret)))
    throw new Error("A field that is needed is asked of nobody.");
  const fill = (fields: FieldDefinition[]) => {
    const chosen = fields.filter((field) => all || (field.required && field.default === undefined));
    return validateFields(fields, Object.fromEntries(chosen.map((field) => [field.name, sample(field, scheme)])), []).values;
  };
  return { ...fill(fieldsFor(scheme, "authConfig")), ...fill(asked), ...(all && fill(rest)) };
}

/** What the provider says of a value that is to be discovered: some text that fits its pattern. */
export function told(value: DiscoveredValue): string {
  const pattern = new RegExp(value.pattern, "u");
  const shape = value.pattern.slice(1, -1).replace(/\/\?$/, "");
  const around = /^(.*?)(\((?!\?:).*\))(.*)$/.exec(shape);
  const inner = [...(value.options ?? []), ...SAMPLES];
  const plain = (text: string) => text.replaceAll("\\.", ".");
  const candidates = around ? inner.map((one) => plain(around[1]!) + one + plain(around[3]!)) : inner;
  const found = [...candidates, inPlaceOfClasses(shape)].find((one) => pattern.test(one));
  if (found === undefined) throw new Error(`No sample fits ${value.name}: ${value.pattern}`);
  return found;
}

/** What becomes of it. */
export function discovered(value: DiscoveredValue): string {
  const match = new RegExp(value.pattern, "u").exec(told(value))!;
  return match[1] ?? match[0];
}

/** What stands for a value that is another one each time. */
export const ANYTHING = "anything";

export function filled(template: string, values: Values, more: Record<string, string> = {}, encode = (text: string) => text) {
  return template
    .replace(/\{connection\.(\w+)(?:\|([^{}]*))?\}/g, (_, name: string, fallback = "") =>
      values[name] === undefined ? fallback : encode(String(values[name])),
    )
    .replace(/\{random\}/g, ANYTHING)
    .replace(/\{(client\.id|token)\}/g, (_, name: string) => encode(more[name]!));
}

export const filledUrl = (template: string, values: Values, more: Record<string, string>) =>
  new URL(filled(template, values, more, encodeURIComponent));

/** Names and values of a map of templates; what is empty is not there. */
export function mapped(templates: Record<string, string> | undefined, values: Values, more: Record<string, string> = {}) {
  const all = Object.entries(templates ?? {}).map(([name, template]) => [name, filled(template, values, more)] as const);
  return Object.fromEntries(all.filter(([, value]) => value !== ""));
}

export function setAt(body: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split(".");
  let here = body as Record<string, unknown>;
  keys.slice(0, -1).forEach((key, index) => {
    here[key] ??= /^\d+$/.test(keys[index + 1]!) ? [] : {};
    here = here[key] as Record<string, unknown>;
  });
  here[keys.at(-1)!] ??= value;
}

/** A token answer in the shape that the data give this provider. */
export function tokenAnswer(scheme: Scheme, scopes: readonly string[], tokens: { access: string; refresh: string | null }) {
  const has = (name: string) => quirk(scheme, name) !== undefined;
  const separator = has("scope-commas") ? "," : (scheme.scopeSeparator ?? " ");
  const nested: Record<string, unknown> = {
    token_type: has("token-type-other") ? "User Access Token" : "Bearer",
    ...(!has("scope-in-callback") && scopes.length > 0 && { scope: scopes.join(separator) }),
    ...(!has("expires-at") && { expires_in: has("expires-in-zero") ? 0 : has("expires-in-milliseconds") ? 3_600_000 : 3600 }),
  };
  setAt(nested, quirk(scheme, "access-token-named")?.value ?? "access_token", tokens.access);
  if (tokens.refresh) setAt(nested, quirk(scheme, "refresh-token-named")?.value ?? "refresh_token", tokens.refresh);
  const expiresAt = quirk(scheme, "expires-at")?.value;
  if (expiresAt) setAt(nested, expiresAt, new Date(Date.now() + 3_600_500).toISOString());
  const path = quirk(scheme, "token-answer-nested")?.value;
  const body: Record<string, unknown> = {};
  if (path) setAt(body, path, nested);
  else Object.assign(body, nested);
  const status = quirk(scheme, "status-in-body")?.value;
  if (status) setAt(body, status, 0);
  for (const value of scheme.discovered ?? []) if (value.from === "tokenAnswer") setAt(body, value.path, told(value));
  const account = scheme.type === "OAUTH2" && scheme.account?.source === "tokenAnswer" ? scheme.account : null;
  for (const at of [account?.id[0], account?.name?.[0]]) if (at) setAt(body, at, "account-1");
  return body;
}

/** What the provider says to the call that it wants with each new token. */
export function followUpAnswer(scheme: Scheme, session: string): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const value of scheme.discovered ?? []) if (value.from === "followUp") setAt(body, value.path, told(value));
  if (scheme.followUp?.token) setAt(body, scheme.followUp.token[0]!, session);
  return body;
}

export function userinfoAnswer(scheme: OAuth2SchemeDefinition): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const value of scheme.discovered ?? []) if (value.from === "userinfo") setAt(body, value.path, told(value));
  const { id, name, email } = scheme.account ?? { id: [] };
  for (const [path, value] of [
    [id[0], "account-1"],
    [name?.[0], "Ada"],
    [email?.[0], "ada@example.com"],
  ])
    if (path) setAt(body, path, value);
  return body;
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

export function idToken(claims: Record<string, unknown>): string {
  const now = Math.floor(Date.now() / 1000);
  const text = `${part({ alg: "RS256", kid: "k" })}.${part({ iat: now, exp: now + 300, ...claims })}`;
  return `${text}.${sign("sha256", Buffer.from(text), RSA.privateKey).toString("base64url")}`;
}

export const JWKS = { keys: [{ ...RSA.publicKey.export({ format: "jwk" }), kid: "k", alg: "RS256", use: "sig" }] };

/** The claims of a JWT that was signed with one of our keys; null: it was not. */
export function claimsOf(jwt: string, algorithm: string): Record<string, unknown> | null {
  const [header = "", payload = "", signature = ""] = jwt.split(".");
  const key = algorithm === "ES256" ? { key: EC.publicKey, dsaEncoding: "ieee-p1363" as const } : RSA.publicKey;
  const good = verify("sha256", Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url"));
  const read = (text: string) => JSON.parse(Buffer.from(text, "base64url").toString()) as Record<string, unknown>;
  return good ? { ...read(payload), header: read(header) } : null;
}

export const s256 = (verifier: string) => createHash("sha256").update(verifier).digest("base64url");
