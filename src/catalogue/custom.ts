import { type InputIssue, InvalidInputError } from "../lib/errors.ts";
import { type Fault, type StaticSchemeInput, staticScheme } from "./custom-static.ts";
import { PROTOCOL_PARAMETERS } from "./protocol-parameters.ts";
import type {
  AccountMapping,
  ConnectorDefinition,
  DiscoveredEndpoints,
  OAuth2SchemeDefinition,
  TokenAuthMethod,
  TokenBodyFormat,
  VerificationDefinition,
} from "./types.ts";

/** `input OAuth2SchemeInput` of the public schema; null is as good as absent. */
export interface OAuth2SchemeInput {
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

export interface CustomOptions {
  /** Whether a plain-http URL may be used: the operator allows some loopback addresses, nothing else. */
  allowHttp(url: URL): boolean;
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
  if ((input.description?.length ?? 0) > 2_000)
    check.fault(["description"], "TOO_LONG", "A description has at most 2,000 characters.");
  const baseUrl = check.url(["baseUrl"], input.baseUrl);
  const verification = checkVerification(check, input);
  const { oauth2 } = input.scheme;
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
    tokenAuthMethod: input.tokenAuthMethod ?? found.tokenAuthMethod,
  };
}

function oauth2Scheme(given: OAuth2SchemeInput, found: DiscoveredEndpoints | null, check: Checker): OAuth2SchemeDefinition {
  const input = mergeDiscovery(given, found);
  const at = (key: string) => ["scheme", "oauth2", key];
  const url = (key: keyof OAuth2SchemeInput & string) => check.url(at(key), input[key] as string | null | undefined);
  const pushed = check.url(at("issuer"), found?.pushedAuthorizationUrl);
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
    quirks: [
      { name: "token-type-missing" },
      { name: "scope-as-list" },
      { name: "error-with-200" },
      { name: "token-answer-form-encoded" },
      ...(separator.includes(",") ? [{ name: "scope-commas" }] : []),
    ],
  });
}

function accountMapping(input: OAuth2SchemeInput, userinfoUrl?: string, jwksUri?: string): AccountMapping | undefined {
  const usual = { name: ["name", "login", "username"], email: ["email"], avatarUrl: ["picture", "avatar_url"] };
  if (input.accountIdPath) return { source: userinfoUrl ? "userinfo" : "tokenAnswer", id: [input.accountIdPath], ...usual };
  if (input.issuer && jwksUri) return { source: "idToken", id: ["sub"], ...usual };
  return userinfoUrl ? { source: "userinfo", id: ["sub", "id"], ...usual } : undefined;
}

function scopeList(input: OAuth2SchemeInput, check: Checker): OAuth2SchemeDefinition["scopes"] {
  const names = input.scopes ?? input.scope?.split(/[\s,]+/).filter(Boolean) ?? [];
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

function checkVerification(check: Checker, input: CustomConnectorInput): VerificationDefinition | undefined {
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
  if (!input.baseUrl) check.fault(["baseUrl"], "REQUIRED", "A verification call needs the API's base URL.");
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

type Checker = ReturnType<typeof checker>;

function checker(options: CustomOptions) {
  const issues: InputIssue[] = [];
  const fault: Fault = (path, code, message) => void issues.push({ path, code, message });
  return {
    issues,
    fault,
    /** The URL as it was given, or undefined where it is absent or wrong. A link is only shown, never called. */
    url(path: string[], value: string | null | undefined, use: "endpoint" | "link" = "endpoint"): string | undefined {
      if (value === null || value === undefined || value === "") return undefined;
      const url = URL.parse(value);
      const problem = urlProblem(value, url, use, options);
      if (problem) fault(path, "PATTERN", problem);
      return problem ? undefined : value;
    },
    missing(path: string[], issuer: string | null | undefined): string {
      const known = issues.some((issue) => issue.path.join() === path.join());
      const hint = issuer ? "The issuer's metadata do not name it." : "Give it, or an issuer whose metadata name it.";
      if (!known) fault(path, "REQUIRED", `${path.at(-1)} is required. ${hint}`);
      return "";
    },
    parameters(path: string[], value: unknown): Record<string, string> | undefined {
      if (value === null || value === undefined) return undefined;
      if (typeof value !== "object" || Array.isArray(value)) {
        fault(path, "WRONG_TYPE", "Parameters are an object of names and texts.");
        return undefined;
      }
      const entries = Object.entries(value).filter(([, item]) => item !== null);
      for (const [name, item] of entries) {
        if (PROTOCOL_PARAMETERS.has(name))
          fault([...path, name], "NOT_ALLOWED", `“${name}” is set by the protocol and cannot be given here.`);
        if (!["string", "number", "boolean"].includes(typeof item))
          fault([...path, name], "WRONG_TYPE", `“${name}” must be a text.`);
        // Braces would be read as a template.
        else if (/[{}]/.test(String(item))) fault([...path, name], "PATTERN", `“${name}” may not hold braces.`);
      }
      return Object.fromEntries(entries.map(([name, item]) => [name, String(item)]));
    },
  };
}

function urlProblem(value: string, url: URL | null, use: "endpoint" | "link", options: CustomOptions): string | null {
  if (!url || value.length > 2_000 || /[\s{}\\]/.test(value))
    return "This must be a complete URL, without spaces, braces or backslashes.";
  if (url.username || url.password) return "A URL here has no user name or password in it.";
  if (use === "endpoint" && url.hash) return "A URL here has no fragment (#…).";
  if (url.protocol === "https:") return null;
  if (url.protocol === "http:" && (use === "link" || options.allowHttp(url))) return null;
  return "The URL must begin with https://.";
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
