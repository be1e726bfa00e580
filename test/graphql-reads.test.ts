import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { JOB_NAMES } from "../src/jobs/index.ts";
import { decodeId, encodeId, newId } from "../src/lib/ids.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { run, send } from "./support/graphql.ts";
import { createConfig, createSession, createUser } from "./support/seed.ts";

const COUNT = 25;

let app: TestApp;
let user: { id: string };
let session: string;
let config: { id: string };

beforeAll(async () => {
  // Statements are counted below, and the jobs make some of their own.
  app = await startTestApp({ MOORLINE_SKIP_JOBS: JOB_NAMES.join(",") });
  user = await createUser(app, app.adminKey);
  session = await createSession(app, app.adminKey, user.id);
  config = await createConfig(app, app.adminKey, { clientId: "client", clientSecret: "secret" });
  const other = await createUser(app, app.adminKey);
  const { prisma } = app.services.database;
  const { projectId } = await prisma.authConfig.findFirstOrThrow();
  const start = Date.now();
  await prisma.credential.createMany({
    data: Array.from({ length: COUNT }, (_, index) => ({
      id: newId(),
      projectId,
      // Every fifth is another user's; times coincide, and every third was never used.
      userId: decodeId("User", index % 5 === 0 ? other.id : user.id),
      authConfigId: decodeId("AuthConfig", config.id) ?? "",
      connectorSlug: "sandbox",
      schemeType: "OAUTH2",
      label: `c${index}`,
      createdAt: new Date(start - Math.floor(index / 4) * 1000),
      lastUsedAt: index % 3 ? new Date(start - Math.floor(index / 6) * 1000) : null,
    })),
  });
});

afterAll(() => app?.close());

const PAGE = `query Page($first: Int, $after: String, $last: Int, $before: String, $orderBy: CredentialOrder) {
  credentials(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
    nodes { id label } edges { cursor node { id } } totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;

interface PageData {
  credentials: {
    nodes: { id: string; label: string }[];
    edges: { cursor: string; node: { id: string } }[];
    totalCount: number;
    pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
  };
}

async function page(variables: object): Promise<PageData["credentials"]> {
  return (await run<PageData, object>(app, app.adminKey, PAGE, variables)).credentials;
}

describe("connections", () => {
  const orders = [
    null,
    ...["CREATED_AT", "LAST_USED_AT", "EXPIRES_AT"].flatMap((field) =>
      ["ASC", "DESC"].map((direction) => ({ field, direction })),
    ),
  ];

  it.each(orders)("show every object once, the same forwards and backwards, ordered by %o", async (orderBy) => {
    const forwards: string[] = [];
    for (let after: string | null = null, more = true; more; ) {
      const { nodes, pageInfo, totalCount }: PageData["credentials"] = await page({ first: 7, after, orderBy });
      forwards.push(...nodes.map((node) => node.id));
      expect(totalCount).toBe(COUNT);
      ({ endCursor: after, hasNextPage: more } = pageInfo);
    }
    const backwards: string[] = [];
    for (let before: string | null = null, more = true; more; ) {
      const { nodes, pageInfo }: PageData["credentials"] = await page({ last: 7, before, orderBy });
      backwards.unshift(...nodes.map((node) => node.id));
      ({ startCursor: before, hasPreviousPage: more } = pageInfo);
    }
    expect(new Set(forwards).size).toBe(COUNT);
    expect(backwards).toEqual(forwards);
  });

  it("go on at the same place when the object at the cursor is gone", async () => {
    const { edges, nodes } = await page({ first: 10 });
    const id = decodeId("Credential", nodes[4]?.id ?? "") ?? "";
    const { prisma } = app.services.database;
    await prisma.credential.update({ where: { id }, data: { deletedAt: new Date() } });
    const next = await page({ first: 5, after: edges[4]?.cursor });
    await prisma.credential.update({ where: { id }, data: { deletedAt: null } });
    expect(next.nodes.map((node) => node.label)).toEqual(nodes.slice(5).map((node) => node.label));
  });

  it.each([
    { first: 101 },
    { first: -1 },
    { last: 101 },
    { first: 5, last: 5 },
    { after: "" },
    { after: "garbage" },
    { before: Buffer.from('["createdAt-,id-",1,"x"]').toString("base64url") },
    { after: Buffer.from('["createdAt-,id-",1e300,"00000000-0000-0000-0000-000000000000"]').toString("base64url") },
  ])("refuse %o as BAD_REQUEST", async (variables) => {
    const { data, errors } = await send(app, app.adminKey, PAGE, variables);
    expect(errors?.map((error) => error.extensions.code)).toEqual(["BAD_REQUEST"]);
    expect(data).toEqual({ credentials: null });
  });

  it("refuse a cursor of another ordering", async () => {
    const { pageInfo } = await page({ first: 1 });
    const { errors } = await send(app, app.adminKey, PAGE, {
      after: pageInfo.endCursor,
      orderBy: { field: "LAST_USED_AT", direction: "ASC" },
    });
    expect(errors?.[0]?.extensions.code).toBe("BAD_REQUEST");
  });

  it("tell of an empty page that there is more", async () => {
    const { nodes, pageInfo } = await page({ first: 0 });
    expect([nodes, pageInfo.hasNextPage, pageInfo.endCursor]).toEqual([[], true, null]);
  });
});

describe("statements", () => {
  /** After one round for what is cached, how many statements the same operation takes, besides the look at its token once a second. */
  async function statements(token: string, query: string, variables: object = {}): Promise<number> {
    await run(app, token, query, variables);
    const queries = vi.spyOn(PGlite.prototype, "query");
    try {
      await run(app, token, query, variables);
      return queries.mock.calls.filter(([sql]) => !/"ApiKey"|"UserSession"/.test(String(sql))).length;
    } finally {
      queries.mockRestore();
    }
  }

  it("are one for a credential by its id", async () => {
    const id = (await page({ first: 1 })).nodes[0]?.id;
    expect(
      await statements(app.adminKey, "query One($id: ID!) { credential(id: $id) { id status label scopes { missing } } }", {
        id,
      }),
    ).toBe(1);
  });

  it("are at most four for a page of credentials with connector, user and auth config", async () => {
    const query = "{ credentials(first: 20) { nodes { id connector { name } user { externalId } authConfig { name } } } }";
    expect(await statements(app.adminKey, query)).toBeLessThanOrEqual(4);
    expect(await statements(session, query)).toBeLessThanOrEqual(4);
  });

  it("do not grow with the length of a list of parents", async () => {
    const query = (first: number) => `{ users(first: ${first}) { nodes { credentials(first: 2) { totalCount nodes { id } } } } }`;
    expect(await statements(app.adminKey, query(2))).toBe(await statements(app.adminKey, query(1)));
    const connectors = (first: number) =>
      `{ connectors(first: ${first}) { nodes { connectable viewerCredentials(first: 2) { nodes { id } } } } }`;
    expect(await statements(session, connectors(10))).toBe(await statements(session, connectors(1)));
  });
});

describe("visibility", () => {
  it("keeps a session to its own, on every way there", async () => {
    const own = COUNT - COUNT / 5;
    const data = await run<Record<string, { totalCount: number } | { credentials: { totalCount: number } }>, object>(
      app,
      session,
      `query Ways($config: ID!, $user: ID!) {
        root: credentials { totalCount }
        config: authConfig(id: $config) { credentials { totalCount } }
        user: user(by: { id: $user }) { credentials { totalCount } }
        connector: connector(slug: "sandbox") { credentials: viewerCredentials { totalCount } }
      }`,
      { config: config.id, user: user.id },
    );
    expect(Object.values(data).map((way) => ("credentials" in way ? way.credentials.totalCount : way.totalCount))).toEqual([
      own,
      own,
      own,
      own,
    ]);
  });

  it("answers null to node for what is garbage, unknown or somebody else's", async () => {
    const { credentials } = await run<PageData, object>(app, app.adminKey, PAGE, { first: COUNT });
    const mine = await run<PageData, object>(app, session, PAGE, { first: COUNT });
    const foreign = credentials.nodes.find(({ id }) => !mine.credentials.nodes.some((node) => node.id === id))?.id;
    const ids = [
      foreign,
      "",
      "garbage",
      "cred_x",
      encodeId("Credential", newId()),
      encodeId("AuditEvent", newId()),
      "conn_nothing",
      mine.credentials.nodes[0]?.id,
    ];
    const { nodes } = await run<{ nodes: unknown[] }, object>(
      app,
      session,
      "query Nodes($ids: [ID!]!) { nodes(ids: $ids) { __typename } }",
      { ids },
    );
    expect(nodes).toEqual([null, null, null, null, null, null, null, { __typename: "Credential" }]);
  });

  it("refuses a list that the role may not read with FORBIDDEN, and answers the rest", async () => {
    const { data, errors } = await send(
      app,
      session,
      "{ projects { totalCount } apiKeys { totalCount } auditEvents { totalCount } viewer { role } }",
    );
    expect(errors?.map(({ path, extensions }) => [path?.[0], extensions.code])).toEqual([
      ["projects", "FORBIDDEN"],
      ["apiKeys", "FORBIDDEN"],
      ["auditEvents", "FORBIDDEN"],
    ]);
    expect(data).toEqual({ projects: null, apiKeys: null, auditEvents: null, viewer: { role: "END_USER" } });
  });
});

describe("limits", () => {
  it.each([
    ["depth", `{ authConfigs { nodes { id ${"credentials { nodes { authConfig { ".repeat(5)} id ${"} } }".repeat(5)} } } }`],
    ["aliases", `{ ${Array.from({ length: 101 }, (_, index) => `a${index}: viewer { role }`).join(" ")} }`],
    ["tokens", `{ ${"viewer { role } ".repeat(2_000)} }`],
    ["nesting of a value", `{ connector(slug: ${"[".repeat(2_450)}${"]".repeat(2_450)}) { id } }`],
    ["nesting that is never closed", `{ connector(slug: ${"[".repeat(4_900)}`],
    [
      "fields in nested fragments",
      `{ ...f0 } ${Array.from({ length: 30 }, (_, index) => `fragment f${index} on Query { ...f${index + 1} ...f${index + 1} }`).join(" ")} fragment f30 on Query { viewer { role } }`,
    ],
    ["cost", "{ authConfigs(first: 100) { nodes { credentials(first: 100) { nodes { id label } } } } }"],
  ])("refuse too much %s as QUERY_TOO_COMPLEX", async (_what, query) => {
    expect((await send(app, app.adminKey, query)).errors?.[0]?.extensions.code).toBe("QUERY_TOO_COMPLEX");
  });

  it("count page sizes that are variables", async () => {
    const query = "query Cost($n: Int) { authConfigs(first: $n) { nodes { credentials(first: $n) { nodes { id label } } } } }";
    expect((await send(app, app.adminKey, query, { n: 5 })).errors).toBeUndefined();
    expect((await send(app, app.adminKey, query, { n: 100 })).errors?.[0]?.extensions.code).toBe("QUERY_TOO_COMPLEX");
  });
});
