/** What only OAuth 2 schemes are made of. */
import type { Paths } from "./field-types.ts";

/**
 * The code's token is a short-lived one, which is traded at once, by GET, for one that lives longer. With `renewal` that one is its own
 * refresh token: traded again, by GET and without the client's secret, it comes back renewed. `{token}` is the token that is given.
 */
export interface LongLivedDefinition {
  url: string;
  parameters: Record<string, string>;
  renewal?: { url: string; parameters: Record<string, string> };
}

/** The client's secret is a private key, and each request has a JWT signed with it in place of the secret. */
export interface ClientSecretJwtDefinition {
  algorithm: "ES256" | "RS256";
  /** JWS header parameters and claims as templates; `iat` and `exp` are added. */
  header: Record<string, string>;
  claims: Record<string, string>;
}

/** One call with each new token before it is used: it tells where the API is, or gives the session that calls carry in the token's place. */
export interface FollowUpDefinition {
  url: string;
  /** Default GET. */
  method?: "GET" | "POST";
  /** Of the URL, as templates with `{token}`. Left out: the token goes along as RFC 6750 section 2.1 says. */
  parameters?: Record<string, string>;
  /** Where in the answer the session stands; left out: calls carry the token itself. */
  token?: Paths;
}

/**
 * A token request is a JSON object of `parameters` alone, which is signed: hex HMAC-SHA256, keyed with the client's secret, over the body
 * and the time (milliseconds since 1970) behind it. The secret itself does not go along.
 */
export interface RequestSignatureDefinition {
  /** The protocol's names. */
  parameters: string[];
  /** Names of the headers that hold the time and the signature, in lower case. */
  timeHeader: string;
  signatureHeader: string;
}

/** RFC 8705: templates of the client's certificate and its private key (PEM), presented to the token endpoint and to the API alone. */
export interface ClientCertificateDefinition {
  certificate: string;
  privateKey: string;
}

/** What of the protocol's own parameters this provider has another name for. */
export type RenamedParameter = "client_id" | "client_secret" | "redirect_uri" | "code";

/** The same of the authorization request alone. */
export type RenamedInAuthorization = "client_id" | "redirect_uri" | "response_type" | "state";
