import { parseArgs } from "node:util";

export const CASES = ["a", "a20", "b", "b2", "c", "d", "e-paced", "e-burst", "e-idle", "f-direct", "f", "g-1", "g-3"] as const;
export type Case = (typeof CASES)[number];
export type Dialect = "postgres" | "pglite";

/** How much of everything: a `--quick` run says whether the benchmark works, not how fast Moorline is. */
export interface Extent {
  connections: number;
  rounds: number;
  warmUpMs: number;
  roundMs: number;
  flowMs: number;
  credentials: number;
  subscribers: number;
  idle: number;
}

export interface Options {
  json: boolean;
  cases: ReadonlySet<Case>;
  databases: Dialect[];
  extent: Extent;
  /** A folder for CPU profiles of the server, one for each of (b), (b2) and (c); null: none are made. */
  profile: string | null;
}

const FULL: Extent = {
  connections: 50,
  rounds: 5,
  warmUpMs: 5_000,
  roundMs: 4_000,
  flowMs: 8_000,
  credentials: 1_000,
  subscribers: 1_000,
  idle: 10_000,
};
const QUICK: Extent = { ...FULL, rounds: 3, warmUpMs: 1_500, roundMs: 1_500, flowMs: 3_000 };

const USAGE = `npm run bench -- [--json] [--quick] [--database postgres|pglite|both] [--case ${CASES.join("|")}]… [--profile FOLDER]

PostgreSQL: DATABASE_URL's, or one of the benchmark's own. --case may be given several times, or with commas.
--profile writes a CPU profile of the server under b, b2 and c, from a round of its own.`;

/** Ends the process with the usage where the arguments are wrong. */
export function readOptions(args: string[]): Options {
  try {
    const { values } = parseArgs({
      args,
      options: {
        json: { type: "boolean", default: false },
        quick: { type: "boolean", default: false },
        database: { type: "string", default: "both" },
        profile: { type: "string" },
        case: { type: "string", multiple: true, default: [] },
      },
    });
    const cases = values.case.flatMap((list) => list.split(","));
    const unknown = cases.filter((name) => !(CASES as readonly string[]).includes(name));
    if (unknown.length > 0) throw new Error(`There is no case ${unknown.join(", ")}.`);
    if (!["postgres", "pglite", "both"].includes(values.database)) throw new Error(`There is no database ${values.database}.`);
    return {
      json: values.json,
      cases: new Set(cases.length > 0 ? (cases as Case[]) : CASES),
      databases: values.database === "both" ? ["postgres", "pglite"] : [values.database as Dialect],
      extent: values.quick ? QUICK : FULL,
      profile: values.profile ?? null,
    };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}
