import type { App } from "./app.ts";
import { type PreparedPages, preparePages } from "./built-pages.ts";
import { type Config, readConfig } from "./config.ts";
import { StartError } from "./lib/start-error.ts";
import { isTracingConfigured, startTracing } from "./lib/tracing.ts";

/** In this order. */
const closing: (() => Promise<void>)[] = [];

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const byNpm = ["start", "dev"].includes(process.env.npm_lifecycle_event ?? "");
  const pages = await preparePages({ production: config.production, byNpm }, console.log);
  const started = performance.now();
  // Loaded after the configuration was read: a wrong value is told at once.
  const { startApp } = await import("./app.ts");
  const stopTracing = isTracingConfigured(process.env) ? await startTracing(process.env) : null;
  const app = await startApp(config, { pages: pages.directory });
  closing.push(() => app.close());
  if (stopTracing) closing.push(stopTracing);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop(app, signal));
  if (process.env.npm_lifecycle_event) stopWithParent(app);
  console.log(await welcome(app, config, pages, performance.now() - started));
}

/** npm does not pass SIGTERM on: it ends, with the shell between us, and we would stay behind on the port. */
function stopWithParent(app: App): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    void stop(app, "the end of npm");
  }, 500);
  watch.unref();
}

/** The same signal once more ends the process without waiting. */
async function stop(app: App, signal: string): Promise<void> {
  app.services.log.info({ signal }, "draining");
  try {
    for (const close of closing) await close();
    process.exit(0);
  } catch (error) {
    app.services.log.error({ err: error }, "the server did not stop cleanly");
    process.exit(1);
  }
}

async function welcome(app: App, config: Config, pages: PreparedPages, tookMs: number): Promise<string> {
  const { generatedKey } = app.bootstrap;
  const dashboard = pages.directory ? await dashboardLink(app, config) : null;
  const unbound = await app.services.database.prisma.project.count({ where: { verifyUrl: null, deletedAt: null } });
  const lines = [
    `Moorline is ready (${app.services.database.kind}, ${(tookMs / 1000).toFixed(1)} s).`,
    "",
    dashboard,
    `  GraphQL API  ${app.url}/graphql   (POST, WebSocket, SSE)`,
    config.exploration && `  GraphiQL     ${app.url}/graphql   (open it in a browser: its first tab walks the main job)`,
    app.sandbox && `  Sandbox      ${app.sandbox.issuer}   (a real OAuth server to connect to, with switches to misbehave)`,
    generatedKey &&
      `  API key      ${generatedKey}\n               ADMIN of the first project, shown this once: keep it. If it is lost, start with a MOORLINE_BOOTSTRAP_API_KEY of your own.`,
    "",
    config.exploration &&
      `Next: ${dashboard ? "open the dashboard, or " : ""}paste the API key into GraphiQL's headers and run the operations of its first tab.`,
    app.sandbox && "To see the whole job in this terminal instead: npm run demo",
    pages.note,
    unbound > 0 &&
      "Note: person binding by the product is off (Project.verifyUrl is not set): our own page asks the person at the browser instead.",
    config.production &&
      app.sandbox &&
      "Warning: MOORLINE_SANDBOX is on in production: anyone on this machine can sign in there as anyone.",
  ];
  return lines.filter((line) => typeof line === "string").join("\n");
}

/** In the fragment, which no browser sends and no log holds. A console is no place for it in production: there one signs in with an API key. */
async function dashboardLink({ url, services, bootstrap }: App, { production }: Config): Promise<string> {
  const { mintSignInToken } = await import("./domain/dashboard-session.ts");
  const token = production ? null : await mintSignInToken(services, bootstrap.projectId);
  if (!token) return `  Dashboard    ${url}   (sign in with an API key)`;
  return `  Dashboard    ${url}/#sign-in=${token}\n               signs you in: one browser, once, within 15 minutes.`;
}

main().catch((error: unknown) => {
  console.error(error instanceof StartError ? error.message : error);
  process.exit(1);
});
