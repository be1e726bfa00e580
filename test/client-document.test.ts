import { createHash, randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Egress } from "../src/egress/index.ts";
import { CookieJar, playUser } from "../src/sandbox/play-user.ts";
import { RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { checkOf, diagnose, json, type LocalServer, startServer } from "./support/diagnosis.ts";
import { type Answer, mutate } from "./support/entities.ts";
import { refresh } from "./support/oauth.ts";
import { createConfig, createSession, createUser, initiate, readRequest } from "./support/seed.ts";

const PUBLIC = "https://moorline.test";

let app: TestApp;
let key: string;
const servers: LocalServer[] = [];
beforeAll(async () => {
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1", MOORLINE_SANDBOX: "off" });
  // Somebody in front of it ends the TLS: documents and cookies are for an https address only.
  (app.services as { publicUrl: string }).publicUrl = PUBLIC;
  key = app.adminKey;
});
afterAll(async () => {
  for (const server of servers) await server.close();
  await app?.close();
});

/** Whoever goes to the public address comes here. */
const fromOutside = (url: string, init: RequestInit = {}) => fetch(url.replace(PUBLIC, app.url), init);

interface AuthorizationServer extends LocalServer {
  registered: unknown[];
  /** Documents that it has read, by their address. */
  known: Map<string, Record<string, unknown>>;
}

/**
 * Takes a client whose id is an https address, reads the document there, and holds every request against it (OAuth Client ID Metadata
 * Document): its id, its redirect URIs, its way to authenticate, which is none.
 */
async function authorizationServer(metadata: object = {}): Promise<AuthorizationServer> {
  const codes = new Map<string, { challenge: string; clientId: string; redirectUri: string }>();
  const refreshTokens = new Map<string, string>();
  const registered: unknown[] = [];
  const known = new Map<string, Record<string, unknown>>();
  const documentOf = async (clientId: string) => {
    const url = URL.parse(clientId);
    if (url?.protocol !== "https:" || url.pathname === "/" || url.hash || url.search) return null;
    const response = await fromOutside(clientId, { headers: { accept: "application/json" }, redirect: "error" });
    if (response.status !== 200 || !response.headers.get("content-type")?.startsWith("application/json")) return null;
    const document = (await response.json()) as Record<string, unknown>;
    if (document.client_id !== clientId || "client_secret" in document) return null;
    known.set(clientId, document);
    return document;
  };
  const issue = (clientId: string) => {
    const refreshToken = randomBytes(16).toString("hex");
    refreshTokens.set(refreshToken, clientId);
    return { access_token: randomBytes(16).toString("hex"), refresh_token: refreshToken, token_type: "Bearer", expires_in: 3600 };
  };
  const server = await startServer(async ({ url, form, body }, response, raw) => {
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
          token_endpoint_auth_methods_supported: ["none", "client_secret_basic"],
          client_id_metadata_document_supported: true,
          ...metadata,
        });
      case "/register":
        registered.push(body);
        return json(response, 201, { ...JSON.parse(body), client_id: "registered-1" });
      case "/oauth/authorize":
      case "/authorize": {
        const asked = url.searchParams;
        const clientId = asked.get("client_id") ?? "";
        const document = await documentOf(clientId);
        const redirectUri = asked.get("redirect_uri") ?? "";
        if (!(document?.redirect_uris as string[] | undefined)?.includes(redirectUri))
          return json(response, 400, { error: "invalid_client" });
        const code = randomBytes(16).toString("hex");
        codes.set(code, { challenge: asked.get("code_challenge") ?? "", clientId, redirectUri });
        const back = `${redirectUri}?${new URLSearchParams({ code, state: asked.get("state")! })}`;
        return response.writeHead(302, { location: back }).end();
      }
      case "/oauth/token":
      case "/token": {
        const clientId = form.get("client_id") ?? "";
        if (raw.headers.authorization || form.has("client_secret") || !known.has(clientId))
          return json(response, 401, { error: "invalid_client" });
        if (form.get("grant_type") === "refresh_token")
          return refreshTokens.get(form.get("refresh_token") ?? "") === clientId
            ? json(response, 200, issue(clientId))
            : json(response, 400, { error: "invalid_grant" });
        const code = codes.get(form.get("code") ?? "");
        const verifier = createHash("sha256").update(form.get("code_verifier") ?? "");
        const proven = code?.challenge === verifier.digest("base64url") && code.redirectUri === form.get("redirect_uri");
        return proven && code.clientId === clientId
          ? json(response, 200, issue(clientId))
          : json(response, 400, { error: "invalid_grant" });
      }
      default:
        return json(response, 404, {});
    }
  });
  servers.push(server);
  return Object.assign(server, { registered, known });
}

async function connector(issuer: string): Promise<{ slug: string; redirectUri: string }> {
  const input = { slug: `doc-${randomUUID().slice(0, 8)}`, name: "Documented", scheme: { oauth2: { issuer } } };
  const { connector } = await mutate(
    app,
    key,
    "createConnector",
    input,
    "connector { slug redirectUri schemes { selfRegistration } }",
  );
  expect(connector.schemes).toEqual([{ selfRegistration: true }]);
  return { slug: String(connector.slug), redirectUri: String(connector.redirectUri) };
}

const configure = (connectorSlug: string, more: object = {}): Promise<Answer> =>
  mutate(
    app,
    key,
    "createAuthConfig",
    { connectorSlug, name: `Config ${randomUUID()}`, ...more },
    "authConfig { id version clientId ownApp hasClientSecret }",
  );

/** From the front end's first call to the last. */
async function connectWith(authConfigId: string) {
  const session = await createSession(app, key, (await createUser(app, key)).id);
  const request = await initiate(app, session, { target: { authConfigId }, returnUrl: RETURN_URL });
  const stop = { cookieJar: new CookieJar(), stopAtPrefix: RETURN_URL, fetch: fromOutside };
  await playUser(request.authorizationUrl!, {}, stop);
  return readRequest(app, session, request.id);
}

describe("where the metadata say that clients are known by a document", () => {
  test("a config has one at an address of its own, and connects accounts with it without any registration", async () => {
    const authorization = await authorizationServer();
    const { slug, redirectUri } = await connector(authorization.url);
    const { authConfig } = await configure(slug);
    const clientId = `${PUBLIC}/oauth/clients/${authConfig.id}`;
    expect(authConfig).toMatchObject({ clientId, ownApp: true, hasClientSecret: false });
    const { status, failure, credential } = await connectWith(authConfig.id);
    expect([status, failure]).toEqual(["ACTIVE", null]);
    expect(authorization.known.get(clientId)).toEqual({
      client_id: clientId,
      client_name: "My product",
      client_uri: PUBLIC,
      redirect_uris: [redirectUri],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
      application_type: "web",
    });
    expect(await refresh(app, key, credential!.id)).toMatchObject({ credential: { status: "ACTIVE" } });
    expect(authorization.registered).toEqual([]);

    const document = await fromOutside(clientId);
    expect(document.headers.get("cache-control")).toBe("public, max-age=300");
    // A client of its own is what the config has from now on; what was granted to the other one lives on with its document.
    const update = {
      id: authConfig.id,
      version: authConfig.version,
      clientId: "by-hand",
      clientSecret: "s3cret-0123456789",
    };
    const changed = await mutate(app, key, "updateAuthConfig", { ...update, confirm: true }, "authConfig { clientId }");
    expect(changed.authConfig, JSON.stringify(changed)).toMatchObject({ clientId: "by-hand" });
    expect((await fromOutside(clientId)).status).toBe(200);
    expect(await refresh(app, key, credential!.id)).toMatchObject({ credential: { status: "ACTIVE" } });
  });

  test("a draft is diagnosed without one, and says that it will have one", async () => {
    const { slug } = await connector((await authorizationServer()).url);
    const told = await diagnose(app, key, { draft: { connectorSlug: slug, name: "Draft" } });
    const message = expect.stringContaining("document");
    expect(checkOf(told, "CLIENT_AUTHENTICATED")).toMatchObject({ outcome: "SKIPPED", message });
  });

  test.each([
    ["does not say so", { client_id_metadata_document_supported: undefined }],
    ["takes no client without a secret", { token_endpoint_auth_methods_supported: ["client_secret_basic"] }],
  ])("a server that %s has the client registered", async (_why, metadata) => {
    const authorization = await authorizationServer(metadata);
    const { slug } = await connector(authorization.url);
    await configure(slug);
    expect(authorization.registered).toHaveLength(1);
  });
});

test("a connector of the catalogue whose data say so is connected with a document", async () => {
  const authorization = await authorizationServer();
  const { egress } = app.services;
  const led: Egress["fetch"] = (url, init) => egress.fetch(String(url).replace("https://lovable.dev", authorization.url), init);
  (app.services as { egress: Egress }).egress = { ...egress, fetch: led };
  const config = await createConfig(app, key, { connectorSlug: "lovable-mcp" });
  const session = await createSession(app, key, (await createUser(app, key)).id);
  const request = await initiate(app, session, { target: { authConfigId: config.id }, returnUrl: RETURN_URL });
  const fetch = (url: string, init: RequestInit) => fromOutside(url.replace("https://lovable.dev", authorization.url), init);
  await playUser(request.authorizationUrl!, {}, { cookieJar: new CookieJar(), stopAtPrefix: RETURN_URL, fetch });
  expect(await readRequest(app, session, request.id)).toMatchObject({ status: "ACTIVE", failure: null });
  (app.services as { egress: Egress }).egress = egress;
});

test("there is no document for what is no such client, and none that is gone", async () => {
  const byHand = await createConfig(app, key, { connectorSlug: "lovable-mcp", clientId: "by-hand" });
  const gone = await createConfig(app, key, { connectorSlug: "lovable-mcp" });
  const path = (id: string) => `${PUBLIC}/oauth/clients/${id}`;
  expect((await fromOutside(path(gone.id))).status).toBe(200);
  await mutate(app, key, "deleteAuthConfig", { id: gone.id, confirm: true });
  for (const id of [byHand.id, gone.id, "acf_00000000000000000000000000", "nonsense"])
    expect([id, (await fromOutside(path(id))).status]).toEqual([id, 404]);
});

test("without an https address of its own, Moorline says what is missing instead of a client that cannot work", async () => {
  const services = app.services as { publicUrl: string };
  services.publicUrl = "http://localhost:4000";
  try {
    const told = await configure("lovable-mcp");
    expect(told).toMatchObject({ code: "NO_MANAGED_APP", message: expect.stringContaining("MOORLINE_PUBLIC_URL") });
  } finally {
    services.publicUrl = PUBLIC;
  }
});
