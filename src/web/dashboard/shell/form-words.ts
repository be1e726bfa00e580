import type { FormWords } from "../../forms/values.ts";

/** What forms that connectors describe say of what was typed. */
export const FORM_WORDS: FormWords = {
  needed: "Enter a value.",
  invalid: "This does not have the right form.",
  number: "Enter a whole number.",
  atLeast: (limit) => `Enter ${limit} or more.`,
  atMost: (limit) => `Enter ${limit} or less.`,
  shorter: (limit) => `At most ${limit} characters.`,
  longer: (limit) => `At least ${limit} characters.`,
  json: "This is not valid JSON.",
  url: "Enter a whole URL, with https:// before it.",
};
