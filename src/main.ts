import { type App, startApp } from "./app.ts";
import { type Config, ConfigError, readConfig } from "./config.ts";

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const started = performance.now();
  const app = await startApp(config);
  console.log(await welcome(app, config, performance.now() - started));
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop(app, signal));
}

async function stop(app: App, signal: string): Promise<void> {
  app.services.log.info({ signal }, "draining");
  await app.close();
  process.exit(0);
}

async function welcome(app: App, config: Config, tookMs: number): Promise<string> {
  const { generatedKey } = app.bootstrap;
  const unbound = await app.services.database.prisma.project.count({ where: { verifyUrl: null, deletedAt: null } });
  const lines = [
    `Moorline is ready (${app.services.database.kind}, ${(tookMs / 1000).toFixed(1)} s).`,
    "",
    `  GraphQL API  ${app.url}/graphql   (POST, WebSocket, SSE)`,
    config.exploration && `  GraphiQL     ${app.url}/graphql   (open it in a browser: its first tab walks the main job)`,
    app.sandbox && `  Sandbox      ${app.sandbox.issuer}   (a real OAuth server to connect to, with switches to misbehave)`,
    generatedKey &&
      `  API key      ${generatedKey}\n               ADMIN of the first project, shown this once. Keep it; a new one: start with MOORLINE_BOOTSTRAP_API_KEY.`,
    "",
    "Next: paste the API key into GraphiQL's headers and run the operations of its first tab, or see it all at once: npm run demo",
    unbound > 0 &&
      "Note: person binding by the product is off (Project.verifyUrl is not set): our own page asks the person at the browser instead.",
  ];
  return lines.filter((line) => typeof line === "string").join("\n");
}

main().catch((error: unknown) => {
  const known = error instanceof ConfigError || (error instanceof Error && /MOORLINE_|data directory/.test(error.message));
  const taken = (error as NodeJS.ErrnoException)?.code === "EADDRINUSE";
  if (taken) console.error("PORT: the port is taken. Stop what listens there, or choose another one with PORT.");
  else console.error(known ? (error as Error).message : error);
  process.exit(1);
});
