/**
 * The shape of a connector's data. `connector.schema.json` says the same to editors and to the tests; every key below is
 * read by code (a test proves it). Templates are `{connection.x}`, `{connection.x|default}`, `{client.id}`, `{token}`,
 * `{refreshToken}`: see templates.ts.
 */

/** `enum ConnectorKind` of the public schema. */
export type ConnectorKind = "OAUTH2_PROVIDER" | "API" | "NATIVE" | "CUSTOM";

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

export type FieldType = "STRING" | "INTEGER" | "BOOLEAN" | "ENUM" | "URL" | "HOST" | "JSON" | "FILE";

export interface FieldOption {
  value: string;
  label: string;
  description?: string;
}

/** Holds while the other field's value is one of `in`. */
export interface FieldCondition {
  field: string;
  in: unknown[];
}

/** One value that a project or an end user supplies: the public `FieldSpec`, and where it belongs. */
export interface FieldDefinition {
  name: string;
  label: string;
  description?: string;
  helpUrl?: string;
  type: FieldType;
  required?: boolean;
  secret?: boolean;
  default?: string | number | boolean;
  example?: string;
  options?: FieldOption[];
  /** Anchored, case-sensitive; the schema refuses one that does not begin with ^ and end with $. */
  pattern?: string;
  patternMessage?: string;
  minLength?: number;
  maxLength?: number;
  min?: number;
  max?: number;
  multiline?: boolean;
  group?: string;
  visibleWhen?: FieldCondition[];
  /** `authConfig`: supplied once by the project. `credential`: by each end user, unless the project presets it. */
  for: "authConfig" | "credential";
  /** True where the value is needed to build the authorization URL, so before the user is sent away. */
  beforeRedirect?: boolean;
  /** Where the value stands in a host: how many DNS labels it may have (design 5.14); default 1. */
  hostLabels?: number;
}

export interface ScopeDefinition {
  name: string;
  description?: string;
  /** Asked for where the AuthConfig names no scopes. */
  default?: boolean;
  /** The provider reviews apps that ask for it, or it opens far more than one account's everyday data. */
  sensitive?: boolean;
}

export type TokenAuthMethod = "CLIENT_SECRET_BASIC" | "CLIENT_SECRET_POST" | "PRIVATE_KEY_JWT" | "NONE";
export type TokenBodyFormat = "FORM" | "JSON";

/** Dotted paths into a JSON answer; the first that holds a value counts. */
export type Paths = string[];

/** Where to read whose account it is. */
export interface AccountMapping {
  /** `connection`: from the connection's own values, where the provider has no call that tells. */
  source: "idToken" | "userinfo" | "tokenAnswer" | "connection";
  id: Paths;
  name?: Paths;
  email?: Paths;
  avatarUrl?: Paths;
  /** Only for a user-info call that is not a GET with the token applied. */
  request?: { method?: string; headers?: Record<string, string>; body?: unknown };
}

/** A way to revoke that is not RFC 7009 as it stands. */
export interface RevocationDefinition {
  url: string;
  method?: "POST" | "DELETE" | "GET";
  /** BEARER: as an API call, with the token applied; CLIENT: as at the token endpoint; NONE: nothing but the token. Default CLIENT. */
  authentication?: "CLIENT" | "CLIENT_SECRET_BASIC" | "BEARER" | "NONE";
  bodyFormat?: TokenBodyFormat;
  /** Name to template (`{token}`); default `{ token: "{token}" }`. Empty: no body. */
  parameters?: Record<string, string>;
  /** Which tokens the endpoint takes; default both. */
  tokens?: ("access_token" | "refresh_token")[];
  /** True where one call ends the whole grant: the other token shares its outcome. */
  endsGrant?: boolean;
}

/** A value that the provider tells on the way: kept with the credential, used in templates as `{connection.<name>}`. */
export interface DiscoveredValue {
  name: string;
  from: "callback" | "tokenAnswer";
  /** Name of the callback parameter, or a dotted path into the token answer. */
  path: string;
  /** Anchored; what the first group captures (else the whole) is the value. Anything else is ignored, or fails where required. */
  pattern: string;
  required?: boolean;
  /** Where it stands in a host: a closed list, or how many DNS labels it may have before the template's literal suffix. */
  options?: string[];
  hostLabels?: number;
}

/** A named oddity, implemented once in schemes/oauth2/quirks.ts, which lists and describes them all. */
export interface QuirkUse {
  name: string;
  /** Only for quirks that take one: see their description. */
  value?: string;
}

/** How an access token goes onto an API call. Default: `authorization: Bearer {token}`. */
export interface ApplyDefinition {
  headers?: Record<string, string>;
  query?: Record<string, string>;
}

export interface OAuth2SchemeDefinition {
  type: "OAUTH2";
  /** Unique within the connector. */
  key: string;
  name: string;
  description?: string;
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
  scopes: ScopeDefinition[];
  scopeSeparator?: string;
  /** Default true; false only where the provider breaks on it. */
  pkce?: boolean;
  tokenAuthMethod: TokenAuthMethod;
  tokenBodyFormat?: TokenBodyFormat;
  authorizationParameters?: Record<string, string>;
  tokenParameters?: Record<string, string>;
  refreshParameters?: Record<string, string>;
  tokenHeaders?: Record<string, string>;
  fields?: FieldDefinition[];
  discovered?: DiscoveredValue[];
  account?: AccountMapping;
  apply?: ApplyDefinition;
  quirks?: QuirkUse[];
  /** What this provider's own error codes mean. */
  errorCodes?: Record<string, ErrorMeaning>;
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
export type SchemeDefinition = OAuth2SchemeDefinition;

/** The harmless call that proves a credential works. */
export interface VerificationDefinition {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** Default: any 2xx. */
  expectedStatus?: number[];
  /** For APIs that answer 200 to a refused call: what the answer holds, at a dotted path, when it is well. */
  expectedBody?: { path: string; equals: string | number | boolean };
}

export interface ApiDefinition {
  /** Template; the proxy never leaves its origin. */
  baseUrl: string;
  /** Sent with every call, beside what the scheme applies. */
  headers?: Record<string, string>;
  verification?: VerificationDefinition;
}

export interface ConnectorDefinition {
  slug: string;
  name: string;
  description: string | null;
  kind: ConnectorKind;
  categories: string[];
  docsUrl: string | null;
  logoUrl?: string;
  setupGuide: string[];
  /** The recommended one first; never empty. */
  schemes: SchemeDefinition[];
  api?: ApiDefinition;
}

/** Values for `{connection.*}`: the AuthConfig's parameters, the credential's fields and what was discovered, in that order. */
export type ConnectionValues = Readonly<Record<string, unknown>>;

/** What discovery (RFC 8414, OpenID Connect Discovery) tells of a provider, in the scheme's own words. */
export type DiscoveredEndpoints = Pick<
  OAuth2SchemeDefinition,
  | "revocationUrl"
  | "userinfoUrl"
  | "jwksUri"
  | "deviceAuthorizationUrl"
  | "pushedAuthorizationUrl"
  | "pushedAuthorizationRequired"
  | "issInAuthorizationResponse"
  | "idTokenAlgorithms"
> & {
  issuer: string;
  authorizationUrl: string | undefined;
  tokenUrl: string | undefined;
  /** The best one that is offered and implemented; undefined where nothing is said. */
  tokenAuthMethod: TokenAuthMethod | undefined;
  /** Known scope names; empty where the metadata lists none. */
  scopesSupported: string[];
};
