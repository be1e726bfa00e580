import { InvalidInputError } from "../lib/errors.ts";
import { type Checker, checker, type UrlOptions } from "./custom-check.ts";
import { type StaticSchemeInput, staticScheme } from "./custom-static.ts";
import type {
  AccountMapping,
  ConnectorDefinition,
  DiscoveredEndpoints,
  GivenDefinition,
  OAuth2SchemeDefinition,
  TokenAuthMethod,
  TokenBodyFormat,
  VerificationDefinition,
} from "./types.ts";

/** `input OAuth2SchemeInput` of the public schema; null is as good as absent. */
export interface OAuth2SchemeInput {
  /** What the tokens are for (RFC 8707), an MCP server or API; where nothing else is said, its metadata (RFC 9728) name the issuer. */
  resource?: string | null;
  issuer?: string | null;
  authorizationUrl?: string | null;
  tokenUrl?: string | null;
  refreshUrl?: string | null;
  revocationUrl?: string | null;
  userinfoUrl?: string | null;
  accountIdPath?: string | null;
  jwksUri?: string | null;
  deviceAuthorizationUrl?: string | null;
  scope?: string | null;
  scopes?: readonly string[] | null;
  scopeSeparator?: string | null;
  tokenAuthMethod?: TokenAuthMethod | null;
  tokenBodyFormat?: TokenBodyFormat | null;
  pkce?: boolean | null;
  authorizationParameters?: unknown;
  tokenParameters?: unknown;
  refreshParameters?: unknown;
}

/** `input ConnectorSchemeInput @oneOf` of the public schema. */
export interface ConnectorSchemeInput extends StaticSchemeInput {
  oauth2?: OAuth2SchemeInput | null;
}

/** `input CreateConnectorInput`, as far as it describes the connector. */
export interface CustomConnectorInput {
  slug: string;
  name: string;
  description?: string | null;
  logoUrl?: string | null;
  baseUrl?: string | null;
  docsUrl?: string | null;
  scheme: ConnectorSchemeInput;
  verification?: VerificationInput | null;
}

/** `input VerificationInput` of the public schema. */
export interface VerificationInput {
  method: string;
  path: string;
  expectedStatus?: readonly number[] | null;
  accountIdPath?: string | null;
  accountNamePath?: string | null;
}

export interface CustomOptions extends UrlOptions {
  /** What discovery told about `scheme.oauth2.issuer`; explicit values win over it. */
  discovered?: DiscoveredEndpoints | null;
}

const SLUG = /^[a-z][a-z0-9-]{1,40}$/;
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+$/;
const METHODS = ["GET", "HEAD", "POST", "OPTIONS"];
const DOTTED_PATH = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;

/** The issuer to ask before `customConnector`, or null where every endpoint is given. */
export function issuerToDiscover(input: OAuth2SchemeInput): string | null {
  return input.issuer && (!input.authorizationUrl || !input.tokenUrl || !input.jwksUri) ? input.issuer : null;
}

/** The resource whose metadata name the issuer, or null where that is known already. */
export function resourceToDiscover(input: OAuth2SchemeInput): string | null {
  const isKnown = input.issuer || (input.authorizationUrl && input.tokenUrl);
  return input.resource && !isKnown ? input.resource : null;
}

/** A project's own connector out of its input. Pure. Throws InvalidInputError that lists every fault. */
export function customConnector(input: CustomConnectorInput, options: CustomOptions): ConnectorDefinition {
  const check = checker(options);
  if (!SLUG.test(input.slug)) {
    check.fault(
      ["slug"],
      "PATTERN",
      "A slug has 2 to 41 characters: a small letter first, then small letters, digits and hyphens.",
    );
  }
  const name = input.name.trim();
  if (name === "") check.fault(["name"], "REQUIRED", "A name is required.");
  if (name.length > 100) check.fault(["name"], "TOO_LONG", "A name has at most 100 characters.");
  if (/\p{Cc}/u.test(name)) check.fault(["name"], "PATTERN", "A name is one line without control characters.");
  if ((input.description?.length ?? 0) > 2_000)
    check.fault(["description"], "TOO_LONG", "A description has at most 2,000 characters.");
  const { oauth2 } = input.scheme;
  // An MCP server's API is the server itself.
  const baseUrl = check.url(["baseUrl"], input.baseUrl ?? oauth2?.resource);
  const verification = checkVerification(check, input, baseUrl);
  const scheme = oauth2 ? oauth2Scheme(oauth2, options.discovered ?? null, check) : staticScheme(input.scheme, check.fault);
  if (!scheme) check.fault(["scheme"], "REQUIRED", "Exactly one kind of scheme is needed.");
  const docsUrl = check.url(["docsUrl"], input.docsUrl, "link");
  const logoUrl = check.url(["logoUrl"], input.logoUrl, "link");
  if (check.issues.length > 0 || !scheme) throw new InvalidInputError(check.issues);
  return {
    slug: input.slug,
    name,
    description: input.description ?? null,
    kind: "CUSTOM",
    categories: [],
    docsUrl: docsUrl ?? null,
    ...(logoUrl && { logoUrl }),
    setupGuide: [],
    schemes: [scheme],
    ...(baseUrl && { api: { baseUrl, ...(verification && { verification }) } }),
  };
}

/** What of an input is kept beside the definition that came of it. Pure. */
export function givenDefinition({ baseUrl, scheme, verification }: CustomConnectorInput): GivenDefinition {
  const members = Object.entries(scheme).filter(([, member]) => member);
  return {
    ...(baseUrl && { baseUrl }),
    scheme: Object.fromEntries(members.map(([kind, member]) => [kind, withoutNulls(member as object)])),
    ...(verification && { verification: withoutNulls(verification) }),
  };
}

function withoutNulls(value: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null && member !== undefined));
}

/** Fills in what discovery told, wherever the input says nothing itself. Pure. */
export function mergeDiscovery(input: OAuth2SchemeInput, found: DiscoveredEndpoints | null): OAuth2SchemeInput {
  if (!found) return input;
  return {
    ...input,
    issuer: found.issuer,
    authorizationUrl: input.authorizationUrl ?? found.authorizationUrl,
    tokenUrl: input.tokenUrl ?? found.tokenUrl,
    revocationUrl: input.revocationUrl ?? found.revocationUrl,
    userinfoUrl: input.userinfoUrl ?? found.userinfoUrl,
    jwksUri: input.jwksUri ?? found.jwksUri,
    deviceAuthorizationUrl: input.deviceAuthorizationUrl ?? found.deviceAuthorizationUrl,
    tokenAuthMethod: input.tokenAuthMethod ?? methodFor(found),
  };
}

function oauth2Scheme(given: OAuth2SchemeInput, found: DiscoveredEndpoints | null, check: Checker): OAuth2SchemeDefinition {
  const input = mergeDiscovery(given, found);
  const at = (key: string) => ["scheme", "oauth2", key];
  const url = (key: keyof OAuth2SchemeInput & string) => check.url(at(key), input[key] as string | null | undefined);
  const pushed = check.url(at("issuer"), found?.pushedAuthorizationUrl);
  const registrationUrl = check.url(at("issuer"), found?.registrationUrl);
  const resource = url("resource");
  if (resource && !isPkceSure(input, found)) {
    const message =
      "With a resource PKCE is needed (S256, RFC 7636): leave pkce out, and use a server whose metadata promise it.";
    check.fault(at("resource"), "NOT_ALLOWED", message);
  }
  const userinfoUrl = url("userinfoUrl");
  const jwksUri = url("jwksUri");
  const account = accountMapping(input, userinfoUrl, jwksUri);
  // An issuer speaks OpenID Connect, where scopes are separated by spaces whatever they were typed with.
  const separator = input.scopeSeparator ?? (input.scope?.includes(",") && !input.issuer ? "," : " ");
  if (!/^[ ,+;|]{1,2}$/.test(separator))
    check.fault(at("scopeSeparator"), "NOT_ALLOWED", "Scopes are separated by a space or a comma.");
  return withoutUndefined<OAuth2SchemeDefinition>({
    type: "OAUTH2",
    key: "oauth2",
    name: "OAuth 2",
    issuer: url("issuer"),
    authorizationUrl: url("authorizationUrl") ?? check.missing(at("authorizationUrl"), input.issuer),
    tokenUrl: url("tokenUrl") ?? check.missing(at("tokenUrl"), input.issuer),
    refreshUrl: url("refreshUrl"),
    registrationUrl,
    clientIdMetadataDocument: found?.clientIdMetadataDocument,
    resource,
    revocationUrl: url("revocationUrl"),
    userinfoUrl,
    jwksUri,
    deviceAuthorizationUrl: url("deviceAuthorizationUrl"),
    pushedAuthorizationUrl: pushed,
    pushedAuthorizationRequired: found?.pushedAuthorizationRequired,
    issInAuthorizationResponse: found?.issInAuthorizationResponse,
    idTokenAlgorithms: found?.idTokenAlgorithms,
    scopes: scopeList(input, check),
    scopeSeparator: separator,
    pkce: input.pkce ?? undefined,
    tokenAuthMethod: input.tokenAuthMethod ?? "CLIENT_SECRET_BASIC",
    tokenBodyFormat: input.tokenBodyFormat ?? undefined,
    authorizationParameters: check.parameters(at("authorizationParameters"), input.authorizationParameters),
    tokenParameters: check.parameters(at("tokenParameters"), input.tokenParameters),
    refreshParameters: check.parameters(at("refreshParameters"), input.refreshParameters),
    account,
    // Nobody has looked at this provider: be ready for the oddities that cannot be mistaken for anything else.
    quirks: [{ name: "error-with-200" }],
  });
}

/** Whoever registers itself has no key pair to sign with: then it is a public client where that may be. */
function methodFor(found: DiscoveredEndpoints | null): TokenAuthMethod | undefined {
  const isPublic =
    found?.registrationUrl && found.tokenAuthMethod === "PRIVATE_KEY_JWT" && found.tokenAuthMethods?.includes("none");
  return isPublic ? "NONE" : found?.tokenAuthMethod;
}

/** Tokens for a resource are worth stealing elsewhere: only where the server's own metadata promise S256, or nobody has asked it. */
function isPkceSure(input: OAuth2SchemeInput, found: DiscoveredEndpoints | null): boolean {
  return input.pkce !== false && (found === null || found.pkceMethods?.includes("S256") === true);
}

function accountMapping(input: OAuth2SchemeInput, userinfoUrl?: string, jwksUri?: string): AccountMapping | undefined {
  const usual = { name: ["name", "login", "username"], email: ["email"], avatarUrl: ["picture", "avatar_url"] };
  if (input.accountIdPath) return { source: userinfoUrl ? "userinfo" : "tokenAnswer", id: [input.accountIdPath], ...usual };
  if (input.issuer && jwksUri) return { source: "idToken", id: ["sub"], ...usual };
  return userinfoUrl ? { source: "userinfo", id: ["sub", "id"], ...usual } : undefined;
}

function scopeList(input: OAuth2SchemeInput, check: Checker): OAuth2SchemeDefinition["scopes"] {
  const names = [...(input.scopes ?? []), ...(input.scope?.split(/[\s,]+/).filter(Boolean) ?? [])];
  const bad = names.find((name) => !SCOPE.test(name) || name.length > 300);
  if (bad !== undefined) {
    const key = input.scopes ? "scopes" : "scope";
    check.fault(
      ["scheme", "oauth2", key],
      "PATTERN",
      "A scope has printable characters only: no space, quote or backslash (RFC 6749, 3.3).",
    );
  }
  return [...new Set(names)].map((name) => ({ name, default: true }));
}

function checkVerification(
  check: Checker,
  input: CustomConnectorInput,
  baseUrl: string | undefined,
): VerificationDefinition | undefined {
  if (!input.verification) return undefined;
  const { method, path, expectedStatus, accountIdPath, accountNamePath } = input.verification;
  if (!METHODS.includes(method))
    check.fault(["verification", "method"], "NOT_ALLOWED", `The method is one of ${METHODS.join(", ")}.`);
  if (!/^\/(?![/\\])[^\s\\{}]*$/.test(path)) {
    check.fault(["verification", "path"], "PATTERN", "The path begins with one slash and has no spaces, braces or backslashes.");
  }
  if (expectedStatus?.some((status) => !Number.isInteger(status) || status < 100 || status > 599)) {
    check.fault(["verification", "expectedStatus"], "OUT_OF_RANGE", "An HTTP status is between 100 and 599.");
  }
  if (!input.baseUrl && !baseUrl) check.fault(["baseUrl"], "REQUIRED", "A verification call needs the API's base URL.");
  for (const key of ["accountIdPath", "accountNamePath"] as const) {
    const value = input.verification[key];
    if (value && (!DOTTED_PATH.test(value) || value.length > 200))
      check.fault(["verification", key], "PATTERN", "A path into the answer is names with dots between them, such as user.id.");
  }
  if (accountNamePath && !accountIdPath)
    check.fault(["verification", "accountIdPath"], "REQUIRED", "An account is known by its id: give accountIdPath too.");
  return {
    method,
    path,
    ...(expectedStatus && { expectedStatus: [...expectedStatus] }),
    ...(accountIdPath && { account: { id: [accountIdPath], ...(accountNamePath && { name: [accountNamePath] }) } }),
  };
}

/** The same the other way round: what to give so that it stays as it is. */
export function verificationInput({ method, path, expectedStatus, account }: VerificationDefinition): VerificationInput {
  return { method, path, expectedStatus, accountIdPath: account?.id[0], accountNamePath: account?.name?.[0] };
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
