import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { type App, type AppOptions, startApp } from "../../src/app.ts";
import { readConfig } from "../../src/config.ts";

export interface TestApp extends App {
  /** The ADMIN key of the first project. */
  adminKey: string;
  dataDirectory: string;
}

export const ADMIN_KEY = "mlk_test_admin_key_0123456789abcdefghij";
export const FRONT_END = "http://app.test";
export const RETURN_URL = "http://app.test/connected";

/** A whole Moorline on ports that the system chooses, on a copy of a migrated PGlite directory (or on `DATABASE_URL`), with the sandbox. */
export async function startTestApp(
  env: Record<string, string> = {},
  options: { dataDirectory?: string; app?: AppOptions } = {},
): Promise<TestApp> {
  const dataDirectory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), "moorline-test-")));
  if (!options.dataDirectory && !env.DATABASE_URL)
    await cp(inject("migratedDirectory"), join(dataDirectory, "database"), { recursive: true });
  const config = readConfig({
    PORT: "0",
    HOST: "127.0.0.1",
    MOORLINE_SANDBOX_PORT: "0",
    MOORLINE_DATA_DIR: dataDirectory,
    MOORLINE_BOOTSTRAP_API_KEY: ADMIN_KEY,
    MOORLINE_CORS_ORIGINS: FRONT_END,
    MOORLINE_ALLOWED_RETURN_URLS: RETURN_URL,
    // Tests that move the clock and count token requests want no other hand in it; those of the job itself switch it on.
    MOORLINE_SKIP_JOBS: "refresh-ahead",
    MOORLINE_LOG_LEVEL: process.env.MOORLINE_LOG_LEVEL ?? "silent",
    ...env,
  });
  const app = await startApp(config, options.app);
  return {
    ...app,
    adminKey: ADMIN_KEY,
    dataDirectory,
    async close() {
      await app.close(1_000);
      if (!options.dataDirectory) await rm(dataDirectory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
}

/** Moves the database's clock, for good or until it is moved back; everything that caches a time is told. */
export async function moveClock(app: Pick<App, "services">, offsetMs: number): Promise<void> {
  const { database } = app.services;
  await database.query(
    "test_move_clock",
    `INSERT INTO "Clock" ("id", "offsetMs") VALUES (1, $1) ON CONFLICT ("id") DO UPDATE SET "offsetMs" = $1`,
    [offsetMs],
  );
  await database.query("test_tell_clock", "SELECT pg_notify('moorline', 'clock:moved')", []);
  await new Promise((resolve) => setTimeout(resolve, 50));
}
