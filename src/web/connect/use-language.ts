import { useEffect, useState } from "react";
import { isLanguage, LANGUAGES, type Language, languageFor } from "./words/languages.ts";
import type { Words } from "./words/words.ts";

const KEPT = "moorline-language";

/** What the person has chosen here before, else what the link says, else what the browser does. */
export function firstLanguage(ofLink: string | null): Language {
  const kept = readKept();
  return isLanguage(kept) ? kept : languageFor([ofLink, ...navigator.languages]);
}

export interface Spoken {
  language: Language;
  words: Words;
  choose(language: Language): void;
}

/** The page's language. The words of before stay until the new ones are there. */
export function useLanguage(first: { language: Language; words: Words }, ofLink: string | null): Spoken {
  const [wanted, setWanted] = useState<Language>(() => firstLanguage(ofLink));
  const [spoken, setSpoken] = useState(first);

  useEffect(() => {
    let isLatest = true;
    const load = LANGUAGES[wanted].load();
    void load.then((words) => isLatest && setSpoken({ language: wanted, words }));
    return () => {
      isLatest = false;
    };
  }, [wanted]);
  useEffect(() => {
    document.documentElement.lang = spoken.language;
  }, [spoken.language]);

  function choose(language: Language): void {
    keep(language);
    setWanted(language);
  }
  return { ...spoken, choose };
}

// A browser that lets pages keep nothing throws.
function readKept(): string | null {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function keep(language: Language): void {
  try {
    localStorage.setItem(KEPT, language);
  } catch {
    // It holds for this page then.
  }
}
