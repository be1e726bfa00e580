import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../src/lib/secret.ts";
import { ADMIN_KEY, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { mutate } from "./support/entities.ts";
import { run } from "./support/graphql.ts";
import { killPrograms, startProgram } from "./support/process.ts";
import { connect, createConfig, createOwnClientConfig } from "./support/seed.ts";

/** Two servers on one PostgreSQL in the middle of a rolling change: one has the new key first already, the other one behind the old one. */
const OLD = Buffer.alloc(32, 1).toString("base64");
const NEW = Buffer.alloc(32, 2).toString("base64");
const MANY = 250;

let url: string;
let one: TestApp;
let two: TestApp;
beforeAll(async () => {
  url = await createPostgresDatabase();
  const before = await startTestApp({ DATABASE_URL: url, MOORLINE_MASTER_KEYS: OLD });
  await fill(before);
  await before.close();
  const env = { DATABASE_URL: url, MOORLINE_EGRESS_ALLOW: "127.0.0.1" };
  one = await startTestApp({ ...env, MOORLINE_MASTER_KEYS: [NEW, OLD].join() });
  two = await startTestApp({ ...env, MOORLINE_MASTER_KEYS: [OLD, NEW].join() });
});
afterAll(async () => {
  killPrograms();
  await two?.close();
  await one?.close();
});

/** Secrets of many users: more than one batch of data keys. */
async function fill({ services }: TestApp): Promise<void> {
  const { id: projectId } = await services.database.prisma.project.findFirstOrThrow();
  await services.database.transact(async (tx) => {
    for (let user = 0; user < MANY; user += 1) {
      const id = `00000000-0000-7000-8000-${String(user).padStart(12, "0")}`;
      const address = { projectId, scope: id, table: "Credential", id, column: "tokens", generation: 1 };
      await services.vault.seal(tx, address, new Secret(`secret of ${user}`));
    }
  });
}

interface Rotation {
  status: string;
  total: number;
  done: number;
  message: string | null;
}

async function rotate(dataKeys: boolean): Promise<void> {
  const query = `mutation { rotateKeys(input: { dataKeys: ${dataKeys} }) { __typename } }`;
  expect(await run(one, ADMIN_KEY, query)).toEqual({ rotateKeys: { __typename: "RotateKeysPayload" } });
}

async function progress(): Promise<Rotation> {
  const query = "{ keyRotation { status total done message } }";
  return (await run<{ keyRotation: Rotation }, object>(one, ADMIN_KEY, query)).keyRotation;
}

async function ended(): Promise<Rotation> {
  for (const deadline = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const rotation = await progress();
    if (rotation.status !== "RUNNING" || Date.now() > deadline) return rotation;
  }
}

function wrappedBy(kekId: string): Promise<number> {
  return one.services.database.prisma.dataKey.count({ where: { kekId } });
}

/** Everything that seals and opens, again and again, until it is told to stop; what went wrong. */
async function load(): Promise<{ stop(): Promise<{ faults: string[]; counts: Record<string, number> }> }> {
  const { credential, authConfigId } = await connect(one, ADMIN_KEY);
  const refreshed = await connect(one, ADMIN_KEY, { authConfigId: (await createOwnClientConfig(one, ADMIN_KEY)).id });
  const ownApp = { clientId: "made-up", clientSecret: "first" };
  const configs = [await createConfig(one, ADMIN_KEY, ownApp), await createConfig(one, ADMIN_KEY, ownApp)];
  const faults: string[] = [];
  const counts: Record<string, number> = {};
  let stopped = false;
  const loop = async (name: string, expected: string, work: () => Promise<{ __typename?: string; status?: string }>) => {
    while (!stopped) {
      const answer = await work().catch((error: unknown) => ({ __typename: String(error) }));
      const got = "status" in answer ? answer.status : answer.__typename;
      counts[name] = (counts[name] ?? 0) + 1;
      if (got !== expected) faults.push(`${name}: ${JSON.stringify(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const running = [
    ...[one, two, one, two].map((app) =>
      loop("reveal", "RevealCredentialPayload", () =>
        mutate(app, ADMIN_KEY, "revealCredential", { id: credential!.id, minTtlSeconds: 0 }),
      ),
    ),
    loop("refresh", "RefreshCredentialPayload", () =>
      mutate(one, ADMIN_KEY, "refreshCredential", { id: refreshed.credential!.id }),
    ),
    loop("connect", "ACTIVE", async () => (await connect(one, ADMIN_KEY, { authConfigId })).request),
    ...[one, two].map((app, index) =>
      loop("config", "UpdateAuthConfigPayload", () =>
        mutate(app, ADMIN_KEY, "updateAuthConfig", { id: configs[index]!.id, clientSecret: `another ${Math.random()}` }),
      ),
    ),
    loop("delete", "DeleteUserPayload", async () => {
      const { userId } = await connect(one, ADMIN_KEY, { authConfigId });
      return mutate(one, ADMIN_KEY, "deleteUser", { id: userId, confirm: true });
    }),
  ];
  return {
    async stop() {
      stopped = true;
      await Promise.all(running);
      return { faults, counts };
    },
  };
}

test("nothing fails while keys are rotated under load, by whichever server", async () => {
  const { activeId: newId } = one.services.vault.keyring;
  const { activeId: oldId } = two.services.vault.keyring;
  const busy = await load();
  await rotate(false);
  const wrapped = await ended();
  await rotate(true);
  const replaced = await ended();
  const { faults, counts } = await busy.stop();
  expect(faults.slice(0, 5)).toEqual([]);
  expect(Object.keys(counts).toSorted()).toEqual(["config", "connect", "delete", "refresh", "reveal"]);
  for (const [name, count] of Object.entries(counts)) expect(count, name).toBeGreaterThan(3);
  expect(wrapped).toMatchObject({ status: "DONE", total: wrapped.done });
  expect(wrapped.done).toBeGreaterThanOrEqual(MANY);
  expect(replaced).toMatchObject({ status: "DONE", total: replaced.done });
  expect([await wrappedBy(oldId), (await wrappedBy(newId)) >= MANY]).toEqual([0, true]);
  const scope = "00000000-0000-7000-8000-000000000007";
  const { projectId } = await one.services.database.prisma.dataKey.findFirstOrThrow({ where: { scope } });
  for (const { services } of [one, two]) {
    const address = { projectId, table: "Credential", id: scope, column: "tokens", generation: 1 };
    expect((await services.vault.open(services.database, address))?.reveal()).toBe("secret of 7");
  }
}, 120_000);

test("what is being sealed while its data key is replaced is not left behind with the old one", async () => {
  const { database, vault } = one.services;
  const id = "00000000-0000-7000-8000-000000000011";
  const { projectId } = await database.prisma.dataKey.findFirstOrThrow({ where: { scope: id } });
  // A row that nobody sees before it is committed.
  const address = { projectId, scope: id, table: "RefreshAttempt", id, column: "answer", generation: 1 };
  let commit = () => {};
  const waiting = new Promise<void>((resolve) => {
    commit = resolve;
  });
  const sealing = database.transact(async (tx) => {
    await vault.seal(tx, address, new Secret("sealed in between"));
    await waiting;
  });
  await rotate(true);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await progress()).toMatchObject({ status: "RUNNING" });
  commit();
  await sealing;
  expect(await ended()).toMatchObject({ status: "DONE" });
  expect((await vault.open(database, address))?.reveal()).toBe("sealed in between");
});

test("a rotation whose process was killed in its middle is carried on by another one", async () => {
  await two.close();
  const { activeId } = one.services.vault.keyring;
  await one.close();
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  try {
    // The old key is the new one now, and somebody holds one row, so that the rotation cannot come to its end.
    await holder.query(`BEGIN; UPDATE "DataKey" SET "scope" = "scope" WHERE "scope" = '00000000-0000-7000-8000-000000000009'`);
    const env = { DATABASE_URL: url, MOORLINE_MASTER_KEYS: [OLD, NEW].join() };
    const first = startProgram("scripts/rotate-keys.ts", env);
    await first.printed(/\n {2}[1-9]\d\d of \d+\n/);
    first.child.kill("SIGKILL");
    await first.ended;
    await holder.query("ROLLBACK");
    const { rows } = await holder.query(
      `SELECT "status", "done" < "total" AS "halfway" FROM "KeyRotation" ORDER BY "startedAt" DESC LIMIT 1`,
    );
    expect(rows).toEqual([{ status: "RUNNING", halfway: true }]);

    one = await startTestApp({ ...env, MOORLINE_SANDBOX: "false" });
    expect(await ended()).toMatchObject({ status: "DONE" });
    expect(await wrappedBy(activeId)).toBe(0);
  } finally {
    await holder.end();
  }
}, 120_000);
