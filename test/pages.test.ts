import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { builtPages } from "./support/built-pages.ts";

const BROWSER = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
const SCRIPT = `export const text = "${"a script that is long enough to be worth compressing. ".repeat(40)}";\n`;

/** Where a request does what `fetch` would not let it: a path with dots, no decoding. */
function raw(base: string, path: string, headers: Record<string, string> = {}, method = "GET") {
  return new Promise<{ status: number; headers: Record<string, string | string[] | undefined>; body: Buffer }>(
    (fulfil, reject) => {
      const { hostname, port } = new URL(base);
      const request = httpRequest({ hostname, port, path, headers, method }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          fulfil({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
        );
      });
      request.on("error", reject).end();
    },
  );
}

describe("built pages", () => {
  const parent = mkdtempSync(join(tmpdir(), "moorline-pages-"));
  const directory = join(parent, "web");
  let app: TestApp;
  beforeAll(async () => {
    mkdirSync(join(directory, "assets/deeper"), { recursive: true });
    const html = (title: string) =>
      `<!doctype html><title>${title}</title><meta property="csp-nonce" nonce="__CSP_NONCE__"><style nonce="__CSP_NONCE__"></style>`;
    const files = {
      "index.html": html("Dashboard"),
      "connect.html": html("Connect"),
      "build.json": `{"hash":"of the sources"}`,
      "icon.svg": "<svg/>",
      "assets/index-1a2b3c.js": SCRIPT,
      "assets/index-1a2b3c.css": "body{}",
      "assets/index-1a2b3c.js.map": "{}",
      "assets/deeper/x.js": "deeper",
      "../secret.js": "secret",
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    app = await startTestApp({ MOORLINE_SANDBOX: "false" }, { app: { pages: directory } });
  });
  afterAll(async () => {
    await app?.close();
    rmSync(parent, { recursive: true, force: true });
  });

  test.each([
    "/",
    "/sign-in",
    "/connectors",
    "/connectors/hubspot",
    "/custom-connectors/ccn_x",
    "/auth-configs/ac_x/edit",
    "/users",
    "/users/usr_x",
    "/credentials",
    "/requests/req_x",
    "/api-keys",
    "/webhooks",
    "/webhooks/whk_x",
    "/audit",
    "/projects",
    "/settings",
  ])("are the dashboard at %s", async (path) => {
    const response = await fetch(`${app.url}${path}`, { headers: BROWSER });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("<title>Dashboard</title>");
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  });

  test("let in their own scripts and styles, by another nonce each time, and nothing else", async () => {
    const nonces = new Set<string>();
    for (let time = 0; time < 3; time += 1) {
      const response = await fetch(`${app.url}/`, { headers: BROWSER });
      const policy = response.headers.get("content-security-policy")!;
      const [, nonce] = /'nonce-([^']+)'/.exec(policy)!;
      nonces.add(nonce!);
      expect(Buffer.from(nonce!, "base64")).toHaveLength(16);
      expect((await response.text()).match(/nonce="[^"]*"/g)).toEqual([`nonce="${nonce}"`, `nonce="${nonce}"`]);
      expect(policy.split("; ").toSorted()).toEqual(
        [
          "base-uri 'none'",
          `connect-src 'self' ${app.url.replace("http", "ws")}`,
          "default-src 'none'",
          "font-src 'self'",
          "form-action 'self'",
          "frame-ancestors 'none'",
          "img-src 'self' data:",
          "manifest-src 'self'",
          "script-src 'self'",
          `style-src 'self' 'nonce-${nonce}'`,
        ].toSorted(),
      );
      const names = ["cache-control", "x-content-type-options", "referrer-policy", "x-frame-options"];
      expect(names.map((name) => response.headers.get(name))).toEqual(["no-store", "nosniff", "no-referrer", "DENY"]);
    }
    expect(nonces.size).toBe(3);
  });

  test("leave nobody who opens them a hand on their window, but for the hosted page, which talks to its opener", async () => {
    const openers = async (path: string) =>
      (await fetch(`${app.url}${path}`, { headers: BROWSER })).headers.get("cross-origin-opener-policy");
    expect([await openers("/"), await openers("/users"), await openers("/connect/x")]).toEqual([
      "same-origin",
      "same-origin",
      null,
    ]);
  });

  test("are for people: a program is told that there is nothing, and a POST where to go", async () => {
    const program = await fetch(`${app.url}/users`, { headers: { accept: "application/json" } });
    expect(program.status).toBe(404);
    expect(await program.json()).toMatchObject({ errors: [{ extensions: { code: "NOT_FOUND" } }] });
    const posted = await fetch(`${app.url}/users`, { method: "POST" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect((await fetch(`${app.url}/nowhere`, { headers: BROWSER })).status).toBe(404);
  });

  test("leave every other address as it is", async () => {
    const webhook = await fetch(`${app.url}/webhooks/ac_unknown`, { method: "POST", body: "{}" });
    expect(webhook.status).toBe(404);
    expect(await webhook.text()).not.toContain("Dashboard");
    expect(await (await fetch(`${app.url}/health/live`, { headers: BROWSER })).json()).toEqual({ status: "ok" });
    expect(await (await fetch(`${app.url}/graphql`, { headers: BROWSER })).text()).toContain("GraphiQL");
    expect((await fetch(`${app.url}/metrics`, { headers: BROWSER })).headers.get("content-type")).toMatch(/^text\/plain/);
  });

  test.each([
    ["br", "gzip, deflate, br", brotliDecompressSync],
    ["gzip", "gzip, br;q=0", gunzipSync],
    [undefined, "identity", (body: Buffer) => body],
  ] as const)("send their scripts as %s, to be kept for a year", async (encoding, accepted, unpack) => {
    const { status, headers, body } = await raw(app.url, "/assets/index-1a2b3c.js", { "accept-encoding": accepted });
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      "content-type": "text/javascript; charset=utf-8",
      "cache-control": "public, max-age=31536000, immutable",
      "x-content-type-options": "nosniff",
      vary: "Accept-Encoding",
      "content-length": String(body.length),
    });
    expect(headers["content-encoding"]).toBe(encoding);
    expect(unpack(body).toString()).toBe(SCRIPT);
    if (encoding) expect(body.length).toBeLessThan(SCRIPT.length / 5);
  });

  test("send other files by their type, and a HEAD without a body", async () => {
    expect(await raw(app.url, "/assets/index-1a2b3c.css")).toMatchObject({
      status: 200,
      headers: { "content-type": "text/css; charset=utf-8" },
    });
    const icon = await raw(app.url, "/icon.svg");
    expect(icon).toMatchObject({
      status: 200,
      headers: { "content-type": "image/svg+xml", "cache-control": "public, max-age=3600" },
    });
    const head = await raw(app.url, "/assets/index-1a2b3c.js", {}, "HEAD");
    expect([head.status, head.body.length, head.headers["content-length"]]).toEqual([200, 0, String(SCRIPT.length)]);
  });

  test.each([
    "/assets/../../secret.js",
    "/assets/..%2f..%2fsecret.js",
    "/assets/%2e%2e/%2e%2e/secret.js",
    "/assets/..%5c..%5csecret.js",
    "/../secret.js",
    "/assets/../build.json",
    "/assets/deeper/x.js",
    "/assets/deeper%2fx.js",
    "/assets/index-1a2b3c.js.map",
    "/assets/",
    "/assets/__proto__",
    "/assets/%00",
    "/build.json",
    "/index.html",
    "/connect.html",
  ])("are not asked for by %s", async (path) => {
    const { status, body } = await raw(app.url, path);
    expect(status).toBe(404);
    expect(body.toString()).not.toMatch(/secret|deeper|hash/);
  });
});

test("without built pages `/` says what runs here, and there is no dashboard", async () => {
  const app = await startTestApp({ MOORLINE_SANDBOX: "false" }, { app: { pages: join(tmpdir(), "no-such-directory") } });
  try {
    expect(await (await fetch(`${app.url}/`, { headers: BROWSER })).text()).toContain("This is a Moorline server");
    for (const path of ["/users", "/assets/x.js"])
      expect((await fetch(`${app.url}${path}`, { headers: BROWSER })).status).toBe(404);
  } finally {
    await app.close();
  }
});

test("the pages as they are built ask for nothing that the server does not have", async () => {
  const app = await startTestApp({ MOORLINE_SANDBOX: "false" }, { app: { pages: await builtPages() } });
  try {
    const html = await (await fetch(`${app.url}/`, { headers: BROWSER })).text();
    const asked = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
    expect(asked.length).toBeGreaterThanOrEqual(3);
    for (const path of asked) {
      expect(path).toMatch(/^\//);
      expect((await fetch(`${app.url}${path}`)).status, path).toBe(200);
    }
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)/);
    expect(html).not.toContain("__CSP_NONCE__");
  } finally {
    await app.close();
  }
});
