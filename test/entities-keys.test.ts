import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { socket, who } from "./support/callers.ts";
import { type Answer, faults, list, mutate } from "./support/entities.ts";
import { run } from "./support/graphql.ts";
import { createProject } from "./support/matrix-world.ts";
import { connect, createConfig, createSession, createUser } from "./support/seed.ts";

let app: TestApp;
let key: string;
beforeAll(async () => {
  app = await startTestApp();
  key = app.adminKey;
});
afterAll(() => app?.close());

const outcome = ({ __typename, code }: Answer) => code ?? __typename;
describe("API keys", () => {
  const create = (input: object, by = key) =>
    mutate(app, by, "createApiKey", { name: "Key", ...input }, "key apiKey { id name role prefix permissions expiresAt }");

  test("show their secret once, and are stored as a hash", async () => {
    const made = await create({ role: "VIEWER" });
    expect(made.key).toMatch(/^mlk_/);
    expect(made.key.startsWith(String(made.apiKey.prefix))).toBe(true);
    expect(String(made.apiKey.prefix).length).toBeLessThan(made.key.length / 2);
    const listed = await list(app, key, "apiKeys", "first: 100", "id prefix name role");
    expect(listed.nodes.map(({ id }) => id)).toContain(made.apiKey.id);
    const stored = await app.services.database.query("stored", `SELECT row_to_json(k)::text AS "text" FROM "ApiKey" k`, []);
    expect(JSON.stringify([listed, stored])).not.toContain(made.key);
    expect(await who(app, made.key)).toBe("VIEWER");
  });

  test("repeat under an idempotency key without the secret, also two at the same time", async () => {
    const input = { role: "VIEWER", idempotencyKey: randomUUID() };
    const both = await Promise.all([create(input), create(input)]);
    expect(both[0]!.apiKey.id).toBe(both[1]!.apiKey.id);
    expect(both.filter((made) => made.key !== "")).toHaveLength(1);
    expect(outcome(await create({ ...input, role: "DEVELOPER" }))).toBe("IDEMPOTENCY_MISMATCH");
  });

  test("never give more than the one who makes them has", async () => {
    const manager = (await create({ role: "DEVELOPER", permissions: ["API_KEY_MANAGE"] })).key;
    expect(outcome(await create({ role: "ADMIN" }, manager))).toBe("FORBIDDEN");
    expect(outcome(await create({ role: "DEVELOPER", permissions: ["CREDENTIAL_REVEAL"] }, manager))).toBe("FORBIDDEN");
    const made = await create({ role: "DEVELOPER", permissions: ["API_KEY_MANAGE"] }, manager);
    expect(made.apiKey.permissions).toContain("API_KEY_MANAGE");
    const narrow = (await create({ role: "ADMIN", connectorSlugs: ["github"] })).key;
    expect(faults(await create({ role: "VIEWER", connectorSlugs: ["slack"] }, narrow))).toBe("connectorSlugs.0 NOT_ALLOWED");
  });

  test("narrowed to connectors or users reveal nothing else, keys made by narrowed ones neither", async () => {
    const { credential, userId } = await connect(app, key);
    const reveal = async (token: string) => outcome(await mutate(app, token, "revealCredential", { id: credential!.id }));
    const narrow = (await create({ role: "ADMIN", connectorSlugs: ["github"] })).key;
    expect(await reveal(narrow)).toBe("FORBIDDEN");
    expect(await reveal((await create({ role: "ADMIN" }, narrow)).key)).toBe("FORBIDDEN");
    expect(await reveal((await create({ role: "ADMIN", users: [{ id: (await createUser(app, key)).id }] })).key)).toBe(
      "FORBIDDEN",
    );
    expect(await reveal((await create({ role: "ADMIN", users: [{ id: userId }], connectorSlugs: ["sandbox"] })).key)).toBe(
      "RevealCredentialPayload",
    );
  });

  test.each([
    ["the role END_USER", { role: "END_USER" }, "role NOT_ALLOWED"],
    ["a time that has passed", { role: "VIEWER", expiresAt: "2020-01-01T00:00:00Z" }, "expiresAt OUT_OF_RANGE"],
    ["an empty narrowing", { role: "VIEWER", users: [] }, "users REQUIRED"],
    ["an unknown method", { role: "VIEWER", methods: ["BREW"] }, "methods.0 NOT_ALLOWED"],
    ["an unknown connector", { role: "VIEWER", connectorSlugs: ["nobody"] }, "connectorSlugs.0 NOT_FOUND"],
  ])("are refused with %s", async (_what, input, expected) => {
    expect(faults(await create(input))).toBe(expected);
  });

  test("are made by no user session", async () => {
    const session = await createSession(app, key, (await createUser(app, key)).id);
    expect(outcome(await create({ role: "VIEWER" }, session))).toBe("FORBIDDEN");
  });

  test("end when they are revoked, their sockets too, and when their time has come", async () => {
    const made = await create({ role: "VIEWER" });
    const watching = socket(app, made.key);
    await watching.connected;
    expect(await who(app, made.key)).toBe("VIEWER");
    const revoked = await mutate(app, key, "revokeApiKey", { id: made.apiKey.id }, "apiKey { id revokedAt }");
    expect(revoked.apiKey.revokedAt).toEqual(expect.any(String));
    expect(await watching.closed).toBe(4401);
    expect(await who(app, made.key)).toBe("UNAUTHENTICATED");
    const expiresAt = new Date((await app.services.database.now()).getTime() + 60_000).toISOString();
    const short = await create({ role: "VIEWER", expiresAt });
    expect(short.apiKey.expiresAt).toBe(expiresAt);
    expect(await who(app, short.key)).toBe("VIEWER");
    try {
      await moveClock(app, 60_001);
      expect(await who(app, short.key)).toBe("UNAUTHENTICATED");
    } finally {
      await moveClock(app, 0);
    }
  });
});

describe("projects", () => {
  test("are made by the operator's ADMIN keys only, and are closed worlds", async () => {
    const made = await createProject(app, "Sealed");
    expect(outcome(await mutate(app, made.key, "createProject", { name: "Another" }))).toBe("FORBIDDEN");
    const { id } = await createConfig(app, key);
    const user = await createUser(app, key, "same-external-id");
    const twin = await createUser(app, made.key, "same-external-id");
    expect(twin.id).not.toBe(user.id);
    const read = `query Across($id: ID!, $user: ID!) { authConfig(id: $id) { id } user(by: { id: $user }) { id } node(id: $id) { id }
      authConfigs { totalCount } users { totalCount } credentials { totalCount } auditEvents(filter: { targetId: $id }) { totalCount } }`;
    const zero = { totalCount: 0 };
    expect(await run(app, made.key, read, { id, user: user.id })).toEqual({
      ...{ authConfig: null, user: null, node: null },
      ...{ authConfigs: zero, users: { totalCount: 1 }, credentials: zero, auditEvents: zero },
    });
    expect(
      outcome(await mutate(app, made.key, "initiateConnection", { target: { authConfigId: id }, user: { id: twin.id } })),
    ).toBe("NOT_FOUND");
    const sameSlug = {
      slug: "mine",
      name: "Mine",
      scheme: { oauth2: { authorizationUrl: "https://a.example/a", tokenUrl: "https://a.example/t" } },
    };
    expect(outcome(await mutate(app, key, "createConnector", sameSlug))).toBe("CreateConnectorPayload");
    expect(outcome(await mutate(app, made.key, "createConnector", sameSlug))).toBe("CreateConnectorPayload");
  });

  test("change what is given, refuse URLs that nobody should be sent to, and take a new origin or return URL at once", async () => {
    const made = await createProject(app, "Settings");
    const update = (input: object) =>
      mutate(
        app,
        made.key,
        "updateProject",
        { id: made.id, ...input },
        "project { name allowedReturnUrls allowedOrigins verifyUrl branding { productName accentColor } }",
      );
    const kept = (
      await update({ allowedOrigins: ["https://app.example"], branding: { productName: "Product", accentColor: "#a0b1c2" } })
    ).project;
    expect(kept).toMatchObject({
      name: "Settings",
      allowedOrigins: ["https://app.example"],
      branding: { productName: "Product", accentColor: "#a0b1c2" },
    });
    expect(
      (await update({ branding: { accentColor: null }, allowedReturnUrls: ["myapp://connected", "https://app.example/a?b=c"] }))
        .project,
    ).toMatchObject({
      allowedReturnUrls: ["myapp://connected", "https://app.example/a?b=c"],
      allowedOrigins: ["https://app.example"],
      branding: { productName: "Product", accentColor: null },
    });
    expect(faults(await update({ allowedReturnUrls: ["https://app.example/#x"] }))).toBe("allowedReturnUrls.0 NOT_ALLOWED");
    expect(faults(await update({ verifyUrl: "http://app.example/verify" }))).toBe("verifyUrl NOT_ALLOWED");
    expect(faults(await update({ branding: { accentColor: "red" } }))).toBe("branding.accentColor PATTERN");
    expect(faults(await update({ name: null }))).toBe("name REQUIRED");
    expect((await update({ allowedReturnUrls: null })).project.allowedReturnUrls).toEqual([]);
  });
});
