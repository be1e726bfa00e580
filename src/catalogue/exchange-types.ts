/** Schemes that make something else of what they are given, before a call or for each one: a token of a login, a signature, an app's token. */
import type { AccountMapping, ApplyDefinition, DiscoveredValue, Paths, TokenBodyFormat } from "./field-types.ts";
import type { ErrorMeaning, SchemeBase } from "./scheme-base.ts";

/** What the requests after one need of its answer, as `{connection.<name>}`; where it stands in a host, before a literal suffix as any other. */
export type KeptValue = Pick<DiscoveredValue, "name" | "path" | "pattern" | "options" | "hostLabels">;

/** One request of a login: what was typed is its `{connection.*}`. */
export interface LoginRequest {
  url: string;
  /** Default POST. */
  method?: "GET" | "POST";
  headers?: Record<string, string>;
  /** Default JSON. XML: the answer is XML as well, and paths lead through its elements. */
  bodyFormat?: TokenBodyFormat | "XML";
  /** Its strings are templates; in XML a member with an @ is an attribute. Left out: no body. */
  body?: Record<string, unknown>;
  keep?: KeptValue[];
}

/** What proves a login in place of a password, signed with a private key: `{assertion}` in its requests. All texts are templates. */
export type AssertionDefinition = JwtAssertionDefinition | Saml2AssertionDefinition;

/** RFC 7523. */
export interface JwtAssertionDefinition {
  type: "JWT";
  /** The private key, PEM. */
  privateKey: string;
  algorithm: "RS256";
  claims: Record<string, string>;
  header?: Record<string, string>;
  /** From its signing, in seconds. */
  lifetimeSeconds: number;
}

/** RFC 7522: a SAML 2.0 assertion for a bearer, as XML; a request that wants it in base64 says so. */
export interface Saml2AssertionDefinition {
  type: "SAML2";
  privateKey: string;
  issuer: string;
  audience: string;
  recipient: string;
  /** Who is asserted. */
  nameId: string;
  attributes?: Record<string, string>;
  lifetimeSeconds: number;
}

/** Temporary AWS keys in place of a token: where they stand in the answer, and what calls to the API are signed for (templates). */
export interface TemporaryKeysDefinition {
  /** What the login itself is signed with: templates. */
  signedWith: { accessKeyId: string; secretAccessKey: string };
  accessKeyId: Paths;
  secretAccessKey: Paths;
  sessionToken: Paths;
  service: string;
  region: string;
}

/** What was typed is exchanged for a token at an endpoint of the provider's own making. Whoever needs a newer one logs in again. */
export interface TwoStepSchemeDefinition extends SchemeBase {
  type: "TWO_STEP";
  /** In order; the answer to the last one brings the token. */
  login: LoginRequest[];
  /** Renews with `{refreshToken}`, where the login brings one; where it is refused, the login is made again. */
  refresh?: LoginRequest;
  /** Where the token stands in the answer; `$`: the whole answer is it. */
  token?: Paths;
  /** In place of that, the name of a header of the answer; `set-cookie`: all cookies, as a `cookie` header has them. */
  tokenHeader?: string;
  /** In place of both: keys that sign each call (AWS Signature Version 4). The requests of the login are signed as well. */
  temporaryKeys?: TemporaryKeysDefinition;
  assertion?: AssertionDefinition;
  refreshToken?: Paths;
  /** Seconds that the token lives. */
  expiresIn?: Paths;
  /** When it ends: ISO 8601, or a Unix time in seconds or milliseconds. */
  expiresAt?: Paths;
  /** Where the answer does not say, in seconds. */
  lifetimeSeconds?: number;
  /** A 2xx answer with a text there is a refusal. */
  refusal?: Paths;
  /** Whose account it is: `connection` or `tokenAnswer`. */
  account?: AccountMapping;
  apply?: ApplyDefinition;
}

/** AWS Signature Version 4: fields `accessKeyId`, `secretAccessKey` and `sessionToken`. Every call is signed by itself. */
export interface AwsSigV4SchemeDefinition extends SchemeBase {
  type: "AWS_SIGV4";
  /** Templates: what calls to the API are signed for. Left out, and for other calls: as their host says, `<service>.<region>.amazonaws.com`. */
  service?: string;
  region?: string;
}

/**
 * An app that is installed at the provider. The client's id is the app's, its secret the app's private key (PEM), which signs a JWT
 * (RFC 7519); that is exchanged for tokens of one installation. Field `userSecret`: what proves who came back, see schemes/app-installation.
 */
export interface AppInstallationSchemeDefinition extends SchemeBase {
  type: "APP_INSTALLATION";
  /** The page where the app is installed. Its callback brings what `discovered` names, and a `code` of the person who installed it. */
  authorizationUrl: string;
  /** Where that code is exchanged (RFC 6749 section 4.1.3). */
  userTokenUrl: string;
  /** A GET with the person's token that is answered with 2xx only where the installation is theirs to use. */
  userCheckUrl: string;
  /** Gives the installation's token to the app's JWT, by a POST. */
  tokenUrl: string;
  token: Paths;
  expiresAt: Paths;
  algorithm: "RS256";
  /** Of the JWT, in seconds. */
  lifetimeSeconds: number;
  /** Whose installation it is: `userinfo` is asked at `userinfoUrl` with the app's JWT. */
  userinfoUrl?: string;
  account?: AccountMapping;
  /** What the provider's own error codes mean, where the person's code is exchanged. */
  errorCodes?: Record<string, ErrorMeaning>;
}
