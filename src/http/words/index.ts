import { languageOf, wantedTags } from "../../words/index.ts";
import { de } from "./de.ts";
import { en } from "./en.ts";
import type { Words } from "./words.ts";

export type { Named, Sentences, Words } from "./words.ts";

/** By the first part of a language tag (BCP 47). */
const LANGUAGES: Readonly<Record<string, Words>> = { en, de };

/** What a page is written in: `lang` is for its html element. */
export interface Language {
  lang: string;
  words: Words;
}

/** The language that was chosen, else the first that the browser wants and we have (RFC 9110 section 12.5.4), else English. */
export function chooseLanguage(chosen: string | null, acceptLanguage = ""): Language {
  for (const tag of [...(chosen ? [chosen] : []), ...wantedTags(acceptLanguage)]) {
    const lang = languageOf(tag);
    if (Object.hasOwn(LANGUAGES, lang)) return { lang, words: LANGUAGES[lang]! };
  }
  return { lang: "en", words: en };
}
