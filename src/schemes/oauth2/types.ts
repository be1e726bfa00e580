import type {
  ClientCertificateDefinition,
  ConnectionValues,
  OAuth2SchemeDefinition,
  SchemeDefinition,
} from "../../catalogue/types.ts";
import type { Secret } from "../../lib/secret.ts";

/** The one door out, `Egress.fetch`: manual redirects, a total time limit, a byte limit. Rejects with an EgressError. */
export type Fetch = (
  url: string | URL,
  init: RequestInit & { timeoutMs?: number; maxBytes?: number; redirect?: "manual" | "error"; tls?: ClientTls },
) => Promise<Response>;

/** What a client presents on a connection, as PEM (RFC 8705). */
export interface ClientTls {
  cert: string;
  key: string;
}

/** What the token endpoint's machinery reads of a scheme: an OAUTH2 one has all of it, one that only ever asks for tokens a part. */
export type TokenScheme = Omit<OAuth2SchemeDefinition, "type" | "authorizationUrl"> & {
  type?: SchemeDefinition["type"];
  authorizationUrl?: string;
  clientCertificate?: ClientCertificateDefinition;
};

/** One client at one token endpoint: everything a token request needs, nothing of the database. */
export interface TokenClient {
  /** The connector's scheme, templates unexpanded. */
  scheme: TokenScheme;
  /** For the scheme's templates; discovered values among them. */
  values: ConnectionValues;
  clientId: string;
  /** For PRIVATE_KEY_JWT the private key (PKCS 8 PEM or JWK as JSON). Null: a public client. */
  clientSecret: Secret | null;
  /** Where it has one: some providers want it in a refresh as well. */
  redirectUri?: string;
}

/** The same where the user's browser is sent to the provider. */
export interface OAuth2Client extends TokenClient {
  scheme: OAuth2SchemeDefinition;
  redirectUri: string;
}

export interface CallOptions {
  fetch: Fetch;
  /** Total limit of each request in milliseconds; default 20,000. */
  timeoutMs?: number;
  /** For what follows the token answer, where that itself does not come from the provider now but was kept; default `fetch`. */
  fetchAfter?: Fetch;
}

/** Awaited with the token endpoint's body as it came, before anything parses it (design 5.12). A throw stops the flow. */
export type OnRawAnswer = (body: Secret, status: number) => Promise<void>;

export interface BeginInput extends CallOptions {
  client: OAuth2Client;
  scopes: readonly string[];
  state: string;
  /** Sent only with the `openid` scope. */
  nonce: string;
  codeVerifier: string;
  /** The caller's own additions; they never override what the protocol sets. */
  parameters?: Readonly<Record<string, string>>;
  loginHint?: string | null;
}

export interface BeginResult {
  url: string;
}

/** What came to the redirect URI, each name to its values in order (a repeated parameter is refused, RFC 6749 section 3.1). */
export type CallbackParameters = URLSearchParams;

export type CallbackCheck =
  | { outcome: "CODE" }
  /** The user said no. */
  | { outcome: "DENIED"; providerMessage: string | null };

export interface CompleteInput extends CallOptions {
  client: OAuth2Client;
  parameters: CallbackParameters;
  /** As sent in `begin`. */
  scopes: readonly string[];
  state: string;
  nonce: string;
  codeVerifier: string;
  onRawAnswer: OnRawAnswer;
}

export interface TokenSet {
  accessToken: Secret;
  /** OAuth 1.0a (RFC 5849): what a call is signed with beside the client's secret. Absent: the scheme has none. */
  tokenSecret?: Secret;
  tokenType: string;
  refreshToken: Secret | null;
  /** Seconds from now; null: the provider did not say. */
  expiresInSeconds: number | null;
  /** Validated claims; null where there is no ID token, or no issuer to check it against. */
  idTokenClaims: Readonly<Record<string, unknown>> | null;
  /** Absent in the answer means as requested (RFC 6749 section 5.1). */
  grantedScopes: string[];
  /** Values that the provider told on the way: to be kept with the credential and merged into `client.values`. */
  discovered: Record<string, string>;
  /** The token answer as normalised JSON, for `identify`: some providers name the account only there. */
  answer: Secret;
  /** The user-info answer, where it was asked for already. */
  userinfo?: Secret;
}

export interface ProviderIdentity {
  id: string;
  name: string | null;
  email: string | null;
  avatarUrl: string | null;
}

export interface IdentifyInput extends CallOptions {
  client: OAuth2Client;
  tokens: TokenSet;
}

export interface RefreshInput extends CallOptions {
  client: TokenClient;
  refreshToken: Secret;
  /** As granted so far: what an answer without `scope` means. They are not sent (RFC 6749 section 6: omitted means the same). */
  scopes: readonly string[];
  onRawAnswer: OnRawAnswer;
}

export interface RevokeInput extends CallOptions {
  client: TokenClient;
  accessToken: Secret | null;
  refreshToken: Secret | null;
  /** Obtains a live access token, for providers that end a grant by nothing else. Throws Failure. */
  renew?: () => Promise<Secret>;
}

export interface TokenRevocation {
  kind: "refresh_token" | "access_token";
  outcome: "REVOKED" | "UNSUPPORTED" | "FAILED";
  /** For a person; null where there is nothing to say. */
  message: string | null;
  /** True where the same call may succeed later. */
  retryable: boolean;
  /** After so many seconds, where the provider says. */
  retryAfterSeconds?: number | null;
}

/** Header names in lower case. */
export interface AppliedToken {
  headers: Record<string, string>;
  query: Record<string, string>;
  /** Members of the call's JSON object; absent: none. */
  body?: Record<string, unknown>;
  /** XML that the call's body, itself a piece of XML, is put between. */
  envelope?: readonly [before: string, after: string];
}
