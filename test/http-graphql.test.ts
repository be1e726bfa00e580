import { request as httpRequest } from "node:http";
import { parse, validate } from "graphql";
import { serverAudits } from "graphql-http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { schema } from "../src/graphql/schema.ts";
import { TOUR } from "../src/http/tour.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { FRONT_END, type HttpFace, startHttpFace } from "./support/http-face.ts";

let face: HttpFace;
beforeAll(async () => {
  face = await startHttpFace({ limits: { operationMs: 300 } });
});
afterAll(() => face.close());

function post(body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${face.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${face.apiKey}`, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

async function codeOf(response: Response): Promise<string> {
  const body = (await response.json()) as { errors: { extensions: { code: string } }[] };
  return body.errors[0]!.extensions.code;
}

describe("GraphQL over HTTP, on the whole of Moorline with an API key", () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp();
  });
  afterAll(() => app.close());

  const audits = serverAudits({
    url: () => `${app.url}/graphql`,
    fetchFn: (url: string, init: RequestInit = {}) =>
      fetch(url, { ...init, headers: { ...(init.headers as Record<string, string>), authorization: `Bearer ${app.adminKey}` } }),
  });
  it.for(audits.map((audit) => [`${audit.id}: ${audit.name}`, audit] as const))("%s", async ([, audit]) => {
    const result = await audit.fn();
    expect(result.status === "ok" ? "ok" : result.reason).toBe("ok");
  });
});

describe("what is refused", () => {
  it("answers 401 with a challenge where the login is missing or wrong", async () => {
    const missing = await post({ query: "{ role }" }, { authorization: "" });
    expect(missing.status).toBe(401);
    expect(missing.headers.get("www-authenticate")).toMatch(/^Bearer/);
    expect(await codeOf(missing)).toBe("UNAUTHENTICATED");
    expect((await post({ query: "{ role }" }, { authorization: "Bearer mlk_nonsense" })).status).toBe(401);
  });

  it("takes no token from the query string", async () => {
    const response = await fetch(
      `${face.url}/graphql?query={role}&authorization=Bearer%20${face.apiKey}&access_token=${face.apiKey}`,
    );
    expect(response.status).toBe(401);
  });

  it.for([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
  ])("refuses a body of type %s", async (type) => {
    expect((await post({ query: "mutation { change }" }, { "content-type": type })).status).toBe(415);
  });

  it("refuses batches, null characters, and values nested too deep, each with a typed error", async () => {
    const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
    for (const body of [
      [{ query: "{ role }" }],
      { query: "{ role }", variables: { a: "\0" } },
      `{"query":"{ role }","variables":{"a":${deep}}}`,
    ]) {
      const response = await post(body);
      expect(response.status).toBe(400);
      expect(await codeOf(response)).toBe("BAD_REQUEST");
    }
  });

  it("refuses a mutation by GET", async () => {
    const response = await fetch(`${face.url}/graphql?query=mutation{change}`, {
      headers: { authorization: `Bearer ${face.apiKey}` },
    });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST");
  });

  it("says nothing of an unexpected error but an id", async () => {
    const text = await (await post({ query: "{ broken role }" })).text();
    expect(text).not.toContain("ECONNREFUSED");
    expect(JSON.parse(text)).toMatchObject({
      data: { broken: null, role: "ADMIN" },
      errors: [{ extensions: { code: "INTERNAL", errorId: expect.any(String) } }],
    });
  });

  it("gives up an operation that takes too long", async () => {
    const response = await post({ query: "{ never }" });
    expect(response.status).toBe(503);
    expect(await codeOf(response)).toBe("QUERY_TOO_COMPLEX");
  });

  it("answers a stranger's introspection while exploring, and nothing beside it", async () => {
    const schema = await post({ query: "{ __schema { queryType { name } } }" }, { authorization: "" });
    expect(await schema.json()).toEqual({ data: { __schema: { queryType: { name: "Query" } } } });
    expect((await post({ query: "{ __schema { queryType { name } } role }" }, { authorization: "" })).status).toBe(401);
  });

  it("answers a body of 20 MB with 413 and keeps none of it", async () => {
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().arrayBuffers - before)), 1);
    const chunk = Buffer.alloc(256 * 1024, "x");
    const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = httpRequest(`${face.url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${face.apiKey}` },
      });
      request.on("error", reject).on("response", (response) => {
        let text = "";
        response.on("data", (part) => (text += part)).on("end", () => resolve({ status: response.statusCode!, text }));
      });
      let sent = 0;
      const more = () => {
        while (sent < 80) {
          sent += 1;
          if (!request.write(chunk)) return void request.once("drain", more);
        }
        request.end();
      };
      more();
    });
    clearInterval(watch);
    expect(status).toBe(413);
    expect(JSON.parse(text).errors[0].extensions.code).toBe("BAD_REQUEST");
    expect(peak).toBeLessThan(12 * 1024 * 1024);
    expect((await post({ query: "{ role }" })).status).toBe(200);
  });

  it("tells a client that asks first not to send a body that is too large", async () => {
    const status = await new Promise<number>((resolve, reject) => {
      const request = httpRequest(`${face.url}/graphql`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "content-length": 20_000_000,
          expect: "100-continue",
          authorization: `Bearer ${face.apiKey}`,
        },
      });
      request.on("continue", () => reject(new Error("was told to continue")));
      request.on("response", (response) => {
        resolve(response.statusCode!);
        request.destroy();
      });
      request.on("error", reject);
      request.flushHeaders();
    });
    expect(status).toBe(413);
  });
});

describe("CORS", () => {
  it("lets a registered front end in and names it, never a stranger's origin", async () => {
    const preflight = (origin: string) =>
      fetch(`${face.url}/graphql`, { method: "OPTIONS", headers: { origin, "access-control-request-method": "POST" } });
    const own = await preflight(FRONT_END);
    expect([own.status, own.headers.get("access-control-allow-origin"), own.headers.get("vary")]).toEqual([
      204,
      FRONT_END,
      expect.stringContaining("Origin"),
    ]);
    for (const origin of ["https://evil.example.com", "null", `${FRONT_END}.evil.com`]) {
      const stranger = await preflight(origin);
      expect([stranger.status, stranger.headers.get("access-control-allow-origin")]).toEqual([403, null]);
    }
  });

  it("refuses an origin that only another project registered, once the token is known", async () => {
    const { prisma } = face.services.database;
    await prisma.project.create({
      data: { id: "01990000-0000-7000-8000-000000000001", name: "Other", allowedOrigins: ["https://other.example.com"] },
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const response = await post({ query: "{ role }" }, { origin: "https://other.example.com" });
    expect([response.status, await codeOf(response)]).toEqual([403, "FORBIDDEN"]);
    expect((await post({ query: "{ role }" }, { origin: FRONT_END })).headers.get("access-control-allow-origin")).toBe(FRONT_END);
    expect((await post({ query: "{ role }" }, { origin: face.url })).status).toBe(200);
  });
});

describe("server-sent events", () => {
  function subscribe(query: string, init: RequestInit = {}) {
    return fetch(`${face.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream", authorization: `Bearer ${face.apiKey}` },
      body: JSON.stringify({ query }),
      ...init,
    });
  }

  it("sends each result as `next`, then `complete`", async () => {
    const response = await subscribe("subscription { tick(count: 2) }");
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const text = await response.text();
    expect(text.match(/event: \w+\ndata:.*/g)).toEqual([
      'event: next\ndata: {"data":{"tick":"1 "}}',
      'event: next\ndata: {"data":{"tick":"2 "}}',
      "event: complete\ndata:",
    ]);
  });

  it("sends much more than a socket buffers, complete and in order", async () => {
    const text = await (await subscribe("subscription { tick(count: 300, bytes: 50000) }")).text();
    expect([...text.matchAll(/"tick":"(\d+) /g)].map((match) => Number(match[1]))).toEqual(
      Array.from({ length: 300 }, (_, index) => index + 1),
    );
  });

  it("ends the source when the client goes away", async () => {
    const before = face.trace.slowSourceEnded;
    const controller = new AbortController();
    const response = await subscribe("subscription { silence }", { signal: controller.signal });
    await response.body!.getReader().read();
    controller.abort();
    await expect.poll(() => face.trace.slowSourceEnded).toBe(before + 1);
  });

  it("ends within a second of the token's revocation, and says why", async () => {
    const session = await face.newSession();
    const response = await subscribe("subscription { silence }", {
      headers: { "content-type": "application/json", accept: "text/event-stream", authorization: `Bearer ${session.token}` },
    });
    const text = response.text();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const began = performance.now();
    await session.revoke();
    expect(await text).toContain("SESSION_EXPIRED");
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it("needs an event stream for a subscription", async () => {
    expect((await post({ query: "subscription { tick }" })).status).toBe(400);
  });
});

describe("GraphiQL", () => {
  it("offers operations that the schema knows", () => {
    for (const { query } of TOUR) expect(validate(schema, parse(query)).map((error) => error.message)).toEqual([]);
  });

  it("comes whole: no asset of any other host, and a policy that allows none", async () => {
    const response = await fetch(`${face.url}/graphql`, { headers: { accept: "text/html,*/*" } });
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(text).not.toMatch(/<(script|link|img|iframe)\b[^>]{0,200}?(src|href)=["']?(https?:)?\/\//i);
    expect(text).not.toMatch(/@import|url\(["']?(https?:)?\/\//);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(response.headers.get("content-security-policy")).not.toMatch(/https?:|\*/);
    expect(text).toContain("Step5InitiateConnection");
  });

  it("is not there where the operator does not want it", async () => {
    const closed = await startHttpFace({ exploration: false });
    const response = await fetch(`${closed.url}/graphql`, { headers: { accept: "text/html" } });
    expect(response.status).toBe(406);
    const introspection = await fetch(`${closed.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${closed.apiKey}` },
      body: JSON.stringify({ query: "{ __schema { queryType { name } } }" }),
    });
    expect(await codeOf(introspection)).toBe("BAD_REQUEST");
    await closed.close();
  });
});
