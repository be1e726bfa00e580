import type { ApiDefinition, ConnectionValues, SchemeDefinition } from "../catalogue/types.ts";
import type { Secret } from "../lib/secret.ts";
import type { AppliedToken, Fetch } from "./oauth2/types.ts";

/** `enum TestCode` of the public schema. */
export type TestCode =
  | "OK"
  | "INVALID_CREDENTIALS"
  | "PERMISSION_DENIED"
  | "TOKEN_EXPIRED"
  | "CONNECTION_REFUSED"
  | "HOST_NOT_FOUND"
  | "TIMEOUT"
  | "TLS_ERROR"
  | "BLOCKED_ADDRESS"
  | "RESOURCE_NOT_FOUND"
  | "RATE_LIMITED"
  | "PROVIDER_ERROR"
  | "DRIVER_MISSING"
  | "NOT_TESTABLE";

/** The public `TestResult` without its time. */
export interface TestOutcome {
  ok: boolean;
  code: TestCode;
  message: string;
  remedy: string | null;
  latencyMs: number;
}

/** What a credential adds to an API call. */
export type AppliedCredential = AppliedToken;

export interface VerifyInput {
  api: ApiDefinition | undefined;
  /** For the rules about hosts in the API's URL. */
  scheme: SchemeDefinition;
  applied: AppliedCredential;
  values: ConnectionValues;
  clientId: string;
  fetch: Fetch;
  /** Total limit in milliseconds; default 15,000. */
  timeoutMs?: number;
}

/** What every scheme can do with a credential that it has; how one comes to be differs too much to be one interface. */
export interface SchemeHandler {
  /** How a client reads the type. */
  name: string;
  /** True where connecting needs the user's browser to visit the provider. */
  redirects: boolean;
  apply(input: {
    scheme: SchemeDefinition;
    api: ApiDefinition | undefined;
    accessToken: Secret;
    values: ConnectionValues;
    clientId: string;
  }): AppliedCredential;
}
