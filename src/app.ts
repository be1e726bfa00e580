import { mkdirSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Catalogue, createCatalogue, loadCatalogue } from "./catalogue/index.ts";
import type { ConnectorDefinition } from "./catalogue/types.ts";
import { type Config, pgliteDirectory } from "./config.ts";
import { type Database, openDatabase } from "./db/database.ts";
import { migrate } from "./db/migrate.ts";
import { type Bootstrap, ensureFirstProject } from "./domain/bootstrap.ts";
import { managedAppsOf } from "./domain/managed-app.ts";
import { refreshesEnded } from "./domain/refresh/refresh-credential.ts";
import { REFRESH_LIMITS, type RefreshLimits } from "./domain/refresh-schedule.ts";
import type { ManagedApp, Services } from "./domain/services.ts";
import { createEgress } from "./egress/index.ts";
import { openHub } from "./events/hub.ts";
import { schema } from "./graphql/schema.ts";
import { DEFAULT_LIMITS, type ProxyLimits } from "./http/options.ts";
import { createHttpServer } from "./http/server.ts";
import { JOB_NAMES, startJobs } from "./jobs/index.ts";
import { developmentKeys } from "./lib/development-keys.ts";
import { createLogger } from "./lib/log.ts";
import { StartError } from "./lib/start-error.ts";
import type { Sandbox } from "./sandbox/server.ts";
import { openVault } from "./vault/vault.ts";

export interface App {
  /** Where browsers reach it: the configured public URL, or, with port 0, the one that the system chose. */
  url: string;
  services: Services;
  sandbox: Sandbox | null;
  bootstrap: Bootstrap;
  /** Takes nothing new, lets what runs finish for at most `drainMs` (default 10,000), closes everything. */
  close(drainMs?: number): Promise<void>;
}

function assertJobs({ skipJobs }: Config): void {
  const unknown = skipJobs.find((name) => !JOB_NAMES.includes(name));
  if (unknown === undefined) return;
  throw new StartError(`MOORLINE_SKIP_JOBS: there is no background job "${unknown}". There are: ${JOB_NAMES.join(", ")}.`);
}

type Closers = (() => Promise<unknown>)[];

const DRAIN_MS = 10_000;
const PROBE_TIMEOUT_MS = 10_000;

/** What a test may set otherwise than the configuration can. */
export interface AppOptions {
  proxyLimits?: Partial<ProxyLimits>;
  refreshLimits?: Partial<RefreshLimits>;
  idleInTransactionMs?: number;
  probeTimeoutMs?: number;
  /** The directory of the built dashboard and hosted page. Default null: there are none. */
  pages?: string | null;
  /** Connectors beside the built-in ones. */
  connectors?: readonly ConnectorDefinition[];
}

/** Everything, composed from the configuration: `main.ts` and the tests start Moorline by this one function. Throws StartError. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<App> {
  const closers: Closers = [];
  try {
    assertJobs(config);
    const { services, bootstrap, sandbox } = await compose(config, options, closers);
    const limits = { proxy: { ...proxyLimits(config), ...options.proxyLimits } };
    const { exploration, metrics, trustedProxies } = config;
    const http = createHttpServer(services, { schema, exploration, metrics, trustedProxies, limits, pages: options.pages });
    let drain = DRAIN_MS;
    // A token that a provider rotates while we leave is lost: a refresh that is on may take as long as its request may.
    closers.push(() => refreshesEnded(services, 2 * drain));
    const port = await listen(http.server, config);
    closers.push(() => http.close(drain));
    if (URL.parse(services.publicUrl)?.port === "0") services.publicUrl = `http://localhost:${port}`;
    await sandbox?.control.updateClient(sandbox.defaultClient.clientId, {
      redirectUris: [`${services.publicUrl}/oauth/callback/sandbox`],
    });
    const jobs = startJobs(services, { skip: config.skipJobs });
    closers.push(() => jobs.stop());
    return {
      url: services.publicUrl,
      services,
      sandbox,
      bootstrap,
      async close(drainMs = DRAIN_MS) {
        drain = drainMs;
        await closeAll(closers);
      },
    };
  } catch (error) {
    await closeAll(closers).catch(() => {});
    throw error;
  }
}

/** The last opened first, and every one of them; then throws what the first that failed threw. */
async function closeAll(closers: Closers): Promise<void> {
  const failures: unknown[] = [];
  for (const closer of closers.splice(0).reverse()) await closer().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

async function compose(config: Config, options: AppOptions, closers: Closers) {
  const log = createLogger(config.logLevel);
  if (!config.databaseUrl || !config.masterKeys || config.sandbox) makeDataDirectory(config);
  const database = await openDatabase({
    url: config.databaseUrl,
    dataDirectory: config.databaseUrl ? null : pgliteDirectory(config),
    idleInTransactionMs: options.idleInTransactionMs,
  });
  closers.push(() => database.close());
  if (config.databaseUrl) await assertAnswers(database, config.databaseUrl);
  await migrate(database);
  const masterKeys = config.masterKeys ?? developmentKeys(config.dataDirectory);
  const vault = await openVault(database, masterKeys);
  const bootstrap = await ensureFirstProject(database, config);
  const hub = await openHub(database);
  closers.push(() => hub.close());
  const sandbox = config.sandbox ? await openSandbox(config) : null;
  if (sandbox) closers.push(() => sandbox.close());
  const egress = createEgress({ allow: config.egressAllow, exact: sandbox ? [{ host: "127.0.0.1", port: sandbox.port }] : [] });
  closers.push(() => egress.close());
  const catalogue = catalogueWith(options.connectors ?? [], sandbox);
  const sandboxApp: [string, ManagedApp][] = sandbox ? [["sandbox", sandbox.defaultClient]] : [];
  const services: { -readonly [K in keyof Services]: Services[K] } = {
    database,
    vault,
    hub,
    catalogue,
    egress,
    log,
    publicUrl: config.publicUrl,
    refreshLimits: { ...REFRESH_LIMITS, ...options.refreshLimits },
    probeTimeoutMs: options.probeTimeoutMs ?? PROBE_TIMEOUT_MS,
    managedApps: new Map([...sandboxApp, ...managedAppsOf(catalogue, config.managedApps)]),
    // Plain http stays on this machine; whether an address may be reached at all, the egress door decides.
    allowHttp: (url) => ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname),
  };
  return { services, bootstrap, sandbox };
}

function catalogueWith(more: readonly ConnectorDefinition[], sandbox: Sandbox | null): Catalogue {
  const builtIn = loadCatalogue({ variables: sandbox ? { sandboxIssuer: sandbox.issuer } : {} });
  return more.length === 0 ? builtIn : createCatalogue([...builtIn.all(), ...more]);
}

function makeDataDirectory({ dataDirectory }: Config): void {
  try {
    mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartError(
      `MOORLINE_DATA_DIR: the directory ${dataDirectory} cannot be made (${codeOf(error)}). Choose another one.`,
    );
  }
}

async function assertAnswers(database: Database, url: string): Promise<void> {
  try {
    await database.query("answers", "SELECT 1", []);
  } catch (error) {
    // The URL itself may hold a password.
    const { hostname, port, pathname } = new URL(url);
    const where = `${decodeURIComponent(pathname.slice(1)) || "the default database"} at ${hostname || "localhost"}:${port || 5432}`;
    throw new StartError(
      `DATABASE_URL: ${where} cannot be used (${(error as Error).message || codeOf(error)}). Is PostgreSQL running there?`,
    );
  }
}

const MIB = 1024 * 1024;

function proxyLimits({ proxy }: Config): ProxyLimits {
  return {
    ...DEFAULT_LIMITS.proxy,
    answerMs: proxy.timeoutSeconds * 1000,
    maxBytes: proxy.maxResponseMib * MIB,
    maxRequestBytes: proxy.maxRequestMib * MIB,
  };
}

/** Resolves to the port. */
async function listen(server: Server, { port, host }: Config): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, port, host)));
    server.listen(port, host, resolve);
  });
  return (server.address() as AddressInfo).port;
}

function listenError(error: Error, port: number, host: string): Error {
  switch (codeOf(error)) {
    case "EADDRINUSE":
      return new StartError(`PORT: port ${port} is taken. Stop what listens there, or choose another one.`);
    case "EACCES":
      return new StartError(`PORT: this user may not listen on port ${port}. Choose one above 1023.`);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EINVAL":
      return new StartError(`HOST: "${host}" is no address of this machine. Use 127.0.0.1, or 0.0.0.0 for all of them.`);
    default:
      return error;
  }
}

/** The sandbox remembers its clients, grants and keys, so that credentials survive a restart as they would with a real provider. */
async function openSandbox(config: Config): Promise<Sandbox> {
  try {
    // Twenty megabytes that a server without it does without.
    const { startSandbox } = await import("./sandbox/server.ts");
    return await startSandbox({ port: config.sandboxPort, stateFile: join(config.dataDirectory, "sandbox.json") });
  } catch (error) {
    if (codeOf(error) !== "EADDRINUSE") throw error;
    throw new StartError(
      `MOORLINE_SANDBOX_PORT: port ${config.sandboxPort} is taken. Choose another one, or set MOORLINE_SANDBOX=false.`,
    );
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | null)?.code ?? "unknown reason";
}
