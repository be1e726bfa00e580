import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { checkOf, diagnose, json, type LocalServer, outcomes, page, startServer } from "./support/diagnosis.ts";
import { mutate } from "./support/entities.ts";
import { createConfig } from "./support/seed.ts";

let app: TestApp;
const servers: LocalServer[] = [];
beforeAll(async () => {
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1" });
});
afterAll(async () => {
  for (const server of servers) await server.close();
  await app?.close();
});

async function serve(...args: Parameters<typeof startServer>): Promise<LocalServer> {
  const server = await startServer(...args);
  servers.push(server);
  return server;
}

/** A connector with these endpoints, and a config with a client. */
async function configFor(oauth2: object, more: object = {}): Promise<string> {
  const input = { slug: `net-${randomUUID().slice(0, 8)}`, name: "Net", scheme: { oauth2 }, ...more };
  const { connector } = await mutate(app, app.adminKey, "createConnector", input, "connector { slug }");
  const config = { connectorSlug: String(connector.slug), clientId: "c", clientSecret: "s-0123456789" };
  return (await createConfig(app, app.adminKey, config)).id;
}

const at = (url: string) => ({ authorizationUrl: `${url}/authorize`, tokenUrl: `${url}/token` });
const refuse: Parameters<typeof startServer>[0] = (_request, response) => json(response, 400, { error: "invalid_request" });

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("an endpoint that cannot be reached", () => {
  test("at a name that does not exist, a port where nothing listens and an address that is not public says which", async () => {
    const port = await freePort();
    const id = await configFor(
      { authorizationUrl: "https://no-such-host.invalid/authorize", tokenUrl: `http://127.0.0.1:${port}/token` },
      { baseUrl: "https://192.168.7.7/api" },
    );
    const told = await diagnose(app, app.adminKey, { id });
    expect(told.diagnosis.ok).toBe(false);
    expect(checkOf(told, "AUTHORIZATION_ENDPOINT_REACHABLE")).toMatchObject({
      outcome: "FAILED",
      message: expect.stringContaining("the host name of no-such-host.invalid was not found"),
      remedy: expect.stringContaining("spelling"),
    });
    expect(checkOf(told, "TOKEN_ENDPOINT_REACHABLE")).toMatchObject({
      outcome: "FAILED",
      message: expect.stringContaining(`127.0.0.1:${port} refuses the connection`),
      remedy: expect.stringContaining("port"),
    });
    expect(checkOf(told, "API_REACHABLE")).toMatchObject({
      outcome: "FAILED",
      message: expect.stringContaining("not at a public address"),
      remedy: expect.stringContaining("MOORLINE_EGRESS_ALLOW"),
    });
    // Nobody was there to say anything of the client.
    expect(outcomes(told)).toMatchObject({
      CLIENT_AUTHENTICATED: "SKIPPED",
      REDIRECT_URI_REGISTERED: "SKIPPED",
      CLOCK_IN_STEP: "SKIPPED",
    });
  });

  test("for its certificate says what is wrong with it", async () => {
    const server = await serve(refuse, { tls: true });
    const told = await diagnose(app, app.adminKey, { id: await configFor(at(server.url)) });
    for (const name of ["TOKEN_ENDPOINT_REACHABLE", "AUTHORIZATION_ENDPOINT_REACHABLE", "TLS_VALID"]) {
      expect(checkOf(told, name), name).toMatchObject({ outcome: "FAILED", message: expect.stringContaining("self-signed") });
      expect(checkOf(told, name).remedy).toMatch(/certificate of an authority/);
    }
    expect(server.requests).toEqual([]);
  });

  test("because it speaks plain http behind https:// says so", async () => {
    const server = await serve(refuse);
    const told = await diagnose(app, app.adminKey, { id: await configFor(at(server.url.replace("http:", "https:"))) });
    expect(checkOf(told, "TLS_VALID")).toMatchObject({
      outcome: "FAILED",
      message: expect.stringContaining("does not speak TLS 1.2 or later"),
    });
  });

  test("in time ends the diagnosis in time, and what answers is told all the same", async () => {
    const slow = await serve(() => new Promise(() => {}));
    const quick = await serve(refuse);
    const id = await configFor({ authorizationUrl: `${quick.url}/authorize`, tokenUrl: `${slow.url}/token` });
    const started = performance.now();
    const told = await diagnose(app, app.adminKey, { id });
    expect(performance.now() - started).toBeLessThan(21_000);
    expect(checkOf(told, "TOKEN_ENDPOINT_REACHABLE")).toMatchObject({
      outcome: "FAILED",
      message: expect.stringContaining("did not answer in time"),
    });
    expect(outcomes(told)).toMatchObject({ AUTHORIZATION_ENDPOINT_REACHABLE: "PASSED", CLIENT_AUTHENTICATED: "SKIPPED" });
  }, 40_000);

  test("for a connection that breaks says so", async () => {
    const server = await serve((_request, response) => response.destroy());
    const told = await diagnose(app, app.adminKey, { id: await configFor(at(server.url)) });
    expect(checkOf(told, "TOKEN_ENDPOINT_REACHABLE")).toMatchObject({
      outcome: "FAILED",
      message: expect.stringContaining("broke before an answer"),
    });
  });
});

describe("an endpoint that answers oddly", () => {
  test("is told by what is odd: nothing there, an error of its own, a redirect, no key set", async () => {
    const server = await serve(({ url, method }, response) => {
      if (url.pathname === "/authorize") return page(response, 404, "Not here");
      if (url.pathname === "/revoke") return json(response, 503, {});
      if (url.pathname === "/token") return response.writeHead(307, { location: "https://elsewhere.example/token" }).end();
      if (url.pathname === "/jwks") return page(response, 200, "<h1>Keys</h1>");
      return json(response, method === "GET" ? 401 : 405, {});
    });
    const { url } = server;
    const id = await configFor({
      ...at(url),
      revocationUrl: `${url}/revoke`,
      jwksUri: `${url}/jwks`,
      userinfoUrl: `${url}/me`,
      refreshUrl: `${url}/refresh`,
    });
    const told = await diagnose(app, app.adminKey, { id });
    expect(outcomes(told)).toMatchObject({
      AUTHORIZATION_ENDPOINT_REACHABLE: "WARNING",
      REVOCATION_ENDPOINT_REACHABLE: "WARNING",
      TOKEN_ENDPOINT_REACHABLE: "FAILED",
      REFRESH_ENDPOINT_REACHABLE: "PASSED",
      USERINFO_ENDPOINT_REACHABLE: "PASSED",
      KEY_SET_READABLE: "FAILED",
    });
    expect(checkOf(told, "TOKEN_ENDPOINT_REACHABLE").message).toContain("https://elsewhere.example/token");
    // What was posted there held no secret, and what holds one is not sent on.
    expect(server.requests.find(({ path }) => path === "/refresh")).toMatchObject({ method: "POST", body: "" });
  });

  test.each([
    [600_000, "ahead of"],
    [-600_000, "behind"],
  ])("by a clock that is %d ms off is warned of", async (offsetMs, where) => {
    const server = await serve((_request, response) => {
      response.setHeader("date", new Date(Date.now() + offsetMs).toUTCString());
      json(response, 400, { error: "invalid_request" });
    });
    const told = await diagnose(app, app.adminKey, { id: await configFor(at(server.url)) });
    const check = checkOf(told, "CLOCK_IN_STEP");
    expect(check).toMatchObject({ outcome: "WARNING", message: expect.stringContaining(where) });
    expect(Number(/(\d+) seconds/.exec(check.message)![1])).toBeGreaterThan(590);
  });
});
