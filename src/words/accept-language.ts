/** The tags that a caller wants, the most wanted first: one tag, or a whole Accept-Language (RFC 9110 section 12.5.4). */
export function wantedTags(acceptLanguage: string): string[] {
  return acceptLanguage
    .split(",")
    .map((part) => {
      const [tag = "", weight = ""] = part.split(";").map((text) => text.trim());
      return { tag, weight: weight.startsWith("q=") ? Number(weight.slice(2)) || 0 : 1 };
    })
    .filter(({ tag, weight }) => tag !== "" && weight > 0)
    .toSorted((a, b) => b.weight - a.weight)
    .map(({ tag }) => tag);
}

/** The first part of a language tag (BCP 47), in small letters. */
export function languageOf(tag: string): string {
  return tag.split("-", 1)[0]!.toLowerCase();
}
