import { expect } from "vitest";
import { FAULT_POINTS, type FaultPoint } from "../../src/lib/fault-points.ts";
import { ADMIN_KEY, type TestApp } from "./app.ts";
import { readCredential } from "./oauth.ts";
import type { StrictServer } from "./processes.ts";
import type { Mode } from "./strict-server.ts";
import { expectTruthful, type Grown, growAll } from "./strict-world.ts";

export interface Cell {
  point: FaultPoint;
  mode: Mode;
  /** The token requests that the provider has seen when all is over, and the credential's status then. */
  expected: string;
}

export interface GrownCell extends Cell {
  grown: Grown;
}

/** The rows of one fault in a table whose columns are set off by two spaces or more; the first row names them. Every point has a row. */
export function cellsOf(table: string, fault: string): Cell[] {
  const [head = [], ...rows] = table.split("\n").flatMap((line) => (line.trim() ? [line.trim().split(/ {2,}/)] : []));
  const modes = head.slice(2) as Mode[];
  const own = rows.filter(([name]) => name === fault);
  expect(own.map(([, point]) => point)).toEqual(FAULT_POINTS);
  return own.flatMap(([, point, ...cells]) =>
    modes.map((mode, nth) => ({ point: point as FaultPoint, mode, expected: cells[nth]! })),
  );
}

/** A credential for each cell. */
export async function growCells(app: Pick<TestApp, "url">, table: string, fault: string): Promise<GrownCell[]> {
  const cells = cellsOf(table, fault);
  const grown = await growAll(
    app as TestApp,
    cells.map(({ mode, point }) => ({ mode, name: `${fault}-${point}` })),
  );
  return cells.map((cell, nth) => ({ ...cell, grown: grown[nth]! }));
}

/** What the table says, by the provider's log and by what we show; and behind that, that what we show is true. */
export async function expectTable(app: TestApp, strict: StrictServer, cells: readonly GrownCell[]): Promise<void> {
  const found = await Promise.all(
    cells.map(async ({ point, mode, grown }) => {
      const status = (await readCredential(app, ADMIN_KEY, grown.id))?.status;
      return `${point} ${mode}: ${strict.refreshes(grown.clientId).length} ${status}`;
    }),
  );
  expect(found).toEqual(cells.map(({ point, mode, expected }) => `${point} ${mode}: ${expected}`));
  for (const { grown } of cells) await expectTruthful(app, strict, grown);
}

/** Why the credentials are INVALID that the table says will be. */
export function reasonsOf(app: TestApp, cells: readonly GrownCell[]): Promise<string[]> {
  const invalid = cells.filter(({ expected }) => expected.endsWith("INVALID"));
  return Promise.all(invalid.map(async ({ grown }) => (await readCredential(app, ADMIN_KEY, grown.id))?.statusReason ?? ""));
}
