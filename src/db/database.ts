import { AsyncLocalStorage } from "node:async_hooks";
import type { Driver } from "./driver.ts";
import { PrismaClient } from "./generated/client.ts";
import { openPostgres } from "./postgres.ts";

export { Prisma, PrismaClient } from "./generated/client.ts";

/** Inside {@link Database.transact}: a Prisma client bound to the transaction, and the database's time when it began. */
export type Tx = Parameters<Parameters<PrismaClient["$transaction"]>[0]>[0] & {
  readonly now: Date;
  /** Runs `work` once the transaction has committed, and never where it does not: for what only this process counts or forgets. */
  afterCommit(work: () => void): void;
};

export interface Database extends Pick<Driver, "kind" | "listen" | "script" | "connections"> {
  readonly prisma: PrismaClient;
  query: Driver["query"];
  /**
   * Runs `work` in one transaction, of at most 30 seconds unless told otherwise. No network call belongs inside, and no use of the outer
   * client: that throws. `work` may run again from its beginning where the database has ended it for another transaction's sake.
   */
  transact<T>(work: (tx: Tx) => Promise<T>, options?: { timeoutMs?: number }): Promise<T>;
  /** The database's time, by one query. */
  now(): Promise<Date>;
  close(): Promise<void>;
}

const insideTransaction = new AsyncLocalStorage<true>();

/** On PGlite a query on the outer client inside an open transaction never returns, while PostgreSQL lets it pass: refuse it on both. */
function refuseInsideTransaction(): void {
  if (insideTransaction.getStore()) throw new Error("The outer database client was used inside a transaction: pass `tx` on.");
}

export async function openDatabase(options: {
  url: string | null;
  dataDirectory: string | null;
  poolSize?: number;
  /** How long a transaction may stand still before PostgreSQL ends it. */
  idleInTransactionMs?: number;
}): Promise<Database> {
  const driver = options.url
    ? openPostgres(options.url, options.poolSize ?? 10)
    : await (await import("./pglite.ts")).openPglite(options.dataDirectory);
  const prisma = new PrismaClient({
    adapter: refusingInsideTransaction(driver.adapter),
    transactionOptions: { maxWait: 15_000, timeout: 30_000 },
  });

  // A process that is stopped in the midst of a transaction holds its locks: it loses them, so that the others can go on. (Not a startup
  // parameter, which poolers such as pgbouncer refuse.)
  const idleMs = Math.round(options.idleInTransactionMs ?? 15_000);
  const begin =
    driver.kind === "postgres"
      ? `SELECT moorline_now() AS now, set_config('idle_in_transaction_session_timeout', '${idleMs}', true)`
      : "SELECT moorline_now() AS now";

  async function query<Row>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    refuseInsideTransaction();
    return driver.query<Row>(name, text, values);
  }

  async function now(): Promise<Date> {
    const [row] = await query<{ now: Date }>("now", "SELECT moorline_now() AS now", []);
    return row!.now;
  }

  async function transact<T>(work: (tx: Tx) => Promise<T>, options: { timeoutMs?: number } = {}): Promise<T> {
    refuseInsideTransaction();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await attemptTransaction(work, options);
      } catch (error) {
        // Of two transactions that wait for each other PostgreSQL ends one, whole: that one begins anew.
        if (attempt === ATTEMPTS || !isDeadlock(error)) throw error;
      }
    }
  }

  async function attemptTransaction<T>(work: (tx: Tx) => Promise<T>, { timeoutMs }: { timeoutMs?: number }): Promise<T> {
    const committed: (() => void)[] = [];
    const result = await prisma.$transaction(
      (tx) =>
        insideTransaction.run(true, async () => {
          const [row] = await tx.$queryRawUnsafe<[{ now: Date }]>(begin);
          return work(Object.assign(tx, { now: row.now, afterCommit: (after: () => void) => committed.push(after) }) as Tx);
        }),
      timeoutMs === undefined ? undefined : { timeout: timeoutMs },
    );
    for (const after of committed) after();
    return result;
  }

  async function close(): Promise<void> {
    await prisma.$disconnect();
    await driver.close();
  }

  const { kind, listen, script, connections } = driver;
  return { kind, listen, script, connections, prisma, query, transact, now, close };
}

/** How often a transaction is begun that PostgreSQL ends for another's sake. */
const ATTEMPTS = 3;

/** Prisma's P2034, and what it makes of the same in a statement by hand: PostgreSQL's 40P01 (deadlock) and 40001. */
function isDeadlock(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  return code === "P2034" || (code === "P2010" && /Code: `40(P01|001)`/.test(message ?? ""));
}

/** The same adapter, whose own queries (a transaction has its own way to the database) pass {@link refuseInsideTransaction} first. */
function refusingInsideTransaction(factory: Driver["adapter"]): Driver["adapter"] {
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const connection = await connect();
    for (const method of ["queryRaw", "executeRaw", "startTransaction"] as const) {
      const original = (connection[method] as (...args: unknown[]) => Promise<unknown>).bind(connection);
      Object.assign(connection, {
        [method]: async (...args: unknown[]) => {
          refuseInsideTransaction();
          return original(...args);
        },
      });
    }
    return connection;
  };
  return factory;
}
