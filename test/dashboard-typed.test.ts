import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { goTo, inspect, open, openDashboard, settled } from "./support/dashboard-page.ts";
import { mutate } from "./support/entities.ts";
import { run } from "./support/graphql.ts";
import { type HostedWorld, hostedWorld, NO_BROWSER } from "./support/hosted.ts";
import { createKey } from "./support/matrix-world.ts";
import { createConfig } from "./support/seed.ts";
import { keyAt, type StaticApi, startStaticApi } from "./support/static-api.ts";
import { ask, createTypedConfig, made } from "./support/typed.ts";

let world: HostedWorld;
let api: StaticApi;
let page: Page;
let connectorSlug: string;

const LONG = "W".repeat(200);
const dialog = () => page.getByRole("dialog");
const press = (name: string) => dialog().getByRole("button", { name, exact: true }).click();
const field = () => dialog().getByRole("combobox", { name: "Auth config" });
const options = () => page.getByRole("option");
const key = () => dialog().getByLabel(/^API key/);
const focused = () => page.evaluate("document.activeElement.id || document.activeElement.tagName");

/** One story: each test goes on from where the one before it ended. */
describe.skipIf(NO_BROWSER)("the dashboard: credentials that an operator types", () => {
  beforeAll(async () => {
    [world, api] = await Promise.all([hostedWorld(), startStaticApi()]);
    api.accept = keyAt(({ headers }) => headers["x-api-key"]);
    const { app } = world;
    await createConfig(app, app.adminKey, { name: "Sandbox app" });
    const { connector } = await createTypedConfig(app, app.adminKey, api, { apiKey: { location: "HEADER", name: "X-Api-Key" } });
    connectorSlug = connector.slug;
    const user = await mutate(app, app.adminKey, "upsertUser", { externalId: LONG, displayName: LONG }, "user { id }");
    expect(user.__typename).toBe("UpsertUserPayload");
  });
  afterAll(async () => {
    await world?.close();
    await api?.close();
  });

  test("signing in leads to the page that was asked for, with the focus on it, and a name of any length fits", async () => {
    page = await openDashboard(world, "/users");
    await page.getByRole("link", { name: LONG }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/users");
    await expect.poll(focused).toBe("content");
    await inspect(page, "dashboard-users-long");
    await page.getByRole("link", { name: LONG }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: LONG }).waitFor();
    await expect.poll(focused).toBe("content");
    await inspect(page, "dashboard-user-long");
  });

  test("only what can be typed is offered; what is missing or refused is told, and nothing is saved", async () => {
    await page.getByRole("button", { name: "Add a credential", exact: true }).click();
    await expect.poll(focused).toBe(await field().getAttribute("id"));
    await page.keyboard.press("ArrowDown");
    await options().first().waitFor();
    expect(await options().allInnerTexts()).toEqual([expect.stringContaining(connectorSlug)]);
    await inspect(page, "dashboard-credential-pick");
    // Escape leaves the list, not the dialog.
    await page.keyboard.press("Escape");
    await expect.poll(() => options().count()).toBe(0);
    await field().fill("nothing like it");
    await page.getByText("No auth config fits. Try another word.").waitFor();
    await field().fill("config");
    await options().filter({ hasText: connectorSlug }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    expect(await field().inputValue()).toContain(connectorSlug);
    await press("Save");
    await dialog().getByText("Enter a value.").waitFor();
    expect(await key().evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    await key().fill("bad");
    await press("Test");
    await dialog().getByText("Invalid credentials").waitFor();
    await inspect(page, "dashboard-credential-add");
    await press("Save");
    await dialog()
      .getByText(/^Nothing was saved/)
      .waitFor();
    expect(await dialog().getByText("Invalid credentials").count()).toBe(0);
  });

  test("what works is saved and shown", async () => {
    await key().fill("good-ada");
    await press("Test");
    await dialog()
      .getByText(/^It works/)
      .waitFor();
    await dialog().getByLabel("Label").fill("Ada’s key");
    await press("Save");
    await page.getByRole("heading", { level: 1, name: "Ada’s key" }).waitFor();
    await page.getByText("Name of ada · ada").waitFor();
  });

  test("it is given a new value, tried first; what is left empty stays, and so does the id", async () => {
    const before = page.url();
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    await key().fill("bad-again");
    await press("Save");
    await dialog()
      .getByText(/^Nothing was saved/)
      .waitFor();
    await inspect(page, "dashboard-credential-edit");
    await key().fill("good-ada-second");
    await press("Save");
    await expect.poll(() => dialog().count()).toBe(0);
    expect(api.seen.at(-1)?.headers["x-api-key"]).toBe("good-ada-second");
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    await dialog().getByLabel("Label").fill("Ada’s second key");
    await press("Save");
    await page.getByRole("heading", { level: 1, name: "Ada’s second key" }).waitFor();
    await page.getByRole("button", { name: "Test", exact: true }).click();
    await page.getByText(/^It works/).waitFor();
    expect(page.url()).toBe(before);
  });

  test("the project has one of its own", async () => {
    await goTo(page, "Credentials");
    await page.getByRole("button", { name: "Add one of the project’s own" }).click();
    await dialog()
      .getByRole("button", { name: /Auth config$/ })
      .click();
    await options().first().click();
    await key().fill("good-robot");
    await press("Save");
    await page.getByRole("heading", { level: 1, name: "Name of robot" }).waitFor();
    await page.getByText("the project’s own").waitFor();
  });

  test("of any number of auth configs each is found, by a word or by going down the list", async () => {
    const { app } = world;
    const names = Array.from({ length: 45 }, (_, index) => `Numbered ${String(index + 1).padStart(2, "0")}`);
    for (const name of names) await ask(app, app.adminKey, "createAuthConfig", { connectorSlug, name });
    await goTo(page, "Credentials");
    await page.getByRole("button", { name: "Add one of the project’s own" }).click();
    await field().fill("numbered 44");
    await expect.poll(() => options().allInnerTexts()).toEqual([expect.stringContaining("Numbered 44")]);
    await options().click();
    await key().waitFor();
    // What was chosen stays where the search for another comes to nothing.
    await field().fill("nothing like it");
    await page.getByText("No auth config fits. Try another word.").waitFor();
    await key().focus();
    await expect.poll(() => field().inputValue()).toContain("Numbered 44");

    await field().focus();
    await page.keyboard.press("ArrowDown");
    const last = options().filter({ hasText: "Numbered 45" });
    await expect
      .poll(async () => {
        for (let press = 0; press < 5; press++) await page.keyboard.press("ArrowDown");
        return last.count();
      })
      .toBe(1);
    await expect.poll(() => options().count()).toBe(46);
    await last.click();
    expect(await field().inputValue()).toContain("Numbered 45");
    await press("Cancel");
  });

  test("a list that cannot be read says so, and is read when it is opened again", async () => {
    await page.getByRole("button", { name: "Add one of the project’s own" }).click();
    await options().or(field()).first().waitFor();
    await page.route("**/graphql", (route) => route.abort());
    await field().fill("numbered");
    await page.getByText("No answer came. Try again.").waitFor();
    await page.unroute("**/graphql");
    await page.keyboard.press("Escape");
    await page.keyboard.press("ArrowDown");
    await options().first().waitFor();
    await page.keyboard.press("Escape");
    await press("Cancel");
  });

  test("a database is edited from what it is: no secret is shown, what is emptied goes, and the password stays", async () => {
    const { app } = world;
    const config = await createConfig(app, app.adminKey, { connectorSlug: "postgresql" });
    const typed = { host: "db.example.com", port: 5433, username: "ada", sslMode: "disable", schema: "sales" };
    const input = {
      target: { authConfigId: config.id },
      projectOwned: true,
      label: "Sales",
      fields: { ...typed, password: "x" },
    };
    const { id } = await made(ask(app, app.adminKey, "createCredential", input));
    await open(world, page, `/credentials/${id}`);
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    const box = (name: string | RegExp) => dialog().getByLabel(name, { exact: true });
    await expect.poll(() => box("Host").inputValue()).toBe("db.example.com");
    expect(await box(/^Port/).inputValue()).toBe("5433");
    expect(await box(/^Password/).inputValue()).toBe("");
    // Encryption is off, so that nothing of it is asked for.
    expect(
      await dialog()
        .getByLabel(/CA certificate/)
        .count(),
    ).toBe(0);
    await inspect(page, "dashboard-credential-edit-database");
    await dialog().getByText("Save only if the test succeeds").click();
    await box(/^Port/).fill("5434");
    await box(/^Schema/).fill("");
    await press("Save");
    // Another port is another place: who names it types the secret with it.
    await dialog()
      .getByText(/enter the secret again/)
      .first()
      .waitFor();
    await box(/^Port/).fill("5433");
    await press("Save");
    await expect.poll(() => dialog().count()).toBe(0);
    const query = "query($id: ID!) { credential(id: $id) { parameters } }";
    const { credential } = await run<{ credential: { parameters: object } }, object>(app, app.adminKey, query, { id });
    expect(credential.parameters).toMatchObject({ ...typed, schema: "public" });
    const revealed = await ask(app, app.adminKey, "revealCredential", { id });
    expect(revealed.revealed?.fields).toMatchObject({ password: "x" });
  });

  test("going back finds a list as it was left", async () => {
    await goTo(page, "Users");
    await page.getByLabel("Search").fill("WWW");
    await expect.poll(() => page.evaluate("history.state['moorline:search']")).toBe("WWW");
    await page.getByRole("link", { name: LONG }).click();
    await page.getByRole("heading", { level: 1, name: LONG }).waitFor();
    await page.goBack();
    await settled(page);
    expect(await page.getByLabel("Search").inputValue()).toBe("WWW");
  });

  test("a viewer finds no way to do any of it", async () => {
    const path = new URL(page.url()).pathname;
    const { key: viewerKey } = await createKey(world.app, world.app.adminKey, { role: "VIEWER" });
    const viewer = await openDashboard(world, path, viewerKey);
    await viewer.getByRole("link", { name: LONG }).click();
    await viewer.getByRole("heading", { level: 1, name: LONG }).waitFor();
    expect(await viewer.getByRole("button", { name: /Add a credential|Edit/ }).count()).toBe(0);
    await viewer.context().close();
  });

  test("a page that cannot be loaded leaves the rest of the dashboard there", async () => {
    await page.route("**/assets/webhooks-*.js", (route) => route.abort());
    await page.getByRole("link", { name: "Webhooks", exact: true }).click();
    await page.getByRole("button", { name: "Load it again" }).waitFor();
    await goTo(page, "Users");
  });
});
