import { translatorFor } from "../words/index.ts";

interface Shown {
  message: string;
  extensions?: { [name: string]: unknown; issues?: unknown };
}

/** An error in the form of GraphQL, its sentences in the caller's language. Codes and paths never change. */
export function spoken<Error extends Shown>(error: Error, locale: string | null): Error {
  const translate = translatorFor(locale);
  if (!translate) return error;
  const { issues } = error.extensions ?? {};
  const translated = { ...error, message: translate(error.message) };
  if (!Array.isArray(issues)) return translated;
  const said = issues.map((issue: { message: string }) => ({ ...issue, message: translate(issue.message) }));
  return { ...translated, extensions: { ...error.extensions, issues: said } };
}
