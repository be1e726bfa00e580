import { createHash, randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { checkOf, diagnose, json, type LocalServer, startServer, validate } from "./support/diagnosis.ts";
import { type Answer, faults, mutate } from "./support/entities.ts";
import { viaProxy } from "./support/proxy.ts";
import { connect } from "./support/seed.ts";

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

type Handler = Parameters<typeof startServer>[0];

async function serve(handler: Handler): Promise<LocalServer> {
  const server = await startServer(handler);
  servers.push(server);
  return server;
}

interface AuthorizationServer extends LocalServer {
  /** By access token: the resource that it is for. */
  tokens: Map<string, string>;
  registered: Record<string, unknown>[];
}

/** As an MCP server's authorization server is (RFC 8414, 7591, 8707): PKCE is checked, and a token is for one resource alone. */
async function authorizationServer(metadata: object = {}): Promise<AuthorizationServer> {
  const codes = new Map<string, { challenge: string; resource: string }>();
  const refreshTokens = new Map<string, string>();
  const tokens = new Map<string, string>();
  const registered: Record<string, unknown>[] = [];
  const issue = (resource: string) => {
    const token = randomBytes(16).toString("hex");
    const refreshToken = randomBytes(16).toString("hex");
    tokens.set(token, resource);
    refreshTokens.set(refreshToken, resource);
    return { access_token: token, refresh_token: refreshToken, token_type: "Bearer", expires_in: 3600 };
  };
  const server = await serve(({ method, url, form, body }, response) => {
    const { url: self } = server;
    switch (url.pathname) {
      case "/.well-known/oauth-authorization-server":
        return json(response, 200, {
          issuer: self,
          authorization_endpoint: `${self}/authorize`,
          token_endpoint: `${self}/token`,
          registration_endpoint: `${self}/register`,
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"],
          token_endpoint_auth_methods_supported: ["none"],
          ...metadata,
        });
      case "/register":
        if (method !== "POST") return json(response, 405, {});
        registered.push(JSON.parse(body));
        return json(response, 201, { ...JSON.parse(body), client_id: "mcp-client-1" });
      case "/authorize": {
        const asked = url.searchParams;
        if (!asked.has("redirect_uri")) return json(response, 400, { error: "invalid_request" });
        const code = randomBytes(16).toString("hex");
        codes.set(code, { challenge: asked.get("code_challenge") ?? "", resource: asked.get("resource") ?? "" });
        const back = new URL(asked.get("redirect_uri")!);
        back.search = String(new URLSearchParams({ code, state: asked.get("state")! }));
        return response.writeHead(302, { location: back.href }).end();
      }
      case "/token": {
        const isRefresh = form.get("grant_type") === "refresh_token";
        const known = isRefresh
          ? refreshTokens.get(form.get("refresh_token") ?? "")
          : codes.get(form.get("code") ?? "")?.resource;
        const verifier = createHash("sha256")
          .update(form.get("code_verifier") ?? "")
          .digest("base64url");
        const proven = isRefresh || codes.get(form.get("code") ?? "")?.challenge === verifier;
        if (!known || !proven || form.get("client_id") !== "mcp-client-1") return json(response, 400, { error: "invalid_grant" });
        return form.get("resource") === known
          ? json(response, 200, issue(known))
          : json(response, 400, { error: "invalid_target" });
      }
      default:
        return json(response, 404, {});
    }
  });
  return Object.assign(server, { tokens, registered });
}

/** An MCP server that answers whoever has a token for it, and nobody else. `metadata`: what it says of itself, null: nothing. */
async function mcpServer(
  authorization: { url: string; tokens?: Map<string, string> },
  options: { challenge?: (url: string) => string | null; place?: string; metadata?: (url: string) => object | null } = {},
): Promise<LocalServer & { moved?: string }> {
  const { place = "/.well-known/oauth-protected-resource/mcp" } = options;
  const server: LocalServer & { moved?: string } = await serve(({ url, body }, response, raw) => {
    const { url: self } = server;
    if (url.pathname === place) {
      const own = {
        resource: `${self}/mcp`,
        authorization_servers: [server.moved ?? authorization.url],
        scopes_supported: ["tools:read", "tools:call"],
      };
      const metadata = options.metadata ? options.metadata(self) : own;
      return metadata ? json(response, 200, metadata) : json(response, 404, {});
    }
    if (url.pathname !== "/mcp") return json(response, 404, {});
    const token = raw.headers.authorization?.replace(/^Bearer /, "") ?? "";
    if (authorization.tokens?.get(token) === `${self}/mcp`)
      return json(response, 200, { jsonrpc: "2.0", id: 1, result: { echoed: body } });
    const challenge = options.challenge
      ? options.challenge(self)
      : `Bearer resource_metadata="${self}${place}", scope="tools:read"`;
    return json(response, 401, {}, challenge ? { "www-authenticate": challenge } : {});
  });
  return server;
}

const create = (oauth2: object, more: object = {}): Promise<Answer> =>
  mutate(
    app,
    key,
    "createConnector",
    { slug: `mcp-${randomUUID().slice(0, 8)}`, name: "MCP server", scheme: { oauth2 }, ...more },
    "connector { id slug redirectUri schemes { scopes { name default } } }",
  );

describe("an MCP server's URL alone", () => {
  test("becomes a connector, a registered client, a credential, and calls through the proxy", async () => {
    const authorization = await authorizationServer();
    const mcp = await mcpServer(authorization);
    const resource = `${mcp.url}/mcp`;
    const { connector } = await create({ resource });
    // The challenge said which scopes to ask for.
    expect(connector.schemes).toEqual([{ scopes: [{ name: "tools:read", default: true }] }]);
    const name = { connectorSlug: connector.slug, name: "Tools" };
    const { authConfig } = await mutate(app, key, "createAuthConfig", name, "authConfig { id clientId hasClientSecret scopes }");
    expect(authConfig).toMatchObject({ clientId: "mcp-client-1", hasClientSecret: false, scopes: ["tools:read"] });
    expect(authorization.registered).toMatchObject([
      { redirect_uris: [connector.redirectUri], token_endpoint_auth_method: "none" },
    ]);
    const { credential } = await connect(app, key, { authConfigId: authConfig.id });
    expect(credential?.status).toBe("ACTIVE");
    const call = { key, credential: credential!.id, method: "POST", body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' };
    const answer = await viaProxy(app, "/proxy/", { ...call, headers: { "content-type": "application/json" } });
    expect(answer.status, answer.body).toBe(200);
    expect(answer.json()).toMatchObject({ result: { echoed: call.body } });
    // The refreshed token is for the same resource: the server takes no other.
    expect((await mutate(app, key, "refreshCredential", { id: credential!.id })).__typename).toBe("RefreshCredentialPayload");
    expect((await viaProxy(app, "/proxy/", call)).status).toBe(200);
    const sent = authorization.requests.filter(({ path }) => path === "/token").map(({ body }) => new URLSearchParams(body));
    expect(sent.map((form) => `${form.get("grant_type")} ${form.get("resource")}`)).toEqual([
      `authorization_code ${resource}`,
      `refresh_token ${resource}`,
    ]);
    const asked = authorization.requests.find(({ path }) => path.startsWith("/authorize"))!;
    expect(Object.fromEntries(new URL(asked.path, resource).searchParams)).toMatchObject({
      resource,
      code_challenge_method: "S256",
    });
    const told = await diagnose(app, key, { id: authConfig.id });
    expect(checkOf(told, "DISCOVERY_MATCHES").outcome).toBe("PASSED");
    expect(checkOf(told, "RESOURCE_NAMES_ISSUER").outcome).toBe("PASSED");
    mcp.moved = "https://another-issuer.example";
    const moved = await diagnose(app, key, { id: authConfig.id });
    expect(checkOf(moved, "RESOURCE_NAMES_ISSUER")).toMatchObject({
      outcome: "FAILED",
      message: expect.stringContaining(mcp.moved),
    });
  });

  test.each<[string, Parameters<typeof mcpServer>[1]]>([
    ["its well-known address", { challenge: () => null }],
    [
      "the well-known address of its host",
      { challenge: () => 'Basic realm="x"', place: "/.well-known/oauth-protected-resource" },
    ],
    ["an address of its own", { place: "/about/me" }],
    [
      "a challenge without quotes, among others",
      { place: "/about", challenge: (url) => `Negotiate, Bearer realm="a, b", resource_metadata=${url}/about` },
    ],
  ])("is enough where the metadata are at %s", async (_where, options) => {
    const mcp = await mcpServer(await authorizationServer(), options);
    const made = await create({ resource: `${mcp.url}/mcp` });
    expect(made.__typename, JSON.stringify(made)).toBe("CreateConnectorPayload");
  });

  test("is validated before saving, and nothing is registered for it", async () => {
    const authorization = await authorizationServer();
    const mcp = await mcpServer(authorization);
    const connector = { slug: "mcp-to-be", name: "MCP", scheme: { oauth2: { resource: `${mcp.url}/mcp` } } };
    const told = await validate(app, key, { connector });
    expect(told.diagnosis.ok).toBe(true);
    expect(checkOf(told, "API_REACHABLE").message).toContain("401");
    expect(authorization.registered).toEqual([]);
  });

  test("asks the next of several authorization servers where one cannot be read", async () => {
    const authorization = await authorizationServer();
    const mcp = await mcpServer(authorization, {
      metadata: (url) => ({ resource: `${url}/mcp`, authorization_servers: [`${authorization.url}/gone`, authorization.url] }),
    });
    const told = await create({ resource: `${mcp.url}/mcp` });
    expect(told.__typename).toBe("CreateConnectorPayload");
    const gone = await mcpServer(authorization, {
      metadata: (url) => ({ resource: `${url}/mcp`, authorization_servers: [`${authorization.url}/gone`] }),
    });
    expect((await create({ resource: `${gone.url}/mcp` })).message).toMatch(/publishes no metadata/);
  });

  test("keeps scopes that are given, and an API address that is another", async () => {
    const mcp = await mcpServer(await authorizationServer());
    const { connector } = await create({ resource: `${mcp.url}/mcp`, scope: "mine" }, { baseUrl: `${mcp.url}/other` });
    expect(connector.schemes).toEqual([{ scopes: [{ name: "mine", default: true }] }]);
  });
});

describe("a URL that does not lead to an authorization server", () => {
  const refused: [string, object, RegExp][] = [
    [
      "its metadata are about another resource",
      { metadata: (url: string) => ({ resource: `${url}/other`, authorization_servers: [url] }) },
      /about another resource. It names \S+\/other/,
    ],
    ["its metadata name no server", { metadata: (url: string) => ({ resource: `${url}/mcp` }) }, /name no authorization server/],
    ["it publishes nothing", { metadata: () => null }, /publishes no protected-resource metadata/],
    [
      "its metadata are too large",
      { metadata: (url: string) => ({ resource: `${url}/mcp`, authorization_servers: [url], filler: "x".repeat(300_000) }) },
      /far too large/,
    ],
    [
      "it sends us to a plain-http host",
      { challenge: () => 'Bearer resource_metadata="http://elsewhere.example/x"' },
      /not https/,
    ],
    [
      "it sends us to a host inside",
      { challenge: () => 'Bearer resource_metadata="https://10.0.0.1/x"' },
      /MOORLINE_EGRESS_ALLOW/,
    ],
    [
      "its server is inside",
      { metadata: (url: string) => ({ resource: `${url}/mcp`, authorization_servers: ["https://192.168.0.1"] }) },
      /MOORLINE_EGRESS_ALLOW/,
    ],
    [
      "its server is not https",
      { metadata: (url: string) => ({ resource: `${url}/mcp`, authorization_servers: ["http://as.example"] }) },
      /not https/,
    ],
  ];

  test.each(refused)("is refused because %s", async (_why, options, message) => {
    const mcp = await mcpServer(await authorizationServer(), options as Parameters<typeof mcpServer>[1]);
    const told = await create({ resource: `${mcp.url}/mcp` });
    expect(told).toMatchObject({ __typename: "ProviderError" });
    expect(told.message).toMatch(message);
  });

  test.each([
    ["does not promise PKCE", { code_challenge_methods_supported: undefined }],
    ["has none but plain PKCE", { code_challenge_methods_supported: ["plain"] }],
  ])("is refused because that %s", async (_why, metadata) => {
    const mcp = await mcpServer(await authorizationServer(metadata));
    expect(faults(await create({ resource: `${mcp.url}/mcp` }))).toBe("scheme.oauth2.resource NOT_ALLOWED");
  });

  test("and PKCE cannot be switched off for one", async () => {
    const by = { authorizationUrl: "https://as.example/a", tokenUrl: "https://as.example/t" };
    expect(faults(await create({ resource: "https://mcp.example/mcp", pkce: false, ...by }))).toBe(
      "scheme.oauth2.resource NOT_ALLOWED",
    );
    expect((await create({ resource: "https://mcp.example/mcp", ...by })).__typename).toBe("CreateConnectorPayload");
    expect(faults(await create({ resource: "http://mcp.example/mcp", ...by }))).toContain("scheme.oauth2.resource PATTERN");
  });
});
