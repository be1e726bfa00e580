import { inject } from "vitest";

/** The directory of the built dashboard and hosted page, for `startTestApp({}, { app: { pages } })`; built anew where the sources have changed. */
export async function builtPages(): Promise<string> {
  const response = await fetch(inject("pagesDoor"));
  const text = await response.text();
  if (!response.ok) throw new Error(`The pages could not be built: ${text}`);
  return text;
}
