import type { IncomingMessage } from "node:http";
import type { GraphQLSchema } from "graphql";
import type { Services } from "../domain/services.ts";
import type { ExchangeLimits } from "../egress/index.ts";
import type { Engine } from "./engine.ts";
import type { BuiltPages } from "./page-files.ts";

/** What `createHttpServer` takes beside the services; only `schema` has no default. */
export interface HttpOptions {
  schema: GraphQLSchema;
  /** GraphiQL and introspection. Default false. */
  exploration?: boolean;
  /** Who may read /metrics. Default `closed`. */
  metrics?: MetricsAccess;
  limits?: Partial<Limits>;
  /** The directory of the built dashboard and hosted page (`dist/web`). Default null: there are none. */
  pages?: string | null;
  /** Addresses and CIDR ranges of reverse proxies whose `X-Forwarded-For` is believed. Default: none, and it is whatever a client says. */
  trustedProxies?: readonly string[];
}

/** `open`: anybody who reaches us; `closed`: nobody; else who has the token. */
export type MetricsAccess = "open" | "closed" | { token: string };

export interface Limits {
  /** Of a GraphQL request, decoded. */
  bodyBytes: number;
  /** Of a form post: a callback or a confirmation. */
  formBytes: number;
  /** How long one query or mutation may take; above the longest `waitSeconds` (60). */
  operationMs: number;
  /** Of one WebSocket message. */
  messageBytes: number;
  /** WebSockets, and event streams, at a time. */
  streams: number;
  /** Operations at a time on one WebSocket. */
  operationsPerSocket: number;
  /** How long a WebSocket may take to say `connection_init`. */
  connectionInitMs: number;
  /** What may wait in memory for a client that reads too slowly, in bytes; past it, or with any of it waiting for `slowMs`, the stream is closed. */
  bufferedBytes: number;
  slowMs: number;
  /** Between two pings on a quiet stream. */
  keepAliveMs: number;
  /** Of one call through the proxy. */
  proxy: ProxyLimits;
}

export interface ProxyLimits extends ExchangeLimits {
  /** Of the request's body, as it comes. */
  maxRequestBytes: number;
  /** Up to here it is kept until the answer is there, so that it can be sent once more. */
  bufferedBytes: number;
}

export const DEFAULT_LIMITS: Limits = {
  bodyBytes: 1024 * 1024,
  formBytes: 64 * 1024,
  operationMs: 75_000,
  messageBytes: 256 * 1024,
  streams: 20_000,
  operationsPerSocket: 200,
  connectionInitMs: 5_000,
  bufferedBytes: 1024 * 1024,
  slowMs: 10_000,
  keepAliveMs: 25_000,
  proxy: {
    answerMs: 60_000,
    idleMs: 30_000,
    totalMs: 900_000,
    maxBytes: 1000 * 1024 * 1024,
    maxRequestBytes: 100 * 1024 * 1024,
    bufferedBytes: 1024 * 1024,
  },
};

/** What every handler of this folder shares: composed once by `createHttpServer`. */
export interface Face {
  readonly services: Services;
  readonly schema: GraphQLSchema;
  readonly engine: Engine;
  readonly exploration: boolean;
  readonly metrics: MetricsAccess;
  readonly limits: Limits;
  /** Null: the pages have not been built. */
  readonly pages: BuiltPages | null;
  /** Whose request it is (client-address.ts). */
  readonly clientIp: (request: IncomingMessage) => string | null;
  /** True from `close()` on: nothing new is begun. */
  draining(): boolean;
}
