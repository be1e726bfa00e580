import type { DiscoveredValue, FieldDefinition, ScopeDefinition } from "./field-types.ts";

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
