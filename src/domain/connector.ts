import { categoryName } from "../catalogue/index.ts";
import { createSearch } from "../catalogue/search.ts";
import type { ConnectorKind, SchemeType } from "../catalogue/types.ts";
import { BUILT_IN_CONNECTOR_PREFIX, decodeId } from "../lib/ids.ts";
import { assertMay, isUserSession } from "./caller.ts";
import {
  builtInView,
  type ConnectorDb,
  type ConnectorView,
  connectorViews,
  managedAppOf,
  ownView,
  SLUG,
} from "./connector-view.ts";
import { type Page, type PageArguments, pageOf } from "./page.ts";
import type { Context } from "./services.ts";

export { type ConnectorView, getConnector, managedAppOf, redirectUri, schemeOf } from "./connector-view.ts";

/** The connectors of these slugs, by slug, for a dataloader: what is not there is absent. One SQL statement, whatever their number. */
export function connectorsBySlug(
  ctx: Context,
  slugs: readonly string[],
  db?: ConnectorDb,
): Promise<ReadonlyMap<string, ConnectorView>> {
  return connectorViews(ctx.services, ctx.caller.projectId, slugs, db);
}

/** Whatever the session's choice of connectors: what a visible row refers to is visible with it. Null where there is none. */
export async function findConnector(ctx: Context, slug: string, db?: ConnectorDb): Promise<ConnectorView | null> {
  return SLUG.test(slug) ? ((await connectorsBySlug(ctx, [slug], db)).get(slug) ?? null) : null;
}

/** For `Query.connector`: null too where the session does not allow it. Throws ForbiddenError. */
export async function visibleConnector(ctx: Context, slug: string): Promise<ConnectorView | null> {
  assertMay(ctx, "CONNECTOR_READ");
  const allowed = await allowedSlugs(ctx);
  return allowed && !allowed.has(slug) ? null : findConnector(ctx, slug);
}

/** For `Query.node`: `conn_<slug>` or `ccn_…`. */
export async function connectorById(ctx: Context, id: string): Promise<ConnectorView | null> {
  if (id.startsWith(BUILT_IN_CONNECTOR_PREFIX)) {
    const view = await visibleConnector(ctx, id.slice(BUILT_IN_CONNECTOR_PREFIX.length));
    return view?.id === id ? view : null;
  }
  const uuid = decodeId("Connector", id);
  if (!uuid) return null;
  const row = await ctx.services.database.prisma.customConnector.findFirst({
    where: { projectId: ctx.caller.projectId, id: uuid, deletedAt: null },
    select: { slug: true },
  });
  return row ? visibleConnector(ctx, row.slug) : null;
}

/** The slugs that a user session may see; null: all (API keys). Without a choice of its own, those with an enabled config. */
async function allowedSlugs(ctx: Context): Promise<ReadonlySet<string> | null> {
  if (!isUserSession(ctx.caller)) return null;
  return ctx.caller.connectorSlugs ? new Set(ctx.caller.connectorSlugs) : configuredSlugs(ctx);
}

async function configuredSlugs({ services, caller }: Context): Promise<ReadonlySet<string>> {
  const rows = await services.database.prisma.authConfig.findMany({
    where: { projectId: caller.projectId, deletedAt: null, enabled: true },
    distinct: ["connectorSlug"],
    select: { connectorSlug: true },
  });
  return new Set(rows.map((row) => row.connectorSlug));
}

/** True where a connection could be initiated: an enabled config exists, or the operator's default app. One SQL statement for all. */
export async function connectable(ctx: Context, connectors: readonly ConnectorView[]): Promise<boolean[]> {
  const configured = await configuredSlugs(ctx);
  return connectors.map((connector) => configured.has(connector.slug) || managedAppOf(ctx.services, connector) !== null);
}

export interface ConnectorFilter {
  search?: string | null;
  slugs?: readonly string[] | null;
  category?: string | null;
  kind?: readonly ConnectorKind[] | null;
  scheme?: readonly SchemeType[] | null;
  connectable?: boolean | null;
}

export interface ConnectorOrder {
  field: "NAME" | "RELEVANCE";
  direction: "ASC" | "DESC";
}

/** Built-in and own connectors, as one list. Default order: by name, or best match first where there is a search text. */
export async function connectorPage(
  ctx: Context,
  args: { filter?: ConnectorFilter | null; orderBy?: ConnectorOrder | null } & PageArguments,
): Promise<Page<ConnectorView>> {
  assertMay(ctx, "CONNECTOR_READ");
  const all = await visibleConnectors(ctx);
  const text = args.filter?.search?.trim() ?? "";
  const found = await narrow(ctx, text === "" ? all : searched(ctx, all, text), args.filter);
  const byName = (args.orderBy?.field ?? (text === "" ? "NAME" : "RELEVANCE")) === "NAME";
  const ordered = byName ? found.toSorted(compareNames) : found;
  // What is found comes with the most relevant first, which is the descending order.
  const isBackwards = args.orderBy?.direction === (byName ? "DESC" : "ASC");
  if (isBackwards) ordered.reverse();
  return pageOf(ordered, (connector) => connector.slug, args);
}

/** How many of the visible connectors each category has, by name. */
export async function connectorCategories(ctx: Context): Promise<{ slug: string; name: string; connectorCount: number }[]> {
  assertMay(ctx, "CONNECTOR_READ");
  const counts = new Map<string, number>();
  for (const connector of await visibleConnectors(ctx)) {
    for (const slug of connector.categories) counts.set(slug, (counts.get(slug) ?? 0) + 1);
  }
  return [...counts]
    .map(([slug, connectorCount]) => ({ slug, name: categoryName(slug), connectorCount }))
    .toSorted((a, b) => collator.compare(a.name, b.name));
}

/** Every connector that the caller may see, by name. */
async function visibleConnectors(ctx: Context): Promise<ConnectorView[]> {
  const { services, caller } = ctx;
  const rows = await services.database.prisma.customConnector.findMany({
    where: { projectId: caller.projectId, deletedAt: null },
  });
  const own = rows.map(ownView);
  const shadowed = new Set(own.map((connector) => connector.slug));
  const views = [
    ...services.catalogue
      .all()
      .filter(({ slug }) => !shadowed.has(slug))
      .map(builtInView),
    ...own,
  ];
  const allowed = await allowedSlugs(ctx);
  const visible = allowed ? views.filter(({ slug }) => allowed.has(slug)) : views;
  return own.length > 0 ? visible.toSorted(compareNames) : visible;
}

/** The catalogue's own index where nothing else is to be searched. */
function searched(ctx: Context, views: readonly ConnectorView[], text: string): ConnectorView[] {
  const hasOwn = views.some((view) => view.projectId !== null);
  const found = hasOwn ? createSearch(views)(text) : ctx.services.catalogue.search(text);
  const bySlug = new Map(views.map((view) => [view.slug, view]));
  return found.map(({ slug }) => bySlug.get(slug)).filter((view) => view !== undefined);
}

async function narrow(
  ctx: Context,
  views: ConnectorView[],
  filter: ConnectorFilter | null | undefined,
): Promise<ConnectorView[]> {
  const { slugs, category, kind, scheme } = filter ?? {};
  const kept = views.filter(
    (view) =>
      (!slugs || slugs.includes(view.slug)) &&
      (!category || view.categories.includes(category)) &&
      (!kind || kind.includes(view.kind)) &&
      (!scheme || view.schemes.some(({ type }) => scheme.includes(type))),
  );
  if (filter?.connectable === null || filter?.connectable === undefined) return kept;
  const flags = await connectable(ctx, kept);
  return kept.filter((_view, index) => flags[index] === filter.connectable);
}

const collator = new Intl.Collator("en", { sensitivity: "base" });

function compareNames(a: ConnectorView, b: ConnectorView): number {
  return collator.compare(a.name, b.name) || (a.slug < b.slug ? -1 : 1);
}
