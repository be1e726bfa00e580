import type { ConnectorSchemeInput, CreateConnectorInput, TokenAuthMethod } from "../../../api/gql.ts";

export type SchemeKind = "oauth2" | "apiKey" | "bearerToken" | "basic" | "none";
export type EndpointsFrom = "ISSUER" | "MCP" | "BY_HAND";

/** What is typed, as text. An empty text is left out of what is sent. */
export interface Draft {
  name: string;
  slug: string;
  description: string;
  docsUrl: string;
  baseUrl: string;
  kind: SchemeKind;
  endpoints: EndpointsFrom;
  issuer: string;
  resource: string;
  authorizationUrl: string;
  tokenUrl: string;
  refreshUrl: string;
  revocationUrl: string;
  userinfoUrl: string;
  scope: string;
  tokenAuthMethod: string;
  keyName: string;
  keyLocation: string;
  keyPrefix: string;
  headerName: string;
  tokenPrefix: string;
  verificationMethod: string;
  verificationPath: string;
}

export const EMPTY: Draft = {
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
  refreshUrl: "",
  revocationUrl: "",
  userinfoUrl: "",
  scope: "",
  tokenAuthMethod: "",
  keyName: "",
  keyLocation: "HEADER",
  keyPrefix: "",
  headerName: "Authorization",
  tokenPrefix: "Bearer ",
  verificationMethod: "GET",
  verificationPath: "",
};

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
  return {
    name: draft.name.trim(),
    slug: draft.slug.trim() || slugOf(draft.name),
    description: text(draft.description),
    docsUrl: text(draft.docsUrl),
    baseUrl: text(draft.baseUrl),
    scheme: schemeOf(draft),
    verification: text(draft.verificationPath) ? { method: draft.verificationMethod, path: draft.verificationPath.trim() } : null,
  };
}

/** Of OAuth 2.0 only what belongs to the chosen way: endpoints of an issuer are not mixed with ones typed before. */
export function schemeOf(draft: Draft): ConnectorSchemeInput {
  if (draft.kind === "none") return { none: {} };
  if (draft.kind === "basic") return { basic: {} };
  if (draft.kind === "bearerToken") return { bearerToken: { headerName: text(draft.headerName), prefix: draft.tokenPrefix } };
  if (draft.kind === "apiKey") {
    return { apiKey: { name: draft.keyName.trim(), location: draft.keyLocation as "HEADER", prefix: draft.keyPrefix || null } };
  }
  const common = { scope: text(draft.scope), tokenAuthMethod: (text(draft.tokenAuthMethod) as TokenAuthMethod | null) ?? null };
  if (draft.endpoints === "ISSUER") return { oauth2: { ...common, issuer: text(draft.issuer) } };
  if (draft.endpoints === "MCP") return { oauth2: { ...common, resource: text(draft.resource) } };
  const { authorizationUrl, tokenUrl, refreshUrl, revocationUrl, userinfoUrl } = draft;
  return {
    oauth2: {
      ...common,
      authorizationUrl: text(authorizationUrl),
      tokenUrl: text(tokenUrl),
      refreshUrl: text(refreshUrl),
      revocationUrl: text(revocationUrl),
      userinfoUrl: text(userinfoUrl),
    },
  };
}

function text(value: string): string | null {
  return value.trim() || null;
}
