import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
const OURS = /^(MOORLINE_.*|DATABASE_URL|NODE_ENV|NODE_OPTIONS|PORT|HOST|VITEST.*)$/;

export interface Run {
  child: ChildProcess;
  stdout: string;
  stderr: string;
  /** Until `pattern` stands in what it printed; throws where it ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** The exit code once it has ended, null where a signal ended it. */
  ended: Promise<number | null>;
}

const running = new Set<ChildProcess>();

/** A program of ours as users run it, in a process of its own, with none of this one's settings. `through`: what starts it. */
export function startProgram(file: string, env: Record<string, string> = {}, through: string[] = [], args: string[] = []): Run {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name)));
  const [command, ...rest] = [...through, process.execPath, file, ...args];
  const child = spawn(command!, rest, { cwd: ROOT, env: { ...inherited, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const waiting = new Set<() => void>();
  const run: Run = {
    child,
    stdout: "",
    stderr: "",
    ended: once(child, "close").then(() => {
      running.delete(child);
      for (const look of waiting) look();
      return child.exitCode;
    }),
    printed: (pattern) =>
      new Promise((fulfil, reject) => {
        const look = () => {
          const found = pattern.exec(run.stdout);
          if (!found && running.has(child)) return;
          waiting.delete(look);
          if (found) fulfil(found);
          else reject(new Error(`${file} ended without printing ${pattern}:\n${run.stdout}\n${run.stderr}`));
        };
        waiting.add(look);
        look();
      }),
  };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]!.setEncoding("utf8").on("data", (text: string) => {
      run[name] += text;
      for (const look of waiting) look();
    });
  }
  return run;
}

/** What a test that failed has left behind. */
export function killPrograms(): void {
  for (const child of running) child.kill("SIGKILL");
}
