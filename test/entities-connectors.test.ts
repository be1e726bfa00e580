import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { type Fields, faults, list, mutate } from "./support/entities.ts";
import { run } from "./support/graphql.ts";
import { connect, createConfig, createSession, createUser, goToCallback, initiate } from "./support/seed.ts";

let app: TestApp;
let key: string;
let developer: string;
let issuer: string;
beforeAll(async () => {
  app = await startTestApp();
  key = app.adminKey;
  issuer = app.sandbox!.issuer;
  developer = (await mutate(app, key, "createApiKey", { name: "dev", role: "DEVELOPER" }, "key")).key;
});
afterAll(() => app?.close());

const slugs = async (args: string, token = key) =>
  (await list(app, token, "connectors", args, "slug")).nodes.map(({ slug }) => slug);
const newSlug = () => `own-${randomUUID().slice(0, 8)}`;
const endpoints = () => ({
  authorizationUrl: `${issuer}/auth`,
  tokenUrl: `${issuer}/token`,
  userinfoUrl: `${issuer}/me`,
  revocationUrl: `${issuer}/token/revocation`,
});
const create = (input: object, token = key) =>
  mutate(
    app,
    token,
    "createConnector",
    { slug: newSlug(), name: "Own", ...input },
    "connector { id slug redirectUri kind description }",
  );

/** A config of the connector, with a client of its own at the sandbox. */
async function configure(connector: Fields) {
  const client = await app.sandbox!.control.createClient({ redirectUris: [String(connector.redirectUri)] });
  const { clientId, clientSecret } = client;
  return createConfig(app, key, { connectorSlug: String(connector.slug), clientId, clientSecret });
}

describe("the list of connectors", () => {
  test("searches, and filters by slug, category, kind, scheme and whether one can connect", async () => {
    expect((await slugs('filter: { search: "hub" }'))[0]).toMatch(/hub/);
    expect((await slugs('filter: { search: "hubspot" }'))[0]).toBe("hubspot");
    expect(await slugs('filter: { search: "no such thing anywhere" }')).toEqual([]);
    expect((await slugs('filter: { slugs: ["github", "nobody", "google"] }')).toSorted()).toEqual(["github", "google"]);
    const categories = await run<{ connectorCategories: { slug: string; connectorCount: number }[] }, object>(
      app,
      key,
      "query Categories { connectorCategories { slug name connectorCount } }",
    );
    for (const { slug, connectorCount } of categories.connectorCategories) {
      expect((await list(app, key, "connectors", `filter: { category: "${slug}" }`)).totalCount, slug).toBe(connectorCount);
    }
    const { connector } = await create({ scheme: { oauth2: endpoints() } });
    expect(await slugs("filter: { kind: [CUSTOM] }")).toContain(connector.slug);
    expect(await slugs("filter: { kind: [OAUTH2_PROVIDER] }, first: 100")).not.toContain(connector.slug);
    expect(await slugs("filter: { scheme: [NONE] }")).toContain("youcanbook-me-public");
    expect(await slugs('filter: { scheme: [NONE], slugs: ["github", "twilio"] }')).toEqual([]);
    expect(await slugs("filter: { connectable: true }")).not.toContain("github");
    await createConfig(app, key, { connectorSlug: "github", clientId: "c", clientSecret: "s" });
    expect(await slugs("filter: { connectable: true }")).toContain("github");
    expect(await slugs("filter: { connectable: false }, first: 100")).not.toContain("github");
  });

  test("is ordered by name, or the other way round, and pages without gap or overlap", async () => {
    const some = 'filter: { category: "accounting" }';
    const all = await slugs(`${some}, first: 100`);
    expect(all.length).toBeGreaterThan(10);
    expect(await slugs(`${some}, first: 100, orderBy: { field: NAME, direction: DESC }`)).toEqual(all.toReversed());
    const walked: unknown[] = [];
    for (let after = ""; ; ) {
      const page = await list(app, key, "connectors", `${some}, first: 5${after && `, after: "${after}"`}`, "slug");
      expect(page.totalCount).toBe(all.length);
      walked.push(...page.nodes.map(({ slug }) => slug));
      if (!page.pageInfo.hasNextPage) break;
      after = page.pageInfo.endCursor!;
    }
    expect(walked).toEqual(all);
  });

  test("shows a session the connectors that it may connect, and its own credentials with them", async () => {
    const config = await createConfig(app, key);
    const { session } = await connect(app, key, { authConfigId: config.id });
    const limited = await createSession(app, key, (await createUser(app, key)).id, { connectorSlugs: ["sandbox", "slack"] });
    expect(await slugs("", session)).toContain("sandbox");
    expect(await slugs("first: 100", session)).not.toContain("slack");
    expect((await slugs("", limited)).toSorted()).toEqual(["sandbox", "slack"]);
    const own = 'filter: { slugs: ["sandbox"] }';
    const select = "viewerCredentials { totalCount }";
    expect((await list(app, session, "connectors", own, select)).nodes[0]).toEqual({ viewerCredentials: { totalCount: 1 } });
    expect((await list(app, limited, "connectors", own, select)).nodes[0]).toEqual({ viewerCredentials: { totalCount: 0 } });
    expect((await list(app, key, "connectors", own, select)).nodes[0]).toEqual({ viewerCredentials: { totalCount: 0 } });
  });
});

describe("a connector of one's own", () => {
  test("connects an account, with endpoints given by hand and an account path", async () => {
    const api = { baseUrl: `${issuer}/api`, verification: { method: "GET", path: "/me" } };
    const scheme = { oauth2: { ...endpoints(), scope: "openid profile email offline_access", accountIdPath: "sub" } };
    const { connector } = await create({ scheme, ...api });
    expect(connector).toMatchObject({ kind: "CUSTOM", redirectUri: `${app.url}/oauth/callback/${connector.id}` });
    expect(connector.id).toMatch(/^ccn_/);
    const config = await configure(connector);
    expect(config).toMatchObject({
      scopes: ["openid", "profile", "email", "offline_access"],
      redirectUri: connector.redirectUri,
    });
    const { credential } = await connect(app, key, { authConfigId: config.id });
    expect(credential).toMatchObject({ status: "ACTIVE", account: { id: "ada" } });
    const tested = await mutate(app, key, "testCredential", { id: credential!.id }, "result { ok code }");
    expect(tested).toMatchObject({ result: { ok: true } });
    const { revealed } = await mutate(app, key, "revealCredential", { id: credential!.id }, "revealed { accessToken }");
    const me = await fetch(`${issuer}/api/me`, { headers: { authorization: `Bearer ${revealed.accessToken}` } });
    expect(await me.json()).toMatchObject({ id: "ada" });
    expect((await mutate(app, key, "refreshCredential", { id: credential!.id })).__typename).toBe("RefreshCredentialPayload");
  });

  test("connects an account, with endpoints found out from its issuer", async () => {
    const { connector } = await create({ scheme: { oauth2: { issuer, scope: "openid,profile" } } });
    const config = await configure(connector);
    expect(config.scopes).toEqual(["openid", "profile"]);
    const { credential } = await connect(app, key, { authConfigId: config.id, choice: { account: "grace" } });
    expect(credential).toMatchObject({ status: "ACTIVE", account: { id: "grace" } });
  });

  test.each([
    ["spaces", { scope: "a b  c" }, "a b c"],
    ["commas", { scope: "a, b,c" }, "a,b,c"],
    ["a list", { scopes: ["a", "b:c"] }, "a b:c"],
    ["a list and a separator", { scopes: ["a", "b"], scopeSeparator: "," }, "a,b"],
  ])("takes scopes as %s, and asks for them so", async (_form, given, asked) => {
    const { connector } = await create({ scheme: { oauth2: { ...endpoints(), ...given } } });
    const config = await configure(connector);
    const request = await initiate(app, key, { target: { authConfigId: config.id }, projectOwned: true });
    const to = await fetch(request.authorizationUrl!, { redirect: "manual" });
    expect(new URL(to.headers.get("location")!).searchParams.get("scope")).toBe(asked);
  });

  test.each([
    ["a built-in slug", { slug: "github", scheme: { oauth2: {} } }, "slug NOT_ALLOWED"],
    [
      "a slug of the wrong form",
      { slug: "Not A Slug", scheme: { oauth2: { authorizationUrl: "https://a.example/", tokenUrl: "https://a.example/" } } },
      "slug PATTERN",
    ],
    [
      "no endpoints and no issuer",
      { scheme: { oauth2: { authorizationUrl: "https://a.example/a" } } },
      "scheme.oauth2.tokenUrl REQUIRED",
    ],
    [
      "plain http",
      { scheme: { oauth2: { authorizationUrl: "http://a.example/a", tokenUrl: "https://a.example/t" } } },
      "scheme.oauth2.authorizationUrl PATTERN",
    ],
    [
      "a password in a URL",
      { scheme: { oauth2: { authorizationUrl: "https://a.example/a", tokenUrl: "https://u:p@a.example/t" } } },
      "scheme.oauth2.tokenUrl PATTERN",
    ],
    [
      "a parameter of the protocol",
      {
        scheme: {
          oauth2: {
            authorizationUrl: "https://a.example/a",
            tokenUrl: "https://a.example/t",
            authorizationParameters: { state: "x" },
          },
        },
      },
      "scheme.oauth2.authorizationParameters.state NOT_ALLOWED",
    ],
    [
      "a verification without an API",
      {
        scheme: { oauth2: { authorizationUrl: "https://a.example/a", tokenUrl: "https://a.example/t" } },
        verification: { method: "GET", path: "/me" },
      },
      "baseUrl REQUIRED",
    ],
  ])("is refused with %s", async (_what, input, expected) => {
    expect(faults(await create(input))).toBe(expected);
  });

  test("is refused where the issuer cannot be asked, or is somebody else, and nothing is kept", async () => {
    const before = (await list(app, key, "connectors")).totalCount;
    const oauth2 = (url: string) => ({ scheme: { oauth2: { issuer: url } } });
    expect((await create(oauth2(`${issuer}/nothing-here`))).__typename).toBe("ProviderError");
    // Another port of this machine is not the sandbox: the egress door refuses it.
    expect((await create(oauth2("http://127.0.0.1:9"))).__typename).toBe("ProviderError");
    expect((await create(oauth2(issuer.replace("127.0.0.1", "localhost")))).__typename).toBe("ProviderError");
    expect((await list(app, key, "connectors")).totalCount).toBe(before);
  });

  test("has a slug that is the project's only one", async () => {
    const slug = newSlug();
    const scheme = { oauth2: endpoints() };
    const both = await Promise.all([create({ slug, scheme }), create({ slug, scheme })]);
    expect(both.map((answer) => answer.code ?? "made").toSorted()).toEqual(["DUPLICATE_NAME", "made"]);
  });

  test("changes what is given, clears what is null, and keeps the rest", async () => {
    const { connector } = await create({
      scheme: { oauth2: endpoints() },
      description: "First",
      docsUrl: "https://docs.example",
    });
    const update = (input: object) =>
      mutate(app, developer, "updateConnector", { id: connector.id, ...input }, "connector { name description docsUrl slug }");
    expect((await update({ name: "Renamed" })).connector).toEqual({
      name: "Renamed",
      description: "First",
      docsUrl: "https://docs.example",
      slug: connector.slug,
    });
    expect((await update({ description: null })).connector).toMatchObject({ name: "Renamed", description: null });
    expect(faults(await update({ name: null }))).toBe("name REQUIRED");
    expect(faults(await mutate(app, key, "updateConnector", { id: "conn_github", name: "Mine" }))).toBe(
      "NotFoundError NOT_FOUND",
    );
  });

  test("tells who may change it what it was made from, as it was given, ready to be given again", async () => {
    const oauth2 = { ...endpoints(), scope: "openid,notes:read", refreshParameters: { audience: "acme" } };
    const verification = { method: "GET", path: "/api/me" };
    const { connector } = await create({ scheme: { oauth2 }, baseUrl: issuer, verification });
    const { slug, id } = connector as { slug: string; id: string };
    const definition = async (token: string) =>
      (
        await run<{ connector: { definition: object | null } }, object>(
          app,
          token,
          "query ($slug: String!) { connector(slug: $slug) { definition } }",
          { slug },
        )
      ).connector.definition;
    const given = { baseUrl: issuer, scheme: { oauth2 }, verification };
    expect(await definition(developer)).toEqual(given);
    expect((await create({ ...(await definition(key)) })).__typename).toBe("CreateConnectorPayload");
    await mutate(app, key, "updateConnector", { id, name: "Renamed", verification: { method: "HEAD", path: "/" } });
    expect(await definition(key)).toEqual({ ...given, verification: { method: "HEAD", path: "/" } });
    const scheme = { oauth2: { ...endpoints(), scope: "openid notes:read" } };
    expect(await mutate(app, key, "updateConnector", { id, scheme, verification: null })).not.toHaveProperty("code");
    expect(await definition(key)).toEqual({ baseUrl: issuer, scheme });
    const viewer = (await mutate(app, key, "createApiKey", { name: "viewer", role: "VIEWER" }, "key")).key;
    expect(await definition(viewer)).toBeNull();
    const config = await configure(connector);
    const session = await createSession(app, key, (await createUser(app, key)).id);
    expect(config.id).toBeTruthy();
    expect(await definition(session)).toBeNull();
  });

  test("moves to another origin only by an ADMIN who confirms; then what was connected is INVALID and the secret wanted again", async () => {
    const { connector } = await create({ scheme: { oauth2: { issuer, scope: "openid offline_access" } } });
    const config = await configure(connector);
    const { credential } = await connect(app, key, { authConfigId: config.id });
    const moved = {
      id: connector.id,
      scheme: { oauth2: { authorizationUrl: "https://new.example/a", tokenUrl: "https://new.example/t" } },
    };
    expect((await mutate(app, developer, "updateConnector", { ...moved, confirm: true })).__typename).toBe("ForbiddenError");
    const asked = await mutate(app, key, "updateConnector", moved);
    expect(asked).toMatchObject({
      __typename: "InUseError",
      impact: { activeCredentialCount: 1, userCount: 1, credentials: { totalCount: 1 } },
    });
    expect((await mutate(app, key, "updateConnector", { ...moved, confirm: true })).__typename).toBe("UpdateConnectorPayload");
    const read = `query After { credential(id: "${credential!.id}") { status statusReason authConfig { status statusReason hasClientSecret } } }`;
    const after = await run<{ credential: object }, object>(app, key, read);
    expect(after.credential).toMatchObject({ status: "INVALID", authConfig: { status: "ERROR", hasClientSecret: false } });
  });

  test("shows whom another way to use the secrets would touch, first; what touches nobody is done at once", async () => {
    const { connector } = await create({ scheme: { oauth2: { ...endpoints(), scope: "openid" } } });
    const config = await configure(connector);
    const { credential } = await connect(app, key, { authConfigId: config.id });
    const update = (oauth2: object, confirm?: boolean) =>
      mutate(app, developer, "updateConnector", { id: connector.id, scheme: { oauth2: { ...endpoints(), ...oauth2 } }, confirm });
    expect((await update({ scope: "openid profile" })).__typename).toBe("UpdateConnectorPayload");
    const changed = { scope: "openid profile", tokenAuthMethod: "CLIENT_SECRET_POST" };
    const asked = await update(changed);
    expect(asked).toMatchObject({ __typename: "InUseError", impact: { activeCredentialCount: 1, userCount: 1 } });
    expect(asked.message).toContain("confirm: true");
    expect((await update(changed, true)).__typename).toBe("UpdateConnectorPayload");
    const read = `query Still { credential(id: "${credential!.id}") { status } }`;
    expect(await run(app, key, read)).toEqual({ credential: { status: "ACTIVE" } });
  });

  test("takes its configs and credentials with it, and whoever takes the slug next gets none of them", async () => {
    const { connector } = await create({ scheme: { oauth2: { issuer, scope: "openid" } } });
    const config = await configure(connector);
    const { credential, session } = await connect(app, key, { authConfigId: config.id });
    expect((await mutate(app, developer, "deleteConnector", { id: connector.id })).__typename).toBe("ForbiddenError");
    const asked = await mutate(app, key, "deleteConnector", { id: connector.id });
    expect(asked).toMatchObject({ __typename: "InUseError", impact: { activeCredentialCount: 1 } });
    const { deletedId } = await mutate(app, key, "deleteConnector", { id: connector.id, confirm: true }, "deletedId");
    expect(deletedId).toBe(connector.id);
    const ids = JSON.stringify([connector.id, config.id, credential!.id]);
    const gone = await run<{ nodes: unknown[] }, object>(app, key, `query Gone { nodes(ids: ${ids}) { id } }`);
    expect(gone.nodes).toEqual([null, null, null]);
    const { connector: next } = await create({ slug: connector.slug, scheme: { oauth2: endpoints() } });
    expect(next.id).not.toBe(connector.id);
    const read = `query Next { connector(slug: "${connector.slug}") { id authConfigs { totalCount } } }`;
    expect(await run(app, key, read)).toEqual({ connector: { id: next.id, authConfigs: { totalCount: 0 } } });
    // The history of the one that is gone still tells its name.
    const history = await run<{ connectionRequests: { nodes: object[] } }, object>(
      app,
      session,
      "query History { connectionRequests { nodes { status connector { name id } } } }",
    );
    expect(history.connectionRequests.nodes).toEqual([{ status: "ACTIVE", connector: { name: "Own", id: connector.id } }]);
  });

  test("cannot answer another connector's callback", async () => {
    const { connector } = await create({ scheme: { oauth2: { issuer, scope: "openid" } } });
    const config = await configure(connector);
    const request = await initiate(app, key, { target: { authConfigId: config.id }, projectOwned: true });
    const { callbackUrl, cookieJar } = await goToCallback(app, request.authorizationUrl!);
    expect(callbackUrl).toContain(`/oauth/callback/${connector.id}?`);
    const headers = { cookie: cookieJar.header(callbackUrl) };
    const crossed = await fetch(callbackUrl.replace(connector.id, "sandbox"), { headers });
    expect(crossed.status).toBeGreaterThanOrEqual(400);
    expect(app.sandbox!.control.log().filter(({ clientId }) => clientId === config.clientId)).toEqual([]);
  });
});
