/**
 * Fails where an operation in the tests, the demo or the benchmark does not fit `schema.graphql`: makes the typed documents anew.
 * That the code which uses them fits, too, is the type check's to say.
 */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const run = spawnSync(process.execPath, ["node_modules/@graphql-codegen/cli/esm/bin.js", "--config", "codegen.ts"], {
  cwd: ROOT,
  encoding: "utf8",
});
if (run.status === 0) console.log("Every typed document fits schema.graphql.");
else {
  console.error(`A document does not fit schema.graphql:\n${run.stdout}${run.stderr}`);
  process.exitCode = 1;
}
