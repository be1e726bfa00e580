/**
 * The shape of a connector's data. `connector.schema.json` says the same to editors and to the tests; every key below is
 * read by code (a test proves it). Templates are `{connection.x}`, `{connection.x|default}`, `{client.id}`, `{token}`,
 * `{refreshToken}`: see templates.ts.
 */
import type { AccountMapping, TokenAuthMethod } from "./field-types.ts";
import type { OAuth2SchemeDefinition, SchemeDefinition } from "./scheme-types.ts";
import type { WebhookDefinition } from "./webhook-types.ts";

export type * from "./field-types.ts";
export type * from "./scheme-types.ts";
export type * from "./webhook-types.ts";

/** `enum ConnectorKind` of the public schema. */
export type ConnectorKind = "OAUTH2_PROVIDER" | "API" | "NATIVE" | "CUSTOM";

/** The harmless call that proves a credential works. */
export interface VerificationDefinition {
  method: string;
  /** Below `baseUrl`; that one is a template too, and the API's own where it is left out. */
  path: string;
  baseUrl?: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** Default: any 2xx. */
  expectedStatus?: number[];
  /** Statuses that mean the credential is not accepted, where that is not 401 alone. */
  refusedStatus?: number[];
  /** What the call needs, as the provider names it: one of the scheme's scopes, or a permission that an app is given in the provider's console. */
  permission?: string;
  /** For APIs that answer 200 to a refused call: what the answer holds, at a dotted path, when it is well. */
  expectedBody?: { path: string; equals: string | number | boolean };
  /** Where the answer tells whose account it is, for schemes that have no other way to know. */
  account?: Pick<AccountMapping, "id" | "name" | "email" | "avatarUrl">;
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
  /** Other names under which it is found. */
  aliases?: string[];
  /** What people type for it beside its name, in small letters; several connectors may share one. For the search alone. */
  keywords?: string[];
  name: string;
  description: string | null;
  kind: ConnectorKind;
  categories: string[];
  /** How widely known it is, from 1 to 20; left out: 0. Breaks ties in the search. */
  popularity?: number;
  docsUrl: string | null;
  logoUrl?: string;
  setupGuide: string[];
  /** The recommended one first; never empty. */
  schemes: SchemeDefinition[];
  api?: ApiDefinition;
  /** Where the provider sends signed webhooks that an auth config can take. */
  webhooks?: WebhookDefinition;
  /** Of a project's own: what it was made from, as it was typed, so that it can be changed. */
  given?: GivenDefinition;
}

/** The members of `input CreateConnectorInput` that say how it authenticates and where its API is; nulls left out. */
export interface GivenDefinition {
  baseUrl?: string;
  scheme: Record<string, Record<string, unknown>>;
  verification?: Record<string, unknown>;
}

/** Values for `{connection.*}`: the AuthConfig's parameters, the credential's fields and what was discovered, in that order. */
export type ConnectionValues = Readonly<Record<string, unknown>>;

/** What discovery (RFC 8414, OpenID Connect Discovery) tells of a provider, in the scheme's own words. */
export type DiscoveredEndpoints = Pick<
  OAuth2SchemeDefinition,
  | "registrationUrl"
  | "revocationUrl"
  | "userinfoUrl"
  | "jwksUri"
  | "deviceAuthorizationUrl"
  | "pushedAuthorizationUrl"
  | "pushedAuthorizationRequired"
  | "issInAuthorizationResponse"
  | "clientIdMetadataDocument"
  | "idTokenAlgorithms"
> & {
  issuer: string;
  authorizationUrl: string | undefined;
  tokenUrl: string | undefined;
  /** The best one that is offered and implemented; undefined where nothing is said. */
  tokenAuthMethod: TokenAuthMethod | undefined;
  /** Every one that is offered, as the metadata names it (`client_secret_basic`); undefined where nothing is said. */
  tokenAuthMethods?: string[] | undefined;
  /** `code_challenge_methods_supported` (RFC 7636); undefined where nothing is said. */
  pkceMethods?: string[] | undefined;
  /** Known scope names; empty where the metadata lists none. */
  scopesSupported: string[];
};
