import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { faults, mutate } from "./support/entities.ts";
import { createProject } from "./support/oauth.ts";
import { createConfig, createUser, initiate } from "./support/seed.ts";

const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
const SVG = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`;
const FILES: Record<string, [status: number, type: string, body: string | Buffer]> = {
  "/logo.png": [200, "image/png", PNG],
  "/logo.svg": [200, "image/svg+xml; charset=utf-8", SVG],
  "/page.html": [200, "text/html", "<script>alert(1)</script>"],
  "/gone.png": [404, "image/png", PNG],
  "/moved.png": [302, "image/png", PNG],
  "/large.png": [200, "image/png", Buffer.alloc(512 * 1024 + 1)],
};

let app: TestApp;
let host: Server;
let base: string;
const asked: string[] = [];
beforeAll(async () => {
  host = createServer((request, response) => {
    asked.push(request.url ?? "");
    const [status, type, body] = FILES[request.url ?? ""] ?? [404, "text/plain", ""];
    response.writeHead(status, { "content-type": type, location: "/logo.png" }).end(body);
  });
  await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
});
afterAll(async () => {
  await app?.close();
  host?.close();
});

const logo = (project: string, which = "logo") => fetch(`${app.url}/brand/${project}/${which}`);

test("a project's logos come from our own host, as images that can do nothing, and are fetched once", async () => {
  const { id, key } = await createProject(app, app.adminKey, {
    branding: { productName: "Acme", logoUrl: `${base}/logo.png`, logoDarkUrl: `${base}/logo.svg`, accentColor: "#ffee00" },
  });
  const light = await logo(id);
  expect([light.status, light.headers.get("content-type")]).toEqual([200, "image/png"]);
  expect(Buffer.from(await light.arrayBuffer())).toEqual(PNG);
  const dark = await logo(id, "logo-dark");
  expect(await dark.text()).toBe(SVG);
  for (const { headers } of [light, dark]) {
    expect(headers.get("content-security-policy")).toBe("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  }
  await Promise.all([logo(id), logo(id), logo(id)]);
  expect(asked).toEqual(["/logo.png", "/logo.svg"]);

  const { id: authConfigId } = await createConfig(app, key);
  const user = await createUser(app, key);
  const request = await initiate(app, key, { target: { authConfigId }, user: { id: user.id } });
  const page = await fetch(`${request.connectUrl}/plain`);
  const body = await page.text();
  expect(body).toContain(`<img class="logo" src="/brand/${id}/logo" alt="">`);
  expect(body).toContain(`<source srcset="/brand/${id}/logo-dark" media="(prefers-color-scheme: dark)">`);
  expect(body).toContain("background: #ffee00; border-color: #ffee00; color: #000000;");
  expect(body).not.toContain(base);
  expect(page.headers.get("content-security-policy")).toContain("img-src 'self'");
});

test.each(["/page.html", "/gone.png", "/moved.png", "/large.png", "/nowhere"])("%s is no logo", async (path) => {
  const { id } = await createProject(app, app.adminKey, { branding: { logoUrl: base + path } });
  const answer = await logo(id);
  expect([answer.status, await answer.json()]).toEqual([
    404,
    { errors: [{ message: expect.any(String), extensions: { code: "NOT_FOUND" } }] },
  ]);
  // Nor is its host asked for every visitor.
  const before = asked.length;
  expect((await logo(id)).status).toBe(404);
  expect(asked.length).toBe(before);
});

test("what is not public is not fetched, and what nobody has is not there", async () => {
  const { id, key } = await createProject(app, app.adminKey, { branding: { logoUrl: "https://10.0.0.1/logo.png" } });
  for (const path of [
    `${id}/logo`,
    `${id}/logo-dark`,
    "proj_nonsense/logo",
    `${id}/connector/sandbox`,
    `${id}/connector/no-such`,
  ])
    expect((await fetch(`${app.url}/brand/${path}`)).status, path).toBe(404);
  const wrong = async (branding: object) => faults(await mutate(app, key, "updateProject", { id, branding }));
  expect(await wrong({ logoUrl: "http://logos.example/logo.png" })).toBe("branding.logoUrl NOT_ALLOWED");
  expect(await wrong({ accentColor: "red; } body { display: none" })).toBe("branding.accentColor PATTERN");
});

test("a connector of the project's own has its logo, too", async () => {
  const { id, key } = await createProject(app, app.adminKey);
  const input = { slug: "with-logo", name: "With logo", scheme: { none: {} }, logoUrl: `${base}/logo.png` };
  await mutate(app, key, "createConnector", input, "connector { id }");
  const answer = await fetch(`${app.url}/brand/${id}/connector/with-logo`);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/png"]);
});
