import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { run } from "./support/graphql.ts";
import { goThrough } from "./support/seed.ts";
import { overWebSocket } from "./support/streams.ts";

const read = (file: string) => readFileSync(join(import.meta.dirname, "..", file), "utf8");
const readme = read("README.md");

describe("README.md", () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp({ MOORLINE_ALLOWED_RETURN_URLS: "", MOORLINE_CORS_ORIGINS: "" });
  });
  afterAll(() => app.close());

  test("has the main job as operations that work as they stand there", async () => {
    const operations = [...readme.matchAll(/```graphql\n(.*?)```/gs)].map(([, text]) => text!);
    const [watch, others] = [
      operations.find((text) => text.includes("subscription"))!,
      operations.filter((text) => !text.includes("subscription")),
    ];
    const last = others.pop()!;
    let request: { id: string; authorizationUrl: string } | undefined;
    for (const operation of others) {
      const [answer] = Object.values(
        await run<Record<string, { message?: string; connectionRequest?: typeof request }>, never>(app, app.adminKey, operation),
      );
      expect(answer?.message).toBeUndefined();
      request = answer?.connectionRequest ?? request;
    }
    const watching = overWebSocket<{ status: string }>({
      url: app.url,
      token: app.adminKey,
      query: watch.replace("req_…", request!.id),
    });
    await watching.take(1);
    // The page that stands at the end asks nothing more: there is no return URL.
    await goThrough(request!.authorizationUrl, {}, undefined, "");
    expect((await watching.completed).at(-1)?.status).toBe("ACTIVE");

    type Revealed = { revealCredential: { revealed: { headers: Record<string, string> } } };
    const { revealCredential } = await run<Revealed, never>(app, app.adminKey, last);
    const me = await fetch(`${app.sandbox!.issuer}/api/me`, { headers: revealCredential.revealed.headers });
    expect(await me.json()).toMatchObject({ name: "Ada Lovelace" });

    const [, query] = /-d '(\{"query".*?\})'\n/s.exec(readme)!;
    const body = JSON.parse(query!) as { query: string };
    expect(await run(app, app.adminKey, body.query)).toMatchObject({ credentials: { nodes: [{ status: "ACTIVE" }] } });
  });
});

test("the configuration table names every variable that the start reads, and no other", () => {
  const variables = (text: string) => new Set(text.match(/\b(MOORLINE_[A-Z_]+|DATABASE_URL|NODE_ENV|PORT|HOST)\b/g));
  const table = [...readme.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, name]) => name!);
  expect(new Set(table)).toEqual(variables(read("src/config.ts").replaceAll(/\/\/.*$|^\s*\*.*$/gm, "")));
});

test("the tree of the house names every folder that is there", () => {
  const root = join(import.meta.dirname, "../src");
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const written = folders.filter(({ name }) => readdirSync(join(root, name)).length > 0);
  for (const { name } of written) expect(readme).toMatch(new RegExp(`^  ${name}/`, "m"));
});
