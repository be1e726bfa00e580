import type { AppInstallationSchemeDefinition, AwsSigV4SchemeDefinition, TwoStepSchemeDefinition } from "./exchange-types.ts";
import type {
  AccountMapping,
  ApplyDefinition,
  QuirkUse,
  RevocationDefinition,
  TokenAuthMethod,
  TokenBodyFormat,
} from "./field-types.ts";
import type { NativeSchemeDefinition } from "./native-types.ts";
import type {
  ClientCertificateDefinition,
  ClientSecretJwtDefinition,
  FollowUpDefinition,
  LongLivedDefinition,
  RenamedInAuthorization,
  RenamedParameter,
  RequestSignatureDefinition,
} from "./oauth2-types.ts";
import type { ErrorMeaning, SchemeBase } from "./scheme-base.ts";

export type * from "./exchange-types.ts";
export type * from "./native-types.ts";
export type * from "./oauth2-types.ts";
export type { ErrorMeaning, SchemeBase } from "./scheme-base.ts";

/** `enum SchemeType` of the public schema. Which of them are implemented, `SchemeDefinition["type"]` says. */
export type SchemeType =
  | "OAUTH2"
  | "OAUTH2_CLIENT_CREDENTIALS"
  | "OAUTH1"
  | "OAUTH1_TOKENS"
  | "API_KEY"
  | "BEARER_TOKEN"
  | "BASIC"
  | "SIGNED_JWT"
  | "TWO_STEP"
  | "AWS_SIGV4"
  | "APP_INSTALLATION"
  | "NATIVE"
  | "NONE";

export interface OAuth2SchemeDefinition extends SchemeBase {
  type: "OAUTH2";
  /** Given: ID tokens and `iss` are checked against it, byte for byte. */
  issuer?: string;
  authorizationUrl: string;
  tokenUrl: string;
  refreshUrl?: string;
  revocationUrl?: string;
  revocation?: RevocationDefinition;
  /** Where a client registers itself (RFC 7591). */
  registrationUrl?: string;
  /** The provider takes the address of a document about the client as its id (OAuth Client ID Metadata Document): nobody has to register one. */
  clientIdMetadataDocument?: boolean;
  /** Template of what is sent as `redirect_uri` where the provider has a name of its own for ours, which it redirects to all the same. */
  redirectUri?: string;
  /**
   * The answer at the redirect URI has no code but these parameters, whose values are templates (compared without regard to case): the app
   * itself may enter, and asks for tokens of its own (RFC 6749 section 4.4), anew each time. What they say proves nothing about who came back.
   */
  consentAnswer?: Record<string, string>;
  /** What the tokens are for (RFC 8707): sent with every authorization, token and refresh request. */
  resource?: string;
  longLived?: LongLivedDefinition;
  followUp?: FollowUpDefinition;
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
  /** With CLIENT_SECRET_POST. */
  clientSecretJwt?: ClientSecretJwtDefinition;
  tokenBodyFormat?: TokenBodyFormat;
  /** The protocol's name of a parameter to this provider's, in every request. */
  parameterNames?: Partial<Record<RenamedParameter, string>>;
  /** The same in the authorization request alone, and for `state` in its answer. */
  authorizationParameterNames?: Partial<Record<RenamedInAuthorization, string>>;
  authorizationParameters?: Record<string, string>;
  tokenRequestSignature?: RequestSignatureDefinition;
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
  clientCertificate?: ClientCertificateDefinition;
  followUp?: FollowUpDefinition;
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

/** A key on every call: field `apiKey`. It has a `location`, or `apply` says where it goes. */
export interface ApiKeySchemeDefinition extends SchemeBase {
  type: "API_KEY";
  location?: ApiKeyLocation;
  /** Of the header, query parameter or cookie. */
  parameterName?: string;
  /** Before the key, with its space: `Token `. */
  prefix?: string;
  /** Several values, or a form of its own: over all fields, `{connection.apiKey}` among them. `{}`: the API's base URL has the key. */
  apply?: ApplyDefinition;
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
  /** Where the two go otherwise than RFC 7617 says: in its place, over all fields. */
  apply?: ApplyDefinition;
}

/**
 * RFC 5849 with a client and a token that somebody made in the provider's product, so that nobody is sent there: fields `consumerKey`,
 * `consumerSecret`, `tokenId` and `tokenSecret`.
 */
export interface OAuth1TokensSchemeDefinition extends SchemeBase {
  type: "OAUTH1_TOKENS";
  signatureMethod: OAuth1SchemeDefinition["signatureMethod"];
  /** Template of the `realm` in the Authorization header (section 3.5.1), where the provider wants one. */
  realm?: string;
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
  /**
   * ID_AND_HEX: the key is `<id>:<secret in hex>`, and the id is `{connection.keyId}`. Default: PEM, or a secret as it is. Of an RSA or
   * EC key `{connection.keyFingerprint}` is `SHA256:` and the digest of its public half.
   */
  keyFormat?: "ID_AND_HEX";
  /** Of the JWT, in seconds; default 3,600 where exchanged, 600 where sent itself. */
  lifetimeSeconds?: number;
  tokenUrl?: string;
  /** As what the JWT is exchanged: the grant itself (RFC 7523 section 2.1, the default), or the client's authentication (section 2.2). */
  exchangedAs?: "GRANT" | "CLIENT_ASSERTION";
  tokenParameters?: Record<string, string>;
  apply?: ApplyDefinition;
  quirks?: QuirkUse[];
  errorCodes?: Record<string, ErrorMeaning>;
}

/** Nothing to prove: an open API. */
export interface NoneSchemeDefinition extends SchemeBase {
  type: "NONE";
}

/** Discriminated by `type`: later schemes add their own member. */
export type SchemeDefinition =
  | OAuth2SchemeDefinition
  | ClientCredentialsSchemeDefinition
  | OAuth1SchemeDefinition
  | ApiKeySchemeDefinition
  | BearerTokenSchemeDefinition
  | BasicSchemeDefinition
  | OAuth1TokensSchemeDefinition
  | SignedJwtSchemeDefinition
  | TwoStepSchemeDefinition
  | AwsSigV4SchemeDefinition
  | AppInstallationSchemeDefinition
  | NativeSchemeDefinition
  | NoneSchemeDefinition;
