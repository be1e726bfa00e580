/** Dynamic client registration (RFC 7591), and taking it back (RFC 7592). */
import type { Failure } from "../../lib/failure.ts";
import { Secret } from "../../lib/secret.ts";
import { endpoint } from "./client.ts";
import { DEFAULT_TIMEOUT_MS } from "./exchange.ts";
import { failure, inert, networkFailure, providerFailure, retryAfterSeconds } from "./failures.ts";
import type { CallOptions, OAuth2Client } from "./types.ts";

const MAX_BYTES = 262_144;

export interface RegisterInput extends CallOptions {
  /** Without an id yet. */
  client: Omit<OAuth2Client, "clientId" | "clientSecret">;
  /** What the provider shows to whoever is asked for consent. */
  clientName: string;
  grantTypes: readonly string[];
  scopes: readonly string[];
}

export interface RegisteredClient {
  clientId: string;
  clientSecret: Secret | null;
  /** Null: it does not run out. */
  clientSecretExpiresAt: Date | null;
  /** Where and with what the registration can be taken back; null: the provider offers no way. */
  management: { url: string; token: Secret } | null;
}

/** Throws a Failure that tells what to do instead. What is refused here after all is taken back first. */
export async function registerClient(input: RegisterInput): Promise<RegisteredClient> {
  const url = endpoint({ ...input.client, clientId: "" }, input.client.scheme.registrationUrl ?? "");
  const { status, body, headers } = await post(input, url, metadataOf(input));
  if (status !== 201 && status !== 200) throw refused(input, status, body, headers);
  const client = registered(body, url);
  if (!client) throw malformed("The provider's answer to the registration names no client.");
  const problem = problemWith(input, client, body);
  if (!problem) return client;
  await deregisterClient(client, input);
  throw problem;
}

/** What the provider said to the removal of a client. */
export interface Deregistration {
  removed: boolean;
  /** Whether it may say otherwise later. */
  retryable: boolean;
  retryAfterSeconds: number | null;
  /** Its HTTP status; null: there was no answer. */
  status: number | null;
}

/** RFC 7592 section 2.3. Never throws. */
export async function deregisterClient(
  { management }: Pick<RegisteredClient, "management">,
  options: CallOptions,
): Promise<Deregistration> {
  if (!management) return { removed: false, retryable: false, retryAfterSeconds: null, status: null };
  const headers = { authorization: `Bearer ${management.token.reveal()}`, "user-agent": "Moorline" };
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  try {
    const init = { method: "DELETE", headers, redirect: "manual", timeoutMs, maxBytes: MAX_BYTES } as const;
    const response = await options.fetch(management.url, init);
    await response.text();
    const { ok, status } = response;
    // So some say that it is not there any more. By the book that is 401, as for a token that is no good, which proves nothing.
    const removed = ok || status === 404 || status === 410;
    const retryable = !removed && (status === 429 || status >= 500);
    return { removed, retryable, retryAfterSeconds: retryAfterSeconds(response.headers), status };
  } catch {
    return { removed: false, retryable: true, retryAfterSeconds: null, status: null };
  }
}

function metadataOf({ client, clientName, grantTypes, scopes }: RegisterInput): Record<string, unknown> {
  return {
    client_name: clientName,
    redirect_uris: [client.redirectUri],
    grant_types: grantTypes,
    response_types: grantTypes.includes("authorization_code") ? ["code"] : [],
    token_endpoint_auth_method: methodOf(client),
    application_type: "web",
    ...(scopes.length > 0 && { scope: scopes.join(" ") }),
  };
}

function methodOf({ scheme }: RegisterInput["client"]): string {
  return scheme.tokenAuthMethod.toLowerCase();
}

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

async function post(input: RegisterInput, url: string, metadata: object): Promise<Answer> {
  const headers = { accept: "application/json", "content-type": "application/json", "user-agent": "Moorline" };
  const timeoutMs = input.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  try {
    const init = { method: "POST", headers, redirect: "manual", timeoutMs, maxBytes: MAX_BYTES } as const;
    const response = await input.fetch(url, { ...init, body: JSON.stringify(metadata) });
    return { status: response.status, headers: response.headers, body: parsed(await response.text()) };
  } catch (error) {
    throw networkFailure(error);
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

const BY_HAND = "Register an app in the provider's developer console, and give its clientId and clientSecret.";

/** RFC 7591 section 3.2.2, and what stands for it in practice. */
function refused({ client }: RegisterInput, status: number, body: Record<string, unknown>, headers: Headers): Failure {
  const code = typeof body.error === "string" ? inert(body.error, 100) : null;
  const said = { providerCode: code, providerStatus: status, retryable: false };
  if (status === 429 || status >= 500) {
    return providerFailure(null, { code, description: null, status, retryAfterSeconds: retryAfterSeconds(headers) });
  }
  if (code === "invalid_redirect_uri") {
    return failure("REDIRECT_URI_MISMATCH", {
      ...said,
      message: `The provider does not register clients with the redirect URI ${client.redirectUri}.`,
      remedy: `It may want https and a public host: check MOORLINE_PUBLIC_URL. Or: ${BY_HAND}`,
    });
  }
  const message =
    status === 401 || status === 403
      ? "The provider does not let unknown apps register themselves."
      : status >= 300 && status < 400
        ? "The provider's registration endpoint redirects, which is not followed."
        : `The provider refused to register a client${code ? ` (${code})` : ""}.`;
  return failure("PROVIDER_ERROR", { ...said, message, remedy: BY_HAND });
}

function registered(body: Record<string, unknown>, registrationUrl: string): RegisteredClient | null {
  const { client_id, client_secret, client_secret_expires_at } = body;
  if (!isText(client_id, 2_000)) return null;
  const expires = typeof client_secret_expires_at === "number" && client_secret_expires_at > 0 ? client_secret_expires_at : 0;
  const clientSecret = isText(client_secret, 16_384) ? new Secret(client_secret) : null;
  return {
    clientId: client_id,
    clientSecret,
    clientSecretExpiresAt: clientSecret && expires > 0 && expires < 1e11 ? new Date(expires * 1000) : null,
    management: managementIn(body, registrationUrl),
  };
}

function isText(value: unknown, max: number): value is string {
  return typeof value === "string" && /^[\x20-\x7e]+$/.test(value) && value.length <= max;
}

/** The registration's own token goes to the host that issued it, and to no other. */
function managementIn(body: Record<string, unknown>, registrationUrl: string): RegisteredClient["management"] {
  const { registration_client_uri: uri, registration_access_token: token } = body;
  if (!isText(uri, 2_000) || !isText(token, 16_384)) return null;
  return URL.parse(uri)?.origin === new URL(registrationUrl).origin ? { url: uri, token: new Secret(token) } : null;
}

/** A provider may change what was asked for (RFC 7591 section 3.2.1): then flows would fail, and nobody would know why. */
function problemWith({ client }: RegisterInput, found: RegisteredClient, body: Record<string, unknown>): Failure | null {
  const uris = body.redirect_uris;
  if (Array.isArray(uris) && !uris.includes(client.redirectUri)) {
    return malformed("The provider registered the client with other redirect URIs than ours.");
  }
  const asked = methodOf(client);
  const given = typeof body.token_endpoint_auth_method === "string" ? body.token_endpoint_auth_method : asked;
  if (given !== asked && !(given === "none" && !found.clientSecret)) {
    return failure("PROVIDER_ERROR", {
      message: `The provider registered the client for ${inert(given, 60)} at the token endpoint, and the connector uses ${asked}.`,
      remedy: "Set the connector's tokenAuthMethod to what the provider wants, and create the auth config again.",
      retryable: false,
    });
  }
  return asked.startsWith("client_secret") && given !== "none" && !found.clientSecret
    ? malformed("The provider registered a client that must have a secret, and sent none.")
    : null;
}

function malformed(message: string): Failure {
  return failure("MALFORMED_RESPONSE", { message, remedy: BY_HAND });
}
