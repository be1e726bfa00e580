import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { openDatabase } from "../../src/db/database.ts";
import { migrate } from "../../src/db/migrate.ts";
import { type Postgres, startPostgres } from "./postgres.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** A PGlite directory with every migration applied: a copy of it starts ten times faster than an empty one. */
    migratedDirectory: string;
    /** Where `database.ts` asks for a PostgreSQL database. */
    postgresDoor: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "moorline-template-"));
  const database = await openDatabase({ url: null, dataDirectory: directory });
  await migrate(database);
  await database.close();
  project.provide("migratedDirectory", directory);
  const postgres = await openPostgresDoor();
  project.provide("postgresDoor", postgres.url);
  return async () => {
    await postgres.close();
    await rm(directory, { recursive: true, force: true });
  };
}

/** One PostgreSQL server for all test files of a run, whose workers come and go: started here when the first of them asks. */
async function openPostgresDoor(): Promise<{ url: string; close(): Promise<void> }> {
  let started: Promise<Postgres> | null = null;
  const door = createServer(async (_request, response) => {
    try {
      started ??= startPostgres();
      response.end(await (await started).createDatabase());
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  }).listen(0, "127.0.0.1");
  await once(door, "listening");
  return {
    url: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
    async close() {
      door.close();
      door.closeAllConnections();
      await (await started?.catch(() => null))?.stop();
    },
  };
}
