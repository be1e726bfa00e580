import type { TestApp } from "./app.ts";

/** What stands in every table, as a few characters each: whether anything has changed is one statement. */
export type State = Record<string, string>;

/** Rows' own traces of having been looked at, which no change is. */
const TRACES: Record<string, string[]> = {
  ApiKey: ["lastUsedAt"],
  AuthConfig: ["lastUsedAt"],
  Credential: ["lastUsedAt"],
};

/** Allowed events and refused ones are told apart: a refusal leaves a trace of itself, and nothing else does. */
export const DENIALS = "AuditEvent (refused)";

let statement: { app: TestApp; text: string } | null = null;

export async function stateOf(app: TestApp): Promise<State> {
  const { database } = app.services;
  if (statement?.app !== app) statement = { app, text: await statementFor(app) };
  const rows = await database.query<{ name: string; digest: string }>("test_state", statement.text, []);
  return Object.fromEntries(rows.map(({ name, digest }) => [name, digest]));
}

async function statementFor({ services }: TestApp): Promise<string> {
  const tables = await services.database.query<{ name: string }>(
    "test_tables",
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_%' ORDER BY 1",
    [],
  );
  const digest = (table: string) => {
    const columns = (TRACES[table] ?? []).map((column) => ` - '${column}'`).join("");
    const row = columns === "" ? "t::text" : `(to_jsonb(t)${columns})::text`;
    return `count(*)::text || ' ' || coalesce(bit_xor(hashtextextended(${row}, 0)), 0)::text`;
  };
  const parts = tables.map(({ name }) => {
    if (name !== "AuditEvent") return `SELECT '${name}' AS "name", ${digest(name)} AS "digest" FROM "${name}" t`;
    return `SELECT CASE WHEN "outcome" = 'ALLOWED' THEN 'AuditEvent' ELSE '${DENIALS}' END, ${digest(name)} FROM "AuditEvent" t GROUP BY 1`;
  });
  return parts.join(" UNION ALL ");
}

/** The tables that are not as they were. */
export function changed(before: State, after: State): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => before[name] !== after[name]).toSorted();
}
