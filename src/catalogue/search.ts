import type { ConnectorDefinition } from "./types.ts";

interface Entry {
  definition: ConnectorDefinition;
  slug: string;
  aliases: readonly string[];
  name: string;
  /** Words of the name that stand side by side, written together: Power BI is `powerbi`. */
  compounds: ReadonlySet<string>;
  keywords: readonly string[];
  words: Word[];
  categories: string[];
  /** Less than any step between ranks. */
  tie: number;
}

/** Entries share a word's object, so that a query measures it once. */
interface Word {
  text: string;
  letters: number;
}

/** Lower is better; what matches nothing is left out. */
const RANK = { slug: 0, name: 1, namePrefix: 2, wordPrefix: 3, category: 4, contains: 5, typo: 6, none: 99 } as const;

/** A search over names, slugs and categories, as the catalogue's `search` promises. Equal ranks keep the given order. */
export function createSearch(definitions: readonly ConnectorDefinition[]): (text: string) => ConnectorDefinition[] {
  const words = new Map<string, Word>();
  const entries = definitions.map((definition) => entryOf(definition, words));
  return (text) => {
    const found = matches(entries, text);
    if (found.length > 0) return found.map(({ entry }) => entry.definition);
    // hubspot.com, slack bot: a name that is known to the letter, and more that says nothing to us.
    const name = /^[^\s.]+(?=[\s.])/.exec(text.trim())?.[0];
    const named = name === undefined ? [] : matches(entries, name);
    return named[0] && named[0].rank < RANK.namePrefix ? named.map(({ entry }) => entry.definition) : [];
  };
}

interface Match {
  entry: Entry;
  rank: number;
}

function matches(entries: readonly Entry[], text: string): Match[] {
  const query = createQuery(normalise(text).slice(0, 100));
  if (query.text === "") return [];
  const found: Match[] = [];
  for (const entry of entries) {
    const rank = rankOf(entry, query);
    if (rank !== RANK.none) found.push({ entry, rank: rank + entry.tie });
  }
  return found.sort((a, b) => a.rank - b.rank);
}

interface Query {
  text: string;
  /** As one word: `my sql` is MySQL. */
  joined: string;
  terms: { text: string; letters: number; distances: Map<Word, number> }[];
}

function createQuery(text: string): Query {
  const terms = text.split(" ").map((term) => ({ text: term, letters: lettersOf(term), distances: new Map<Word, number>() }));
  return { text, joined: text.replaceAll(" ", ""), terms };
}

function entryOf(definition: ConnectorDefinition, words: Map<string, Word>): Entry {
  const name = normalise(definition.name);
  const wordOf = (text: string) => {
    const word = words.get(text) ?? { text, letters: lettersOf(text) };
    words.set(text, word);
    return word;
  };
  const { slug, aliases = [], keywords = [], popularity = 0 } = definition;
  const all = [...new Set([...name.split(" "), ...[slug, ...aliases].flatMap((one) => normalise(one).split(" "))])];
  const further = keywords.flatMap((one) => one.split(" ")).filter((word) => !all.includes(word));
  return {
    definition,
    slug,
    aliases,
    name,
    compounds: compoundsOf(name),
    keywords,
    words: [...all, ...new Set(further)].map(wordOf),
    categories: definition.categories.map(normalise),
    // Of several that are as good: the best known, then the one that says least beside it (HubSpot before HubSpot (MCP)).
    tie: (20 - popularity) / 1_000 + all.length / 10_000 + slug.length / 1_000_000,
  };
}

function compoundsOf(name: string): Set<string> {
  const words = name.split(" ");
  const runs = words.flatMap((_, from) => words.slice(from + 1).map((_last, more) => words.slice(from, from + more + 2)));
  return new Set(runs.map((run) => run.join("")));
}

function rankOf(entry: Entry, { text, joined, terms }: Query): number {
  const asSlug = text.replaceAll(" ", "-");
  if (entry.slug === text || entry.slug === asSlug || entry.aliases.includes(asSlug)) return RANK.slug;
  if (entry.name === text || entry.keywords.includes(text)) return RANK.name;
  if (entry.name.startsWith(text)) return RANK.namePrefix;
  if (terms.every((term) => entry.words.some((word) => word.text.startsWith(term.text)))) return RANK.wordPrefix;
  // Who types a category to its end wants the best known of it, not who has the word in its name.
  if (entry.categories.includes(text) || entry.categories.includes(joined)) return RANK.wordPrefix;
  if (entry.categories.some((category) => category.startsWith(text))) return RANK.category;
  if (entry.name.includes(text) || entry.slug.includes(text)) return RANK.contains;
  if (joined.length > 3 && (entry.compounds.has(joined) || entry.words.some((word) => word.text.startsWith(joined))))
    return entry.slug === joined ? RANK.category : RANK.contains;
  let worst = 0;
  for (const term of terms) {
    let best = Number.POSITIVE_INFINITY;
    for (const [place, word] of entry.words.entries())
      best = Math.min(best, typoDistance(term, word) + (place > 0 ? LATER_WORD : 0));
    if (best === Number.POSITIVE_INFINITY) return RANK.none;
    worst = Math.max(worst, best);
  }
  return RANK.typo + worst;
}

function normalise(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
}

/** A bit for each letter and digit that occurs. */
function lettersOf(text: string): number {
  let letters = 0;
  for (let index = 0; index < text.length; index++) letters |= 1 << (text.charCodeAt(index) % 31);
  return letters;
}

/** A letter left out, doubled or swapped is likelier than a wrong one. */
const WRONG_LETTER = 1.1;
/** Of two words as near, the one that was typed to its end. */
const UNFINISHED = 0.05;
/** What somebody begins to type is more often what a name begins with. */
const LATER_WORD = 0.1;

/** How many slips turn one word into the other (or into its beginning); infinite beyond what a typing error explains. */
function typoDistance(term: Query["terms"][number], word: Word): number {
  const known = term.distances.get(word);
  if (known !== undefined) return known;
  const distance = measure(term, word);
  term.distances.set(word, distance);
  return distance;
}

function measure({ text, letters }: { text: string; letters: number }, word: Word): number {
  if (word.text.startsWith(text)) return 0;
  const allowed = text.length >= 8 ? 2 : text.length >= 4 ? 1 : 0;
  if (allowed === 0 || word.text.length < text.length - allowed) return Number.POSITIVE_INFINITY;
  // Each letter that the word does not have at all is a slip: most words are out by that.
  if (bits(letters & ~word.letters) > allowed) return Number.POSITIVE_INFINITY;
  // The beginning of a longer word counts too, since people search while they type.
  const limit = allowed * WRONG_LETTER + UNFINISHED;
  const target = word.text.slice(0, text.length + allowed);
  const distance = editDistance(text, target, { limit, isWhole: target === word.text });
  return distance <= limit ? distance : Number.POSITIVE_INFINITY;
}

function bits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Optimal string alignment (insert, delete, replace, swap neighbours) of `a` and the best beginning of `b`; stops past `limit`. */
function editDistance(a: string, b: string, { limit, isWhole }: { limit: number; isWhole: boolean }): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : WRONG_LETTER;
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, beforeLast[j - 2]! + 1);
      row.push(best);
      least = Math.min(least, best);
    }
    if (least > limit) return Number.POSITIVE_INFINITY;
    beforeLast = last;
    last = row;
  }
  return Math.min(...last.map((distance, length) => (isWhole && length === b.length ? distance : distance + UNFINISHED)));
}
