import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { graphql } from "../generated/gql/index.ts";
import {
  type ConnectionRequest,
  createMoorline,
  type Moorline,
  type MoorlineOptions,
  type Transport,
  watch,
} from "../src/web/client/index.ts";
import { moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { payload, run } from "./support/graphql.ts";
import { connect, createConfig, createSession, createUser, goThrough, goToCallback, initiate } from "./support/seed.ts";
import { startTcpProxy, type TcpProxy } from "./support/tcp-proxy.ts";

/** The browser client as far as it runs without a browser: what it hears, and what it does when it hears nothing. */

const Retry = graphql(`
  mutation ClientRetry($id: ID!) {
    retryConnectionRequest(input: { id: $id }) {
      __typename
      ... on RetryConnectionRequestPayload { connectionRequest { id authorizationUrl } }
      ... on UserError { message }
    }
  }
`);

let app: TestApp;
let dataDirectory: string;
let proxy: TcpProxy;
let userId: string;
let session: string;
let authConfigId: string;
const clients: Moorline[] = [];

const start = () => startTestApp({}, { dataDirectory });
const portOf = ({ url }: Pick<TestApp, "url">) => Number(new URL(url).port);

beforeAll(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), "moorline-client-"));
  await cp(inject("migratedDirectory"), join(dataDirectory, "database"), { recursive: true });
  app = await start();
  proxy = await startTcpProxy(portOf(app));
  userId = (await createUser(app, app.adminKey)).id;
  session = await createSession(app, app.adminKey, userId);
  authConfigId = (await createConfig(app, app.adminKey)).id;
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  Object.assign(proxy, { down: false, refuses: () => false, target: portOf(app) });
});
afterAll(async () => {
  await proxy?.close();
  await app?.close();
  await rm(dataDirectory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
});

function client(options: Partial<MoorlineOptions> = {}): Moorline {
  const moorline = createMoorline({ url: proxy.url, session, ...options });
  clients.push(moorline);
  return moorline;
}

const begin = () => initiate(app, session, { target: { authConfigId }, returnUrl: "http://app.test/connected" });

/** What a watch has handed out so far, and how it ended. */
function collect(stream: AsyncGenerator<ConnectionRequest, void>) {
  const states: ConnectionRequest[] = [];
  const ended = (async () => {
    for await (const state of stream) states.push(state);
    return states;
  })();
  ended.catch(() => {});
  const until = (status: string) => expect.poll(() => states.map((state) => state.status), { timeout: 15_000 }).toContain(status);
  return { states, ended, until };
}

const statuses = (states: ConnectionRequest[]) => states.map(({ status }) => status);

/** Rises from 1, each once, and says ACTIVE at its end. */
function expectWhole(states: ConnectionRequest[]): void {
  const sequences = states.map(({ sequence }) => sequence);
  expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
  expect(states[0]?.status).toBe("PENDING");
  expect(states.at(-1)).toMatchObject({
    status: "ACTIVE",
    credential: { status: "ACTIVE", connector: { slug: "sandbox" }, account: { name: "Ada Lovelace" } },
  });
}

const upgrades = (text: string) => /^upgrade: websocket/im.test(text);
const streams = (text: string) => /^accept: text\/event-stream/im.test(text);
const WAYS: [Transport, (text: string) => boolean][] = [
  ["websocket", () => false],
  ["sse", upgrades],
  ["polling", (text) => upgrades(text) || streams(text)],
];

describe.each(WAYS)("watching by %s, which is what the network lets through", (way, refuses) => {
  test("tells every state once, although the connection breaks in the middle, and ends", async () => {
    proxy.refuses = refuses;
    let sockets = 0;
    class Counted extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        this.addEventListener("open", () => {
          sockets += 1;
        });
      }
    }
    const request = await begin();
    const { states, ended, until } = collect(client({ WebSocket: Counted }).watch(request.id));
    await until("PENDING");
    await goToCallback(app, request.authorizationUrl!);
    await until("AUTHORIZING");
    proxy.down = true;
    proxy.cut();
    await goThrough(request.authorizationUrl!);
    // It has become ACTIVE while nobody could hear of it.
    proxy.down = false;
    expectWhole(await ended);
    expect(statuses(states)).not.toContain("FAILED");
    expect(sockets > 0).toBe(way === "websocket");
  });
});

test("a transport that is asked for alone is the only one", async () => {
  proxy.refuses = upgrades;
  const request = await begin();
  const seen: string[] = [];
  const fetching = ((input: string, init: RequestInit) => {
    seen.push(new Headers(init.headers).get("accept") ?? "");
    return fetch(input, init);
  }) as typeof fetch;
  const { ended, until } = collect(client({ transports: ["sse"], fetch: fetching }).watch(request.id));
  await until("PENDING");
  await goThrough(request.authorizationUrl!);
  expectWhole(await ended);
  expect(new Set(seen)).toEqual(new Set(["text/event-stream"]));
});

test("survives a restart of Moorline", async () => {
  const request = await begin();
  const { ended, until } = collect(client().watch(request.id));
  await until("PENDING");
  await app.close();
  app = await start();
  proxy.target = portOf(app);
  await client().cancel(request.id);
  expect(statuses(await ended)).toEqual(["PENDING", "CANCELED"]);
});

test("is wakened by the network's return, and does not wait for its turn", async () => {
  const page = Object.assign(globalThis, {
    addEventListener: (type: string, listener: () => void) => type === "online" && online.add(listener),
    removeEventListener: (_type: string, listener: () => void) => online.delete(listener),
  }) as { addEventListener?: unknown; removeEventListener?: unknown };
  const online = new Set<() => void>();
  try {
    const request = await begin();
    const moorline = client();
    const { ended, until } = collect(moorline.watch(request.id));
    await until("PENDING");
    const before = proxy.total;
    // Nothing has broken as far as anyone can see, and nothing is heard either: the socket is replaced.
    for (const tell of online) tell();
    await expect.poll(() => proxy.total, { timeout: 10_000 }).toBeGreaterThan(before);
    await moorline.cancel(request.id);
    expect(statuses(await ended)).toEqual(["PENDING", "CANCELED"]);
    moorline.close();
    expect(online.size).toBe(0);
  } finally {
    delete page.addEventListener;
    delete page.removeEventListener;
  }
});

describe("ends", () => {
  test.each(["websocket", "sse", "polling"] as const)("by its signal, and leaves no connection behind (%s)", async (way) => {
    const request = await begin();
    const stop = new AbortController();
    const moorline = client({ transports: [way] });
    const { ended, until } = collect(moorline.watch(request.id, { signal: stop.signal }));
    await until("PENDING");
    stop.abort(new Error("enough"));
    await expect(ended).rejects.toThrow("enough");
    moorline.close();
    await expect.poll(() => openStreams(app), { timeout: 5_000 }).toBe(0);
  });

  test("by `return`, at once, in the middle of waiting", async () => {
    const request = await begin();
    const stream = client().watch(request.id);
    expect((await stream.next()).value).toMatchObject({ status: "PENDING" });
    const waiting = stream.next();
    await stream.return();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  test("by `close`, for all that is being watched", async () => {
    const request = await begin();
    const moorline = client();
    const { ended, until } = collect(moorline.watch(request.id));
    await until("PENDING");
    moorline.close();
    await expect(ended).rejects.toThrow("This client was closed");
  });

  test("with the request that is watched alone, its client with it", async () => {
    const request = await begin();
    const { ended, until } = collect(watch(request.id, { url: proxy.url, session }));
    await until("PENDING");
    await goThrough(request.authorizationUrl!);
    expectWhole(await ended);
  });

  test("at once where the end has been seen before", async () => {
    const request = await begin();
    await client().cancel(request.id);
    const { ended } = collect(client().watch(request.id, { after: 2 }));
    expect(await ended).toEqual([]);
  });
});

/** How many subscriptions Moorline holds open, over whichever transport. */
async function openStreams({ url }: Pick<TestApp, "url">): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^moorline_subscriptions_open (\d+)$/m.exec(text)![1]);
}

describe("a request that is tried again", () => {
  test.each(["websocket", "polling"] as const)("is followed, when that is asked for (%s)", async (way) => {
    const request = await begin();
    const { states, ended, until } = collect(client({ transports: [way] }).watch(request.id, { followRetries: true }));
    await goThrough(request.authorizationUrl!, { deny: true });
    await until("DENIED");
    const again = payload(
      (await run(app, session, Retry, { id: request.id })).retryConnectionRequest,
      "RetryConnectionRequestPayload",
    );
    const { id, authorizationUrl } = again.connectionRequest;
    await expect.poll(() => states.at(-1)?.id, { timeout: 10_000 }).toBe(id);
    await goThrough(authorizationUrl!);
    await ended;
    expect(states.find(({ retriedBy }) => retriedBy)).toMatchObject({ id: request.id, status: "DENIED", retriedBy: { id } });
    expectWhole(states.filter((state) => state.id === id));
  });

  test("is not followed otherwise: the stream ends with the outcome", async () => {
    const request = await begin();
    const { ended } = collect(client().watch(request.id));
    await goThrough(request.authorizationUrl!, { deny: true });
    expect((await ended).at(-1)?.status).toBe("DENIED");
  });
});

describe("a page that is come back to", () => {
  const back = (id: string) => `http://app.test/connected?clientState=x&connectionRequestId=${id}&status=FAILED`;

  test("gets the credential, whatever its address claims", async () => {
    const request = await begin();
    await goThrough(request.authorizationUrl!);
    const credential = await client().resume({ href: back(request.id) });
    expect(credential).toMatchObject({ status: "ACTIVE", scopes: { missing: [] }, account: { name: "Ada Lovelace" } });
    expect(await client().resume({ href: "http://app.test/connected" })).toBeNull();
  });

  test("gets a typed error for every other end", async () => {
    const denied = await begin();
    await goThrough(denied.authorizationUrl!, { deny: true });
    const error = { name: "ConnectionDenied", code: "DENIED", requestId: denied.id };
    await expect(client().resume({ href: back(denied.id) })).rejects.toMatchObject(error);

    const canceled = await begin();
    await client().cancel(canceled.id);
    await expect(client().resume({ href: back(canceled.id) })).rejects.toMatchObject({ name: "ConnectionCanceled" });

    const other = await connect(app, app.adminKey, { authConfigId });
    const mine = await initiate(app, other.session, { target: { authConfigId }, ifAccountExists: "REFUSE" });
    await goThrough(mine.authorizationUrl!).catch(() => {});
    await expect(client({ session: other.session }).resume({ href: back(mine.id) })).rejects.toMatchObject({
      name: "ConnectionFailed",
      requestId: mine.id,
      failure: { code: "ACCOUNT_ALREADY_CONNECTED", remedy: expect.stringMatching(/\w+/), retryable: expect.any(Boolean) },
    });
  });

  test("follows what the user tried again on the hosted page before coming back", async () => {
    const request = await begin();
    await client().cancel(request.id);
    const again = payload(
      (await run(app, session, Retry, { id: request.id })).retryConnectionRequest,
      "RetryConnectionRequestPayload",
    );
    await goThrough(again.connectionRequest.authorizationUrl!);
    expect(await client().resume({ href: back(request.id) })).toMatchObject({ status: "ACTIVE" });
  });
});

describe("says no in a type of its own", () => {
  test("to a request of somebody else", async () => {
    const stranger = await createSession(app, app.adminKey, (await createUser(app, app.adminKey)).id);
    const request = await begin();
    for (const way of ["websocket", "sse", "polling"] as const) {
      const { ended } = collect(client({ session: stranger, transports: [way] }).watch(request.id));
      await expect(ended).rejects.toMatchObject({ name: "Refused", code: "NOT_FOUND", requestId: request.id });
    }
    expect(await client({ session: stranger }).read(request.id)).toBeNull();
  });

  test("where nothing can be connected so", async () => {
    await expect(client().startRedirect({ connector: "github", returnUrl: "http://app.test/connected" })).rejects.toMatchObject({
      name: "Refused",
      code: "NO_AUTH_CONFIG",
    });
    const elsewhere = client().startRedirect({ authConfigId, returnUrl: "http://elsewhere.test/" });
    await expect(elsewhere).rejects.toMatchObject({ name: "Refused", code: "INVALID_INPUT", issues: [{ path: ["returnUrl"] }] });
  });

  test("where there is no page", () => {
    expect(() => createMoorline({ session })).toThrow(TypeError);
    return expect(client().connect({ connector: "sandbox" })).rejects.toThrow("in the browser only");
  });

  test("where Moorline cannot be reached, after three attempts", async () => {
    let attempts = 0;
    const fetching = (async () => {
      attempts += 1;
      throw new TypeError("fetch failed");
    }) as unknown as typeof fetch;
    const reading = client({ fetch: fetching }).read("req_01h455vb4pex5vsknk084sn02q");
    await expect(reading).rejects.toMatchObject({ name: "Unreachable", code: "UNREACHABLE" });
    expect(attempts).toBe(3);
  });
});

describe("the session", () => {
  test("that is none is refused, by every way", async () => {
    for (const way of ["websocket", "sse", "polling"] as const) {
      const { ended } = collect(client({ session: "mls_nonsense", transports: [way] }).watch("req_01h455vb4pex5vsknk084sn02q"));
      await expect(ended).rejects.toMatchObject({ name: "Unauthenticated", requestId: "req_01h455vb4pex5vsknk084sn02q" });
    }
  });

  test("that cannot be had is an error with its cause", async () => {
    const cause = new Error("Sign in first.");
    const moorline = client({
      session: () => {
        throw cause;
      },
    });
    await expect(moorline.read("req_01h455vb4pex5vsknk084sn02q")).rejects.toMatchObject({ name: "Unauthenticated", cause });
  });

  test.each(["websocket", "sse", "polling"] as const)(
    "that runs out is asked for again, once, and nothing is missed (%s)",
    async (way) => {
      const short = () => createSession(app, app.adminKey, userId, { expiresInSeconds: 60 });
      const fresh = await short();
      let asked = 0;
      const request = await begin();
      const moorline = client({
        transports: [way],
        session: async () => {
          asked += 1;
          return asked === 1 ? fresh : short();
        },
      });
      const fixed = client({ transports: [way], session: fresh });
      const { ended, until } = collect(moorline.watch(request.id));
      const other = collect(fixed.watch(request.id));
      await until("PENDING");
      await other.until("PENDING");
      try {
        await moveClock(app, 90_000);
        await expect(other.ended).rejects.toMatchObject({
          name: "Unauthenticated",
          code: "SESSION_EXPIRED",
          requestId: request.id,
        });
        await expect.poll(() => asked, { timeout: 10_000 }).toBe(2);
        await goThrough(request.authorizationUrl!);
        expectWhole(await ended);
        expect(asked).toBe(2);
      } finally {
        await moveClock(app, 0);
      }
    },
  );
});

describe("what is published", () => {
  let out: string;
  let built: SpawnSyncReturns<string>;
  beforeAll(async () => {
    out = await mkdtemp(join(tmpdir(), "moorline-dist-"));
    built = spawnSync(process.execPath, ["scripts/build-client.ts", out], { encoding: "utf8" });
  });
  afterAll(() => rm(out, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));

  test("is small", async ({ annotate }) => {
    expect(built.status, built.stderr).toBe(0);
    const kilobytes = async (file: string) => gzipSync(await readFile(join(out, file)), { level: 9 }).length / 1024;
    const index = (await kilobytes("index.js")) + (await kilobytes("moorline.js"));
    const react = await kilobytes("react.js");
    await annotate(
      `moorline/client: ${index.toFixed(1)} kB gzipped with graphql-ws; moorline/client/react: ${react.toFixed(1)} kB more`,
    );
    expect(index).toBeLessThan(11);
    expect(react).toBeLessThan(2);
  });

  test("imports nothing but React, and nothing of graphql-js is in it", async () => {
    for (const file of (await readdir(out)).filter((name) => name.endsWith(".js"))) {
      const text = await readFile(join(out, file), "utf8");
      const imported = [...text.matchAll(/(?:^|;)(?:import|export)\b[^"';]*"([^"]+)"|import\("([^"]+)"\)/g)].map(
        ([, name, later]) => name ?? later!,
      );
      expect(imported.filter((name) => !name.startsWith("./") && name !== "react")).toEqual([]);
      expect(text).not.toMatch(/GraphQLError|Syntax Error/);
    }
  });

  test("has types that stand by themselves, and say what is wrong", async () => {
    const directory = join(out, "consumer");
    await mkdir(directory);
    const compilerOptions = { strict: true, noEmit: true, target: "es2022", module: "esnext", moduleResolution: "bundler" };
    const paths = { "moorline/client": ["../index.d.ts"], "moorline/client/react": ["../react.d.ts"] };
    const lib = ["es2022", "dom", "dom.asynciterable"];
    const config = { compilerOptions: { ...compilerOptions, lib, types: [], paths }, files: ["main.ts"] };
    await writeFile(join(directory, "tsconfig.json"), JSON.stringify(config));
    await writeFile(join(directory, "main.ts"), CONSUMER);
    const tsc = resolve("node_modules/typescript/bin/tsc");
    const { stdout } = spawnSync(process.execPath, [tsc, "-p", directory], { encoding: "utf8" });
    expect(stdout).toBe("");
  });
});

const CONSUMER = `
import { connect, ConnectionFailed, createMoorline, type FailureCode, watch } from "moorline/client";
import { useConnect } from "moorline/client/react";
const session = async () => "mls_";
const credential = await connect({ url: "https://x.test", session, connector: "hubspot" });
const name: string | null | undefined = credential.account?.name;
const missing: string[] = credential.scopes.missing;
// @ts-expect-error: there are no tokens in it
credential.accessToken;
// @ts-expect-error: what to connect is missing
await connect({ session });
// @ts-expect-error: one of them only
await connect({ session, connector: "hubspot", authConfigId: "ac_1" });
// @ts-expect-error: a redirect needs somewhere to come back to
await createMoorline({ session }).startRedirect({ connector: "hubspot" });
for await (const request of watch("req_1", { session, signal: new AbortController().signal })) {
  const status: "ACTIVE" | "AUTHORIZING" | "CANCELED" | "DENIED" | "EXCHANGING" | "EXPIRED" | "FAILED" | "PENDING" | "VERIFYING" = request.status;
}
try {
} catch (error) {
  if (error instanceof ConnectionFailed) {
    const code: FailureCode = error.failure.code;
    // @ts-expect-error: no such code
    const wrong: FailureCode = "NO_SUCH_CODE";
    const remedy: string = error.failure.remedy;
    const id: string | null = error.requestId;
  }
}
const { connect: begin, status } = useConnect({ session, connector: "hubspot" });
const done: "idle" | "connecting" | "waiting" | "connected" | "failed" = status;
`;
