import { AsyncLocalStorage } from "node:async_hooks";
import type { Driver } from "./driver.ts";
import { PrismaClient } from "./generated/client.ts";
import { openPostgres } from "./postgres.ts";

export { Prisma, PrismaClient } from "./generated/client.ts";

/** Inside {@link Database.transact}: a Prisma client bound to the transaction, and the database's time when it began. */
export type Tx = Parameters<Parameters<PrismaClient["$transaction"]>[0]>[0] & { readonly now: Date };

export interface Database extends Pick<Driver, "kind" | "listen" | "script"> {
  readonly prisma: PrismaClient;
  query: Driver["query"];
  /** Runs `work` in one transaction. No network call belongs inside, and no use of the outer client: that throws. */
  transact<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
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
}): Promise<Database> {
  const driver = options.url
    ? openPostgres(options.url, options.poolSize ?? 10)
    : await (await import("./pglite.ts")).openPglite(options.dataDirectory);
  const prisma = new PrismaClient({
    adapter: refusingInsideTransaction(driver.adapter),
    transactionOptions: { maxWait: 15_000, timeout: 30_000 },
  });

  async function query<Row>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    refuseInsideTransaction();
    return driver.query<Row>(name, text, values);
  }

  async function now(): Promise<Date> {
    const [row] = await query<{ now: Date }>("now", "SELECT moorline_now() AS now", []);
    return row!.now;
  }

  function transact<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    refuseInsideTransaction();
    return prisma.$transaction((tx) =>
      insideTransaction.run(true, async () => {
        const [row] = await tx.$queryRaw<[{ now: Date }]>`SELECT moorline_now() AS now`;
        return work(Object.assign(tx, { now: row.now }) as Tx);
      }),
    );
  }

  async function close(): Promise<void> {
    await prisma.$disconnect();
    await driver.close();
  }

  return { kind: driver.kind, listen: driver.listen, script: driver.script, prisma, query, transact, now, close };
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
