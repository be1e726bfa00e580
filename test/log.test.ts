import { PassThrough } from "node:stream";
import { pino } from "pino";
import { expect, test } from "vitest";
import { openDatabase } from "../src/db/database.ts";
import { loggerOptions } from "../src/lib/log.ts";

/** What the logger writes of an error. */
async function logged(error: unknown): Promise<string> {
  const stream = new PassThrough();
  pino(loggerOptions("info"), stream).error({ err: error }, "it failed");
  stream.end();
  return (await stream.toArray()).join("");
}

test("of a database's error the log tells the code and the place, not the values that it quotes", async () => {
  const database = await openDatabase({ url: null, dataDirectory: null });
  try {
    const failures = [
      await database.query("bad", "SELECT $1::text::uuid", ["canary-value"]).catch((error: unknown) => error),
      await database.prisma.$queryRawUnsafe("SELECT $1::text::uuid", "canary-value").catch((error: unknown) => error),
      await database.prisma.project.create({ data: { nme: "canary-value" } as never }).catch((error: unknown) => error),
    ];
    for (const failure of failures) {
      expect(String((failure as Error).message)).toContain("canary-value");
      const line = await logged(failure);
      expect(line).not.toContain("canary-value");
      expect(line).toContain("A database call failed");
    }
  } finally {
    await database.close();
  }
});

test("of a header that cannot be sent the log tells that, not its value", async () => {
  const unsendable: Record<string, string>[] = [
    { authorization: "Bearer canary-value\r\nX-Other: 1" },
    { "canary-value\n": "x" },
  ];
  const failures = unsendable.map((headers) => {
    try {
      return new Headers(headers);
    } catch (error) {
      return error;
    }
  });
  for (const failure of failures) {
    expect(String((failure as Error).message)).toContain("canary-value");
    const line = await logged(failure);
    expect(line).not.toContain("canary-value");
    expect(line).toContain("A header value cannot be sent");
  }
});

test("of any other error the log tells the message, and nothing that hangs on it", async () => {
  const line = await logged(Object.assign(new Error("the reason", { cause: "canary-value" }), { token: "canary-value" }));
  expect(line).toContain("the reason");
  expect(line).not.toContain("canary-value");
});
