import { mkdirSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { loadCatalogue } from "./catalogue/index.ts";
import { type Config, ConfigError, pgliteDirectory } from "./config.ts";
import { openDatabase } from "./db/database.ts";
import { migrate } from "./db/migrate.ts";
import { type Bootstrap, ensureFirstProject } from "./domain/bootstrap.ts";
import type { ManagedApp, Services } from "./domain/services.ts";
import { createEgress } from "./egress/index.ts";
import { openHub } from "./events/hub.ts";
import { schema } from "./graphql/schema.ts";
import { createHttpServer } from "./http/server.ts";
import { startJobs } from "./jobs/index.ts";
import { developmentKeys } from "./lib/development-keys.ts";
import { createLogger } from "./lib/log.ts";
import { type Sandbox, startSandbox } from "./sandbox/server.ts";
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

const DRAIN_MS = 10_000;

/** Everything, composed from the configuration: `main.ts` and the tests start Moorline by this one function. */
export async function startApp(config: Config): Promise<App> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const { services, bootstrap, sandbox } = await compose(config, closers);
    const http = createHttpServer(services, { schema, exploration: config.exploration });
    await new Promise<void>((resolve, reject) => {
      http.server.once("error", reject);
      http.server.listen(config.port, config.host, resolve);
    });
    let drain = DRAIN_MS;
    closers.push(() => http.close(drain));
    if (config.port === 0) services.publicUrl = `http://localhost:${(http.server.address() as AddressInfo).port}`;
    await sandbox?.control.updateClient(sandbox.defaultClient.clientId, {
      redirectUris: [`${services.publicUrl}/oauth/callback/sandbox`],
    });
    const jobs = startJobs(services);
    closers.push(() => jobs.stop());
    return {
      url: services.publicUrl,
      services,
      sandbox,
      bootstrap,
      async close(drainMs = DRAIN_MS) {
        drain = drainMs;
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function compose(config: Config, closers: (() => Promise<unknown>)[]) {
  const log = createLogger(config.logLevel);
  const database = await openDatabase({
    url: config.databaseUrl,
    dataDirectory: config.databaseUrl ? null : pgliteDirectory(config),
  });
  closers.push(() => database.close());
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
  const services: { -readonly [K in keyof Services]: Services[K] } = {
    database,
    vault,
    hub,
    catalogue: loadCatalogue({ variables: sandbox ? { sandboxIssuer: sandbox.issuer } : {} }),
    egress,
    log,
    publicUrl: config.publicUrl,
    managedApps: new Map<string, ManagedApp>(sandbox ? [["sandbox", sandbox.defaultClient]] : []),
    // Plain http stays on this machine; whether an address may be reached at all, the egress door decides.
    allowHttp: (url) => ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname),
  };
  return { services, bootstrap, sandbox };
}

/** The sandbox remembers its clients, grants and keys, so that credentials survive a restart as they would with a real provider. */
async function openSandbox(config: Config): Promise<Sandbox> {
  mkdirSync(config.dataDirectory, { recursive: true, mode: 0o700 });
  try {
    return await startSandbox({ port: config.sandboxPort, stateFile: join(config.dataDirectory, "sandbox.json") });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new ConfigError(
      `MOORLINE_SANDBOX_PORT: port ${config.sandboxPort} is taken. Choose another one, or set MOORLINE_SANDBOX=false.`,
    );
  }
}
