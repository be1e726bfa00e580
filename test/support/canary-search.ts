import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { App } from "../../src/app.ts";

/**
 * Canaries: recognisable secrets, and the search for them. A piece of 16 characters is enough to find one, as it stands, in base64 at any
 * alignment, in hexadecimal; percent-encoding and escapes of JSON, HTML and SQL leave letters and digits as they are.
 */
const PIECE = 16;

export interface Canaries {
  /** A new secret. `shape`: what is put around it. */
  mint(kind: string, shape?: (core: string) => string): string;
  /** One that somebody else has made. `shown`: so many characters of its beginning are no secret. */
  add(kind: string, secret: string, shown?: number): string;
  /** By what they are. */
  kinds(): string[];
  /** Every secret of which a piece stands in the text, as `<kind>: <some of what stands there>`. */
  find(text: string): string[];
}

export function createCanaries(): Canaries {
  const kindOf = new Map<string, string>();
  const kinds = new Set<string>();

  function add(kind: string, secret: string, shown = 0): string {
    kinds.add(kind);
    for (const core of secret.slice(shown).match(/[\w-]{16,}/g) ?? []) {
      for (const form of formsOf(core)) {
        for (let at = 0; at + PIECE <= form.length; at += 1) kindOf.set(form.slice(at, at + PIECE), kind);
      }
    }
    return secret;
  }

  function find(text: string): string[] {
    const found = new Map<string, string>();
    for (const run of text.matchAll(/[\w+/=.~-]{16,}/g)) {
      for (let at = 0; at + PIECE <= run[0].length; at += 1) {
        const kind = kindOf.get(run[0].slice(at, at + PIECE));
        if (kind === undefined || found.has(kind)) continue;
        const place = run.index + at;
        found.set(kind, text.slice(Math.max(0, place - 120), place + 60));
      }
    }
    return [...found].map(([kind, context]) => `${kind}: …${context}…`);
  }

  return {
    mint: (kind, shape = (core) => core) => add(kind, shape(`canary${randomBytes(21).toString("hex")}`)),
    add,
    kinds: () => [...kinds].toSorted(),
    find,
  };
}

/** The ways in which a text is written by accident. */
function formsOf(core: string): string[] {
  const bytes = Buffer.from(core);
  const encoded = [0, 1, 2].flatMap((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), bytes]);
    // What depends on the neighbours is left out.
    const whole = padded
      .toString("base64")
      .slice(shift === 0 ? 0 : shift + 1)
      .replace(/.?.?=*$/, "");
    return [whole, whole.replaceAll("+", "-").replaceAll("/", "_")];
  });
  const hex = bytes.toString("hex");
  return [core, ...encoded, hex, hex.toUpperCase()];
}

/** Every row of every table as text; bytes as hexadecimal and, in case a secret was stored as it is, as text. */
export async function everyTable(app: Pick<App, "services">): Promise<{ table: string; text: string }[]> {
  const { database } = app.services;
  const tables = await database.query<{ name: string }>(
    "test_tables_all",
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    [],
  );
  const dumps = [];
  for (const { name } of tables) {
    const rows = await database.query<{ row: string }>(
      `test_dump_${name}`,
      `SELECT to_jsonb(t)::text AS row FROM "${name}" t`,
      [],
    );
    const text = rows.map(({ row }) => row).join("\n");
    const bytes = text.replace(/\\\\x([0-9a-f]+)/g, (_, hex) => Buffer.from(hex, "hex").toString("latin1"));
    dumps.push({ table: name, text: `${text}\n${bytes}` });
  }
  return dumps;
}

/** Every file below a folder, those aside whose names are given: what a deleted row has left on the disk is there too. */
export function everyFile(folder: string, without: readonly string[] = []): { file: string; text: string }[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && !without.includes(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ file, text: readFileSync(file, "latin1") }));
}
