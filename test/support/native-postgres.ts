import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { startPostgres } from "./postgres.ts";

export interface PostgresLogin {
  port: number;
  stop(): Promise<void>;
}

const ROLES = [
  "CREATE ROLE ada LOGIN PASSWORD 'correct horse'",
  "CREATE DATABASE closed",
  "REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
];

/** A PostgreSQL server that asks for passwords: Ada's is `correct horse`, and the database `closed` is not for her. */
export async function startPostgresWithLogins(
  options: { certificate?: { key: string; cert: string } } = {},
): Promise<PostgresLogin> {
  const directory = mkdtempSync(join(tmpdir(), "moorline-logins-"));
  const write = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text, { mode: 0o600 });
    if (process.getuid?.() === 0) chownSync(path, 65_534, 65_534);
    return path;
  };
  if (process.getuid?.() === 0) chownSync(directory, 65_534, 65_534);
  const kind = options.certificate ? "hostssl" : "host";
  const access = `host all postgres 127.0.0.1/32 trust\n${kind} all all samehost scram-sha-256\n`;
  const server = await startPostgres({
    hba_file: write("pg_hba.conf", access),
    max_connections: "20",
    shared_buffers: "16MB",
    log_min_messages: "panic",
    ...(options.certificate && {
      ssl: "on",
      ssl_cert_file: write("server.crt", options.certificate.cert),
      ssl_key_file: write("server.key", options.certificate.key),
    }),
  });
  const url = await server.createDatabase();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const sql of ROLES) await client.query(sql);
  await client.end();
  return {
    port: Number(new URL(url).port),
    async stop() {
      await server.stop();
      rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
}
