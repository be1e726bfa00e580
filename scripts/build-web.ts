/**
 * Builds the dashboard and the hosted connect page into `dist/web/`, which the server reads when it starts.
 *
 *   npm run build
 *
 * `npm start` does it by itself where what stands there is not of these sources; in production nothing is ever built.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const CONFIG = "src/web/vite.config.ts";
const DIST = join(ROOT, "dist");

/** Where the built pages are. */
export const PAGES = join(DIST, "web");

/** Whether the development dependencies are installed that building takes. */
export function canBuild(): boolean {
  return [CONFIG, "node_modules/vite", "node_modules/@vitejs/plugin-react"].every((path) => existsSync(join(ROOT, path)));
}

/** Whether the pages are missing, or were built from other sources or packages than these. */
export function isStale(): boolean {
  const stamp = join(PAGES, "build.json");
  if (!existsSync(stamp) || !existsSync(join(PAGES, "index.html"))) return true;
  return (JSON.parse(readFileSync(stamp, "utf8")) as { hash?: string }).hash !== hashOfSources();
}

/** In a process of its own, so that nothing of the bundler stays in this one. Throws an Error with what it printed. */
export async function buildWeb(): Promise<void> {
  const child = spawn(process.execPath, [import.meta.filename], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  const code = await new Promise<number | null>((fulfil, reject) => child.once("error", reject).once("close", fulfil));
  if (code !== 0) throw new Error(printed.trim() || `The build ended with ${code}.`);
}

function hashOfSources(): string {
  const sources = globSync("src/web/**/*", { cwd: ROOT }).filter((path) => statSync(join(ROOT, path)).isFile());
  const hash = createHash("sha256");
  for (const file of ["package-lock.json", "codegen.ts", ...sources.sort()])
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(ROOT, file)))
      .update("\0");
  return hash.digest("hex");
}

/** Beside the old ones first: a server that starts meanwhile reads either those or these, whole. */
async function build(): Promise<void> {
  // Some packages look here for which of their builds is wanted.
  process.env.NODE_ENV = "production";
  const generate = spawnSync(process.execPath, [join(ROOT, "scripts/generate.ts")], { cwd: ROOT, stdio: "inherit" });
  if (generate.status !== 0) throw new Error("The typed documents could not be made (npm run generate).");
  const hash = hashOfSources();
  const outDir = join(DIST, `.web-${process.pid}`);
  mkdirSync(DIST, { recursive: true });
  try {
    const vite = await import("vite");
    await vite.build({ configFile: join(ROOT, CONFIG), build: { outDir, emptyOutDir: true } });
    writeFileSync(join(outDir, "build.json"), `${JSON.stringify({ hash })}\n`);
    rmSync(PAGES, { recursive: true, force: true });
    renameSync(outDir, PAGES);
  } finally {
    rmSync(outDir, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  if (!canBuild()) {
    console.error("Vite is not installed: npm install, with the development dependencies.");
    process.exit(1);
  }
  await build();
}
