import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What one call brought along that says who it is. */
export interface Seen {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: Record<string, string>;
}

export interface StaticApi {
  url: string;
  /** Every call in order. */
  seen: Seen[];
  /** What `/me` takes: looks at a call and says whose it is; null: 401. */
  accept(call: Seen): string | null;
  /** Answers `/me` with this status whatever comes; null: as `accept` says. */
  force: number | null;
  /** What an answer waits for once it is decided; null: nothing. */
  hold: Promise<void> | null;
  close(): Promise<void>;
}

/** A web API of one's own on this machine: `/me` tells whose the key is, everything else echoes. */
export async function startStaticApi(): Promise<StaticApi> {
  const server = createServer((request, response) => void answer(api, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const api: StaticApi = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    accept: () => null,
    force: null,
    hold: null,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return api;
}

async function answer(api: StaticApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", api.url);
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  const call = { method: request.method ?? "", path: url.pathname, query: Object.fromEntries(url.searchParams), headers };
  api.seen.push(call);
  const whose = api.accept(call);
  const status = api.force ?? (whose === null ? 401 : 200);
  await api.hold;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(status === 200 ? { user: { id: whose, name: `Name of ${whose}` } } : { error: "refused" }));
}

/** Takes the key `good-<whose>-…` that a call carries at the given place. */
export function keyAt(read: (call: Seen) => string | undefined): StaticApi["accept"] {
  return (call) => /^good-([a-z]+)/.exec(read(call) ?? "")?.[1] ?? null;
}

/** User name and password of a call (RFC 7617). */
export function basicOf({ headers }: Seen): [username: string, password: string] | null {
  const [, pair] = /^Basic (.+)$/.exec(headers.authorization ?? "") ?? [];
  const text = pair === undefined ? null : Buffer.from(pair, "base64").toString("utf8");
  const colon = text?.indexOf(":") ?? -1;
  return text === null || colon < 0 ? null : [text.slice(0, colon), text.slice(colon + 1)];
}
