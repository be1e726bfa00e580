import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { faults, list, mutate } from "./support/entities.ts";
import { run, send } from "./support/graphql.ts";
import { createProject } from "./support/matrix-world.ts";
import { createConfig, createUser, initiate } from "./support/seed.ts";

let app: TestApp;
let key: string;
beforeAll(async () => {
  app = await startTestApp();
  key = app.adminKey;
});
afterAll(() => app?.close());

const newSlug = () => `odd-${randomUUID().slice(0, 8)}`;
const connector = (input: object = {}) => ({ slug: newSlug(), name: "Odd", scheme: { none: {} }, ...input });

function from(origin: string, token: string) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}`, origin };
  return fetch(`${app.url}/graphql`, { method: "POST", headers, body: '{"query": "{ viewer { role } }"}' });
}

/** The one error that an operation is refused with. */
async function refusal(query: string, variables: object = {}) {
  const { errors } = await send(app, key, query, variables);
  return { code: errors?.[0]?.extensions.code, message: errors?.[0]?.message };
}

function post(body: string | Buffer) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${key}` };
  return fetch(`${app.url}/graphql`, { method: "POST", headers, body: new Blob([new Uint8Array(Buffer.from(body))]) });
}

describe("text that no database can hold", () => {
  const create = "mutation Create($input: CreateConnectorInput!) { createConnector(input: $input) { __typename } }";

  test.each([
    ["a name", { name: "half \ud800" }],
    ["a description", { description: "\udc00" }],
    ["a value of JSON", { scheme: { oauth2: { authorizationUrl: "", tokenUrl: "", tokenParameters: { a: "\ud800" } } } }],
    ["a key of JSON", { scheme: { oauth2: { authorizationUrl: "", tokenUrl: "", tokenParameters: { "\ud800": "a" } } } }],
  ])("is refused as such where half of a character stands in %s", async (_where, input) => {
    const { code, message } = await refusal(create, { input: connector(input) });
    expect([code, message]).toEqual(["BAD_REQUEST", expect.stringContaining("lone surrogate")]);
  });

  test("is refused in the document too, and whole characters beyond the basic plane are taken", async () => {
    expect(await refusal('mutation { upsertUser(input: { externalId: "\ud800" }) { __typename } }')).toMatchObject({
      code: "BAD_REQUEST",
    });
    const { user } = await mutate(
      app,
      key,
      "upsertUser",
      { externalId: "𝔘👩‍👩‍👧", displayName: "\u{10ffff}" },
      "user { id externalId }",
    );
    expect(user.externalId).toBe("𝔘👩‍👩‍👧");
  });

  test("is refused where the body is no UTF-8, instead of being read as other text", async () => {
    const latin1 = Buffer.from('{"query": "mutation { upsertUser(input: { externalId: \\"Zoë\\" }) { __typename } }"}', "latin1");
    const response = await post(latin1);
    expect([response.status, await response.json()]).toMatchObject([400, { errors: [{ extensions: { code: "BAD_REQUEST" } }] }]);
  });

  test.each(["0000-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00", "2026-02-30T00:00:00Z", "tomorrow"])(
    "is refused where %s is no moment of a year that it knows",
    async (from) => {
      const query = "query Events($from: DateTime) { auditEvents(filter: { from: $from }) { totalCount } }";
      const { code, message } = await refusal(query, { from });
      expect([code, message]).toEqual(["BAD_REQUEST", expect.stringContaining("RFC 3339")]);
      expect(await refusal(`{ auditEvents(filter: { from: "${from}" }) { totalCount } }`)).toMatchObject({ code: "BAD_REQUEST" });
      expect((await list(app, key, "auditEvents", 'filter: { from: "0001-01-01T00:00:00Z" }')).totalCount).toBeGreaterThan(0);
    },
  );
});

describe("a refusal says where and what", () => {
  test("knows a cursor that it never gave, whatever moment it holds", async () => {
    const order = "createdAt-,id-";
    for (const moment of [-1e15, Date.parse("0000-06-01T00:00:00Z"), Date.parse("+010000-01-01T00:00:00Z"), 1e300]) {
      const after = Buffer.from(JSON.stringify([order, moment, randomUUID()])).toString("base64url");
      const query = "query Users($after: String) { users(after: $after) { nodes { id } } }";
      expect(await refusal(query, { after }), String(moment)).toMatchObject({ code: "BAD_REQUEST" });
    }
  });

  test("names the place of a variable's value that does not fit", async () => {
    const query = "mutation Open($input: CreateUserSessionInput!) { createUserSession(input: $input) { __typename } }";
    const input = { user: { externalId: "ada" }, expiresInSeconds: 1.5 };
    expect((await refusal(query, { input })).message).toContain("at .expiresInSeconds: Int cannot represent");
    expect((await refusal(query, { input: { user: {} } })).message).toContain("at .user: Within OneOf Input Object type");
    const { code, message } = await refusal(query, { input: { ...input, expiresInSeconds: "s3cret" } });
    expect([code, message]).toEqual(["BAD_REQUEST", expect.not.stringContaining("s3cret")]);
  });

  test("tells a query that repeats itself to do so less", async () => {
    expect(await refusal(`{ viewer { ${"role ".repeat(900)} } }`)).toEqual({
      code: "QUERY_TOO_COMPLEX",
      message: "The query repeats the same fields too often to be compared. Name each field once.",
    });
    const nested = `${"{ fields { type ".repeat(4)}{ name }${" } }".repeat(4)}`;
    expect(await refusal(`{ __schema { types ${nested} } }`)).toMatchObject({ code: "QUERY_TOO_COMPLEX" });
  });

  test("tells how to page on from the end that one pages from", async () => {
    expect((await refusal("{ users(first: 101) { totalCount } }")).message).toContain("`after` and `pageInfo.endCursor`");
    expect((await refusal("{ users(last: 101) { totalCount } }")).message).toContain("`before` and `pageInfo.startCursor`");
  });

  test("finds nothing by an id that cannot be one, however long", async () => {
    const id = "ac_".repeat(1_000);
    const ids: [string, object][] = [
      ["updateAuthConfig", { id }],
      ["deleteUser", { id }],
      ["updateProject", { id }],
      ["updateWebhook", { id }],
      ["replayWebhookDelivery", { id }],
      ["confirmConnection", { verification: id, user: { externalId: "ada" } }],
      ["confirmConnection", { verification: "", user: { externalId: "ada" } }],
    ];
    for (const [name, input] of ids) expect(faults(await mutate(app, key, name, input)), name).toBe("NotFoundError NOT_FOUND");
  });

  test("says once what is wrong with several values", async () => {
    const { id } = (await run<{ viewer: { project: { id: string } } }, object>(app, key, "{ viewer { project { id } } }")).viewer
      .project;
    const allowedReturnUrls = ["https://a.example/#x", "https://b.example/#y"];
    const answer = await mutate(app, key, "updateProject", { id, allowedReturnUrls });
    expect(faults(answer)).toBe("allowedReturnUrls.0 NOT_ALLOWED, allowedReturnUrls.1 NOT_ALLOWED");
    expect(answer.message).toBe(answer.issues![0]!.message);
  });

  test("does not call required what may be left out", async () => {
    const config = await createConfig(app, key, { name: `Label ${randomUUID()}` });
    const { id } = await createUser(app, key, `odd-${randomUUID()}`);
    const answer = await mutate(app, key, "initiateConnection", { target: { authConfigId: config.id }, user: { id }, label: "" });
    expect([faults(answer), answer.message]).toEqual(["label REQUIRED", "The label must not be empty."]);
  });
});

describe("what looks like a value and is none", () => {
  const projectId = async () =>
    (await run<{ viewer: { project: { id: string } } }, object>(app, key, "{ viewer { project { id } } }")).viewer.project.id;

  test("an origin with an asterisk, which no browser ever sends", async () => {
    const query = "mutation Update($input: UpdateProjectInput!) { updateProject(input: $input) { __typename } }";
    const input = { id: await projectId(), allowedOrigins: ["https://*.example.com"] };
    expect(await refusal(query, { input })).toMatchObject({ code: "BAD_REQUEST" });
  });

  test("while the origin of an app's web view is one", async () => {
    const { key: own } = await createProject(app, "An app");
    const { viewer } = await run<{ viewer: { project: { id: string } } }, object>(app, own, "{ viewer { project { id } } }");
    const input = { id: viewer.project.id, allowedOrigins: ["capacitor://localhost"] };
    const { project } = await mutate(app, own, "updateProject", input, "project { id allowedOrigins }");
    expect(project.allowedOrigins).toEqual(["capacitor://localhost"]);
    const response = await from("capacitor://localhost", own);
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([200, "capacitor://localhost"]);
  });

  test("an origin from the moment on that it is taken out, and not before it is put in", async () => {
    const { key: own } = await createProject(app, "Origins");
    const { viewer } = await run<{ viewer: { project: { id: string } } }, object>(app, own, "{ viewer { project { id } } }");
    const { id } = viewer.project;
    // What is kept for a moment never grows old meanwhile: that it is looked up again is for the change alone.
    onTestFinished(vi.spyOn(performance, "now").mockReturnValue(performance.now()).mockRestore);
    const statuses = async () => [(await from("https://a.example", own)).status, (await from("https://b.example", own)).status];
    expect(await statuses()).toEqual([403, 403]);
    await mutate(app, own, "updateProject", { id, allowedOrigins: ["https://a.example"] });
    await expect.poll(statuses, { timeout: 10_000 }).toEqual([200, 403]);
    await mutate(app, own, "updateProject", { id, allowedOrigins: ["https://b.example"] });
    await expect.poll(statuses, { timeout: 10_000 }).toEqual([403, 200]);
  });

  test("a product name of blanks", async () => {
    const input = { id: await projectId(), branding: { productName: "   " } };
    expect(faults(await mutate(app, key, "updateProject", input))).toBe("branding.productName REQUIRED");
  });

  test("a connector's name of two lines, an empty idempotency key, and a scheme that is cleared", async () => {
    expect(faults(await mutate(app, key, "createConnector", connector({ name: "two\nlines" })))).toBe("name PATTERN");
    expect(faults(await mutate(app, key, "createConnector", connector({ idempotencyKey: "" })))).toBe("idempotencyKey REQUIRED");
    const { connector: own } = await mutate(app, key, "createConnector", connector(), "connector { id }");
    expect(faults(await mutate(app, key, "updateConnector", { id: own.id, scheme: null }))).toBe("scheme REQUIRED");
  });
});

test("connectors are ordered by relevance with the best first when descending", async () => {
  const order = (direction: string) => `filter: { search: "slack" }, orderBy: { field: RELEVANCE, direction: ${direction} }`;
  const slugs = async (args: string) => (await list(app, key, "connectors", args, "slug")).nodes.map(({ slug }) => slug);
  const best = await slugs('filter: { search: "slack" }');
  expect(best[0]).toBe("slack");
  expect(await slugs(order("DESC"))).toEqual(best);
  expect(await slugs(order("ASC"))).toEqual(best.toReversed());
});

test("an auth config that was deleted does not look ACTIVE to those who still see it from a request", async () => {
  const config = await createConfig(app, key, { name: `Deleted ${randomUUID()}` });
  const { id } = await createUser(app, key, `odd-${randomUUID()}`);
  const request = await initiate(app, key, { target: { authConfigId: config.id }, user: { id } });
  await mutate(app, key, "deleteAuthConfig", { id: config.id, confirm: true });
  const query = "query Seen($id: ID!) { connectionRequest(id: $id) { status authConfig { id status statusReason } } }";
  expect(await run(app, key, query, { id: request.id })).toEqual({
    connectionRequest: {
      status: "CANCELED",
      authConfig: { id: config.id, status: "DISABLED", statusReason: "It was deleted. Make another auth config." },
    },
  });
});
