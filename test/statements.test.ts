import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { authenticate } from "../src/domain/authenticate.ts";
import { visibleRequests } from "../src/domain/connection-request.ts";
import { visibleCredentials } from "../src/domain/credential.ts";
import { readCredential, readRequest } from "../src/domain/hot-reads.ts";
import { JOB_NAMES } from "../src/jobs/index.ts";
import { decodeId, encodeId } from "../src/lib/ids.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { run } from "./support/graphql.ts";
import { connect, createSession, createUser, initiate } from "./support/seed.ts";
import { ask, made } from "./support/typed.ts";

let app: TestApp;
let session: string;
let credentialId: string;
let requestId: string;

beforeAll(async () => {
  // Statements are counted below, and the jobs make some of their own.
  app = await startTestApp({ MOORLINE_SKIP_JOBS: JOB_NAMES.join(",") });
  const first = await connect(app, app.adminKey);
  await connect(app, app.adminKey, { authConfigId: first.authConfigId, choice: { account: "grace" } });
  session = first.session;
  credentialId = first.credential!.id;
  requestId = first.request.id;
});

afterAll(() => app?.close());

/**
 * The SQL that one operation takes, seen where it enters the driver. The first runs are for what is cached and compiled; of the
 * counted ones the shortest is the operation's own.
 */
async function statements(token: string, query: string, variables: object = {}): Promise<string[]> {
  for (let warm = 0; warm < 25; warm += 1) await run(app, token, query, variables);
  const counted: string[][] = [];
  for (let time = 0; time < 4; time += 1) {
    const spy = vi.spyOn(PGlite.prototype, "query");
    try {
      await run(app, token, query, variables);
      counted.push(spy.mock.calls.map(([sql]) => String(sql)));
    } finally {
      spy.mockRestore();
    }
  }
  return counted.reduce((least, each) => (each.length < least.length ? each : least));
}

const isLookup = (sql: string) => /"ApiKey"|"UserSession"/.test(sql);
/** What an operation takes besides the look at its token, which a busy caller is spared for a second. */
const own = (all: string[]) => all.filter((sql) => !isLookup(sql));

describe("the hot operations' SQL statements", () => {
  it("are one for a credential by its id", async () => {
    const query =
      "query Q($id: ID!) { credential(id: $id) { id status enabled label account { id name } scopes { granted missing } createdAt } }";
    for (const token of [app.adminKey, session])
      expect(own(await statements(token, query, { id: credentialId }))).toHaveLength(1);
  });

  it("are one for a page of credentials with connector, user and auth config", async () => {
    const query = `{ credentials(first: 20) { nodes { id status connector { slug name } user { id externalId } authConfig { id name } }
      pageInfo { hasNextPage endCursor } } }`;
    for (const token of [app.adminKey, session]) expect(own(await statements(token, query))).toHaveLength(1);
  });

  it("are one for the page behind a cursor, and one for each table of a filtered page", async () => {
    const first = await run<{ credentials: { pageInfo: { endCursor: string } } }, object>(
      app,
      app.adminKey,
      "{ credentials(first: 1) { pageInfo { endCursor } } }",
    );
    const after = `query Q($after: String) { credentials(first: 20, after: $after) { nodes { id user { id } authConfig { id } } } }`;
    expect(own(await statements(app.adminKey, after, { after: first.credentials.pageInfo.endCursor }))).toHaveLength(1);
    const filtered = `{ credentials(filter: { status: [ACTIVE] }) { nodes { id connector { slug } user { id } authConfig { id } } } }`;
    expect(own(await statements(app.adminKey, filtered)).length).toBeLessThanOrEqual(4);
  });

  it("are one for revealCredential, its audit event included", async () => {
    const query = `mutation Q($id: ID!) { revealCredential(input: { id: $id }) {
      ... on RevealCredentialPayload { revealed { accessToken headers } } } }`;
    const [only, ...more] = own(await statements(app.adminKey, query, { id: credentialId }));
    expect(only).toContain('INSERT INTO "AuditEvent"');
    expect(more).toEqual([]);
  });

  it("are one for revealCredential of what somebody typed, too", async () => {
    const scheme = { basic: {} };
    await ask(app, app.adminKey, "createConnector", { slug: "typed", name: "Typed", baseUrl: "https://api.example", scheme });
    await ask(app, app.adminKey, "createAuthConfig", { connectorSlug: "typed", name: "Typed" });
    const fields = { username: "ada", password: "secret" };
    const input = { target: { connectorSlug: "typed" }, projectOwned: true, fields };
    const { id } = await made(ask(app, app.adminKey, "createCredential", input));
    const query = `mutation Q($id: ID!) { revealCredential(input: { id: $id }) {
      ... on RevealCredentialPayload { revealed { fields headers } } } }`;
    const [only, ...more] = own(await statements(app.adminKey, query, { id }));
    expect(only).toContain('INSERT INTO "AuditEvent"');
    expect(more).toEqual([]);
  });

  it("are one for a call to an API, with what the project presets too", async () => {
    const scheme = { basic: {} };
    await ask(app, app.adminKey, "createConnector", { slug: "called", name: "Called", baseUrl: "https://127.0.0.1:9", scheme });
    const presetCredentialFields = { username: "project" };
    await ask(app, app.adminKey, "createAuthConfig", { connectorSlug: "called", name: "Called", presetCredentialFields });
    const input = { target: { connectorSlug: "called" }, projectOwned: true, fields: { password: "secret" } };
    const { id } = await made(ask(app, app.adminKey, "createCredential", input));
    const query = `mutation Q($id: ID!) { callApi(input: { credentialId: $id, method: "GET", path: "/me" }) {
      ... on UserError { message } } }`;
    const [only, ...more] = own(await statements(app.adminKey, query, { id }));
    expect(only).toContain('INSERT INTO "AuditEvent"');
    expect(more).toEqual([]);
  });

  it("do not grow with the connectors of a page that shows the viewer's credentials", async () => {
    const query = (first: number) =>
      `{ connectors(first: ${first}) { nodes { slug name connectable viewerCredentials(first: 5) { nodes { id status } } } } }`;
    const one = own(await statements(session, query(1)));
    const ten = own(await statements(session, query(10)));
    expect(ten).toHaveLength(one.length);
    expect(ten.length).toBeLessThanOrEqual(4);
  });

  it("look at a token once at most, and not again within a second", async () => {
    const user = await createUser(app, app.adminKey);
    const fresh = await createSession(app, app.adminKey, user.id);
    const spy = vi.spyOn(PGlite.prototype, "query");
    await run(app, fresh, "{ viewer { role } connectors(first: 2) { nodes { slug } } credentials { nodes { id } } }");
    await run(app, fresh, "{ viewer { role } }");
    const lookups = spy.mock.calls.map(([sql]) => String(sql)).filter((sql) => sql.includes('FROM "UserSession"'));
    spy.mockRestore();
    expect(lookups).toHaveLength(1);
  });
});

describe("reads by hand", () => {
  it("see just what Prisma sees, whoever asks", async () => {
    const { services } = app;
    const { prisma } = services.database;
    const other = await createSession(app, app.adminKey, (await createUser(app, app.adminKey)).id);
    const owner = (await prisma.credential.findUniqueOrThrow({ where: { id: decodeId("Credential", credentialId)! } })).userId!;
    const narrowed = (slugs: string[]) => createSessionOf(owner, slugs);
    const tokens = [app.adminKey, session, other, await narrowed(["sandbox"]), await narrowed(["github"])];
    for (const token of tokens) {
      const caller = await authenticate(services, { authorization: `Bearer ${token}`, ip: null, locale: null });
      const linked = { ...caller, requestId: decodeId("ConnectionRequest", requestId)! };
      // Of a link to a request that is the project's own.
      const nobodys = { ...linked, userId: null };
      const sessions = [linked, nobodys].map((one) => ({ services, caller: one }));
      for (const ctx of [{ services, caller }, ...(caller.userId ? sessions : [])]) {
        for (const { id } of await prisma.credential.findMany()) {
          const expected = await prisma.credential.findFirst({ where: { AND: [visibleCredentials(ctx), { id }] } });
          expect(await readCredential(ctx, id)).toEqual(expected);
        }
        for (const { id } of await prisma.connectionRequest.findMany()) {
          const expected = await prisma.connectionRequest.findFirst({ where: { AND: [visibleRequests(ctx), { id }] } });
          expect(await readRequest(ctx, id)).toEqual(expected);
        }
      }
    }
  });

  it("list the same as Prisma does, in the same order", async () => {
    await initiate(app, session, { target: { connectorSlug: "sandbox" }, returnUrl: "http://app.test/connected" });
    const fields =
      "nodes { id label createdAt connector { slug } user { id metadata createdAt } authConfig { id scopes createdAt } } pageInfo { endCursor }";
    for (const token of [app.adminKey, session]) {
      const ahead = await run(app, token, `{ credentials { ${fields} } }`);
      const byPrisma = await run(app, token, `{ credentials(orderBy: { field: CREATED_AT, direction: DESC }) { ${fields} } }`);
      expect(ahead).toEqual(byPrisma);
    }
  });
});

async function createSessionOf(userUuid: string, connectorSlugs: string[]): Promise<string> {
  return createSession(app, app.adminKey, encodeId("User", userUuid), { connectorSlugs });
}
