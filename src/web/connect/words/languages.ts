import type { Words } from "./words.ts";

/** A language is one file beside this one, of the type `Words`, and one line here. Only the one that is shown is loaded. */
export const LANGUAGES = {
  en: { name: "English", load: (): Promise<Words> => import("./en.ts").then(({ words }) => words) },
  de: { name: "Deutsch", load: (): Promise<Words> => import("./de.ts").then(({ words }) => words) },
} as const;

export type Language = keyof typeof LANGUAGES;

export const isLanguage = (tag: string | null | undefined): tag is Language => tag != null && Object.hasOwn(LANGUAGES, tag);

/** The first of the tags (BCP 47, best first) whose language there is; else English. */
export function languageFor(tags: readonly (string | null | undefined)[]): Language {
  for (const tag of tags) {
    const language = tag?.toLowerCase().split("-")[0];
    if (isLanguage(language)) return language;
  }
  return "en";
}
