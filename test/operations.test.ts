import { cpSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { builtPages } from "./support/built-pages.ts";
import { run } from "./support/graphql.ts";
import { begin } from "./support/oauth.ts";
import { killPrograms, startProgram } from "./support/process.ts";

const TOKEN = "a-metrics-token-of-some-length";

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp({ MOORLINE_METRICS_TOKEN: TOKEN, MOORLINE_SKIP_JOBS: "refresh-ahead,expire-requests,seal-audit" });
});

afterAll(async () => {
  killPrograms();
  await app.close();
});

async function metrics(): Promise<string> {
  const response = await fetch(`${app.url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
  return response.text();
}

/** The value of a sample; 0 where it is not there yet. */
function sample(text: string, name: string, labels: Record<string, string> = {}): number {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  const line = text.split("\n").find((each) => each.startsWith(name) && wanted.every((label) => each.includes(label)));
  return line ? Number(line.split(" ").at(-1)) : 0;
}

describe("metrics", () => {
  it("are for those who have the token", async () => {
    for (const authorization of [undefined, "Bearer wrong", `Bearer ${app.adminKey}`]) {
      const response = await fetch(`${app.url}/metrics`, { headers: authorization ? { authorization } : {} });
      expect(response.status).toBe(401);
      expect(await response.text()).not.toContain("moorline_");
    }
  });

  it("count requests by route, operations by type and outcome, and flows by how they ended", async () => {
    const before = await metrics();
    const { request, session } = await begin(app);
    await run(app, session, `mutation { cancelConnectionRequest(input: { id: "${request.id}" }) { __typename } }`);
    await fetch(`${app.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${app.adminKey}` },
      body: JSON.stringify({ query: "{ nothingOfThatName }" }),
    });
    const after = await metrics();
    const grown = (name: string, labels: Record<string, string>) => sample(after, name, labels) - sample(before, name, labels);
    expect(grown("moorline_connection_requests_ended_total", { outcome: "canceled" })).toBe(1);
    expect(grown("moorline_graphql_operations_total", { type: "mutation", outcome: "ok" })).toBeGreaterThanOrEqual(4);
    expect(grown("moorline_http_requests_total", { route: "/graphql", method: "POST", status: "2xx" })).toBeGreaterThanOrEqual(5);
    expect(after).not.toContain(request.id);
  });

  it("say how much each job has to do, and since when", async () => {
    const { adminKey } = app;
    await moveClock(app, 0);
    const before = sample(await metrics(), "moorline_queue_due", { job: "seal-audit" });
    await run(app, adminKey, `mutation { upsertUser(input: { externalId: "counted" }) { __typename } }`);
    const text = await metrics();
    expect(sample(text, "moorline_queue_due", { job: "seal-audit" })).toBeGreaterThan(before);
    expect(sample(text, "moorline_queue_due", { job: "webhooks" })).toBe(0);
    await moveClock(app, 3_600_000);
    expect(sample(await metrics(), "moorline_queue_late_seconds", { job: "seal-audit" })).toBeGreaterThan(3_500);
    await moveClock(app, 0);
  });
});

describe("health", () => {
  it("is degraded, and still ready, where a job lags behind", async () => {
    await run(app, app.adminKey, `mutation { upsertUser(input: { externalId: "lagging" }) { __typename } }`);
    await moveClock(app, 3_600_000);
    const response = await fetch(`${app.url}/health/ready`);
    expect(response.status).toBe(200);
    const body = (await response.json()) as { status: string; reasons: string[] };
    expect(body.status).toBe("degraded");
    expect(body.reasons.join()).toMatch(/the job seal-audit is \d+ seconds behind/);
    await moveClock(app, 0);
    expect(await (await fetch(`${app.url}/health/live`)).json()).toEqual({ status: "ok" });
  });
});

describe("a request", () => {
  it("keeps the id that its client gave it, or gets one; one that is no id is replaced", async () => {
    const idOf = async (given?: string) => {
      const response = await fetch(`${app.url}/health/live`, { headers: given ? { "x-request-id": given } : {} });
      return response.headers.get("x-request-id");
    };
    expect(await idOf("back-end.42")).toBe("back-end.42");
    expect(await idOf()).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idOf("x".repeat(200))).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("is logged with its route and never with its path, query or token", async () => {
    // With them, every such page is there, and says by itself that there is no such link.
    await builtPages();
    const program = startProgram("src/main.ts", {
      PORT: "0",
      MOORLINE_DATA_DIR: migrated("logged"),
      MOORLINE_BOOTSTRAP_API_KEY: app.adminKey,
      MOORLINE_SANDBOX: "false",
      MOORLINE_LOG_LEVEL: "debug",
    });
    const [, url] = await program.printed(/GraphQL API {2}(\S+)\/graphql/);
    await fetch(`${url}/connect/one-time-canary?also=canary-query`, { headers: { "x-request-id": "the-one" } });
    const [line] = await program.printed(/^\{.*"the-one".*\}$/m);
    expect(JSON.parse(line)).toMatchObject({ requestId: "the-one", method: "GET", route: "/connect/:token", status: 200 });
    expect(program.stdout).not.toMatch(/canary/);
    program.child.kill("SIGTERM");
    await program.ended;
  });
});

/** A data directory whose database has its tables: that starts much faster. */
function migrated(name: string): string {
  const directory = join(app.dataDirectory, name);
  cpSync(inject("migratedDirectory"), join(directory, "database"), { recursive: true });
  return directory;
}

describe("traces", () => {
  it("go to the configured exporter, with spans of the request, its operation and the call that it makes", async () => {
    const bodies: string[] = [];
    const receiver = createServer((request: IncomingMessage, response) => {
      let text = "";
      request.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      request.on("end", () => {
        bodies.push(text);
        response.writeHead(200, { "content-type": "application/json" }).end("{}");
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    const program = startProgram("src/main.ts", {
      PORT: "0",
      MOORLINE_DATA_DIR: migrated("traced"),
      MOORLINE_BOOTSTRAP_API_KEY: app.adminKey,
      MOORLINE_SANDBOX_PORT: "0",
      MOORLINE_LOG_LEVEL: "silent",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`,
      OTEL_SERVICE_NAME: "moorline-under-test",
    });
    const [, url] = await program.printed(/GraphQL API {2}(\S+)\/graphql/);
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const [, issuer] = /Sandbox\s+(\S+)/.exec(program.stdout)!;
    const query = `mutation { createConnector(input: { slug: "traced", name: "Traced", scheme: { oauth2: { issuer: "${issuer}" } } }) { __typename } }`;
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${app.adminKey}`,
        traceparent: `00-${traceId}-b7ad6b7169203331-01`,
      },
      body: JSON.stringify({ query }),
    });
    expect(await response.json()).toEqual({ data: { createConnector: { __typename: "CreateConnectorPayload" } } });
    program.child.kill("SIGTERM");
    await program.ended;
    receiver.close();
    const spans = bodies.flatMap(spansOf).filter((span) => span.traceId === traceId);
    expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(["POST /graphql", "graphql mutation", "GET"]));
    expect(bodies.join()).toContain("moorline-under-test");
    expect(bodies.join()).not.toContain(app.adminKey);
  });
});

function spansOf(body: string): { name: string; traceId: string }[] {
  const { resourceSpans } = JSON.parse(body) as {
    resourceSpans: { scopeSpans: { spans: { name: string; traceId: string }[] }[] }[];
  };
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}
