import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browse, CookieJar, playUser, submit } from "../src/sandbox/play-user.ts";
import { moveClock, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { faults, mutate } from "./support/entities.ts";
import { run } from "./support/graphql.ts";
import { hostedMutate, hostedSend, openHosted, postLink, sessionOf } from "./support/link-session.ts";
import { auditEvents, createProject } from "./support/oauth.ts";
import { connect, createConfig, createUser } from "./support/seed.ts";
import { type StaticApi, startStaticApi } from "./support/static-api.ts";
import { createTypedConfig, made, ask as typed } from "./support/typed.ts";

let app: TestApp;
let api: StaticApi;
let key: string;
let userId: string;
beforeAll(async () => {
  api = await startStaticApi();
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  key = (await createProject(app, app.adminKey)).key;
  userId = (await createUser(app, key, "linked")).id;
});
afterAll(async () => {
  await app?.close();
  await api?.close();
});

async function createLink(input: object = {}): Promise<{ url: string; expiresAt: string }> {
  const answer = await mutate(app, key, "createConnectLink", { user: { id: userId }, ...input }, "url expiresAt");
  expect(answer.__typename, answer.message).toBe("CreateConnectLinkPayload");
  return answer as unknown as { url: string; expiresAt: string };
}

/** Where “Back to the list” leads; null where it is not shown. */
function toList({ body, url }: { body: string; url: string }): string | null {
  const [, shown = ""] = /<p id="list"([\s\S]*?)<\/p>/.exec(body) ?? [];
  const [, path] = /href="([^"]+)"/.exec(shown) ?? [];
  return path && !/^[^>]* hidden/.test(shown) ? new URL(path, url).href : null;
}

describe("a link to a choice of connectors", () => {
  test("is made by back ends, for users and connectors that exist, to registered return URLs", async () => {
    const { url, expiresAt } = await createLink({ returnUrl: RETURN_URL, connectorSlugs: ["sandbox"] });
    expect(url).toMatch(new RegExp(`^${app.url}/connect/[\\w-]{43}$`));
    const seconds = (Date.parse(expiresAt) - (await app.services.database.now()).getTime()) / 1_000;
    expect(seconds).toBeGreaterThan(590);
    expect(seconds).toBeLessThanOrEqual(600);
    const refused = async (input: object) =>
      faults(await mutate(app, key, "createConnectLink", { user: { id: userId }, ...input }));
    expect(await refused({ returnUrl: "https://evil.example/" })).toBe("returnUrl NOT_ALLOWED");
    expect(await refused({ connectorSlugs: ["sandbox", "no-such"] })).toBe("connectorSlugs.1 NOT_FOUND");
    expect(await refused({ connectorSlugs: [] })).toBe("connectorSlugs REQUIRED");
    expect(await refused({ expiresInSeconds: 59 })).toBe("expiresInSeconds OUT_OF_RANGE");
    expect(await refused({ expiresInSeconds: 604_801 })).toBe("expiresInSeconds OUT_OF_RANGE");
    expect(await refused({ locale: "not a tag" })).toBe("locale PATTERN");
    expect(await refused({ user: { externalId: "nobody" } })).toBe("NotFoundError NOT_FOUND");
    const { userSession, connectLink } = app.services.database.prisma;
    expect(JSON.stringify(await connectLink.findMany())).not.toContain(url.split("/").at(-1));
    expect(await userSession.count({ where: { linkId: { not: null } } })).toBe(0);
    const [event] = await auditEvents(app, key, { targetId: userId, action: "connect_link.created" });
    expect(event).toMatchObject({ outcome: "ALLOWED", details: { connectorSlugs: ["sandbox"] } });
  });

  test("is exchanged by one POST of its own page for a cookie; a reload keeps it, another browser gets its own", async () => {
    const { url } = await createLink({ connectorSlugs: ["sandbox"], returnUrl: RETURN_URL, locale: "de" });
    for (const method of ["GET", "HEAD"]) expect((await fetch(url, { method })).status).toBe(200);
    const mine = await openHosted(app, url);
    expect(mine.answer).toEqual({
      session: sessionOf(url),
      kind: "CHOICE",
      connectorSlugs: ["sandbox"],
      returnUrl: RETURN_URL,
      locale: "de",
      expiresAt: expect.any(String),
    });
    expect((await openHosted(app, url, mine.cookie)).cookie).toBe(mine.cookie);
    expect((await openHosted(app, url)).cookie).not.toBe(mine.cookie);
    expect((await auditEvents(app, key, { targetId: userId, action: "user_session.created" })).length).toBe(2);
  });

  test("gives nothing to another site, without its header, or with another link's", async () => {
    const { url } = await createLink();
    for (const headers of [
      { origin: "http://app.test" },
      { origin: "https://evil.example" },
      { "sec-fetch-site": "cross-site" },
      { "moorline-session": "connect-00000000" },
      { "moorline-session": "" },
    ]) {
      const response = await postLink(app, url, headers as object as Record<string, string>);
      expect([response.status, response.headers.get("set-cookie")], JSON.stringify(headers)).toEqual([403, null]);
    }
    const unknown = await postLink(app, `${app.url}/connect/${"x".repeat(43)}`);
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toEqual({
      errors: [
        {
          message: expect.any(String),
          extensions: { code: "NOT_FOUND", remedy: expect.any(String), status: null, productName: null },
        },
      ],
    });
  });

  test("opens what it names, for its own user, and nothing else", async () => {
    const sandbox = await createConfig(app, key);
    const other = await createTypedConfig(app, key, api, { none: {} }, { testable: false });
    const outside = await made(typed(app, key, "createCredential", { target: other.target, user: { id: userId }, fields: {} }));
    const { credential } = await connect(app, key, { authConfigId: sandbox.id, userId });
    const stranger = await connect(app, key, { authConfigId: sandbox.id });
    const hosted = await openHosted(app, (await createLink({ connectorSlugs: ["sandbox"], returnUrl: RETURN_URL })).url);
    const seen = await hostedSend<{
      viewer: { role: string; permissions: string[]; user: { id: string } };
      authConfigs: { nodes: { id: string }[] };
      connectors: { nodes: { slug: string }[] };
      users: { nodes: { id: string }[] };
      credentials: { nodes: { id: string }[] };
    }>(
      app,
      hosted,
      `{ viewer { role permissions user { id } } authConfigs { nodes { id } } connectors { nodes { slug } }
        users { nodes { id } } credentials { nodes { id } } }`,
    );
    expect(seen.errors).toBeUndefined();
    expect(seen.data).toMatchObject({
      viewer: { role: "END_USER", user: { id: userId } },
      authConfigs: { nodes: [{ id: sandbox.id }] },
      connectors: { nodes: [{ slug: "sandbox" }] },
      users: { nodes: [{ id: userId }] },
      credentials: { nodes: [{ id: credential!.id }] },
    });
    const query = "query ($id: ID!) { credential(id: $id) { id } }";
    for (const { id } of [outside, stranger.credential!])
      expect((await hostedSend(app, hosted, query, { id })).data).toEqual({ credential: null });
    const started = await hostedMutate(app, hosted, "initiateConnection", {
      target: { connectorSlug: "sandbox" },
      returnUrl: RETURN_URL,
    });
    expect(started.connectionRequest).toMatchObject({ status: "PENDING", connectUrl: expect.any(String) });
    const again = await hostedMutate(app, hosted, "reauthorizeCredential", { id: credential!.id });
    expect(again.connectionRequest.status).toBe("PENDING");
    expect(await hostedMutate(app, hosted, "initiateConnection", { target: other.target })).toMatchObject({ code: "NOT_FOUND" });
    for (const [name, input] of Object.entries({
      revokeCredential: { id: credential!.id },
      updateCredential: { id: credential!.id, label: "x" },
      setCredentialEnabled: { id: credential!.id, enabled: false },
      testCredential: { id: credential!.id },
      createCredential: { target: { connectorSlug: "sandbox" }, fields: {} },
      createUserSession: { user: { id: userId } },
      createConnectLink: { user: { id: userId } },
      revealCredential: { id: credential!.id },
    }))
      expect(await hostedMutate(app, hosted, name, input), name).toMatchObject({ __typename: "ForbiddenError" });
  });

  test("ends with its time, with revokeUserSessions, and with its user; a browser that has it open finishes", async () => {
    const leaving = await createUser(app, key);
    const gone = await createLink({ user: { id: leaving.id } });
    const lost = await openHosted(app, gone.url);
    await mutate(app, key, "deleteUser", { id: leaving.id, confirm: true }, "deletedId");
    expect((await hostedSend(app, lost, "{ viewer { role } }")).errors![0]!.extensions.code).toBe("SESSION_EXPIRED");
    const statusOf = async (response: Response) => [response.status, (await response.json()).errors[0].extensions.status];
    expect(await statusOf(await postLink(app, gone.url))).toEqual([410, "CANCELED"]);

    const revoked = await createLink();
    const { cookie } = await openHosted(app, revoked.url);
    await mutate(app, key, "revokeUserSessions", { user: { id: userId } }, "revokedCount");
    expect(await statusOf(await postLink(app, revoked.url, { cookie }))).toEqual([410, "CANCELED"]);

    const short = await createLink({ expiresInSeconds: 60 });
    const open = await openHosted(app, short.url);
    try {
      await moveClock(app, 120_000);
      expect(await statusOf(await postLink(app, short.url))).toEqual([410, "EXPIRED"]);
      expect((await openHosted(app, short.url, open.cookie)).cookie).toBe(open.cookie);
      expect((await hostedSend(app, open, "{ viewer { role } }")).data).toEqual({ viewer: { role: "END_USER" } });
      await moveClock(app, 1_900_000);
      expect(await statusOf(await postLink(app, short.url, { cookie: open.cookie }))).toEqual([410, "EXPIRED"]);
    } finally {
      await moveClock(app, 0);
    }
  });

  test("works without a script: a list whose buttons lead to the request's own page", async () => {
    const { target, connector } = await createTypedConfig(app, key, api, { basic: {} }, { testable: false });
    const { url } = await createLink({ connectorSlugs: [connector.slug], returnUrl: RETURN_URL });
    const cookieJar = new CookieJar();
    const list = await browse(`${url}/plain`, { cookieJar });
    expect(list.status).toBe(200);
    expect(list.body).toContain("Name of linked");
    const requests = () => app.services.database.prisma.connectionRequest.count({ where: { connectorSlug: connector.slug } });
    expect(await requests()).toBe(0);
    const form = await submit(list, list.forms[0]!, {}, { cookieJar, button: ["authConfigId", target.authConfigId] });
    expect(form.status).toBe(200);
    expect(form.body).toMatch(/id="field-username"/);
    expect(await requests()).toBe(1);
    const values = { "field.username": "ada", "field.password": "x" };
    const end = await submit(form, form.forms[0]!, values, { cookieJar, button: ["decision", "connect"] });
    // Both ways on are there: to the product with the result, and to the list.
    expect(end.body).toContain("Connected");
    expect(end.body).toMatch(/href="http:\/\/app\.test\/[^"]*status=ACTIVE/);
    expect(toList(end)).toBe(`${url}/plain`);
    expect((await browse(toList(end)!, { cookieJar })).body).toContain(`Back to `);
    const again = await submit(list, list.forms[0]!, {}, { cookieJar, button: ["authConfigId", "ac_nonsense"] });
    expect(again.status).toBe(422);
    const posted = await fetch(`${url}/start`, {
      method: "POST",
      headers: { origin: "https://evil.example", "content-type": "application/x-www-form-urlencoded" },
      body: `authConfigId=${target.authConfigId}`,
    });
    expect(posted.status).toBe(403);
  });

  test("leads back to its list without a script, whatever came of it, and nobody who did not begin there", async () => {
    await createConfig(app, key, { name: "For the list" });
    const { url } = await createLink({ connectorSlugs: ["sandbox"], locale: "de" });
    const cookieJar = new CookieJar();
    const list = await browse(`${url}/plain`, { cookieJar });
    const begun = await submit(list, list.forms[0]!, {}, { cookieJar, button: list.forms[0]!.buttons[0]! });
    expect(toList(begun)).toBe(`${url}/plain`);
    expect(begun.body).toContain("Zurück zur Liste");
    const { page } = await playUser(`${begun.url.replace(/plain$/, "authorize")}`, { deny: true }, { cookieJar });
    expect(page.body).toContain("Nicht verbunden");
    expect(toList(page)).toBe(`${url}/plain`);
    expect((await browse(toList(page)!, { cookieJar })).forms).toHaveLength(1);
    expect(toList(await browse(begun.url))).toBeNull();
    const [name = ""] = cookieJar.header(begun.url)?.match(/moorline-choice-req_\w+/) ?? [];
    expect(name).not.toBe("");
    for (const value of ["//evil.example", "..%2f..%2fgraphql", "x"]) {
      const forged = await fetch(begun.url, { headers: { cookie: `${name}=${value}` } });
      expect(toList({ body: await forged.text(), url: begun.url })).toBeNull();
    }
  });

  test("is forgotten some days after its end, with the sessions it gave", async () => {
    const { forgetOpenings } = await import("../src/jobs/forget-openings.ts");
    const { url } = await createLink();
    await openHosted(app, url);
    const { connectLink, userSession } = app.services.database.prisma;
    const hosted = { linkId: { not: null } };
    expect([await connectLink.count(), await userSession.count({ where: hosted })]).not.toContain(0);
    const kept = await run<{ viewer: object }, object>(app, key, "{ viewer { role } }");
    try {
      await moveClock(app, 12 * 86_400_000);
      await forgetOpenings(app.services);
      expect([await connectLink.count(), await userSession.count({ where: hosted })]).toEqual([0, 0]);
    } finally {
      await moveClock(app, 0);
    }
    expect(kept.viewer).toEqual({ role: "ADMIN" });
  });
});
