import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { checkOf, diagnose, json, type LocalServer, page, startServer } from "./support/diagnosis.ts";
import { list, mutate } from "./support/entities.ts";
import { accessToken, apiStatus, dataKeys, revocations } from "./support/lifecycle.ts";
import { auditEvents, createProject } from "./support/oauth.ts";
import { connect, createConfig } from "./support/seed.ts";

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

/** A connector of the project's own, by discovery. */
async function connector(issuer: string, oauth2: object = {}) {
  const input = { slug: `reg-${randomUUID().slice(0, 8)}`, name: "Registering", scheme: { oauth2: { issuer, ...oauth2 } } };
  const made = await mutate(app, key, "createConnector", input, "connector { id slug redirectUri }");
  expect(made.__typename, JSON.stringify(made)).toBe("CreateConnectorPayload");
  return { slug: String(made.connector.slug), redirectUri: String(made.connector.redirectUri) };
}

const configure = (slug: string, more: object = {}) =>
  mutate(
    app,
    key,
    "createAuthConfig",
    { connectorSlug: slug, name: `Registered ${randomUUID().slice(0, 8)}`, ...more },
    "authConfig { id ownApp clientId hasClientSecret clientSecretExpiresAt scopes }",
  );

describe("a config without a client, at a provider where clients register themselves", () => {
  test("has one registered, which connects accounts, refreshes and is proven by a diagnosis", async () => {
    const { slug, redirectUri } = await connector(app.sandbox!.issuer, { scope: "openid profile offline_access" });
    const made = await configure(slug);
    expect(made.authConfig).toMatchObject({ ownApp: true, hasClientSecret: true, clientSecretExpiresAt: null });
    const client = app.sandbox!.control.clients().find(({ clientId }) => clientId === made.authConfig.clientId);
    expect(client).toMatchObject({ redirectUris: [redirectUri], tokenEndpointAuthMethod: "client_secret_basic" });
    expect(JSON.stringify(made)).not.toContain(client!.clientSecret);
    const { credential } = await connect(app, key, { authConfigId: made.authConfig.id });
    expect(credential).toMatchObject({ status: "ACTIVE", account: { id: "ada" } });
    expect((await mutate(app, key, "refreshCredential", { id: credential!.id })).__typename).toBe("RefreshCredentialPayload");
    const told = await diagnose(app, key, { id: made.authConfig.id });
    expect(checkOf(told, "CLIENT_AUTHENTICATED").outcome).toBe("PASSED");
    expect(checkOf(told, "REDIRECT_URI_REGISTERED").outcome).toBe("PASSED");
    const [event] = await auditEvents(app, key, { targetId: made.authConfig.id, action: "auth_config.created" });
    expect(event!.details).toMatchObject({ ownApp: true, registeredClient: true });
  });

  test("is diagnosed as a draft without registering anything", async () => {
    const { slug } = await connector(app.sandbox!.issuer);
    const before = app.sandbox!.control.clients().length;
    const told = await diagnose(app, key, { draft: { connectorSlug: slug, name: "Draft" } });
    expect(checkOf(told, "CLIENT_AUTHENTICATED")).toMatchObject({
      outcome: "SKIPPED",
      message: expect.stringContaining("registers"),
    });
    expect(app.sandbox!.control.clients().length).toBe(before);
  });

  test("is made once for one idempotency key, also of two calls at once", async () => {
    const { slug } = await connector(app.sandbox!.issuer);
    const before = app.sandbox!.control.clients().length;
    const more = { idempotencyKey: randomUUID(), name: "Once" };
    const both = await Promise.all([configure(slug, more), configure(slug, more)]);
    const again = await configure(slug, more);
    expect(new Set([...both, again].map(({ authConfig }) => authConfig.id)).size).toBe(1);
    // What the loser registered it has taken back.
    expect(app.sandbox!.control.clients().length).toBe(before + 1);
    expect(app.sandbox!.control.clients().map(({ clientId }) => clientId)).toContain(again.authConfig.clientId);
  });

  test("whose name is taken has nothing registered", async () => {
    const { slug } = await connector(app.sandbox!.issuer);
    await configure(slug, { name: "Taken" });
    const before = app.sandbox!.control.clients().length;
    expect(await configure(slug, { name: "Taken" })).toMatchObject({ code: "DUPLICATE_NAME" });
    expect(app.sandbox!.control.clients().length).toBe(before);
  });
});

type Answer = Parameters<typeof startServer>[0];

/** An issuer whose registration endpoint does as a test says. */
async function registrar(
  register: Answer,
  metadata: object = {},
): Promise<LocalServer & { posted: () => Record<string, unknown>[] }> {
  const server = await startServer((request, response, raw) => {
    const { url } = server;
    if (request.url.pathname === "/.well-known/openid-configuration") {
      return json(response, 200, {
        issuer: url,
        authorization_endpoint: `${url}/authorize`,
        token_endpoint: `${url}/token`,
        registration_endpoint: `${url}/register`,
        response_types_supported: ["code"],
        token_endpoint_auth_methods_supported: ["client_secret_post", "none"],
        ...metadata,
      });
    }
    return request.url.pathname.startsWith("/register") ? register(request, response, raw) : json(response, 404, {});
  });
  servers.push(server);
  const posted = () =>
    server.requests.filter(({ path, method }) => path === "/register" && method === "POST").map(({ body }) => JSON.parse(body));
  return Object.assign(server, { posted });
}

const accept =
  (more: (body: Record<string, unknown>) => object): Answer =>
  ({ body, method }, response) => {
    if (method === "DELETE") return response.writeHead(204).end();
    const asked = JSON.parse(body) as Record<string, unknown>;
    return json(response, 201, { ...asked, client_id: "made-1", client_secret: "secret-of-made-1-0123456789", ...more(asked) });
  };

test("a connector says whether its provider registers clients", async () => {
  const { slug } = await connector(app.sandbox!.issuer);
  const shown = await list(
    app,
    key,
    "connectors",
    `filter: { slugs: ["${slug}", "github"] }`,
    "slug schemes { type selfRegistration }",
  );
  const told = Object.fromEntries(
    shown.nodes.map((node) => [node.slug, (node.schemes as { selfRegistration: boolean }[])[0]!.selfRegistration]),
  );
  expect(told).toEqual({ [slug]: true, github: false });
});

describe("what is registered", () => {
  test("is what the config needs, under the product's name, and the answer's end of the secret is kept", async () => {
    const expires = Math.floor(Date.now() / 1000) + 86_400;
    const server = await registrar(accept(() => ({ client_secret_expires_at: expires })));
    const { slug, redirectUri } = await connector(server.url, {
      scope: "read write",
      deviceAuthorizationUrl: `${server.url}/device`,
    });
    const made = await configure(slug, { flows: ["AUTHORIZATION_CODE", "DEVICE"] });
    expect(server.posted()).toEqual([
      {
        client_name: "My product",
        redirect_uris: [redirectUri],
        grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        response_types: ["code"],
        token_endpoint_auth_method: "client_secret_post",
        application_type: "web",
        scope: "read write",
      },
    ]);
    expect(made.authConfig).toMatchObject({ clientId: "made-1", hasClientSecret: true });
    expect(Date.parse(String(made.authConfig.clientSecretExpiresAt))).toBe(expires * 1000);
  });

  test("may be a public client, where the provider makes it one", async () => {
    const server = await registrar(accept(() => ({ token_endpoint_auth_method: "none", client_secret: undefined })));
    const made = await configure((await connector(server.url)).slug);
    expect(made.authConfig).toMatchObject({ clientId: "made-1", hasClientSecret: false });
  });
});

describe("a registration that fails", () => {
  test.each<[string, Answer, object, RegExp]>([
    [
      "only known apps may",
      (_r, response) => json(response, 401, { error: "invalid_token" }),
      { providerStatus: 401 },
      /does not let unknown apps register.*developer console/,
    ],
    [
      "our redirect URI is refused",
      (_r, response) => json(response, 400, { error: "invalid_redirect_uri", error_description: "https only" }),
      { providerCode: "invalid_redirect_uri" },
      /with the redirect URI http:\/\/localhost.*MOORLINE_PUBLIC_URL/,
    ],
    [
      "the metadata is refused",
      (_r, response) => json(response, 400, { error: "invalid_client_metadata" }),
      { providerCode: "invalid_client_metadata" },
      /refused to register/,
    ],
    [
      "the provider is down",
      (_r, response) => json(response, 503, {}, { "retry-after": "7" }),
      { retryable: true, retryAfterSeconds: 7 },
      /answered with an error/,
    ],
    [
      "the endpoint redirects",
      (_r, response) => response.writeHead(307, { location: "https://elsewhere.example/register" }).end(),
      { providerStatus: 307 },
      /redirects, which is not followed/,
    ],
    ["the answer is a page", (_r, response) => page(response, 200, "<h1>Register</h1>"), {}, /names no client/],
    ["no secret comes", accept(() => ({ client_secret: undefined })), {}, /must have a secret, and sent none/],
  ])("because %s says what to do, and nothing is saved", async (_why, answer, details, message) => {
    const server = await registrar(answer);
    const { slug } = await connector(server.url);
    const told = await configure(slug);
    expect(told).toMatchObject({ __typename: "ProviderError" });
    expect(told.message).toMatch(message);
    const document = `mutation ($input: CreateAuthConfigInput!) { createAuthConfig(input: $input) { ... on ProviderError { providerCode providerStatus retryable retryAfterSeconds } } }`;
    const response = await fetch(`${app.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ query: document, variables: { input: { connectorSlug: slug, name: "Again" } } }),
    });
    expect(((await response.json()) as { data: { createAuthConfig: object } }).data.createAuthConfig).toMatchObject(details);
    expect((await list(app, key, "authConfigs", `filter: { connectorSlug: "${slug}" }`)).totalCount).toBe(0);
  });

  const managed = (url: string) => ({
    registration_client_uri: `${url}/register/made-1`,
    registration_access_token: "manage-0123456789",
  });

  test("after all, because the provider made another client than was asked for, is taken back", async () => {
    const server: Awaited<ReturnType<typeof registrar>> = await registrar(
      accept(() => ({ token_endpoint_auth_method: "private_key_jwt", ...managed(server.url) })),
    );
    const told = await configure((await connector(server.url)).slug);
    expect(told).toMatchObject({ __typename: "ProviderError", message: expect.stringContaining("tokenAuthMethod") });
    expect(server.requests.at(-1)).toMatchObject({ method: "DELETE", path: "/register/made-1" });
    expect(server.requests.at(-1)!.headers.authorization).toBe("Bearer manage-0123456789");
  });

  /** Somebody takes the name while the provider is at work. */
  async function overtaken(answer: (url: string) => object) {
    const slug = { now: "" };
    const server: Awaited<ReturnType<typeof registrar>> = await registrar(async (request, response, raw) => {
      if (request.method === "POST")
        await createConfig(app, key, { connectorSlug: slug.now, name: "Overtaken", clientId: "x", clientSecret: "y" });
      return accept(() => answer(server.url))(request, response, raw);
    });
    slug.now = (await connector(server.url)).slug;
    return { server, told: await configure(slug.now, { name: "Overtaken" }) };
  }

  test("because the config could not be stored is taken back (RFC 7592)", async () => {
    const { server, told } = await overtaken(managed);
    expect(told).toMatchObject({ code: "DUPLICATE_NAME" });
    expect(told.message).not.toContain("made-1");
    expect(server.requests.at(-1)).toMatchObject({ method: "DELETE", path: "/register/made-1" });
  });

  test("and cannot be taken back is told, with the client that is left", async () => {
    const { told } = await overtaken(() => ({}));
    expect(told).toMatchObject({ code: "DUPLICATE_NAME" });
    expect(told.message).toMatch(/client “made-1” was registered at the provider.*remove it there/);
  });

  test("is never taken back at another host, which would learn the token", async () => {
    const elsewhere = await startServer((_request, response) => json(response, 204, {}));
    servers.push(elsewhere);
    const { told } = await overtaken(() => managed(elsewhere.url));
    expect(told.message).toContain("made-1");
    expect(elsewhere.requests).toEqual([]);
  });
});

describe("a client that was registered", () => {
  const HOUR = 3_600_000;
  const clientIds = () => app.sandbox!.control.clients().map(({ clientId }) => clientId);
  const remove = async (id: string, more: object = {}, by = key) =>
    expect((await mutate(app, by, "deleteAuthConfig", { id, confirm: true, ...more })).__typename).toBe(
      "DeleteAuthConfigPayload",
    );
  const removals = async (targetId: string, by = key) =>
    (await auditEvents(app, by, { targetId, action: "auth_config.client_removed" })).map(({ outcome, details }) => ({
      outcome,
      details,
    }));

  async function registeredAt(slug: string) {
    const { authConfig } = await configure(slug);
    return { id: authConfig.id, clientId: String(authConfig.clientId) };
  }

  test("is removed at the provider with its config, once what it obtained has been revoked there", async () => {
    const { slug } = await connector(app.sandbox!.issuer, { scope: "openid offline_access" });
    const [used, unused] = [await registeredAt(slug), await registeredAt(slug)];
    const { credential } = await connect(app, key, { authConfigId: used.id });
    const token = await accessToken(app, key, credential!.id);
    const { control } = app.sandbox!;
    await control.setSwitches(used.clientId, { revocationError: { status: 503, error: "temporarily_unavailable" } });
    await remove(used.id);
    await expect.poll(() => revocations(app, used.clientId).length).toBeGreaterThan(0);
    await remove(unused.id);
    await expect
      .poll(() => removals(unused.id))
      .toEqual([{ outcome: "ALLOWED", details: { clientId: unused.clientId, providerStatus: 204 } }]);
    expect(clientIds()).toContain(used.clientId);
    expect(clientIds()).not.toContain(unused.clientId);
    await control.setSwitches(used.clientId, {});
    try {
      await moveClock(app, HOUR);
      await expect.poll(() => removals(used.id), { timeout: 30_000 }).toMatchObject([{ outcome: "ALLOWED" }]);
    } finally {
      await moveClock(app, 0);
    }
    expect(clientIds()).not.toContain(used.clientId);
    expect(await apiStatus(app, token)).toBe(401);
    const { clientRegistration, sealedSecret } = app.services.database.prisma;
    expect(await clientRegistration.count({ where: { clientId: { in: [used.clientId, unused.clientId] } } })).toBe(0);
    expect(await sealedSecret.count({ where: { ownerTable: "ClientRegistration" } })).toBe(await clientRegistration.count());
  });

  test("stays for the config that takes its grants over, and goes with that one", async () => {
    const { slug } = await connector(app.sandbox!.issuer, { scope: "openid offline_access" });
    const first = await registeredAt(slug);
    const { credential } = await connect(app, key, { authConfigId: first.id });
    const { clientSecret } = app.sandbox!.control.clients().find(({ clientId }) => clientId === first.clientId)!;
    const heir = await createConfig(app, key, { connectorSlug: slug, clientId: first.clientId, clientSecret });
    await remove(first.id, { reassignTo: heir.id });
    expect((await mutate(app, key, "refreshCredential", { id: credential!.id })).__typename).toBe("RefreshCredentialPayload");
    await remove(heir.id);
    await expect.poll(() => removals(heir.id)).toMatchObject([{ outcome: "ALLOWED", details: { clientId: first.clientId } }]);
    expect([await removals(first.id), clientIds().includes(first.clientId)]).toEqual([[], false]);
  });

  test("is removed when its config gets another one, but not as long as it has grants to renew", async () => {
    const { slug } = await connector(app.sandbox!.issuer, { scope: "openid offline_access" });
    const [used, unused] = [await registeredAt(slug), await registeredAt(slug)];
    const { credential } = await connect(app, key, { authConfigId: used.id });
    for (const { id } of [used, unused]) {
      const input = { id, clientId: `own-${randomUUID()}`, clientSecret: "secret-of-its-own", confirm: true };
      expect((await mutate(app, key, "updateAuthConfig", input)).__typename).toBe("UpdateAuthConfigPayload");
    }
    await expect.poll(() => removals(unused.id)).toMatchObject([{ outcome: "ALLOWED" }]);
    expect((await mutate(app, key, "refreshCredential", { id: credential!.id })).__typename).toBe("RefreshCredentialPayload");
    await remove(used.id);
    await expect.poll(() => removals(used.id)).toMatchObject([{ outcome: "ALLOWED" }]);
  });

  test("is removed with its project, whose last key goes after that", async () => {
    const project = await createProject(app, key);
    const slug = `own-${randomUUID().slice(0, 8)}`;
    const input = { slug, name: "Its own", scheme: { oauth2: { issuer: app.sandbox!.issuer } } };
    await mutate(app, project.key, "createConnector", input);
    const made = await mutate(
      app,
      project.key,
      "createAuthConfig",
      { connectorSlug: slug, name: "Own" },
      "authConfig { id clientId }",
    );
    expect(clientIds()).toContain(made.authConfig.clientId);
    await mutate(app, key, "deleteProject", { id: project.id, confirm: true }, "deletedId");
    await expect.poll(clientIds).not.toContain(made.authConfig.clientId);
    await expect.poll(() => dataKeys(app, project.id), { timeout: 30_000 }).toEqual([]);
  });

  test("is asked for again where the provider is down, and after a day no more", async () => {
    let status = 503;
    const server: Awaited<ReturnType<typeof registrar>> = await registrar((request, response, raw) =>
      request.method === "DELETE" ? json(response, status, {}) : accept(() => managed(server.url))(request, response, raw),
    );
    const managed = (url: string) => ({
      registration_client_uri: `${url}/register/made-1`,
      registration_access_token: "manage-0123456789",
    });
    const { slug } = await connector(server.url);
    const asked = () => server.requests.filter(({ method }) => method === "DELETE");
    // Until the answer is written down, too: it says when the next time is.
    const refused = async (times: number) => {
      await expect.poll(() => asked().length).toBe(times);
      const under = { clientId: "made-1", leaseUntil: { not: null } };
      await expect.poll(() => app.services.database.prisma.clientRegistration.count({ where: under })).toBe(0);
    };
    const first = await registeredAt(slug);
    try {
      await remove(first.id);
      await refused(1);
      expect(asked()[0]).toMatchObject({ path: "/register/made-1", headers: { authorization: "Bearer manage-0123456789" } });
      status = 204;
      await moveClock(app, HOUR);
      await expect.poll(() => removals(first.id), { timeout: 30_000 }).toMatchObject([{ outcome: "ALLOWED" }]);
      expect(asked()).toHaveLength(2);

      status = 503;
      const second = await registeredAt(slug);
      await remove(second.id);
      await refused(3);
      await moveClock(app, 26 * HOUR);
      await expect
        .poll(() => removals(second.id), { timeout: 30_000 })
        .toEqual([{ outcome: "FAILED", details: { clientId: "made-1", providerStatus: 503 } }]);
      // Who refuses for good is not asked again.
      status = 403;
      const third = await registeredAt(slug);
      await remove(third.id);
      await expect.poll(() => removals(third.id)).toMatchObject([{ outcome: "FAILED", details: { providerStatus: 403 } }]);
      expect(asked()).toHaveLength(5);
    } finally {
      await moveClock(app, 0);
    }
  });
});
