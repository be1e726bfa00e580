import { inject } from "vitest";

/** The URL of a new, migrated PostgreSQL database; the first one of a run starts the run's one server. It goes when the run ends. */
export async function createPostgresDatabase(): Promise<string> {
  const answer = await fetch(inject("postgresDoor"), { method: "POST" });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}
