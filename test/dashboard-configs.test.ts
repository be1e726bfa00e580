import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { graphql } from "../generated/gql/index.ts";
import { RETURN_URL } from "./support/app.ts";
import { complaintsOf, inspect, open, openDashboard, settled } from "./support/dashboard-page.ts";
import { run } from "./support/graphql.ts";
import { type HostedWorld, hostedWorld, NO_BROWSER, openProvider, signIn } from "./support/hosted.ts";
import { createKey } from "./support/matrix-world.ts";
import { connect, createConfig, createOwnClientConfig } from "./support/seed.ts";

const ReadConfig = graphql(`
  query DashboardReadConfig($id: ID!) {
    authConfig(id: $id) { id name status scopes clientId ownApp flows presetFields credentials(first: 5) { nodes { id status } } }
  }
`);

const ReadCredential = graphql(`
  query DashboardReadCredential($id: ID!) { credential(id: $id) { id status authConfig { id } } }
`);

let world: HostedWorld;
let page: Page;
let complaints: string[];

describe.skipIf(NO_BROWSER)("the dashboard: overview, connectors, auth configs", () => {
  beforeAll(async () => {
    world = await hostedWorld({ MOORLINE_ALLOWED_RETURN_URLS: RETURN_URL });
    page = await openDashboard(world, "/");
    complaints = complaintsOf(page);
  });
  afterAll(() => world?.close());

  const idInAddress = () => /ac_[0-9a-z]+/.exec(page.url())![0];
  const read = async (id: string) => (await run(world.app, world.app.adminKey, ReadConfig, { id })).authConfig;
  const button = (name: string | RegExp) => page.getByRole("button", { name, exact: typeof name === "string" });
  // Exactly: “Edit To move” is another page than “To move”.
  const heading = (name: string | RegExp) => page.getByRole("heading", { level: 1, name, exact: typeof name === "string" });

  /** Of the sandbox, whose client knows our redirect URI. */
  const newClient = () => world.app.sandbox!.control.createClient({ redirectUris: [`${world.app.url}/oauth/callback/sandbox`] });

  test("an empty project is told its first steps, and each ticks itself off", async () => {
    await open(world, page, "/");
    const steps = page.getByRole("region", { name: "First steps" });
    expect(await steps.getByRole("listitem").count()).toBe(3);
    expect(await steps.getByText("(done)").count()).toBe(0);
    await inspect(page, "overview-empty");
    await steps.getByRole("link", { name: "With the sandbox" }).click();
    await heading("New auth config for Sandbox").waitFor();
    await button("Create auth config").click();
    await heading("Sandbox").waitFor();
    await open(world, page, "/");
    await expect.poll(() => steps.getByText("(done)").count()).toBe(1);
  });

  test("connectors are found as one types, typing errors forgiven, best match first", async () => {
    await open(world, page, "/connectors");
    await inspect(page, "connectors");
    await page.getByRole("searchbox", { name: "Search" }).fill("hubspto");
    const tiles = page.getByRole("list", { name: "Connectors" }).getByRole("link");
    await expect.poll(() => tiles.first().innerText()).toContain("HubSpot");
    await page.getByRole("button", { name: /Authentication/ }).click();
    await page.getByRole("option", { name: "Native" }).click();
    await page.getByText("No connector fits.").waitFor();
    await page.getByRole("searchbox", { name: "Search" }).fill("postgres");
    await expect.poll(() => tiles.first().innerText()).toContain("PostgreSQL");
    // A reload finds the filters again.
    await page.reload();
    await settled(page);
    expect(await page.getByRole("searchbox", { name: "Search" }).inputValue()).toBe("postgres");
    await expect.poll(() => tiles.first().innerText()).toContain("PostgreSQL");
  });

  test("a connector says what it asks for, and what to register at the provider", async () => {
    await open(world, page, "/connectors/sandbox");
    await page.getByText(`${world.app.url}/oauth/callback/sandbox`).first().waitFor();
    await page.getByRole("button", { name: "Copy redirect URI" }).first().click();
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe(`${world.app.url}/oauth/callback/sandbox`);
    await inspect(page, "connector-sandbox");
    await open(world, page, "/connectors/postgresql");
    await page.getByRole("listitem").filter({ hasText: "Password" }).first().waitFor();
    await inspect(page, "connector-postgresql");
    await open(world, page, "/connectors/no-such-connector");
    await heading("Nothing here").waitFor();
  });

  test("the wizard leads from what is known of a service to its form", async () => {
    await open(world, page, "/auth-configs/new");
    await page.getByText("People have accounts there").click();
    await page.getByText("OAuth 2: your users consent at the provider").waitFor();
    await inspect(page, "wizard-guide");
    await page.getByRole("searchbox", { name: "Search" }).fill("sandbox");
    await page
      .getByRole("link", { name: /^Sandbox/ })
      .first()
      .click();
    await heading("New auth config for Sandbox").waitFor();
    await inspect(page, "wizard-form");
  });

  test("an app of one's own: what is missing is told beside its field, and the focus goes there", async () => {
    const client = await newClient();
    await open(world, page, "/auth-configs/new?connector=sandbox");
    await page.getByLabel("Name", { exact: true }).fill("Sandbox");
    await page.getByText("Use an app of my own").click();
    await page.getByText(`${world.app.url}/oauth/callback/sandbox`).waitFor();
    await button("Create auth config").click();
    await page.getByText("Enter the client id of your app.").waitFor();
    await expect.poll(() => page.evaluate("document.activeElement.labels?.[0]?.innerText")).toContain("Client id");
    await inspect(page, "wizard-errors");
    await page.getByLabel("Client id", { exact: true }).fill(client.clientId);
    await page.getByLabel("Client secret", { exact: true }).fill(client.clientSecret!);
    await button("Create auth config").click();
    await page.getByRole("alert").filter({ hasText: "has an auth config named “Sandbox” already" }).waitFor();
    await page.getByLabel("Name", { exact: true }).fill("Own app");
    await button("Diagnose before saving").click();
    await page.getByText(/No check has failed/).waitFor();
    await page.getByText(/passed, \d+ skipped/).click();
    await page.getByText("CLIENT_AUTHENTICATED").waitFor();

    await page.getByText("notes:write", { exact: true }).click();
    await page.getByLabel("Another scope").fill("extra:one extra:two");
    await page.keyboard.press("Enter");
    await page.getByText("8 chosen.").waitFor();
    await page.getByText("extra:two", { exact: true }).click();
    await page.getByText("By a code on another device").click();
    await button("Create auth config").click();
    await page.getByText("It is created. This is its id, for your code:").waitFor();
    await inspect(page, "auth-config-created");
    const stored = (await read(idInAddress()))!;
    expect(stored).toMatchObject({
      name: "Own app",
      ownApp: true,
      clientId: client.clientId,
      flows: ["AUTHORIZATION_CODE", "DEVICE"],
    });
    expect(stored.scopes).toEqual(expect.arrayContaining(["notes:read", "notes:write", "extra:one"]));
    expect(stored.scopes).not.toContain("extra:two");
  });

  test("the list shows what there is, by search and status", async () => {
    await open(world, page, "/auth-configs");
    const rows = page.getByRole("table").getByRole("row");
    await expect.poll(() => rows.count()).toBe(3);
    await inspect(page, "auth-configs");
    await page.getByRole("searchbox", { name: "Search" }).fill("own");
    await expect.poll(() => rows.count()).toBe(2);
    expect(await rows.nth(1).innerText()).toMatch(/Own app\s+OAuth2\s+.*Sandbox\s+Active\s+never\s+0/s);
    await page.getByRole("button", { name: /Status/ }).click();
    await page.getByRole("option", { name: "Disabled" }).click();
    await page.getByText("No auth config fits.").waitFor();
  });

  test("a diagnosis says what is wrong with a client, and what to do", async () => {
    const { id } = await createConfig(world.app, world.app.adminKey, { clientId: "nobody", clientSecret: "wrong" });
    await open(world, page, `/auth-configs/${id}`);
    await button("Diagnose").click();
    await page
      .getByText(/has failed|have failed/)
      .first()
      .waitFor();
    expect(await page.getByText("Failed", { exact: true }).count()).toBeGreaterThan(0);
    await inspect(page, "auth-config-diagnosed");
  });

  test("other scopes: what it means for those who are connected stands beside it, and it is saved", async () => {
    const config = await createOwnClientConfig(world.app, world.app.adminKey, {}, { name: "To edit" });
    await connect(world.app, world.app.adminKey, { authConfigId: config.id });
    await open(world, page, `/auth-configs/${config.id}/edit`);
    expect(await button("Save").isDisabled()).toBe(true);
    await page.getByText("notes:write", { exact: true }).click();
    await page.getByText("profile", { exact: true }).click();
    const effects = page.getByRole("status").filter({ hasText: "What this means for those who are connected" });
    await effects.getByText(/will not have notes:write until re-authorized/).waitFor();
    await effects.getByText(/keeps profile until re-authorized/).waitFor();
    await button("Diagnose before saving").click();
    await page.getByText(/No check has failed/).waitFor();
    await inspect(page, "auth-config-edit");
    await button("Save").click();
    await heading("To edit").waitFor();
    const { scopes } = (await read(config.id))!;
    expect(scopes).toContain("notes:write");
    expect(scopes).not.toContain("profile");

    // Whoever is connected is asked for what is new when they authorize again.
    await page.getByRole("region", { name: "Connections" }).getByRole("link").first().click();
    await page.getByRole("tab", { name: "Scopes (!)" }).click();
    await page.getByRole("listitem").filter({ hasText: "notes:write" }).getByText("Not asked for yet").waitFor();
    await inspect(page, "credential-scopes-since");
    await button("Re-authorize").click();
    await page.getByRole("dialog").getByText("notes:write").waitFor();
    await button("Make the link").click();
    const link = await page.getByRole("dialog").locator("code").innerText();
    const user = await world.visit(link);
    await user.getByText("notes:write").waitFor();
    await signIn(await openProvider(user));
    await page.getByRole("dialog").getByRole("button", { name: "Done" }).click();
    await page.getByRole("tab", { name: "Scopes", exact: true }).waitFor();
    await page.getByRole("listitem").filter({ hasText: "notes:write" }).getByText("Granted").waitFor();
    await user.context().close();
  });

  test("values that are typed can be entered from the auth config's own page", async () => {
    const config = await createConfig(world.app, world.app.adminKey, { connectorSlug: "redis", name: "Our Redis" });
    await open(world, page, `/auth-configs/${config.id}`);
    await button("Add one of the project’s own").click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel(/^Host/).waitFor();
    expect(await dialog.getByRole("combobox").first().inputValue()).toBe("Our Redis (Redis)");
    await dialog.getByLabel(/^Host/).fill("127.0.0.1");
    await dialog.getByText("Save only if the test succeeds").click();
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByText("The credential is saved.").waitFor();
    await open(world, page, `/auth-configs/${config.id}`);
    await page.getByRole("cell", { name: "The project’s own" }).waitFor();
  });

  test("another client asks first, with whom it touches, and can be left", async () => {
    const config = await createOwnClientConfig(world.app, world.app.adminKey, {}, { name: "To move" });
    await connect(world.app, world.app.adminKey, { authConfigId: config.id });
    const client = await newClient();
    await open(world, page, `/auth-configs/${config.id}/edit`);
    await page.getByLabel("Client id", { exact: true }).fill(client.clientId);
    await button("Save").click();
    await page.getByText("Enter the client secret that belongs to this client id.").waitFor();
    await page.getByLabel("Client secret", { exact: true }).fill(client.clientSecret!);
    await button("Save").click();
    const dialog = page.getByRole("dialog", { name: "This touches accounts that are connected" });
    await dialog.getByText("1 working credential of 1 user").waitFor();
    await inspect(page, "auth-config-impact");
    await dialog.getByRole("button", { name: "Back to the form" }).click();
    expect((await read(config.id))!.clientId).toBe(config.clientId);
    await button("Save").click();
    await dialog.getByRole("button", { name: "Save all the same" }).click();
    await heading("To move").waitFor();
    expect((await read(config.id))!.clientId).toBe(client.clientId);
  });

  test("disabling and enabling", async () => {
    const { id } = await createConfig(world.app, world.app.adminKey, { name: "To disable" });
    await open(world, page, `/auth-configs/${id}`);
    await button("Disable").click();
    await page.getByText("This auth config is disabled.").waitFor();
    expect((await read(id))!.status).toBe("DISABLED");
    await button("Enable").click();
    await page.getByText("This auth config is disabled.").waitFor({ state: "detached" });
    expect((await read(id))!.status).toBe("ACTIVE");
  });

  test("a test account is connected from the page, and its progress shown", async () => {
    const { id } = await createConfig(world.app, world.app.adminKey, { name: "To try" });
    await open(world, page, `/auth-configs/${id}`);
    await button("Make a connect link").click();
    const link = page.getByRole("link", { name: "Open the connect page" });
    expect(await link.getAttribute("href")).toMatch(new RegExp(`^${world.app.url}/connect/`));
    const region = page.getByRole("region", { name: "Test connection" });
    await region.getByText("Pending").waitFor();
    await inspect(page, "auth-config-test");
  });

  test("deleting says whom it touches, wants the name typed, and revokes", async () => {
    const config = await createOwnClientConfig(world.app, world.app.adminKey, {}, { name: "To delete" });
    const { credential } = await connect(world.app, world.app.adminKey, { authConfigId: config.id });
    await open(world, page, `/auth-configs/${config.id}`);
    await button("Delete…").click();
    const dialog = page.getByRole("dialog", { name: "Delete To delete?" });
    await dialog.getByText("1 credential depends on it").waitFor();
    const go = dialog.getByRole("button", { name: "Delete, and revoke 1 credential" });
    expect(await go.isDisabled()).toBe(true);
    await inspect(page, "auth-config-delete");
    await dialog.getByLabel(/Type its name to confirm/).fill("To delete");
    await go.click();
    await heading("Auth configs").waitFor();
    await page.getByText("To delete is deleted.").waitFor();
    expect(await read(config.id)).toBeNull();
    const after = await run(world.app, world.app.adminKey, ReadCredential, { id: credential!.id });
    expect(after.credential?.status ?? "GONE").not.toBe("ACTIVE");
  });

  test("deleting can hand the credentials to another auth config of the same client", async () => {
    const client = await newClient();
    const app = { clientId: client.clientId, clientSecret: client.clientSecret };
    const [old, heir] = [
      await createConfig(world.app, world.app.adminKey, { ...app, name: "Old one" }),
      await createConfig(world.app, world.app.adminKey, { ...app, name: "Heir" }),
    ];
    const { credential } = await connect(world.app, world.app.adminKey, { authConfigId: old.id });
    await open(world, page, `/auth-configs/${old.id}`);
    await button("Delete…").click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Move them to another auth config").click();
    const choose = async (name: string) => {
      await dialog.getByRole("button", { name: /Move them to/ }).click();
      await page.getByRole("option", { name }).click();
    };
    await choose("Own app");
    await dialog.getByLabel(/Type its name to confirm/).fill("Old one");
    const go = dialog.getByRole("button", { name: "Delete, and move 1 credential" });
    await go.click();
    await dialog.getByText("Credentials can only move to a config with the same client id.").first().waitFor();
    await choose("Heir");
    await go.click();
    await heading("Auth configs").waitFor();
    const after = await run(world.app, world.app.adminKey, ReadCredential, { id: credential!.id });
    expect(after.credential).toMatchObject({ status: "ACTIVE", authConfig: { id: heir.id } });
  });

  test("values for everyone are entered once, and nothing of them is ever shown again", async () => {
    await open(world, page, "/auth-configs/new?connector=postgresql");
    await page.getByLabel("Name", { exact: true }).fill("Our warehouse");
    const tick = (label: string) => page.getByRole("listitem").getByText(label, { exact: true }).click();
    await tick("Password");
    await button("Create auth config").click();
    await page.getByText("Enter a value.").waitFor();
    await page.getByLabel("Password", { exact: true }).last().fill("preset-password-1");
    await button("Create auth config").click();
    await page
      .getByText(/would be sent to a host that each user chooses/)
      .first()
      .waitFor();
    await tick("Host");
    await tick("Port");
    await page.getByLabel("Host", { exact: true }).last().fill("db.example.com");
    await inspect(page, "wizard-native");
    await button("Create auth config").click();
    await page.getByText("It is created. This is its id, for your code:").waitFor();
    const id = idInAddress();
    expect((await read(id))!.presetFields!.toSorted()).toEqual(["host", "password", "port"]);
    await open(world, page, `/auth-configs/${id}/edit`);
    await page.getByText("A value is stored. Leave this empty to keep it.").first().waitFor();
    expect(await page.content()).not.toContain("preset-password-1");
    await page.getByLabel("Description").fill("Read only");
    await button("Save").click();
    await heading("Our warehouse").waitFor();
    expect((await read(id))!.presetFields!.toSorted()).toEqual(["host", "password", "port"]);
  });

  test("a webhook secret is asked for only where the provider has one, and its address is shown", async () => {
    await open(world, page, "/auth-configs/new?connector=github");
    await page.getByLabel(/^Webhook secret/).fill("shared-with-the-provider");
    await page.getByLabel("Client id", { exact: true }).fill("some-id");
    await page.getByLabel("Client secret", { exact: true }).fill("some-secret");
    await button("Create auth config").click();
    await page.getByText("It is created. This is its id, for your code:").waitFor();
    await page.getByText("Webhook URL").waitFor();
    expect(await page.content()).not.toContain("shared-with-the-provider");
    await open(world, page, "/auth-configs/new?connector=sandbox");
    expect(await page.getByLabel(/^Webhook secret/).count()).toBe(0);
  });

  test("the overview is alive: what happens is there without a reload, and what needs attention is on top", async () => {
    await createConfig(world.app, world.app.adminKey, {
      name: "Run out",
      clientId: "some-client",
      clientSecret: "some-secret",
      clientSecretExpiresAt: "2020-01-01T00:00:00Z",
    });
    await open(world, page, "/");
    expect(await page.getByRole("region", { name: "First steps" }).count()).toBe(0);
    const attention = page.getByRole("region", { name: "What needs attention" });
    await attention.getByRole("link", { name: "Run out" }).waitFor();
    await attention.getByText(/The client secret ran out/).waitFor();
    const live = page.getByRole("region", { name: "Credentials, live" });
    await live.getByText("Whatever happens to a credential").waitFor();
    // The sockets have to be there before something happens.
    await expect.poll(() => page.getByText("Live updates are off").count()).toBe(0);
    const { credential } = await connect(world.app, world.app.adminKey, { choice: {} });
    await live.getByRole("link").first().waitFor();
    expect(await live.getByRole("link").first().getAttribute("href")).toBe(`/credentials/${credential!.id}`);
    await page.getByRole("region", { name: "Connection requests" }).getByText("Active").first().waitFor();
    await inspect(page, "overview");
  });

  test("who may only look sees no button that changes anything", async () => {
    const { key } = await createKey(world.app, world.app.adminKey, { role: "VIEWER" });
    const { id } = await createConfig(world.app, world.app.adminKey, { name: "To look at" });
    const viewer = await openDashboard(world, "/", key);
    for (const path of ["/", "/connectors/sandbox", "/auth-configs", `/auth-configs/${id}`]) {
      await open(world, viewer, path);
      const words = /^(create|edit|diagnose|disable|enable|delete|make a connect link)\b/i;
      expect(await viewer.locator("main").getByRole("button", { name: words }).count(), path).toBe(0);
      expect(await viewer.locator("main").getByRole("link", { name: words }).count(), path).toBe(0);
    }
    for (const path of ["/auth-configs/new", `/auth-configs/${id}/edit`]) {
      await open(world, viewer, path);
      await viewer.getByRole("heading", { level: 1, name: "Nothing here" }).waitFor();
    }
    await open(world, viewer, `/auth-configs/${id}`);
    await inspect(viewer, "auth-config-viewer");
    await viewer.context().close();
  });

  test("no page complained: no uncaught error, nothing that the content policy refused", () => {
    expect(complaints).toEqual([]);
  });
});
