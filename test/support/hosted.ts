import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import { RETURN_URL, startTestApp, type TestApp } from "./app.ts";
import { builtPages } from "./built-pages.ts";
import { mutate } from "./entities.ts";
import { run } from "./graphql.ts";

export const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
/** Debian's package `chromium` (or CHROMIUM_PATH). Without it tests of pages are skipped, but not in CI, which installs it. */
export const NO_BROWSER = !existsSync(CHROMIUM) && !process.env.CI;
const FLAGS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** A directory: every audited state is photographed into it. */
const PHOTOS = process.env.MOORLINE_SCREENSHOTS;

const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" width="160" height="40"><rect width="160" height="40" rx="8" fill="#7a3cff"/><text x="80" y="26" text-anchor="middle" font-family="sans-serif" font-size="18" fill="#fff">Acme Desk</text></svg>`;

export interface HostedWorld {
  app: TestApp;
  browser: Browser;
  /** A product's front end on a host of its own, with its logo; its pages write down what they hear in `window.heard`. */
  product: string;
  /** One of its pages, registered to come back to. */
  returnUrl: string;
  visit(url: string, options?: BrowserContextOptions): Promise<Page>;
  close(): Promise<void>;
}

/** A whole Moorline with its pages, a product beside it and a browser. */
export async function hostedWorld(env: Record<string, string> = {}): Promise<HostedWorld> {
  const server = createServer((request, response) => {
    const isLogo = request.url?.startsWith("/logo");
    response.setHeader("content-type", isLogo ? "image/svg+xml" : "text/html");
    response.end(isLogo ? LOGO : PRODUCT_PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const product = `http://localhost:${(server.address() as AddressInfo).port}`;
  const returnUrl = `${product}/connected`;
  const pages = await builtPages();
  const world = {
    MOORLINE_CORS_ORIGINS: product,
    MOORLINE_ALLOWED_RETURN_URLS: `${returnUrl},${RETURN_URL}`,
    MOORLINE_EGRESS_ALLOW: "127.0.0.1/32,::1/128",
  };
  const app = await startTestApp({ ...world, ...env }, { app: { pages } });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS.split(" ") });
  return {
    app,
    browser,
    product,
    returnUrl,
    async visit(url, options = {}) {
      const context = await browser.newContext({ viewport: { width: 1100, height: 900 }, locale: "en-US", ...options });
      context.setDefaultTimeout(10_000);
      const page = await context.newPage();
      page.on("pageerror", (error) => expect.unreachable(`The page threw ${error.name}: ${error.message}\n${error.stack}`));
      await page.goto(url);
      return page;
    },
    async close() {
      await browser.close();
      await app.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

const PRODUCT_PAGE = `<!doctype html><title>Product</title><script>
  window.heard = [];
  window.addEventListener("message", (event) => window.heard.push({ origin: event.origin, ...event.data }));
</script>`;

/** What the product looks like on the hosted page. */
export async function brand(world: HostedWorld, branding: object): Promise<string> {
  const { app } = world;
  const { viewer } = await run<{ viewer: { project: { id: string } } }, object>(
    app,
    app.adminKey,
    "{ viewer { project { id } } }",
    {},
  );
  const answer = await mutate(app, app.adminKey, "updateProject", { id: viewer.project.id, branding }, "project { id }");
  expect(answer.__typename, JSON.stringify(answer)).toBe("UpdateProjectPayload");
  return viewer.project.id;
}

/** A link with a choice of connectors. */
export async function choiceLink(app: TestApp, input: object): Promise<string> {
  const answer = (await mutate(app, app.adminKey, "createConnectLink", input, "url")) as unknown as { url?: string };
  expect(answer.url, JSON.stringify(answer)).toBeTruthy();
  return answer.url!;
}

/** The page has come to the step of this heading; nothing is to be seen of it before. */
export async function step(page: Page, heading: string | RegExp): Promise<void> {
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
}

interface Violation {
  id: string;
  help: string;
  nodes: { html: string; failureSummary: string }[];
}

/** axe-core finds nothing, in light and in dark, and nothing has to be scrolled sideways. */
export async function audit(page: Page, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(AXE);
    const found = (await page.evaluate("axe.run().then(({ violations }) => violations)")) as Violation[];
    const told = found.map(
      ({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((node) => `${node.html}\n${node.failureSummary}`).join("\n")}`,
    );
    expect(told.join("\n\n"), `${name}, ${colorScheme}`).toBe("");
    await photograph(page, `${name}-${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), `${name} is too wide`).toBe(true);
}

async function photograph(page: Page, name: string): Promise<void> {
  if (!PHOTOS) return;
  mkdirSync(PHOTOS, { recursive: true });
  await page.screenshot({ path: join(PHOTOS, `${name}.png`), fullPage: true });
}

/** The network is back. Playwright tells each window of it in turn, and throws where one closes itself at the news: then the rest are told. */
export async function goOnline(context: BrowserContext): Promise<void> {
  const back = () => context.setOffline(false);
  await back().catch(back);
}

/** Signs in at the sandbox and decides, then says on our page who it is. */
export async function signIn(page: Page, options: { who?: RegExp; decide?: "Allow" | "Deny"; confirm?: string | null } = {}) {
  const { who = /Ada Lovelace/, decide = "Allow", confirm = decide === "Deny" ? null : "Connect" } = options;
  await page.getByRole("button", { name: who }).click();
  await page.getByRole("button", { name: decide, exact: true }).click();
  if (confirm) await page.getByRole("button", { name: confirm, exact: true }).click();
}

/** What the button of the hosted page opens. */
export async function openProvider(page: Page, button: string | RegExp = /^Continue to/): Promise<Page> {
  const opened = page.waitForEvent("popup");
  await page.getByRole("button", { name: button }).click();
  return opened;
}
