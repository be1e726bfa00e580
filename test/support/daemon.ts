import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, chownSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { closedPort } from "./native.ts";

export interface Daemon {
  port: number;
  directory: string;
  stop(): Promise<void>;
}

/** Where a server of this machine lies; null: it is not installed. With `REQUIRE_SERVERS` set, that is an error, so that nothing is skipped unseen. */
export function findBinary(...names: string[]): string | null {
  const found = findOptional(...names);
  if (!found && process.env.REQUIRE_SERVERS)
    throw new Error(`Install ${names.join(" or ")}: REQUIRE_SERVERS says that no test may be skipped.`);
  return found;
}

/** The path of the first of them that is there. */
function findOptional(...names: string[]): string | null {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin", "/sbin"];
  for (const path of names.flatMap((name) => folders.map((folder) => resolve(folder, name)))) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there.
    }
  }
  return null;
}

/** Many servers refuse to run as root: there they run as nobody. */
export function unprivileged(): { uid: number; gid: number } | null {
  return process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : null;
}

/** A file that such a server may read, and nobody else. */
export function ownedFile(path: string, text: string): void {
  const owner = unprivileged();
  writeFileSync(path, text, { mode: 0o600 });
  if (owner) chownSync(path, owner.uid, owner.gid);
}

/** A server of its own on a free port, in a directory that goes with it. */
export async function startDaemon(
  binary: string,
  flags: (port: number, directory: string) => string[],
  options: {
    prepare?: (directory: string, port: number) => Promise<void> | void;
    asRoot?: boolean;
    env?: Record<string, string>;
  } = {},
): Promise<Daemon> {
  const directory = mkdtempSync(join(tmpdir(), "moorline-daemon-"));
  const owner = options.asRoot ? null : unprivileged();
  if (owner) chownSync(directory, owner.uid, owner.gid);
  const port = await closedPort();
  await options.prepare?.(directory, port);
  const server = spawn(binary, flags(port, directory), {
    ...owner,
    cwd: directory,
    stdio: "ignore",
    // A group of its own, so that what the server starts goes with it.
    detached: true,
    env: { ...process.env, HOME: directory, ...options.env },
  });
  const kill = () => {
    try {
      if (server.pid) process.kill(-server.pid, "SIGKILL");
    } catch {
      // All gone already.
    }
  };
  process.once("exit", kill);
  async function stop(): Promise<void> {
    process.off("exit", kill);
    if (server.exitCode === null && server.signalCode === null) {
      const gone = once(server, "exit");
      kill();
      await gone;
    }
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
  try {
    await accepting(port, server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, directory, stop };
}

/** Once something takes connections there. */
export async function accepting(port: number, server?: ChildProcess): Promise<void> {
  let failure: Error | null = null;
  server?.on("error", (error) => {
    failure = error;
  });
  for (const deadline = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (failure) throw failure;
    if (server && server.exitCode !== null) throw new Error(`The server did not start: exit code ${server.exitCode}.`);
    const socket = net.connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    } finally {
      socket.destroy();
    }
  }
}
