import type { Catalogue } from "../catalogue/index.ts";
import type { Database } from "../db/database.ts";
import type { Egress } from "../egress/index.ts";
import type { Hub } from "../events/hub.ts";
import type { Logger } from "../lib/log.ts";
import type { Vault } from "../vault/vault.ts";
import type { Caller } from "./caller.ts";
import type { RefreshLimits } from "./refresh-schedule.ts";

/** The operator's default developer app for a built-in connector. */
export interface ManagedApp {
  clientId: string;
  clientSecret: string | null;
}

/** What the rules stand on: composed once in app.ts, the same for every caller. */
export interface Services {
  readonly database: Database;
  readonly vault: Vault;
  readonly hub: Hub;
  readonly catalogue: Catalogue;
  readonly egress: Egress;
  readonly log: Logger;
  /** Origin of every URL that we hand out, no trailing slash. */
  readonly publicUrl: string;
  /** By connector slug. */
  readonly managedApps: ReadonlyMap<string, ManagedApp>;
  readonly refreshLimits: RefreshLimits;
  /** For one connection test of a native protocol. */
  readonly probeTimeoutMs: number;
  /** http:// endpoints are accepted for these origins only (the sandbox, loopback in development). */
  readonly allowHttp: (url: URL) => boolean;
}

/** Every domain function's first argument: the services, and who asks. */
export interface Context {
  readonly services: Services;
  readonly caller: Caller;
}
