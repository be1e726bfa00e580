/**
 * What people read, in other languages than the English that it is written in: a folder for each language, of JSON objects from the English
 * text to the other one. Nothing else is needed for a further language; what is missing there is said in English.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { languageOf, wantedTags } from "./accept-language.ts";
import { createDictionary, type Translate } from "./dictionary.ts";

export { languageOf, wantedTags } from "./accept-language.ts";
export type { Translate } from "./dictionary.ts";

const ENGLISH = "en";

/** By the first part of their tags. */
export const LANGUAGES: readonly string[] = [
  ENGLISH,
  ...readdirSync(import.meta.dirname, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name),
];

/** The first language that is wanted and spoken here; null: none is. Takes one tag (BCP 47), or an Accept-Language. */
export function spokenLanguage(wanted: string | null | undefined): string | null {
  for (const tag of wantedTags(wanted ?? "")) {
    const language = languageOf(tag);
    if (LANGUAGES.includes(language)) return language;
  }
  return null;
}

const dictionaries = new Map<string, Translate>();

/** Null where English is wanted, or nothing that is spoken here: the texts are right as they are. Read at the first need. */
export function translatorFor(wanted: string | null | undefined): Translate | null {
  const language = wanted ? spokenLanguage(wanted) : null;
  if (language === null || language === ENGLISH) return null;
  let translate = dictionaries.get(language);
  if (!translate) {
    translate = createDictionary(entriesOf(language));
    dictionaries.set(language, translate);
  }
  return translate;
}

/** All of a language's texts, by the English ones. */
export function entriesOf(language: string): Record<string, string> {
  const folder = join(import.meta.dirname, language);
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  return Object.assign({}, ...files.map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as object));
}
