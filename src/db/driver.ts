import type { SqlDriverAdapterFactory } from "@prisma/client/runtime/client";

/** What a dialect's driver gives: see `postgres.ts` and `pglite.ts`. */
export interface Driver {
  kind: "postgres" | "pglite";
  adapter: SqlDriverAdapterFactory;
  /** One statement by hand, prepared once under `name` and reused. For the few hottest reads, and for what Prisma cannot say. */
  query<Row>(name: string, text: string, values: unknown[]): Promise<Row[]>;
  /** Several statements at once, without parameters: migrations. */
  script(text: string): Promise<void>;
  /**
   * Hears every NOTIFY on one channel. `onLost` is called where the connection is lost, `onReconnect` when it is back: something may have
   * been missed.
   */
  listen(
    channel: string,
    onMessage: (payload: string) => void,
    onReconnect: () => void,
    onLost: () => void,
  ): Promise<() => Promise<void>>;
  /** How its connections stand now; null: there is but one. */
  connections(): Connections | null;
  close(): Promise<void>;
}

export interface Connections {
  open: number;
  idle: number;
  /** Callers who wait for one. */
  waiting: number;
}
