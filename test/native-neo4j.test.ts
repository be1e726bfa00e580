import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { type BoltOptions, startBolt } from "./support/bolt.ts";
import { closedPort, openSockets, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startNativeApp();
}, 120_000);
afterAll(() => app?.close());

const ADA = { username: "ada", password: "correct horse" };

async function tried(options: BoltOptions, scheme: string, slug = "neo4j") {
  const server = await startBolt(options);
  try {
    return await tryNative(app, slug, { ...ADA, uri: `${scheme}://localhost:${server.port}` });
  } finally {
    await server.close();
  }
}

describe("a server that speaks Bolt", () => {
  describe.each(["bolt", "neo4j", "neo4j+s"])("by %s://", (scheme) => {
    testUnreachable(() => ({ app, slug: "neo4j", fields: ADA, at: (host, port) => ({ uri: `${scheme}://${host}:${port}` }) }));
  });

  test.each([
    ["bolt", "neo4j"],
    ["neo4j", "neo4j"],
    ["bolt", "memgraph"],
  ])("answers by %s://, and no connection is kept", async (scheme, slug) => {
    await tried({}, scheme, slug);
    const before = openSockets();
    expect(await tried({}, scheme, slug)).toMatchObject({ ok: true, code: "OK", remedy: null });
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test.each([
    ["HELLO", "Neo.ClientError.Security.Unauthorized", "INVALID_CREDENTIALS"],
    ["HELLO", "Neo.ClientError.Security.AuthenticationRateLimit", "RATE_LIMITED"],
    ["RUN", "Neo.ClientError.Security.Forbidden", "PERMISSION_DENIED"],
    ["RUN", "Neo.ClientError.Database.DatabaseNotFound", "RESOURCE_NOT_FOUND"],
    ["RUN", "Neo.DatabaseError.General.UnknownError", "PROVIDER_ERROR"],
  ] as const)("that answers %s with %s", async (at, code, meaning) => {
    const outcome = await tried({ fails: { at, code } }, "bolt");
    expect(outcome).toMatchObject({ ok: false, code: meaning });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/horse|script/);
  });

  test("TLS asked of a server that has none is TLS_ERROR", async () => {
    expect(await tried({}, "bolt+s")).toMatchObject({ ok: false, code: "TLS_ERROR" });
  });

  test.each([
    ["that is not allowed", async () => "10.0.0.1:7687", "BLOCKED_ADDRESS"],
    ["where nobody listens", async () => `localhost:${await closedPort()}`, "CONNECTION_REFUSED"],
  ])("a server of the cluster %s is found out, although the first one answers", async (_what, handedOut, code) => {
    expect(await tried({ servers: [await handedOut()] }, "neo4j")).toMatchObject({ ok: false, code });
  });

  test("a server of another kind is PROVIDER_ERROR, and what it writes is not shown", async () => {
    const other = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n<script>"));
    const outcome = await tryNative(app, "neo4j", { ...ADA, uri: `bolt://localhost:${other.port}` });
    await other.close();
    expect(outcome).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    expect(JSON.stringify(outcome)).not.toContain("script");
  });
});
