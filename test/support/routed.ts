import type { Egress } from "../../src/egress/index.ts";
import type { TestApp } from "./app.ts";

/**
 * Leads the app's calls to hosts of the wide world to servers on this machine, with the `host` header that they were meant to have;
 * `to` says where to (by name: for an address the HTTP client would look the header's host up), null: as it is. The app must be
 * allowed to call 127.0.0.1.
 */
export function routeHosts(app: TestApp, to: (host: string) => string | null): void {
  const door = app.services.egress;
  const fetch: Egress["fetch"] = (input, init) => {
    const { host, pathname, search, protocol } = new URL(input);
    const here = to(host);
    if (!here) return door.fetch(input, init);
    if (protocol !== "https:") throw new Error(`${host} would be called without TLS.`);
    const headers = new Headers(init?.headers);
    headers.set("host", host);
    return door.fetch(`${here}${pathname}${search}`, { ...init, headers });
  };
  (app.services as { egress: Egress }).egress = { ...door, fetch };
}
