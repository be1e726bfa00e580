import { mkdtempSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type FaultPoint, onFaultPoint } from "../src/lib/fault-points.ts";
import { ADMIN_KEY, moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { expectTable, growCells, reasonsOf } from "./support/fault-table.ts";
import { refresh } from "./support/oauth.ts";
import { endProcesses, type StrictServer, startGateway, startStrictServer } from "./support/processes.ts";
import { createStrictConnector, need } from "./support/strict-world.ts";

/** The same code with the embedded database, as refresh-faults.test.ts has it with PostgreSQL: token requests and status, cell by cell. */
const TABLE = `
  fault  point           none      grace     single     strict
  throw  claimed         1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  throw  attemptWritten  1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  throw  requestSent     2 ACTIVE  2 ACTIVE  2 INVALID  2 INVALID
  throw  headersIn       2 ACTIVE  2 ACTIVE  2 INVALID  2 INVALID
  throw  bodyIn          2 ACTIVE  2 ACTIVE  2 INVALID  2 INVALID
  throw  journaled       1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  throw  committing      1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  throw  committed       1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE
  throw  announced       1 ACTIVE  1 ACTIVE  1 ACTIVE   1 ACTIVE`;

/** One process, ended and started again, and then asked for a refresh: for one that had been done already it is another one. */
const RESTART = `
  fault  point           strict
  kill   claimed         1 ACTIVE
  kill   attemptWritten  1 ACTIVE
  kill   requestSent     2 INVALID
  kill   headersIn       2 INVALID
  kill   bodyIn          2 INVALID
  kill   journaled       1 ACTIVE
  kill   committing      1 ACTIVE
  kill   committed       2 ACTIVE
  kill   announced       2 ACTIVE`;

const ENV = {
  MOORLINE_EGRESS_ALLOW: "127.0.0.1",
  MOORLINE_SANDBOX: "false",
  MOORLINE_MASTER_KEYS: Buffer.alloc(32, 7).toString("base64"),
};

let strict: StrictServer;
beforeAll(async () => {
  strict = await startStrictServer();
});
afterAll(endProcesses);

test("an error of our own at each point loses no grant that the provider lets live", async () => {
  const app = await startTestApp(ENV);
  try {
    await createStrictConnector(app, strict);
    const cells = await growCells(app, TABLE, "throw");
    await moveClock(app, 7_200_000);
    const left = new Map<string, FaultPoint>(cells.map(({ grown, point }) => [grown.uuid, point]));
    onFaultPoint((point, subject) => {
      if (left.get(subject) !== point) return;
      left.delete(subject);
      throw new Error(`A fault at ${point}.`);
    });
    const needAll = () => Promise.all(cells.map(({ grown }) => need(app, grown).catch((error: unknown) => error)));
    await needAll();
    expect(left.size).toBe(0);
    await needAll();
    await expectTable(app, strict, cells);
    for (const reason of await reasonsOf(app, cells)) expect(reason).toContain("lost on the way");
  } finally {
    onFaultPoint(null);
    await app.close();
  }
}, 120_000);

test("kill -9 at each point, and a new start on the same directory", async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "moorline-test-"));
  let again: TestApp | null = null;
  try {
    await cp(inject("migratedDirectory"), join(dataDirectory, "database"), { recursive: true });
    const options = { refreshLimits: { leaseMs: 9_000, requestMs: 6_000, waitMs: 30_000 } };
    const gateway = await startGateway({ ...ENV, MOORLINE_DATA_DIR: dataDirectory }, options);
    await createStrictConnector(gateway as unknown as TestApp, strict);
    const cells = await growCells(gateway, RESTART, "kill");
    // An open transaction keeps the one connection: whoever is held in it comes last.
    const order = [...cells].sort((one, other) => Number(one.point === "committing") - Number(other.point === "committing"));
    const before: Record<string, FaultPoint> = {};
    for (const { grown, point } of order) {
      before[grown.uuid] = point;
      if (point === "requestSent") await strict.behave(grown.clientId, { answerAfterMs: 1_000, times: 1 });
      gateway.hold({ [grown.uuid]: point });
      refresh(gateway as unknown as TestApp, ADMIN_KEY, grown.id).catch(() => {});
      await gateway.held(before);
    }
    gateway.kill("SIGKILL");
    await gateway.ended;
    again = await startTestApp({ ...ENV, MOORLINE_DATA_DIR: dataDirectory }, { dataDirectory, app: options });
    const app = again;
    await Promise.all(cells.map(({ grown }) => refresh(app, ADMIN_KEY, grown.id)));
    await expectTable(app, strict, cells);
  } finally {
    await again?.close();
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}, 120_000);
