import { randomBytes } from "node:crypto";
import { symbols } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { browse, CookieJar, submit } from "../src/sandbox/play-user.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { send } from "./support/graphql.ts";
import { auditEvents, createProject } from "./support/oauth.ts";
import { createConfig, createUser, readRequest } from "./support/seed.ts";
import { basicOf, type StaticApi, startStaticApi } from "./support/static-api.ts";
import { ask, createTypedConfig, made, readTyped } from "./support/typed.ts";

/** Every log line from the start on, and what pages and the API have said. */
const written: string[] = [];
const secrets = new Set<string>();
let app: TestApp;
let api: StaticApi;

beforeAll(async () => {
  api = await startStaticApi();
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32", MOORLINE_LOG_LEVEL: "trace" });
  const log = app.services.log as unknown as Record<symbol, { write(line: string): void }>;
  log[symbols.streamSym] = { write: (line) => void written.push(line) };
});

afterAll(async () => {
  await app?.close();
  await api?.close();
});

function canary(): string {
  const secret = `canary-${randomBytes(12).toString("hex")}`;
  secrets.add(secret);
  return secret;
}

/** Each table's rows as text; bytes both as hex and as what they may spell. */
async function everyTable(): Promise<{ table: string; text: string }[]> {
  const { database } = app.services;
  const names = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'";
  const tables = await database.query<{ name: string }>("test_typed_tables", names, []);
  return Promise.all(
    tables.map(async ({ name }) => {
      const rows = await database.query<{ row: string }>(
        `test_typed_${name}`,
        `SELECT to_jsonb(t)::text AS row FROM "${name}" t`,
        [],
      );
      const text = rows.map(({ row }) => row).join("\n");
      const spelled = text.replace(/\\\\x([0-9a-f]+)/g, (_, hex) => Buffer.from(hex, "hex").toString("latin1"));
      return { table: name, text: text + spelled };
    }),
  );
}

test("nothing secret that anybody types is in a table unsealed, in a log line, an event, a message or a page", async () => {
  const key = app.adminKey;
  const note = async (answer: Promise<unknown>) => void written.push(JSON.stringify(await answer));
  const user = await createUser(app, key);
  const { target } = await createTypedConfig(app, key, api, { basic: {} });
  api.accept = (call) => (secrets.has(basicOf(call)?.[1] ?? "") ? "ada" : null);
  const pair = (password = canary()) => ({ username: "ada-in-the-open", password });

  const { id } = await made(ask(app, key, "createCredential", { target, user: { id: user.id }, fields: pair(), test: true }));
  await note(
    ask(app, key, "createCredential", { target, projectOwned: true, fields: pair(), idempotencyKey: "an-idempotency-key" }),
  );
  await note(ask(app, key, "tryCredential", { target, fields: pair() }));
  await note(ask(app, key, "tryCredential", { credentialId: id, fields: { password: canary() } }));
  await note(ask(app, key, "updateCredential", { id, fields: { password: canary() }, test: true }));
  // What is refused was typed all the same.
  await note(ask(app, key, "createCredential", { target, projectOwned: true, fields: pair(`${canary()}\n`) }));
  await note(
    ask(app, key, "createCredential", { target, projectOwned: true, fields: { unknown: canary(), password: [canary()] } }),
  );
  api.accept = () => null;
  await note(ask(app, key, "createCredential", { target, projectOwned: true, fields: pair(), test: true }));
  await note(ask(app, key, "updateCredential", { id, fields: { password: canary() }, test: true }));
  await note(ask(app, key, "testCredential", { id }));
  // Not even an operation that is none quotes what it was given, as a literal or as a variable.
  await note(send(app, key, `mutation { createCredential(input: { fields: { password: "${canary()}" } }) { __typename } }`));
  await note(send(app, key, `mutation { createCredential(input: { target: "${canary()}" } }) { __typename } }`));
  await note(
    send(
      app,
      key,
      `mutation { createCredential(input: { label: 1, fields: {}, idempotencyKey: ["${canary()}"] }) { __typename } }`,
    ),
  );
  const variables = [{ fields: { password: canary() } }, { target: [canary()] }, canary(), { test: canary() }];
  const withInput = "mutation Canary($input: CreateCredentialInput!) { createCredential(input: $input) { __typename } }";
  for (const input of variables) await note(send(app, key, withInput, { input } as object));

  const presets = await createTypedConfig(app, key, api, { bearerToken: {} }, { presetCredentialFields: { token: canary() } });
  await note(ask(app, key, "createCredential", { target: presets.target, projectOwned: true, fields: {} }));
  await note(ask(app, key, "updateAuthConfig", { id: presets.authConfigId, presetCredentialFields: { token: canary() } }));

  const oauth = await createConfig(app, key);
  const tokens = { accessToken: canary(), refreshToken: canary(), idToken: canary() };
  const imported = { target: { authConfigId: oauth.id }, projectOwned: true };
  await note(ask(app, key, "importCredential", { ...imported, fields: tokens }));
  const { idToken: _none, ...rest } = tokens;
  await note(ask(app, key, "importCredential", { ...imported, fields: rest, test: true }));
  await note(ask(app, key, "importCredential", { ...imported, fields: rest }));

  // By the form: refused, accepted, and left waiting for the product to say who is there.
  for (const [verifyUrl, accepts] of [
    [null, false],
    [null, true],
    ["https://app.test/verify", true],
  ] as const) {
    const project = await createProject(app, key, { verifyUrl });
    api.accept = () => (accepts ? "ada" : null);
    const form = await createTypedConfig(app, project.key, api, { basic: {} });
    const { connectionRequest } = await ask(app, project.key, "initiateConnection", { target: form.target, projectOwned: true });
    const cookieJar = new CookieJar();
    const page = await browse(connectionRequest!.connectUrl!, { cookieJar });
    const values = { "field.username": "ada-in-the-open", "field.password": canary() };
    const end = await submit(page, page.forms[0]!, values, { cookieJar, stopAtPrefix: "https://app.test/" });
    written.push(page.body, end.body, JSON.stringify([...end.headers]), end.redirectedTo ?? "");
    await note(readRequest(app, project.key, connectionRequest!.id));
    await note(auditEvents(app, project.key, {}));
  }
  await note(readTyped(app, key, id));
  await note(auditEvents(app, key, {}));
  app.services.log.info({ probe: true }, "the log is heard");
  expect(written.at(-1)).toContain("the log is heard");

  const dumps = await everyTable();
  expect(dumps.find(({ table }) => table === "Credential")!.text).toContain("ada-in-the-open");
  expect(dumps.find(({ table }) => table === "SealedSecret")!.text.length).toBeGreaterThan(1_000);
  expect(dumps.find(({ table }) => table === "IdempotencyRecord")!.text).toContain("createCredential");
  expect(secrets.size).toBeGreaterThan(15);
  expect(api.seen.length).toBeGreaterThan(5);
  for (const secret of secrets) {
    for (const { table, text } of dumps) expect(text.includes(secret), `a secret stands in the table ${table}`).toBe(false);
    const line = written.find((text) => text.includes(secret));
    expect(line, "a secret was written").toBeUndefined();
  }
});
