/** From an English text to the same in another language. A text that is not known stays as it is. */
export type Translate = (text: string) => string;

interface Pattern {
  matches: RegExp;
  /** How much of it is fixed: of two that fit, the one that says more is meant. */
  weight: number;
  /** The text in the other language. */
  said: string;
  /** For each group of `matches`, the number of its placeholder. */
  numbers: readonly string[];
}

const PLACEHOLDER = /\{(\d+)\}/g;
/** A sentence ends here: the next one begins with a capital, a quote or a bracket. */
const SENTENCES = /(?<=[.!?]["”)]?) (?=["“({]?[A-Z])/;
/** Longer ones are no texts of ours. */
const LONGEST = 3_000;

/**
 * Texts are looked up whole, by their pattern (`{1} is required.`), or sentence by sentence. What stands for a placeholder is looked up, too:
 * it may be a field's label, or a sentence of ours.
 */
export function createDictionary(entries: Readonly<Record<string, string>>): Translate {
  const exact = new Map<string, string>();
  const patterns = new Map<string, Pattern[]>();
  // What stands together in no entry need not be looked up together: a caller can make a text of a thousand sentences.
  let most = 1;
  for (const [english, said] of Object.entries(entries)) {
    most = Math.max(most, english.split(SENTENCES).length);
    if (!/\{\d+\}/.test(english)) exact.set(english, said);
    else append(patterns, firstWordOf(english), patternOf(english, said));
  }
  for (const list of patterns.values()) list.sort((a, b) => b.weight - a.weight);

  /** `tightly`: what stands for a placeholder ends with its sentence. */
  function whole(text: string, tightly: boolean): string | undefined {
    const matched = (word: string) => filledIn(patterns.get(word) ?? [], text, tightly);
    return exact.get(text) ?? matched(firstWordOf(text)) ?? matched("");
  }

  function filledIn(candidates: readonly Pattern[], text: string, tightly: boolean): string | undefined {
    for (const { matches, numbers, said } of candidates) {
      const [, ...values] = matches.exec(text) ?? [];
      if (values.length === 0 || (tightly && values.some((value) => SENTENCES.test(value)))) continue;
      return said.replace(PLACEHOLDER, (_, number: string) => translate(values[numbers.indexOf(number)] ?? ""));
    }
    return undefined;
  }

  /** As many sentences at once as are known together; null for those that are not known. */
  function bySentence(text: string): { english: string; said: string | null }[] {
    const sentences = text.split(SENTENCES);
    const parts: { english: string; said: string | null }[] = [];
    for (let from = 0; from < sentences.length; ) {
      let to = Math.min(from + most, sentences.length);
      let said = whole(sentences.slice(from, to).join(" "), true);
      while (said === undefined && to > from + 1) {
        to -= 1;
        said = whole(sentences.slice(from, to).join(" "), true);
      }
      parts.push({ english: sentences.slice(from, to).join(" "), said: said ?? null });
      from = to;
    }
    return parts;
  }

  /** Ends, because what stands for a placeholder is shorter than the text that it stands in. */
  function translate(text: string): string {
    if (text.length > LONGEST) return text;
    const parts = bySentence(text);
    // Something was put in that is no sentence of ours, and holds the end of one.
    const loosely = parts.some(({ said }) => said === null) ? whole(text, false) : undefined;
    return loosely ?? parts.map(({ english, said }) => said ?? english).join(" ");
  }

  return translate;
}

function append(lists: Map<string, Pattern[]>, key: string, pattern: Pattern): void {
  const list = lists.get(key);
  if (list) list.push(pattern);
  else lists.set(key, [pattern]);
}

/** Where the patterns are looked for that can fit a text; empty for those that begin with a placeholder, or with a part of a word. */
function firstWordOf(text: string): string {
  const word = /^[^\s{]+(?=\s)/.exec(text);
  return word ? word[0] : "";
}

function patternOf(english: string, said: string): Pattern {
  const numbers = [...english.matchAll(PLACEHOLDER)].map(([, number]) => number!);
  const fixed = english.split(/\{\d+\}/);
  const matches = new RegExp(`^${fixed.map(RegExp.escape).join("(.+?)")}$`, "s");
  return { matches, weight: fixed.join("").length, said, numbers };
}
