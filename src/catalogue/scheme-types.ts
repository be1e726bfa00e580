import type {
  AccountMapping,
  ApplyDefinition,
  DiscoveredValue,
  FieldDefinition,
  QuirkUse,
  RevocationDefinition,
  ScopeDefinition,
  TokenAuthMethod,
  TokenBodyFormat,
} from "./field-types.ts";

/** `enum SchemeType` of the public schema. Which of them are implemented, `SchemeDefinition["type"]` says. */
export type SchemeType =
  | "OAUTH2"
  | "OAUTH2_CLIENT_CREDENTIALS"
  | "OAUTH1"
  | "API_KEY"
  | "BEARER_TOKEN"
  | "BASIC"
  | "SIGNED_JWT"
  | "TWO_STEP"
  | "AWS_SIGV4"
  | "APP_INSTALLATION"
  | "NATIVE"
  | "NONE";

/** What every way to authenticate has. */
export interface SchemeBase {
  /** Unique within the connector. */
  key: string;
  name: string;
  description?: string;
  /** Further fields; one that has the name of a field of the scheme itself takes its place. */
  fields?: FieldDefinition[];
  /** Known scopes; schemes without any have none. */
  scopes?: ScopeDefinition[];
  /** Default: a space. */
  scopeSeparator?: string;
  discovered?: DiscoveredValue[];
}

export interface OAuth2SchemeDefinition extends SchemeBase {
  type: "OAUTH2";
  /** Given: ID tokens and `iss` are checked against it, byte for byte. */
  issuer?: string;
  authorizationUrl: string;
  tokenUrl: string;
  refreshUrl?: string;
  revocationUrl?: string;
  revocation?: RevocationDefinition;
  userinfoUrl?: string;
  jwksUri?: string;
  deviceAuthorizationUrl?: string;
  pushedAuthorizationUrl?: string;
  pushedAuthorizationRequired?: boolean;
  /** RFC 9207: the provider promises `iss` in every authorization answer. */
  issInAuthorizationResponse?: boolean;
  idTokenAlgorithms?: string[];
  /** Default true; false only where the provider breaks on it. */
  pkce?: boolean;
  tokenAuthMethod: TokenAuthMethod;
  tokenBodyFormat?: TokenBodyFormat;
  authorizationParameters?: Record<string, string>;
  tokenParameters?: Record<string, string>;
  refreshParameters?: Record<string, string>;
  tokenHeaders?: Record<string, string>;
  account?: AccountMapping;
  apply?: ApplyDefinition;
  quirks?: QuirkUse[];
  /** What this provider's own error codes mean. */
  errorCodes?: Record<string, ErrorMeaning>;
}

/** RFC 6749 section 4.4 with a client of each user's own: fields `clientId` and `clientSecret`. */
export interface ClientCredentialsSchemeDefinition extends SchemeBase {
  type: "OAUTH2_CLIENT_CREDENTIALS";
  tokenUrl: string;
  tokenAuthMethod: TokenAuthMethod;
  tokenBodyFormat?: TokenBodyFormat;
  tokenParameters?: Record<string, string>;
  tokenHeaders?: Record<string, string>;
  revocationUrl?: string;
  apply?: ApplyDefinition;
  quirks?: QuirkUse[];
  errorCodes?: Record<string, ErrorMeaning>;
}

/** RFC 5849. The client is the AuthConfig's; the tokens do not run out. */
export interface OAuth1SchemeDefinition extends SchemeBase {
  type: "OAUTH1";
  requestTokenUrl: string;
  authorizationUrl: string;
  accessTokenUrl: string;
  signatureMethod: "HMAC-SHA1" | "HMAC-SHA256" | "PLAINTEXT";
  authorizationParameters?: Record<string, string>;
  /** `{connection.scope}` are the scopes, of which RFC 5849 knows nothing. */
  requestTokenParameters?: Record<string, string>;
  /** Where to read whose account it is: `tokenAnswer`, or `userinfo` at `userinfoUrl` by a signed GET. */
  account?: AccountMapping;
  userinfoUrl?: string;
}

export type ApiKeyLocation = "HEADER" | "QUERY" | "COOKIE";

/** A key on every call: field `apiKey`. */
export interface ApiKeySchemeDefinition extends SchemeBase {
  type: "API_KEY";
  location: ApiKeyLocation;
  /** Of the header, query parameter or cookie. */
  parameterName: string;
  /** Before the key, with its space: `Token `. */
  prefix?: string;
}

/** RFC 6750 with a token that somebody typed: field `token`. */
export interface BearerTokenSchemeDefinition extends SchemeBase {
  type: "BEARER_TOKEN";
  /** Default `authorization`. */
  headerName?: string;
  /** Default `Bearer `, with its space. */
  prefix?: string;
}

/** RFC 7617: fields `username` and `password`. */
export interface BasicSchemeDefinition extends SchemeBase {
  type: "BASIC";
}

/**
 * A key pair that signs: field `privateKey` (PEM, or a service account's JSON key). With `tokenUrl` the JWT is exchanged for an
 * access token (RFC 7523 section 2.1); without, it is itself the bearer.
 */
export interface SignedJwtSchemeDefinition extends SchemeBase {
  type: "SIGNED_JWT";
  algorithm: "RS256" | "ES256" | "PS256" | "EdDSA" | "HS256";
  /**
   * Claims as templates; `iat`, `exp` and `jti` are added, and an empty one is left out. Beside the connection's values there is what a
   * JSON key file tells (`client_email` as `{connection.clientEmail}`), and `{connection.scope}`.
   */
  claims: Record<string, string>;
  /** JWS header parameters as templates (`kid`); an empty one is left out. */
  header?: Record<string, string>;
  /** Of the JWT, in seconds; default 3,600 where exchanged, 600 where sent itself. */
  lifetimeSeconds?: number;
  tokenUrl?: string;
  tokenParameters?: Record<string, string>;
  apply?: ApplyDefinition;
  quirks?: QuirkUse[];
  errorCodes?: Record<string, ErrorMeaning>;
}

/** Nothing to prove: an open API. */
export interface NoneSchemeDefinition extends SchemeBase {
  type: "NONE";
}

/** A FailureCode, or DENIED: the user said no. */
export type ErrorMeaning =
  | "DENIED"
  | "INVALID_CLIENT"
  | "REDIRECT_URI_MISMATCH"
  | "INVALID_SCOPE"
  | "SCOPE_NOT_APPROVED"
  | "ADMIN_CONSENT_REQUIRED"
  | "APP_SUSPENDED"
  | "INVALID_GRANT"
  | "RATE_LIMITED"
  | "PROVIDER_ERROR";

/** Discriminated by `type`: later schemes add their own member. */
export type SchemeDefinition =
  | OAuth2SchemeDefinition
  | ClientCredentialsSchemeDefinition
  | OAuth1SchemeDefinition
  | ApiKeySchemeDefinition
  | BearerTokenSchemeDefinition
  | BasicSchemeDefinition
  | SignedJwtSchemeDefinition
  | NoneSchemeDefinition;
