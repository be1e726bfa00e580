import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeId } from "../src/lib/ids.ts";
import { browse, CookieJar, submit } from "../src/sandbox/play-user.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { run, send } from "./support/graphql.ts";
import { hostedMutate, hostedSend, openHosted, postLink } from "./support/link-session.ts";
import { createProject } from "./support/oauth.ts";
import { createSession, createUser, initiate } from "./support/seed.ts";
import { keyAt, type StaticApi, startStaticApi } from "./support/static-api.ts";
import { createTypedConfig, made, ask as typed } from "./support/typed.ts";

/** What a link to one request must not become, in the hands of whoever has it. */

const IN_HEADER = { apiKey: { location: "HEADER" as const, name: "X-Api-Key" } };

let app: TestApp;
let api: StaticApi;
let project: { id: string; key: string };
beforeAll(async () => {
  api = await startStaticApi();
  api.accept = keyAt(({ headers }) => headers["x-api-key"]);
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  project = await createProject(app, app.adminKey, {});
});
afterAll(async () => {
  await app?.close();
  await api?.close();
});

/** A request of a user of its own for an API key that somebody types. */
async function begin({ key } = project) {
  const userId = (await createUser(app, key)).id;
  const session = await createSession(app, key, userId);
  const { target, authConfigId } = await createTypedConfig(app, key, api, IN_HEADER);
  const request = await initiate(app, session, { target });
  return { request, target, authConfigId, userId, session, url: request.connectUrl! };
}

test("the session of one re-authorization is not shown another one of the same credential", async () => {
  const { target, userId, session } = await begin();
  const fields = { apiKey: "good-ada-1" };
  const { id } = await made(typed(app, project.key, "createCredential", { target, user: { id: userId }, fields }));
  const { connectionRequest: mine } = await typed(app, session, "reauthorizeCredential", { id });
  const { connectionRequest: other } = await typed(app, session, "reauthorizeCredential", { id });
  const hosted = await openHosted(app, mine!.connectUrl!);
  const read = "{ credentials { nodes { id openRequest { id connectUrl } } } }";
  const { data, errors } = await hostedSend(app, hosted, read);
  expect(errors).toBeUndefined();
  expect(data).toEqual({ credentials: { nodes: [{ id, openRequest: { id: mine!.id, connectUrl: mine!.connectUrl } }] } });
  await mutate(app, project.key, "cancelConnectionRequest", { id: mine!.id }, "connectionRequest { id }");
  expect((await hostedSend(app, hosted, read)).data).toEqual({ credentials: { nodes: [{ id, openRequest: null }] } });
  expect(other!.id).not.toBe(mine!.id);
});

describe("a request that the back end has canceled", () => {
  test("is over for its link: no session, nothing to try again", async () => {
    const { request, url } = await begin();
    const hosted = await openHosted(app, url);
    await mutate(app, project.key, "cancelConnectionRequest", { id: request.id }, "connectionRequest { id }");
    expect(await hostedMutate(app, hosted, "retryConnectionRequest", { id: request.id })).toMatchObject({
      __typename: "ConflictError",
      code: "CONFLICT",
    });
    const refused = await postLink(app, url);
    expect(refused.status).toBe(410);
    expect((await refused.json()).errors[0].extensions).toMatchObject({ code: "LINK_ENDED", status: "CANCELED" });
    // The back end itself may think better of it, and the link is good again.
    const again = await mutate(app, project.key, "retryConnectionRequest", { id: request.id }, "connectionRequest { id }");
    expect((await openHosted(app, url)).answer.connectionRequestId).toBe(again.connectionRequest.id);
  });

  test("is not the same as one that the person at the page has canceled", async () => {
    const { request, url } = await begin();
    const hosted = await openHosted(app, url);
    await hostedMutate(app, hosted, "cancelConnectionRequest", { id: request.id });
    const { connectionRequest: next } = await hostedMutate(app, hosted, "retryConnectionRequest", { id: request.id });
    expect((await openHosted(app, url)).answer.connectionRequestId).toBe(next.id);
  });
});

test("when all sessions of a user are revoked, the one of a link has ended, and its request goes on", async () => {
  const { request, url, userId, session } = await begin();
  const hosted = await openHosted(app, url);
  const answer = await mutate(app, project.key, "revokeUserSessions", { user: { id: userId } }, "revokedCount");
  // The session that began it, and that of its link.
  expect(answer.revokedCount).toBe(2);
  const codeOf = async (asked: Promise<{ errors?: { extensions: { code: string } }[] }>) =>
    (await asked).errors?.[0]?.extensions.code;
  expect(await codeOf(hostedSend(app, hosted, "{ viewer { role } }"))).toBe("SESSION_EXPIRED");
  expect(await codeOf(send(app, session, "{ viewer { role } }"))).toBe("SESSION_EXPIRED");
  const renewed = await createSession(app, project.key, userId);
  const query = "query ($id: ID!) { connectionRequest(id: $id) { status } }";
  const seen = await run<{ connectionRequest: { status: string } }, object>(app, renewed, query, { id: request.id });
  expect(["PENDING", "AUTHORIZING"]).toContain(seen.connectionRequest.status);
});

test("a request that is begun with a link to a choice of connectors lasts no longer than the link", async () => {
  const user = { id: (await createUser(app, project.key)).id };
  const { target } = await createTypedConfig(app, project.key, api, IN_HEADER);
  const lifeWith = async (linkSeconds: number, expiresInSeconds: number) => {
    const link = await mutate(app, project.key, "createConnectLink", { user, expiresInSeconds: linkSeconds }, "url");
    const hosted = await openHosted(app, (link as unknown as { url: string }).url);
    const begun = await hostedMutate(app, hosted, "initiateConnection", { target, expiresInSeconds });
    const row = await app.services.database.prisma.connectionRequest.findUniqueOrThrow({
      where: { id: decodeId("ConnectionRequest", begun.connectionRequest.id)! },
    });
    return (row.expiresAt.getTime() - row.createdAt.getTime()) / 1_000;
  };
  // A link that has just been opened is good for half an hour, see the test of that.
  expect(await lifeWith(60, 604_800)).toBeLessThanOrEqual(1_800);
  const day = await lifeWith(86_400, 604_800);
  expect(day).toBeLessThanOrEqual(86_400);
  expect(day).toBeGreaterThan(86_000);
  expect(await lifeWith(86_400, 900)).toBe(900);
});

describe("values that somebody with a link types", () => {
  test("are sent to the third party as long as the request is open, and not afterwards", async () => {
    const { request, target, url } = await begin();
    const hosted = await openHosted(app, url);
    const values = { target, fields: { apiKey: "good-ada-1" } };
    expect((await hostedMutate(app, hosted, "tryCredential", values)).result).toMatchObject({ ok: true });
    await hostedMutate(app, hosted, "cancelConnectionRequest", { id: request.id });
    const calls = api.seen.length;
    expect(await hostedMutate(app, hosted, "tryCredential", values)).toMatchObject({ code: "ALREADY_FINISHED" });
    expect(api.seen.length).toBe(calls);
  });

  test("are tried thirty times a minute at most, however many browsers there are and whichever way they go", async () => {
    const { request, target, url } = await begin();
    const bad = { apiKey: "bad" };
    const calls = api.seen.length;
    for (let turn = 0; turn < 5; turn += 1) {
      const hosted = await openHosted(app, url);
      for (let one = 0; one < 3; one += 1) await hostedMutate(app, hosted, "tryCredential", { target, fields: bad });
      for (let one = 0; one < 3; one += 1)
        await hostedMutate(app, hosted, "submitConnectionForm", { id: request.id, fields: bad });
    }
    expect(api.seen.length).toBe(calls + 30);
    const hosted = await openHosted(app, url);
    for (const [name, input] of Object.entries({ tryCredential: { target }, submitConnectionForm: { id: request.id } })) {
      const type = name[0]!.toUpperCase() + name.slice(1);
      const text = `mutation ($input: ${type}Input!) { ${name}(input: $input) { __typename } }`;
      const { errors } = await hostedSend(app, hosted, text, { input: { ...input, fields: bad } });
      expect(errors![0]!.extensions).toMatchObject({ code: "RATE_LIMITED", retryAfterSeconds: expect.any(Number) });
    }
    const cookieJar = new CookieJar();
    const page = await browse(`${url}/plain`, { cookieJar });
    const answer = await submit(
      page,
      page.forms[0]!,
      { "field.apiKey": "good-ada-1" },
      { cookieJar, button: ["decision", "connect"] },
    );
    expect(answer.body).toContain("Too many attempts");
    expect(answer.body).toContain("apiKey");
    expect(api.seen.length).toBe(calls + 30);
    // Somebody else's are not held up by it.
    const other = await begin();
    const theirs = await openHosted(app, other.url);
    const good = { id: other.request.id, fields: { apiKey: "good-ada-2" } };
    expect((await hostedMutate(app, theirs, "submitConnectionForm", good)).connectionRequest.status).toBe("ACTIVE");
  });

  test("leave no copy of the link in the database while the product is asked who is there", async () => {
    const own = await createProject(app, app.adminKey, { verifyUrl: "https://app.test/verify" });
    const { request, url } = await begin(own);
    const hosted = await openHosted(app, url);
    const sent = await hostedMutate(app, hosted, "submitConnectionForm", { id: request.id, fields: { apiKey: "good-ada-1" } });
    expect(sent.verificationUrl).toContain("verification=");
    const rows = await app.services.database.prisma.opening.findMany({ where: { connectorSlug: { not: "" } } });
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(new URL(url).pathname.split("/")[2]);
  });
});
