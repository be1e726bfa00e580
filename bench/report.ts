import type { Case, Dialect } from "./options.ts";

/** One line of the output. Null: has no meaning for this case. */
export interface Measure {
  case: Case;
  database: Dialect;
  /** Requests, flows or frames a second. */
  rps: number | null;
  p50Ms: number | null;
  p99Ms: number | null;
  /** To the yardstick of the same run; 1 is as fast. */
  ratio: number | null;
  /** Resident memory of the measured process at the end of the case, in MiB. */
  rssMb: number;
}

/** What has to hold on PostgreSQL. */
const BAR: Partial<Record<Case, { ratio?: number; p99Ms?: number; rssMb?: number }>> = {
  b: { ratio: 0.5 },
  b2: { ratio: 0.4 },
  c: { ratio: 0.25 },
  "e-paced": { p99Ms: 10 },
  "e-burst": { p99Ms: 150 },
  "e-idle": { rssMb: 450 },
};

const WHAT: Record<Case, string> = {
  a: "yardstick: one row, decrypted",
  a20: "yardstick: the rows of c, one JOIN",
  b: "one credential by id (to a)",
  b2: "revealCredential, audited (to a raw read + insert)",
  c: "20 credentials with relations (to a20)",
  d: "complete flows",
  "e-paced": "commit to frame, paced 1,000/s",
  "e-burst": "commit to frame, 1,000 at once",
  "e-idle": "10,000 idle subscriptions",
  "f-direct": "yardstick: a third party's API, called directly",
  f: "the same call through the proxy (to f-direct)",
  "g-1": "refreshes, one process",
  "g-3": "refreshes, three processes",
};

export function jsonLine(measure: Measure): string {
  const rounded = Object.entries(measure).map(([name, value]) => [name, typeof value === "number" ? round(value) : value]);
  return JSON.stringify(Object.fromEntries(rounded));
}

function round(value: number): number {
  return Number(value.toPrecision(value >= 1_000 ? Math.ceil(Math.log10(value)) : 3));
}

export function table(measures: readonly Measure[]): string {
  const head = ["database", "case", "", "per s", "p50 ms", "p99 ms", "ratio", "RSS MB", "bar"];
  const body = measures.map((measure) => [
    measure.database,
    measure.case,
    WHAT[measure.case],
    ...[measure.rps, measure.p50Ms, measure.p99Ms, measure.ratio, measure.rssMb].map((value) =>
      value === null ? "" : String(round(value)),
    ),
    measure.database === "postgres" ? verdict(measure) : "",
  ]);
  const rows = [head, ...body];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const isNumber = (column: number) => column >= 3 && column <= 7;
  return rows
    .map((row) =>
      row.map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join("  "),
    )
    .join("\n");
}

function verdict({ case: name, ratio, p99Ms, rssMb }: Measure): string {
  const bar = BAR[name];
  if (!bar) return "";
  const met =
    (bar.ratio === undefined || (ratio ?? 0) >= bar.ratio) &&
    (bar.p99Ms === undefined || (p99Ms ?? Number.POSITIVE_INFINITY) < bar.p99Ms) &&
    (bar.rssMb === undefined || rssMb < bar.rssMb);
  const text = bar.ratio ? `at least ${bar.ratio}` : bar.p99Ms ? `p99 under ${bar.p99Ms} ms` : `under ${bar.rssMb} MB`;
  return `${text}: ${met ? "met" : "MISSED"}`;
}
