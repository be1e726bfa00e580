import net from "node:net";
import { Agent, buildConnector } from "undici";
import { inSpan, type SpanOptions } from "../lib/tracing.ts";
import { egressError, translate } from "./errors.ts";
import { createExchange, type Exchange, type ExchangeInit } from "./exchange.ts";
import { createFetch, type EgressInit, type TlsMaterial } from "./fetch.ts";
import { bareHost, createGuard, type ExactTarget } from "./guard.ts";
import { openSocketScope, type SocketScope } from "./sockets.ts";

export { EgressError, type EgressErrorCode } from "./errors.ts";
export type { Exchange, ExchangeInit, ExchangeLimits } from "./exchange.ts";
export type { EgressInit, TlsMaterial } from "./fetch.ts";
export type { ExactTarget } from "./guard.ts";
export type { SocketScope } from "./sockets.ts";

export interface EgressOptions {
  /** Addresses and CIDR ranges that may be reached although they are not public (MOORLINE_EGRESS_ALLOW). */
  allow: readonly string[];
  /** Single hosts with their port, as URLs spell them; the sandbox. */
  exact?: readonly ExactTarget[];
}

/** The one door out of the process. */
export interface Egress {
  /**
   * `fetch` to public addresses, over http: and https: only. Never follows a redirect. `timeoutMs` (default 15,000) covers
   * everything until the body has been read; `maxBytes` (default 1 MiB) counts decoded bytes. Rejects with an EgressError, and so
   * does reading the body; with the signal's reason where `init.signal` aborts. Fits openid-client's `customFetch`.
   */
  fetch(url: string | URL, init?: EgressInit): Promise<Response>;
  /**
   * One call to such an address with bodies that stream both ways, untouched: no redirect followed, no content coding undone. Rejects
   * with an EgressError, the signal's reason, or whatever broke the body that was being sent.
   */
  exchange(init: ExchangeInit): Promise<Exchange>;
  /** Resolves where `fetch` and `connectGuard` would connect now; rejects with BLOCKED_ADDRESS or HOST_NOT_FOUND. */
  assertAllowed(host: string, port: number): Promise<void>;
  /**
   * For drivers that open sockets of their own: `net.connect(egress.connectGuard(host, port))`. Throws BLOCKED_ADDRESS for an
   * address literal; for a name the `lookup` in it checks what the socket will connect to.
   */
  connectGuard(host: string, port: number): { host: string; port: number; lookup?: net.LookupFunction };
  /** For drivers whose sockets nobody sees: whatever is connected inside is held to the list, and ended with the scope. */
  openSocketScope(): SocketScope;
  /** Ends calls that are still running and closes the pool. */
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** Where a call goes: the host and nothing behind it, for there are secrets in paths and queries. */
function clientSpan(url: string | URL, method = "GET"): SpanOptions {
  const host = URL.parse(url)?.hostname ?? "unknown";
  return { kind: "CLIENT", attributes: { "http.request.method": method, "server.address": host } };
}

export function createEgress(options: EgressOptions): Egress {
  const guard = createGuard(options);
  const agent = createAgent();
  /** Of calls with certificates of their own, while they run. */
  const apart = new Set<Agent>();

  const fetch = createFetch(agent);
  const exchange = createExchange(agent);

  function connectGuard(host: string, port: number): ReturnType<Egress["connectGuard"]> {
    const name = bareHost(host);
    if (guard.isExact(name, port)) return { host: name, port };
    if (net.isIP(name)) guard.checkAddress(name, name);
    return { host: name, port, lookup: guard.lookup };
  }

  function createAgent(material?: TlsMaterial): Agent {
    const connect = guardedConnector(material);
    return new Agent({ connect, bodyTimeout: 0, headersTimeout: 0, maxHeaderSize: 64 * 1024 });
  }

  /** With certificates of its own, a call has connections of its own. */
  function callApart<Answer>(material: TlsMaterial, call: (agent: Agent) => Promise<Answer>): Promise<Answer> {
    const own = createAgent(material);
    apart.add(own);
    // What it still reads it reads to the end.
    const end = () => void own.close().finally(() => apart.delete(own));
    return call(own).finally(end);
  }

  function guardedConnector(material: TlsMaterial = {}): buildConnector.connector {
    // HTTP/1.1 only: a request of its own on a socket of its own is what tells a lost answer from one never sent.
    const fixed = { rejectUnauthorized: true, minVersion: "TLSv1.2", allowH2: false, timeout: CONNECT_TIMEOUT_MS } as const;
    const tls = { ...material, ...fixed };
    const guarded = buildConnector({ ...tls, lookup: guard.lookup } as buildConnector.BuildOptions);
    const open = buildConnector(tls as buildConnector.BuildOptions);
    return (target, callback) => {
      const port = Number(target.port) || (target.protocol === "https:" ? 443 : 80);
      try {
        const { lookup } = connectGuard(target.hostname, port);
        (lookup ? guarded : open)(target, callback);
      } catch (error) {
        callback(error as Error, null);
      }
    };
  }

  return {
    fetch: (url, init) =>
      inSpan(init?.method ?? "GET", clientSpan(url, init?.method), async (span) => {
        const response = init?.tls ? await callApart(init.tls, (own) => createFetch(own)(url, init)) : await fetch(url, init);
        span?.setAttribute("http.response.status_code", response.status);
        return response;
      }),
    exchange: (init) =>
      inSpan(init.method, clientSpan(init.origin, init.method), async (span) => {
        const answer = await (init.tls ? callApart(init.tls, (own) => createExchange(own)(init)) : exchange(init));
        span?.setAttribute("http.response.status_code", answer.status);
        return answer;
      }),
    connectGuard,
    openSocketScope: () => openSocketScope(guard),
    async assertAllowed(host, port) {
      const target = connectGuard(host, port);
      if (!target.lookup || net.isIP(target.host)) return;
      const { lookup } = target;
      const error = await new Promise((resolve) => lookup(target.host, { all: true }, resolve));
      if (error) throw translate(error, target.host, false);
    },
    async close() {
      const lost = egressError("CONNECTION_LOST", "the server", { requestSent: true });
      await Promise.all([agent, ...apart].map((one) => one.destroy(lost)));
    },
  };
}
