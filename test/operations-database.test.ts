import pg from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { createPostgresDatabase } from "./support/database.ts";

let app: TestApp;
let databaseName: string;
/** Connected to another database of the same server: stays open whatever happens to this one. */
let operator: pg.Client;

beforeAll(async () => {
  const url = new URL(await createPostgresDatabase());
  databaseName = url.pathname.slice(1);
  operator = new pg.Client({ connectionString: new URL("/postgres", url).href });
  await operator.connect();
  app = await startTestApp({ DATABASE_URL: url.href, MOORLINE_SANDBOX: "false" });
});

afterAll(async () => {
  await app?.close();
  await operator?.end();
});

async function ready(): Promise<{ status: number; body: { status: string; reasons?: string[]; reason?: string } }> {
  const response = await fetch(`${app.url}/health/ready`);
  return { status: response.status, body: (await response.json()) as { status: string } };
}

async function metrics(): Promise<string> {
  const response = await fetch(`${app.url}/metrics`);
  expect(response.status).toBe(200);
  return response.text();
}

/** Nobody new gets in; whoever fits is thrown out. */
async function cut(whom: string): Promise<void> {
  await operator.query(`ALTER DATABASE "${databaseName}" ALLOW_CONNECTIONS false`);
  await operator.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND ${whom}`, [databaseName]);
}

async function mend(): Promise<void> {
  await operator.query(`ALTER DATABASE "${databaseName}" ALLOW_CONNECTIONS true`);
  await vi.waitFor(async () => expect(await ready()).toEqual({ status: 200, body: { status: "ok" } }), { timeout: 15_000 });
}

test("metrics say how the connections to the database stand", async () => {
  await ready();
  const text = await metrics();
  expect(Number(/^moorline_database_connections\{state="open"\} (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(0);
  expect(text).toMatch(/^moorline_database_connections\{state="waiting"\} 0$/m);
});

test("a process that does not hear of changes says so, until it does again", async () => {
  await mend();
  await cut("application_name = 'moorline-listen'");
  await vi.waitFor(async () => {
    expect(await ready()).toEqual({
      status: 200,
      body: { status: "degraded", reasons: [expect.stringContaining("not heard of")] },
    });
  });
  await mend();
});

test("a process whose database is away is not ready, and still tells what it counted", async () => {
  await cut("true");
  expect(await ready()).toMatchObject({ status: 503, body: { status: "unavailable" } });
  expect((await fetch(`${app.url}/health/live`)).status).toBe(200);
  const text = await metrics();
  expect(text).toContain('moorline_http_requests_total{method="GET",route="/health/ready",status="5xx"} ');
  expect(text).not.toMatch(/^moorline_queue_due\{/m);
  await mend();
  expect(await metrics()).toMatch(/^moorline_queue_due\{job="webhooks"\} 0$/m);
});
