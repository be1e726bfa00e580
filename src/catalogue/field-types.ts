/** The parts that every scheme of a connector is made of. */

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
/** QUERY: the parameters stand in the URL, and there is no body. */
export type TokenBodyFormat = "FORM" | "JSON" | "QUERY";

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
  /** Only for a user-info call that is not a GET with the token applied. Headers are templates (`OAuth {token}`). */
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
  /** True where one call ends every grant that the same account has given the same client, those of other credentials too. */
  endsAccount?: boolean;
}

/** A value that the provider tells on the way: kept with the credential, used in templates as `{connection.<name>}`. */
export interface DiscoveredValue {
  name: string;
  from: "callback" | "tokenAnswer" | "followUp" | "userinfo";
  /** Name of the callback parameter, or a dotted path into the answer. */
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

/** How an access token goes onto an API call. Default: `authorization: Bearer {token}`. What comes out empty is left out. */
export interface ApplyDefinition {
  headers?: Record<string, string>;
  query?: Record<string, string>;
  /** Members of the call's JSON object, for static secrets alone. */
  body?: Record<string, unknown>;
  /** The XML document that a call's body, itself a piece of XML, is put into: for tokens alone, and `{token}` is in it. */
  envelope?: EnvelopeDefinition;
}

/** An element for each member; the body stands inside the innermost one that `around` names by its dotted path. */
export interface EnvelopeDefinition {
  document: Record<string, unknown>;
  around: string;
}
