/**
 * Migrations are SQL files in Prisma's layout that our own start applies; this writes and checks them, with no database at hand.
 *
 *   npm run migration -- add_webhooks    writes what `prisma/schema.prisma` has and the migrations have not
 *   npm run migration -- --check         fails where the two differ
 *
 * The difference is worked out by Prisma's schema engine in its WebAssembly build, on two PGlite databases in memory.
 * Functions, triggers and other things that a Prisma schema cannot say go into migrations of their own, written by hand.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from "@prisma/driver-adapter-utils";
import * as engineBindings from "@prisma/schema-engine-wasm/schema_engine_bg";
import { PrismaPGlite } from "pglite-prisma-adapter";

/** What we use of it: TypeScript declares it with the browser's types only. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
};

const PRISMA = resolve(import.meta.dirname, "../prisma");
const MIGRATIONS = join(PRISMA, "migrations");
const SCHEMA = join(PRISMA, "schema.prisma");

const argument = process.argv[2];
if (argument !== "--check" && !/^[a-z0-9][a-z0-9_]{0,60}$/.test(argument ?? "")) {
  console.error(
    "Say what changes, in small letters and underscores: npm run migration -- add_webhooks\nOr check: npm run migration -- --check",
  );
  process.exit(2);
}

const sql = await difference();
if (argument === "--check") check(sql);
else write(argument ?? "", sql);

function check(sql: string | null): void {
  if (!sql) {
    console.log("The migrations and prisma/schema.prisma agree.");
    return;
  }
  console.error(`prisma/schema.prisma has what no migration has. Run: npm run migration -- <name>\n\n${sql}`);
  process.exitCode = 1;
}

function write(name: string, sql: string | null): void {
  if (!sql) {
    console.log("Nothing to write: the migrations and prisma/schema.prisma agree.");
    return;
  }
  const stamp = new Date().toISOString().replace(/\D/g, "").slice(0, 14);
  const folder = join(MIGRATIONS, `${stamp}_${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "migration.sql"), sql);
  console.log(`Wrote prisma/migrations/${stamp}_${name}/migration.sql. Read it before you commit it.`);
}

/** The SQL that leads from the migrations' present state to the schema; null where there is none. */
async function difference(): Promise<string | null> {
  const databases: PGlite[] = [];
  const engine = await openEngine(databases);
  try {
    const result = await engine.diff({
      from: { tag: "migrations", ...migrationList() },
      to: { tag: "schemaDatamodel", files: [{ path: SCHEMA, content: readFileSync(SCHEMA, "utf8") }] },
      script: true,
      exitCode: true,
      filters: { externalTables: [], externalEnums: [] },
    });
    return result.exitCode === 2 ? (result.stdout ?? "") : null;
  } finally {
    engine.free();
    for (const database of databases) await database.close();
  }
}

/** The package's main entry imports its .wasm as a module, which Node does not do with these bindings; so they are put together here. */
async function openEngine(databases: PGlite[]): Promise<engineBindings.SchemaEngine> {
  const binary = createRequire(import.meta.url)
    .resolve("@prisma/schema-engine-wasm/schema_engine_bg")
    .replace(/\.js$/, ".wasm");
  const { instance } = await WebAssembly.instantiate(readFileSync(binary), { "./schema_engine_bg.js": engineBindings });
  engineBindings.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();

  const connect = (): Promise<SqlDriverAdapter> => {
    const database = new PGlite();
    databases.push(database);
    return new PrismaPGlite(database).connect() as Promise<SqlDriverAdapter>;
  };
  const factory: SqlMigrationAwareDriverAdapterFactory = {
    provider: "postgres",
    adapterName: "moorline-migration-pglite",
    connect,
    connectToShadowDb: connect,
  };
  const datamodels: [string, string][] = [[SCHEMA, readFileSync(SCHEMA, "utf8")]];
  return engineBindings.SchemaEngine.new({ datamodels }, () => {}, bindMigrationAwareSqlAdapterFactory(factory));
}

function migrationList(): engineBindings.MigrationList {
  const names = existsSync(MIGRATIONS) ? readdirSync(MIGRATIONS, { withFileTypes: true }) : [];
  return {
    baseDir: MIGRATIONS,
    lockfile: { path: "migration_lock.toml", content: 'provider = "postgresql"\n' },
    shadowDbInitScript: "",
    migrationDirectories: names
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort()
      .map((path) => ({
        path,
        migrationFile: {
          path: "migration.sql",
          content: { tag: "ok", value: readFileSync(join(MIGRATIONS, path, "migration.sql"), "utf8") },
        },
      })),
  };
}
