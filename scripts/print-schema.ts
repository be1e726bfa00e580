/**
 * The schema is written in code and printed to `schema.graphql`, where a change of the public API shows in review.
 *
 *   npm run schema          writes the file
 *   npm run schema:check    fails where the file is not what the code says
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { lexicographicSortSchema, printSchema } from "graphql";
import { schema } from "../src/graphql/schema.ts";

const FILE = resolve(import.meta.dirname, "../schema.graphql");
const printed = `${printSchema(lexicographicSortSchema(schema))}\n`;

if (process.argv.includes("--check")) {
  const committed = existsSync(FILE) ? readFileSync(FILE, "utf8") : "";
  if (committed === printed) console.log("schema.graphql is what the code says.");
  else {
    console.error(
      `schema.graphql is not what the code says, from line ${firstDifference(committed, printed)} on. Run: npm run schema`,
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(FILE, printed);
  console.log("Wrote schema.graphql.");
}

function firstDifference(left: string, right: string): number {
  const lines = right.split("\n");
  const at = left.split("\n").findIndex((line, index) => line !== lines[index]);
  return (at < 0 ? left.split("\n").length : at) + 1;
}
