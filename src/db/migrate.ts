import { readdirSync, readFileSync } from "node:fs";
import type { Database } from "./database.ts";

const FOLDER = new URL("../../prisma/migrations/", import.meta.url);

/**
 * Applies the SQL files of `prisma/migrations` that this database has not seen, in order, each in one transaction with the
 * row that records it, so that of two processes that start at once the second waits and finds the work done.
 */
export async function migrate(database: Database): Promise<{ applied: string[] }> {
  await database.script(
    `CREATE TABLE IF NOT EXISTS "_moorline_migrations" ("name" TEXT PRIMARY KEY, "appliedAt" TIMESTAMPTZ NOT NULL DEFAULT now())`,
  );
  const names = readdirSync(FOLDER, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  const applied: string[] = [];
  for (const name of names) {
    if (await isApplied(database, name)) continue;
    await applyOnce(database, name);
    applied.push(name);
  }
  return { applied };
}

async function isApplied(database: Database, name: string): Promise<boolean> {
  const rows = await database.query("migration_applied", `SELECT 1 FROM "_moorline_migrations" WHERE "name" = $1`, [name]);
  return rows.length > 0;
}

async function applyOnce(database: Database, name: string): Promise<void> {
  const sql = readFileSync(new URL(`${name}/migration.sql`, FOLDER), "utf8");
  try {
    // Statements sent as one script are one transaction. The row comes first: a process that starts at the same moment waits on its key.
    await database.script(`INSERT INTO "_moorline_migrations" ("name") VALUES ('${name}');\n${sql}`);
  } catch (error) {
    if (!(await isApplied(database, name))) throw error;
  }
}
