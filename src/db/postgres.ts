import { createHash } from "node:crypto";
import { PrismaPg } from "@prisma/adapter-pg";
import pg from "pg";
import type { Driver } from "./driver.ts";

/** Prepared statements per connection, at most: Prisma's query shapes are few, but a filter can vary without end. */
const MAX_PREPARED = 500;

export function openPostgres(url: string, poolSize: number): Driver {
  const pool = new pg.Pool({ connectionString: url, max: poolSize, connectionTimeoutMillis: 10_000 });
  // An idle connection that breaks is replaced at the next query, which reports what is wrong.
  pool.on("error", () => {});
  return {
    kind: "postgres",
    adapter: new PrismaPg(pool, { statementNameGenerator: boundedStatementNames() }),
    async query(name, text, values) {
      return (await pool.query({ name: `m_${name}`, text, values })).rows;
    },
    async script(text) {
      await pool.query(text);
    },
    listen: (...heard) => listen(url, ...heard),
    connections: () => ({ open: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  };
}

function boundedStatementNames(): (query: { sql: string }) => string {
  const names = new Map<string, string>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined) return known;
    // An empty name is PostgreSQL's unnamed statement: parsed anew, kept nowhere.
    if (names.size >= MAX_PREPARED) return "";
    const name = `p_${createHash("sha256").update(sql).digest("base64url").slice(0, 24)}`;
    names.set(sql, name);
    return name;
  };
}

/** A connection of its own that listens for good: it comes back after every loss, and then says so. */
async function listen(
  url: string,
  channel: string,
  onMessage: (payload: string) => void,
  onReconnect: () => void,
  onLost: () => void,
): Promise<() => Promise<void>> {
  let stopped = false;
  let client: pg.Client | null = null;
  let retry: NodeJS.Timeout | null = null;

  async function connect(): Promise<void> {
    const next = new pg.Client({ connectionString: url, keepAlive: true, application_name: "moorline-listen" });
    next.on("notification", (message) => onMessage(message.payload ?? ""));
    next.on("error", () => {});
    next.on("end", () => {
      if (stopped || client !== next) return;
      onLost();
      scheduleReconnect(200);
    });
    await next.connect();
    await next.query(`LISTEN ${channel}`);
    client = next;
    if (stopped) await next.end();
  }

  function scheduleReconnect(delayMs: number): void {
    client = null;
    retry = setTimeout(async () => {
      try {
        await connect();
        onReconnect();
      } catch {
        if (!stopped) scheduleReconnect(Math.min(delayMs * 2, 5_000));
      }
    }, delayMs);
  }

  await connect();
  return async () => {
    stopped = true;
    if (retry) clearTimeout(retry);
    await client?.end();
  };
}
