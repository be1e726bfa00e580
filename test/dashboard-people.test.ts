import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { areas, goTo, inspect, openDashboard } from "./support/dashboard-page.ts";
import { audit, type HostedWorld, hostedWorld, NO_BROWSER, signIn } from "./support/hosted.ts";
import { createKey } from "./support/matrix-world.ts";
import { createConfig } from "./support/seed.ts";

let world: HostedWorld;
let page: Page;

const dialog = () => page.getByRole("dialog");
const button = (name: string | RegExp) => page.getByRole("button", { name, exact: typeof name === "string" });

/** One story: each test goes on from where the one before it ended. */
describe.skipIf(NO_BROWSER)("the dashboard: users, requests, credentials", () => {
  beforeAll(async () => {
    world = await hostedWorld();
    await createConfig(world.app, world.app.adminKey, { name: "Sandbox app" });
    for (const connectorSlug of ["hubspot", "slack"])
      await createConfig(world.app, world.app.adminKey, { connectorSlug, clientId: "client", clientSecret: "secret" });
    page = await openDashboard(world, "/");
  });
  afterAll(() => world?.close());

  test("empty lists say what to do first", async () => {
    await goTo(page, "Credentials");
    await page.getByText("Nothing is connected yet").waitFor();
    await goTo(page, "Requests");
    await page.getByText("No connection request yet").waitFor();
    await goTo(page, "Users");
    await page.getByText("No user yet").waitFor();
    await audit(page, "dashboard-users-empty");
  });

  test("a user is added, with a word on what is wrong first, and found again", async () => {
    await button("Add a user").click();
    await dialog().getByLabel("Your id").fill("ada-1");
    await dialog().getByLabel("Name").fill("Ada of Acme");
    await dialog().getByLabel("E-mail").fill("not an address");
    await button("Save").click();
    await expect.poll(() => dialog().getByLabel("E-mail").getAttribute("aria-invalid")).toBe("true");
    await audit(page, "dashboard-user-add");
    await dialog().getByLabel("E-mail").fill("ada@acme.test");
    await button("Save").click();
    await expect.poll(() => dialog().count()).toBe(0);
    await page.getByLabel("Search").fill("nobody like this");
    await page.getByText("Nobody fits").waitFor();
    await page.getByLabel("Search").fill("acme");
    await page.getByRole("link", { name: "Ada of Acme" }).waitFor();
    await audit(page, "dashboard-users");
  });

  test("a connect link is made, opened by the user, and the dashboard follows without a reload", async () => {
    await page.getByRole("link", { name: "Ada of Acme" }).click();
    await page.getByRole("heading", { level: 1, name: "Ada of Acme" }).waitFor();
    await button("Create a connect link").click();
    const connectors = dialog().getByRole("combobox", { name: /^Connectors/ });
    const options = () => page.getByRole("option");
    const tags = () => dialog().getByRole("grid", { name: "Connectors: chosen" }).getByRole("row").allInnerTexts();
    await dialog().getByText("All connectors", { exact: true }).waitFor();
    await inspect(page, "dashboard-connect-link-new");
    // Only what can be connected is there, however it is spelt.
    await connectors.fill("no such connector");
    await page.getByText(/^Nothing of that name can be connected/).waitFor();
    await connectors.fill("sandbx");
    await expect.poll(() => options().allInnerTexts()).toEqual(["Sandbox"]);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    // The list stays open for another one, of all again.
    await expect.poll(() => options().allInnerTexts()).toEqual(["HubSpot", "Sandbox", "Slack"]);
    expect(await connectors.inputValue()).toBe("");
    await options().filter({ hasText: "HubSpot" }).click();
    await options().filter({ hasText: "Slack" }).click();
    await inspect(page, "dashboard-connect-link-list");
    await page.keyboard.press("Escape");
    await expect.poll(tags).toEqual(["Sandbox", "HubSpot", "Slack"].map((name) => expect.stringContaining(name)));
    await inspect(page, "dashboard-connect-link-chosen");
    await dialog().getByRole("row", { name: "HubSpot" }).getByRole("button").click();
    await dialog().getByRole("row", { name: "Slack" }).focus();
    await page.keyboard.press("Backspace");
    await expect.poll(tags).toEqual([expect.stringContaining("Sandbox")]);
    await button("Create the link").click();
    const link = await dialog().locator("code").innerText();
    await audit(page, "dashboard-connect-link");
    await button("Done").click();
    await goTo(page, "Requests");

    const user = await world.visit(link);
    await user.getByRole("button", { name: "Connect Sandbox" }).click();
    expect(await user.getByRole("button", { name: /HubSpot|Slack/ }).count()).toBe(0);
    const opened = user.waitForEvent("popup");
    await user.getByRole("button", { name: /^Continue to/ }).click();
    const popup = await opened;
    await page.getByRole("row", { name: /Sandbox.*Ada of Acme.*Authorizing/ }).waitFor();
    await signIn(popup);
    await page.getByRole("row", { name: /Sandbox.*Ada of Acme.*Active/ }).waitFor();
    await user.context().close();
  });

  test("a request tells its story, with links to what belongs to it", async () => {
    await audit(page, "dashboard-requests");
    await page.getByRole("link", { name: "Sandbox", exact: true }).click();
    await page.getByRole("heading", { name: "What happened" }).waitFor();
    for (const status of ["Pending", "Authorizing", "Exchanging", "Active"]) {
      await page.getByRole("listitem").filter({ hasText: status }).first().waitFor();
    }
    await audit(page, "dashboard-request");
    await page.getByRole("link", { name: /^cred_/ }).click();
    await page.getByRole("heading", { level: 1, name: "Ada Lovelace" }).waitFor();
  });

  test("a credential is tested and refreshed; scopes and history show it", async () => {
    await audit(page, "dashboard-credential");
    await button("Test").click();
    await page.getByText(/^It works/).waitFor();
    await button("Refresh").click();
    await page.getByText("Refreshed.", { exact: true }).waitFor();
    await page.getByRole("tab", { name: /Scopes/ }).click();
    await page.getByText("Granted").first().waitFor();
    await page.keyboard.press("ArrowRight");
    await page.getByRole("listitem").filter({ hasText: "Refreshed" }).first().waitFor();
    await audit(page, "dashboard-credential-history");
  });

  test("it is disabled and enabled; the status follows", async () => {
    await page.getByRole("tab", { name: "Facts" }).click();
    await button("Disable").click();
    await page.getByRole("tabpanel").getByText("Disabled").waitFor();
    await button("Enable").click();
    await page.getByRole("tabpanel").getByText("Active", { exact: true }).waitFor();
  });

  test("a re-authorization gives a link, is seen under way, and keeps the id", async () => {
    const id = await page
      .locator("code")
      .filter({ hasText: /^cred_/ })
      .innerText();
    await button("Re-authorize").click();
    await button("Make the link").click();
    const link = await dialog().locator("code").innerText();
    await button("Done").click();
    const user = await world.visit(link);
    const opened = user.waitForEvent("popup");
    await user.getByRole("button", { name: /^Continue to/ }).click();
    await page.getByText("A re-authorization is under way.").waitFor();
    await signIn(await opened);
    await expect.poll(() => page.getByText("A re-authorization is under way.").count(), { timeout: 10_000 }).toBe(0);
    expect(
      await page
        .locator("code")
        .filter({ hasText: /^cred_/ })
        .innerText(),
    ).toBe(id);
    await user.context().close();
  });

  test("a developer sees no way to revoke or delete", async () => {
    const { key } = await createKey(world.app, world.app.adminKey, { role: "DEVELOPER" });
    const developer = await openDashboard(world, new URL(page.url()).pathname, key);
    await developer.getByRole("button", { name: "Re-authorize" }).waitFor();
    expect(await developer.getByRole("button", { name: "Revoke" }).count()).toBe(0);
    expect(await areas(developer)).not.toContain("Audit log");
    await goTo(developer, "Users");
    await developer.getByRole("link", { name: "Ada of Acme" }).click();
    await developer.getByRole("button", { name: "Edit" }).waitFor();
    expect(await developer.getByRole("button", { name: "Delete" }).count()).toBe(0);
    await developer.context().close();
  });

  test("revoking tells what the provider said, and is final", async () => {
    await button("Revoke").click();
    await dialog().getByRole("button", { name: "Revoke" }).click();
    await dialog().getByRole("heading", { name: "Revoked" }).waitFor();
    expect(await dialog().getByRole("listitem").count()).toBeGreaterThan(0);
    await button("Close").last().click();
    await page.getByRole("tabpanel").getByText("Revoked").waitFor();
    expect(await button("Test").count()).toBe(0);
  });

  test("what has been lost on the way is read again when the network is back", async () => {
    await goTo(page, "Requests");
    const { context } = { context: page.context() };
    await context.setOffline(true);
    await page.getByText("Live updates are off.").waitFor({ timeout: 15_000 });
    await context.setOffline(false);
    await expect.poll(() => page.getByText("Live updates are off.").count(), { timeout: 20_000 }).toBe(0);
  });

  test("deleting a user says whom it touches, and takes everything along", async () => {
    await goTo(page, "Users");
    await page.getByRole("link", { name: "Ada of Acme" }).click();
    await button("Delete").click();
    await dialog().getByRole("button", { name: "Delete" }).click();
    const again = dialog().getByRole("button", { name: "Delete all the same" });
    await expect.poll(async () => (await again.count()) + Number((await dialog().count()) === 0)).toBeGreaterThan(0);
    if (await again.count()) await again.click();
    await page.getByText("No user yet").waitFor();
  });
});
