/** What only OAuth 2 schemes are made of. */

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

/** What of the protocol's own parameters this provider has another name for. */
export type RenamedParameter = "client_id" | "client_secret" | "redirect_uri" | "code";
