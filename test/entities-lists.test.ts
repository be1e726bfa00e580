import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { list, mutate } from "./support/entities.ts";
import { run, send } from "./support/graphql.ts";
import { createProject } from "./support/matrix-world.ts";
import { connect, createConfig, createSession, createUser, initiate } from "./support/seed.ts";

let app: TestApp;
let key: string;
const SIZE = 7;

beforeAll(async () => {
  app = await startTestApp();
  // A project that holds just what these tests put into it.
  key = (await createProject(app, "Lists")).key;
  for (let index = 0; index < SIZE; index++) {
    const user = await createUser(app, key, `list-${index}`);
    const config = await createConfig(app, key, { name: `Config ${index}` });
    await initiate(app, key, { target: { authConfigId: config.id }, user: { id: user.id } });
    await mutate(app, key, "createApiKey", { name: `Key ${index}`, role: "VIEWER" });
  }
});
afterAll(() => app?.close());

const LISTS = ["authConfigs", "users", "connectionRequests", "apiKeys", "auditEvents", "connectors"];

async function codeOf(name: string, args: string): Promise<string | undefined> {
  const { data, errors } = await send<Record<string, unknown>, object>(
    app,
    key,
    `query Page { ${name}(${args}) { totalCount nodes { id } } }`,
  );
  expect(data?.[name] ?? null).toBeNull();
  return errors?.[0]?.extensions.code;
}

describe.each(LISTS)("the list %s", (name) => {
  // Of the connectors, so many as one page can hold.
  const some = name === "connectors" ? 'filter: { category: "accounting" }, ' : "";
  const page = (args: string) => list(app, key, name, some + args);
  const ids = ({ nodes }: { nodes: { id: string }[] }) => nodes.map(({ id }) => id);

  test("pages forwards and backwards over the same elements, once each", async () => {
    const all = ids(await page("first: 100"));
    expect(all.length).toBeGreaterThanOrEqual(SIZE);
    const forwards: string[] = [];
    for (let after = "null"; ; ) {
      const { nodes, edges, pageInfo, totalCount } = await page(`first: 3, after: ${after}`);
      expect([ids({ nodes }), totalCount]).toEqual([edges.map(({ node }) => node.id), all.length]);
      expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual([edges[0]!.cursor, edges.at(-1)!.cursor]);
      expect(pageInfo.hasPreviousPage).toBe(after !== "null");
      forwards.push(...ids({ nodes }));
      if (!pageInfo.hasNextPage) break;
      after = JSON.stringify(pageInfo.endCursor);
    }
    expect(forwards).toEqual(all);
    const backwards: string[] = [];
    for (let before = "null"; ; ) {
      const { nodes, pageInfo } = await page(`last: 3, before: ${before}`);
      backwards.unshift(...ids({ nodes }));
      if (!pageInfo.hasPreviousPage) break;
      before = JSON.stringify(pageInfo.startCursor);
    }
    expect(backwards).toEqual(all);
  });

  test("has pages of 0 to 100, 20 where nothing is said, and refuses others with a typed error", async () => {
    expect(ids(await page("first: 0"))).toEqual([]);
    expect((await page("first: 0")).totalCount).toBeGreaterThanOrEqual(SIZE);
    expect(ids(await page("first: 100")).length).toBeLessThanOrEqual(100);
    expect(ids(await page("first: null")).length).toBeLessThanOrEqual(20);
    for (const args of ["first: 101", "first: -1", "last: 101", "last: -1", "first: 1, last: 1"]) {
      expect(await codeOf(name, args), args).toBe("BAD_REQUEST");
    }
  });

  test("refuses what is no cursor of its own with a typed error", async () => {
    const forged = [["createdAt-,id-", 1, "x"], ["x"], {}, null, ["createdAt-,id-", 1, "00000000-0000-0000-0000-00000000000g"]];
    const texts = ["garbage", "", "%%%", ...forged.map((value) => Buffer.from(JSON.stringify(value)).toString("base64url"))];
    for (const text of texts) {
      expect(await codeOf(name, `first: 1, after: ${JSON.stringify(text)}`), `after ${text}`).toBe("BAD_REQUEST");
      expect(await codeOf(name, `last: 1, before: ${JSON.stringify(text)}`), `before ${text}`).toBe("BAD_REQUEST");
    }
  });
});

describe("order and filters", () => {
  const names = async (args: string) => (await list(app, key, "authConfigs", args, "name")).nodes.map(({ name }) => name);

  test("run as they say", async () => {
    const all = Array.from({ length: SIZE }, (_, index) => `Config ${index}`);
    expect(await names("")).toEqual(all.toReversed());
    expect(await names("orderBy: { field: NAME, direction: ASC }")).toEqual(all);
    expect(await names("orderBy: { field: CREATED_AT, direction: ASC }")).toEqual(all);
    expect(await names('filter: { search: "FIG 3" }')).toEqual(["Config 3"]);
    expect(await names('filter: { search: "%" }')).toEqual([]);
    expect(await names('filter: { search: "_" }')).toEqual([]);
    expect(await names('filter: { connectorSlug: "github" }')).toEqual([]);
    expect(await names("filter: { kind: [CUSTOM] }")).toEqual([]);
    expect(await names("filter: { kind: [OAUTH2_PROVIDER], scheme: [OAUTH2], status: [ACTIVE] }, first: 100")).toHaveLength(SIZE);
    for (const nobody of ["status: []", "kind: []", "scheme: []"])
      expect(await names(`filter: { ${nobody} }`), nobody).toEqual([]);
    for (const root of ["credentials", "connectionRequests"]) {
      expect((await list(app, key, root, "filter: { status: [] }")).totalCount, root).toBe(0);
    }
    expect((await list(app, key, "connectionRequests", "filter: { status: [PENDING, ACTIVE] }")).totalCount).toBe(SIZE);
  });

  test("a cursor of one order is none of another", async () => {
    const { pageInfo } = await list(app, key, "authConfigs", "first: 1");
    expect(await codeOf("authConfigs", `orderBy: { field: NAME, direction: ASC }, after: "${pageInfo.endCursor}"`)).toBe(
      "BAD_REQUEST",
    );
  });

  test("those that were never used come last, and pages run over them", async () => {
    const args = "orderBy: { field: LAST_USED_AT, direction: DESC }";
    const whole = await list(app, key, "authConfigs", `${args}, first: 100`);
    const first = await list(app, key, "authConfigs", `${args}, first: 3`);
    const second = await list(app, key, "authConfigs", `${args}, first: 100, after: "${first.pageInfo.endCursor}"`);
    expect([...first.nodes, ...second.nodes]).toEqual(whole.nodes);
  });

  test("refuses a search that is meant for the database, not for people, without an error", async () => {
    for (const search of ["' OR 1=1 --", "\\", "a".repeat(5_000), "\u202e", "💥"]) {
      const query =
        "query Search($search: String) { users(filter: { search: $search }) { totalCount } authConfigs(filter: { search: $search }) { totalCount } connectors(filter: { search: $search }) { nodes { id } } }";
      expect(await run(app, key, query, { search })).toMatchObject({ users: { totalCount: 0 }, authConfigs: { totalCount: 0 } });
    }
  });
});

describe("what a user session sees", () => {
  test("of an auth config is what it needs to connect, and its own credentials and counts", async () => {
    const config = await createConfig(app, key, { description: "For us", scopes: ["openid", "offline_access"] });
    const first = await connect(app, key, { authConfigId: config.id });
    const second = await connect(app, key, { authConfigId: config.id, choice: { account: "grace" } });
    const query = `query Seen { authConfig(id: "${config.id}") {
      id name description status statusReason ownApp clientId hasClientSecret clientSecretExpiresAt scopes redirectUri flows parameters
      presetFields version lastUsedAt schemeKey scheme connector { slug } credentialFields { name } initiationFields { name }
      credentialCount credentials { totalCount nodes { id } }
    } }`;
    const hidden = [
      "description",
      "statusReason",
      "ownApp",
      "clientId",
      "hasClientSecret",
      "clientSecretExpiresAt",
      "scopes",
      "redirectUri",
      "flows",
      "parameters",
      "presetFields",
      "version",
      "lastUsedAt",
    ];
    const seen = (await run<{ authConfig: Record<string, unknown> }, object>(app, first.session, query)).authConfig;
    expect(Object.fromEntries(hidden.map((field) => [field, seen[field]]))).toEqual(
      Object.fromEntries(hidden.map((field) => [field, null])),
    );
    expect(seen).toMatchObject({
      name: expect.any(String),
      status: "ACTIVE",
      connector: { slug: "sandbox" },
      credentialFields: [],
      initiationFields: [],
    });
    expect(seen).toMatchObject({ credentialCount: 1, credentials: { totalCount: 1, nodes: [{ id: first.credential!.id }] } });
    const whole = (await run<{ authConfig: Record<string, unknown> }, object>(app, key, query)).authConfig;
    expect(whole).toMatchObject({
      description: "For us",
      ownApp: false,
      credentialCount: 2,
      credentials: { totalCount: 2 },
      version: 1,
    });
    expect(second.credential!.id).not.toBe(first.credential!.id);
  });

  test("of its user is all but the metadata; of the project no settings", async () => {
    const { user } = await mutate(
      app,
      key,
      "upsertUser",
      { externalId: randomUUID(), email: "a@example.com", metadata: { secret: 1 } },
      "user { id }",
    );
    const session = await createSession(app, key, user.id);
    const query = `query Self { viewer { role user { id email metadata credentials { totalCount } connectionRequests { totalCount } } apiKey { id }
      project { name allowedReturnUrls allowedOrigins verifyUrl } } }`;
    expect(await run(app, session, query)).toEqual({
      viewer: {
        role: "END_USER",
        user: {
          id: user.id,
          email: "a@example.com",
          metadata: null,
          credentials: { totalCount: 0 },
          connectionRequests: { totalCount: 0 },
        },
        apiKey: null,
        project: { name: "Lists", allowedReturnUrls: null, allowedOrigins: null, verifyUrl: null },
      },
    });
  });

  test("through relations is never another's: its credential's config, connector and user lead to its own only", async () => {
    const config = await createConfig(app, key);
    const own = await connect(app, key, { authConfigId: config.id });
    const other = await connect(app, key, { authConfigId: config.id, choice: { account: "alan" } });
    const query = `query Around { credentials(first: 2) { nodes {
      authConfig { credentials { nodes { id } } connector { viewerCredentials { nodes { id } } authConfigs(first: 9) { nodes { credentials { nodes { id } } } } } }
      user { credentials { nodes { id } } connectionRequests { nodes { credential { id } } } }
    } } }`;
    const text = JSON.stringify(await run(app, own.session, query));
    expect(text).toContain(own.credential!.id);
    expect(text).not.toContain(other.credential!.id);
    const filtered = `query Filtered($user: ID!) { credentials(filter: { user: { id: $user } }) { totalCount nodes { id } } connectionRequests(filter: { user: { id: $user } }) { totalCount } }`;
    expect(await run(app, own.session, filtered, { user: other.userId })).toEqual({
      credentials: { totalCount: 0, nodes: [] },
      connectionRequests: { totalCount: 0 },
    });
  });
});

test("ids are prefixed, unique over all types, and found again by node", async () => {
  const query = `query Ids { users { nodes { __typename id } } authConfigs { nodes { __typename id } } connectionRequests { nodes { __typename id } }
    apiKeys { nodes { __typename id } } auditEvents { nodes { __typename id } } connectors(first: 3) { nodes { __typename id } } viewer { project { __typename id } } }`;
  const { viewer, ...lists } = await run<
    { viewer: { project: { __typename: string; id: string } }; [list: string]: unknown },
    object
  >(app, key, query);
  const objects = [
    viewer.project,
    ...Object.values(lists).flatMap((page) => (page as { nodes: { __typename: string; id: string }[] }).nodes),
  ];
  const prefixes: Record<string, string> = {
    Project: "proj",
    User: "usr",
    AuthConfig: "ac",
    ConnectionRequest: "req",
    ApiKey: "key",
    AuditEvent: "aud",
    Connector: "conn",
  };
  for (const { __typename, id } of objects) expect(id.startsWith(`${prefixes[__typename]}_`), id).toBe(true);
  expect(new Set(objects.map(({ id }) => id)).size).toBe(objects.length);
  const found = await run<{ nodes: unknown[] }, object>(
    app,
    key,
    "query Again($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }",
    {
      ids: objects.slice(0, 100).map(({ id }) => id),
    },
  );
  expect(found.nodes).toEqual(objects.slice(0, 100));
});
