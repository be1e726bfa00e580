import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { mutate } from "./support/entities.ts";
import {
  audit,
  brand,
  choiceLink,
  goOnline,
  type HostedWorld,
  hostedWorld,
  NO_BROWSER,
  openProvider,
  signIn,
  step,
} from "./support/hosted.ts";
import { nativeTarget } from "./support/native.ts";
import { type PostgresLogin, startPostgresWithLogins } from "./support/native-postgres.ts";
import { createConfig, createUser, initiate, readRequest } from "./support/seed.ts";
import { basicOf, keyAt, type StaticApi, startStaticApi } from "./support/static-api.ts";
import { ask, createTypedConfig, made } from "./support/typed.ts";

let world: HostedWorld;
let api: StaticApi;
let postgres: PostgresLogin;
let userId: string;

const IN_HEADER = { apiKey: { location: "HEADER" as const, name: "X-Api-Key" } };

async function begin(target: object, input: object = {}) {
  const { app } = world;
  const request = await initiate(app, app.adminKey, {
    target: target as { authConfigId: string },
    user: { id: userId },
    ...input,
  });
  return { request, url: request.connectUrl! };
}

const read = (id: string) => readRequest(world.app, world.app.adminKey, id);
const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();
const own = (connector: { slug: string }) => `Own ${connector.slug}`;

describe.skipIf(NO_BROWSER)("what is typed into the hosted page", () => {
  beforeAll(async () => {
    [world, api, postgres] = await Promise.all([hostedWorld(), startStaticApi(), startPostgresWithLogins()]);
    await brand(world, { productName: "Acme Desk" });
    userId = (await createUser(world.app, world.app.adminKey)).id;
    api.accept = (call) => keyAt(({ headers }) => headers["x-api-key"])(call) ?? basicOf(call)?.[0] ?? null;
  }, 120_000);
  afterEach(async () => {
    const id = await brand(world, {});
    await mutate(world.app, world.app.adminKey, "updateProject", { id, verifyUrl: null });
  });
  afterAll(async () => {
    await Promise.all([world?.close(), postgres?.stop()]);
    await api?.close();
  });

  describe("an API key", () => {
    test("is looked at while it is typed, tested before it is saved, and saved only if it works", async () => {
      const { target, connector } = await createTypedConfig(world.app, world.app.adminKey, api, IN_HEADER);
      const { request, url } = await begin(target, { returnUrl: world.returnUrl });
      const page = await world.visit(url);
      await step(page, `Connect ${own(connector)}`);
      const key = page.getByLabel("API key", { exact: true });
      expect(await key.getAttribute("type")).toBe("password");
      await audit(page, "form");

      // Nobody is told off for a field that they have not come to yet.
      await key.focus();
      await page.keyboard.press("Tab");
      expect(await page.getByText("Fill this in.").count()).toBe(0);
      await press(page, "Connect");
      await page.getByText("One field needs another look.").waitFor();
      expect(await key.getAttribute("aria-invalid")).toBe("true");
      expect(await key.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
      await audit(page, "form-invalid");

      await key.fill("bad");
      expect(await page.getByText("Fill this in.").count()).toBe(0);
      await press(page, "Test");
      await page.getByText("These details are not accepted.").waitFor();
      await audit(page, "form-test-failed");
      await press(page, "Connect");
      await page.getByText("These details are not accepted. Nothing was saved.").waitFor();
      expect((await read(request.id)).credential).toBeNull();

      await key.fill("good-ada");
      await press(page, "Test");
      await page.getByText("It works. Press Connect to save it.").waitFor();
      await audit(page, "form-test-passed");
      expect((await read(request.id)).credential).toBeNull();
      await press(page, "Connect");
      await step(page, `${own(connector)} is connected`);
      await page.getByText("Account: Name of ada").waitFor();
      await page.waitForURL(`${world.returnUrl}?*`);
      expect(await read(request.id)).toMatchObject({ status: "ACTIVE", credential: { account: { id: "ada" } } });
      await page.context().close();
    });

    test("by the keyboard alone, on a phone’s width", async () => {
      const { target, connector } = await createTypedConfig(world.app, world.app.adminKey, api, { basic: {} });
      const { url } = await begin(target);
      const page = await world.visit(url, { viewport: { width: 360, height: 740 } });
      await step(page, `Connect ${own(connector)}`);
      await audit(page, "form-phone");
      await page.getByLabel("Language").focus();
      await page.keyboard.press("Tab");
      await page.keyboard.type("ada");
      await page.keyboard.press("Tab");
      await page.keyboard.type("secret");
      await page.keyboard.press("Enter");
      await step(page, `${own(connector)} is connected`);
      await page.context().close();
    });

    test("an address without TLS is warned of while it is typed, and refused where secrets would be sent there", async () => {
      const { id } = await createConfig(world.app, world.app.adminKey, { connectorSlug: "jira-data-center-basic" });
      const { url } = await begin({ authConfigId: id }, { locale: "de" });
      const page = await world.visit(url);
      const warning = page.getByRole("status").filter({ hasText: "Ohne https kann unterwegs jeder" });
      const address = page.getByRole("textbox", { name: /^Basis-URL/ });
      await address.pressSequentially("http://127.0.0.1");
      expect(await warning.count()).toBe(0);
      await address.clear();
      await address.pressSequentially("http://jira.example.com");
      expect(await address.inputValue()).toBe("http://jira.example.com");
      await warning.waitFor();
      await audit(page, "form-plain-http");
      await page.getByLabel("Benutzername", { exact: true }).fill("ada");
      await page.getByLabel("Passwort", { exact: true }).fill("secret");
      await press(page, "Verbinden");
      await page.getByText(/^Basis-URL muss mit https:\/\/ beginnen/).waitFor();
      await address.fill("https://jira.example.com");
      await expect.poll(() => warning.count()).toBe(0);
      await page.context().close();
    });

    test("what the network swallowed is told, and goes through the second time", async () => {
      const { target, connector } = await createTypedConfig(world.app, world.app.adminKey, api, IN_HEADER);
      const { url } = await begin(target);
      const page = await world.visit(url);
      await page.getByLabel("API key", { exact: true }).fill("good-ada");
      await page.context().setOffline(true);
      await press(page, "Connect");
      await page.getByText("No answer came.").waitFor();
      await audit(page, "form-offline");
      await goOnline(page.context());
      await press(page, "Connect");
      await step(page, `${own(connector)} is connected`);
      await page.context().close();
    });
  });

  test("goes by the product where that says who is there, and ends here", async () => {
    const { app } = world;
    const id = await brand(world, {});
    await mutate(app, app.adminKey, "updateProject", { id, verifyUrl: `${world.product}/verify` });
    const { target, connector } = await createTypedConfig(app, app.adminKey, api, IN_HEADER);
    const { request, url } = await begin(target);
    const page = await world.visit(url);
    await page.getByLabel("API key", { exact: true }).fill("good-ada");
    await press(page, "Connect");
    await page.waitForURL(`${world.product}/verify?*`);
    await page.goto(url);
    await step(page, "Nearly done");
    await page.getByRole("status").filter({ hasText: "Acme Desk is making sure that it is you" }).waitFor({ state: "attached" });
    await audit(page, "verifying");
    await page.goBack();
    const verification = new URL(page.url()).searchParams.get("verification");
    await page.goto(url);
    await step(page, "Nearly done");
    const confirmed = await mutate(app, app.adminKey, "confirmConnection", { verification, user: { id: userId } });
    expect(confirmed.__typename).toBe("ConfirmConnectionPayload");
    await step(page, `${own(connector)} is connected`);
    expect((await read(request.id)).status).toBe("ACTIVE");
    await page.context().close();
  });

  describe("a database", () => {
    test("PostgreSQL by its fields, the wrong password first, in German", async () => {
      const { request, url } = await begin(await nativeTarget(world.app, "postgresql"), { locale: "de" });
      const page = await world.visit(url);
      await step(page, "PostgreSQL verbinden");
      await page.getByRole("textbox", { name: "CA-Zertifikat" }).waitFor();
      await page.getByRole("group", { name: "Anmeldung" }).waitFor();
      // What the connector says of its fields comes in the page’s language, and what was typed stays when another one is chosen.
      await page.getByLabel("Benutzername", { exact: true }).fill("grace");
      await page.getByLabel("Sprache").selectOption("en");
      await page.getByText("How to sign in").waitFor();
      expect(await page.getByLabel("User name", { exact: true }).inputValue()).toBe("grace");
      await page.getByLabel("Language").selectOption("de");
      await page.getByLabel("SSL-Modus").selectOption("disable");
      // Encryption’s own fields have gone with it.
      expect(await page.getByRole("textbox", { name: "CA-Zertifikat" }).count()).toBe(0);
      await page.getByLabel("Server", { exact: true }).fill("localhost");
      await page.getByLabel(/^Port/).fill("port");
      await page.getByLabel("Benutzername", { exact: true }).fill("ada");
      await page.getByText("Bitte eine ganze Zahl eingeben.").waitFor();
      await page.getByLabel(/^Port/).fill(String(postgres.port));
      expect(await page.getByText("Bitte eine ganze Zahl eingeben.").count()).toBe(0);
      await page.getByLabel("Passwort", { exact: true }).fill("battery staple");
      await audit(page, "form-postgres");
      await press(page, "Testen");
      await page.getByText("Diese Angaben werden nicht angenommen.").waitFor();
      await page.getByLabel("Passwort", { exact: true }).fill("correct horse");
      await press(page, "Verbinden");
      await step(page, "PostgreSQL ist verbunden");
      expect((await read(request.id)).status).toBe("ACTIVE");
      await page.context().close();
    });

    test("entered anew: what is no secret is there already, and the password is asked for", async () => {
      const { app } = world;
      const target = await nativeTarget(app, "postgresql");
      const typed = { host: "localhost", port: postgres.port, username: "ada", sslMode: "disable" };
      const input = { target, user: { id: userId }, fields: { ...typed, password: "battery staple" } };
      const { id } = await made(ask(app, app.adminKey, "createCredential", input));
      const answer = await mutate(app, app.adminKey, "reauthorizeCredential", { id }, "connectionRequest { id connectUrl }");
      const request = answer.connectionRequest as unknown as { id: string; connectUrl: string };
      const page = await world.visit(request.connectUrl);
      const password = page.getByLabel("Password", { exact: true });
      await password.waitFor();
      expect(await page.getByLabel("Host", { exact: true }).inputValue()).toBe("localhost");
      expect(await page.getByLabel(/^Port/).inputValue()).toBe(String(postgres.port));
      expect(await page.getByLabel("SSL mode").inputValue()).toBe("disable");
      expect(await password.inputValue()).toBe("");
      await audit(page, "form-anew");
      await password.fill("correct horse");
      await press(page, "Connect");
      await expect.poll(async () => (await read(request.id)).status).toBe("ACTIVE");
      await page.context().close();
    });

    test("a key file is read from the disk", async () => {
      const { url } = await begin(await nativeTarget(world.app, "postgresql"));
      const page = await world.visit(url);
      const chosen = page.waitForEvent("filechooser");
      await page.getByRole("button", { name: "Choose a file… CA certificate" }).click();
      await (await chosen).setFiles({
        name: "ca.pem",
        mimeType: "text/plain",
        buffer: Buffer.from("-----BEGIN CERTIFICATE-----"),
      });
      await expect
        .poll(() => page.getByRole("textbox", { name: "CA certificate" }).inputValue())
        .toBe("-----BEGIN CERTIFICATE-----");
      await page.context().close();
    });
  });

  describe("a link with a choice", () => {
    test("shows what is connected, adds a second account of the same user, and mends what is broken", async () => {
      const { app } = world;
      const sandbox = await createConfig(app, app.adminKey);
      const { connector, target } = await createTypedConfig(app, app.adminKey, api, IN_HEADER);
      const input = { target, user: { id: userId }, fields: { apiKey: "good-ada" } };
      const broken = await made(ask(app, app.adminKey, "createCredential", input));
      api.force = 401;
      await ask(app, app.adminKey, "testCredential", { id: broken.id });
      api.force = null;
      const choice = { user: { id: userId }, connectorSlugs: ["sandbox", connector.slug], returnUrl: world.returnUrl };
      const page = await world.visit(await choiceLink(app, choice));
      await step(page, "Connect your accounts");
      await page.getByText("Needs to be connected again").waitFor();
      await audit(page, "choice");

      await press(page, "Connect Sandbox");
      await step(page, "Connect Sandbox");
      await signIn(await openProvider(page));
      await step(page, "Sandbox is connected");
      await audit(page, "choice-connected");
      await press(page, "Back to the list");
      await step(page, "Connect your accounts");
      await page.getByText("Ada Lovelace").waitFor();
      await press(page, "Connect another Sandbox account");
      await step(page, "Connect Sandbox");
      // A reload goes on with what was begun.
      await page.reload();
      await step(page, "Connect Sandbox");
      const provider = await openProvider(page);
      await signIn(provider, { who: /Grace Hopper/ });
      await step(page, "Sandbox is connected");
      await page.goBack();
      await step(page, "Connect your accounts");
      await page.getByText("Grace Hopper").waitFor();
      await page.getByText("Ada Lovelace").waitFor();

      await page.getByRole("button", { name: /^Connect .* again$/ }).click();
      await step(page, `Connect ${own(connector)} again`);
      await page.getByLabel("API key", { exact: true }).fill("good-ada-2");
      await press(page, "Connect");
      await step(page, `${own(connector)} is connected again`);
      await press(page, "Back to the list");
      await expect.poll(() => page.getByText("Needs to be connected again").count()).toBe(0);
      expect(await page.getByRole("link", { name: "Back to Acme Desk" }).getAttribute("href")).toBe(world.returnUrl);
      expect(sandbox.id).toBeDefined();
      await page.context().close();
    });

    test("on a phone goes to the provider and back in the same window, and to the list again, whatever came of it", async () => {
      const { app } = world;
      const config = await createConfig(app, app.adminKey, { name: "Phone" });
      const { connector } = await createTypedConfig(app, app.adminKey, api, IN_HEADER);
      const user = await createUser(app, app.adminKey);
      const connectorSlugs = ["sandbox", connector.slug];
      const url = await choiceLink(app, { user: { id: user.id }, connectorSlugs, returnUrl: world.returnUrl });
      const page = await world.visit(url, { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
      await page.getByRole("button", { name: /^Connect Sandbox(: Phone)?$/ }).tap();
      await page.getByRole("link", { name: "Continue to Sandbox" }).tap();
      await signIn(page, { decide: "Deny" });
      await step(page, "Sandbox was not connected");
      await page.getByRole("button", { name: "Back to the list" }).waitFor();
      await audit(page, "choice-phone-denied");
      await page.getByRole("button", { name: "Try again" }).tap();
      await step(page, "Connect Sandbox");
      await page.getByRole("link", { name: "Continue to Sandbox" }).tap();
      await signIn(page);
      await step(page, "Sandbox is connected");
      const back = await page.getByRole("link", { name: "Back to Acme Desk" }).getAttribute("href");
      expect(new URL(back!).searchParams.get("status")).toBe("ACTIVE");
      await audit(page, "choice-phone-connected");
      await page.getByRole("button", { name: "Back to the list" }).tap();
      await step(page, "Connect your accounts");
      await page.getByText("Ada Lovelace").waitFor();

      await page.getByRole("button", { name: `Connect ${own(connector)}` }).tap();
      await step(page, `Connect ${own(connector)}`);
      await page.getByLabel("API key", { exact: true }).fill("good-grace");
      await press(page, "Connect");
      await step(page, `${own(connector)} is connected`);
      await page.getByRole("button", { name: "Back to the list" }).tap();
      await page.getByText("Name of grace").waitFor();
      await page.getByText("Ada Lovelace").waitFor();
      expect(await page.getByText("Connected", { exact: true }).count()).toBe(2);
      await audit(page, "choice-phone-both");
      expect(page.url()).toBe(url);
      await ask(app, app.adminKey, "setAuthConfigEnabled", { id: config.id, enabled: false });
      await page.context().close();
    });

    test("leads back to the list where the browser opens no window, too, in the link’s language", async () => {
      const { app } = world;
      const config = await createConfig(app, app.adminKey, { name: "Blocked" });
      const page = await world.visit(await choiceLink(app, { user: { id: userId }, connectorSlugs: ["sandbox"], locale: "de" }));
      await page.evaluate("window.open = () => null");
      await page.getByRole("button", { name: /Sandbox.*: Blocked$|^Sandbox verbinden$/ }).click();
      await press(page, "Weiter zu Sandbox");
      await page.getByRole("link", { name: "Weiter zu Sandbox" }).click();
      await signIn(page, { confirm: null });
      await page.locator('button[value="refuse"]').click();
      await step(page, "Abgebrochen");
      await audit(page, "choice-blocked-canceled");
      await press(page, "Zurück zur Liste");
      await step(page, "Verbinden Sie Ihre Konten");
      await ask(app, app.adminKey, "setAuthConfigEnabled", { id: config.id, enabled: false });
      await page.context().close();
    });

    test("asks for a subdomain before it goes anywhere, and finds what is searched for", async () => {
      const { app } = world;
      const config = { connectorSlug: "zendesk", clientId: "zd-client", clientSecret: "zd-secret" };
      await createConfig(app, app.adminKey, config);
      for (let count = 0; count < 8; count++) await createTypedConfig(app, app.adminKey, api, IN_HEADER);
      const page = await world.visit(await choiceLink(app, { user: { id: userId } }));
      await page.getByLabel("Search").fill("zendsk");
      await page.getByText("1 result", { exact: true }).waitFor();
      await page.getByLabel("Search").fill("nothing like it");
      await page.getByText("Nothing of that name.").waitFor();
      await audit(page, "choice-search");
      await page.getByLabel("Search").fill("zendesk");
      await press(page, "Connect Zendesk");
      await step(page, "Before you go on to Zendesk");
      await audit(page, "choice-before");
      await page.getByRole("textbox").fill("not a label!");
      await press(page, "Next");
      await page.getByText("One field needs another look.").waitFor();
      await page.getByRole("textbox").fill("acme");
      await press(page, "Next");
      await step(page, "Connect Zendesk");
      await page.context().close();
    });

    test("names the ways where there are several, and says whom to ask where there is none", async () => {
      const { app } = world;
      const { connector } = await createTypedConfig(app, app.adminKey, api, IN_HEADER);
      await ask(app, app.adminKey, "createAuthConfig", { connectorSlug: connector.slug, name: "Second" });
      const phone = { viewport: { width: 360, height: 740 } };
      const url = await choiceLink(app, { user: { id: userId }, connectorSlugs: [connector.slug] });
      const page = await world.visit(url, phone);
      await page.getByRole("button", { name: `Connect ${own(connector)}: Second` }).waitFor();
      await audit(page, "choice-phone");
      await page.context().close();
      const empty = await world.visit(await choiceLink(app, { user: { id: userId }, connectorSlugs: ["hubspot"] }), phone);
      await step(empty, "There is nothing to connect yet");
      await audit(empty, "choice-empty");
      await empty.context().close();
    });
  });
});
