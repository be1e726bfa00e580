import { afterAll, beforeAll, expect, it } from "vitest";
import { type Database, openDatabase } from "../src/db/database.ts";
import { createPostgresDatabase } from "./support/database.ts";

let database: Database;

beforeAll(async () => {
  database = await openDatabase({ url: await createPostgresDatabase(), dataDirectory: null });
  await database.script(`CREATE TABLE "Two" ("id" int PRIMARY KEY, "count" int); INSERT INTO "Two" VALUES (1, 0), (2, 0)`);
});

afterAll(async () => {
  await database.close();
});

it("begins a transaction anew that PostgreSQL ended so that another one could go on", async () => {
  let begun = 0;
  let holding = 0;
  let meet: () => void;
  const met = new Promise<void>((resolve) => {
    meet = resolve;
  });
  async function both(first: number, second: number): Promise<void> {
    await database.transact(async (tx) => {
      begun += 1;
      await tx.$executeRaw`UPDATE "Two" SET "count" = "count" + 1 WHERE "id" = ${first}`;
      holding += 1;
      if (holding === 2) meet();
      await met;
      await tx.$executeRaw`UPDATE "Two" SET "count" = "count" + 1 WHERE "id" = ${second}`;
    });
  }
  await Promise.all([both(1, 2), both(2, 1)]);
  expect(begun).toBe(3);
  expect(await database.query("counts", `SELECT "count" FROM "Two"`, [])).toEqual([{ count: 2 }, { count: 2 }]);
});
