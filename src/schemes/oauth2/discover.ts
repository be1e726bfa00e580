import * as oidc from "openid-client";
import type { DiscoveredEndpoints, TokenAuthMethod } from "../../catalogue/types.ts";
import { DEFAULT_TIMEOUT_MS } from "./exchange.ts";
import { failure, networkFailure, providerFailure } from "./failures.ts";
import type { CallOptions } from "./types.ts";

const MAX_BYTES = 1_048_576;

/**
 * Reads a provider's metadata: OpenID Connect Discovery, else RFC 8414. `issuer` must be https, or plain http where the
 * caller has decided that it may be. The issuer that the metadata names must be the one that was asked, byte for byte (RFC 8414
 * section 3.3), but for one trailing slash. Throws a Failure. The caller keeps the result for as long as it likes.
 */
export async function discover(issuer: string, options: CallOptions): Promise<DiscoveredEndpoints> {
  const first = await attempt(issuer, "oidc", options);
  if ("metadata" in first) return endpointsFrom(issuer, first.metadata);
  const second = await attempt(issuer, "oauth2", options);
  if ("metadata" in second) return endpointsFrom(issuer, second.metadata);
  throw second.error.details.code === "PROVIDER_UNREACHABLE" ? second.error : first.error;
}

type Attempt = { metadata: oidc.ServerMetadata } | { error: ReturnType<typeof failure> };

async function attempt(issuer: string, algorithm: "oidc" | "oauth2", options: CallOptions): Promise<Attempt> {
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
    const execute = issuer.startsWith("http:") ? [oidc.allowInsecureRequests] : [];
    const config = await oidc.discovery(new URL(issuer), "discovery", {}, oidc.None(), {
      algorithm,
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

function endpointsFrom(issuer: string, metadata: oidc.ServerMetadata): DiscoveredEndpoints {
  if (metadata.issuer.replace(/\/$/, "") !== issuer.replace(/\/$/, "")) throw mismatchOrMalformed(200);
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
