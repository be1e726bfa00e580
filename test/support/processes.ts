import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { AppOptions } from "../../src/app.ts";
import type { FaultPoint } from "../../src/lib/fault-points.ts";
import { ADMIN_KEY, RETURN_URL } from "./app.ts";
import type { Command, Holds, Told } from "./gateway.ts";
import type { Behaviour, LogEntry } from "./strict-server.ts";

/** Processes of a test, its servers and what stands between them. Everything that is started here ends with `endProcesses`. */
const ROOT = resolve(import.meta.dirname, "../..");
const OURS = /^(MOORLINE_.*|DATABASE_URL|NODE_ENV|NODE_OPTIONS|PORT|HOST|VITEST.*)$/;

const running = new Set<ChildProcess>();
const cleanups: (() => void)[] = [];

export function endProcesses(): void {
  for (const child of running) child.kill("SIGKILL");
  for (const clean of cleanups.splice(0)) clean();
}

function start(file: string, env: Record<string, string>): ChildProcess {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name)));
  const child = spawn(process.execPath, [file], {
    cwd: ROOT,
    env: { ...inherited, ...env },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

export interface StrictServer {
  url: string;
  /** Every token request that a client has made to refresh, as the server's own log has it. */
  refreshes(clientId: string): LogEntry[];
  behave(clientId: string, behaviour: Behaviour): Promise<void>;
  /** The user withdraws the grant at the provider; `access`: the access tokens that are out, and no more. */
  end(clientId: string, options?: { access: boolean }): Promise<void>;
  /** What its API says to an access token. */
  status(accessToken: string): Promise<number>;
}

/** `ttlSeconds` of the access tokens; `graceMs` in which a replaced refresh token works on, with the modes that have that. */
export async function startStrictServer({ ttlSeconds = 3_600, graceMs = 60_000 } = {}): Promise<StrictServer> {
  const directory = mkdtempSync(join(tmpdir(), "moorline-strict-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  const file = join(directory, "requests.log");
  const env = { STRICT_LOG: file, STRICT_TTL: String(ttlSeconds), STRICT_GRACE_MS: String(graceMs) };
  const child = start("test/support/strict-server.ts", env);
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  const url = `http://127.0.0.1:${port}`;
  const post = async (path: string, body: object) => {
    await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) });
  };
  return {
    url,
    refreshes(clientId) {
      const lines = readFileSync(file, "utf8").trim().split("\n");
      const entries = lines.filter(Boolean).map((line) => JSON.parse(line) as LogEntry);
      return entries.filter((entry) => entry.clientId === clientId && entry.grant === "refresh_token");
    },
    behave: (clientId, behaviour) => post("/behave", { clientId, behaviour }),
    end: (clientId, { access } = { access: false }) => post("/end", { clientId, access }),
    status: async (accessToken) => (await fetch(`${url}/api/me`, { headers: { authorization: `Bearer ${accessToken}` } })).status,
  };
}

export interface Gateway {
  url: string;
  child: ChildProcess;
  hold(holds: Holds): void;
  /** Resolves when every one of them stands where it is to be held. */
  held(holds: Holds): Promise<void>;
  release(): void;
  kill(signal: NodeJS.Signals): void;
  ended: Promise<unknown>;
}

/** Moorline in a process of its own; its sandbox is off, and no job renews anything. */
export async function startGateway(env: Record<string, string>, options: AppOptions = {}): Promise<Gateway> {
  const child = start("test/support/gateway.ts", {
    PORT: "0",
    HOST: "127.0.0.1",
    MOORLINE_SANDBOX: "false",
    MOORLINE_BOOTSTRAP_API_KEY: ADMIN_KEY,
    MOORLINE_ALLOWED_RETURN_URLS: RETURN_URL,
    MOORLINE_EGRESS_ALLOW: "127.0.0.1",
    MOORLINE_SKIP_JOBS: "refresh-ahead",
    MOORLINE_LOG_LEVEL: process.env.MOORLINE_LOG_LEVEL ?? "silent",
    GATEWAY_OPTIONS: JSON.stringify(options),
    ...env,
  });
  const reached = new Map<string, FaultPoint>();
  const waiting = new Set<() => void>();
  const url = await new Promise<string>((fulfil, reject) => {
    child.once("exit", (code) => reject(new Error(`The gateway ended with ${code} before it was ready.`)));
    child.on("message", (told: Told) => {
      if ("ready" in told) return fulfil(told.ready);
      reached.set(told.reached.subject, told.reached.point);
      for (const look of waiting) look();
    });
  });
  const send = (command: Command) => child.send(command);
  return {
    url,
    child,
    hold: (holds) => send({ hold: holds }),
    held: (holds) =>
      new Promise((fulfil) => {
        const look = () => {
          if (!Object.entries(holds).every(([subject, point]) => reached.get(subject) === point)) return;
          waiting.delete(look);
          fulfil();
        };
        waiting.add(look);
        look();
      }),
    release: () => send({ release: true }),
    kill: (signal) => void child.kill(signal),
    ended: once(child, "exit"),
  };
}

export interface Cable {
  /** The same URL by way of the cable. */
  url: string;
  cut(): void;
  mend(): void;
}

/** What a gateway's connections to its database run through. */
export async function layCable(databaseUrl: string): Promise<Cable> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((socket) => {
    if (isCut) return void socket.destroy();
    const onward = connect(Number(target.port), target.hostname);
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => {});
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend() {
      isCut = false;
    },
  };
}
