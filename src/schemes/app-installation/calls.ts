import { textAt } from "../../catalogue/paths.ts";
import type { AppInstallationSchemeDefinition, ConnectionValues } from "../../catalogue/types.ts";
import { Failure } from "../../lib/failure.ts";
import { Secret } from "../../lib/secret.ts";
import { DEFAULT_TIMEOUT_MS } from "../oauth2/exchange.ts";
import { failure, networkFailure, type OAuthFailure, providerFailure, retryAfterSeconds } from "../oauth2/failures.ts";
import { secondsUntil } from "../oauth2/quirks.ts";
import type { CallOptions, OnRawAnswer } from "../oauth2/types.ts";
import { withoutSecrets } from "../oauth2/without-secrets.ts";
import { sign } from "../signed-jwt/sign.ts";

const MAX_BYTES = 1_048_576;
/** Whose clock is a little ahead of the provider's would sign in its future otherwise. */
const LEEWAY_SECONDS = 60;

/** One app at one provider for one connection. */
export interface AppClient {
  scheme: AppInstallationSchemeDefinition;
  values: ConnectionValues;
  /** The app's own. */
  clientId: string;
  /** Its private key (PEM). */
  clientSecret: Secret | null;
}

/** Who the app is, for a few minutes. Throws a Failure. */
export async function signAsApp({ scheme, clientId, clientSecret }: AppClient): Promise<Secret> {
  const { algorithm, lifetimeSeconds } = scheme;
  const claims = { iss: "{connection.issuer}" };
  const own = { type: "SIGNED_JWT", key: "", name: "", algorithm, claims, lifetimeSeconds } as const;
  try {
    const { jwt } = await sign(own, { issuer: clientId, privateKey: clientSecret?.reveal() }, LEEWAY_SECONDS);
    return jwt;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw failure("INVALID_CLIENT", {
      message: "The app's private key cannot be read.",
      remedy: "Enter the key as the provider gave it, PEM without a passphrase, as the client secret of the auth config.",
    });
  }
}

export function bearer(token: Secret): Record<string, string> {
  return { authorization: `Bearer ${token.reveal()}` };
}

/** Throws a Failure where it could not be asked. */
export async function get(options: CallOptions, url: string, token: Secret): Promise<{ response: Response; text: string }> {
  return call(options, "GET", url, token);
}

async function call({ fetch, timeoutMs = DEFAULT_TIMEOUT_MS }: CallOptions, method: string, url: string, token: Secret) {
  const headers = { accept: "application/json", "user-agent": "Moorline", ...bearer(token) };
  try {
    const response = await fetch(url, { method, headers, redirect: "manual", timeoutMs, maxBytes: MAX_BYTES });
    return { response, text: await response.text() };
  } catch (error) {
    throw networkFailure(error);
  }
}

/** Throws a Failure, or what `onRawAnswer` threw. */
export async function installationToken(
  options: CallOptions,
  client: AppClient,
  url: string,
  onRawAnswer?: OnRawAnswer,
): Promise<{ token: Secret; expiresInSeconds: number | null }> {
  const { scheme } = client;
  const jwt = await signAsApp(client);
  const { response, text } = await call(options, "POST", url, jwt);
  if (!response.ok) throw refused(response, text, jwt);
  await onRawAnswer?.(new Secret(text), response.status);
  const answer = parsed(text);
  const token = textAt(answer, scheme.token);
  if (token === null) throw failure("MALFORMED_RESPONSE", { providerStatus: response.status });
  return { token: new Secret(token), expiresInSeconds: secondsUntil(textAt(answer, scheme.expiresAt)) };
}

/** 401 is about the app's own signature; 403 and 404 about the installation, which is suspended, gone, or another app's. */
function refused({ status, headers }: Response, text: string, jwt: Secret): OAuthFailure {
  const description = withoutSecrets(textAt(parsed(text), ["message", "error_description", "error"]), [jwt.reveal()]);
  const wait = retryAfterSeconds(headers);
  const said = { code: null, description, status, retryAfterSeconds: wait };
  if (status === 401) return providerFailure("INVALID_CLIENT", said);
  if (status === 404 || (status === 403 && wait === null && headers.get("x-ratelimit-remaining") !== "0")) {
    const remedy = "Have the app installed again, or its suspension lifted, at the provider; then connect again.";
    const known = providerFailure("INVALID_GRANT", said);
    return failure("INVALID_GRANT", {
      ...known.details,
      message: "The provider no longer knows this installation of the app, or has suspended it.",
      remedy,
    });
  }
  return providerFailure(status === 403 ? "RATE_LIMITED" : null, said);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
