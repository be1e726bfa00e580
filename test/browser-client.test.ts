import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Example, startExample } from "../examples/connect/server.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { run } from "./support/graphql.ts";
import { startReactPage } from "./support/react-page.ts";
import { startTcpProxy, type TcpProxy } from "./support/tcp-proxy.ts";

const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const FLAGS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

let app: TestApp;
/** Between the product's page and Moorline's API; Moorline's own pages are reached directly. */
let network: TcpProxy;
let example: Example;
let browser: Browser;
let context: BrowserContext;
let clientDirectory: string;

// Debian's package `chromium` (or CHROMIUM_PATH). Without it these are skipped, but not in CI, which installs it.
describe.skipIf(!existsSync(CHROMIUM) && !process.env.CI)("the example, in a real browser", () => {
  beforeAll(async () => {
    clientDirectory = await mkdtemp(join(tmpdir(), "moorline-dist-"));
    const built = spawnSync(process.execPath, ["scripts/build-client.ts", clientDirectory], { encoding: "utf8" });
    expect(built.status, built.stderr).toBe(0);
    app = await startTestApp();
    network = await startTcpProxy(Number(new URL(app.url).port));
    example = await startExample({ moorlineUrl: network.url, apiKey: app.adminKey, port: 0, clientDirectory });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS.split(" ") });
  });
  afterEach(async () => {
    Object.assign(network, { down: false, refuses: () => false });
    await context?.close();
  });
  afterAll(async () => {
    await browser?.close();
    await example?.close();
    await network?.close();
    await app?.close();
    await rm(clientDirectory, { recursive: true, force: true });
  });

  async function openPage(url = example.url): Promise<Page> {
    context = await browser.newContext();
    const page = await context.newPage();
    page.on("pageerror", (error) => expect.soft(error.message).toBe(""));
    await page.goto(url);
    return page;
  }

  async function clickConnect(page: Page): Promise<Page> {
    const opened = page.waitForEvent("popup");
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    const popup = await opened;
    await popup.getByRole("button", { name: /Ada Lovelace/ }).waitFor();
    return popup;
  }

  async function consent(popup: Page): Promise<void> {
    for (const name of [/Ada Lovelace/, "Allow", "Connect"]) await popup.getByRole("button", { name }).click();
  }

  const status = (page: Page) => page.getByRole("status").innerText();
  const says = (page: Page, words: string | RegExp) => expect.poll(() => status(page), { timeout: 15_000 }).toMatch(words);
  const steps = (page: Page) => page.getByRole("listitem").allInnerTexts();

  test("one click: the popup, the consent, the credential; the popup is gone", async () => {
    const page = await openPage();
    const popup = await clickConnect(page);
    await consent(popup);
    await says(page, "Connected: Ada Lovelace");
    expect(await steps(page)).toEqual(expect.arrayContaining(["PENDING", "AUTHORIZING", "ACTIVE"]));
    await expect.poll(() => popup.isClosed()).toBe(true);
  });

  test("a user who says no can read so in the popup; the product hears of it when the popup is closed", async () => {
    const page = await openPage();
    const popup = await clickConnect(page);
    await popup.getByRole("button", { name: /Ada Lovelace/ }).click();
    await popup.getByRole("button", { name: "Deny" }).click();
    await expect.poll(() => steps(page), { timeout: 15_000 }).toContain("DENIED");
    await says(page, "Connecting");
    await popup.close();
    await says(page, "DENIED: The user did not agree");
  });

  test("a closed popup strands nobody: it can be opened again, and the same request goes on", async () => {
    const page = await openPage();
    await (await clickConnect(page)).close();
    await page.getByText("The window seems to be closed.").waitFor();
    const opened = page.waitForEvent("popup");
    await page.getByRole("button", { name: "Open it again" }).click();
    await consent(await opened);
    await says(page, "Connected: Ada Lovelace");
    expect((await steps(page)).filter((step) => step === "PENDING")).toHaveLength(1);
  });

  test("a closed popup can be the end: cancelled at Moorline too", async () => {
    const page = await openPage();
    await (await clickConnect(page)).close();
    await page.getByRole("button", { name: "Cancel" }).click();
    await says(page, "CANCELED: ");
    const { connectionRequests } = await run<{ connectionRequests: { nodes: { status: string }[] } }, object>(
      app,
      app.adminKey,
      "{ connectionRequests(first: 1) { nodes { status } } }",
    );
    expect(connectionRequests.nodes[0]?.status).toBe("CANCELED");
  });

  test("with cancelOnClose, a closed popup ends the request by itself", async () => {
    const page = await openPage();
    const opened = page.waitForEvent("popup");
    await page.evaluate(`import("/client/index.js").then(({ connect }) => {
      const session = async () => (await (await fetch("/session", { method: "POST" })).json()).token;
      const ending = connect({ url: "${network.url}", session, connector: "sandbox", cancelOnClose: true });
      window.ended = ending.then(() => "ACTIVE", (error) => error.code);
    })`);
    const popup = await opened;
    await popup.getByRole("button", { name: /Ada Lovelace/ }).waitFor();
    await popup.close();
    await page.bringToFront();
    expect(await page.evaluate("window.ended")).toBe("CANCELED");
  });

  test("the network that is lost in the middle comes back, and so does the news", async () => {
    const page = await openPage();
    const popup = await clickConnect(page);
    await expect.poll(() => steps(page), { timeout: 10_000 }).toContain("AUTHORIZING");
    network.down = true;
    network.cut();
    // Gone for so long that it is tried seldom; the window that closes is a reason to try more often again.
    await page.waitForTimeout(6_000);
    await consent(popup);
    await expect.poll(() => popup.isClosed(), { timeout: 10_000 }).toBe(true);
    expect(await steps(page)).not.toContain("ACTIVE");
    network.down = false;
    await says(page, "Connected: Ada Lovelace");
  });

  test("a browser that goes offline and online again hears the end", async () => {
    const page = await openPage();
    const popup = await clickConnect(page);
    await expect.poll(() => steps(page), { timeout: 10_000 }).toContain("AUTHORIZING");
    await context.setOffline(true);
    network.cut();
    await context.setOffline(false);
    await consent(popup);
    await says(page, "Connected: Ada Lovelace");
  });

  test("without WebSockets, by whatever the network lets through", async () => {
    network.refuses = (text) => /^upgrade: websocket/im.test(text);
    const page = await openPage();
    await consent(await clickConnect(page));
    await says(page, "Connected: Ada Lovelace");
  });

  test("a blocked popup is an error of its own, and nothing was begun", async () => {
    const page = await openPage();
    await page.evaluate("window.open = () => null");
    const sent: string[] = [];
    page.on("request", (request) => sent.push(request.url()));
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await says(page, "POPUP_BLOCKED: ");
    expect(sent).toEqual([]);
  });

  test("without a popup: there and back", async () => {
    const page = await openPage();
    await page.getByRole("button", { name: "Connect without a popup" }).click();
    await consent(page);
    await page.waitForURL(`${example.url}/**`);
    await says(page, "Connected: Ada Lovelace");
    expect(page.url()).toBe(`${example.url}/`);
  });

  test("a message that claims success counts for nothing, wherever it comes from", async () => {
    const page = await openPage();
    const popup = await clickConnect(page);
    const lie = {
      type: "moorline:connection",
      version: 1,
      connectionRequestId: "req_01h455vb4pex5vsknk084sn02q",
      status: "ACTIVE",
    };
    await page.evaluate(`window.postMessage(${JSON.stringify(lie)}, "*")`);
    await popup.evaluate(`window.opener.postMessage(${JSON.stringify(lie)}, "*")`);
    await consent(popup);
    await says(page, "Connected: Ada Lovelace");
    expect((await steps(page)).filter((step) => step === "ACTIVE")).toHaveLength(1);
  });

  test("React: the hook's button says how far it is, opens a closed popup again, and leaves nothing behind when it goes", async () => {
    const react = await startReactPage({ clientDirectory, moorlineUrl: network.url, app });
    try {
      const page = await openPage(react.url);
      await (await clickConnect(page)).close();
      await says(page, "waiting AUTHORIZING");
      const opened = page.waitForEvent("popup");
      await page.getByRole("button", { name: "Connect", exact: true }).click();
      await consent(await opened);
      await says(page, "connected ACTIVE Ada Lovelace / ACTIVE");

      await page.getByRole("button", { name: "Reset" }).click();
      await says(page, "idle");
      const popup = await clickConnect(page);
      await says(page, "connecting AUTHORIZING");
      const sockets = network.open();
      expect(sockets).toBeGreaterThan(0);
      await page.getByRole("button", { name: "Leave" }).click();
      const open = async () =>
        (await (await fetch(`${app.url}/metrics`)).text()).match(/^moorline_subscriptions_open (\d+)$/m)?.[1];
      await expect.poll(open, { timeout: 10_000 }).toBe("0");
      await popup.close();
    } finally {
      await react.close();
    }
  });
});
