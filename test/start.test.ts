import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { WebSocket } from "ws";
import { builtPages } from "./support/built-pages.ts";
import { ask, cookieOf } from "./support/dashboard.ts";
import { send } from "./support/graphql.ts";
import { killPrograms, type Run, startProgram } from "./support/process.ts";
import { createConfig, createUser, initiate } from "./support/seed.ts";

const MAIN = "src/main.ts";
const KEY = "mlk_a_key_of_the_operators_own_choice_0001";
const MASTER_KEY = Buffer.alloc(32, 7).toString("base64");
const FREE_PORTS = { HOST: "127.0.0.1", PORT: "0", MOORLINE_SANDBOX_PORT: "0" };

const directories: string[] = [];
afterAll(() => {
  killPrograms();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A data directory that is not there yet, or one whose database has its tables: that starts much faster. */
function dataDirectory(kind: "fresh" | "migrated"): string {
  const parent = mkdtempSync(join(tmpdir(), "moorline-start-"));
  directories.push(parent);
  const directory = join(parent, "data");
  if (kind === "migrated") cpSync(inject("migratedDirectory"), join(directory, "database"), { recursive: true });
  return directory;
}

/** `node src/main.ts`, until it says that it is ready. */
async function start(env: Record<string, string>): Promise<Run & { url: string }> {
  const run = startProgram(MAIN, { ...FREE_PORTS, ...env });
  await run.printed(/^Moorline is ready/m);
  const [, url] = await run.printed(/GraphQL API +(\S+)\/graphql/);
  return Object.assign(run, { url: url! });
}

const WHO = "{ viewer { role project { name } } }";

describe("the first start in an empty directory", () => {
  const directory = dataDirectory("fresh");
  let server: Run & { url: string };
  let apiKey = "";
  beforeAll(async () => {
    await builtPages();
    server = await start({ MOORLINE_DATA_DIR: directory });
    apiKey = (await server.printed(/API key +(mlk_\S+)/))[1]!;
  });

  test("says in a few lines where the API, GraphiQL and the sandbox are, and what to do next", async () => {
    const [, sandbox] = await server.printed(/Sandbox +(http:\S+)/);
    await server.printed(/^Next: .*GraphiQL.*first tab/m);
    expect(server.stdout).toMatch(/GraphiQL +http:\S+\/graphql/);
    expect(server.stdout).toContain("npm run demo");
    expect(server.stdout.trim().split("\n").length).toBeLessThan(15);
    expect(server.stderr).toBe("");
    const graphiql = await fetch(`${server.url}/graphql`, { headers: { accept: "text/html" } });
    expect([graphiql.status, graphiql.headers.get("content-type")]).toEqual([200, expect.stringContaining("text/html")]);
    const discovery = await fetch(`${sandbox}/.well-known/openid-configuration`);
    expect(await discovery.json()).toMatchObject({ issuer: sandbox });
  });

  test("shows a generated ADMIN key that works", async () => {
    expect(await send(server, apiKey, WHO)).toMatchObject({ status: 200, data: { viewer: { role: "ADMIN" } } });
    expect(await send(server, `${apiKey}x`, WHO)).toMatchObject({ errors: [{ extensions: { code: "UNAUTHENTICATED" } }] });
  });

  test("prints a link to the dashboard that signs in one browser, once, and goes on by its cookie", async () => {
    const [, url, signInToken] = await server.printed(/Dashboard +(http:\S+)\/#sign-in=(\S+)/);
    expect(url).toBe(server.url);
    expect(Buffer.from(signInToken!, "base64url")).toHaveLength(32);
    const page = await fetch(`${url}/`, { headers: { accept: "text/html" } });
    expect(await page.text()).toContain('id="root"');
    const answer = await ask(server.url, "/session", { body: { signInToken } });
    expect(answer).toMatchObject({ status: 200, body: { role: "ADMIN" } });
    expect((await ask(server.url, "/session", { body: { signInToken } })).status).toBe(401);
    const viewer = await ask(server.url, "/graphql", { body: { query: WHO }, cookie: cookieOf(answer) });
    expect(viewer.body.data.viewer.role).toBe("ADMIN");
    expect(server.stderr).toBe("");
  });

  test("keeps its keys where only the owner can read them", () => {
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const file of ["master-keys", "sandbox.json"]) expect(statSync(join(directory, file)).mode & 0o777, file).toBe(0o600);
  });

  test("refuses a second process on the same directory with a sentence, and goes on undisturbed", async () => {
    const second = startProgram(MAIN, { ...FREE_PORTS, MOORLINE_DATA_DIR: directory });
    expect(await second.ended).toBe(1);
    expect(second.stderr).toMatch(/^The data directory .* is in use by another Moorline process\. .*MOORLINE_DATA_DIR\.\n$/);
    expect(await send(server, apiKey, WHO)).toMatchObject({ status: 200, data: { viewer: { role: "ADMIN" } } });
  });

  test("starts again with everything it had, and shows no key any more", async () => {
    server.child.kill("SIGTERM");
    expect(await server.ended).toBe(0);
    const again = await start({ MOORLINE_DATA_DIR: directory });
    await again.printed(/^Next: /m);
    expect(again.stdout).not.toContain("mlk_");
    expect(await send(again, apiKey, WHO)).toMatchObject({ status: 200, data: { viewer: { role: "ADMIN" } } });
    again.child.kill("SIGINT");
    expect(await again.ended).toBe(0);
  });
});

describe("a start that cannot be", () => {
  afterEach(killPrograms);
  const production = { NODE_ENV: "production", MOORLINE_MASTER_KEYS: MASTER_KEY, MOORLINE_BOOTSTRAP_API_KEY: KEY };

  test.each<[string, Record<string, string>, RegExp]>([
    ["PORT is no number", { PORT: "http" }, /^PORT must be a whole number from 0 to 65535, and not "http"\./],
    ["PORT is out of range", { PORT: "65536" }, /^PORT must be/],
    ["HOST is another machine's address", { HOST: "203.0.113.7" }, /^HOST: "203\.0\.113\.7" is no address of this machine/],
    ["HOST is no address", { HOST: "no-such-host.invalid" }, /^HOST: "no-such-host\.invalid"/],
    ["DATABASE_URL is of another database", { DATABASE_URL: "mysql://db/x" }, /^DATABASE_URL must be a PostgreSQL URL/],
    [
      "nothing answers at DATABASE_URL",
      { DATABASE_URL: "postgresql://moor:hunter2@127.0.0.1:1/line" },
      /^DATABASE_URL: line at 127\.0\.0\.1:1 cannot be used \(.*ECONNREFUSED.*\)\./,
    ],
    [
      "the host of DATABASE_URL has no address",
      { DATABASE_URL: "postgresql://moor:hunter2@db.invalid/line" },
      /^DATABASE_URL: line at db\.invalid:5432 cannot be used/,
    ],
    ["MOORLINE_PUBLIC_URL is no URL", { MOORLINE_PUBLIC_URL: "moorline.example.com" }, /^MOORLINE_PUBLIC_URL must be an origin/],
    [
      "MOORLINE_PUBLIC_URL has a path",
      { MOORLINE_PUBLIC_URL: "https://example.com/auth" },
      /^MOORLINE_PUBLIC_URL must be an origin/,
    ],
    [
      "MOORLINE_PUBLIC_URL is http and not this machine's",
      { MOORLINE_PUBLIC_URL: "http://moorline.example.com" },
      /^MOORLINE_PUBLIC_URL must begin with https:\/\/ unless/,
    ],
    ["a master key is too short", { MOORLINE_MASTER_KEYS: "c2hvcnQ=" }, /^MOORLINE_MASTER_KEYS: key 1 must be 32 bytes/],
    ["the second master key is no base64", { MOORLINE_MASTER_KEYS: `${MASTER_KEY},***` }, /^MOORLINE_MASTER_KEYS: key 2 must be/],
    [
      "the first API key is short",
      { MOORLINE_BOOTSTRAP_API_KEY: "mlk_short" },
      /^MOORLINE_BOOTSTRAP_API_KEY must begin with mlk_/,
    ],
    ["the first API key has no mlk_", { MOORLINE_BOOTSTRAP_API_KEY: "x".repeat(40) }, /^MOORLINE_BOOTSTRAP_API_KEY must begin/],
    ["MOORLINE_SANDBOX is neither", { MOORLINE_SANDBOX: "maybe" }, /^MOORLINE_SANDBOX must be true or false, and not "maybe"/],
    ["MOORLINE_EXPLORATION is neither", { MOORLINE_EXPLORATION: "2" }, /^MOORLINE_EXPLORATION must be true or false/],
    ["MOORLINE_SANDBOX_PORT is no number", { MOORLINE_SANDBOX_PORT: "-1" }, /^MOORLINE_SANDBOX_PORT must be a whole number/],
    [
      "an origin has a path",
      { MOORLINE_CORS_ORIGINS: "https://a.example,https://b.example/app" },
      /^MOORLINE_CORS_ORIGINS: "https:\/\/b\.example\/app"/,
    ],
    ["every origin is allowed", { MOORLINE_CORS_ORIGINS: "*" }, /^MOORLINE_CORS_ORIGINS: "\*" is no origin/],
    ["origins are a pattern", { MOORLINE_CORS_ORIGINS: "https://*.b.example" }, /is no origin/],
    ["a return URL is relative", { MOORLINE_ALLOWED_RETURN_URLS: "/done" }, /^MOORLINE_ALLOWED_RETURN_URLS: "\/done"/],
    [
      "a return URL would run a script",
      { MOORLINE_ALLOWED_RETURN_URLS: "javascript:alert(1)" },
      /^MOORLINE_ALLOWED_RETURN_URLS: "javascript/,
    ],
    ["an allowed address is a name", { MOORLINE_EGRESS_ALLOW: "10.0.0.0/8,intranet" }, /^MOORLINE_EGRESS_ALLOW: "intranet"/],
    ["an allowed range is too narrow", { MOORLINE_EGRESS_ALLOW: "10.0.0.0/33" }, /^MOORLINE_EGRESS_ALLOW: "10\.0\.0\.0\/33"/],
    ["an allowed address has a zone", { MOORLINE_EGRESS_ALLOW: "fe80::1%eth0" }, /^MOORLINE_EGRESS_ALLOW: "fe80::1%eth0"/],
    [
      "a trusted proxy is a name",
      { MOORLINE_TRUSTED_PROXIES: "10.0.0.0/8,nginx" },
      /^MOORLINE_TRUSTED_PROXIES: "nginx" is neither an address nor a CIDR range/,
    ],
    ["everybody is a trusted proxy", { MOORLINE_TRUSTED_PROXIES: "0.0.0.0/0" }, /^MOORLINE_TRUSTED_PROXIES: "0\.0\.0\.0\/0" is/],
    ["MOORLINE_LOG_LEVEL is unknown", { MOORLINE_LOG_LEVEL: "loud" }, /^MOORLINE_LOG_LEVEL must be one of/],
    [
      "MOORLINE_DATA_DIR is below a file",
      { MOORLINE_DATA_DIR: `${import.meta.filename}/data` },
      /^MOORLINE_DATA_DIR: .* cannot be made/,
    ],
    [
      "production lacks MOORLINE_MASTER_KEYS",
      { ...production, MOORLINE_MASTER_KEYS: "" },
      /^MOORLINE_MASTER_KEYS is required in production/,
    ],
    [
      "production lacks MOORLINE_BOOTSTRAP_API_KEY",
      { ...production, MOORLINE_BOOTSTRAP_API_KEY: "" },
      /^MOORLINE_BOOTSTRAP_API_KEY is required in production/,
    ],
    ["production lacks MOORLINE_PUBLIC_URL", production, /^MOORLINE_PUBLIC_URL is required in production/],
    [
      "production would be reached by http",
      { ...production, MOORLINE_PUBLIC_URL: "http://localhost:4000" },
      /^MOORLINE_PUBLIC_URL must begin with https:\/\/ in production/,
    ],
  ])("stops with one sentence that names the variable where %s", async (_case, env, sentence) => {
    const run = startProgram(MAIN, { ...FREE_PORTS, MOORLINE_DATA_DIR: dataDirectory("migrated"), ...env });
    expect(await run.ended).toBe(1);
    expect(run.stderr).toMatch(sentence);
    expect(run.stderr.trim().split("\n")).toHaveLength(1);
    expect(run.stderr).not.toContain("hunter2");
    expect(run.stdout).toBe("");
  });

  test.each(["PORT", "MOORLINE_SANDBOX_PORT"])("stops with a sentence where %s is taken", async (name) => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const port = String((other.address() as AddressInfo).port);
    const run = startProgram(MAIN, { ...FREE_PORTS, MOORLINE_DATA_DIR: dataDirectory("migrated"), [name]: port });
    expect(await run.ended).toBe(1);
    expect(run.stderr).toMatch(new RegExp(`^${name}: port ${port} is taken\\. [^\\n]+\\n$`));
    other.close();
  });

  test("stops with a sentence where the master key is not the database's, and starts again with it behind the new one", async () => {
    const env = { MOORLINE_DATA_DIR: dataDirectory("migrated"), MOORLINE_BOOTSTRAP_API_KEY: KEY };
    const first = await start({ ...env, MOORLINE_MASTER_KEYS: MASTER_KEY });
    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    const otherKey = Buffer.alloc(32, 8).toString("base64");
    const wrong = startProgram(MAIN, { ...FREE_PORTS, ...env, MOORLINE_MASTER_KEYS: otherKey });
    expect(await wrong.ended).toBe(1);
    expect(wrong.stderr).toMatch(/^MOORLINE_MASTER_KEYS lacks the key that this database was sealed with [^\n]+\n$/);
    const rotated = await start({ ...env, MOORLINE_MASTER_KEYS: `${otherKey},${MASTER_KEY}` });
    expect(await send(rotated, KEY, WHO)).toMatchObject({ status: 200 });
  });

  test("stops with a sentence where the keys file was damaged", async () => {
    const directory = dataDirectory("migrated");
    writeFileSync(join(directory, "master-keys"), "nonsense\n");
    const run = startProgram(MAIN, { ...FREE_PORTS, MOORLINE_DATA_DIR: directory });
    expect(await run.ended).toBe(1);
    expect(run.stderr).toMatch(/master-keys holds no valid keys[^\n]+\n$/);
  });
});

test("in production there is no sandbox, no GraphiQL and no introspection, and the given key opens it", async () => {
  const port = await freePort();
  const run = await start({
    NODE_ENV: "production",
    MOORLINE_DATA_DIR: dataDirectory("migrated"),
    MOORLINE_MASTER_KEYS: MASTER_KEY,
    MOORLINE_BOOTSTRAP_API_KEY: KEY,
    MOORLINE_PUBLIC_URL: "https://moorline.example.com",
    PORT: String(port),
  });
  const local = { url: `http://127.0.0.1:${port}` };
  expect(run.url).toBe("https://moorline.example.com");
  expect(run.stdout).not.toMatch(/Sandbox|GraphiQL|mlk_|sign-in=/);
  expect(await send(local, KEY, WHO)).toMatchObject({ status: 200, data: { viewer: { role: "ADMIN" } } });
  expect(await send(local, KEY, "{ __schema { types { name } } }")).toHaveProperty(
    "errors.0.message",
    expect.stringContaining("introspection"),
  );
  expect(await send(local, KEY, `{ connector(slug: "sandbox") { connectable } }`)).not.toMatchObject({
    data: { connector: { connectable: true } },
  });
  run.child.kill("SIGTERM");
  expect(await run.ended).toBe(0);
});

describe("SIGTERM", () => {
  test("lets a request in flight finish, says goodbye to sockets and streams, and ends with 0 in time", async () => {
    const server = await start({ MOORLINE_DATA_DIR: dataDirectory("migrated"), MOORLINE_BOOTSTRAP_API_KEY: KEY });
    const config = await createConfig(server, KEY);
    const user = await createUser(server, KEY);
    const pending = await initiate(server, KEY, { target: { authConfigId: config.id }, user: { id: user.id } });

    const waiting = send(server, KEY, `{ connectionRequest(id: "${pending.id}", waitSeconds: 2) { status } }`);
    const halfSent = sendHalf(server.url);
    const socket = await openSocket(server.url, pending.id);
    const stream = await openStream(server.url, pending.id);
    const [closed, streamed] = [once(socket, "close"), stream.text()];

    const asked = performance.now();
    server.child.kill("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 200));
    await expect(fetch(`${server.url}/health/live`), "nothing new is taken").rejects.toThrow();
    halfSent.finish();

    expect(await waiting).toMatchObject({ status: 200, data: { connectionRequest: { status: "PENDING" } } });
    expect(await halfSent.status).toBe(200);
    expect((await closed)[0]).toBe(1001);
    expect(await streamed).toMatch(/event: complete\ndata:\s*$/);
    expect(await server.ended).toBe(0);
    expect(performance.now() - asked).toBeLessThan(10_000);
  });
});

test.skipIf(process.platform === "win32")("a server that npm started does not stay behind when npm is ended", async () => {
  const env = { ...FREE_PORTS, npm_lifecycle_event: "start", MOORLINE_DATA_DIR: dataDirectory("migrated") };
  const shell = startProgram(MAIN, env, ["sh", "-c", `"$0" "$1"; exit $?`]);
  await shell.printed(/^Next: /m);
  shell.child.kill("SIGTERM");
  // Its output ends with the server, not with the shell.
  await shell.ended;
  expect(shell.stdout).toContain("draining");
});

/** A query of which half is sent; `finish` sends the rest. */
function sendHalf(url: string): { status: Promise<number | undefined>; finish(): void } {
  const body = JSON.stringify({ query: WHO });
  const headers = { "content-type": "application/json", "content-length": body.length, authorization: `Bearer ${KEY}` };
  const request = httpRequest(`${url}/graphql`, { method: "POST", headers });
  request.write(body.slice(0, 10));
  const status = once(request, "response").then(([response]) => response.resume().statusCode as number);
  return { status, finish: () => request.end(body.slice(10)) };
}

const watching = (id: string) => `subscription { connectionRequestUpdated(id: "${id}") { status } }`;

/** Speaks the protocol by hand, to see the close code. Resolves once the first message has come. */
async function openSocket(url: string, id: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/graphql`, "graphql-transport-ws");
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "connection_init", payload: { authorization: `Bearer ${KEY}` } }));
  await once(socket, "message");
  socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query: watching(id) } }));
  await once(socket, "message");
  return socket;
}

function openStream(url: string, id: string): Promise<Response> {
  return fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream", authorization: `Bearer ${KEY}` },
    body: JSON.stringify({ query: watching(id) }),
  });
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}
