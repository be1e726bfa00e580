import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { openViaProxy, type ProxiedApi, type ProxyCall, startProxiedApi, typedCredential, viaProxy } from "./support/proxy.ts";
import { createUser } from "./support/seed.ts";

const MIB = 1024 * 1024;
const PIECE = randomBytes(64 * 1024);
/** Much more than what the sockets on the way hold. */
const LARGE = 100 * MIB;

let app: TestApp;
/** The same with little patience: what is not about that shall not fail by it where the machine is busy. */
let strict: TestApp;
let api: ProxiedApi;
let credential: string;
let strictCredential: string;

async function start(patience: { answerMs?: number; idleMs?: number }): Promise<[TestApp, string]> {
  const proxyLimits = { ...patience, maxRequestBytes: 130 * MIB, maxBytes: 130 * MIB };
  const started = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" }, { app: { proxyLimits } });
  const user = await createUser(started, started.adminKey, "streamer");
  return [started, (await typedCredential(started, api, user.id)).id];
}

beforeAll(async () => {
  api = await startProxiedApi();
  [app, credential] = await start({});
  [strict, strictCredential] = await start({ answerMs: 5_000, idleMs: 4_000 });
});

beforeEach(() => {
  api.reset();
});

afterAll(async () => {
  await app?.close();
  await strict?.close();
  await api?.close();
});

const ours = () => ({ key: app.adminKey, credential });
const call = (more: Partial<ProxyCall> = {}) => viaProxy(app, "/proxy/file", { ...ours(), ...more });

/** So many bytes, a piece at a time, no faster than they are read. */
function pieces(bytes: number, onPiece: (sent: number) => void = () => {}): Readable {
  return Readable.from(
    (function* () {
      for (let sent = 0; sent < bytes; sent += PIECE.byteLength) {
        onPiece(sent);
        yield PIECE;
      }
    })(),
  );
}

async function sizeAndHash(stream: Readable): Promise<{ size: number; hash: string }> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    size += piece.byteLength;
    hash.update(piece);
  }
  return { size, hash: hash.digest("hex") };
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** The most that buffers held in this process, those of caller and API among them, while something ran. */
async function peakOfBuffers<Result>(work: () => Promise<Result>): Promise<{ result: Result; peak: number }> {
  const held = () => {
    // What a collection finds dead is counted until it has been swept, at the latest by the next one, on another thread.
    for (let time = 0; time < 4; time += 1) collect();
    return process.memoryUsage().arrayBuffers;
  };
  const before = held();
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, held() - before);
  }, 400);
  const result = await work();
  clearInterval(watch);
  return { result, peak };
}

describe("a large body", () => {
  test.each([
    ["with its length", { "Content-Length": String(LARGE) }],
    ["without", { "Transfer-Encoding": "chunked" }],
  ])("goes up as it comes, %s, and never stands in memory", async (_how, headers) => {
    const arrived = Promise.withResolvers<{ size: number; hash: string; headers: IncomingMessage["headers"] }>();
    let sent = 0;
    let sentBeforeReading = 0;
    api.streams = true;
    api.answer = async (request, response) => {
      await delay(300);
      sentBeforeReading = sent;
      arrived.resolve({ ...(await sizeAndHash(request)), headers: request.headers });
      response.end("taken");
    };
    const body = pieces(LARGE, (so) => {
      sent = so;
    });
    const { result, peak } = await peakOfBuffers(() => call({ method: "PUT", body, headers }));
    expect(result).toMatchObject({ status: 200, body: "taken" });
    const { size, hash, headers: said } = await arrived.promise;
    expect({ size, hash }).toEqual(await sizeAndHash(pieces(LARGE)));
    expect(said["content-length"] ?? said["transfer-encoding"]).toBe(Object.values(headers)[0]);
    expect(sentBeforeReading).toBeLessThan(LARGE / 2);
    expect(peak).toBeLessThan(LARGE / 2);
  });

  test("comes down as it comes, and waits for a caller who reads slowly", async () => {
    let sent = 0;
    api.answer = async (_request, response) => {
      response.writeHead(200, { "content-length": LARGE });
      for await (const piece of pieces(LARGE)) {
        if (!response.write(piece)) await once(response, "drain");
        sent += piece.byteLength;
      }
      response.end();
    };
    const { result, peak } = await peakOfBuffers(async () => {
      const response = await openViaProxy(app, "/proxy/file", ours());
      await delay(300);
      expect(sent).toBeLessThan(LARGE / 2);
      return sizeAndHash(response);
    });
    expect(result).toEqual(await sizeAndHash(pieces(LARGE)));
    expect(peak).toBeLessThan(LARGE / 2);
  });

  test("is answered while it is still on its way, where the API does not want it", async () => {
    api.streams = true;
    api.answer = (request, response) => {
      response.writeHead(413).end("too much for me");
      request.on("error", () => {}).resume();
    };
    const answer = await call({ method: "POST", body: pieces(20 * MIB), headers: { "Content-Length": String(20 * MIB) } });
    expect(answer).toMatchObject({ status: 413, body: "too much for me" });
    expect(answer.headers["moorline-error"]).toBeUndefined();
  });

  test("goes on when the caller has asked first (100-continue)", async () => {
    api.streams = true;
    api.answer = async (request, response) => response.end(String((await sizeAndHash(request)).size));
    const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
    const head = `PUT /proxy/file HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${app.adminKey}\r\nMoorline-Credential: ${credential}`;
    socket.write(`${head}\r\nExpect: 100-continue\r\nContent-Length: ${2 * MIB}\r\n\r\n`);
    const [first] = await once(socket, "data");
    expect(String(first)).toMatch(/^HTTP\/1\.1 100 /);
    socket.write(Buffer.alloc(2 * MIB));
    let said = "";
    for await (const data of socket) {
      said += data;
      if (said.includes(String(2 * MIB))) break;
    }
    expect(said).toMatch(/^HTTP\/1\.1 200 /);
    expect(api.seen[0]!.headers.expect).toBeUndefined();
  });
});

describe("the limits", () => {
  const strictly = () => ({ key: strict.adminKey, credential: strictCredential });
  const call = (more: Partial<ProxyCall>) => viaProxy(strict, "/proxy/file", { ...strictly(), ...more });
  const failed = async (more: Partial<ProxyCall>, status: number, code: string) => {
    const answer = await call(more);
    expect(answer.status, answer.body).toBe(status);
    expect(answer.headers["moorline-error"]).toBe(code);
    expect(answer.json().error).toEqual({ code, message: expect.stringMatching(/^.{20,}$/) });
  };

  test("hold a request that says that it is too large, and one that turns out to be", async () => {
    await failed({ method: "POST", body: pieces(MIB), headers: { "Content-Length": String(131 * MIB) } }, 413, "BAD_REQUEST");
    expect(api.seen).toEqual([]);
    api.streams = true;
    api.answer = (request) => void request.on("error", () => {}).resume();
    await failed({ method: "POST", body: pieces(146 * MIB) }, 413, "BAD_REQUEST");
  });

  test("hold an answer that says that it is too large, and break off one that turns out to be", async () => {
    api.answer = (_request, response) => response.writeHead(200, { "content-length": 131 * MIB }).write("x");
    await failed({}, 502, "TOO_LARGE");
    api.answer = (_request, response) => void pieces(146 * MIB).pipe(response);
    const response = await openViaProxy(strict, "/proxy/file", strictly());
    await expect(sizeAndHash(response)).rejects.toThrow(/aborted/);
  });

  test("hold an API that does not answer, and one that stops in the middle", async () => {
    api.answer = () => {};
    await failed({}, 504, "TIMEOUT");
    api.answer = (_request, response) => response.writeHead(200, { "content-length": 100 }).write("x");
    const response = await openViaProxy(strict, "/proxy/file", strictly());
    await expect(sizeAndHash(response)).rejects.toThrow(/aborted/);
  });

  test("let an upload take its time so long as it moves", async () => {
    api.streams = true;
    api.answer = async (request, response) => response.end(String((await sizeAndHash(request)).size));
    const slowly = Readable.from(
      (async function* () {
        for (let piece = 0; piece < 100; piece += 1) {
          await delay(60);
          yield PIECE;
        }
      })(),
    );
    expect(await call({ method: "PUT", body: slowly })).toMatchObject({ status: 200, body: String(100 * PIECE.byteLength) });
  });

  test("hold a caller who stops in the middle", async () => {
    api.streams = true;
    api.answer = (request) => void request.on("error", () => {}).resume();
    const stuck = new Readable({ read() {} });
    stuck.push(Buffer.alloc(2 * MIB));
    await failed({ method: "PUT", body: stuck }, 504, "TIMEOUT");
  });
});

describe("an end in the middle", () => {
  test("by the caller ends the call to the API too", async () => {
    const arrived = Promise.withResolvers<IncomingMessage>();
    api.answer = (request) => arrived.resolve(request);
    const leaving = new AbortController();
    const answer = call({ signal: leaving.signal });
    const request = await arrived.promise;
    const closed = once(request.socket, "close");
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await closed;
  });

  test("by the API reaches the caller as one", async () => {
    api.answer = (request, response) => {
      response.writeHead(200, { "content-length": 100 }).write("half");
      setTimeout(() => request.socket.destroy(), 100);
    };
    const response = await openViaProxy(app, "/proxy/file", ours());
    await expect(sizeAndHash(response)).rejects.toThrow(/aborted/);
    api.answer = (request) => void request.socket.destroy();
    const answer = await call();
    expect(answer).toMatchObject({ status: 502, headers: { "moorline-error": "CONNECTION_LOST" } });
  });
});
