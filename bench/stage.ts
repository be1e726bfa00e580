import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Load } from "./load.ts";
import type { Dialect } from "./options.ts";
import { openPostgresDatabase } from "./postgres.ts";
import { type Methods, type Remote, start } from "./process.ts";
import type { Server } from "./server.ts";

export const API_KEY = "mlk_bench_0123456789abcdefghijklmnop";
export const RETURN_URL = "http://app.test/connected";

/** A database, and Moorline on it in a process of its own, fresh for each group of cases. */
export interface Stage {
  dialect: Dialect;
  /** Null: PGlite. */
  databaseUrl: string | null;
  server: Remote<Server>;
  url: string;
  projectId: string;
  load: Remote<Load>;
  /** Of the server, for another one beside it. */
  environment: Record<string, string>;
  /** Starts a process of this folder that ends with the stage. */
  start<M extends Methods>(file: string, env?: Record<string, string>): Remote<M>;
}

/** Sets the stage, lets `play` play, and clears everything away. */
export async function onStage<Result>(dialect: Dialect, play: (stage: Stage) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), "moorline-bench-"));
  const ends: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  function begin<M extends Methods>(file: string, env?: Record<string, string>): Remote<M> {
    const remote = start<M>(file, env);
    ends.push(() => remote.stop());
    return remote;
  }
  try {
    const database = dialect === "postgres" ? await openPostgresDatabase() : null;
    if (database) ends.push(() => database.remove());
    const environment = {
      PORT: "0",
      HOST: "127.0.0.1",
      DATABASE_URL: database?.url ?? "",
      MOORLINE_DATA_DIR: directory,
      MOORLINE_MASTER_KEYS: randomBytes(32).toString("base64"),
      MOORLINE_BOOTSTRAP_API_KEY: API_KEY,
      MOORLINE_ALLOWED_RETURN_URLS: RETURN_URL,
      MOORLINE_EGRESS_ALLOW: "127.0.0.1",
      MOORLINE_SANDBOX: "false",
      MOORLINE_LOG_LEVEL: "error",
    };
    const server = begin<Server>("server.ts", environment);
    const where = await server.call("where", undefined);
    const load = begin<Load>("load.ts");
    return await play({ dialect, databaseUrl: database?.url ?? null, server, ...where, load, environment, start: begin });
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
