import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { areas, goTo, inspect, openDashboard } from "./support/dashboard-page.ts";
import { run } from "./support/graphql.ts";
import { audit, type HostedWorld, hostedWorld, NO_BROWSER } from "./support/hosted.ts";
import { createKey } from "./support/matrix-world.ts";

let world: HostedWorld;
let page: Page;
/** A third party with an API, and the back end that hears of events. */
let service: Server;
let serviceUrl: string;
const heard: string[] = [];

const dialog = () => page.getByRole("dialog");
const button = (name: string | RegExp) => page.getByRole("button", { name, exact: typeof name === "string" });

describe.skipIf(NO_BROWSER)("the dashboard's own affairs", () => {
  beforeAll(async () => {
    service = createServer((request, response) => {
      if (request.url === "/hook") heard.push(String(request.headers["webhook-id"]));
      response.statusCode = request.url === "/hook" || request.headers["x-key"] === "right" ? 204 : 401;
      request.resume().on("end", () => response.end());
    });
    await new Promise<void>((listening) => service.listen(0, "127.0.0.1", listening));
    serviceUrl = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
    world = await hostedWorld();
    page = await openDashboard(world, "/");
  });
  afterAll(async () => {
    await world?.close();
    service?.close();
  });

  test("a wrong key is told so, and nothing of the API is shown", async () => {
    const stranger = await world.visit(`${world.app.url}/credentials`);
    await stranger.getByLabel("API key", { exact: true }).fill("mlk_this-key-was-never-made-by-anybody");
    await stranger.getByRole("button", { name: "Sign in" }).click();
    await stranger.getByRole("alert").filter({ hasText: "unknown" }).waitFor();
    await audit(stranger, "dashboard-sign-in");
    await stranger.context().close();
  });

  test("an API key is made, shown once, and revoked", async () => {
    await goTo(page, "API keys");
    await audit(page, "dashboard-api-keys");
    await button("Create an API key").click();
    await dialog().getByLabel("Name").fill("CI runner");
    await dialog()
      .getByRole("radio", { name: /Viewer/ })
      .check({ force: true });
    await audit(page, "dashboard-api-key-create");
    await button("Create").click();
    await dialog().getByText("This is shown once").waitFor();
    const key = await dialog().locator("code").innerText();
    expect(key).toMatch(/^mlk_\w{40,}/);
    await button("Copy API key").click();
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe(key);
    // A slip of the finger does not throw the key away.
    await page.keyboard.press("Escape");
    await dialog().getByText("This is shown once").waitFor();
    await button("I have copied it").click();
    await expect.poll(() => dialog().count()).toBe(0);

    const viewer = await openDashboard(world, "/api-keys", key);
    expect(await areas(viewer)).not.toContain("API keys");
    await viewer.getByRole("heading", { name: "Nothing here" }).waitFor();

    await button("Revoke CI runner").click();
    await button("Revoke").click();
    await page
      .getByRole("row", { name: /CI runner/ })
      .getByText("Revoked")
      .waitFor();
    // Whoever sits there with it is signed out, without a click.
    await viewer.goto(`${world.app.url}/users`);
    await viewer.getByRole("heading", { name: "Sign in to Moorline" }).waitFor();
    await viewer.context().close();
  });

  test("a viewer sees no button that changes anything", async () => {
    const { key } = await createKey(world.app, world.app.adminKey, { role: "VIEWER" });
    const viewer = await openDashboard(world, "/users", key);
    expect(await areas(viewer)).toEqual([
      "Overview",
      "Connectors",
      "Auth configs",
      "Users",
      "Credentials",
      "Requests",
      "Custom connectors",
      "Settings",
      "GraphiQL",
    ]);
    await viewer.getByRole("heading", { name: "Users" }).waitFor();
    expect(await viewer.getByRole("button", { name: /Add|Create|Delete/ }).count()).toBe(0);
    await goTo(viewer, "Settings");
    await viewer.getByText("proj_").waitFor();
    expect(await viewer.getByRole("textbox").count()).toBe(0);
    await viewer.context().close();
  });

  test("a webhook is added, hears of what happens, and a delivery is sent again", async () => {
    await goTo(page, "Webhooks");
    await audit(page, "dashboard-webhooks-empty");
    await button("Add a webhook").click();
    await dialog().getByLabel("Address").fill("not an address");
    await button("Add").click();
    await dialog().getByRole("alert").waitFor();
    await dialog().getByLabel("Address").fill(`${serviceUrl}/hook`);
    await audit(page, "dashboard-webhook-add");
    await button("Add").click();
    await dialog().getByText("The signing secret").waitFor();
    expect(await dialog().locator("code").innerText()).toMatch(/^whsec_/);
    await button("I have copied it").click();

    await page.getByRole("link", { name: `${serviceUrl}/hook` }).click();
    await page.getByText("No delivery yet").waitFor();
    const { createConfig, createUser, initiate } = await import("./support/seed.ts");
    const config = await createConfig(world.app, world.app.adminKey, { name: "For the webhook" });
    const user = await createUser(world.app, world.app.adminKey, "grace");
    await initiate(world.app, world.app.adminKey, { target: { authConfigId: config.id }, user: { id: user.id } });
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(1);
    await expect
      .poll(
        async () => {
          await button("Read again").click();
          return page.getByRole("row", { name: /connection_request.pending.*Delivered/ }).count();
        },
        { timeout: 10_000 },
      )
      .toBe(1);
    await audit(page, "dashboard-webhook");
    await button(/^Details of connection_request.pending/).click();
    await dialog().getByText('"connection_request.pending"').waitFor();
    await button("Send it again").click();
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(2);
    expect(heard[1]).toBe(heard[0]);
    await button("Close").last().click();

    await button("Delete").click();
    await dialog().getByRole("button", { name: "Delete" }).click();
    await page.getByText("No webhook yet").waitFor();
  });

  test("the audit log is filtered, its details read, its chain verified", async () => {
    await goTo(page, "Audit log");
    await page.getByLabel("Action").fill("webhook.created");
    await expect.poll(() => page.getByRole("row").count()).toBe(2);
    await audit(page, "dashboard-audit");
    expect(page.url()).toContain("action=webhook.created");
    await button("Details of webhook.created").click();
    expect(await dialog().innerText()).toContain("First key");
    await button("Close").last().click();
    await page.getByLabel("Action").fill("no.such.action");
    await page.getByText("No event fits").waitFor();
    await button("Clear").click();
    await button("Verify the chain").click();
    await page.getByText(/events are as they were sealed/).waitFor();
  });

  test("settings: a wrong value stands beside its field, a right one is kept", async () => {
    await goTo(page, "Settings");
    await audit(page, "dashboard-settings");
    await page.getByLabel("Accent colour").fill("mauve");
    await button("Save").click();
    await expect.poll(() => page.getByLabel("Accent colour").getAttribute("aria-invalid")).toBe("true");
    await page.getByLabel("Accent colour").fill("#7a3cff");
    await page.getByLabel("Product name").fill("Acme Desk");
    await button("Save").click();
    await page.getByText("Saved.").waitFor();
    await page.reload();
    await expect.poll(() => page.getByLabel("Product name").inputValue()).toBe("Acme Desk");
    expect(await page.getByLabel("Return URLs").inputValue()).toContain(world.returnUrl);
  });

  test("a custom connector is validated before it is saved, then edited and deleted", async () => {
    await goTo(page, "Custom connectors");
    await audit(page, "dashboard-custom-connectors-empty");
    await page.getByRole("link", { name: "New custom connector" }).click();
    await page.getByLabel("Name", { exact: true }).fill("Acme CRM");
    await page.getByRole("radio", { name: /^API key/ }).check({ force: true });
    await page.getByLabel(/^Name of the header/).fill("X-Key");
    await page.getByLabel("Base URL").fill("http://example.com/");
    await page.getByLabel("Path of a harmless call").fill("/me");
    await button("Validate").click();
    // Where it is wrong is far above the button.
    await expect.poll(() => page.evaluate("document.activeElement.labels?.[0]?.innerText")).toContain("Base URL");
    await page.getByLabel("Base URL").fill(serviceUrl);
    await page.locator("input[type=password]").fill("wrong");
    await button("Validate").click();
    await page.getByText("Something is wrong with it.").waitFor({ timeout: 20_000 });
    await page.getByRole("listitem").filter({ hasText: "CREDENTIAL_VERIFIED" }).getByText("Failed").waitFor();
    await page.locator("input[type=password]").fill("right");
    await button("Validate").click();
    await page.getByText("It can be saved.").waitFor({ timeout: 20_000 });
    await audit(page, "dashboard-custom-connector-new");
    await button("Save").click();
    await page.getByRole("heading", { level: 1, name: "Acme CRM" }).waitFor();

    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await page.getByLabel("Description").fill("Our own");
    expect(await page.getByLabel(/^Name of the header/).inputValue()).toBe("X-Key");
    expect(await page.getByLabel("Base URL").inputValue()).toBe(serviceUrl);
    await audit(page, "dashboard-custom-connector-edit");
    // Of what it says about itself there is nothing to validate.
    await button("Save").click();
    await page.getByText("Our own").waitFor();
    await goTo(page, "Custom connectors");
    await page.getByRole("link", { name: "Edit Acme CRM" }).click();
    await page.getByLabel(/^Path of a harmless call/).fill("/whoami");
    expect(await button("Save").count()).toBe(0);
    await button("Validate").click();
    await page.getByText("It can be saved.").waitFor({ timeout: 20_000 });
    await button("Save").click();
    await page.getByRole("heading", { level: 1, name: "Acme CRM" }).waitFor();

    await goTo(page, "Custom connectors");
    await button("Delete Acme CRM").click();
    await button("Delete").click();
    await page.getByText("No custom connector yet").waitFor();
  });

  test("OAuth 2.0 by hand: with a client of one's own it is ready to connect, and an edit begins from all that was entered", async () => {
    const { control, issuer } = world.app.sandbox!;
    const { clientId, clientSecret } = await control.createClient({ redirectUris: [] });
    const field = (name: string | RegExp) => page.getByRole("textbox", { name });
    await page.getByRole("link", { name: "New custom connector" }).click();
    await field(/^Name/).fill("Acme Login");
    await page.getByText("By hand", { exact: true }).click();
    await field(/^Authorization URL/).fill(`${issuer}/auth`);
    await field(/^Token URL/).fill(`${issuer}/token`);
    await field(/^Scopes/).fill("openid,notes:read");
    await field(/^Refresh parameters/).fill("audience=acme");
    await field(/^Client ID/).fill(clientId);
    await page.getByLabel(/^Client secret/).fill(clientSecret!);
    await page.getByText("Where it departs from the standard").click();
    await inspect(page, "dashboard-custom-connector-oauth");
    await button("Validate").click();
    await page.getByText("It can be saved.").waitFor({ timeout: 20_000 });
    await button("Save").click();
    await page.getByText("It is created. This is its id, for your code:").waitFor();
    await page
      .getByText(/\/oauth\/callback\/ccn_/)
      .first()
      .waitFor();
    await page.getByText(clientId, { exact: true }).waitFor();

    await page.getByRole("link", { name: "Acme Login" }).click();
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    expect(await field(/^Token URL/).inputValue()).toBe(`${issuer}/token`);
    expect(await field(/^Scopes/).inputValue()).toBe("openid,notes:read");
    expect(await field(/^Refresh parameters/).inputValue()).toBe("audience=acme");
    expect(await button("Save").isDisabled()).toBe(true);
    await field(/^Revocation URL/).fill(`${issuer}/token/revocation`);
    await button("Validate").click();
    await page.getByText("It can be saved.").waitFor({ timeout: 20_000 });
    await button("Save").click();
    await page.getByRole("heading", { level: 1, name: "Acme Login" }).waitFor();
    const query = '{ connector(slug: "acme-login") { definition } }';
    const { connector } = await run<{ connector: { definition: object } }, object>(world.app, world.app.adminKey, query, {});
    expect(connector.definition).toEqual({
      scheme: {
        oauth2: {
          authorizationUrl: `${issuer}/auth`,
          tokenUrl: `${issuer}/token`,
          revocationUrl: `${issuer}/token/revocation`,
          scope: "openid,notes:read",
          refreshParameters: { audience: "acme" },
        },
      },
    });
  });

  test("the operator makes a project, switches to it and back, and deletes it with its name typed", async () => {
    await goTo(page, "Projects");
    await audit(page, "dashboard-projects");
    await button("Create a project").click();
    await dialog().getByLabel("Name").fill("Staging");
    await button("Create").click();
    await dialog().getByText("shown once").waitFor();
    await button("Switch to it").click();
    await button(/^Project: Staging/).waitFor();
    expect(await areas(page)).toContain("Projects");
    await goTo(page, "Users");
    await page.getByText("No user yet").waitFor();

    await button(/^Project: Staging/).click();
    await page.getByRole("menuitem", { name: /ADMIN/ }).click();
    await expect.poll(() => button(/^Project: Staging/).count()).toBe(0);
    await goTo(page, "Projects");
    await button("Delete Staging").click();
    expect(await dialog().getByRole("button", { name: "Delete" }).isDisabled()).toBe(true);
    await dialog().getByRole("textbox").fill("Staging");
    await dialog().getByRole("button", { name: "Delete" }).click();
    const again = dialog().getByRole("button", { name: "Delete all the same" });
    await expect.poll(async () => (await again.count()) + Number((await dialog().count()) === 0)).toBeGreaterThan(0);
    if (await again.count()) await again.click();
    await expect.poll(() => page.getByRole("row", { name: /Staging/ }).count()).toBe(0);
  });

  test("on a phone's width every area can be reached and read", async () => {
    const phone = await openDashboard(world, "/", world.app.adminKey, { viewport: { width: 360, height: 740 } });
    for (const area of await areas(phone)) {
      if (area === "GraphiQL") continue;
      await goTo(phone, area);
      await expect.poll(() => phone.getByText(/^Loading/).count()).toBe(0);
      expect(await phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), area).toBe(true);
    }
    await phone.context().close();
  });

  test("signing out ends the session", async () => {
    const other = await openDashboard(world, "/");
    await other.getByRole("button", { name: "Sign out" }).click();
    await other.getByRole("heading", { name: "Sign in to Moorline" }).waitFor();
    await other.reload();
    await other.getByRole("heading", { name: "Sign in to Moorline" }).waitFor();
    await other.context().close();
  });
});
