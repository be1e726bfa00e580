import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Egress } from "../../src/egress/index.ts";
import type { TestApp } from "./app.ts";

/** A call as it arrived: target untouched, header names in lower case, `host` as it was meant. */
export interface ArrivedCall {
  method: string;
  /** Which origin it was meant for. */
  origin: string;
  target: string;
  path: string;
  query: URLSearchParams;
  headers: Record<string, string>;
  body: Buffer;
  form: Record<string, string>;
}

export interface Acted {
  status?: number;
  headers?: Record<string, string>;
  /** A text as it is, anything else as JSON. */
  body?: unknown;
}

export interface ActingHost {
  /** In order; whoever has looked empties it. */
  seen: ArrivedCall[];
  /** Plays every provider there is. */
  act: (call: ArrivedCall) => Acted;
  close(): Promise<unknown>;
}

const MEANT = "x-meant";

/** Leads every call of the app to one server on this machine that is played by the test. The app must be allowed to call 127.0.0.1. */
export async function startActingHost(app: TestApp): Promise<ActingHost> {
  const host: Omit<ActingHost, "close"> = { seen: [], act: () => ({ status: 404 }) };
  const server = createServer(async (request, response) => {
    const { [MEANT]: meant, ...given } = request.headers;
    const origin = String(meant);
    const { pathname, searchParams } = new URL(request.url ?? "/", origin);
    const named = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
    const body = await buffer(request);
    const isForm = named["content-type"] === "application/x-www-form-urlencoded";
    const call: ArrivedCall = {
      ...{ method: request.method ?? "", origin, target: request.url ?? "", path: pathname, query: searchParams },
      headers: { ...named, host: new URL(origin).host },
      body,
      form: isForm ? Object.fromEntries(new URLSearchParams(body.toString())) : {},
    };
    host.seen.push(call);
    const { status = 200, headers, body: said = {} } = host.act(call);
    response.writeHead(status, { "content-type": typeof said === "string" ? "text/plain" : "application/json", ...headers });
    response.end(typeof said === "string" ? said : JSON.stringify(said));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const door = app.services.egress;
  const led: Pick<Egress, "fetch" | "exchange"> = {
    fetch(url, init) {
      const { origin } = new URL(url);
      const headers = new Headers(init?.headers);
      headers.set(MEANT, origin);
      return door.fetch(`${here}${String(url).slice(origin.length) || "/"}`, { ...init, headers });
    },
    exchange: (init) => door.exchange({ ...init, origin: here, headers: [...init.headers, MEANT, init.origin] }),
  };
  (app.services as { egress: Egress }).egress = { ...door, ...led };
  return Object.assign(host, {
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  });
}
