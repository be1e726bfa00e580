import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { run } from "./support/graphql.ts";
import { killPrograms, startProgram } from "./support/process.ts";

afterAll(killPrograms);

const DEMO = "scripts/demo.ts";

test("npm run demo does the main job on a server of its own, offline, and says each step", async () => {
  const demo = startProgram(DEMO);
  expect(await demo.ended, demo.stderr).toBe(0);
  expect(demo.stderr).toBe("");
  const statuses = [...demo.stdout.matchAll(/^status +([A-Z]+)/gm)].map(([, status]) => status);
  expect(statuses[0]).toBe("PENDING");
  expect(statuses.at(-1)).toBe("ACTIVE");
  expect(demo.stdout).toMatch(/^refreshed .* good until 20/m);
  expect(demo.stdout).toMatch(/^used .*\/api\/me says: Ada Lovelace$/m);
  expect(demo.stdout).not.toMatch(/mlk_|mls_|mld_|Bearer/);
}, 120_000);

describe("npm run demo on a server that runs", () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp();
  });
  afterAll(() => app.close());

  test("does the main job there and leaves nothing behind", async () => {
    const demo = startProgram(DEMO, { MOORLINE_URL: app.url, MOORLINE_API_KEY: app.adminKey });
    expect(await demo.ended, demo.stderr).toBe(0);
    expect(demo.stdout).toContain(`${app.url}/graphql`);
    expect(demo.stdout).toMatch(/says: Ada Lovelace$/m);
    const query = "{ users { totalCount } authConfigs { totalCount } credentials(filter: { status: [ACTIVE] }) { totalCount } }";
    const left = await run<Record<string, { totalCount: number }>, never>(app, app.adminKey, query);
    expect(left).toEqual({ users: { totalCount: 0 }, authConfigs: { totalCount: 0 }, credentials: { totalCount: 0 } });
  });

  test("says what the server refused, where the key is wrong", async () => {
    const demo = startProgram(DEMO, { MOORLINE_URL: app.url, MOORLINE_API_KEY: `${app.adminKey}x` });
    expect(await demo.ended).toBe(1);
    expect(demo.stderr).toMatch(/^The server refused: .*token/);
  });
});

test.each([
  [
    "no server listens there",
    { MOORLINE_URL: "http://127.0.0.1:1", MOORLINE_API_KEY: "mlk_x" },
    /No server answers at http:\/\/127\.0\.0\.1:1/,
  ],
  ["there is no key for the server", { MOORLINE_URL: "http://127.0.0.1:1" }, /^MOORLINE_API_KEY is needed/],
])("npm run demo ends with a sentence and not with 0 where %s", async (_case, env, sentence) => {
  const demo = startProgram(DEMO, env);
  expect(await demo.ended).toBe(1);
  expect(demo.stderr).toMatch(sentence);
  expect(demo.stderr).not.toMatch(/\n\s+at /);
});
