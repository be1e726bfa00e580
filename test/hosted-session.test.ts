import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { browse, CookieJar } from "../src/sandbox/play-user.ts";
import { moveClock, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { run } from "./support/graphql.ts";
import { type Hosted, hostedMutate, hostedSend, hostedWatch, openHosted, postLink } from "./support/link-session.ts";
import { auditEvents, confirm, createProject, goToConfirmPage } from "./support/oauth.ts";
import { createConfig, createSession, createUser, goThrough, initiate, readRequest } from "./support/seed.ts";
import { keyAt, type StaticApi, startStaticApi } from "./support/static-api.ts";
import { overWebSocket } from "./support/streams.ts";
import { createTypedConfig, made, ask as typed } from "./support/typed.ts";

const IN_HEADER = { apiKey: { location: "HEADER" as const, name: "X-Api-Key" } };

let app: TestApp;
let api: StaticApi;
let project: { id: string; key: string };
let key: string;
let userId: string;
let session: string;
beforeAll(async () => {
  api = await startStaticApi();
  api.accept = keyAt(({ headers }) => headers["x-api-key"]);
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  project = await createProject(app, app.adminKey, { branding: { productName: "Acme", accentColor: "#0044aa" } });
  key = project.key;
  userId = (await createUser(app, key, "hosted")).id;
  session = await createSession(app, key, userId);
});
afterEach(() => moveClock(app, 0));
afterAll(async () => {
  await app?.close();
  await api?.close();
});

/** A request for an API key that somebody types, and its page. */
async function beginTyped(input: object = {}, token = session) {
  const { target, authConfigId, connector } = await createTypedConfig(app, key, api, IN_HEADER);
  const request = await initiate(app, token, { target, ...input });
  return { request, target, authConfigId, connector, url: request.connectUrl! };
}

async function beginOAuth(input: object = {}, token = session) {
  const config = await createConfig(app, key);
  const request = await initiate(app, token, { target: { authConfigId: config.id }, ...input });
  return { request, config, url: request.connectUrl!, authorizationUrl: request.authorizationUrl! };
}

const READ = `query ($id: ID!) {
  viewer { role permissions user { displayName } project { id name branding { productName accentColor } verifyUrl allowedOrigins } }
  connectionRequest(id: $id) {
    id status authorizationUrl requestedScopes retriedBy { id } user { displayName metadata }
    connector { name schemes { credentialSchema scopes { name description } } }
    authConfig { id status credentialFields { name label secret } initiationFields { name } clientId }
    credential { id status account { id } }
  }
}`;

interface Read {
  viewer: { role: string; permissions: string[]; user: object | null; project: object };
  connectionRequest: {
    id: string;
    status: string;
    authorizationUrl: string | null;
    retriedBy: { id: string } | null;
    user: object | null;
    connector: { schemes: { credentialSchema: object }[] };
    authConfig: Record<string, unknown>;
    credential: { status: string } | null;
  } | null;
}

function read(hosted: Hosted, id = hosted.answer.connectionRequestId) {
  return hostedSend<Read>(app, hosted, READ, { id });
}

async function statusOf(hosted: Hosted, id?: string): Promise<string | undefined> {
  return (await read(hosted, id)).data?.connectionRequest?.status;
}

describe("the session of a request's link", () => {
  test("comes by a POST and never by a GET; the same browser keeps it", async () => {
    const { request, url } = await beginTyped({ display: "POPUP", origin: "http://app.test", locale: "de-AT" });
    for (const method of ["GET", "HEAD"])
      await fetch(`${url}${method === "GET" ? "/authorize" : ""}`, { method, redirect: "manual" });
    expect(await app.services.database.prisma.userSession.count({ where: { requestId: { not: null } } })).toBe(0);
    const hosted = await openHosted(app, url);
    expect(hosted.answer).toEqual({
      session: hosted.session,
      kind: "REQUEST",
      connectionRequestId: request.id,
      display: "POPUP",
      origin: "http://app.test",
      clientState: null,
      locale: "de-AT",
      expiresAt: expect.any(String),
    });
    expect(await statusOf(hosted)).toBe("AUTHORIZING");
    expect((await openHosted(app, url, hosted.cookie)).cookie).toBe(hosted.cookie);
    const others = await openHosted(app, (await beginTyped()).url);
    // Another link's cookie is no use under this one's name.
    const renamed = `${hosted.cookie.split("=")[0]}=${others.token}`;
    expect((await openHosted(app, url, renamed)).token).not.toBe(others.token);
    const [event] = await auditEvents(app, key, { targetId: request.id, action: "user_session.created" });
    expect(event).toMatchObject({ actorLabel: "user at the browser", details: { link: "request" } });
  });

  test("sees its own request and what hangs on it, and nothing else of its user or project", async () => {
    const mine = await beginTyped();
    const other = await beginTyped();
    const elsewhere = await made(
      typed(app, key, "createCredential", { target: other.target, user: { id: userId }, fields: { apiKey: "good-ada-1" } }),
    );
    const hosted = await openHosted(app, mine.url);
    const { data, errors } = await read(hosted);
    expect(errors).toBeUndefined();
    expect(data!.viewer).toMatchObject({
      role: "END_USER",
      permissions: ["AUTH_CONFIG_READ", "CREDENTIAL_READ", "CONNECTOR_READ", "USER_READ"],
      user: { displayName: "Name of hosted" },
      project: { branding: { productName: "Acme", accentColor: "#0044aa" }, verifyUrl: null, allowedOrigins: null },
    });
    expect(data!.connectionRequest).toMatchObject({
      id: mine.request.id,
      user: { displayName: "Name of hosted", metadata: null },
      authConfig: {
        id: mine.authConfigId,
        status: "ACTIVE",
        credentialFields: [{ name: "apiKey", secret: true }],
        clientId: null,
      },
    });
    expect(data!.connectionRequest!.connector.schemes[0]!.credentialSchema).toMatchObject({ type: "object" });
    expect(await statusOf(hosted, other.request.id)).toBeUndefined();
    const lists = `query ($credential: ID!, $config: ID!) {
      connectionRequests { nodes { id } } authConfigs { nodes { id } } connectors { nodes { slug } } users { nodes { id } } credentials { nodes { id } }
      credential(id: $credential) { id } authConfig(id: $config) { id } node(id: $credential) { id } webhooks { nodes { id } } auditEvents { nodes { id } } }`;
    const all = await hostedSend(app, hosted, lists, { credential: elsewhere.id, config: other.authConfigId });
    expect(all.data).toEqual({
      connectionRequests: { nodes: [{ id: mine.request.id }] },
      authConfigs: { nodes: [{ id: mine.authConfigId }] },
      connectors: { nodes: [{ slug: mine.connector.slug }] },
      users: { nodes: [{ id: userId }] },
      credentials: { nodes: [] },
      credential: null,
      authConfig: null,
      node: null,
      webhooks: null,
      auditEvents: null,
    });
  });

  test("may finish and nothing more", async () => {
    const { url, target, request } = await beginTyped();
    const hosted = await openHosted(app, url);
    const credential = await made(
      typed(app, key, "createCredential", { target, user: { id: userId }, fields: { apiKey: "good-ada-1" } }),
    );
    const calls = api.seen.length;
    for (const [name, input] of Object.entries({
      initiateConnection: { target },
      reauthorizeCredential: { id: credential.id },
      createCredential: { target, fields: { apiKey: "good-ada-2" } },
      updateCredential: { id: credential.id, label: "x" },
      testCredential: { id: credential.id },
      setCredentialEnabled: { id: credential.id, enabled: false },
      revokeCredential: { id: credential.id },
      revealCredential: { id: credential.id },
      refreshCredential: { id: credential.id },
      tryCredential: { credentialId: credential.id, fields: {} },
      upsertUser: { externalId: "made" },
      createUserSession: { user: { id: userId } },
      createConnectLink: { user: { id: userId } },
      confirmConnection: { verification: "x", user: { id: userId } },
      updateProject: { id: project.id, name: "Mine" },
    }))
      expect(await hostedMutate(app, hosted, name, input), name).toMatchObject({ __typename: "ForbiddenError" });
    expect(api.seen.length).toBe(calls);
    const other = await beginTyped();
    for (const [name, input] of Object.entries({
      submitConnectionForm: { id: other.request.id, fields: { apiKey: "good-ada-1" } },
      retryConnectionRequest: { id: other.request.id },
      cancelConnectionRequest: { id: other.request.id },
      tryCredential: { target: other.target, fields: { apiKey: "good-ada-1" } },
    }))
      expect(await hostedMutate(app, hosted, name, input), name).toMatchObject({ __typename: "NotFoundError" });
    expect((await hostedMutate(app, hosted, "cancelConnectionRequest", { id: request.id })).connectionRequest.status).toBe(
      "CANCELED",
    );
  });

  test("of a project's own request has no user, and still just that request", async () => {
    const ours = await beginTyped({ projectOwned: true }, key);
    const others = await beginTyped({ projectOwned: true }, key);
    const hosted = await openHosted(app, ours.url);
    const { data, errors } = await read(hosted);
    expect(errors).toBeUndefined();
    expect(data).toMatchObject({ viewer: { user: null }, connectionRequest: { id: ours.request.id, user: null } });
    const lists = "{ users { nodes { id } } connectionRequests { nodes { id } } credentials { nodes { id } } }";
    expect((await hostedSend(app, hosted, lists)).data).toEqual({
      users: { nodes: [] },
      connectionRequests: { nodes: [{ id: ours.request.id }] },
      credentials: { nodes: [] },
    });
    expect(await statusOf(hosted, others.request.id)).toBeUndefined();
    const done = await hostedMutate(app, hosted, "submitConnectionForm", {
      id: ours.request.id,
      fields: { apiKey: "good-ada-9" },
    });
    expect(done.connectionRequest).toMatchObject({ status: "ACTIVE", credential: { id: expect.any(String) } });
    expect((await hostedSend(app, hosted, lists)).data).toMatchObject({
      credentials: { nodes: [done.connectionRequest.credential] },
    });
  });

  test("lasts a quarter of an hour beyond the end, so that a reload still shows it", async () => {
    const { request, url } = await beginTyped();
    const hosted = await openHosted(app, url);
    const fields = { apiKey: "good-ada-1" };
    expect((await hostedMutate(app, hosted, "submitConnectionForm", { id: request.id, fields })).connectionRequest.status).toBe(
      "ACTIVE",
    );
    await moveClock(app, 14 * 60_000);
    expect((await openHosted(app, url, hosted.cookie)).answer.connectionRequestId).toBe(request.id);
    expect(await statusOf(hosted)).toBe("ACTIVE");
    await moveClock(app, 16 * 60_000);
    expect((await read(hosted)).errors![0]!.extensions.code).toBe("SESSION_EXPIRED");
    const over = await postLink(app, url, { cookie: hosted.cookie });
    expect(over.status).toBe(410);
    expect((await over.json()).errors[0].extensions).toEqual({
      code: "LINK_ENDED",
      remedy: expect.any(String),
      status: "ACTIVE",
      productName: "Acme",
    });
    const unopened = await beginTyped();
    await moveClock(app, (16 + 10 + 16) * 60_000);
    expect((await (await postLink(app, unopened.url)).json()).errors[0].extensions.status).toBe("EXPIRED");
  });
});

describe("a form that the page draws", () => {
  test("says what is wrong by field, is tested before it is saved, and becomes the credential", async () => {
    const { request, url, target } = await beginTyped();
    const hosted = await openHosted(app, url);
    const send = (fields: object) => hostedMutate(app, hosted, "submitConnectionForm", { id: request.id, fields });
    expect((await send({})).issues).toEqual([{ path: ["fields", "apiKey"], code: "REQUIRED" }]);
    expect((await send({ apiKey: "good-ada-1", more: 1 })).issues).toEqual([{ path: ["fields", "more"], code: "UNKNOWN_FIELD" }]);
    expect(await hostedMutate(app, hosted, "tryCredential", { target, fields: { apiKey: "bad" } })).toMatchObject({
      result: { ok: false, code: "INVALID_CREDENTIALS" },
    });
    expect(await hostedMutate(app, hosted, "tryCredential", { target, fields: { apiKey: "good-ada-1" } })).toMatchObject({
      result: { ok: true, code: "OK" },
    });
    expect(await send({ apiKey: "bad" })).toMatchObject({
      __typename: "TestFailedError",
      result: { code: "INVALID_CREDENTIALS" },
    });
    expect(await statusOf(hosted)).toBe("AUTHORIZING");
    const watched = hostedWatch<{ status: string }>(
      app,
      hosted,
      "subscription ($id: ID!) { connectionRequestUpdated(id: $id) { status } }",
      {
        id: request.id,
      },
    );
    const answers = await Promise.all([send({ apiKey: "good-ada-1" }), send({ apiKey: "good-ada-1" })]);
    expect(answers.map((answer) => answer.connectionRequest?.status ?? answer.code).toSorted()).toEqual([
      "ACTIVE",
      "ALREADY_FINISHED",
    ]);
    expect((await watched).at(-1)).toEqual({ status: "ACTIVE" });
    expect((await read(hosted)).data!.connectionRequest!.credential).toMatchObject({ status: "ACTIVE", account: { id: "ada" } });
    expect(await send({ apiKey: "good-eve-1" })).toMatchObject({ code: "ALREADY_FINISHED" });
    expect(await app.services.database.prisma.credential.count({ where: { accountId: "eve" } })).toBe(0);
  });

  test("is not for what is connected at the provider, nor for a config that is switched off", async () => {
    const oauth = await beginOAuth();
    const page = await openHosted(app, oauth.url);
    expect(await hostedMutate(app, page, "submitConnectionForm", { id: oauth.request.id, fields: {} })).toMatchObject({
      code: "CONFLICT",
    });
    const { request, url, authConfigId } = await beginTyped();
    const hosted = await openHosted(app, url);
    await mutate(app, key, "setAuthConfigEnabled", { id: authConfigId, enabled: false }, "authConfig { id }");
    const fields = { apiKey: "good-ada-1" };
    expect(await hostedMutate(app, hosted, "submitConnectionForm", { id: request.id, fields })).toMatchObject({
      code: "CONFLICT",
    });
    expect((await read(hosted)).data!.connectionRequest!.authConfig.status).toBe("DISABLED");
  });

  test("asks the product first where that has a verify URL", async () => {
    const verifying = await createProject(app, app.adminKey, { verifyUrl: "https://app.test/verify" });
    const owner = (await createUser(app, verifying.key)).id;
    const { target } = await createTypedConfig(app, verifying.key, api, IN_HEADER);
    const request = await initiate(app, verifying.key, { target, user: { id: owner } });
    const hosted = await openHosted(app, request.connectUrl!);
    const calls = api.seen.length;
    const sent = await hostedMutate(app, hosted, "submitConnectionForm", { id: request.id, fields: { apiKey: "good-ada-3" } });
    expect(sent.connectionRequest.status).toBe("VERIFYING");
    expect(api.seen.length).toBe(calls);
    const verification = new URL(sent.verificationUrl!).searchParams.get("verification")!;
    expect(await confirm(app, verifying.key, verification, owner)).toMatchObject({ connectionRequest: { status: "ACTIVE" } });
    expect(await statusOf(hosted)).toBe("ACTIVE");
  });
});

describe("trying again", () => {
  const WATCH =
    "subscription ($id: ID!, $follow: Boolean) { connectionRequestUpdated(id: $id, followRetries: $follow) { id status sequence retriedBy { id } } }";
  interface Frame {
    id: string;
    status: string;
    sequence: number;
    retriedBy: { id: string } | null;
  }

  test("makes the same request anew, once, that everybody who watches comes to know", async () => {
    const { request, url, authorizationUrl } = await beginOAuth({
      returnUrl: RETURN_URL,
      origin: "http://app.test",
      display: "POPUP",
      clientState: "tab-7",
      label: "Work",
      scopes: ["email"],
      locale: "de",
      ifAccountExists: "CREATE",
      expiresInSeconds: 3_600,
    });
    const hosted = await openHosted(app, url);
    const opener = overWebSocket<Frame>({
      url: app.url,
      token: session,
      query: WATCH,
      variables: { id: request.id, follow: true },
    });
    const many = overWebSocket<Frame>({
      url: app.url,
      token: session,
      query: "subscription { connectionRequestsUpdated { id status sequence retriedBy { id } } }",
    });
    await opener.take(1);
    expect(await hostedMutate(app, hosted, "retryConnectionRequest", { id: request.id })).toMatchObject({ code: "CONFLICT" });
    await goThrough(authorizationUrl, { deny: true }, new CookieJar(), "http://app.test/").catch(() => {});
    expect(await statusOf(hosted)).toBe("DENIED");
    const both = await Promise.all([1, 2].map(() => hostedMutate(app, hosted, "retryConnectionRequest", { id: request.id })));
    const next = both[0]!.connectionRequest;
    expect(both[1]!.connectionRequest.id).toBe(next.id);
    expect(next).toMatchObject({ status: "PENDING", connectUrl: expect.any(String) });
    const { prisma } = app.services.database;
    const rows = await prisma.connectionRequest.findMany({ where: { clientState: "tab-7" }, orderBy: { createdAt: "asc" } });
    const { id: firstId } = rows[0]!;
    const same = (row: (typeof rows)[number]) => {
      const { id, status, sequence, retriedById, firstId: _first, createdAt, updatedAt, expiresAt, ...kept } = row;
      return { ...kept, life: expiresAt.getTime() - createdAt.getTime() };
    };
    expect(rows.length).toBe(2);
    expect(same(rows[1]!)).toEqual(same(rows[0]!));
    expect(rows[1]!.firstId).toBe(firstId);
    // The same browser goes on with the same session; its link leads to the newest.
    expect((await read(hosted)).data!.connectionRequest!.retriedBy).toEqual({ id: next.id });
    const reloaded = await openHosted(app, url, hosted.cookie);
    expect([reloaded.cookie, reloaded.answer.connectionRequestId]).toEqual([hosted.cookie, next.id]);
    expect((await openHosted(app, next.connectUrl!)).answer.connectionRequestId).toBe(next.id);
    const link = (await read(hosted, next.id)).data!.connectionRequest!.authorizationUrl!;
    await goThrough(link, {}, new CookieJar(), "http://app.test/").catch(() => {});
    expect(await statusOf(hosted, next.id)).toBe("ACTIVE");
    const told = (await opener.completed).map(({ id, status, retriedBy }) => [id, status, retriedBy?.id ?? null]);
    const ofFirst = told.filter(([id]) => id === request.id);
    expect(ofFirst.slice(-2)).toEqual([
      [request.id, "DENIED", null],
      [request.id, "DENIED", next.id],
    ]);
    expect(told.at(-1)).toEqual([next.id, "ACTIVE", null]);
    await many.until((one) => one.id === request.id && one.retriedBy?.id === next.id);
    await many.until((one) => one.id === next.id && one.status === "ACTIVE");
    await many.stop();
    // Whoever comes late and has seen the end is told that it goes on.
    const late = overWebSocket<Frame>({
      url: app.url,
      token: session,
      query: `subscription ($id: ID!) { connectionRequestUpdated(id: $id, after: 99) { id status sequence retriedBy { id } } }`,
      variables: { id: request.id },
    });
    expect((await late.completed).map(({ retriedBy }) => retriedBy?.id)).toEqual([next.id]);
    expect(await hostedMutate(app, hosted, "retryConnectionRequest", { id: next.id })).toMatchObject({
      code: "ALREADY_FINISHED",
    });
    const [event] = await auditEvents(app, key, { targetId: request.id, action: "connection_request.retried" });
    expect(event!.details).toEqual({ retriedBy: next.id });
  });

  test("follows what has run out, in its last message, and keeps the link alive", async () => {
    const { request, url } = await beginTyped();
    const hosted = await openHosted(app, url);
    await moveClock(app, 12 * 60_000);
    const { connectionRequest: next } = await hostedMutate(app, hosted, "retryConnectionRequest", { id: request.id });
    const events = `query ($id: ID!) { connectionRequest(id: $id) { status retriedBy { id } events { sequence status } } }`;
    expect((await hostedSend(app, hosted, events, { id: request.id })).data).toEqual({
      connectionRequest: {
        status: "EXPIRED",
        retriedBy: { id: next.id },
        events: ["PENDING", "AUTHORIZING", "EXPIRED"].map((status, index) => ({ sequence: index + 1, status })),
      },
    });
    const frames = await hostedWatch<Frame>(app, hosted, WATCH, { id: request.id });
    expect(frames).toMatchObject([{ status: "EXPIRED", retriedBy: { id: next.id } }]);
    await moveClock(app, 20 * 60_000);
    const done = await hostedMutate(app, hosted, "submitConnectionForm", { id: next.id, fields: { apiKey: "good-ada-4" } });
    expect(done.connectionRequest.status).toBe("ACTIVE");
    const plain = await browse(`${url}/plain`, { cookieJar: new CookieJar() });
    expect(plain.body).toContain("Connected");
  });

  test("is a re-authorization again where it was one, for keys and the user's own session too, and ends after ten", async () => {
    const { target } = await createTypedConfig(app, key, api, IN_HEADER);
    const credential = await made(
      typed(app, key, "createCredential", { target, user: { id: userId }, fields: { apiKey: "good-ada-5" } }),
    );
    const { connectionRequest: first } = await typed(app, session, "reauthorizeCredential", { id: credential.id });
    const hosted = await openHosted(app, first!.connectUrl!);
    let id = first!.id;
    for (let turn = 0; turn < 10; turn += 1) {
      await mutate(app, key, "cancelConnectionRequest", { id }, "connectionRequest { id }");
      const again = await mutate(
        app,
        [key, session][turn % 2]!,
        "retryConnectionRequest",
        { id },
        "connectionRequest { id kind credential { id } }",
      );
      expect(again.connectionRequest).toMatchObject({ kind: "REAUTHORIZE", credential: { id: credential.id } });
      id = again.connectionRequest.id;
    }
    await mutate(app, key, "cancelConnectionRequest", { id }, "connectionRequest { id }");
    expect(await mutate(app, key, "retryConnectionRequest", { id })).toMatchObject({
      __typename: "ConflictError",
      code: "CONFLICT",
    });
    expect(await statusOf(hosted, id)).toBe("CANCELED");
    const stranger = await createSession(app, key, (await createUser(app, key)).id);
    expect(await mutate(app, stranger, "retryConnectionRequest", { id })).toMatchObject({ __typename: "NotFoundError" });
  });

  test("is refused where the settings have changed so that it would be another request", async () => {
    const own = await createProject(app, app.adminKey);
    const owner = (await createUser(app, own.key)).id;
    const { target, authConfigId } = await createTypedConfig(app, own.key, api, IN_HEADER);
    const { id } = await initiate(app, own.key, { target, user: { id: owner }, returnUrl: RETURN_URL });
    await mutate(app, own.key, "cancelConnectionRequest", { id }, "connectionRequest { id }");
    await mutate(app, own.key, "updateProject", { id: own.id, allowedReturnUrls: [] }, "project { id }");
    expect(await mutate(app, own.key, "retryConnectionRequest", { id })).toMatchObject({
      code: "CONFLICT",
      message: expect.stringContaining("return URL"),
    });
    await mutate(app, own.key, "updateProject", { id: own.id, allowedReturnUrls: [RETURN_URL] }, "project { id }");
    await mutate(app, own.key, "setAuthConfigEnabled", { id: authConfigId, enabled: false }, "authConfig { id }");
    expect(await mutate(app, own.key, "retryConnectionRequest", { id })).toMatchObject({
      code: "CONFLICT",
      message: expect.stringContaining("switched off"),
    });
    expect((await readRequest(app, own.key, id)).status).toBe("CANCELED");
  });
});

describe("a window that the page has opened", () => {
  test("ends on a page that tells its opener at our own origin, whatever the request's return URL", async () => {
    const { authorizationUrl, request } = await beginOAuth({ returnUrl: RETURN_URL, locale: "de" });
    const { press, page } = await goToConfirmPage(app, `${authorizationUrl}?window=popup`);
    expect(page.body).toContain('<html lang="de">');
    expect(page.body).toContain("Sind Sie das?");
    const end = await press("connect");
    expect([end.redirectedTo ?? null, end.status]).toEqual([null, 200]);
    expect(end.body).toContain(`data-origin="${app.url}" data-request="${request.id}" data-status="ACTIVE" data-next=""`);
    expect(end.body).toContain("ist verbunden");
    expect(end.headers.get("content-security-policy")).toMatch(/script-src 'sha256-/);
    const whole = await beginOAuth({ returnUrl: RETURN_URL });
    const { redirectedTo } = await goThrough(whole.authorizationUrl);
    expect(redirectedTo).toContain("status=ACTIVE");
  });

  test("speaks the browser's language where none was chosen, and every failure's", async () => {
    const { url } = await beginTyped();
    const german = await fetch(`${url}/plain`, { headers: { "accept-language": "fr, de-CH;q=0.8, en;q=0.5" } });
    const text = await german.text();
    expect(text).toContain('<html lang="de">');
    expect(text).toContain("Das bin ich nicht");
    expect(text).toContain(".primary, a.primary { background: #0044aa; border-color: #0044aa; color: #ffffff; }");
    expect(await (await fetch(`${url}/plain`, { headers: { "accept-language": "fr, en;q=0.5, de;q=0" } })).text()).toContain(
      '<html lang="en">',
    );
    expect(await (await fetch(`${app.url}/connect/nonsense/plain`, { headers: { "accept-language": "de" } })).text()).toContain(
      "Dieser Link ist hier nicht bekannt.",
    );
  });
});

test("a user session of a link is not more than it was when it is sent as a bearer token", async () => {
  const { url, target } = await beginTyped();
  const { token } = await openHosted(app, url);
  const viewer = await run<{ viewer: { role: string } }, object>(app, token, "{ viewer { role } }");
  expect(viewer.viewer.role).toBe("END_USER");
  expect(await mutate(app, token, "initiateConnection", { target })).toMatchObject({ __typename: "ForbiddenError" });
});
