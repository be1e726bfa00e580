import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { checkOf, diagnose, json, type LocalServer, startServer } from "./support/diagnosis.ts";
import { mutate } from "./support/entities.ts";
import { connect, createConfig, initiate } from "./support/seed.ts";

let app: TestApp;
let key: string;
const servers: LocalServer[] = [];
beforeAll(async () => {
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1" });
  key = app.adminKey;
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

const create = (oauth2: object, more: object = {}) =>
  mutate(
    app,
    key,
    "createConnector",
    { slug: `disc-${randomUUID().slice(0, 8)}`, name: "Discovered", scheme: { oauth2 }, ...more },
    "connector { id slug redirectUri schemes { scopes { name default } } }",
  );

/** Where a config of the connector sends the browser. */
async function authorization(slug: unknown): Promise<URL> {
  const config = await createConfig(app, key, {
    connectorSlug: String(slug),
    clientId: "client-1",
    clientSecret: "s-0123456789",
  });
  const request = await initiate(app, key, { target: { authConfigId: config.id }, projectOwned: true });
  const to = await fetch(request.authorizationUrl!, { redirect: "manual" });
  return new URL(to.headers.get("location")!);
}

const metadataOf = (issuer: string) => ({
  issuer,
  authorization_endpoint: `${issuer}/the/authorize`,
  token_endpoint: `${issuer}/the/token`,
  response_types_supported: ["code"],
  code_challenge_methods_supported: ["S256"],
});

describe("an issuer alone", () => {
  test.each([
    ["OpenID Connect's", (path: string) => `${path}/.well-known/openid-configuration`],
    ["RFC 8414's", (path: string) => `/.well-known/oauth-authorization-server${path}`],
  ])("is enough where it publishes metadata at %s address, with a path or without", async (_whose, place) => {
    for (const path of ["", "/tenants/acme"]) {
      const server = await serve(({ url }, response) =>
        url.pathname === place(path) ? json(response, 200, metadataOf(`${server.url}${path}`)) : json(response, 404, {}),
      );
      const { connector } = await create({ issuer: `${server.url}${path}`, scope: "a b" });
      const to = await authorization(connector.slug);
      expect(`${to.origin}${to.pathname}`).toBe(`${server.url}${path}/the/authorize`);
      expect(to.searchParams.get("code_challenge_method")).toBe("S256");
    }
  });

  test("may be typed with a slash at its end or without, whatever the provider does, or as its metadata's address", async () => {
    for (const slash of ["", "/"]) {
      const server = await serve(({ url }, response) =>
        url.pathname === "/tenants/acme/.well-known/openid-configuration"
          ? json(response, 200, { ...metadataOf(`${server.url}/tenants/acme`), issuer: `${server.url}/tenants/acme${slash}` })
          : json(response, 404, {}),
      );
      for (const ending of ["", "/", "/.well-known/openid-configuration"]) {
        const told = await create({ issuer: `${server.url}/tenants/acme${ending}` });
        expect(told.__typename, `${slash} ${ending}`).toBe("CreateConnectorPayload");
        const config = await createConfig(app, key, {
          connectorSlug: String(told.connector.slug),
          clientId: "client-1",
          clientSecret: "s-0123456789",
        });
        // What is stored is the issuer as the provider writes it: answers are held to it byte for byte.
        const discovery = checkOf(await diagnose(app, key, { id: config.id }), "DISCOVERY_MATCHES");
        expect(discovery).toMatchObject({ outcome: "PASSED", message: expect.stringContaining(`/acme${slash} publishes`) });
      }
    }
  });

  test("has its OpenID metadata between host and path as well, where MCP looks for them", async () => {
    const server = await serve(({ url }, response) =>
      url.pathname === "/.well-known/openid-configuration/tenants/acme"
        ? json(response, 200, metadataOf(`${server.url}/tenants/acme`))
        : json(response, 404, {}),
    );
    expect((await create({ issuer: `${server.url}/tenants/acme` })).__typename).toBe("CreateConnectorPayload");
  });

  test("that is written otherwise by the provider than by hand is told by the diagnosis", async () => {
    const server = await serve(({ url }, response) =>
      url.pathname === "/t/.well-known/openid-configuration"
        ? json(response, 200, metadataOf(`${server.url}/t`))
        : json(response, 404, {}),
    );
    const by = { authorizationUrl: `${server.url}/t/the/authorize`, tokenUrl: `${server.url}/t/the/token` };
    const { connector } = await create({ issuer: `${server.url}/t/`, jwksUri: `${server.url}/keys`, ...by });
    const config = await createConfig(app, key, {
      connectorSlug: String(connector.slug),
      clientId: "client-1",
      clientSecret: "s-0123456789",
    });
    const discovery = checkOf(await diagnose(app, key, { id: config.id }), "DISCOVERY_MATCHES");
    expect(discovery).toMatchObject({ outcome: "WARNING", message: expect.stringMatching(/the issuer is .* slash/) });
  });

  test.each<[string, Parameters<typeof startServer>[0]]>([
    ["metadata of somebody else", (_request, response) => json(response, 200, metadataOf("https://somebody-else.example"))],
    ["no metadata", (_request, response) => json(response, 404, {})],
    ["a redirect to metadata", (_request, response) => response.writeHead(302, { location: "/elsewhere" }).end()],
    ["more than a megabyte", (_request, response) => json(response, 200, { ...metadataOf("x"), filler: "x".repeat(1_100_000) })],
    ["something that is no JSON", (_request, response) => response.end("<h1>Hello</h1>")],
  ])("that answers with %s is refused, and nothing is saved", async (_what, answer) => {
    const server = await serve(answer);
    const told = await create({ issuer: server.url });
    expect(told).toMatchObject({ __typename: "ProviderError", code: "PROVIDER_ERROR" });
    expect(told.message).toMatch(/\. \S/);
    expect(server.requests.map(({ path }) => path)).not.toContain("/elsewhere");
  });

  test("at an address that is not public is not asked", async () => {
    const told = await create({ issuer: "https://10.1.2.3" });
    expect(told).toMatchObject({ __typename: "ProviderError", message: expect.stringContaining("MOORLINE_EGRESS_ALLOW") });
    const metadata = await create({ issuer: "http://169.254.169.254/latest/meta-data" });
    expect(metadata).toMatchObject({ __typename: "InvalidInputError" });
  });
});

describe("everything given by hand", () => {
  test("is what is sent: scopes with the chosen delimiter, own parameters, and a refresh endpoint with parameters of its own", async () => {
    const forms: { path: string; form: URLSearchParams; headers: Record<string, unknown> }[] = [];
    const server = await serve(({ url, form }, response, raw) => {
      if (url.pathname === "/authorize") {
        const back = new URL(url.searchParams.get("redirect_uri")!);
        back.searchParams.set("code", "code-0123456789");
        back.searchParams.set("state", url.searchParams.get("state")!);
        return response.writeHead(302, { location: back.href }).end();
      }
      forms.push({ path: url.pathname, form, headers: raw.headers });
      return json(response, 200, {
        access_token: `at-${forms.length}-0123456789`,
        refresh_token: "rt-0123456789",
        token_type: "Bearer",
        expires_in: 3600,
        account: { key: "acme" },
      });
    });
    const { connector } = await create({
      authorizationUrl: `${server.url}/authorize`,
      tokenUrl: `${server.url}/token`,
      refreshUrl: `${server.url}/refresh`,
      scope: "read,write",
      tokenAuthMethod: "CLIENT_SECRET_POST",
      authorizationParameters: { access_type: "offline" },
      tokenParameters: { audience: "api" },
      refreshParameters: { mode: "renewal" },
      accountIdPath: "account.key",
    });
    const to = await authorization(connector.slug);
    expect(Object.fromEntries(to.searchParams)).toMatchObject({ scope: "read,write", access_type: "offline" });
    const config = await createConfig(app, key, {
      connectorSlug: String(connector.slug),
      clientId: "client-1",
      clientSecret: "s-0123456789",
    });
    const { credential } = await connect(app, key, { authConfigId: config.id });
    expect(credential).toMatchObject({ status: "ACTIVE", account: { id: "acme" } });
    expect((await mutate(app, key, "refreshCredential", { id: credential!.id })).__typename).toBe("RefreshCredentialPayload");
    expect(forms.map(({ path }) => path)).toEqual(["/token", "/refresh"]);
    expect(Object.fromEntries(forms[0]!.form)).toMatchObject({
      grant_type: "authorization_code",
      audience: "api",
      client_secret: "s-0123456789",
    });
    expect(Object.fromEntries(forms[1]!.form)).toMatchObject({
      grant_type: "refresh_token",
      mode: "renewal",
      refresh_token: "rt-0123456789",
    });
    expect(forms[1]!.form.has("audience")).toBe(false);
  });
});
