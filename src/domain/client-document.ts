/**
 * The document by which providers know a client that nobody registered (OAuth Client ID Metadata Document): its address is the client's
 * id, and whoever is asked for an authorization reads there to whom the answer may go. There is nothing secret in it.
 */
import type { SchemeDefinition } from "../catalogue/types.ts";
import { decodeId, encodeId } from "../lib/ids.ts";
import { getConnector, redirectUri, schemeOf } from "./connector-view.ts";
import type { Services } from "./services.ts";

export const CLIENT_DOCUMENT_PATH = "/oauth/clients/";

/** Whether the provider would read one. */
export function takesDocument(scheme: SchemeDefinition): boolean {
  return scheme.type === "OAUTH2" && scheme.clientIdMetadataDocument === true;
}

/** Providers read it by https alone, so there is one only where that is how people come here. */
export function servesDocuments({ publicUrl }: Pick<Services, "publicUrl">): boolean {
  return publicUrl.startsWith("https://");
}

/** What a config's client is known by. It stays the same for as long as the config does, whatever becomes of the public URL. */
export function clientDocumentUrl({ publicUrl }: Pick<Services, "publicUrl">, authConfigId: string): string {
  return `${publicUrl}${CLIENT_DOCUMENT_PATH}${encodeId("AuthConfig", authConfigId)}`;
}

/** The client metadata (RFC 7591 section 2) of the config `acf_…`; null: it has a client of another kind, or there is none. */
export async function readClientDocument(services: Services, publicId: string): Promise<Record<string, unknown> | null> {
  const id = decodeId("AuthConfig", publicId);
  const where = { id: id ?? "", deletedAt: null };
  const row = id ? await services.database.prisma.authConfig.findFirst({ where }) : null;
  const clientId = row && (await documentedClient(services, row));
  if (!row || !clientId) return null;
  const connector = await getConnector(services, row.projectId, row.connectorSlug);
  if (!schemeOf(connector, row.schemeKey)) return null;
  // Nobody proves to be this client, so it has nothing that is the client's own (RFC 6749 section 4.4).
  const grantTypes = grantTypesOf(row.flows.filter((flow) => flow !== "CLIENT_CREDENTIALS"));
  return {
    client_id: clientId,
    client_name: await productName(services, row.projectId),
    client_uri: services.publicUrl,
    redirect_uris: [redirectUri({ services }, connector)],
    grant_types: grantTypes,
    response_types: grantTypes.includes("authorization_code") ? ["code"] : [],
    token_endpoint_auth_method: "none",
    application_type: "web",
    ...(row.scopes.length > 0 && { scope: row.scopes.join(" ") }),
  };
}

/** The config's present client, or the one that its grants were made with, where it is known by this document. */
async function documentedClient(
  { database }: Services,
  row: { id: string; projectId: string; clientId: string | null },
): Promise<string | null> {
  const path = CLIENT_DOCUMENT_PATH + encodeId("AuthConfig", row.id);
  if (row.clientId?.endsWith(path)) return row.clientId;
  const where = { projectId: row.projectId, authConfigId: row.id, clientId: { endsWith: path } };
  return (await database.prisma.retainedClient.findFirst({ where, select: { clientId: true } }))?.clientId ?? null;
}

/** What people read when they are asked for consent. */
export async function productName(services: Services, projectId: string): Promise<string> {
  const project = await services.database.prisma.project.findUniqueOrThrow({ where: { id: projectId } });
  const { productName } = project.branding as { productName?: string | null };
  return productName || project.name;
}

const GRANT_TYPES: Record<string, string[]> = {
  AUTHORIZATION_CODE: ["authorization_code", "refresh_token"],
  DEVICE: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
  CLIENT_CREDENTIALS: ["client_credentials"],
};

export function grantTypesOf(flows: readonly string[]): string[] {
  return [...new Set(flows.flatMap((flow) => GRANT_TYPES[flow] ?? []))];
}
