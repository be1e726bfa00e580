import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, inject, test } from "vitest";
import { graphql } from "../generated/gql/index.ts";
import { ADMIN_KEY, startTestApp, type TestApp } from "./support/app.ts";
import { payload, run } from "./support/graphql.ts";
import { auditEvents, createProject, reveal } from "./support/oauth.ts";
import { killPrograms, startProgram } from "./support/process.ts";
import { connect, createConfig, createOwnClientConfig, createUser, initiate } from "./support/seed.ts";

const Rotate = graphql(`
  mutation VaultRotate($input: RotateKeysInput!) {
    rotateKeys(input: $input) {
      __typename
      ... on RotateKeysPayload { keyRotation { toKeyId dataKeys status total done } }
      ... on UserError { message code }
    }
  }
`);

const Progress = graphql(`
  query VaultProgress { keyRotation { toKeyId dataKeys status total done message startedAt finishedAt } }
`);

const OLD = Buffer.alloc(32, 1).toString("base64");
const NEW = Buffer.alloc(32, 2).toString("base64");

let app: TestApp | null = null;
const directories: string[] = [];
afterEach(async () => {
  killPrograms();
  await app?.close();
  app = null;
});
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

function dataDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "moorline-rotation-"));
  directories.push(directory);
  cpSync(inject("migratedDirectory"), join(directory, "database"), { recursive: true });
  return directory;
}

/** The same database, with these keys from now on. */
async function restart(directory: string, keys: string[]): Promise<TestApp> {
  await app?.close();
  app = null;
  app = await startTestApp({ MOORLINE_MASTER_KEYS: keys.join(",") }, { dataDirectory: directory });
  return app;
}

async function ended(key: string = ADMIN_KEY) {
  for (const deadline = Date.now() + 15_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const { keyRotation } = await run(app!, key, Progress);
    if (keyRotation?.status !== "RUNNING" || Date.now() > deadline) return keyRotation!;
  }
}

async function rotate(dataKeys = false, key: string = ADMIN_KEY) {
  const { rotateKeys } = await run(app!, key, Rotate, { input: { dataKeys } });
  return payload(rotateKeys, "RotateKeysPayload").keyRotation;
}

function dataKeys() {
  return app!.services.database.prisma.dataKey.findMany({ orderBy: { id: "asc" } });
}

async function kekIds(): Promise<string[]> {
  const { vaultSentinel } = app!.services.database.prisma;
  const rows = [...(await dataKeys()), await vaultSentinel.findUniqueOrThrow({ where: { id: 1 } })];
  return [...new Set(rows.map(({ kekId }) => kekId))];
}

async function accessToken(id: string): Promise<string | undefined> {
  const answer = await reveal(app!, ADMIN_KEY, { id, minTtlSeconds: 0 });
  return payload(answer, "RevealCredentialPayload").revealed.accessToken ?? undefined;
}

test("a new key goes in, everything is wrapped with it, and the old key comes out: each secret and each link goes on working", async () => {
  const directory = dataDirectory();
  await restart(directory, [OLD]);
  const config = await createOwnClientConfig(app!, ADMIN_KEY);
  const { credential } = await connect(app!, ADMIN_KEY, { authConfigId: config.id });
  const before = await accessToken(credential!.id);
  const user = await createUser(app!, ADMIN_KEY);
  const waiting = await initiate(app!, ADMIN_KEY, { target: { authConfigId: config.id }, user: { id: user.id } });
  const path = new URL(waiting.connectUrl!).pathname;
  const handle = app!.services.vault.sealHandle({ of: "a browser that is on its way" }, 60);

  await restart(directory, [NEW, OLD]);
  expect(await accessToken(credential!.id)).toBe(before);
  expect((await fetch(`${app!.url}${path}`)).status, "a link that was made under the old key").toBe(200);
  expect(app!.services.vault.openHandle(handle)).toEqual({ of: "a browser that is on its way" });
  const active = app!.services.vault.keyring.activeId;
  expect(await rotate()).toMatchObject({ toKeyId: active, dataKeys: false, status: "RUNNING", total: 2, done: 0 });
  expect(await ended()).toMatchObject({ status: "DONE", total: 2, done: 2, message: expect.stringContaining(active) });
  expect(await kekIds()).toEqual([active]);
  expect(await accessToken(credential!.id), "by the same process").toBe(before);
  const actions = (await auditEvents(app!, ADMIN_KEY, { action: "key_rotation.*" })).map(({ action, actorLabel }) => [
    action,
    actorLabel,
  ]);
  expect(actions).toEqual([
    ["key_rotation.finished", "Moorline"],
    ["key_rotation.started", "First key"],
  ]);

  await restart(directory, [NEW]);
  expect(await accessToken(credential!.id)).toBe(before);
  expect((await connect(app!, ADMIN_KEY)).request.status).toBe("ACTIVE");
});

test("a key that wraps anything is not let go: the start says which one, how much hangs on it and what to do", async () => {
  const directory = dataDirectory();
  await restart(directory, [OLD]);
  await connect(app!, ADMIN_KEY);
  const [oldId] = app!.services.vault.keyring.ids;
  await expect(restart(directory, [NEW])).rejects.toThrow(`sealed with (${oldId})`);

  await restart(directory, [NEW, OLD]);
  await rotate();
  expect(await ended()).toMatchObject({ status: "DONE" });
  // One process had not been told yet which key comes first.
  await restart(directory, [OLD, NEW]);
  await connect(app!, ADMIN_KEY);
  await expect(restart(directory, [NEW])).rejects.toThrow(
    new RegExp(
      `MOORLINE_MASTER_KEYS lacks the key ${oldId}, which data keys .* still wrapped with \\(1\\)\\. .*npm run rotate-keys`,
    ),
  );
  const { services } = await restart(directory, [NEW, OLD]);
  await expect(restart(directory, [OLD]), "nor does a process go on with the old key alone").rejects.toThrow(
    services.vault.keyring.activeId,
  );
});

test("a project's ADMIN rotates its own data keys, the operator's those of all", async () => {
  const directory = dataDirectory();
  await restart(directory, [OLD]);
  const project = await createProject(app!, ADMIN_KEY);
  await connect(app!, project.key);
  await connect(app!, ADMIN_KEY);
  await restart(directory, [NEW, OLD]);
  const [newId, oldId] = app!.services.vault.keyring.ids;
  expect(await rotate(false, project.key)).toMatchObject({ total: 1 });
  expect(await ended(project.key)).toMatchObject({ status: "DONE", done: 1 });
  expect((await dataKeys()).map(({ kekId }) => kekId).toSorted()).toEqual([newId, oldId].toSorted());
  expect((await run(app!, ADMIN_KEY, Progress)).keyRotation, "another project's rotation").toBeNull();
  await rotate();
  expect(await ended()).toMatchObject({ status: "DONE", total: 1, done: 1 });
  expect(await kekIds()).toEqual([newId]);
});

test("the data keys themselves can be replaced, and what a data key sealed is sealed anew", async () => {
  const directory = dataDirectory();
  await restart(directory, [OLD]);
  const config = await createOwnClientConfig(app!, ADMIN_KEY);
  const { credential, userId } = await connect(app!, ADMIN_KEY, { authConfigId: config.id });
  await connect(app!, ADMIN_KEY, { authConfigId: config.id, userId, choice: { account: "grace" } });
  const token = await accessToken(credential!.id);
  const { prisma } = app!.services.database;
  const [keys, blobs] = [await dataKeys(), await prisma.sealedSecret.findMany()];
  await rotate(true);
  expect(await ended()).toMatchObject({ status: "DONE", dataKeys: true, total: keys.length, done: keys.length });

  const [after, sealed] = [await dataKeys(), await prisma.sealedSecret.findMany()];
  expect(after.map(({ scope }) => scope).toSorted()).toEqual(keys.map(({ scope }) => scope).toSorted());
  expect(after.filter(({ id }) => keys.some((key) => key.id === id))).toEqual([]);
  expect(sealed).toHaveLength(blobs.length);
  const before = new Set(blobs.map(({ blob }) => Buffer.from(blob).toString("hex")));
  expect(sealed.filter(({ blob }) => before.has(Buffer.from(blob).toString("hex")))).toEqual([]);
  expect(await accessToken(credential!.id)).toBe(token);
  expect(
    (await connect(app!, ADMIN_KEY, { authConfigId: config.id, userId })).request.status,
    "with the sealed client secret",
  ).toBe("ACTIVE");
});

test("what does not open is left as it is, the rest is done, and the rotation says so", async () => {
  const directory = dataDirectory();
  await restart(directory, [OLD]);
  const config = await createConfig(app!, ADMIN_KEY);
  const whole = await connect(app!, ADMIN_KEY, { authConfigId: config.id });
  await connect(app!, ADMIN_KEY, { authConfigId: config.id });
  await app!.services.database.query(
    "test_damage",
    `UPDATE "SealedSecret" s SET "blob" = overlay("blob" placing '\\x00'::bytea from 40) FROM "DataKey" k
     WHERE k."id" = s."dataKeyId" AND k."scope" = $1`,
    [(await app!.services.database.prisma.user.findFirstOrThrow({ orderBy: { createdAt: "desc" } })).id],
  );
  await rotate(true);
  expect(await ended()).toMatchObject({
    status: "FAILED",
    done: 1,
    total: 2,
    message: expect.stringMatching(/^1 data keys were not replaced, because something that they sealed was moved or changed/),
  });
  expect(await accessToken(whole.credential!.id)).toEqual(expect.any(String));
  expect(await auditEvents(app!, ADMIN_KEY, { action: "key_rotation.failed" })).toMatchObject([{ outcome: "FAILED" }]);
});

test("npm run rotate-keys asks the server that runs, and without one works on the database itself", async () => {
  const directory = dataDirectory();
  await restart(directory, [OLD]);
  const { credential } = await connect(app!, ADMIN_KEY);
  await restart(directory, [NEW, OLD]);
  const script = "scripts/rotate-keys.ts";
  const env = { MOORLINE_DATA_DIR: directory, MOORLINE_MASTER_KEYS: [NEW, OLD].join(), MOORLINE_URL: app!.url };

  const refused = startProgram(script, env);
  expect(await refused.ended).toBe(1);
  expect(refused.stderr).toMatch(/^The data directory .* is in use .* set MOORLINE_API_KEY [^\n]+\n$/);
  const wrong = startProgram(script, { ...env, MOORLINE_API_KEY: "mlk_nobody_has_this_key_0123456789" });
  expect(await wrong.ended).toBe(1);
  expect(wrong.stderr).toMatch(/^This token is [^\n]+\n$/);
  const asked = startProgram(script, { ...env, MOORLINE_API_KEY: ADMIN_KEY });
  expect(await asked.ended, asked.stderr).toBe(0);
  expect(asked.stdout).toMatch(/^Wrapping data keys with the key [0-9a-f]{16}: 1\.\n(.*\n)* {2}1 of 1\nEverything is wrapped/);
  expect(await kekIds()).toEqual([app!.services.vault.keyring.activeId]);

  await app!.close();
  app = null;
  const mistyped = startProgram(script, env, [], ["--datakeys"]);
  expect(await mistyped.ended).toBe(1);
  expect(mistyped.stderr).toBe("There is no option --datakeys. There is: --data-keys.\n");
  const alone = startProgram(script, { ...env, MOORLINE_MASTER_KEYS: [OLD, NEW].join() }, [], ["--data-keys"]);
  expect(await alone.ended, alone.stderr).toBe(0);
  expect(alone.stdout).toMatch(/1 of 1\nEverything is wrapped/);
  await restart(directory, [OLD]);
  expect(await accessToken(credential!.id)).toEqual(expect.any(String));
}, 120_000);
