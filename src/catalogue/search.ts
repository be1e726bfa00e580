import type { ConnectorDefinition } from "./types.ts";

interface Entry {
  definition: ConnectorDefinition;
  slug: string;
  name: string;
  words: string[];
  categories: string[];
}

/** Lower is better; what matches nothing is left out. */
const RANK = { slug: 0, name: 1, namePrefix: 2, wordPrefix: 3, category: 4, contains: 5, typo: 6, none: 99 } as const;

/** A search over names, slugs and categories, as the catalogue's `search` promises. Equal ranks keep the given order. */
export function createSearch(definitions: readonly ConnectorDefinition[]): (text: string) => ConnectorDefinition[] {
  const entries = definitions.map(entryOf);
  return (text) => {
    const query = normalise(text).slice(0, 100);
    if (query === "") return [];
    const found: { entry: Entry; rank: number }[] = [];
    for (const entry of entries) {
      const rank = rankOf(entry, query);
      if (rank !== RANK.none) found.push({ entry, rank });
    }
    return found.sort((a, b) => a.rank - b.rank).map(({ entry }) => entry.definition);
  };
}

function entryOf(definition: ConnectorDefinition): Entry {
  const name = normalise(definition.name);
  return {
    definition,
    slug: definition.slug,
    name,
    words: [...new Set([...name.split(" "), ...normalise(definition.slug).split(" ")])],
    categories: definition.categories.map(normalise),
  };
}

function rankOf(entry: Entry, query: string): number {
  if (entry.slug === query || entry.slug === query.replaceAll(" ", "-")) return RANK.slug;
  if (entry.name === query) return RANK.name;
  if (entry.name.startsWith(query)) return RANK.namePrefix;
  const terms = query.split(" ");
  if (terms.every((term) => entry.words.some((word) => word.startsWith(term)))) return RANK.wordPrefix;
  if (entry.categories.some((category) => category.startsWith(query))) return RANK.category;
  if (entry.name.includes(query) || entry.slug.includes(query)) return RANK.contains;
  const distances = terms.map((term) => Math.min(...entry.words.map((word) => typoDistance(term, word))));
  const worst = Math.max(...distances);
  return worst === Number.POSITIVE_INFINITY ? RANK.none : RANK.typo + worst;
}

function normalise(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
}

/** How many slips turn one word into the other (or into its beginning); infinite beyond what a typing error explains. */
function typoDistance(typed: string, word: string): number {
  if (word.startsWith(typed)) return 0;
  const allowed = typed.length >= 8 ? 2 : typed.length >= 4 ? 1 : 0;
  if (allowed === 0 || word.length < typed.length - allowed) return Number.POSITIVE_INFINITY;
  // The beginning of a longer word counts too, since people search while they type.
  const target = word.slice(0, typed.length + allowed);
  const distance = editDistance(typed, target, allowed);
  return distance <= allowed ? distance : Number.POSITIVE_INFINITY;
}

/** Optimal string alignment (insert, delete, replace, swap neighbours) of `a` and the best beginning of `b`; stops past `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      row.push(best);
    }
    if (Math.min(...row) > limit) return Number.POSITIVE_INFINITY;
    beforeLast = last;
    last = row;
  }
  return Math.min(...last.slice(Math.max(0, a.length - limit)));
}
