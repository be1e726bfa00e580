import { randomBytes } from "node:crypto";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject } from "vitest";
import { createCatalogue } from "../../src/catalogue/index.ts";
import { schema } from "../../src/graphql/schema.ts";
import { startTracing } from "../../src/lib/tracing.ts";
import { browse, CookieJar, type Page, submit } from "../../src/sandbox/play-user.ts";
import { startTestApp, type TestApp } from "./app.ts";
import { type CanaryProvider, canaryConnectors, startCanaryProvider } from "./canary-provider.ts";
import { type Canaries, createCanaries, everyFile, everyTable } from "./canary-search.ts";
import { type Said, type Tap, tap } from "./canary-tap.ts";
import { send } from "./graphql.ts";
import { documentOf, readEverything, subscriptionOf } from "./properties-answers.ts";
import { overEvents, overWebSocket, type Subscribed } from "./streams.ts";

/** What is handed to the browser by the protocol itself: it stands in redirects, cookies and links, and nowhere in a log or table. */
const WITH_THE_BROWSER = new Set(["state", "cookie", "sealed handle", "verification", "link", "temporary OAuth 1.0a token"]);

type Fields = Record<string, unknown> & { id: string };

/** A mutation's payload or error, with everything that can be selected of it. */
export type Result = Record<string, Fields> & {
  __typename: string;
  message?: string;
  key: string;
  token: string;
  secret: string;
};

export interface CanaryWorld {
  app: TestApp;
  canaries: Canaries;
  provider: CanaryProvider;
  /** Sends a mutation. Its answer is one of those that may hold no secret. */
  mutate(name: string, input: object, token?: string): Promise<Result>;
  /** The same, for the answers that are there to tell one. */
  mutateAside(name: string, input: object, token?: string): Promise<Result>;
  /** A query of one's own, strictly. */
  ask(query: string, variables?: object): Promise<Record<string, unknown>>;
  readViewer(): Promise<{ project: { id: string } }>;
  /** HTTP answers to what runs inside may hold secrets. */
  aside: Tap["aside"];
  /** As a back end's developer would look around: every query, every field; and the operator, every metric. */
  readAll(token?: string): Promise<void>;
  /** From a link to the end of the flow, with everything secret that the browser is given on the way. */
  walk(link: string, decision?: "connect" | "refuse", values?: Record<string, string>): Promise<Page>;
  /** Everything that was said, written down and announced since the last search holds no secret. */
  expectNothing(): Promise<void>;
  /** What a search finds. */
  search(): Promise<string[]>;
  close(): Promise<void>;
  /** Closes it, and searches what it leaves on the disk: its database with everything that was deleted in it. */
  searchDisk(): Promise<string[]>;
}

export async function startCanaryWorld(env: Record<string, string> = {}): Promise<CanaryWorld> {
  const canaries = createCanaries();
  const provider = await startCanaryProvider(canaries);
  const masterKeys = [0, 1].map(() => canaries.add("master key", randomBytes(32).toString("base64")));
  const metricsToken = canaries.mint("metrics token");
  const dataDirectory = await mkdtemp(join(tmpdir(), "moorline-canary-"));
  await cp(inject("migratedDirectory"), join(dataDirectory, "database"), { recursive: true });
  const settings = {
    MOORLINE_LOG_LEVEL: "trace",
    MOORLINE_EGRESS_ALLOW: "127.0.0.1",
    MOORLINE_SKIP_JOBS: "",
    MOORLINE_MASTER_KEYS: masterKeys.join(","),
    MOORLINE_METRICS_TOKEN: metricsToken,
    ...env,
  };
  const stopTracing = await traceTo(provider.url);
  const app = await startTestApp(settings, { dataDirectory });
  const services = app.services as { -readonly [K in keyof TestApp["services"]]: TestApp["services"][K] };
  services.catalogue = createCatalogue([...services.catalogue.all(), ...canaryConnectors(provider.url)]);
  canaries.add("bootstrap API key", app.adminKey, 10);
  const listening = tap(app);
  const watchers = watchAll(app);
  await Promise.all(watchers.map((watcher) => watcher.ready));

  async function mutate(name: string, input: object, token = app.adminKey): Promise<Result> {
    const answer = await send<Record<string, Result>, object>(app, token, documentOf(schema, name), { input });
    if (answer.errors) return { __typename: "TopLevelError", message: JSON.stringify(answer.errors) } as Result;
    return answer.data![name]!;
  }

  async function ask(query: string, variables: object = {}): Promise<Record<string, unknown>> {
    return (await send<Record<string, unknown>, object>(app, app.adminKey, query, variables)).data!;
  }

  async function readAll(token = app.adminKey): Promise<void> {
    for (const query of readEverything(schema)) await send(app, token, query);
    const metrics = await fetch(`${app.url}/metrics`, { headers: { authorization: `Bearer ${metricsToken}` } });
    expect(await metrics.text()).toContain("http_requests");
  }

  async function walk(link: string, decision = "connect", values: Record<string, string> = {}): Promise<Page> {
    const cookieJar = new CookieJar();
    canaries.add("link", new URL(link).pathname.split("/")[2]!);
    let page = await browse(link, { cookieJar, stopAtPrefix: "http://app.test/" });
    for (const value of cookieJar.header(link).split("; ")) if (value) canaries.add("cookie", value.split("=")[1]!);
    for (let step = 0; step < 4 && page.forms.length > 0 && !page.redirectedTo; step += 1) {
      const form = page.forms.find(({ method }) => method === "post");
      if (!form) break;
      for (const [name, value] of form.fields) if (name === "handle") canaries.add("sealed handle", value);
      const typed = Object.fromEntries(Object.entries(values).filter(([name]) => form.names.includes(name)));
      page = await submit(page, form, typed, { cookieJar, button: ["decision", decision], stopAtPrefix: "http://app.test/" });
    }
    return page;
  }

  let isClosed = false;

  async function search(): Promise<string[]> {
    const found = listening.take().flatMap((said) => findIn(canaries, said));
    for (const { table, text } of await everyTable(app))
      found.push(...canaries.find(text).map((what) => `table ${table}: ${what}`));
    for (const hook of provider.hooks.splice(0)) found.push(...canaries.find(hook).map((what) => `webhook: ${what}`));
    for (const trace of provider.traces.splice(0)) found.push(...canaries.find(trace).map((what) => `trace: ${what}`));
    return [...new Set(found)];
  }

  async function stop(): Promise<void> {
    if (isClosed) return;
    isClosed = true;
    for (const { stream } of watchers) await stream.stop();
    listening.close();
    await app.close();
    await stopTracing();
    await provider.close();
  }

  return {
    app,
    canaries,
    provider,
    mutate,
    mutateAside: (...given) => listening.aside(() => mutate(...given)),
    aside: listening.aside,
    ask,
    readViewer: async () => (await ask("{ viewer { project { id } } }")).viewer as { project: { id: string } },
    readAll,
    walk,
    search,
    async expectNothing() {
      await readAll();
      // What runs after an answer, and deliveries, have a moment.
      await new Promise((resolve) => setTimeout(resolve, 300));
      const found = await search();
      expect(found.length, `${found.length} secrets are where none may be:\n${found.join("\n").slice(0, 6_000)}`).toBe(0);
    },
    async close() {
      await stop();
      await rm(dataDirectory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
    async searchDisk() {
      await stop();
      expect(provider.asked.v1, "traces were sent").toBeGreaterThan(0);
      const files = everyFile(dataDirectory, ["sandbox.json"]);
      expect(files.length).toBeGreaterThan(100);
      return files.flatMap(({ file, text }) => canaries.find(text).map((what) => `${file}: ${what}`));
    },
  };
}

/** Traces go to a collector at this address; the SDK reads where from the environment. */
async function traceTo(url: string): Promise<() => Promise<void>> {
  const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: "100" };
  Object.assign(process.env, settings);
  const stop = await startTracing(process.env);
  return async () => {
    await stop();
    for (const name of Object.keys(settings)) delete process.env[name];
  };
}

function findIn(canaries: Canaries, { where, text }: Said): string[] {
  const isFree = (kind: string) =>
    (where === "answer" && WITH_THE_BROWSER.has(kind)) || (["frame", "event"].includes(where) && kind === "link");
  const found = canaries.find(text).filter((what) => !isFree(what.split(":", 1)[0]!));
  return found.map((what) => `${where}: ${what}`);
}

/** Over both transports, all that can be subscribed to without naming anything. */
function watchAll(app: TestApp): { stream: Subscribed<unknown>; ready: Promise<unknown> }[] {
  return ["credentialChanged", "connectionRequestsUpdated"].flatMap((name) =>
    [overWebSocket, overEvents].map((subscribe) => {
      const stream = subscribe<unknown>({ url: app.url, token: app.adminKey, query: subscriptionOf(schema, name) });
      stream.completed.catch(() => {});
      return { stream, ready: new Promise((resolve) => setTimeout(resolve, 100)) };
    }),
  );
}
