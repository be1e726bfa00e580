import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Egress } from "../../src/egress/index.ts";
import type { TestApp } from "./app.ts";

/** A call as it arrived, and at which origin it was meant to. */
export interface Arrived {
  method: string;
  origin: string;
  path: string;
  query: [string, string][];
  /** Without those of the connection. */
  headers: Record<string, string>;
  body: string;
}

export interface AnyHost {
  /** In order; whoever has looked empties it. */
  seen: Arrived[];
  close(): Promise<unknown>;
}

const OF_THE_CONNECTION = ["host", "connection", "content-length", "accept-encoding", "transfer-encoding"];
const MEANT = "x-meant";

/** Leads every call of the app to one server on this machine, which takes whatever comes. The app must be allowed to call 127.0.0.1. */
export async function startAnyHost(app: TestApp): Promise<AnyHost> {
  const seen: Arrived[] = [];
  const server = createServer(async (request, response) => {
    seen.push(await arrived(request));
    response.writeHead(200, { "content-type": "application/json" });
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const door = app.services.egress;
  const led: Pick<Egress, "fetch" | "exchange"> = {
    fetch(url, init) {
      const { origin, pathname, search } = new URL(url);
      const headers = new Headers(init?.headers);
      headers.set(MEANT, origin);
      return door.fetch(`${here}${pathname}${search}`, { ...init, headers });
    },
    exchange: (init) => door.exchange({ ...init, origin: here, headers: [...init.headers, MEANT, init.origin] }),
  };
  (app.services as { egress: Egress }).egress = { ...door, ...led };
  return { seen, close: () => new Promise((resolve) => server.close(resolve)) };
}

async function arrived(request: IncomingMessage): Promise<Arrived> {
  const url = new URL(request.url ?? "/", "http://here");
  const all = Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const);
  const headers = Object.fromEntries(all.filter(([name]) => name !== MEANT && !OF_THE_CONNECTION.includes(name)));
  const origin = String(request.headers[MEANT]);
  return {
    method: request.method ?? "",
    origin,
    path: url.pathname,
    query: [...url.searchParams],
    headers,
    body: await text(request),
  };
}
