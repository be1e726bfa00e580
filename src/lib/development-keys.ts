import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StartError } from "./start-error.ts";

/**
 * The key-encryption keys of a development start, made the first time and kept in a file that only its owner can read: one base64 key
 * a line, the first one active.
 */
export function developmentKeys(directory: string): Buffer[] {
  const file = join(directory, "master-keys");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    // `wx` fails where the file is there already: of two starts at once one makes the key.
    writeFileSync(file, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const keys = readFileSync(file, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => Buffer.from(line, "base64"));
  if (keys.length === 0 || keys.some((key) => key.length !== 32)) {
    throw new StartError(
      `${file} holds no valid keys. Restore it, or set MOORLINE_MASTER_KEYS; without the right key the database cannot be opened.`,
    );
  }
  return keys;
}
