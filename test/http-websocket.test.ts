import { once } from "node:events";
import { createClient } from "graphql-ws";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { FRONT_END, type HttpFace, startHttpFace } from "./support/http-face.ts";
import { closing } from "./support/streams.ts";

let face: HttpFace;
const cleanUps: (() => void)[] = [];
beforeAll(async () => {
  face = await startHttpFace({ limits: { connectionInitMs: 300, messageBytes: 64 * 1024, operationsPerSocket: 5, slowMs: 800 } });
});
afterAll(async () => {
  for (const cleanUp of cleanUps) cleanUp();
  await face.close();
});

function socketUrl(of: HttpFace = face): string {
  return `${of.url.replace("http", "ws")}/graphql`;
}

function open(options: { origin?: string; of?: HttpFace } = {}): WebSocket {
  const socket = new WebSocket(socketUrl(options.of), "graphql-transport-ws", { origin: options.origin });
  cleanUps.push(() => socket.terminate());
  return socket;
}

/** A socket that has been acknowledged, everything that arrives on it, and its close code. */
async function login(token: string, options: Parameters<typeof open>[0] = {}) {
  const socket = open(options);
  const messages: { type: string; id?: string; payload?: unknown }[] = [];
  socket.on("message", (data) => messages.push(JSON.parse(String(data))));
  const closed = codeOf(socket);
  await once(socket, "open");
  send(socket, { type: "connection_init", payload: { authorization: `Bearer ${token}` } });
  await Promise.race([closed, expect.poll(() => messages.length).toBeGreaterThan(0)]);
  return { socket, messages, closed };
}

function send(socket: WebSocket, message: unknown): void {
  socket.send(typeof message === "string" ? message : JSON.stringify(message));
}

function subscribe(socket: WebSocket, id: string, query: string): void {
  send(socket, { id, type: "subscribe", payload: { query } });
}

function codeOf(socket: WebSocket): Promise<number> {
  return new Promise((resolve) => socket.on("close", resolve));
}

describe("operations over a WebSocket", () => {
  it("runs subscriptions, queries and mutations for graphql-ws's own client", async () => {
    const client = createClient({
      url: socketUrl(),
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${face.apiKey}` },
    });
    const results = [];
    for await (const result of client.iterate({ query: "subscription { tick(count: 2) }" })) results.push(result.data);
    expect(results).toEqual([{ tick: "1 " }, { tick: "2 " }]);
    expect((await client.iterate({ query: "{ role }" }).next()).value).toEqual({ data: { role: "ADMIN" } });
    expect((await client.iterate({ query: "mutation { change }" }).next()).value).toEqual({ data: { change: true } });
    await client.dispose();
  });

  it("masks what nobody expected, and names what is wrong with a document", async () => {
    const { socket, messages } = await login(face.apiKey);
    subscribe(socket, "1", "{ broken }");
    subscribe(socket, "2", "{ nonsense }");
    subscribe(socket, "3", 'query { echo(text: "\\u0000") }');
    await expect.poll(() => messages.filter((message) => ["next", "error"].includes(message.type)).length).toBe(3);
    expect(JSON.stringify(messages)).not.toContain("ECONNREFUSED");
    expect(messages.find((message) => message.id === "1")).toMatchObject({
      payload: { errors: [{ extensions: { code: "INTERNAL" } }] },
    });
    for (const id of ["2", "3"])
      expect(messages.find((message) => message.id === id)).toMatchObject({
        type: "error",
        payload: [{ extensions: { code: "BAD_REQUEST" } }],
      });
  });

  it("ends the source when the client completes the subscription, and when its socket is cut", async () => {
    const before = face.trace.slowSourceEnded;
    const { socket, messages } = await login(face.apiKey);
    subscribe(socket, "1", "subscription { silence }");
    subscribe(socket, "2", "subscription { silence }");
    await expect.poll(() => messages.filter((message) => message.type === "next").length).toBe(2);
    send(socket, { id: "1", type: "complete" });
    await expect.poll(() => face.trace.slowSourceEnded).toBe(before + 1);
    socket.terminate();
    await expect.poll(() => face.trace.slowSourceEnded).toBe(before + 2);
    expect(face.services.hub.size()).toBeLessThan(7);
  });
});

describe("a socket is closed with the code that says why", () => {
  it.for([
    ["garbage", "not json", 4400],
    ["an unknown message", { type: "hello" }, 4400],
    ["a subscription before the login", { id: "1", type: "subscribe", payload: { query: "{ role }" } }, 4401],
    ["no token", { type: "connection_init" }, 4401],
    ["a token of no kind", { type: "connection_init", payload: { authorization: "Bearer mlk_nonsense" } }, 4401],
    ["a message that is too large", { type: "connection_init", payload: { authorization: "x".repeat(100_000) } }, 1009],
  ] as const)("%s", async ([, message, code]) => {
    const socket = open();
    await once(socket, "open");
    const closed = codeOf(socket);
    send(socket, message);
    expect(await closed).toBe(code);
  });

  it("silence after the handshake", async () => {
    expect(await codeOf(open())).toBe(4408);
  });

  it("no subprotocol of ours", async () => {
    const socket = new WebSocket(socketUrl());
    expect(await codeOf(socket)).toBe(4406);
  });

  it("a second login, and an id used twice", async () => {
    const twice = await login(face.apiKey);
    send(twice.socket, { type: "connection_init" });
    expect(await twice.closed).toBe(4429);
    const same = await login(face.apiKey);
    subscribe(same.socket, "1", "subscription { silence }");
    subscribe(same.socket, "1", "subscription { silence }");
    expect(await same.closed).toBe(4409);
  });

  it("too many operations at a time", async () => {
    const { socket, closed } = await login(face.apiKey);
    for (let id = 0; id < 6; id++) subscribe(socket, String(id), "subscription { silence }");
    expect(await closed).toBe(4429);
  });

  it("a client that reads nothing", async () => {
    const { socket, closed } = await login(face.apiKey);
    subscribe(socket, "1", "subscription { tick(count: 10000, bytes: 50000) }");
    socket.pause();
    await closing(4429);
    socket.resume();
    expect(await closed).toBe(4429);
  });

  it("a stranger's web page is not let in at all", async () => {
    const socket = open({ origin: "https://evil.example.com" });
    const [error] = await once(socket, "error");
    expect(String(error)).toContain("403");
  });

  it("a web page of another project is closed with 4403 once its token is known", async () => {
    const origin = "https://other.example.com";
    await face.services.database.prisma.project.create({
      data: { id: "01990000-0000-7000-8000-000000000002", name: "Other", allowedOrigins: [origin] },
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await (await login(face.apiKey, { origin })).closed).toBe(4403);
    const { messages } = await login(face.apiKey, { origin: FRONT_END });
    expect(messages[0]).toEqual({ type: "connection_ack" });
  });
});

describe("a token's end", () => {
  it("closes its sockets with 4401 within a second of its expiry", async () => {
    const session = await face.newSession();
    const asked = performance.now();
    await session.expireIn(1_000);
    const told = performance.now();
    const { socket, closed } = await login(session.token);
    subscribe(socket, "1", "subscription { silence }");
    expect(await closed).toBe(4401);
    // Its end lies a second after some moment between the two. It may close earlier by what a look into the database takes, never later.
    expect(performance.now() - asked).toBeGreaterThan(1_000 - 500);
    expect(performance.now() - told).toBeLessThan(2_000);
  });

  it("closes its sockets with 4401 within a second of its revocation, and no others", async () => {
    const session = await face.newSession();
    const { closed } = await login(session.token);
    const other = await login((await face.newSession()).token);
    const began = performance.now();
    await session.revoke();
    expect(await closed).toBe(4401);
    expect(performance.now() - began).toBeLessThan(1_000);
    subscribe(other.socket, "1", "{ role }");
    await expect.poll(() => other.messages.at(-1)?.type).toBe("complete");
  });
});

describe("a drain", () => {
  it("answers what runs, says 1001 to every socket, completes event streams, and takes nothing new", async () => {
    const draining = await startHttpFace();
    const headers = { "content-type": "application/json", authorization: `Bearer ${draining.apiKey}` };
    const ask = (query: string, accept = "application/json") =>
      fetch(`${draining.url}/graphql`, { method: "POST", headers: { ...headers, accept }, body: JSON.stringify({ query }) });
    const busy = await login(draining.apiKey, { of: draining });
    subscribe(busy.socket, "1", "{ later(ms: 300) }");
    const idle = await login(draining.apiKey, { of: draining });
    subscribe(idle.socket, "1", "subscription { silence }");
    const stream = (await ask("subscription { silence }", "text/event-stream")).text();
    const running = ask("{ later(ms: 300) }").then((response) => response.json());
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closing = draining.http.close(3_000);
    expect(await idle.closed).toBe(1001);
    expect(await busy.closed).toBe(1001);
    expect(busy.messages.find((message) => message.type === "next")).toMatchObject({ payload: { data: { later: true } } });
    expect(await stream).toContain("event: complete");
    expect(await running).toEqual({ data: { later: true } });
    await closing;
    await expect(ask("{ role }")).rejects.toThrow();
    await draining.close();
  });
});
