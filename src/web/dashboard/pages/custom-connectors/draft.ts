import type { ConnectorSchemeInput, CreateConnectorInput, OAuth2SchemeInput, UpdateConnectorInput } from "../../../api/gql.ts";
import { linesOf, valuesOf } from "../../shell/name-values.ts";

export type SchemeKind = "oauth2" | "apiKey" | "bearerToken" | "basic" | "none";
export type EndpointsFrom = "ISSUER" | "MCP" | "BY_HAND";

/** What is typed, as text. An empty text is left out of what is sent. */
export interface Texts {
  name: string;
  slug: string;
  description: string;
  docsUrl: string;
  baseUrl: string;
  issuer: string;
  resource: string;
  authorizationUrl: string;
  tokenUrl: string;
  revocationUrl: string;
  userinfoUrl: string;
  deviceAuthorizationUrl: string;
  accountIdPath: string;
  scope: string;
  tokenAuthMethod: string;
  tokenBodyFormat: string;
  /** One `name=value` a line. */
  authorizationParameters: string;
  tokenParameters: string;
  refreshUrl: string;
  refreshParameters: string;
  keyName: string;
  keyLocation: string;
  keyPrefix: string;
  headerName: string;
  tokenPrefix: string;
  verificationMethod: string;
  verificationPath: string;
}

export interface Draft extends Texts {
  kind: SchemeKind;
  endpoints: EndpointsFrom;
  withoutPkce: boolean;
  /** What a saved one was made from: whatever of it has no field here goes along. Null: a new one. */
  given: Given | null;
}

/** `Connector.definition` of the API. */
export interface Given {
  baseUrl?: string;
  scheme: ConnectorSchemeInput;
  verification?: { method: string; path: string };
}

export const EMPTY: Draft = {
  given: null,
  name: "",
  slug: "",
  description: "",
  docsUrl: "",
  baseUrl: "",
  kind: "oauth2",
  endpoints: "ISSUER",
  issuer: "",
  resource: "",
  authorizationUrl: "",
  tokenUrl: "",
  revocationUrl: "",
  userinfoUrl: "",
  deviceAuthorizationUrl: "",
  accountIdPath: "",
  scope: "",
  tokenAuthMethod: "",
  tokenBodyFormat: "",
  authorizationParameters: "",
  tokenParameters: "",
  refreshUrl: "",
  refreshParameters: "",
  withoutPkce: false,
  keyName: "",
  keyLocation: "HEADER",
  keyPrefix: "",
  headerName: "Authorization",
  tokenPrefix: "Bearer ",
  verificationMethod: "GET",
  verificationPath: "",
};

interface Saved {
  name: string;
  slug: string;
  description?: string | null;
  docsUrl?: string | null;
}

/** A saved one, ready to be changed; of one whose definition is not told, what it says about itself alone. */
export function draftOf({ name, slug, description, docsUrl }: Saved, given: Given | null): Draft {
  const facts = { ...EMPTY, name, slug, description: description ?? "", docsUrl: docsUrl ?? "" };
  if (!given) return facts;
  const { oauth2, apiKey, bearerToken } = given.scheme;
  return {
    ...facts,
    given,
    kind: (Object.keys(given.scheme)[0] ?? "none") as SchemeKind,
    baseUrl: given.baseUrl ?? "",
    verificationMethod: given.verification?.method ?? EMPTY.verificationMethod,
    verificationPath: given.verification?.path ?? "",
    ...(oauth2 && oauth2Draft(oauth2)),
    ...(apiKey && { keyName: apiKey.name, keyLocation: apiKey.location, keyPrefix: apiKey.prefix ?? "" }),
    ...(bearerToken && {
      headerName: bearerToken.headerName ?? EMPTY.headerName,
      tokenPrefix: bearerToken.prefix ?? EMPTY.tokenPrefix,
    }),
  };
}

const PLAIN = [
  ...["issuer", "resource", "authorizationUrl", "tokenUrl", "refreshUrl", "revocationUrl", "userinfoUrl"],
  ...["deviceAuthorizationUrl", "accountIdPath", "tokenAuthMethod", "tokenBodyFormat"],
] as const;
const LINES = ["authorizationParameters", "tokenParameters", "refreshParameters"] as const;

function oauth2Draft(oauth2: OAuth2SchemeInput): Partial<Draft> {
  const values = oauth2 as Record<string, unknown>;
  return {
    ...Object.fromEntries(PLAIN.map((name) => [name, values[name] ?? ""])),
    ...Object.fromEntries(LINES.map((name) => [name, linesOf((values[name] ?? {}) as Record<string, unknown>)])),
    endpoints: originOf(oauth2),
    scope: scopeText(oauth2),
    withoutPkce: oauth2.pkce === false,
  };
}

function originOf({ issuer, resource, tokenUrl }: OAuth2SchemeInput): EndpointsFrom {
  if (issuer) return "ISSUER";
  return resource && !tokenUrl ? "MCP" : "BY_HAND";
}

function scopeText({ scope, scopes, scopeSeparator }: OAuth2SchemeInput): string {
  return scopes?.join(scopeSeparator ?? " ") ?? scope ?? "";
}

/** "Acme CRM" as `acme-crm`. */
export function slugOf(name: string): string {
  return name
    .normalize("NFKD")
    .replace(/[^\p{Letter}\p{Number}]+/gu, "-")
    .replace(/[^a-zA-Z0-9-]/g, "")
    .replace(/^-+|-+$/g, "")
    .toLowerCase();
}

export function inputOf(draft: Draft): CreateConnectorInput {
  const { given, verificationMethod: method, verificationPath: path } = draft;
  return {
    name: draft.name.trim(),
    slug: draft.slug.trim() || slugOf(draft.name),
    description: text(draft.description),
    docsUrl: text(draft.docsUrl),
    baseUrl: text(draft.baseUrl),
    scheme: schemeOf(draft),
    verification: text(path) ? { ...given?.verification, method, path: path.trim() } : null,
  };
}

/** Only what has changed. */
export function updateOf(before: Draft, after: Draft): Omit<UpdateConnectorInput, "id"> {
  const [was, is] = [inputOf(before), inputOf(after)] as unknown as Record<string, unknown>[];
  const changed = Object.entries(is!).filter(([key, value]) => JSON.stringify(was![key]) !== JSON.stringify(value));
  return Object.fromEntries(changed);
}

function schemeOf(draft: Draft): ConnectorSchemeInput {
  const { kind, given } = draft;
  if (kind === "none") return { none: { ...given?.scheme.none } };
  if (kind === "basic") return { basic: { ...given?.scheme.basic } };
  if (kind === "bearerToken") return { bearerToken: { headerName: text(draft.headerName), prefix: draft.tokenPrefix } };
  if (kind === "apiKey")
    return { apiKey: { name: draft.keyName.trim(), location: draft.keyLocation as "HEADER", prefix: draft.keyPrefix || null } };
  return { oauth2: oauth2Of(draft) };
}

function oauth2Of(draft: Draft): OAuth2SchemeInput {
  const { endpoints } = draft;
  const byHand = endpoints === "BY_HAND";
  return {
    ...keptOf(draft),
    ...scopesOf(draft),
    tokenAuthMethod: text(draft.tokenAuthMethod) as OAuth2SchemeInput["tokenAuthMethod"],
    tokenBodyFormat: text(draft.tokenBodyFormat) as OAuth2SchemeInput["tokenBodyFormat"],
    accountIdPath: text(draft.accountIdPath),
    refreshUrl: text(draft.refreshUrl),
    pkce: draft.withoutPkce ? false : null,
    ...Object.fromEntries(LINES.map((name) => [name, valuesOf(draft[name])])),
    ...(endpoints === "ISSUER" && { issuer: text(draft.issuer) }),
    ...(endpoints === "MCP" && { resource: text(draft.resource) }),
    ...(byHand && Object.fromEntries(BY_HAND.map((name) => [name, text(draft[name])]))),
  };
}

const BY_HAND = ["authorizationUrl", "tokenUrl", "revocationUrl", "userinfoUrl", "deviceAuthorizationUrl"] as const;

/** Endpoints belong to the place that they came from: of another one nothing goes along. */
function keptOf({ given, endpoints, issuer, resource }: Draft): OAuth2SchemeInput {
  const { scope: _scope, scopes: _scopes, scopeSeparator: _separator, ...kept } = given?.scheme.oauth2 ?? {};
  const isSame = originOf(kept) === endpoints && sameText(kept.issuer, issuer) && sameText(kept.resource, resource);
  if (isSame) return kept;
  const places = ["issuer", "resource", "jwksUri", ...BY_HAND];
  return Object.fromEntries(Object.entries(kept).filter(([name]) => !places.includes(name)));
}

function sameText(known: string | null | undefined, typed: string): boolean {
  return (known ?? "") === typed.trim();
}

/** As they were given, separator and all, until others are typed. */
function scopesOf({ given, scope }: Draft): OAuth2SchemeInput {
  const before = given?.scheme.oauth2;
  if (!before || scopeText(before) !== scope) return { scope: text(scope) };
  const { scopes, scopeSeparator } = before;
  return { scope: before.scope, ...(scopes && { scopes }), ...(scopeSeparator && { scopeSeparator }) };
}

function text(value: string): string | null {
  return value.trim() || null;
}
