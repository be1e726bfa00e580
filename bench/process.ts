import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What a child process can be asked, by name. Arguments and answers travel as structured clones. */
export type Methods = Record<string, (argument: never) => unknown>;

export interface Remote<M extends Methods> {
  call<Name extends keyof M & string>(name: Name, argument: Parameters<M[Name]>[0]): Promise<Awaited<ReturnType<M[Name]>>>;
  stop(): Promise<void>;
}

interface Question {
  id: number;
  name: string;
  argument: unknown;
}

interface Answer {
  id: number;
  value?: unknown;
  error?: string;
}

/** Starts a file of this folder in a process of its own. */
export function start<M extends Methods>(file: string, env: Record<string, string> = {}): Remote<M> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(path, { serialization: "advanced", env: { ...process.env, ...env } });
  const waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  let last = 0;
  child.on("message", (message: Answer) => {
    const { resolve, reject } = waiting.get(message.id)!;
    waiting.delete(message.id);
    if (message.error === undefined) resolve(message.value as never);
    else reject(new Error(`${file}: ${message.error}`));
  });
  child.on("exit", (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`${file} ended (${signal ?? code}).`));
    waiting.clear();
  });
  return {
    call(name, argument) {
      return new Promise((resolve, reject) => {
        last += 1;
        waiting.set(last, { resolve, reject });
        child.send({ id: last, name, argument } satisfies Question);
      });
    },
    stop: () => end(child),
  };
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const kill = setTimeout(() => child.kill("SIGKILL"), 15_000);
    child.once("exit", () => {
      clearTimeout(kill);
      resolve();
    });
    // The child's channel closes, and it ends by itself: see `serve`.
    child.disconnect();
  });
}

/** The child's side: answers until the parent lets go, then cleans up and exits. */
export function serve(methods: Methods, cleanUp: () => Promise<unknown> = async () => {}): void {
  process.on("message", async ({ id, name, argument }: Question) => {
    let answer: Answer;
    try {
      answer = { id, value: await methods[name]!(argument as never) };
    } catch (error) {
      answer = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    if (process.connected) process.send!(answer);
  });
  process.on("disconnect", () => {
    cleanUp().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  // Ctrl-C reaches the whole group: the parent decides.
  process.on("SIGINT", () => {});
}
