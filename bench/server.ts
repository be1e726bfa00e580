import { mkdir, writeFile } from "node:fs/promises";
import { Session } from "node:inspector/promises";
import { dirname } from "node:path";
import { startApp } from "../src/app.ts";
import { readConfig } from "../src/config.ts";
import { type CommitOrder, commitEvents } from "./commit-events.ts";
import { serve } from "./process.ts";
import { seedCredentials, seedSubscribers } from "./seed.ts";

/** Moorline itself, in a process of its own, with doors for what the benchmark needs beside the public ones. */
const app = await startApp(readConfig(process.env));
const { services } = app;

const profiler = createProfiler();

const methods = {
  where: () => ({ url: services.publicUrl, projectId: app.bootstrap.projectId }),
  seedCredentials: (options: Parameters<typeof seedCredentials>[1]) => seedCredentials(services, options),
  /** These two where the database belongs to one process (PGlite): from here. */
  seedSubscribers: (options: Parameters<typeof seedSubscribers>[1]) => seedSubscribers(services.database, options),
  commitEvents: (order: CommitOrder) => commitEvents(services.database, order),
  startProfile: () => profiler.start(),
  stopProfile: (file: string) => profiler.stop(file),
  rssMb: () => process.memoryUsage.rss() / 1024 / 1024,
};
export type Server = typeof methods;

function createProfiler() {
  const session = new Session();
  return {
    async start(): Promise<void> {
      session.connect();
      await session.post("Profiler.enable");
      await session.post("Profiler.start");
    },
    /** For a browser's developer tools, or any other reader of `.cpuprofile`. */
    async stop(file: string): Promise<void> {
      const { profile } = await session.post("Profiler.stop");
      session.disconnect();
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, JSON.stringify(profile));
    },
  };
}

serve(methods, () => app.close(1_000));
