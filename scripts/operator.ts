/** What the operator's commands share: they ask a server that runs, or work on the database themselves. */
import { type Config, pgliteDirectory, readConfig } from "../src/config.ts";
import { type Database, openDatabase } from "../src/db/database.ts";
import { StartError } from "../src/lib/start-error.ts";

/** A document of the client preset: text that knows its result and variables. */
interface TypedDocument<Result, Variables> {
  toString(): string;
  __apiType?: (variables: Variables) => Result;
}

/** Asks the server with the key; throws StartError with a sentence where that does not work. */
export type Ask = <Result, Variables>(document: TypedDocument<Result, Variables>, variables?: Variables) => Promise<Result>;

/** With MOORLINE_API_KEY: the server at MOORLINE_URL, or on this machine. Null without. */
export function server(env: NodeJS.ProcessEnv): Ask | null {
  const { MOORLINE_API_KEY: key, MOORLINE_URL: url = `http://localhost:${env.PORT || 4000}` } = env;
  if (!key) return null;
  return async (document, variables) => {
    const response = await fetch(`${url.replace(/\/$/, "")}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ query: String(document), variables }),
    }).catch((error: Error) => {
      const why = (error.cause as Error | undefined)?.message || error.message;
      throw new StartError(
        `MOORLINE_URL: no server answers at ${url} (${why}). Start it, or leave MOORLINE_API_KEY out to work on the database itself.`,
      );
    });
    const answer = (await response.json().catch(() => ({}))) as { data?: unknown; errors?: { message: string }[] };
    if (!answer.data || answer.errors)
      throw new StartError(answer.errors?.[0]?.message ?? `The answer of ${url} is not Moorline's (HTTP ${response.status}).`);
    return answer.data as never;
  };
}

/** The database itself: an embedded one belongs to one process, so that no server may run on it. */
export async function openOwnDatabase(env: NodeJS.ProcessEnv): Promise<{ database: Database; config: Config }> {
  const config = readConfig(env);
  const dataDirectory = config.databaseUrl ? null : pgliteDirectory(config);
  try {
    return { database: await openDatabase({ url: config.databaseUrl, dataDirectory, poolSize: 3 }), config };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    throw new StartError(
      `${error.message} To have the running server do it, set MOORLINE_API_KEY to an ADMIN key of the first project.`,
    );
  }
}

/** Runs a command: a sentence and exit code 1 where it can't be done. */
export function command(main: () => Promise<boolean>): void {
  main().then(
    (ok) => {
      process.exitCode = ok ? 0 : 1;
    },
    (error: unknown) => {
      console.error(error instanceof StartError ? error.message : error);
      process.exitCode = 1;
    },
  );
}
