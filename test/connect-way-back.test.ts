import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { json, type LocalServer, startServer } from "./support/diagnosis.ts";
import { mutate } from "./support/entities.ts";
import { audit, choiceLink, type HostedWorld, hostedWorld, NO_BROWSER, openProvider, step } from "./support/hosted.ts";
import { createConfig, createUser } from "./support/seed.ts";

const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

let world: HostedWorld;
let provider: LocalServer;
/** What the provider makes of the requests that are pushed to it (RFC 9126), before anybody is sent there. */
let mood: "AWAY" | "REFUSES" | "THERE";

/** A provider of its own, and a link with the choice of it. */
async function choiceOfIt(): Promise<string> {
  const { app } = world;
  const slug = `par-${randomUUID().slice(0, 8)}`;
  const input = { slug, name: "Faraway", scheme: { oauth2: { issuer: provider.url } } };
  const answer = await mutate(app, app.adminKey, "createConnector", input, "connector { slug }");
  expect(answer.__typename, JSON.stringify(answer)).toBe("CreateConnectorPayload");
  await createConfig(app, app.adminKey, { connectorSlug: slug, clientId: "client-1", clientSecret: "s-0123456789" });
  const user = await createUser(app, app.adminKey);
  return choiceLink(app, { user: { id: user.id }, connectorSlugs: [slug] });
}

describe.skipIf(NO_BROWSER)("from a link with a choice, a provider that nobody can be sent to", () => {
  beforeAll(async () => {
    world = await hostedWorld();
    provider = await startServer(({ url }, response) => {
      if (url.pathname.startsWith("/.well-known/")) return json(response, 200, metadata());
      if (url.pathname === "/authorize")
        return response.writeHead(200, { "content-type": "text/html" }).end("<h1>Faraway itself</h1>");
      if (mood === "AWAY") return response.destroy();
      if (mood === "REFUSES") return json(response, 401, { error: "invalid_client" });
      return json(response, 201, { request_uri: "urn:ietf:params:oauth:request_uri:1", expires_in: 60 });
    });
  });
  afterAll(async () => {
    await world?.close();
    await provider?.close();
  });

  const metadata = () => ({
    issuer: provider.url,
    authorization_endpoint: `${provider.url}/authorize`,
    token_endpoint: `${provider.url}/token`,
    pushed_authorization_request_endpoint: `${provider.url}/par`,
    require_pushed_authorization_requests: true,
    response_types_supported: ["code"],
    code_challenge_methods_supported: ["S256"],
  });

  test("at the moment: says so, leads back to the list, and the same link works when it is there again", async () => {
    mood = "AWAY";
    const url = await choiceOfIt();
    const page = await world.visit(url, PHONE);
    await page.getByRole("button", { name: "Connect Faraway" }).tap();
    await page.getByRole("link", { name: "Continue to Faraway" }).tap();
    await step(page, "That did not work");
    await audit(page, "unreachable-phone");
    await page.getByRole("link", { name: "Back to the list" }).tap();
    await step(page, "Connect your accounts");
    expect(page.url()).toBe(url);
    await page.goBack();
    await step(page, "That did not work");
    mood = "THERE";
    await page.getByRole("link", { name: "Try again" }).tap();
    await step(page, "Faraway itself");
    await page.context().close();
  });

  test("for good: back at the list's page, which tells of it", async () => {
    mood = "REFUSES";
    const page = await world.visit(await choiceOfIt(), PHONE);
    await page.getByRole("button", { name: "Connect Faraway" }).tap();
    await page.getByRole("link", { name: "Continue to Faraway" }).tap();
    await step(page, "Faraway was not connected");
    await page.getByRole("button", { name: "Back to the list" }).tap();
    await step(page, "Connect your accounts");
    await page.context().close();
  });

  test("in a window of its own: which is tried again or closed, and the page behind it stays", async () => {
    mood = "AWAY";
    const page = await world.visit(await choiceOfIt());
    await page.getByRole("button", { name: "Connect Faraway" }).click();
    const popup = await openProvider(page);
    await step(popup, "That did not work");
    expect(await popup.getByRole("link", { name: "Back to the list" }).count()).toBe(0);
    await audit(popup, "unreachable-window");
    mood = "THERE";
    await popup.getByRole("link", { name: "Try again" }).click();
    await step(popup, "Faraway itself");
    mood = "AWAY";
    await page.getByRole("button", { name: "Open the window again" }).click();
    await step(popup, "That did not work");
    await popup.getByRole("button", { name: "Close this window" }).click();
    await expect.poll(() => popup.isClosed()).toBe(true);
    await step(page, "Go on in the other window");
    await page.context().close();
  });
});
