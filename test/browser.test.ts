import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { createConfig, createUser, goThrough, initiate } from "./support/seed.ts";

const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const FLAGS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

let app: TestApp;
let browser: Browser;
/** A product's front end: it opens the popup and writes down what it hears. */
let product: Server;
let origin: string;

// Debian's package `chromium` (or CHROMIUM_PATH). Without it these are skipped, but not in CI, which installs it.
describe.skipIf(!existsSync(CHROMIUM) && !process.env.CI)("in a real browser", () => {
  beforeAll(async () => {
    product = createServer((_request, response) => {
      response.setHeader("content-type", "text/html");
      response.end(`<!doctype html><title>Product</title><script>
        window.heard = [];
        window.addEventListener("message", (event) => window.heard.push({ origin: event.origin, data: event.data }));
      </script>`);
    });
    await new Promise<void>((resolve) => product.listen(0, "127.0.0.1", resolve));
    origin = `http://localhost:${(product.address() as AddressInfo).port}`;
    app = await startTestApp({ MOORLINE_CORS_ORIGINS: origin });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS.split(" ") });
  });
  afterAll(async () => {
    await browser?.close();
    await app?.close();
    product?.close();
  });

  async function open(): Promise<{ page: Page; hosts: Set<string> }> {
    const context = await browser.newContext({
      viewport: { width: 1400, height: 900 },
      permissions: ["clipboard-read", "clipboard-write"],
    });
    const page = await context.newPage();
    const hosts = new Set<string>();
    page.on("request", (request) => {
      if (request.url().startsWith("http")) hosts.add(new URL(request.url()).origin);
    });
    await page.goto(`${app.url}/graphql`);
    await page.locator(".graphiql-query-editor .view-line").first().waitFor();
    return { page, hosts };
  }

  /** By the clipboard: while one types, the editor closes brackets on its own and offers completions. */
  async function paste(page: Page, editor: string, text: string): Promise<void> {
    await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(text)})`);
    await page.locator(`${editor} .view-lines`).click({ position: { x: 20, y: 10 } });
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.press("ControlOrMeta+V");
    const shown = async () => (await page.locator(`${editor} .view-lines`).innerText()).replace(/\s/g, "");
    await expect.poll(shown, { timeout: 15_000 }).toContain(text.slice(0, 20).replace(/\s/g, ""));
  }

  /** Runs the one operation `text`. The tab takes the operation's name once the editor has read it; until then the old ones would run. */
  async function execute(page: Page, name: string, text: string): Promise<void> {
    await paste(page, ".graphiql-query-editor", text);
    await expect.poll(() => page.locator(".graphiql-tab").first().innerText(), { timeout: 15_000 }).toContain(name);
    // While it knows of several operations the button opens a menu of them, and a click in the moment between opens one that is gone at once.
    await page.locator(".graphiql-execute-button:not([aria-haspopup])").click();
  }

  test("GraphiQL shows the steps of the main job first, from this host alone", async () => {
    const { page, hosts } = await open();
    const shown = await page.locator(".graphiql-query-editor").innerText();
    expect(shown.replaceAll("\u00a0", " ")).toContain("Connect an account and watch it become active");
    expect([...hosts]).toEqual([app.url]);
    await page.close();
  });

  test("GraphiQL runs a query and a live subscription with the key from its headers editor", async () => {
    const { page } = await open();
    await paste(
      page,
      ".graphiql-editor-tool .graphiql-editor:not(.hidden)",
      JSON.stringify({ Authorization: `Bearer ${app.adminKey}` }),
    );
    await execute(page, "Who", "query Who { viewer { role } }");
    await expect.poll(() => page.locator(".result-window").innerText(), { timeout: 15_000 }).toContain("ADMIN");

    const config = await createConfig(app, app.adminKey);
    const user = await createUser(app, app.adminKey);
    const request = await initiate(app, app.adminKey, {
      target: { authConfigId: config.id },
      user: { id: user.id },
      returnUrl: "http://app.test/connected",
    });
    await execute(page, "Live", `subscription Live { connectionRequestUpdated(id: "${request.id}") { status sequence } }`);
    await expect.poll(() => page.locator(".result-window").innerText(), { timeout: 15_000 }).toContain("PENDING");
    await goThrough(request.authorizationUrl!);
    await expect.poll(() => page.locator(".result-window").innerText(), { timeout: 15_000 }).toContain("ACTIVE");
    await page.close();
  });

  test("a popup connects by keyboard alone, tells its opener on the registered origin, and closes", async () => {
    const config = await createConfig(app, app.adminKey);
    const user = await createUser(app, app.adminKey);
    const input = { target: { authConfigId: config.id }, user: { id: user.id }, display: "POPUP" as const, origin };
    const request = await initiate(app, app.adminKey, input);
    const page = await (await browser.newContext()).newPage();
    await page.goto(origin);
    const opened = page.waitForEvent("popup");
    await page.evaluate(`void window.open(${JSON.stringify(request.authorizationUrl)}, "connect", "width=500,height=700")`);
    const popup = await opened;
    for (const name of [/Ada Lovelace/, "Allow", "Connect"]) {
      await popup.getByRole("button", { name }).focus();
      await popup.keyboard.press("Enter");
    }
    const heard = () => page.evaluate("window.heard");
    const data = { type: "moorline:connection", version: 1, connectionRequestId: request.id, status: "ACTIVE" };
    await expect.poll(heard, { timeout: 15_000 }).toEqual([{ origin: app.url, data }]);
    await expect.poll(() => popup.isClosed(), { timeout: 5_000 }).toBe(true);
  });
});
