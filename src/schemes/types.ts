import type { ApiDefinition, ConnectionValues, SchemeDefinition } from "../catalogue/types.ts";
import type { TestResult } from "../lib/errors.ts";
import type { Secret } from "../lib/secret.ts";
import type { AppliedToken, Fetch } from "./oauth2/types.ts";
import type { SignableCall } from "./signable-call.ts";

/** The public `TestResult` without its time. */
export type TestOutcome = Omit<TestResult, "at">;

/** What a credential adds to an API call; header names in lower case. */
export type AppliedCredential = AppliedToken;

/** The call that is about to be made. */
export type OutboundRequest = SignableCall;

export interface ApplyInput {
  scheme: SchemeDefinition;
  api: ApiDefinition | undefined;
  /** Everything known of the connection: the config's parameters and presets, the user's fields, secrets among them, what was discovered. */
  values: ConnectionValues;
  /** Of the OAuth client; null: the scheme has none. */
  clientId: string | null;
  clientSecret: Secret | null;
  /** Schemes that hold tokens: the present one. */
  accessToken: Secret | null;
  /** OAuth 1.0a: the token's own secret. */
  tokenSecret: Secret | null;
  /** Absent: what can be said without knowing the call, as in a reveal. */
  request?: OutboundRequest;
}

export interface VerifyInput {
  api: ApiDefinition | undefined;
  /** For the rules about hosts in the API's URL. */
  scheme: SchemeDefinition;
  /** What the credential adds to the call. */
  apply(request: OutboundRequest): AppliedCredential;
  values: ConnectionValues;
  clientId: string | null;
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
  /** True where the credential is a grant with tokens (a Grant row and sealed tokens); false: what the user typed is all there is. */
  holdsTokens: boolean;
  /** Throws Failure where a template is not filled. */
  apply(input: ApplyInput): AppliedCredential;
}

export type { TestCode } from "../lib/errors.ts";
