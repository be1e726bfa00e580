import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { moveClock } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import {
  audit,
  brand,
  goOnline,
  type HostedWorld,
  hostedWorld,
  NO_BROWSER,
  openProvider,
  signIn,
  step,
} from "./support/hosted.ts";
import { connect, createConfig, createUser, initiate, readRequest } from "./support/seed.ts";
import { deviceWorld } from "./support/unattended.ts";

let world: HostedWorld;

/** A request for Ada's account at the sandbox, as the product's back end makes it. */
async function begin(input: object = {}) {
  const { app } = world;
  const config = await createConfig(app, app.adminKey);
  const user = await createUser(app, app.adminKey);
  const request = await initiate(app, app.adminKey, { target: { authConfigId: config.id }, user: { id: user.id }, ...input });
  return { config, user, request, url: request.connectUrl! };
}

const status = async (id: string) => (await readRequest(world.app, world.app.adminKey, id)).status;
const focused = (page: Page) => page.evaluate("document.activeElement?.tagName");

describe.skipIf(NO_BROWSER)("the hosted page", () => {
  beforeAll(async () => {
    world = await hostedWorld();
    await brand(world, {
      productName: "Acme Desk",
      logoUrl: `${world.product}/logo.svg`,
      accentColor: "#ffd400",
      privacyUrl: "https://acme.test/privacy",
      termsUrl: "https://acme.test/terms",
      supportUrl: "https://acme.test/help",
    });
  });
  afterAll(() => world?.close());

  describe("of a request at a provider", () => {
    test("says what will be shared, for whom and under whose name, and nothing of ours", async () => {
      const { user, url } = await begin();
      const page = await world.visit(url);
      const hosts = new Set<string>();
      page.on("request", (request) => hosts.add(new URL(request.url()).origin));
      await page.reload();
      await step(page, "Connect Sandbox");
      const text = await page.locator("body").innerText();
      expect(text).toContain("Acme Desk would like to use your Sandbox account.");
      expect(text).toContain(`Name of ${user.externalId}`);
      expect(await page.getByRole("listitem").count()).toBeGreaterThan(0);
      expect(text).not.toMatch(/moorline/i);
      for (const [name, href] of [
        [/^Privacy/, "https://acme.test/privacy"],
        [/^Terms/, "https://acme.test/terms"],
        [/^Help and support/, "https://acme.test/help"],
      ] as const)
        expect(await page.getByRole("link", { name }).getAttribute("href")).toBe(href);
      await page.getByRole("img", { name: "Acme Desk" }).waitFor();
      expect([...hosts]).toEqual([world.app.url]);
      expect(await page.evaluate("document.documentElement.lang")).toBe("en");
      await audit(page, "start");
      await page.context().close();
    });

    test("connects by a window that the click itself opens, live, tells its opener and goes back", async () => {
      const { request, url } = await begin({ origin: world.product, returnUrl: world.returnUrl, clientState: "state-1" });
      const product = await world.visit(world.product);
      const [page] = await Promise.all([
        product.waitForEvent("popup"),
        product.evaluate(`void window.open(${JSON.stringify(url)})`),
      ]);
      await step(page, "Connect Sandbox");
      const provider = await openProvider(page);
      await step(page, "Go on in the other window");
      expect(await focused(page)).toBe("H1");
      await page.getByRole("status").filter({ hasText: "Waiting for you to sign in to Sandbox" }).waitFor({ state: "attached" });
      await audit(page, "waiting");
      await signIn(provider);
      await step(page, "Sandbox is connected");
      await page.getByText("Account: Ada Lovelace").waitFor();
      expect(await focused(page)).toBe("H1");
      await audit(page, "connected");
      await expect.poll(() => provider.isClosed()).toBe(true);
      await page.waitForURL(`${world.returnUrl}?*`);
      const back = new URL(page.url()).searchParams;
      expect(Object.fromEntries(back)).toEqual({ connectionRequestId: request.id, status: "ACTIVE", clientState: "state-1" });
      const heard = (await product.evaluate("window.heard")) as Record<string, unknown>[];
      const message = { origin: world.app.url, type: "moorline:connection", version: 1, connectionRequestId: request.id };
      expect(heard[0]).toEqual({ ...message, status: "PENDING" });
      expect(heard.at(-1)).toEqual({ ...message, status: "ACTIVE" });
      await product.context().close();
    });

    test("on a phone goes there and comes back in the same window", async () => {
      const { request, url } = await begin({ returnUrl: world.returnUrl });
      const page = await world.visit(url, { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
      await step(page, "Connect Sandbox");
      await audit(page, "start-phone");
      await page.getByRole("link", { name: "Continue to Sandbox" }).tap();
      await page.getByRole("button", { name: /Ada Lovelace/ }).waitFor();
      await page.goBack();
      await step(page, "Connect Sandbox");
      await page.getByText("This has been started already.").waitFor();
      await page.getByRole("link", { name: "Continue to Sandbox" }).tap();
      await signIn(page);
      await page.waitForURL(`${world.returnUrl}?*`);
      expect(new URL(page.url()).searchParams.get("status")).toBe("ACTIVE");
      expect(await status(request.id)).toBe("ACTIVE");
      await page.context().close();
    });

    test("on a phone, denied, leads back to where it can be tried again", async () => {
      const { url } = await begin();
      const page = await world.visit(url, { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
      await page.getByRole("link", { name: "Continue to Sandbox" }).tap();
      await signIn(page, { decide: "Deny" });
      await page.getByRole("link", { name: "Try again" }).tap();
      await step(page, "Sandbox was not connected");
      await audit(page, "denied-phone");
      await page.getByRole("button", { name: "Try again" }).tap();
      await step(page, "Connect Sandbox");
      await page.context().close();
    });

    test("goes on in the same window where the browser blocks the other, or it cannot be seen", async () => {
      const { request, url } = await begin();
      const page = await world.visit(url);
      await page.evaluate("window.open = () => null");
      await page.getByRole("button", { name: "Continue to Sandbox" }).click();
      await page.getByText("Your browser did not open a window.").waitFor();
      await audit(page, "blocked");
      await page.getByRole("link", { name: "Continue to Sandbox" }).click();
      await page.getByRole("button", { name: /Ada Lovelace/ }).waitFor();
      await page.goto(url);
      await openProvider(page);
      await page.getByRole("link", { name: /continue in this window/ }).click();
      await signIn(page);
      await expect.poll(() => status(request.id)).toBe("ACTIVE");
      await page.goto(url);
      await step(page, "Sandbox is connected");
      await page.context().close();
    });

    test("denied: says so, tries again under the request that follows, and its opener hears of both", async () => {
      const { request, url } = await begin({ origin: world.product });
      const product = await world.visit(world.product);
      const [page] = await Promise.all([
        product.waitForEvent("popup"),
        product.evaluate(`void window.open(${JSON.stringify(url)})`),
      ]);
      await signIn(await openProvider(page), { decide: "Deny" });
      await step(page, "Sandbox was not connected");
      await page.getByText("Access was not allowed").waitFor();
      await audit(page, "denied");
      await page.getByRole("button", { name: "Try again" }).click();
      await step(page, "Connect Sandbox");
      expect(await focused(page)).toBe("H1");
      await signIn(await openProvider(page));
      await step(page, "Sandbox is connected");
      const heard = (await product.evaluate("window.heard")) as {
        connectionRequestId: string;
        status: string;
        retryOf?: string;
      }[];
      const next = heard.find(({ retryOf }) => retryOf);
      expect(next).toMatchObject({ status: "PENDING", retryOf: request.id });
      expect(heard.at(-1)).toMatchObject({ connectionRequestId: next!.connectionRequestId, status: "ACTIVE" });
      expect(await status(request.id)).toBe("DENIED");
      await product.context().close();
    });

    test("a closed window is a hint, not the end: it opens again and goes through", async () => {
      const { request, url } = await begin();
      const page = await world.visit(url);
      await (await openProvider(page)).close();
      await page.getByText("It looks as if the window was closed.").waitFor();
      expect(await status(request.id)).toBe("AUTHORIZING");
      await audit(page, "closed-window");
      await signIn(await openProvider(page, "Open the window again"));
      await step(page, "Sandbox is connected");
      await page.getByText("You can close this window.").waitFor();
      await page.context().close();
    });

    test("a lost network is told, and what happened meanwhile is there when it returns", async () => {
      const { url } = await begin();
      const page = await world.visit(url);
      const elsewhere = await (await world.browser.newContext()).newPage();
      await openProvider(page);
      await page.context().setOffline(true);
      await page.getByText("There is no connection to the internet.").waitFor();
      await audit(page, "offline");
      await elsewhere.goto(`${url}/authorize`);
      await signIn(elsewhere);
      await goOnline(page.context());
      await step(page, "Sandbox is connected");
      expect(await page.getByText("There is no connection to the internet.").count()).toBe(0);
      await elsewhere.context().close();
      await page.context().close();
    });

    test("a forwarded link: whoever is sent it is asked who they are, and nothing is connected if they refuse", async () => {
      const { request, user, url } = await begin();
      const page = await world.visit(url);
      await step(page, "Connect Sandbox");
      const victim = await world.visit(url, { locale: "de-DE" });
      await step(victim, "Sandbox verbinden");
      const provider = await openProvider(victim, "Weiter zu Sandbox");
      await signIn(provider, { confirm: null });
      await provider.getByText(`Name of ${user.externalId}`).first().waitFor();
      await provider.getByText("Wissen, wessen Konto es ist").waitFor();
      await provider.locator('button[value="refuse"]').click();
      await step(victim, "Abgebrochen");
      await step(page, "Cancelled");
      expect(await status(request.id)).toBe("CANCELED");
      await audit(victim, "canceled-german");
      await victim.context().close();
      await page.context().close();
    });

    test("by the keyboard alone", async () => {
      const { url } = await begin();
      const page = await world.visit(url);
      await step(page, "Connect Sandbox");
      const opened = page.waitForEvent("popup");
      await pressUntil(page, "Continue to Sandbox");
      const provider = await opened;
      for (const name of [/Ada Lovelace/, "Allow", "Connect"]) {
        await provider.getByRole("button", { name }).focus();
        await provider.keyboard.press("Enter");
      }
      await step(page, "Sandbox is connected");
      await page.context().close();
    });

    test("not connecting is a choice too", async () => {
      const { request, url } = await begin({ returnUrl: world.returnUrl });
      const page = await world.visit(url);
      await page.getByRole("button", { name: "Don’t connect" }).click();
      await step(page, "Cancelled");
      const back = await page.getByRole("link", { name: "Back to Acme Desk" }).getAttribute("href");
      expect(new URL(back!).searchParams.get("status")).toBe("CANCELED");
      expect(await status(request.id)).toBe("CANCELED");
      await page.context().close();
    });

    test("authorized again, as another account: refused with the remedy, then with the right one", async () => {
      const { app } = world;
      const { credential } = await connect(app, app.adminKey);
      const url = await reauthorize(credential!.id);
      const page = await world.visit(url);
      await step(page, "Connect Sandbox again");
      await audit(page, "start-again");
      await signIn(await openProvider(page), { who: /Grace Hopper/ });
      await step(page, "Sandbox was not connected");
      await page.getByText("That was another account").waitFor();
      await page.getByText("Details for support").click();
      await audit(page, "failed");
      await page.getByRole("button", { name: "Try again" }).click();
      await step(page, "Connect Sandbox again");
      await signIn(await openProvider(page));
      await step(page, "Sandbox is connected again");
      await page.context().close();
    });

    test("a code for another device, live to its end", async () => {
      const { request } = await deviceWorld(world.app).start();
      const page = await world.visit(request.connectUrl!);
      await step(page, "Enter a code at Sandbox");
      await page.getByText(request.deviceAuthorization!.userCode, { exact: true }).waitFor();
      await audit(page, "device");
      await page.getByRole("button", { name: "Don’t connect" }).click();
      await step(page, "Cancelled");
      await page.context().close();
    });
  });

  describe("speaks the person’s language", () => {
    test("the link’s before the browser’s, and another when it is chosen, which stays", async () => {
      const { url } = await begin({ locale: "de-AT" });
      const page = await world.visit(url);
      await step(page, "Sandbox verbinden");
      expect(await page.evaluate("document.documentElement.lang")).toBe("de");
      await audit(page, "start-german");
      await page.getByLabel("Sprache").selectOption("en");
      await step(page, "Connect Sandbox");
      expect(await page.evaluate("document.documentElement.lang")).toBe("en");
      await page.reload();
      await step(page, "Connect Sandbox");
      await page.context().close();
    });
  });

  describe("never leaves anybody at a dead end", () => {
    test("a link that nobody knows", async () => {
      const page = await world.visit(`${world.app.url}/connect/nothing-of-ours`);
      await step(page, "This link leads nowhere");
      await audit(page, "unknown-link");
      await page.context().close();
    });

    test("no server at the first look: it tries again by itself", async () => {
      const { url } = await begin();
      const page = await world.visit("about:blank");
      await page.route("**/session", (route) => route.abort());
      await page.goto(url);
      await page.getByText("We can’t be reached at the moment.").waitFor();
      await audit(page, "unreachable");
      await page.unroute("**/session");
      await step(page, "Connect Sandbox");
      await page.context().close();
    });

    test("a browser that keeps no cookie is told so, not asked forever", async () => {
      const { url } = await begin();
      const page = await world.visit("about:blank");
      const { status, contentType, body } = await withoutCookie();
      await page.route("**/graphql", (route) => route.fulfill({ status, contentType, body }));
      await page.goto(url);
      await step(page, "Your browser keeps no cookie for this page");
      await audit(page, "no-cookies");
      await page.unroute("**/graphql");
      await page.getByRole("button", { name: "Try again" }).click();
      await step(page, "Connect Sandbox");
      await page.context().close();
    });

    // The last: the clock does not go back.
    test("a request that runs out is told live and can be tried again; a quarter of an hour later the link is over", async () => {
      const { url } = await begin({ expiresInSeconds: 60 });
      const page = await world.visit(url);
      await step(page, "Connect Sandbox");
      await moveClock(world.app, 61_000);
      await step(page, "This took too long");
      await audit(page, "expired");
      await page.getByRole("button", { name: "Try again" }).click();
      await step(page, "Connect Sandbox");
      await moveClock(world.app, 3_600_000);
      await step(page, /This took too long|This link has run out/);
      await page.goto(url);
      await step(page, "This link has run out");
      await audit(page, "ended-link");
      await page.context().close();
    });
  });
});

async function reauthorize(id: string): Promise<string> {
  const answer = await mutate(world.app, world.app.adminKey, "reauthorizeCredential", { id }, "connectionRequest { connectUrl }");
  return (answer as unknown as { connectionRequest: { connectUrl: string } }).connectionRequest.connectUrl;
}

/** What the API answers to a page whose cookie has not come along. */
async function withoutCookie(): Promise<{ status: number; contentType: string; body: string }> {
  const response = await fetch(`${world.app.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", "moorline-session": "connect-00000000" },
    body: JSON.stringify({ query: "{ viewer { role } }" }),
  });
  return { status: response.status, contentType: response.headers.get("content-type") ?? "", body: await response.text() };
}

/** Tab, and Enter where the button of this name is reached. */
async function pressUntil(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 20; presses++) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate("document.activeElement?.textContent?.trim()")) === name) return page.keyboard.press("Enter");
  }
  expect.unreachable(`No Tab reaches “${name}”.`);
}
