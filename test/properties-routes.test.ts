import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect as connectTo } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { begin, goToConfirmPage } from "./support/oauth.ts";
import { insideOf } from "./support/properties-answers.ts";
import { connect } from "./support/seed.ts";

const RUNS = Number(process.env.MOORLINE_PROPERTY_RUNS ?? 100);
const SEED = Number(process.env.MOORLINE_PROPERTY_SEED ?? 20_261_121);

/** Texts that stand for something that is there: a credential, a link, an answer of the provider. */
let known: Record<string, string>;
let app: TestApp;
/** A server that nothing may be sent to, although Moorline may reach its address. */
const stranger = createServer((request, response) => {
  strangers.push(`${request.method} ${request.url}`);
  response.end("stranger");
});
const strangers: string[] = [];

beforeAll(async () => {
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1" });
  stranger.listen(0, "127.0.0.1");
  await once(stranger, "listening");
  const { credential } = await connect(app, app.adminKey);
  const pending = await begin(app);
  const half = await begin(app);
  const { page, callbackUrl, cookieJar } = await goToConfirmPage(app, half.url);
  known = {
    KEY: app.adminKey,
    SESSION: pending.session,
    CREDENTIAL: credential!.id,
    REQUEST: pending.request.id,
    LINK: new URL(pending.url).pathname.split("/")[2]!,
    CALLBACK: new URL(callbackUrl).search.slice(1),
    HANDLE: page.forms[0]!.fields[0]![1],
    COOKIE: cookieJar.header(`${app.url}/oauth/callback/sandbox`),
    STRANGER: `127.0.0.1:${(stranger.address() as AddressInfo).port}`,
  };
});
afterAll(async () => {
  stranger.close();
  await app?.close();
});

const odd = fc.oneof(
  fc.constantFrom(
    "",
    ".",
    "..",
    "%2e%2e",
    "%00",
    "%",
    "%zz",
    "%ff",
    "%E0%A4%A",
    "\\",
    "//",
    "a b",
    "\u00ff",
    "{connection.x}",
    "__proto__",
  ),
  fc.constantFrom(
    "KEY",
    "SESSION",
    "CREDENTIAL",
    "REQUEST",
    "LINK",
    "HANDLE",
    "sandbox",
    "me",
    "confirm",
    "authorize",
    "constructor",
  ),
  fc.constantFrom(
    "'; DROP TABLE x; --",
    "<script>",
    "x".repeat(5_000),
    "é".repeat(50),
    "a=b&c[]=d&c[]=e",
    "@STRANGER",
    "/STRANGER",
  ),
  fc.string({ unit: "binary-ascii", maxLength: 30 }),
);

const pairs = fc.array(
  fc.tuple(
    fc.oneof(
      fc.constantFrom(
        "code",
        "state",
        "error",
        "error_description",
        "iss",
        "handle",
        "decision",
        "response",
        "query",
        "variables",
      ),
      odd,
    ),
    odd,
  ),
  { maxLength: 6 },
);
const form = pairs.map((list) => list.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&"));
const query = fc.oneof(form, fc.constant("CALLBACK"), odd, fc.constant(""));

const proxied = fc
  .oneof(
    fc.constantFrom(
      "/me",
      "/notes",
      "//STRANGER/",
      "/\\STRANGER/",
      "@STRANGER/",
      "/@STRANGER/",
      "/http://STRANGER/",
      "http://STRANGER/",
    ),
    fc.constantFrom(
      "/..//STRANGER/",
      "/%2f%2fSTRANGER/",
      "/../../x",
      "/%2e%2e/%2e%2e/x",
      "/;@STRANGER",
      "/#@STRANGER",
      "/%5cSTRANGER",
      "/?x",
      "",
    ),
    odd.map((text) => `/${text}`),
  )
  .map((path) => `/proxy${path}`);

const path = fc.oneof(
  { weight: 4, arbitrary: proxied },
  { weight: 2, arbitrary: fc.constantFrom("/proxy/me", "/proxy/notes") },
  { weight: 3, arbitrary: odd.map((text) => `/oauth/callback/${text}`) },
  { weight: 2, arbitrary: fc.constant("/oauth/callback/sandbox") },
  { weight: 2, arbitrary: odd.map((text) => `/connect/${text}`) },
  { weight: 2, arbitrary: odd.map((text) => `/connect/${text}/authorize`) },
  { weight: 2, arbitrary: fc.constantFrom("/connect/confirm", "/connect/LINK/authorize", "/connect/LINK") },
  { weight: 2, arbitrary: fc.constantFrom("/graphql", "/", "/health/live", "/health/ready", "/metrics") },
  { weight: 1, arbitrary: fc.constantFrom("/session", "/session/switch", "/session/end") },
  { weight: 1, arbitrary: odd },
);

const header = fc.oneof(
  fc.constantFrom(
    "authorization: Bearer KEY",
    "authorization: Bearer SESSION",
    "authorization: Basic eDp5",
    "authorization: Bearer mlk_",
  ),
  fc.constantFrom(
    "cookie: COOKIE",
    "cookie: =; ;;a=b",
    "accept: text/html",
    "accept: */*",
    "origin: null",
    "origin: http://STRANGER",
  ),
  fc.constantFrom(
    "content-type: application/json",
    "content-type: application/x-www-form-urlencoded",
    "content-type: text/plain; charset=x",
  ),
  fc.constantFrom(
    "moorline-credential: CREDENTIAL",
    "moorline-credential: cred_x",
    "moorline-credential: \u00ff",
    "sec-fetch-site: same-origin",
    "moorline-session: dashboard",
  ),
  fc.constantFrom(
    "host: STRANGER",
    "x-forwarded-host: STRANGER",
    "x-forwarded-for: 1.2.3.4, x",
    "range: bytes=0-",
    "expect: 100-continue",
  ),
  fc.constantFrom(
    "x-http-method-override: DELETE",
    "accept-language: x;q=9,,",
    "sec-purpose: prefetch",
    "connection: host",
    "te: trailers",
  ),
);

const request = fc.record({
  method: fc.constantFrom("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "PROPFIND"),
  path,
  query,
  headers: fc.oneof(fc.constant([]), fc.uniqueArray(header, { maxLength: 6, selector: (line) => line.split(":", 1)[0] })),
  body: fc.oneof(fc.constant(""), form, fc.json(), odd, fc.constantFrom('{"query":"{ viewer { role } }"}', '{"apiKey":"KEY"}')),
  isLogin: fc.boolean(),
});

type Request = typeof request extends fc.Arbitrary<infer Value> ? Value : never;

/** By route and status, over all runs: so that it is not the router alone that answers. */
const seen = new Map<string, number>();

describe("whatever a route is sent, it answers without showing its inside", () => {
  test("any method, path, query, header and body, over a bare socket", async () => {
    await fc.assert(fc.asyncProperty(request, holds), { numRuns: RUNS * 4, seed: SEED });
    const tally = [...seen].toSorted().map(([key, count]) => `${key}: ${count}`);
    if (process.env.MOORLINE_PROPERTY_TALLY) process.stdout.write(`${tally.join("\n")}\n`);
    const routes = new Set([...seen.keys()].map((key) => key.split(" ")[0]));
    for (const route of ["/proxy", "/oauth", "/connect", "/graphql", "/health"]) expect(routes).toContain(route);
    expect(seen.get("/proxy 200") ?? 0, `no call has reached the API: ${tally.join()}`).toBeGreaterThan(0);
  }, 120_000);
});

async function holds({ method, path, query, headers, body, isLogin }: Request): Promise<void> {
  const login = isLogin ? ["authorization: Bearer KEY", "moorline-credential: CREDENTIAL"] : [];
  const lines = uniqueHeaders([...headers, ...login]);
  const target = named(query === "" ? path : `${path}?${query}`).replace(/[\r\n ]/g, "%20");
  const answer = await exchange(method, target.startsWith("/") ? target : `/${target}`, lines.map(named), named(body));
  const asked = `${method} ${target.slice(0, 300)} ${JSON.stringify(lines)}`;
  const what = `${asked} → ${answer.head.slice(0, 400)} ${answer.body.slice(0, 600)}`;
  const route = /^\/(proxy|oauth|connect|graphql|health|metrics)\b/.exec(target)?.[0] ?? "elsewhere";
  seen.set(`${route} ${answer.status}`, (seen.get(`${route} ${answer.status}`) ?? 0) + 1);
  expect(answer.status, what).toBeGreaterThanOrEqual(200);
  expect([500, 501], what).not.toContain(answer.status);
  // 502 and 504 tell of the API behind the proxy, 503 a browser that reads ahead to wait.
  const mayBeAway = route === "/proxy" || lines.some((line) => line.startsWith("sec-purpose"));
  if (answer.status > 500) expect(mayBeAway, what).toBe(true);
  if (!["/graphql", "/metrics"].includes(route) && method !== "HEAD")
    expect(insideOf([textOf(answer.body)], { target, body, lines }), what).toBeNull();
  expect(strangers, what).toEqual([]);
}

/** Names of known things become what they are. */
function named(text: string): string {
  return text.replace(/\b[A-Z]{3,}\b/g, (name) => known[name] ?? name);
}

function encode(text: string): string {
  return /^[A-Z]+$/.test(text) ? text : encodeURIComponent(text.toWellFormed());
}

function uniqueHeaders(lines: string[]): string[] {
  return [...new Map(lines.map((line) => [line.split(":", 1)[0], line])).values()];
}

/** What a person would read of it. */
function textOf(body: string): string {
  return body.replace(/<style[\s\S]*?<\/style>|<[^>]*>/g, " ");
}

interface Exchanged {
  status: number;
  head: string;
  body: string;
}

/** No client library in between: those refuse to send what is malformed. */
async function exchange(method: string, target: string, headers: string[], body: string): Promise<Exchanged> {
  const socket = connectTo(Number(new URL(app.url).port), "127.0.0.1");
  const bytes = Buffer.from(body);
  const lines = [
    `${method} ${target} HTTP/1.1`,
    "host: localhost",
    ...headers,
    "connection: close",
    `content-length: ${bytes.length}`,
  ];
  const unique = uniqueHeaders(lines.slice(1));
  socket.write(Buffer.from(`${[lines[0], ...unique].join("\r\n")}\r\n\r\n`, "latin1"));
  socket.write(bytes);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => {});
  socket.setTimeout(20_000, () => socket.destroy());
  await once(socket, "close");
  const whole = Buffer.concat(chunks)
    .toString("utf8")
    .replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, "");
  const [head = "", ...rest] = whole.split("\r\n\r\n");
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0), head, body: rest.join("\r\n\r\n") };
}
