import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StartError } from "../lib/start-error.ts";

/**
 * One process per PGlite directory: two would corrupt each other's view, and PGlite itself lets them in. The lock is an exclusive
 * SQLite transaction, because the operating system releases it however the process ends, and a process id in a file says nothing
 * in a container, where every process is number 1.
 */
export function lockDirectory(directory: string): { release(): void } {
  const lock = new DatabaseSync(join(directory, "moorline.lock"), { timeout: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch {
    lock.close();
    throw new StartError(
      `The data directory ${directory} is in use by another Moorline process. Stop that one, or give this one a directory of its own with MOORLINE_DATA_DIR.`,
    );
  }
  return { release: () => lock.close() };
}
