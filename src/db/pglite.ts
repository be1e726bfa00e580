import { mkdirSync } from "node:fs";
import { PGlite } from "@electric-sql/pglite";
import { PrismaPGlite } from "pglite-prisma-adapter";
import type { Driver } from "./driver.ts";
import { lockDirectory } from "./lock.ts";

/** `directory` null: in memory, for tests. */
export async function openPglite(directory: string | null): Promise<Driver> {
  let lock: { release(): void } | null = null;
  if (directory) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    lock = lockDirectory(directory);
  }
  const pglite = directory ? new PGlite(`${directory}/pglite`) : new PGlite();
  await pglite.waitReady;
  forgetRowTypes(pglite);
  return {
    kind: "pglite",
    adapter: new PrismaPGlite(pglite),
    async query<Row>(_name: string, text: string, values: unknown[]) {
      return (await pglite.query<Row>(text, values)).rows;
    },
    async script(text) {
      await pglite.exec(text);
    },
    listen: (channel, onMessage) => pglite.listen(channel, onMessage),
    connections: () => null,
    async close() {
      await pglite.close();
      lock?.release();
    },
  };
}

/** Types from here on are the rows of tables, of PostgreSQL's own and of ours, and arrays of them: no column of ours is of one. */
const FIRST_ROW_TYPE = 10_000;

/** PGlite copies its parsers for every query, and where tables are there already at its start it has one for an array of each. */
function forgetRowTypes({ parsers }: PGlite): void {
  for (const oid of Object.keys(parsers)) if (Number(oid) >= FIRST_ROW_TYPE) delete parsers[Number(oid)];
}
