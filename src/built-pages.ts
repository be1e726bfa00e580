import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const DIRECTORY = join(ROOT, "dist/web");

export interface PreparedPages {
  /** Null: there are none. */
  directory: string | null;
  /** What the operator should know of it; null: all is well. */
  note: string | null;
}

/**
 * The dashboard and the hosted page: built before the start where npm starts us in development and they are not of these sources, else as
 * they are. Nothing of it keeps the server from starting. `tell` is given the line that says what takes so long.
 */
export async function preparePages(
  { production, byNpm }: { production: boolean; byNpm: boolean },
  tell: (line: string) => void,
): Promise<PreparedPages> {
  const problem = !production && byNpm ? await rebuild(tell) : null;
  if (!existsSync(join(DIRECTORY, "index.html"))) {
    const why = problem ?? "they are not built. To have them: npm run build";
    return { directory: null, note: `Note: the dashboard and the hosted page are left out: ${why}` };
  }
  return {
    directory: DIRECTORY,
    note: problem && `Note: the dashboard and the hosted page are older than their sources: ${problem}`,
  };
}

/** Why it could not be done; null: there was nothing to do, or it is done. */
async function rebuild(tell: (line: string) => void): Promise<string | null> {
  // The script and its packages are left out of what is deployed.
  if (!existsSync(join(ROOT, "scripts/build-web.ts"))) return null;
  const { buildWeb, canBuild, isStale } = await import("../scripts/build-web.ts");
  if (!isStale()) return null;
  if (!canBuild()) return "Vite is not installed. To have it: npm install, with the development dependencies";
  tell("Building the pages (once, a few seconds)…");
  try {
    await buildWeb();
    return null;
  } catch (error) {
    return `building them failed, and npm run build says why: ${(error as Error).message.split("\n", 1)[0]}`;
  }
}
