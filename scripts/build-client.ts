/**
 * Builds the browser client into dist/client, or the folder that is named: index.js and react.js by Vite, and their types, which import nothing from
 * outside of it.
 */
import { spawnSync } from "node:child_process";
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const ROOT = resolve(import.meta.dirname, "..");
const SOURCE = join(ROOT, "src/web/client");
const OUT = resolve(process.argv[2] ?? join(ROOT, "dist/client"));
const DECLARATIONS = join(OUT, ".declarations");

await build({ configFile: join(SOURCE, "vite.config.ts"), build: { outDir: OUT } });
const types = spawnSync(
  process.execPath,
  [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", SOURCE, "--outDir", DECLARATIONS],
  { encoding: "utf8" },
);
if (types.status !== 0) throw new Error(`The types of the browser client could not be made:\n${types.stdout}${types.stderr}`);
const pending = ["index", "react"];
for (const name of pending) {
  const file = name === "schema" ? "generated/client-gql/graphql.d.ts" : `src/web/client/${name}.d.ts`;
  const text = flat(readFileSync(join(DECLARATIONS, file), "utf8"));
  writeFileSync(join(OUT, `${name}.d.ts`), text);
  for (const [, next = ""] of text.matchAll(/from "\.\/([\w-]+)\.js"/g)) if (!pending.includes(next)) pending.push(next);
}
rmSync(DECLARATIONS, { recursive: true });
cpSync(join(ROOT, "LICENSE"), join(OUT, "LICENSE"));

const bytes = (name: string) => gzipSync(readFileSync(join(OUT, name)), { level: 9 }).length;
for (const file of globSync("*.js", { cwd: OUT }).sort()) console.log(`${file}: ${(bytes(file) / 1024).toFixed(1)} kB gzipped`);

/** A declaration as it is where all of them lie in one folder; of the schema, the types alone, without the documents. */
function flat(text: string): string {
  const documents = text.indexOf("export declare class TypedDocumentString");
  return (documents < 0 ? text : text.slice(0, documents))
    .replace(/^import type .* from '@graphql-typed-document-node\/core';\n/m, "")
    .replace(/(["'])(?:\.\.\/)+generated\/client-gql\/graphql\.ts\1/g, '"./schema.js"')
    .replace(/(["'])\.\/([\w-]+)\.ts\1/g, '"./$2.js"');
}
