import { randomUUID } from "node:crypto";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import tls from "node:tls";
import { expect, test } from "vitest";
import { startTestApp, type TestApp } from "./app.ts";
import { ask } from "./typed.ts";

/** What connection tests of native protocols have in common. */

/** Enough for what answers on a machine that has other work as well. */
const PATIENCE_MS = 9_000;
/** Short, so that a server that never answers does not cost as much. */
const LIMIT_MS = 1_500;

export interface TestOutcome {
  ok: boolean;
  code: string;
  message: string;
  remedy: string | null;
  latencyMs: number;
}

/** A Moorline that may reach this machine's own addresses, or, with `reach: ""`, only public ones. */
export function startNativeApp(reach = "127.0.0.0/8,::1", limitMs = PATIENCE_MS): Promise<TestApp> {
  return startTestApp({ MOORLINE_EGRESS_ALLOW: reach }, { app: { probeTimeoutMs: limitMs } });
}

/** With the short limit, for what never answers. */
export async function impatiently<Result>({ services }: TestApp, work: () => Promise<Result>): Promise<Result> {
  const limit = services as { probeTimeoutMs: number };
  limit.probeTimeoutMs = LIMIT_MS;
  try {
    return await work();
  } finally {
    limit.probeTimeoutMs = PATIENCE_MS;
  }
}

const configs = new WeakMap<TestApp, Map<string, string>>();

/** An auth config of a built-in native connector, one for each app. */
export async function nativeTarget(app: TestApp, slug: string): Promise<{ authConfigId: string }> {
  const known = configs.get(app) ?? new Map<string, string>();
  configs.set(app, known);
  if (!known.has(slug)) {
    const answer = await ask(app, app.adminKey, "createAuthConfig", { connectorSlug: slug, name: `${slug} ${randomUUID()}` });
    if (!answer.authConfig) throw new Error(`No auth config came: ${JSON.stringify(answer)}`);
    known.set(slug, answer.authConfig.id);
  }
  return { authConfigId: known.get(slug)! };
}

/** What `tryCredential` says of these values. Fails where it does not come to a test. */
export async function tryNative(app: TestApp, slug: string, fields: object): Promise<TestOutcome> {
  const answer = await ask(app, app.adminKey, "tryCredential", { target: await nativeTarget(app, slug), fields });
  if (!answer.result) throw new Error(`No result came: ${JSON.stringify(answer)}`);
  return answer.result;
}

/** A TCP server that says nothing, or what `answer` writes, over TLS with a certificate; every connection is ended with it. */
export async function rawServer(
  answer: (socket: net.Socket) => void = () => {},
  certificate?: { key: string; cert: string },
): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<net.Socket>();
  const talk = (socket: net.Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    answer(socket);
  };
  const server = certificate ? tls.createServer(certificate, talk) : net.createServer(talk);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = await rawServer();
  await server.close();
  return server.port;
}

export interface Addressed {
  app: TestApp;
  slug: string;
  /** Complete and right, but for the place. */
  fields: object;
  /** The same values at another host and port. */
  at(host: string, port: number): object;
}

/** What every family must tell apart whatever it speaks, without a server of its kind. */
export function testUnreachable(whereOf: () => Addressed): void {
  const tried = (host: string, port: number) => {
    const { app, slug, fields, at } = whereOf();
    return tryNative(app, slug, { ...fields, ...at(host, port) });
  };

  test("a port that nobody listens on is CONNECTION_REFUSED", async () => {
    expect(await tried("127.0.0.1", await closedPort())).toMatchObject({ ok: false, code: "CONNECTION_REFUSED" });
  });

  test("a host that does not exist is HOST_NOT_FOUND", async () => {
    expect(await tried("x.invalid", 4321)).toMatchObject({ ok: false, code: "HOST_NOT_FOUND" });
  });

  test("a server that never answers is a TIMEOUT within the limit, and nothing stays open", async () => {
    const server = await rawServer();
    const before = openSockets();
    const { code, latencyMs } = await impatiently(whereOf().app, () => tried("127.0.0.1", server.port));
    await server.close();
    expect(code).toBe("TIMEOUT");
    expect(latencyMs).toBeLessThan(PATIENCE_MS);
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test("an address that is not allowed is BLOCKED_ADDRESS, and nobody is connected to", async () => {
    let visits = 0;
    const server = await rawServer(() => {
      visits += 1;
    });
    const { slug, fields, at } = whereOf();
    const closed = await startNativeApp("");
    try {
      for (const host of ["127.0.0.1", "localhost"])
        expect(await tryNative(closed, slug, { ...fields, ...at(host, server.port) })).toMatchObject({ code: "BLOCKED_ADDRESS" });
      expect(visits).toBe(0);
    } finally {
      await closed.close();
      await server.close();
    }
  });
}

/** TCP connections of this process, whoever opened them. */
export function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
}
