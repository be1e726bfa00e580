/**
 * Makes what is generated and not committed: the Prisma client and the Pothos types from `prisma/schema.prisma`, the typed
 * documents from `schema.graphql`. `npm install` ends with it; run `npm run generate` after changing the Prisma schema.
 * Does nothing where its inputs are those of the last run.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");

interface Step {
  name: string;
  /** Files that decide the outcome. */
  inputs: string[];
  /** Files that show that it has been done. */
  outputs: string[];
  command: string[];
}

const STEPS: Step[] = [
  {
    name: "prisma",
    inputs: ["prisma/schema.prisma", "node_modules/prisma/package.json", "node_modules/@pothos/plugin-prisma/package.json"],
    outputs: ["src/db/generated/client.ts", "src/graphql/generated/pothos-types.ts"],
    command: ["node_modules/prisma/build/index.js", "generate", "--no-hints"],
  },
  {
    name: "codegen",
    inputs: [
      "schema.graphql",
      "codegen.ts",
      "node_modules/@graphql-codegen/client-preset/package.json",
      ...globSync(["test/**/*.ts", "scripts/**/*.ts", "bench/**/*.ts", "src/web/**/*.graphql"], { cwd: ROOT }).sort(),
    ],
    outputs: [
      "generated/gql/index.ts",
      "generated/client-gql/graphql.ts",
      "generated/web/graphql.ts",
      "generated/connect/graphql.ts",
    ],
    command: ["node_modules/@graphql-codegen/cli/esm/bin.js", "--config", "codegen.ts", "--silent"],
  },
];

const force = process.argv.includes("--force");
for (const step of STEPS) {
  // The schema is printed from the code, so a checkout in the making may not have one; an image without test tools has no codegen.
  if (![...step.inputs, step.command[0] ?? ""].every((file) => existsSync(join(ROOT, file)))) continue;
  const stamp = join(ROOT, "generated", `${step.name}.hash`);
  const hash = hashOf(step.inputs);
  const done =
    step.outputs.every((file) => existsSync(join(ROOT, file))) && existsSync(stamp) && readFileSync(stamp, "utf8") === hash;
  if (done && !force) continue;
  run(step);
  mkdirSync(join(ROOT, "generated"), { recursive: true });
  writeFileSync(stamp, hash);
}

function hashOf(files: string[]): string {
  const hash = createHash("sha256");
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(ROOT, file)))
      .update("\0");
  return hash.digest("hex");
}

function run(step: Step): void {
  const result = spawnSync(process.execPath, step.command, {
    cwd: ROOT,
    encoding: "utf8",
    env: {
      ...process.env,
      // Generating needs no schema engine, but Prisma looks for one and would download it. Any program will do.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
      CHECKPOINT_DISABLE: "1",
    },
  });
  if (result.status === 0) return;
  console.error(`Generating failed (${step.name}):\n${result.stdout}${result.stderr}`);
  process.exit(1);
}
