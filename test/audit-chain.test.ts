import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { graphql } from "../generated/gql/index.ts";
import { recordAuditAs } from "../src/domain/audit.ts";
import { sealAudit } from "../src/jobs/seal-audit.ts";
import { decodeId } from "../src/lib/ids.ts";
import { ADMIN_KEY, startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";
import { run, send } from "./support/graphql.ts";
import { createProject, reveal } from "./support/oauth.ts";
import { killPrograms, startProgram } from "./support/process.ts";
import { connect, createUser } from "./support/seed.ts";

const Verify = graphql(`
  query AuditVerify($projectId: ID, $since: AuditPositionInput) {
    auditVerification(projectId: $projectId, since: $since) {
      fault { sequence eventId message }
      checkedCount
      position { sequence hash }
      complete
      unsealedCount
    }
  }
`);

const Seals = graphql(`
  query AuditSeals($after: String) {
    auditEvents(first: 100, after: $after) {
      nodes { id at action actorLabel targetId ip details seal { sequence hash text } }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

const Head = graphql(`
  query AuditHead { viewer { project { id name auditHead { sequence hash } } } }
`);

const directory = mkdtempSync(join(tmpdir(), "moorline-audit-"));
afterAll(() => {
  killPrograms();
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
});

type App = Pick<TestApp, "url" | "services">;

/** Until everything that was written is in the chain; the job is told to look, which it does by itself every few seconds. */
async function sealed(app: App, key: string = ADMIN_KEY) {
  await app.services.database.query("test_tell_clock", "SELECT pg_notify('moorline', 'clock:moved')", []);
  for (const deadline = Date.now() + 15_000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const verification = (await run(app, key, Verify, {})).auditVerification!;
    if (verification.unsealedCount === 0 || Date.now() > deadline) return verification;
  }
}

/** A whole run of the job, and whichever ran already is over. */
async function sealingRuns(...apps: App[]): Promise<void> {
  for (const { services } of apps)
    await expect.poll(() => sealAudit(services, AbortSignal.timeout(30_000)), { timeout: 10_000 }).not.toBeNull();
}

async function allSeals(app: App, key: string) {
  const { nodes } = (await run(app, key, Seals, {})).auditEvents!;
  return nodes.map(({ seal, ...event }) => ({ ...event, ...seal! })).toSorted((left, right) => left.sequence - right.sequence);
}

describe("the hash chain", () => {
  let app: TestApp;
  let key: string;
  let projectId: string;
  beforeAll(async () => {
    app = await startTestApp();
    ({ key, id: projectId } = await createProject(app, ADMIN_KEY));
    const { credential } = await connect(app, key);
    await reveal(app, key, { id: credential!.id, reason: "Ümläut, “quotes” \\ and \u{1f511}" });
    await sealed(app, key);
  });
  afterAll(() => app?.close());

  test("can be computed by anyone who has the events, with SHA-256 and nothing of ours", async () => {
    const events = await allSeals(app, key);
    expect(events.length).toBeGreaterThan(5);
    let hash: Buffer = Buffer.alloc(32);
    for (const [index, event] of events.entries()) {
      hash = createHash("sha256").update(hash).update(event.text).digest();
      expect(event).toMatchObject({ sequence: index + 1, hash: hash.toString("hex") });
      const { sequence, ...said } = JSON.parse(event.text);
      expect(sequence).toBe(String(index + 1));
      expect(Object.keys(said)).toEqual(Object.keys(said).toSorted());
      const { at, action, actorLabel, targetId, ip, details } = event;
      expect(said).toMatchObject({ id: decodeId("AuditEvent", event.id), projectId: decodeId("Project", projectId) });
      expect({ ...said, at: new Date(said.at) }).toMatchObject({ at: new Date(at), action, actorLabel, targetId, ip, details });
    }
    const { auditHead } = (await run(app, key, Head)).viewer.project;
    expect(auditHead).toEqual({ sequence: events.length, hash: hash.toString("hex") });
  });

  test("covers every column of the event, with no white space and members in order", async () => {
    const [event] = (await allSeals(app, key)).filter(({ action }) => action === "credential.revealed");
    const columns = await app.services.database.query<{ name: string }>(
      "test_columns",
      `SELECT column_name AS "name" FROM information_schema.columns WHERE table_name = 'AuditEvent' ORDER BY 1`,
      [],
    );
    const members = Object.keys(JSON.parse(event!.text));
    const own = columns.map(({ name }) => name.replace("chainSequence", "sequence")).filter((name) => name !== "chainHash");
    expect(members.toSorted()).toEqual(own.toSorted());
    expect(event!.text).toContain(String.raw`"details":{"reason":"Ümläut, “quotes” \\ and 🔑"},"id"`);
  });

  test("goes on: what is written later is checked from a position that was kept", async () => {
    const { position } = await sealed(app, key);
    await createUser(app, key);
    await sealed(app, key);
    const { auditVerification } = await run(app, key, Verify, { since: position });
    expect(auditVerification).toMatchObject({
      fault: null,
      checkedCount: 1,
      complete: true,
      position: { sequence: position.sequence + 1 },
    });
  });

  test("is shown and checked for keys that may read the audit log; the operator's may have any project's checked", async () => {
    const { position } = await sealed(app, key);
    const byOperator = await run(app, ADMIN_KEY, Verify, { projectId });
    expect(byOperator.auditVerification).toMatchObject({ fault: null, complete: true, position });
    const foreign = (await run(app, ADMIN_KEY, Head)).viewer.project;
    const refused = await send(app, key, Verify, { projectId: foreign.id });
    expect(refused).toMatchObject({ data: { auditVerification: null }, errors: [{ extensions: { code: "NOT_FOUND" } }] });
    for (const since of [
      { sequence: -1, hash: "0".repeat(64) },
      { sequence: 0.5, hash: "0".repeat(64) },
      { sequence: 1, hash: "x" },
    ]) {
      expect(await send(app, key, Verify, { since })).toMatchObject({ errors: [{ extensions: { code: "BAD_REQUEST" } }] });
    }
  });

  describe("that somebody with the database in hand has been at", () => {
    let events: Awaited<ReturnType<typeof allSeals>>;
    let uuid: string;
    const tables = ["AuditEvent", "AuditChain"];
    const sql = (text: string, ...values: unknown[]) => app.services.database.query(`test_${text}`, text, values);
    const one = (text: string, id: string) =>
      sql(`UPDATE "AuditEvent" SET ${text} WHERE "id" = $1::uuid`, decodeId("AuditEvent", id));

    beforeEach(async () => {
      uuid = decodeId("Project", projectId)!;
      await sealed(app, key);
      events = await allSeals(app, key);
      for (const table of tables) await app.services.database.script(`CREATE TABLE "kept_${table}" AS TABLE "${table}"`);
    });
    afterEach(async () => {
      for (const table of tables) {
        await app.services.database.script(
          `DELETE FROM "${table}"; INSERT INTO "${table}" SELECT * FROM "kept_${table}"; DROP TABLE "kept_${table}"`,
        );
      }
      expect(await sealed(app, key)).toMatchObject({ fault: null, complete: true });
    });

    const faultAt = async (sequence: number, message: RegExp, since?: { sequence: number; hash: string }) => {
      const { auditVerification } = await run(app, key, Verify, { since });
      expect(auditVerification).toMatchObject({ fault: { sequence, message: expect.stringMatching(message) }, complete: false });
    };

    test.each([
      `"action" = 'credential.tested'`,
      `"at" = "at" + interval '1 millisecond'`,
      `"outcome" = 'DENIED'`,
      `"actorType" = 'User'`,
      `"actorId" = NULL`,
      `"actorLabel" = 'Somebody else'`,
      `"targetType" = NULL`,
      `"targetId" = 'cred_other'`,
      `"ip" = '203.0.113.7'`,
      `"details" = '{}'`,
      `"xid" = "xid" + 1`,
      `"id" = '00000000-0000-7000-8000-000000000001'`,
      `"chainHash" = decode(repeat('00', 32), 'hex')`,
      `"chainHash" = NULL`,
    ])("shows the event that was changed by %s", async (change) => {
      const event = events.find(({ action }) => action === "credential.revealed")!;
      await one(change, event.id);
      await faultAt(event.sequence, /not the one that was sealed here, or was changed since/);
    });

    test("shows where an event was taken out, wherever", async () => {
      const [first] = events;
      await sql(`DELETE FROM "AuditEvent" WHERE "id" = $1::uuid`, decodeId("AuditEvent", first!.id));
      await faultAt(1, /missing/);
      const last = events.at(-1)!;
      await sql(`DELETE FROM "AuditEvent" WHERE "id" = $1::uuid`, decodeId("AuditEvent", last.id));
      await sql(`UPDATE "AuditEvent" SET "chainSequence" = 1 WHERE "projectId" = $1::uuid AND "chainSequence" = 2`, uuid);
      await faultAt(1, /not the one that was sealed here/);
    });

    test("shows that the last events are missing", async () => {
      await sql(`DELETE FROM "AuditEvent" WHERE "id" = $1::uuid`, decodeId("AuditEvent", events.at(-1)!.id));
      await faultAt(events.length, /up to the head, \d+, are missing/);
    });

    test("shows events in another order", async () => {
      const [, second, third] = events;
      await one(`"chainSequence" = NULL`, second!.id);
      await one(`"chainSequence" = 2`, third!.id);
      await one(`"chainSequence" = 3`, second!.id);
      await faultAt(2, /not the one that was sealed here/);
    });

    test("shows a head that was put back or taken away", async () => {
      const before = events.at(-2)!;
      await sql(
        `UPDATE "AuditChain" SET "sequence" = $2, "hash" = decode($3, 'hex') WHERE "projectId" = $1::uuid`,
        uuid,
        before.sequence,
        before.hash,
      );
      await faultAt(events.length, /sealed events behind the head/);
      await sql(`DELETE FROM "AuditChain" WHERE "projectId" = $1::uuid`, uuid);
      await faultAt(1, /sealed events behind the head/);
    });

    test("shows an end that was cut off with care, or a chain that was written anew, against a head that was kept elsewhere", async () => {
      const kept = (await run(app, key, Head)).viewer.project.auditHead!;
      const before = events.at(-2)!;
      await sql(`DELETE FROM "AuditEvent" WHERE "id" = $1::uuid`, decodeId("AuditEvent", events.at(-1)!.id));
      await sql(
        `UPDATE "AuditChain" SET "sequence" = $2, "hash" = decode($3, 'hex') WHERE "projectId" = $1::uuid`,
        uuid,
        before.sequence,
        before.hash,
      );
      expect(await sealed(app, key), "the chain alone cannot tell").toMatchObject({ fault: null });
      await faultAt(events.length, /its end was cut off/, kept);

      // All of it sealed once more, after a change.
      await one(`"actorLabel" = 'Somebody else'`, events[0]!.id);
      await sql(`DELETE FROM "AuditChain" WHERE "projectId" = $1::uuid`, uuid);
      await sql(`UPDATE "AuditEvent" SET "chainSequence" = NULL, "chainHash" = NULL WHERE "projectId" = $1::uuid`, uuid);
      await createUser(app, key);
      expect(await sealed(app, key)).toMatchObject({ fault: null, position: { sequence: events.length } });
      await faultAt(events.length, /not the one that was kept: the chain was written anew/, kept);
    });
  });
});

describe("npm run verify-audit", () => {
  const script = "scripts/verify-audit.ts";

  test("checks every project by the server, and without one in the database itself; exit code 1 names the first broken place", async () => {
    const app = await startTestApp({}, { dataDirectory: join(directory, "data") });
    const heads = join(directory, "heads.json");
    const env = { MOORLINE_DATA_DIR: app.dataDirectory, MOORLINE_URL: app.url };
    const project = await createProject(app, ADMIN_KEY);
    await createUser(app, project.key);
    await sealed(app);
    const { position } = await sealed(app, project.key);

    const refused = startProgram(script, env);
    expect(await refused.ended).toBe(1);
    expect(refused.stderr).toMatch(/ is in use .* set MOORLINE_API_KEY /);
    const asked = startProgram(script, { ...env, MOORLINE_API_KEY: ADMIN_KEY });
    expect(await asked.ended, asked.stderr).toBe(0);
    expect(asked.stdout).toMatch(
      new RegExp(`^proj_.* My product: \\d+ events.*\n${project.id} .*; head ${position.hash}\nEvery chain is whole\\.\n$`),
    );
    const own = startProgram(script, { ...env, MOORLINE_API_KEY: project.key });
    expect(await own.ended, own.stderr).toBe(0);
    expect(own.stdout).not.toContain("My product");

    writeFileSync(heads, JSON.stringify({ [project.id]: { ...position, hash: "f".repeat(64) } }));
    const unlike = startProgram(script, { ...env, MOORLINE_API_KEY: ADMIN_KEY }, [], ["--heads", heads]);
    expect(await unlike.ended).toBe(1);
    expect(unlike.stderr).toMatch(
      new RegExp(`^${project.id} .*: BROKEN at ${position.sequence}: The hash at this position is not`),
    );
    expect(JSON.parse(readFileSync(heads, "utf8"))[project.id].hash, "the head that tells is kept").toBe("f".repeat(64));

    await app.services.database.query(
      "test_change",
      `UPDATE "AuditEvent" SET "ip" = '203.0.113.7' WHERE "chainSequence" = 2`,
      [],
    );
    await app.close();
    const alone = startProgram(script, env);
    expect(await alone.ended).toBe(1);
    expect(alone.stderr.match(/BROKEN at 2 \(aud_\w+\): The event that stands here is not the one/g)).toHaveLength(2);
    expect(alone.stdout).toBe("Broken chains: 2.\n");
  }, 120_000);
});

describe("on PostgreSQL, with several writers and two servers", () => {
  let one: TestApp;
  let two: TestApp;
  beforeAll(async () => {
    const env = { DATABASE_URL: await createPostgresDatabase(), MOORLINE_MASTER_KEYS: Buffer.alloc(32, 7).toString("base64") };
    one = await startTestApp(env);
    two = await startTestApp({ ...env, MOORLINE_SANDBOX: "false" });
  });
  afterAll(async () => {
    await two?.close();
    await one?.close();
  });

  test("an event of a transaction that is open for long keeps its place: nothing that began later is sealed before it", async () => {
    const { database } = one.services;
    const { id: projectId } = await database.prisma.project.findFirstOrThrow();
    await sealed(one);
    const actor = { projectId, actorType: null, actorId: null, actorLabel: "slow", ip: null };
    let commit = () => {};
    const waiting = new Promise<void>((resolve) => {
      commit = resolve;
    });
    let begun = () => {};
    const written = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const slow = database.transact(async (tx) => {
      await recordAuditAs(tx, actor, { action: "test.slow" });
      begun();
      await waiting;
    });
    await written;
    await createUser(two, ADMIN_KEY);
    await sealingRuns(one, two);
    expect((await run(one, ADMIN_KEY, Verify, {})).auditVerification).toMatchObject({ unsealedCount: 1, complete: true });
    commit();
    await slow;
    expect(await sealed(two)).toMatchObject({ fault: null, complete: true });
    const order = (await allSeals(one, ADMIN_KEY)).map(({ action }) => action).slice(-2);
    expect(order).toEqual(["test.slow", "user.created"]);
  });

  test("of many at once, each has its place, without gaps and in the order of their transactions", async () => {
    await Promise.all(Array.from({ length: 80 }, (_, index) => createUser(index % 2 ? one : two, ADMIN_KEY)));
    const { fault, complete, position } = await sealed(one);
    expect({ fault, complete }).toEqual({ fault: null, complete: true });
    const rows = await one.services.database.prisma.auditEvent.findMany({ orderBy: { chainSequence: "asc" } });
    expect(rows.map(({ chainSequence }) => Number(chainSequence))).toEqual(rows.map((_, index) => index + 1));
    expect(position.sequence).toBe(rows.length);
    const xids = rows.map(({ xid }) => xid);
    expect(xids).toEqual(xids.toSorted((left, right) => (left < right ? -1 : left > right ? 1 : 0)));
  });

  test("what was written before the database moved to another cluster, whose transactions count anew, is sealed too", async () => {
    const { database } = one.services;
    await database.query("test_moved", `ALTER TABLE "AuditEvent" ALTER COLUMN "xid" SET DEFAULT 9000000000000`, []);
    await createUser(one, ADMIN_KEY);
    expect(await sealed(one)).toMatchObject({ fault: null, complete: true, unsealedCount: 0 });
    const text = "((pg_current_xact_id())::text)::bigint";
    await database.query("test_back", `ALTER TABLE "AuditEvent" ALTER COLUMN "xid" SET DEFAULT ${text}`, []);
  });
});
