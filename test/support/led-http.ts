import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Egress } from "../../src/egress/index.ts";
import type { TestApp } from "./app.ts";

export interface Led {
  method: string;
  /** As it was meant to go out. */
  url: string;
  headers: Record<string, string>;
  body: string;
}

export interface LedAnswer {
  status: number;
  body?: unknown;
}

/** Leads every `fetch` of the app to one server on this machine, which answers as `answer` says. */
export async function leadHttp(app: TestApp) {
  const led = { answer: (_call: Led): LedAnswer => ({ status: 200 }), seen: [] as Led[], close: async () => {} };
  const server = createServer(async (request, response) => {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const call = { method: request.method ?? "", url: headers["x-meant"] ?? "", headers, body: await text(request) };
    led.seen.push(call);
    const { status, body } = led.answer(call);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const door = app.services.egress;
  const fetch: Egress["fetch"] = (url, init) => {
    const headers = new Headers(init?.headers);
    headers.set("x-meant", String(url));
    return door.fetch(here, { ...init, headers });
  };
  (app.services as { egress: Egress }).egress = { ...door, fetch };
  led.close = async () => {
    (app.services as { egress: Egress }).egress = door;
    await new Promise((resolve) => server.close(resolve));
  };
  return led;
}
