import { randomBytes } from "node:crypto";
import pg from "pg";
import { startPostgres } from "../test/support/postgres.ts";

export interface BenchDatabase {
  url: string;
  /** Drops it. */
  remove(): Promise<void>;
}

/** As durable as in production: a commit is on disk before it is answered. */
const DURABLE = { fsync: "on", full_page_writes: "on" };

/** An empty database of the benchmark's own: in the server that DATABASE_URL names, or in one that npm has brought. */
export async function openPostgresDatabase(): Promise<BenchDatabase> {
  const given = process.env.DATABASE_URL;
  if (!given) {
    const server = await startPostgres(DURABLE);
    return { url: await server.createDatabase(), remove: () => server.stop() };
  }
  const name = `moorline_bench_${randomBytes(6).toString("hex")}`;
  await administer(given, `CREATE DATABASE ${name}`);
  const url = new URL(given);
  url.pathname = `/${name}`;
  return { url: url.href, remove: () => administer(given, `DROP DATABASE ${name} WITH (FORCE)`) };
}

async function administer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}
