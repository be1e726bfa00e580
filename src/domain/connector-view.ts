import { managedAppAllowed } from "../catalogue/scheme-urls.ts";
import type { ConnectorDefinition, SchemeDefinition } from "../catalogue/types.ts";
import type { CustomConnector } from "../db/generated/client.ts";
import { BUILT_IN_CONNECTOR_PREFIX, encodeId } from "../lib/ids.ts";
import { customConnectors } from "./hot-reads.ts";
import type { ManagedApp, Services } from "./services.ts";

/** A connector as one project has it: built in, or its own. */
export interface ConnectorView extends ConnectorDefinition {
  /** The public id: `conn_<slug>`, or `ccn_…` for a project's own. */
  id: string;
  /** Null: built in. */
  projectId: string | null;
  /** Of the row; null: built in. */
  uuid: string | null;
}

export const SLUG = /^[a-z0-9][a-z0-9-]{0,59}$/;

/** Reads stand on the outer client, or on a transaction's. */
export type ConnectorDb = Pick<Services["database"]["prisma"], "customConnector">;

const builtIn = new WeakMap<ConnectorDefinition, ConnectorView>();

export function builtInView(definition: ConnectorDefinition): ConnectorView {
  const known = builtIn.get(definition);
  if (known) return known;
  const view = Object.freeze({ ...definition, id: BUILT_IN_CONNECTOR_PREFIX + definition.slug, projectId: null, uuid: null });
  builtIn.set(definition, view);
  return view;
}

/** A row's definition, which keeps its slug when the row's has been freed by deletion. */
export function ownView(row: CustomConnector): ConnectorView {
  const definition = row.definition as unknown as ConnectorDefinition;
  return {
    ...definition,
    kind: "CUSTOM",
    name: row.name,
    id: encodeId("Connector", row.id),
    projectId: row.projectId,
    uuid: row.id,
  };
}

/** What the rows of a deleted connector carry instead of its slug, so that whoever takes the slug next does not get them. */
export function deletedSlug(uuid: string): string {
  return `deleted:${uuid}`;
}

/**
 * The connectors behind the `connectorSlug` of rows, those of deleted ones too. One SQL statement, whatever their number: a project's
 * own wins over a built-in one that an upgrade brought.
 */
export async function connectorViews(
  services: Services,
  projectId: string,
  slugs: readonly string[],
  db?: ConnectorDb,
): Promise<ReadonlyMap<string, ConnectorView>> {
  const wanted = [...new Set(slugs)].filter((slug) => SLUG.test(slug) || slug.startsWith("deleted:"));
  if (wanted.length === 0) return new Map();
  const rows = db
    ? await db.customConnector.findMany({ where: { projectId, slug: { in: wanted } } })
    : await customConnectors(services, projectId, wanted);
  const own = new Map(rows.map((row) => [row.slug, ownView(row)]));
  const found = new Map<string, ConnectorView>();
  for (const slug of wanted) {
    const view = own.get(slug) ?? builtInConnector(services, slug);
    if (view) found.set(slug, view);
  }
  return found;
}

export function builtInConnector(services: Pick<Services, "catalogue">, slug: string): ConnectorView | null {
  const definition = services.catalogue.get(slug);
  return definition ? builtInView(definition) : null;
}

/** The connector of a row, which is always there; an error says that the catalogue has lost one that is in use. */
export async function getConnector(
  services: Services,
  projectId: string,
  slug: string,
  db?: ConnectorDb,
): Promise<ConnectorView> {
  const view = (await connectorViews(services, projectId, [slug], db)).get(slug);
  if (!view) throw new Error(`The connector “${slug}” is in use, and neither the catalogue nor its project has it.`);
  return view;
}

/** What is to be registered at the provider, character for character: the same for every config of the connector. */
export function redirectUri({ services }: { services: Pick<Services, "publicUrl"> }, connector: ConnectorView): string {
  return `${services.publicUrl}/oauth/callback/${connector.projectId ? connector.id : connector.slug}`;
}

export function schemeOf(connector: ConnectorDefinition, key: string): SchemeDefinition | null {
  return connector.schemes.find((scheme) => scheme.key === key) ?? null;
}

/** The operator's default developer app, for built-in connectors whose hosts are nobody's choice (design 5.14); else null. */
export function managedAppOf(services: Pick<Services, "managedApps">, connector: ConnectorView): ManagedApp | null {
  if (connector.projectId || !managedAppAllowed(connector)) return null;
  return services.managedApps.get(connector.slug) ?? null;
}
