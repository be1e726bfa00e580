import { readFile } from "node:fs/promises";
import { symbols } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { browse } from "../src/sandbox/play-user.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { everyTable } from "./support/canary-search.ts";
import { payload } from "./support/graphql.ts";
import { auditEvents, begin, goToConfirmPage, readCredential, reauthorize, refresh, reveal } from "./support/oauth.ts";
import { connect, createConfig, goThrough, readRequest } from "./support/seed.ts";

/** Every log line from the start on, and what pages and the API have said. */
const written: string[] = [];
let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ MOORLINE_LOG_LEVEL: "trace" });
  const log = app.services.log as unknown as Record<symbol, { write(line: string): void }>;
  log[symbols.streamSym] = { write: (line) => void written.push(line) };
});
afterAll(() => app.close());

test("no secret is in any table, log line, event, message or page", async () => {
  const client = await app.sandbox!.control.createClient({ redirectUris: [`${app.url}/oauth/callback/sandbox`], switches: {} });
  const config = await createConfig(app, app.adminKey, { clientId: client.clientId, clientSecret: client.clientSecret! });
  const made = await connect(app, app.adminKey, { authConfigId: config.id });
  const id = made.credential!.id;
  const secrets = new Set<string>([client.clientSecret!, made.session, app.adminKey]);
  const take = async () =>
    secrets.add(payload(await reveal(app, app.adminKey, { id }), "RevealCredentialPayload").revealed.accessToken!);
  await take();
  payload(await refresh(app, app.adminKey, id), "RefreshCredentialPayload");
  await take();

  // A flow that stands still with code, state, cookie and handle in the browser's hands.
  const pending = await begin(app);
  const { callbackUrl, page } = await goToConfirmPage(app, pending.url);
  for (const name of ["code", "state"]) secrets.add(new URL(callbackUrl).searchParams.get(name)!);
  secrets.add(pending.session);
  secrets.add(page.forms[0]!.fields[0]![1]);

  // Things that go wrong with tokens at hand.
  const failing: object[] = [
    { html: true },
    { truncated: true },
    { wrongNonce: true },
    { dropAfterCommit: true },
    { noTokenType: true },
  ];
  for (const switches of failing) {
    await app.sandbox!.control.setSwitches(client.clientId, switches as never);
    await refresh(app, app.adminKey, id);
    const { connectionRequest } = payload(
      await reauthorize(app, made.session, { id, returnUrl: "http://app.test/connected" }),
      "ReauthorizeCredentialPayload",
    );
    const { redirectedTo } = await goThrough(connectionRequest.authorizationUrl!);
    const request = await readRequest(app, made.session, connectionRequest.id);
    written.push(redirectedTo, JSON.stringify(request));
  }
  await browse(`${app.url}/oauth/callback/sandbox?code=secret-code-in-a-query-0123456789&state=unknown-state-0123456789`);
  secrets.add("secret-code-in-a-query-0123456789").add("unknown-state-0123456789");

  written.push(
    JSON.stringify(await readCredential(app, app.adminKey, id)),
    JSON.stringify(await auditEvents(app, app.adminKey, {})),
  );
  // What the sandbox has given out altogether, refresh tokens included.
  const issued = [...(await readFile(`${app.dataDirectory}/sandbox.json`, "utf8")).matchAll(/"([\w-]{43})"/g)].map(
    ([, token]) => token!,
  );
  expect(issued.length).toBeGreaterThan(4);
  for (const token of issued) secrets.add(token);
  app.services.log.info({ probe: true }, "the log is heard");
  expect(written.at(-1)).toContain("the log is heard");

  const dumps = await everyTable(app);
  expect(dumps.find(({ table }) => table === "Credential")!.text).toContain("Ada Lovelace");
  expect(dumps.find(({ table }) => table === "SealedSecret")!.text.length).toBeGreaterThan(1_000);
  expect(secrets.size).toBeGreaterThan(8);
  for (const secret of secrets) {
    expect(secret.length).toBeGreaterThanOrEqual(16);
    for (const { table, text } of dumps) expect(text.includes(secret), `a secret stands in the table ${table}`).toBe(false);
    expect(
      written.some((line) => line.includes(secret)),
      "a secret was written",
    ).toBe(false);
  }
});
