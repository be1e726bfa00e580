import { once } from "node:events";
import { request as httpRequest, type OutgoingHttpHeaders } from "node:http";
import { json } from "node:stream/consumers";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRateLimit } from "../src/lib/rate-limit.ts";
import { ADMIN_KEY, startTestApp, type TestApp } from "./support/app.ts";
import { OWN_PAGE, pageSocket } from "./support/dashboard.ts";
import { run } from "./support/graphql.ts";
import { createConfig, createUser, initiate } from "./support/seed.ts";

/** Whose address is in the audit log, and whom a limit holds, behind reverse proxies and without. */

/** Reached by proxies of which the one that connects is on this machine. */
let app: TestApp;
/** Its proxies are elsewhere: what connects from this machine is a client. */
let direct: TestApp;
beforeAll(async () => {
  app = await startTestApp({ MOORLINE_TRUSTED_PROXIES: "127.0.0.1, 10.0.0.0/8,fd00:1::/32, ::ffff:192.168.7.0/120" });
  direct = await startTestApp({ MOORLINE_SANDBOX: "false", MOORLINE_TRUSTED_PROXIES: "10.0.0.0/8" });
});
afterAll(() => Promise.all([app?.close(), direct?.close()]));

/** As written: a list of values is as many header lines. */
async function post(to: TestApp, path: string, body: object, headers: OutgoingHttpHeaders) {
  const request = httpRequest(`${to.url}${path}`, {
    method: "POST",
    agent: false,
    headers: { "content-type": "application/json", ...headers },
  });
  request.end(JSON.stringify(body));
  const [response] = await once(request, "response");
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it.
  return { status: response.statusCode as number, headers: response.headers, body: (await json(response)) as any };
}

let users = 0;
function createsUser() {
  users += 1;
  const query = `mutation { upsertUser(input: { externalId: "${users}" }) { ... on UpsertUserPayload { user { id } } } }`;
  return { query };
}

/** The address that the audit log has for what was done last. */
async function onRecord(of: TestApp, action: string): Promise<string | null> {
  const query = `{ auditEvents(first: 1, filter: { action: "${action}" }) { nodes { ip } } }`;
  const { auditEvents } = await run<{ auditEvents: { nodes: { ip: string | null }[] } }, object>(of, ADMIN_KEY, query);
  return auditEvents.nodes[0]!.ip;
}

async function seenAs(to: TestApp, headers: OutgoingHttpHeaders): Promise<string | null> {
  const answer = await post(to, "/graphql", createsUser(), { ...headers, authorization: `Bearer ${ADMIN_KEY}` });
  expect(answer.body.data.upsertUser.user.id).toMatch(/^usr_/);
  return onRecord(to, "user.created");
}

const forwarded = (value: string | string[]) => ({ "x-forwarded-for": value });

describe("a request is on record with", () => {
  test.each<[string, string | string[], string]>([
    ["its client behind one proxy", "203.0.113.7", "203.0.113.7"],
    ["its client behind several", "203.0.113.7, 10.1.2.3, 192.168.7.9", "203.0.113.7"],
    ["the address that the first proxy saw, not one that the client made up", "198.51.100.1, 203.0.113.7", "203.0.113.7"],
    ["nor a trusted one that the client made up", "10.1.2.3, 203.0.113.7, 10.1.2.4", "203.0.113.7"],
    ["its client whose header lines were not joined", ["198.51.100.1", "203.0.113.7", "10.1.2.3"], "203.0.113.7"],
    ["its client's port left out", "203.0.113.7:51234", "203.0.113.7"],
    ["an IPv6 client", "2001:db8::7", "2001:db8::7"],
    ["an IPv6 client in its one spelling", "2001:0DB8:0:0::0007", "2001:db8::7"],
    ["an IPv6 client in brackets", "[2001:db8::7]", "2001:db8::7"],
    ["an IPv6 client in brackets with a port", "[2001:db8::7]:443, [fd00:1::2]:80", "2001:db8::7"],
    ["an IPv4 client that is written as an IPv6 one", "::ffff:203.0.113.7", "203.0.113.7"],
    ["the same in another spelling, behind such a proxy", "::ffff:cb00:7107,::ffff:a01:203", "203.0.113.7"],
    ["its client among empty entries", ", 203.0.113.7 ,,10.1.2.3, ", "203.0.113.7"],
    ["a client that is itself among the trusted", "10.9.9.9, 10.1.2.3", "10.9.9.9"],
  ])("%s", async (_case, value, expected) => {
    expect(await seenAs(app, forwarded(value))).toBe(expected);
  });

  test.each<[string, string | string[]]>([
    ["nothing", ""],
    ["commas", ", ,,"],
    ["what is unknown", "203.0.113.7, unknown"],
    ["a name", "proxy.example"],
    ["a number too many", "203.0.113.7.1"],
    ["a number too large", "203.0.113.256"],
    ["leading zeros", "0203.0.113.007"],
    ["hexadecimal", "0xcb007107"],
    ["a range", "203.0.113.0/24"],
    ["an open bracket", "[2001:db8::7"],
    ["an IPv6 address too long", "2001:db8:1:2:3:4:5:6:7"],
    ["a zone", "fe80::1%eth0"],
    ["quotes", '"203.0.113.7"'],
    ["a port that is none", "203.0.113.7:http"],
    ["markup", "<script>alert(1)</script>"],
    ["much of it", ["x".repeat(8_000), "203.0.113.7,".repeat(500), "[".repeat(8_000)]],
  ])("the proxy's own address where it tells %s", async (_case, value) => {
    expect(await seenAs(app, forwarded(value))).toBe("127.0.0.1");
  });

  test("the last proxy's address where that one passed garbage on", async () => {
    expect(await seenAs(app, forwarded("203.0.113.7, unknown, 10.1.2.3"))).toBe("10.1.2.3");
  });

  test("the socket's address where that is no trusted proxy's, whatever the header says", async () => {
    for (const value of ["203.0.113.7", "203.0.113.7, 10.1.2.3", ["10.1.2.3", "10.1.2.4"]])
      expect(await seenAs(direct, forwarded(value))).toBe("127.0.0.1");
  });

  test("nothing out of other headers, which name neither client nor host nor scheme", async () => {
    const headers = {
      forwarded: "for=203.0.113.9;host=evil.example;proto=https",
      "x-real-ip": "203.0.113.9",
      "x-forwarded-host": "evil.example",
      "x-forwarded-proto": "https",
    };
    expect(await seenAs(app, headers)).toBe("127.0.0.1");
    const { headers: answered } = await post(app, "/session", { apiKey: ADMIN_KEY }, { ...OWN_PAGE, ...headers });
    expect(answered["set-cookie"]).toEqual([expect.stringMatching(/^moorline-dashboard=\w+; (?!.*Secure)/)]);
    const target = { authConfigId: (await createConfig(app, ADMIN_KEY)).id };
    const user = { id: (await createUser(app, ADMIN_KEY)).id };
    const { connectUrl } = await initiate(app, ADMIN_KEY, { target, user });
    const opened = await fetch(`${connectUrl}/authorize`, { headers, redirect: "manual" });
    const location = new URL(opened.headers.get("location")!);
    expect(location.searchParams.get("redirect_uri")).toBe(`${app.url}/oauth/callback/sandbox`);
  });

  test("its client at every door", async () => {
    const target = { authConfigId: (await createConfig(app, ADMIN_KEY)).id };
    const user = { id: (await createUser(app, ADMIN_KEY)).id };
    const { connectUrl } = await initiate(app, ADMIN_KEY, { target, user });
    await fetch(`${connectUrl}/authorize`, { headers: { "x-forwarded-for": "203.0.113.11" }, redirect: "manual" });
    expect(await onRecord(app, "connection_request.opened")).toBe("203.0.113.11");

    await post(app, "/session", { apiKey: ADMIN_KEY }, { ...OWN_PAGE, ...forwarded("203.0.113.12") });
    expect(await onRecord(app, "dashboard.signed_in")).toBe("203.0.113.12");

    const authorization = `Bearer ${ADMIN_KEY}`;
    const { first, socket } = await pageSocket(app.url, { "x-forwarded-for": "6.6.6.6, 203.0.113.13" }, { authorization });
    expect(first).toBe("connection_ack");
    socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: createsUser() }));
    const [answer] = await once(socket, "message");
    expect(JSON.parse(String(answer))).toMatchObject({ type: "next", payload: { data: { upsertUser: { user: {} } } } });
    expect(await onRecord(app, "user.created")).toBe("203.0.113.13");
    socket.terminate();
  });
});

describe("a client that sends and then resets the connection", () => {
  const HELLO = "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";

  function mutation(): string {
    const body = JSON.stringify(createsUser());
    const headers = `authorization: Bearer ${ADMIN_KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
    return `POST /graphql HTTP/1.1\r\nhost: x\r\n${headers}\r\n\r\n${body}`;
  }

  const CLIENT = `
    const { parentPort, workerData: { port, hello, request, gone } } = require("node:worker_threads");
    const socket = require("node:net").connect(port, "127.0.0.1");
    const leave = () => socket.write(request, () => socket.resetAndDestroy());
    socket.once("close", () => {
      Atomics.store(gone, 0, 1);
      Atomics.notify(gone, 0);
    });
    if (hello) {
      socket.write(hello);
      socket.once("data", () => {
        parentPort.once("message", leave);
        parentPort.postMessage("served");
      });
    } else socket.once("connect", leave);`;

  /** In a thread of its own, while this one, the server's, looks at nothing: what it reads then is of a client that has gone. */
  async function sendAndReset(hello: string | null): Promise<void> {
    const gone = new Int32Array(new SharedArrayBuffer(4));
    const port = Number(new URL(app.url).port);
    const worker = new Worker(CLIENT, { eval: true, workerData: { port, hello, request: mutation(), gone } });
    if (hello) await once(worker, "message");
    worker.postMessage("leave");
    expect(Atomics.wait(gone, 0, 0, 30_000)).not.toBe("timed-out");
    await worker.terminate();
  }

  async function created(): Promise<(string | null)[]> {
    const query = `{ auditEvents(first: 100, filter: { action: "user.created" }) { nodes { ip } } }`;
    const { auditEvents } = await run<{ auditEvents: { nodes: { ip: string | null }[] } }, object>(app, ADMIN_KEY, query);
    return auditEvents.nodes.map(({ ip }) => ip);
  }

  test("is on record with its address, where the server takes what it sent", async () => {
    await sendAndReset(HELLO);
    for (let turn = 0; turn < 5; turn += 1) await seenAs(app, {});
    expect(await created()).not.toContain(null);
  });

  test("is not served where it has gone before the server knew it", async () => {
    const before = await created();
    await sendAndReset(null);
    // Connections are taken in the order in which they came.
    for (let turn = 0; turn < 5; turn += 1) await seenAs(app, {});
    expect(await created()).toEqual([...Array(5).fill("127.0.0.1"), ...before]);
  });
});

describe("the limit of failed sign-ins", () => {
  const attempt = (from: string, to = app, apiKey = "hello") =>
    post(to, "/session", { apiKey }, { ...OWN_PAGE, ...forwarded(from) });

  /** Ten failures, each from an address of its own making. */
  async function exhaust(from: (turn: number) => string, to = app): Promise<void> {
    for (let turn = 0; turn < 10; turn += 1) expect((await attempt(from(turn), to)).status).toBe(401);
  }

  test("holds one client behind a proxy, and not the others", async () => {
    await exhaust(() => "203.0.113.21");
    const limited = await attempt("203.0.113.21", app, ADMIN_KEY);
    expect([limited.status, limited.body.errors[0].extensions.code]).toEqual([429, "RATE_LIMITED"]);
    expect((await attempt("203.0.113.22", app, ADMIN_KEY)).status).toBe(200);
    expect((await attempt("203.0.113.21, 10.1.2.3:80", app, ADMIN_KEY)).status).toBe(429);
  });

  test("holds whoever makes up addresses before their own", async () => {
    await exhaust((turn) => `198.51.100.${turn}, 203.0.113.23`);
    expect((await attempt("198.51.100.99, 10.1.2.3, 203.0.113.23", app, ADMIN_KEY)).status).toBe(429);
  });

  test("holds whoever makes up garbage, all of it together", async () => {
    await exhaust((turn) => `203.0.113.24, unknown${turn}`);
    expect((await attempt("203.0.113.24, x", app, ADMIN_KEY)).status).toBe(429);
    expect((await attempt("203.0.113.24", app, ADMIN_KEY)).status).toBe(200);
  });

  test("holds whoever makes up addresses and comes through no trusted proxy", async () => {
    await exhaust((turn) => `203.0.113.${turn}`, direct);
    expect((await attempt("203.0.113.99", direct, ADMIN_KEY)).status).toBe(429);
  });

  test("counts a /64 of IPv6 as one client", async () => {
    await exhaust((turn) => (turn % 2 ? `2001:db8:0:1::${turn}` : `[2001:db8:0:1:${turn}:ffff:a:1]:443`));
    expect((await attempt("2001:db8::1:ffff:ffff:ffff:ffff", app, ADMIN_KEY)).status).toBe(429);
    for (const other of ["2001:db8:0:2::1", "2001:db8::1", "2001:db8:1::1", "::1"])
      expect([other, (await attempt(other, app, ADMIN_KEY)).status]).toEqual([other, 200]);
  });
});

test("a limit remembers the last ten thousand clients, however many there are", () => {
  const limit = createRateLimit(2, 60_000, "Wait.");
  const twice = (key: string) => {
    limit.take(key);
    limit.take(key);
  };
  twice("first");
  expect(() => limit.take("first")).toThrow("Wait.");
  for (let other = 1; other < 10_000; other += 1) twice(`other ${other}`);
  expect(() => limit.take("first")).toThrow("Wait.");
  // One more, and the one that was longest away is forgotten.
  limit.take("one more");
  expect(() => limit.take("other 1")).toThrow("Wait.");
  twice("first");
});
