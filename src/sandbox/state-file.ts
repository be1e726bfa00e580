import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { AdapterPayload } from "oidc-provider";
import type { Logger } from "../lib/log.ts";
import type { Keys } from "./keys.ts";
import type { Switches } from "./switches.ts";

export interface Note {
  id: string;
  text: string;
  /** ISO 8601. */
  createdAt: string;
}

export interface SavedState {
  version: 1;
  keys: Keys;
  clientSwitches: Record<string, Switches>;
  grantSwitches: Record<string, Switches>;
  disabledClients: string[];
  notes: Record<string, Note[]>;
  models: Record<string, Record<string, { payload: AdapterPayload; expiresAt: number | null }>>;
}

const WRITE_AFTER_MS = 100;

/** Undefined where there is no file yet; throws where there is one that is not the sandbox's. */
export async function readStateFile(path: string): Promise<SavedState | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const state = JSON.parse(text) as SavedState;
    if (state.version === 1) return state;
  } catch {
    // Falls through to the one sentence for every unusable file.
  }
  throw new Error(`The sandbox cannot read its state file ${path}. Delete the file to start with a fresh sandbox.`);
}

/** Writes a snapshot soon after a change, at most one at a time, readable by its owner only. */
export function stateWriter(path: string, snapshot: () => SavedState, log?: Logger) {
  let timer: NodeJS.Timeout | undefined;
  let last: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const temporary = `${path}.${randomUUID()}`;
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(temporary, JSON.stringify(snapshot()), { mode: 0o600 });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      log?.warn({ path, err: error }, "The sandbox could not write its state file; a restart will forget what happened since.");
    }
  }

  function writeNow(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    last = last.then(write);
    return last;
  }

  return {
    schedule(): void {
      timer ??= setTimeout(writeNow, WRITE_AFTER_MS).unref();
    },
    flush: writeNow,
  };
}
