import type { Database } from "../db/database.ts";
import { CHANNEL } from "./announce.ts";

/** What a listener is told: the id that changed, or that something may have been missed and everything is to be read again. */
export type Signal = { id: string } | { resync: true };

export interface Hub {
  /** `topic` as announced, without the id behind the second colon: `request:<id>`, `requests:<projectId>`, `credentials:<projectId>`, `token:<id>`, `origins:changed`. */
  subscribe(topic: string, listener: (signal: Signal) => void): () => void;
  /** How many listeners there are. */
  size(): number;
  /** False while the LISTEN connection is lost: what other processes change is heard of late. */
  connected(): boolean;
  close(): Promise<void>;
}

/** The process's one LISTEN connection, fanned out in process. After a reconnect every listener is told to read its state again. */
export async function openHub(database: Database): Promise<Hub> {
  const listeners = new Map<string, Set<(signal: Signal) => void>>();

  function onMessage(payload: string): void {
    const [kind, first = "", second] = payload.split(":");
    const of = listeners.get(`${kind}:${first}`);
    if (!of) return;
    const signal = { id: second ?? first };
    for (const listener of of) listener(signal);
  }

  let connected = true;

  function onReconnect(): void {
    connected = true;
    for (const of of listeners.values()) for (const listener of of) listener({ resync: true });
  }

  function onLost(): void {
    connected = false;
  }

  const unlisten = await database.listen(CHANNEL, onMessage, onReconnect, onLost);
  return {
    subscribe(topic, listener) {
      const of = listeners.get(topic) ?? new Set();
      listeners.set(topic, of.add(listener));
      return () => {
        of.delete(listener);
        if (of.size === 0 && listeners.get(topic) === of) listeners.delete(topic);
      };
    },
    size: () => [...listeners.values()].reduce((sum, of) => sum + of.size, 0),
    connected: () => connected,
    close: unlisten,
  };
}
