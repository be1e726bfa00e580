import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { buildWeb, isStale, PAGES } from "../../scripts/build-web.ts";
import { openDatabase } from "../../src/db/database.ts";
import { migrate } from "../../src/db/migrate.ts";
import { type Postgres, startPostgres } from "./postgres.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** A PGlite directory with every migration applied: a copy of it starts ten times faster than an empty one. */
    migratedDirectory: string;
    /** Where `database.ts` asks for a PostgreSQL database. */
    postgresDoor: string;
    /** Where `built-pages.ts` asks for the directory of the built pages. */
    pagesDoor: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = mkdtempSync(join(memoryDirectory() ?? tmpdir(), "moorline-tests-"));
  // PostgreSQL does not run as root: whom it runs as must get in.
  chmodSync(home, 0o1777);
  // For the workers and for every process that a test starts.
  process.env.TMPDIR = home;
  process.env.NODE_COMPILE_CACHE ??= join(home, "compiled");
  const directory = mkdtempSync(join(home, "template-"));
  const database = await openDatabase({ url: null, dataDirectory: directory });
  await migrate(database);
  await database.close();
  project.provide("migratedDirectory", directory);
  const postgres = await openPostgresDoor();
  project.provide("postgresDoor", postgres.url);
  const pages = await openPagesDoor();
  project.provide("pagesDoor", pages.url);
  return async () => {
    await postgres.close();
    pages.close();
    rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
}

const GIB = 1024 ** 3;

/**
 * A database is a thousand files, and each app of a test has one of its own: files in memory are made twenty times faster. Null where there
 * is no such directory, too little room, or nothing in it may be executed, as PostgreSQL must be.
 */
function memoryDirectory(): string | null {
  const shared = "/dev/shm";
  try {
    const { bavail, bsize } = statfsSync(shared);
    if (bavail * bsize < 6 * GIB || process.availableMemory() < 10 * GIB) return null;
    const probe = mkdtempSync(join(shared, "moorline-probe-"));
    try {
      writeFileSync(join(probe, "probe"), "#!/bin/sh\n", { mode: 0o755 });
      return spawnSync(join(probe, "probe")).status === 0 ? shared : null;
    } finally {
      rmSync(probe, { recursive: true });
    }
  } catch {
    return null;
  }
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

/** The dashboard and the hosted page, built once for a run, and only where a test asks for them. */
async function openPagesDoor(): Promise<{ url: string; close(): void }> {
  let built: Promise<void> | null = null;
  const door = createServer(async (_request, response) => {
    try {
      built ??= isStale() ? buildWeb() : Promise.resolve();
      await built;
      response.end(PAGES);
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  }).listen(0, "127.0.0.1");
  await once(door, "listening");
  return {
    url: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
    close() {
      door.close();
      door.closeAllConnections();
    },
  };
}
