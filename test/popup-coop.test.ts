import { spawnSync } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtemp, rm } from "node:fs/promises";
import type { Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Example, startExample } from "../examples/connect/server.ts";
import { type HostedWorld, hostedWorld, NO_BROWSER, openProvider, signIn, step } from "./support/hosted.ts";
import { createUser, initiate, readRequest } from "./support/seed.ts";

let world: HostedWorld;
let example: Example;
let clientDirectory: string;
/** What the provider's pages say of those who have opened them. */
let policy: string;

/** Before the sandbox begins any answer. */
function setPolicy(message: unknown): void {
  const { server, response } = message as { server: Server; response: ServerResponse };
  const { port } = server.address() as AddressInfo;
  if (port === world?.app.sandbox?.port) response.setHeader("cross-origin-opener-policy", policy);
}

describe.skipIf(NO_BROWSER)("a provider whose pages let nobody hold on to them", () => {
  beforeAll(async () => {
    subscribe("http.server.request.start", setPolicy);
    clientDirectory = await mkdtemp(join(tmpdir(), "moorline-dist-"));
    const built = spawnSync(process.execPath, ["scripts/build-client.ts", clientDirectory], { encoding: "utf8" });
    expect(built.status, built.stderr).toBe(0);
    world = await hostedWorld();
    const { app } = world;
    // It makes the only auth config of the sandbox.
    example = await startExample({ moorlineUrl: app.url, apiKey: app.adminKey, port: 0, clientDirectory });
  });
  afterAll(async () => {
    unsubscribe("http.server.request.start", setPolicy);
    await example?.close();
    await world?.close();
    await rm(clientDirectory, { recursive: true, force: true });
  });

  const says = (page: Page, words: string | RegExp) =>
    expect.poll(() => page.getByRole("status").innerText(), { timeout: 15_000 }).toMatch(words);
  const steps = (page: Page) => page.getByRole("listitem").allInnerTexts();
  const seemsClosed = (page: Page) => page.getByText("The window seems to be closed.");

  /** At the provider, which the product's page has lost sight of. */
  async function popupAtProvider(page: Page, open: () => Promise<unknown>): Promise<Page> {
    const [popup] = await Promise.all([page.waitForEvent("popup"), open()]);
    await popup.getByRole("button", { name: /Ada Lovelace/ }).waitFor();
    expect(await popup.evaluate("window.opener")).toBeNull();
    return popup;
  }
  const connectButton = (page: Page) => () => page.getByRole("button", { name: "Connect", exact: true }).click();

  describe.each(["same-origin", "same-origin-allow-popups"])("%s", (value) => {
    beforeAll(() => {
      policy = value;
    });

    test("moorline/client: the popup that seems closed is a question, not the end", async () => {
      const page = await world.visit(example.url);
      const popup = await popupAtProvider(page, connectButton(page));
      await seemsClosed(page).waitFor();
      await signIn(popup);
      await says(page, "Connected: Ada Lovelace");
      expect(await steps(page)).toEqual(expect.arrayContaining(["PENDING", "AUTHORIZING", "ACTIVE"]));
      await expect.poll(() => popup.isClosed()).toBe(true);
      await page.context().close();
    });

    test("moorline/client with the hosted page in its popup", async () => {
      const page = await world.visit(example.url);
      const opened = page.waitForEvent("popup");
      await page.evaluate(`void import("/client/index.js").then(({ connect }) => {
        const session = async () => (await (await fetch("/session", { method: "POST" })).json()).token;
        const ending = connect({ url: "${world.app.url}", session, connector: "sandbox", show: "page" });
        window.ended = ending.then(({ account }) => account.name, (error) => error.code);
      })`);
      const popup = await opened;
      await step(popup, "Connect Sandbox");
      await popup.getByRole("link", { name: "Continue to Sandbox" }).click();
      await signIn(popup);
      expect(await page.evaluate("window.ended")).toBe("Ada Lovelace");
      await expect.poll(() => popup.isClosed()).toBe(true);
      await page.context().close();
    });

    test("the hosted page: says that the window seems closed, waits, and hears the end", async () => {
      const { app } = world;
      const user = await createUser(app, app.adminKey);
      const request = await initiate(app, app.adminKey, { target: { connectorSlug: "sandbox" }, user: { id: user.id } });
      const page = await world.visit(request.connectUrl!);
      const provider = await openProvider(page);
      await page.getByText("It looks as if the window was closed.").waitFor();
      await signIn(provider);
      await step(page, "Sandbox is connected");
      await expect.poll(() => provider.isClosed()).toBe(true);
      expect((await readRequest(app, app.adminKey, request.id)).status).toBe("ACTIVE");
      await page.context().close();
    });

    test("moorline/client: who says no may change their mind in the popup, and is heard until they are back at the product", async () => {
      const page = await world.visit(example.url);
      const popup = await popupAtProvider(page, connectButton(page));
      await seemsClosed(page).waitFor();
      // As where the popup is in front; a browser that is driven says of all its pages that they are.
      await page.evaluate("document.hasFocus = () => false");
      await signIn(popup, { decide: "Deny" });
      await expect.poll(() => steps(page), { timeout: 15_000 }).toContain("DENIED");
      await popup.getByRole("link", { name: "Try again" }).click();
      await popup.getByRole("button", { name: "Try again" }).click();
      await step(popup, "Connect Sandbox");
      await popup.getByRole("link", { name: "Continue to Sandbox" }).click();
      await signIn(popup);
      await says(page, "Connected: Ada Lovelace");
      await expect.poll(() => popup.isClosed()).toBe(true);

      await page.reload();
      const second = await popupAtProvider(page, connectButton(page));
      await seemsClosed(page).waitFor();
      await page.evaluate("document.hasFocus = () => false");
      await signIn(second, { decide: "Deny" });
      await expect.poll(() => steps(page), { timeout: 15_000 }).toContain("DENIED");
      await says(page, "Connecting");
      await page.evaluate("document.hasFocus = () => true");
      await says(page, "DENIED: ");
      await page.context().close();
    });
  });
});
