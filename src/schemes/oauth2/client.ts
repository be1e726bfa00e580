import { createPrivateKey, type KeyObject } from "node:crypto";
import * as oidc from "openid-client";
import { hostRulesOf } from "../../catalogue/scheme-urls.ts";
import { expand, expandUrl, TemplateError, type TemplateScope } from "../../catalogue/templates.ts";
import type { ApiDefinition, ConnectionValues, SchemeBase, SchemeDefinition } from "../../catalogue/types.ts";
import { clientSecretJwt } from "./client-secret-jwt.ts";
import { failure } from "./failures.ts";
import { hasQuirk } from "./quirks.ts";
import type { TokenClient } from "./types.ts";

/** Whatever has templates to be filled: a client of any scheme. */
export interface Templated {
  scheme: Pick<SchemeBase, "fields" | "discovered"> & { type?: SchemeDefinition["type"] };
  values: ConnectionValues;
  clientId: string;
}

/** Fills one of the scheme's URL templates for this client. Throws a Failure that names what is missing, not its value. */
export function endpoint(client: Templated, template: string, more: TemplateScope = {}): string {
  return asFailure(() => expandUrl(template, scopeOf(client, more), hostRulesOf(client.scheme)));
}

/**
 * Scheme, host and port of the token endpoint and of the API (null where there is none): what a grant is pinned to, so that a
 * changed one is noticed and secrets stay where they were given for (design sections 4 and 5.14). Throws a Failure.
 */
export function originsOf(
  client: Templated & { scheme: { tokenUrl: string } },
  api: ApiDefinition | undefined,
): { token: string; api: string | null } {
  return { token: originOf(client, client.scheme.tokenUrl), api: api ? originOf(client, api.baseUrl) : null };
}

/** Scheme, host and port of one of its URLs. Throws a Failure. */
export function originOf(client: Templated, template: string): string {
  return new URL(endpoint(client, template)).origin;
}

/** Fills the templates in a map of parameters or headers. One that comes out empty is left out (RFC 6749 section 3.1: it means the same). */
export function expandAll(
  client: Templated,
  templates: Readonly<Record<string, string>> | undefined,
  more: TemplateScope = {},
): Record<string, string> {
  const filled = asFailure(() =>
    Object.entries(templates ?? {}).map(([name, value]) => [name, expand(value, scopeOf(client, more))] as const),
  );
  return Object.fromEntries(filled.filter(([, value]) => value !== ""));
}

export function scopeOf(client: Pick<Templated, "values" | "clientId">, more: TemplateScope = {}): TemplateScope {
  return { connection: client.values, clientId: client.clientId, ...more };
}

export function asFailure<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TemplateError) throw failure("CONFIG_CHANGED", { message: error.message });
    throw error;
  }
}

interface Use {
  tokenUrl?: string;
  revocationUrl?: string;
  /** Default: as the scheme's `tokenAuthMethod` says. */
  authentication?: oidc.ClientAuth;
}

/** openid-client's view of the provider and of us. Every request goes through `fetch`. */
export async function configure(client: TokenClient, fetch: oidc.CustomFetch, use: Use = {}): Promise<oidc.Configuration> {
  const { scheme } = client;
  const url = (template: string | undefined) => (template === undefined ? undefined : endpoint(client, template));
  const tokenUrl = endpoint(client, use.tokenUrl ?? scheme.tokenUrl);
  const server: oidc.ServerMetadata = withoutUndefined({
    // Without a known issuer ID tokens and `iss` are left out before openid-client sees them, so this is compared with nothing.
    issuer: url(scheme.issuer) ?? new URL(tokenUrl).origin,
    authorization_endpoint: url(scheme.authorizationUrl),
    token_endpoint: tokenUrl,
    jwks_uri: url(scheme.jwksUri),
    revocation_endpoint: url(use.revocationUrl),
    device_authorization_endpoint: url(scheme.deviceAuthorizationUrl),
    pushed_authorization_request_endpoint: url(scheme.pushedAuthorizationUrl),
    authorization_response_iss_parameter_supported: scheme.issInAuthorizationResponse,
    id_token_signing_alg_values_supported: scheme.idTokenAlgorithms && [...scheme.idTokenAlgorithms],
  });
  const config = new oidc.Configuration(server, client.clientId, {}, use.authentication ?? (await authentication(client)));
  config[oidc.customFetch] = fetch;
  // The one door has the time limit, and knows a refused connection from a lost answer.
  config.timeout = 0;
  // Whether plain http may be reached at all is decided where connectors are made and again by the egress door.
  const plain = Object.values(server).some((value) => typeof value === "string" && value.startsWith("http:"));
  if (plain) oidc.allowInsecureRequests(config);
  if (server.jwks_uri) oidc.enableNonRepudiationChecks(config);
  return config;
}

async function authentication(client: TokenClient): Promise<oidc.ClientAuth> {
  const secret = client.clientSecret?.reveal() ?? "";
  if (secret === "") return oidc.None();
  const own = client.scheme.clientSecretJwt;
  if (own) {
    const filled = { ...own, header: expandAll(client, own.header), claims: expandAll(client, own.claims) };
    return oidc.ClientSecretPost(await clientSecretJwt(filled, secret));
  }
  switch (client.scheme.tokenAuthMethod) {
    case "CLIENT_SECRET_BASIC":
      return clientSecretBasic(client, secret);
    case "CLIENT_SECRET_POST":
      return oidc.ClientSecretPost(secret);
    case "PRIVATE_KEY_JWT":
      return oidc.PrivateKeyJwt(importSigningKey(secret));
    case "NONE":
      return oidc.None();
  }
}

/**
 * RFC 6749 section 2.3.1, encoded as a form is (WHATWG): `-`, `.` and `_` stay as they are. openid-client's own function encodes
 * them too, which is right on paper, but providers that don't decode then see another client id.
 */
function clientSecretBasic(client: TokenClient, secret: string): oidc.ClientAuth {
  const raw = hasQuirk(client.scheme, "basic-without-encoding");
  const encode = (text: string) => (raw ? text : new URLSearchParams([["", text]]).toString().slice(1));
  const pair = hasQuirk(client.scheme, "basic-secret-only")
    ? basic(encode(secret), "")
    : basic(encode(client.clientId), encode(secret));
  return (_as, _client, body, headers) => {
    headers.set("authorization", pair);
    if (hasQuirk(client.scheme, "client-id-in-body")) body.set("client_id", client.clientId);
  };
}

/** RFC 7617, the pair as it is. */
export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** A private key as PKCS 8 PEM or as a JWK; RSA signs RS256, P-256 ES256, Ed25519 Ed25519. */
function importSigningKey(text: string): CryptoKey | oidc.PrivateKey {
  try {
    const jwk = text.trimStart().startsWith("{") ? (JSON.parse(text) as Record<string, unknown> & { kid?: string }) : null;
    const key = jwk ? createPrivateKey({ key: jwk as never, format: "jwk" }) : createPrivateKey(text);
    const cryptoKey = toCryptoKey(key);
    return jwk?.kid ? { key: cryptoKey, kid: jwk.kid } : cryptoKey;
  } catch {
    // The parser's own message may quote the key.
    throw failure("INVALID_CLIENT", {
      message: "The client's private key cannot be read.",
      remedy: "Enter it as PKCS 8 PEM or as a JWK: RSA, EC P-256 or Ed25519.",
    });
  }
}

function toCryptoKey(key: KeyObject): CryptoKey {
  // Node's CryptoKey is the web's, but for key usages that the web has yet to name.
  return key.toCryptoKey(algorithmOf(key), false, ["sign"]) as CryptoKey;
}

function algorithmOf(key: KeyObject): Parameters<KeyObject["toCryptoKey"]>[0] {
  if (key.asymmetricKeyType === "rsa") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  if (key.asymmetricKeyType === "ec") return { name: "ECDSA", namedCurve: "P-256" } as never;
  return "Ed25519";
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
