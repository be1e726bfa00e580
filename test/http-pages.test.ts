import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PageModel } from "../src/domain/hosted/authorization.ts";
import { connectionPage, onwardPage } from "../src/http/pages.ts";
import { type HttpFace, startHttpFace } from "./support/http-face.ts";

let face: HttpFace;
beforeAll(async () => {
  face = await startHttpFace();
});
afterAll(() => face.close());

function get(path: string, headers: Record<string, string> = {}, method = "GET") {
  return fetch(`${face.url}${path}`, { method, headers: { accept: "text/html", ...headers }, redirect: "manual" });
}

function form(path: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
  return fetch(`${face.url}${path}`, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { accept: "text/html", ...headers },
    redirect: "manual",
  });
}

describe("the hosted pages", () => {
  it.for([
    "/connect/nonsense",
    "/connect/nonsense/authorize",
    "/oauth/callback/sandbox?state=x&code=y",
    "/oauth/callback/sandbox",
    "/oauth/callback/sandbox?handle=x",
  ])("%s is a plain page that says what to do, never an error of ours", async (path) => {
    const response = await get(path);
    expect([400, 404]).toContain(response.status);
    expect(await response.text()).toMatch(/<h1>.+<\/h1>/);
    expect(response.headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });

  it("shows what came from outside as text", async () => {
    const page = connectionPage({
      ...model("FAILED"),
      text: { key: "FAILED", failure: { ...FAILURE, message: `<img src=x onerror=alert(1)>"'&` } },
      returnTo: 'https://a.example/?x="><script>',
    });
    expect(page.body).not.toMatch(/<img|<script/);
    expect(page.body).toContain("&#60;img src=x onerror=alert(1)&#62;");
  });

  it("lets in its own style and script by hash, and a script on popup pages only", async () => {
    const popup = connectionPage({
      ...model("DONE"),
      popup: { origin: "https://app.example.com", connectionRequestId: "req_1", status: "ACTIVE" },
    });
    for (const [element, directive] of [
      ["style", "style-src"],
      ["script", "script-src"],
    ]) {
      const source = new RegExp(`<${element}>([^]*?)</${element}>`).exec(popup.body)![1]!;
      expect(popup.policy).toContain(`${directive} 'sha256-${createHash("sha256").update(source).digest("base64")}'`);
    }
    expect(popup.body).toContain('data-origin="https://app.example.com" data-request="req_1" data-status="ACTIVE"');
    expect(popup.body).not.toContain('"*"');
    expect(connectionPage(model("DONE")).policy).not.toContain("script-src");
  });

  it("asks for a click by a form of its own, which no redirect policy of a browser can break", async () => {
    const confirm = connectionPage({ ...model("CONFIRM"), handle: "sealed" });
    expect(confirm.body).toMatch(/<form method="post" action="\/connect\/confirm">/);
    expect(confirm.policy).toContain("form-action 'self'");
    expect(onwardPage("myapp://done?a=1&b=2").body).toContain('content="0; url=myapp://done?a=1&#38;b=2"');
  });

  it("refuses a confirmation from another site, without a button, or with a handle that is not ours", async () => {
    expect(
      (await form("/connect/confirm", { handle: "x", decision: "connect" }, { "sec-fetch-site": "cross-site" })).status,
    ).toBe(403);
    expect(
      (await form("/connect/confirm", { handle: "x", decision: "connect" }, { origin: "https://evil.example.com" })).status,
    ).toBe(403);
    expect((await form("/connect/confirm", { handle: "x" }, { origin: "null" })).status).toBe(400);
    expect(
      (await form("/connect/confirm", { handle: "x", decision: "connect" }, { "sec-fetch-site": "same-origin" })).status,
    ).toBe(400);
    expect((await fetch(`${face.url}/connect/confirm`, { method: "POST", body: "{}" })).status).toBe(415);
  });

  it("brings a provider's form post home by a redirect to the same address", async () => {
    const response = await form("/oauth/callback/sandbox", { state: "s", code: "secret-code" });
    expect(response.status).toBe(303);
    const location = response.headers.get("location")!;
    expect(location).toMatch(/^\/oauth\/callback\/sandbox\?handle=[\w-]+$/);
    expect(location).not.toContain("secret-code");
    expect((await get(location)).status).toBe(400);
    expect(await (await get(location.replace("sandbox", "github"))).text()).toContain("took too long");
  });

  it("begins and takes nothing for a HEAD or a browser that reads ahead", async () => {
    for (const path of ["/connect/nonsense/authorize", "/oauth/callback/sandbox?state=x&code=y"]) {
      expect((await get(path, {}, "HEAD")).status).toBe(200);
      expect((await get(path, { "sec-purpose": "prefetch;prerender" })).status).toBe(503);
      expect((await get(path, { purpose: "prefetch" })).status).toBe(503);
    }
  });
});

describe("every other route", () => {
  it("tells that it lives and is ready", async () => {
    for (const path of ["/health/live", "/health/ready"]) expect(await (await get(path)).json()).toEqual({ status: "ok" });
  });

  it("says what this is at /, and that there is nothing elsewhere", async () => {
    expect(await (await get("/")).text()).toContain('href="/graphql"');
    expect((await get("/nowhere")).headers.get("content-type")).toContain("text/html");
    const json = await get("/nowhere", { accept: "application/json" });
    expect([json.status, await json.json()]).toEqual([
      404,
      expect.objectContaining({ errors: [expect.objectContaining({ extensions: { code: "NOT_FOUND" } })] }),
    ]);
    expect((await get("/connect/%E0%A4%A")).status).toBe(404);
    // What stands for a name is never empty.
    for (const path of ["/connect/", "/connect//authorize", "/oauth/callback/"]) expect((await get(path)).status, path).toBe(404);
  });

  it("names the methods that an address takes", async () => {
    const response = await get("/health/live", {}, "DELETE");
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect((await get("/graphql", {}, "PUT")).headers.get("allow")).toContain("POST");
  });

  it("answers garbage on the line with 400 and goes on", async () => {
    const socket = connect(Number(new URL(face.url).port), "127.0.0.1");
    socket.write("\x16\x03\x01 this is no HTTP\r\n\r\n");
    expect(String((await once(socket, "data"))[0])).toContain("400 Bad Request");
    expect((await get("/health/live")).status).toBe(200);
  });
});

const FAILURE = { code: "PROVIDER_ERROR" as const, message: "A message.", remedy: "Start again.", retryable: true };

function model(kind: PageModel["kind"]): PageModel {
  return {
    kind,
    status: 200,
    productName: "Acme",
    connectorName: "Sandbox",
    userLabel: "Ada",
    text: kind === "FAILED" ? { key: "FAILED", failure: FAILURE } : { key: "DONE" },
    locale: null,
    brand: null,
  };
}
