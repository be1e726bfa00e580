import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createSearch } from "./search.ts";
import type { ConnectorDefinition } from "./types.ts";

export interface CatalogueOptions {
  /** Folder of one JSON file per connector; default: the built-in ones. */
  folder?: string;
  /** For `{operator.<name>}`. A connector that names one which is absent here is not offered. */
  variables: Readonly<Record<string, string>>;
}

export interface CatalogueCategory {
  slug: string;
  name: string;
  connectorCount: number;
}

/** The built-in connectors, frozen at start. */
export interface Catalogue {
  /** By its slug, or by an alias. */
  get(slug: string): ConnectorDefinition | null;
  /** By name. */
  all(): readonly ConnectorDefinition[];
  /** By name, with how many connectors each has. */
  categories(): readonly CatalogueCategory[];
  /** Best first; forgives typing errors; an empty text finds nothing. */
  search(text: string): readonly ConnectorDefinition[];
}

const BUILT_IN_FOLDER = join(import.meta.dirname, "connectors");
const OPERATOR_VARIABLE = /\{operator\.([A-Za-z][A-Za-z0-9]*)\}/g;

/** Reads every connector file. Their form is proven by the tests, not here, so that a thousand cost some tens of milliseconds. */
export function loadCatalogue(options: CatalogueOptions): Catalogue {
  const folder = options.folder ?? BUILT_IN_FOLDER;
  const definitions = readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => readConnector(join(folder, file), options.variables))
    .filter((definition) => definition !== null);
  return createCatalogue(definitions);
}

/** A catalogue of definitions that are there already. */
export function createCatalogue(definitions: readonly ConnectorDefinition[]): Catalogue {
  const all = definitions
    .map((definition) => ({ definition, key: `${plain(definition.name)}\0${definition.slug}` }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ definition }) => definition);
  const bySlug = new Map(
    all.flatMap((definition) => [definition.slug, ...(definition.aliases ?? [])].map((name) => [name, deepFreeze(definition)])),
  );
  const categories = Object.freeze(countCategories(all));
  let search: ReturnType<typeof createSearch> | null = null;
  Object.freeze(all);
  return Object.freeze({
    get: (slug: string) => bySlug.get(slug) ?? null,
    all: () => all,
    categories: () => categories,
    search: (text: string) => {
      search ??= createSearch(all);
      return search(text);
    },
  });
}

/** As a dictionary orders names; a collator does the same, and takes a fifth of the whole loading to make. */
function plain(name: string): string {
  return name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

function readConnector(path: string, variables: Readonly<Record<string, string>>): ConnectorDefinition | null {
  let text = readFileSync(path, "utf8");
  if (text.includes("{operator.")) {
    const filled = fillOperatorVariables(text, variables);
    if (filled === null) return null;
    text = filled;
  }
  const { $schema: _editorHint, ...definition } = JSON.parse(text) as ConnectorDefinition & { $schema?: string };
  definition.docsUrl ??= null;
  definition.setupGuide ??= [];
  return definition;
}

function fillOperatorVariables(text: string, variables: Readonly<Record<string, string>>): string | null {
  let complete = true;
  const filled = text.replaceAll(OPERATOR_VARIABLE, (_whole, name: string) => {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (!value) complete = false;
    return JSON.stringify(value ?? "").slice(1, -1);
  });
  return complete ? filled : null;
}

function countCategories(definitions: readonly ConnectorDefinition[]): CatalogueCategory[] {
  const counts = new Map<string, number>();
  for (const definition of definitions) {
    for (const slug of definition.categories) counts.set(slug, (counts.get(slug) ?? 0) + 1);
  }
  return [...counts]
    .map(([slug, connectorCount]) => ({ slug, name: categoryName(slug), connectorCount }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Abbreviations keep their capitals; everything else reads as a plain phrase. */
const ABBREVIATIONS: Record<string, string> = {
  crm: "CRM",
  hr: "HR",
  erp: "ERP",
  ai: "AI",
  sms: "SMS",
  ats: "ATS",
  mcp: "MCP",
  cms: "CMS",
  ecommerce: "e-commerce",
};

export function categoryName(slug: string): string {
  if (slug === "search-vector") return "Vector search";
  const words = slug.split("-").map((word) => ABBREVIATIONS[word] ?? word);
  const text = words.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function deepFreeze<T extends object>(value: T): T {
  for (const key in value) {
    const member = value[key];
    if (typeof member === "object" && member !== null) deepFreeze(member);
  }
  return Object.freeze(value);
}
