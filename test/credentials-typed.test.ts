import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { confirmRefused } from "../src/domain/use/test-credential.ts";
import { useCredential } from "../src/domain/use/use-credential.ts";
import { decodeId } from "../src/lib/ids.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { run, send } from "./support/graphql.ts";
import { createConfig, createSession, createUser } from "./support/seed.ts";
import { basicOf, keyAt, type StaticApi, startStaticApi } from "./support/static-api.ts";
import { ask, createTypedConfig, kinds, made, readTyped, wrong } from "./support/typed.ts";

let app: TestApp;
let api: StaticApi;
let key: string;
let user: { id: string; externalId: string };
let session: string;

const IN_HEADER = { apiKey: { location: "HEADER" as const, name: "X-Api-Key" } };

beforeAll(async () => {
  api = await startStaticApi();
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  key = app.adminKey;
  user = await createUser(app, key, "typist");
  session = await createSession(app, key, user.id);
});

beforeEach(() => {
  api.seen.length = 0;
  api.force = null;
  api.hold = null;
  api.accept = keyAt(({ headers }) => headers["x-api-key"]);
});

afterAll(async () => {
  await app?.close();
  await api?.close();
});

const database = () => app.services.database.prisma;
const create = (token: string, input: object) => ask(app, token, "createCredential", input);
const update = (input: object, token = key) => ask(app, token, "updateCredential", input);
const tryIt = (input: object, token = key) => ask(app, token, "tryCredential", input);
const reveal = (id: string) => ask(app, key, "revealCredential", { id });

async function audit(targetId: string): Promise<{ action: string; outcome: string; details: Record<string, unknown> }[]> {
  const query = `query TypedAudit($id: ID!) { auditEvents(filter: { targetId: $id }) { nodes { action outcome details } } }`;
  return (await run<{ auditEvents: { nodes: never[] } }, object>(app, key, query, { id: targetId })).auditEvents.nodes;
}

/** How many rows each table has that a credential could leave something in. */
async function rows(): Promise<number[]> {
  const { credential, credentialEvent, credentialChange, sealedSecret, grant, idempotencyRecord } = database();
  return Promise.all(
    [credential, credentialEvent, credentialChange, sealedSecret, grant, idempotencyRecord].map((table) =>
      (table.count as () => Promise<number>)(),
    ),
  );
}

describe("what was typed and is no secret", () => {
  const parametersOf = async (token: string, id: string) => {
    const query = "query($id: ID!) { credential(id: $id) { parameters } }";
    return (await run<{ credential: { parameters: object } | null }, object>(app, token, query, { id })).credential?.parameters;
  };

  test("can be read back by whoever may see the credential, and a secret by nobody", async () => {
    const config = await createConfig(app, key, { connectorSlug: "postgresql" });
    const typed = { host: "db.example.com", port: 5433, username: "ada", sslMode: "disable" };
    const input = { target: { authConfigId: config.id }, user: { id: user.id }, fields: { ...typed, password: "correct horse" } };
    const { id } = await made(create(key, input));
    expect(await parametersOf(key, id)).toEqual({ ...typed, database: "postgres", schema: "public" });
    expect(await parametersOf(session, id)).toEqual(await parametersOf(key, id));
    const stranger = await createSession(app, key, (await createUser(app, key)).id);
    expect(await parametersOf(stranger, id)).toBeUndefined();
    expect(JSON.stringify(await database().credential.findMany())).not.toContain("correct horse");

    await made(update({ id, fields: { host: "other.example.com", password: "battery staple" } }));
    expect(await parametersOf(key, id)).toMatchObject({ host: "other.example.com", port: 5433 });
    expect(JSON.stringify(await parametersOf(key, id))).not.toMatch(/horse|staple/);
  });

  test("is nothing where nothing was typed", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const { id } = await made(create(key, { target, user: { id: user.id }, fields: { apiKey: "good-ada" } }));
    expect(await parametersOf(key, id)).toEqual({});
  });
});

describe("createCredential", () => {
  test("checks every value before anything is sent or saved", async () => {
    const { target } = await createTypedConfig(app, key, api, { basic: {} });
    const before = await rows();
    const cases: [unknown, string][] = [
      [{}, "fields.username REQUIRED"],
      [{ username: "a", password: "b", more: 1 }, "fields.more UNKNOWN_FIELD"],
      [{ username: "a:b", password: "c" }, "fields.username PATTERN"],
      [{ username: "a\r\nx: y", password: "c" }, "fields.username PATTERN"],
      [{ username: "a", password: "b\nc" }, "fields.password PATTERN"],
      [{ username: 1, password: true }, "fields.username WRONG_TYPE, fields.password WRONG_TYPE"],
      ["text", "fields WRONG_TYPE"],
      [["a"], "fields WRONG_TYPE"],
    ];
    for (const [fields, expected] of cases)
      expect(wrong(await create(key, { target, user: { id: user.id }, fields, test: true }))).toBe(expected);
    expect(api.seen).toEqual([]);
    expect(await rows()).toEqual(before);
  });

  test.each([
    ["a line break inside", "good-ada\r\nx-evil: 1"],
    ["a line break at its end", "good-ada-1\n"],
    ["a space at its end", "good-ada-1 "],
    ["a character that no header carries", "good-ada-ключ"],
    ["nothing in it", ""],
  ])("refuses an API key with %s", async (_what, apiKey) => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const answer = await create(key, { target, projectOwned: true, fields: { apiKey }, test: true });
    expect(wrong(answer)).toMatch(/^fields\.apiKey (PATTERN|REQUIRED)$/);
    expect(JSON.stringify(answer)).not.toContain("x-evil");
    expect(api.seen).toEqual([]);
  });

  test("belongs to exactly one user or the project, and to a session's own user", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const fields = { apiKey: "good-ada-1" };
    expect(wrong(await create(key, { target, fields }))).toBe("user REQUIRED");
    expect(wrong(await create(key, { target, fields, user: { id: user.id }, projectOwned: true }))).toBe("user REQUIRED");
    expect(wrong(await create(key, { target, fields, user: { externalId: "nobody" } }))).toBe("user NOT_FOUND");
    expect(wrong(await create(session, { target, fields, user: { id: user.id } }))).toBe("user NOT_ALLOWED");
    expect(wrong(await create(session, { target, fields, projectOwned: true }))).toBe("projectOwned NOT_ALLOWED");
    const own = await made(create(session, { target, fields, label: "Mine" }));
    const query = "query TypedOwner($id: ID!) { credential(id: $id) { user { id } } }";
    expect(await run(app, key, query, { id: own.id })).toEqual({ credential: { user: { id: user.id } } });
    const another = await createSession(app, key, (await createUser(app, key)).id);
    expect(await readTyped(app, another, own.id)).toBeNull();
    expect(await update({ id: own.id, fields: { apiKey: "good-eve-1" } }, another)).toMatchObject({ code: "NOT_FOUND" });
    expect(await tryIt({ credentialId: own.id, fields: {} }, another)).toMatchObject({ code: "NOT_FOUND" });
    const elsewhere = await createSession(app, key, user.id, { connectorSlugs: ["github"] });
    expect(await create(elsewhere, { target, fields })).toMatchObject({ code: "NOT_FOUND" });
  });

  test("is not for a VIEWER, which is on record", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const createKey = `mutation TypedKey { createApiKey(input: { name: "v", role: VIEWER }) { ... on CreateApiKeyPayload { key } } }`;
    const viewer = (await run<{ createApiKey: { key: string } }, object>(app, key, createKey)).createApiKey.key;
    for (const name of ["createCredential", "tryCredential", "importCredential"]) {
      const owner = name === "tryCredential" ? {} : { projectOwned: true };
      expect(await ask(app, viewer, name, { target, ...owner, fields: { apiKey: "good-ada-1" } })).toMatchObject({
        code: "FORBIDDEN",
      });
    }
    expect(api.seen).toEqual([]);
  });

  test("keeps several of one user for one connector apart, by label", async () => {
    const { target, connector } = await createTypedConfig(app, key, api, IN_HEADER);
    const owner = { target, user: { externalId: user.externalId } };
    const first = await made(create(key, { ...owner, fields: { apiKey: "good-ada-1" }, label: "Work" }));
    const second = await made(create(key, { ...owner, fields: { apiKey: "good-ada-2" }, label: "Home" }));
    expect(first.id).not.toBe(second.id);
    const match = { user: { id: user.id }, connectorSlug: connector.slug };
    expect((await ask(app, key, "revealCredential", { match })).code).toBe("AMBIGUOUS_CREDENTIAL");
    expect((await reveal(second.id)).revealed).toMatchObject({ fields: { apiKey: "good-ada-2" } });
  });

  test("says with an idempotency key what it said before, without asking the third party again", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const input = {
      target,
      projectOwned: true,
      fields: { apiKey: "good-ada-1" },
      test: true,
      idempotencyKey: `k-${target.authConfigId}`,
    };
    const first = await made(create(key, input));
    expect(api.seen).toHaveLength(1);
    expect((await made(create(key, input))).id).toBe(first.id);
    expect(api.seen).toHaveLength(1);
    expect(await create(key, { ...input, fields: { apiKey: "good-ada-2" } })).toMatchObject({ code: "IDEMPOTENCY_MISMATCH" });
    const both = await Promise.all(
      [1, 2, 3].map(() => made(create(key, { ...input, idempotencyKey: `r-${target.authConfigId}` }))),
    );
    expect(new Set(both.map(({ id }) => id)).size).toBe(1);
  });

  test("that fails its test uses up no idempotency key and leaves not a row behind", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const input = { target, projectOwned: true, test: true, idempotencyKey: `f-${target.authConfigId}` };
    const before = await rows();
    const failed = await create(key, { ...input, fields: { apiKey: "bad" } });
    expect(failed).toMatchObject({ code: "TEST_FAILED", result: { ok: false, code: "INVALID_CREDENTIALS" } });
    expect(await rows()).toEqual(before);
    expect((await made(create(key, { ...input, fields: { apiKey: "good-ada-1" } }))).status).toBe("ACTIVE");
  });

  test.each([
    [403, "PERMISSION_DENIED"],
    [404, "RESOURCE_NOT_FOUND"],
    [429, "RATE_LIMITED"],
    [500, "PROVIDER_ERROR"],
  ])("tells a %i in a test from a wrong secret, and saves nothing", async (status, code) => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    api.force = status;
    const input = { target, projectOwned: true, fields: { apiKey: "good-ada-1" }, test: true };
    expect(await create(key, input)).toMatchObject({ code: "TEST_FAILED", result: { ok: false, code } });
  });

  test("without a call to test with is saved, unless a test was asked for", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER, { testable: false });
    const input = { target, projectOwned: true, fields: { apiKey: "good-ada-1" } };
    expect(await create(key, { ...input, test: true })).toMatchObject({ code: "TEST_FAILED", result: { code: "NOT_TESTABLE" } });
    const { id } = await made(create(key, input));
    expect((await ask(app, key, "testCredential", { id })).result).toMatchObject({ ok: false, code: "NOT_TESTABLE" });
    expect(await readTyped(app, key, id)).toMatchObject({ status: "ACTIVE" });
  });

  test("sends whoever needs a browser to initiateConnection", async () => {
    const { id } = await createConfig(app, key);
    for (const name of ["createCredential", "tryCredential"]) {
      const owner = name === "tryCredential" ? {} : { projectOwned: true };
      const answer = await ask(app, key, name, { target: { authConfigId: id }, ...owner, fields: {} });
      expect(answer).toMatchObject({ __typename: "ConflictError" });
      expect(answer.message).toContain("initiateConnection");
    }
  });

  test("is on record with the names of fields alone, in history, audit log and stream of changes", async () => {
    const { target } = await createTypedConfig(app, key, api, { basic: {} });
    api.accept = (call) => basicOf(call)?.[0] ?? null;
    const fields = { username: "ada", password: "secret-of-ada-1" };
    const { id, history } = await made(create(key, { target, projectOwned: true, fields, test: true }));
    expect(history.nodes).toMatchObject([{ kind: "CONNECTED", status: "ACTIVE" }]);
    const [event] = await audit(id);
    expect(event).toMatchObject({
      action: "credential.connected",
      outcome: "ALLOWED",
      details: { scheme: "BASIC", fields: ["username", "password"], tested: true },
    });
    expect(JSON.stringify([event, history])).not.toContain("secret-of-ada");
    const change = await database().credentialChange.findFirst({ where: { credentialId: decodeId("Credential", id)! } });
    expect(change).toMatchObject({ kind: "CREATED" });
    const row = await database().credential.findUniqueOrThrow({
      where: { id: decodeId("Credential", id)! },
      include: { grant: true },
    });
    expect(row).toMatchObject({ parameters: { username: "ada" }, secretGeneration: 1, grant: null });
  });

  test("comes to nothing where its config is switched off, which takes away what it has connected, too", async () => {
    const { target, authConfigId } = await createTypedConfig(app, key, api, IN_HEADER);
    const input = { target, projectOwned: true, fields: { apiKey: "good-ada-1" } };
    const { id } = await made(create(key, input));
    await ask(app, key, "setAuthConfigEnabled", { id: authConfigId, enabled: false });
    expect(await create(key, input)).toMatchObject({ code: "CONFLICT" });
    expect(await reveal(id)).toMatchObject({ code: "CONFLICT" });
    expect(await ask(app, key, "testCredential", { id })).toMatchObject({ code: "CONFLICT" });
    expect(await update({ id, fields: { apiKey: "good-ada-2" } })).toMatchObject({ code: "CONFLICT" });
    await ask(app, key, "setAuthConfigEnabled", { id: authConfigId, enabled: true });
    expect((await reveal(id)).revealed).toMatchObject({ fields: { apiKey: "good-ada-1" } });
  });
});

describe("while the third party is being asked", () => {
  const meanwhile = async (target: object, input: object, work: () => Promise<unknown>) => {
    let release = () => {};
    api.hold = new Promise((resolve) => (release = resolve));
    const answer = create(key, { target, ...input, fields: { apiKey: "good-ada-1" }, test: true });
    while (api.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await work();
    release();
    api.hold = null;
    return answer;
  };

  test("a config that is changed or deleted does not get what was typed for it as it was", async () => {
    const changed = await createTypedConfig(app, key, api, IN_HEADER);
    const change = () => ask(app, key, "updateAuthConfig", { id: changed.authConfigId, description: "New" });
    expect(await meanwhile(changed.target, { projectOwned: true }, change)).toMatchObject({ code: "CONFLICT" });
    const deleted = await createTypedConfig(app, key, api, IN_HEADER);
    const remove = "mutation TypedGone($id: ID!) { deleteAuthConfig(input: { id: $id }) { __typename } }";
    const end = () => run(app, key, remove, { id: deleted.authConfigId });
    expect(await meanwhile(deleted.target, { projectOwned: true }, end)).toMatchObject({ code: "CONFLICT" });
  });

  test("a user who is deleted gets nothing any more", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const gone = await createUser(app, key);
    const remove = "mutation TypedGoneUser($id: ID!) { deleteUser(input: { id: $id }) { __typename } }";
    const answer = await meanwhile(target, { user: { id: gone.id } }, () => run(app, key, remove, { id: gone.id }));
    expect(answer).toMatchObject({ code: "CONFLICT" });
    const where = { userId: decodeId("User", gone.id)! };
    expect(await database().credential.count({ where })).toBe(0);
    expect(await database().dataKey.count({ where: { scope: where.userId } })).toBe(0);
  });
});

describe("tryCredential", () => {
  test("takes unset secrets from the saved credential, and saves nothing", async () => {
    const { target } = await createTypedConfig(app, key, api, { basic: {} });
    api.accept = (call) => (basicOf(call)?.join() === "ada,good-1" ? "ada" : null);
    const { id, version } = await made(create(session, { target, fields: { username: "grace", password: "good-1" } }));
    const before = await rows();
    expect((await tryIt({ credentialId: id, fields: {} }, session)).result).toMatchObject({
      ok: false,
      code: "INVALID_CREDENTIALS",
    });
    expect((await tryIt({ credentialId: id, fields: { username: "ada" } }, session)).result).toMatchObject({ ok: true });
    expect((await tryIt({ credentialId: id, fields: { username: "ada", password: null } }, session)).result).toMatchObject({
      ok: false,
    });
    expect(await rows()).toEqual(before);
    expect(await readTyped(app, session, id)).toMatchObject({ version, status: "ACTIVE", lastTestedAt: null });
    expect((await audit(id)).map(({ action }) => action)).toEqual([
      "credential.tried",
      "credential.tried",
      "credential.tried",
      "credential.connected",
    ]);
  });

  test("wants a target or a saved credential, not both, and no revoked one", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const { id } = await made(create(key, { target, projectOwned: true, fields: { apiKey: "good-ada-1" } }));
    expect(wrong(await tryIt({ fields: {} }))).toBe("target REQUIRED");
    expect(wrong(await tryIt({ target, credentialId: id, fields: {} }))).toBe("target REQUIRED");
    expect(wrong(await tryIt({ credentialId: id, user: { id: user.id }, fields: {} }))).toBe("user NOT_ALLOWED");
    await ask(app, key, "revokeCredential", { id });
    expect(await tryIt({ credentialId: id, fields: {} })).toMatchObject({ code: "CONFLICT" });
    expect(api.seen).toEqual([]);
  });
});

describe("updateCredential", () => {
  test("merges by field: absent stays, null is cleared, and what was before opens no more", async () => {
    const { target } = await createTypedConfig(app, key, api, { basic: {} });
    const { id } = await made(create(key, { target, projectOwned: true, fields: { username: "ada", password: "one" } }));
    const uuid = decodeId("Credential", id)!;
    const old = await database().sealedSecret.findFirstOrThrow({ where: { ownerId: uuid, column: "fields" } });
    const basic = async () => Buffer.from((await reveal(id)).revealed!.headers.authorization!.slice(6), "base64").toString();
    await made(update({ id, fields: { password: "two" } }));
    expect(await basic()).toBe("ada:two");
    await made(update({ id, fields: { username: "grace", password: null } }));
    expect(await basic()).toBe("grace:");
    expect(wrong(await update({ id, fields: { username: null } }))).toBe("fields.username REQUIRED");
    expect(wrong(await update({ id, fields: { other: "x" } }))).toBe("fields.other UNKNOWN_FIELD");
    expect(await basic()).toBe("grace:");
    // The blob of a generation before, put back, is refused.
    const { projectId, ownerTable, ownerId, column } = old;
    const where = { projectId_ownerTable_ownerId_column: { projectId, ownerTable, ownerId, column } };
    const present = await database().sealedSecret.findFirstOrThrow({ where: { ownerId: uuid, column: "fields" } });
    await database().sealedSecret.update({ where, data: { blob: old.blob } });
    const { errors } = await send(app, key, `mutation { revealCredential(input: { id: "${id}" }) { __typename } }`);
    expect(errors?.[0]?.extensions.code).toBe("INTERNAL");
    await database().sealedSecret.update({ where, data: { blob: present.blob } });
    expect(await basic()).toBe("grace:");
  });

  test("takes null in place of the fields for all of them, as null is elsewhere", async () => {
    const { target } = await createTypedConfig(app, key, api, { basic: {} });
    const { id } = await made(create(key, { target, projectOwned: true, fields: { username: "ada", password: "one" } }));
    expect(wrong(await update({ id, fields: null }))).toBe("fields.username REQUIRED");
    expect((await reveal(id)).revealed).toMatchObject({ fields: { password: "one" } });
  });

  test("with nothing that is new changes nothing, and the history tells of no change", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const fields = { apiKey: "good-ada-1" };
    const { id, version } = await made(create(key, { target, projectOwned: true, fields, label: "Same" }));
    const before = await rows();
    expect(await made(update({ id }))).toMatchObject({ label: "Same", version });
    expect(await made(update({ id, label: "Same", fields: {} }))).toMatchObject({ label: "Same", version });
    expect(await rows()).toEqual(before);
    expect(await update({ id, version: version + 1 })).toMatchObject({ code: "STALE_VERSION" });
    expect(await made(update({ id, label: null }))).toMatchObject({ label: null, version: version + 1 });
  });

  test("refuses a lost update, and of several at once each is whole", async () => {
    const { target } = await createTypedConfig(app, key, api, { basic: {} });
    const { id, version } = await made(create(key, { target, projectOwned: true, fields: { username: "u0", password: "p0" } }));
    expect(await update({ id, version: version + 1, fields: { password: "x" } })).toMatchObject({ code: "STALE_VERSION" });
    const answers = await Promise.all(
      [1, 2, 3, 4].map((n) => update({ id, version, fields: { username: `u${n}`, password: `p${n}` } })),
    );
    expect(answers.filter(({ credential }) => credential)).toHaveLength(1);
    expect(answers.filter(({ code }) => code === "STALE_VERSION")).toHaveLength(3);
    // Readers in between never see one user's name with another's password.
    const changes = Promise.all([5, 6, 7, 8].map((n) => update({ id, fields: { username: `u${n}`, password: `p${n}` } })));
    for (let time = 0; time < 10; time += 1) {
      const { revealed, code, message } = await reveal(id);
      expect(revealed, `${code} ${message}`).toBeTruthy();
      const pair = Buffer.from(revealed!.headers.authorization!.slice(6), "base64").toString();
      expect(pair).toMatch(/^u(\d):p\1$/);
    }
    expect((await changes).some(({ credential }) => credential)).toBe(true);
  });

  test("with test: true saves nothing where the third party refuses", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const { id, version } = await made(create(key, { target, projectOwned: true, fields: { apiKey: "good-ada-1" }, test: true }));
    const before = await rows();
    expect(await update({ id, fields: { apiKey: "bad" }, test: true, label: "New" })).toMatchObject({ code: "TEST_FAILED" });
    expect(await rows()).toEqual(before);
    expect(await readTyped(app, key, id)).toMatchObject({ version, label: null, status: "ACTIVE" });
    expect((await reveal(id)).revealed).toMatchObject({ fields: { apiKey: "good-ada-1" } });
    const renewed = await made(update({ id, fields: { apiKey: "good-ada-2" }, test: true, label: "New" }));
    expect(renewed).toMatchObject({ label: "New", status: "ACTIVE", account: { id: "ada" } });
    expect((await audit(id))[0]).toMatchObject({
      action: "credential.updated",
      details: { fields: ["label", "apiKey"], tested: true },
    });
  });

  test("does not let another account in under the same id", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const { id } = await made(create(key, { target, projectOwned: true, fields: { apiKey: "good-ada-1" }, test: true }));
    const other = await update({ id, fields: { apiKey: "good-grace-1" }, test: true });
    expect(other).toMatchObject({ code: "CONFLICT" });
    expect(other.message).toContain("Name of ada");
    expect((await reveal(id)).revealed).toMatchObject({ fields: { apiKey: "good-ada-1" } });
  });

  test("has nothing to test without new fields, and no fields after its end", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const { id } = await made(create(key, { target, projectOwned: true, fields: { apiKey: "good-ada-1" } }));
    expect(wrong(await update({ id, label: "x", test: true }))).toBe("test NOT_ALLOWED");
    await ask(app, key, "revokeCredential", { id });
    expect(await update({ id, fields: { apiKey: "good-ada-2" } })).toMatchObject({ code: "CONFLICT" });
    expect(await reveal(id)).toMatchObject({
      code: "CREDENTIAL_NOT_USABLE",
      message: expect.stringContaining("Connect the account anew"),
    });
    expect(await database().sealedSecret.count({ where: { ownerId: decodeId("Credential", id)! } })).toBe(0);
  });
});

test("what was typed has nothing to be refreshed with, and is not said to run out", async () => {
  const { target } = await createTypedConfig(app, key, api, IN_HEADER);
  const { id } = await made(create(key, { target, projectOwned: true, fields: { apiKey: "good-ada-1" } }));
  const query = `mutation { refreshCredential(input: { id: "${id}" }) { ... on CredentialNotUsableError { message code } } }`;
  const { refreshCredential } = await run<{ refreshCredential: { message: string; code: string } }, object>(app, key, query, {});
  expect(refreshCredential).toMatchObject({
    code: "CREDENTIAL_NOT_USABLE",
    message: expect.stringContaining("nothing to refresh"),
  });
});

describe("a secret that the third party refuses", () => {
  const connected = async (testable = true) => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER, { testable });
    return made(create(key, { target, user: { id: user.id }, fields: { apiKey: "good-ada-1" } }));
  };

  test("makes its credential INVALID by a test, with the reason and an event, and is given out no more", async () => {
    const { id } = await connected();
    api.accept = () => null;
    const { credential, result } = await ask(app, key, "testCredential", { id });
    expect(result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(credential).toMatchObject({ status: "INVALID" });
    expect(credential!.statusReason).toContain("updateCredential");
    expect(credential!.history.nodes.slice(0, 2)).toMatchObject([
      { kind: "STATUS_CHANGED", status: "INVALID" },
      { kind: "TESTED", status: "ACTIVE" },
    ]);
    expect(await reveal(id)).toMatchObject({ code: "CREDENTIAL_NOT_USABLE" });
    expect((await audit(id)).map(({ action }) => action)).toContain("credential.invalidated");
  });

  test("is replaced by one that passes its test, asked for or not, and the credential is ACTIVE under the same id", async () => {
    const { id } = await connected();
    api.accept = keyAt(({ headers }) => headers["x-api-key"]?.replace("good-ada-1", "gone"));
    await ask(app, key, "testCredential", { id });
    const still = await made(update({ id, fields: { apiKey: "bad-2" } }));
    expect(still).toMatchObject({ status: "INVALID" });
    expect(still.statusReason).toContain("new secret");
    const back = await made(update({ id, fields: { apiKey: "good-ada-3" } }));
    expect(back).toMatchObject({ id, status: "ACTIVE", statusReason: null });
    expect(kinds(back).slice(-2)).toEqual(["UPDATED", "STATUS_CHANGED"]);
    expect((await reveal(id)).revealed).toMatchObject({ fields: { apiKey: "good-ada-3" } });
  });

  test("that works again is found to by a test", async () => {
    const { id } = await connected();
    api.accept = () => null;
    expect((await ask(app, key, "testCredential", { id })).credential).toMatchObject({ status: "INVALID" });
    api.force = 500;
    expect((await ask(app, key, "testCredential", { id })).credential).toMatchObject({ status: "INVALID" });
    api.force = null;
    api.accept = keyAt(({ headers }) => headers["x-api-key"]);
    const { credential } = await ask(app, key, "testCredential", { id });
    expect(credential).toMatchObject({ status: "ACTIVE", statusReason: null });
  });

  test("does not come back to life by being switched off and on", async () => {
    const { id } = await connected();
    api.accept = () => null;
    await ask(app, key, "testCredential", { id });
    await ask(app, key, "setCredentialEnabled", { id, enabled: false });
    expect(await ask(app, key, "testCredential", { id })).toMatchObject({ code: "CREDENTIAL_NOT_USABLE" });
    const { credential } = await ask(app, key, "setCredentialEnabled", { id, enabled: true });
    expect(credential).toMatchObject({ status: "INVALID" });
  });

  test("replaced while the test was under way leaves the new one as it is", async () => {
    const { id } = await connected();
    let release = () => {};
    api.hold = new Promise((resolve) => (release = resolve));
    api.accept = () => null;
    const test = ask(app, key, "testCredential", { id });
    while (api.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await made(update({ id, fields: { apiKey: "good-ada-2" } }));
    release();
    api.hold = null;
    expect((await test).result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(await readTyped(app, key, id)).toMatchObject({ status: "ACTIVE" });
  });

  test("in use is asked about once a minute, and only a confirmed refusal counts", async () => {
    const { id } = await connected();
    const row = await database().credential.findUniqueOrThrow({ where: { id: decodeId("Credential", id)! } });
    const used = await useCredential(app.services, row);
    expect(await confirmRefused(app.services, used)).toBe(false);
    expect(await readTyped(app, key, id)).toMatchObject({ status: "ACTIVE" });
    expect((await readTyped(app, key, id))!.history.nodes[0]).toMatchObject({ kind: "TESTED", status: "ACTIVE" });
    api.accept = () => null;
    const asked = api.seen.length;
    expect(await Promise.all([1, 2, 3].map(() => confirmRefused(app.services, used)))).toEqual([false, false, false]);
    expect(api.seen).toHaveLength(asked);
    await database().credential.update({ where: { id: row.id }, data: { lastTestedAt: null } });
    const confirmed = await Promise.all([1, 2, 3].map(() => confirmRefused(app.services, used)));
    expect(confirmed.filter(Boolean)).toHaveLength(1);
    expect(api.seen).toHaveLength(asked + 1);
    expect(await readTyped(app, key, id)).toMatchObject({ status: "INVALID" });

    const untestable = await connected(false);
    const uuid = decodeId("Credential", untestable.id)!;
    const unknown = await useCredential(app.services, await database().credential.findUniqueOrThrow({ where: { id: uuid } }));
    expect(await confirmRefused(app.services, unknown)).toBe(false);
    const noted = (await readTyped(app, key, untestable.id))!;
    expect(noted).toMatchObject({ status: "ACTIVE" });
    expect(noted.history.nodes[0]!.message).toContain("401");
  });
});

describe("presets", () => {
  test("ask no user for what they supply, and a change reaches every credential at once", async () => {
    const { target, authConfigId } = await createTypedConfig(app, key, api, IN_HEADER, {
      presetCredentialFields: { apiKey: "good-ada-1" },
    });
    const first = await made(create(session, { target, fields: {}, test: true }));
    const second = await made(create(key, { target, projectOwned: true, fields: {} }));
    expect(wrong(await create(session, { target, fields: { apiKey: "good-eve-1" } }))).toBe("fields.apiKey UNKNOWN_FIELD");
    const keyOf = async (id: string) => (await reveal(id)).revealed?.headers["x-api-key"];
    expect([await keyOf(first.id), await keyOf(second.id)]).toEqual(["good-ada-1", "good-ada-1"]);
    await ask(app, key, "updateAuthConfig", { id: authConfigId, presetCredentialFields: { apiKey: "good-ada-2" } });
    expect([await keyOf(first.id), await keyOf(second.id)]).toEqual(["good-ada-2", "good-ada-2"]);
    expect((await ask(app, key, "testCredential", { id: first.id })).result).toMatchObject({ ok: true });
    expect(api.seen.at(-1)!.headers["x-api-key"]).toBe("good-ada-2");
    const shown = await ask(app, key, "updateAuthConfig", { id: authConfigId, description: "x" });
    expect(shown.authConfig!.presetFields).toEqual(["apiKey"]);
    expect(JSON.stringify(shown)).not.toContain("good-ada");
  });

  test("that are taken away leave those INVALID that have no value of their own, after a confirmation", async () => {
    const { target, authConfigId } = await createTypedConfig(app, key, api, IN_HEADER);
    const own = await made(create(key, { target, projectOwned: true, fields: { apiKey: "good-own-1" } }));
    await ask(app, key, "updateAuthConfig", { id: authConfigId, presetCredentialFields: { apiKey: "good-ada-1" } });
    const preset = await made(create(key, { target, projectOwned: true, fields: {} }));
    const away = { id: authConfigId, presetCredentialFields: { apiKey: null } };
    expect(await ask(app, key, "updateAuthConfig", away)).toMatchObject({
      __typename: "InUseError",
      impact: { activeCredentialCount: 2 },
    });
    expect((await ask(app, key, "updateAuthConfig", { ...away, confirm: true })).authConfig).toMatchObject({ presetFields: [] });
    expect(await readTyped(app, key, own.id)).toMatchObject({ status: "ACTIVE" });
    const lacking = (await readTyped(app, key, preset.id))!;
    expect(lacking).toMatchObject({ status: "INVALID" });
    expect(lacking.statusReason).toContain("API key");
    expect(await made(update({ id: preset.id, fields: { apiKey: "good-new-1" } }))).toMatchObject({ status: "ACTIVE" });
  });

  test("that are refused make credentials INVALID, and a test finds that a new one works", async () => {
    const { target, authConfigId } = await createTypedConfig(app, key, api, IN_HEADER, {
      presetCredentialFields: { apiKey: "bad-1" },
    });
    const { id } = await made(create(key, { target, projectOwned: true, fields: {} }));
    expect((await ask(app, key, "testCredential", { id })).credential).toMatchObject({ status: "INVALID" });
    await ask(app, key, "updateAuthConfig", { id: authConfigId, presetCredentialFields: { apiKey: "good-ada-1" } });
    expect((await ask(app, key, "testCredential", { id })).credential).toMatchObject({ status: "ACTIVE" });
  });
});
