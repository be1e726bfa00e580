import * as oidc from "openid-client";
import type { DiscoveredEndpoints, TokenAuthMethod } from "../../catalogue/types.ts";
import type { Failure } from "../../lib/failure.ts";
import { DEFAULT_TIMEOUT_MS } from "./exchange.ts";
import { failure, networkFailure, providerFailure } from "./failures.ts";
import type { CallOptions } from "./types.ts";

const MAX_BYTES = 1_048_576;

/**
 * Reads a provider's metadata: OpenID Connect Discovery, RFC 8414, or the one at the other's place, as MCP has it. `issuer` must be https,
 * or plain http where the caller has decided that it may be; the address of its metadata stands for it. The issuer that the metadata name
 * must be the one that was asked, byte for byte (RFC 8414 section 3.3), but for one trailing slash. Throws a Failure. The caller keeps the
 * result for as long as it likes.
 */
export async function discover(issuer: string, options: CallOptions): Promise<DiscoveredEndpoints> {
  const asked = withoutSlash(issuer.replace(/\/\.well-known\/(openid-configuration|oauth-authorization-server)$/, ""));
  const failures: Failure[] = [];
  for (const place of placesOf(asked)) {
    const found = await attempt(place, options);
    if ("metadata" in found && withoutSlash(found.metadata.issuer) === asked) return endpointsFrom(found.metadata);
    failures.push("metadata" in found ? mismatchOrMalformed(200) : found.error);
    if (failures.at(-1)?.details.code === "PROVIDER_UNREACHABLE") break;
  }
  const told = (code: string) => failures.find(({ details }) => details.code === code);
  throw told("PROVIDER_UNREACHABLE") ?? told("ISSUER_MISMATCH") ?? failures[0]!;
}

function withoutSlash(issuer: string): string {
  return issuer.replace(/\/$/, "");
}

/** Behind the issuer's path (OpenID Connect Discovery section 4.1), or between host and path (RFC 8414 section 3.1). */
function placesOf(issuer: string): URL[] {
  const { origin, pathname } = new URL(issuer);
  const path = withoutSlash(pathname);
  const between = ["oauth-authorization-server", "openid-configuration"].map((name) => `/.well-known/${name}${path}`);
  const places = [`${path}/.well-known/openid-configuration`, ...between];
  return [...new Set(places)].map((place) => new URL(origin + place));
}

type Attempt = { metadata: oidc.ServerMetadata } | { error: Failure };

async function attempt(place: URL, options: CallOptions): Promise<Attempt> {
  let status: number | null = null;
  let network: ReturnType<typeof networkFailure> | null = null;
  const customFetch: oidc.CustomFetch = async (url, init) => {
    try {
      const { method, headers } = init;
      const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      const response = await options.fetch(url, { method, headers, redirect: "manual", timeoutMs, maxBytes: MAX_BYTES });
      status = response.status;
      return new Response(await response.arrayBuffer(), { status, headers: { "content-type": "application/json" } });
    } catch (error) {
      network = networkFailure(error);
      throw network;
    }
  };
  try {
    const execute = place.protocol === "http:" ? [oidc.allowInsecureRequests] : [];
    const config = await oidc.discovery(place, "discovery", {}, oidc.None(), {
      execute,
      timeout: 0,
      [oidc.customFetch]: customFetch,
    });
    return { metadata: config.serverMetadata() };
  } catch {
    if (network) return { error: network };
    if (status === 200) return { error: mismatchOrMalformed(status) };
    const more = {
      message: "The issuer publishes no metadata.",
      remedy: "Check the issuer's URL, or enter the endpoints by hand.",
    };
    const serious = status !== null && status >= 500;
    return {
      error: serious ? providerFailure(null, { code: null, description: null, status }) : failure("MALFORMED_RESPONSE", more),
    };
  }
}

function mismatchOrMalformed(status: number) {
  return failure("ISSUER_MISMATCH", {
    message: "The metadata found under this issuer is not valid, or names another issuer.",
    remedy: "Enter the issuer exactly as the provider writes it, or enter the endpoints by hand.",
    providerStatus: status,
  });
}

function endpointsFrom(metadata: oidc.ServerMetadata): DiscoveredEndpoints {
  return {
    issuer: metadata.issuer,
    authorizationUrl: metadata.authorization_endpoint,
    tokenUrl: metadata.token_endpoint,
    registrationUrl: metadata.registration_endpoint,
    clientIdMetadataDocument: takesDocument(metadata) || undefined,
    revocationUrl: metadata.revocation_endpoint,
    userinfoUrl: metadata.userinfo_endpoint,
    jwksUri: metadata.jwks_uri,
    deviceAuthorizationUrl: metadata.device_authorization_endpoint,
    pushedAuthorizationUrl: metadata.pushed_authorization_request_endpoint,
    pushedAuthorizationRequired: metadata.require_pushed_authorization_requests,
    issInAuthorizationResponse: metadata.authorization_response_iss_parameter_supported,
    idTokenAlgorithms: metadata.id_token_signing_alg_values_supported,
    tokenAuthMethod: authMethod(metadata.token_endpoint_auth_methods_supported),
    tokenAuthMethods: textsIn(metadata.token_endpoint_auth_methods_supported),
    pkceMethods: textsIn(metadata.code_challenge_methods_supported),
    scopesSupported: textsIn(metadata.scopes_supported) ?? [],
  };
}

/** A client that is known by a document has no secret: the server has to take such clients, too. */
function takesDocument(metadata: oidc.ServerMetadata): boolean {
  const isPublic = textsIn(metadata.token_endpoint_auth_methods_supported)?.includes("none") ?? false;
  return isPublic && metadata.client_id_metadata_document_supported === true;
}

/** What somebody else wrote may be anything. */
function textsIn(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : undefined;
}

const AUTH_METHODS: [string, TokenAuthMethod][] = [
  ["client_secret_basic", "CLIENT_SECRET_BASIC"],
  ["client_secret_post", "CLIENT_SECRET_POST"],
  ["private_key_jwt", "PRIVATE_KEY_JWT"],
  ["none", "NONE"],
];

function authMethod(supported: readonly string[] | undefined): TokenAuthMethod | undefined {
  return AUTH_METHODS.find(([name]) => supported?.includes(name))?.[1];
}
