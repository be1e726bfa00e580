import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeId } from "../src/lib/ids.ts";
import { browse, CookieJar, playUser } from "../src/sandbox/play-user.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { run } from "./support/graphql.ts";
import { press, refresh } from "./support/oauth.ts";
import { type OAuth1Provider, startOAuth1Provider } from "./support/oauth1-provider.ts";
import { createConfig, createSession, createUser, initiate, readRequest } from "./support/seed.ts";
import { keyAt, type StaticApi, startStaticApi } from "./support/static-api.ts";
import { ask, createTypedConfig, made, readTyped, wrong } from "./support/typed.ts";

/** Where the other system, from which tokens are brought along, has its browser sent back to. */
const CALLBACK = "http://127.0.0.1:9/callback";
const SCOPE = "openid profile email offline_access notes:read";

let app: TestApp;
let api: StaticApi;
let old: OAuth1Provider;
let key: string;
let userId: string;

beforeAll(async () => {
  api = await startStaticApi();
  old = await startOAuth1Provider();
  const connectors = [old.connector("old")];
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" }, { app: { connectors } });
  key = app.adminKey;
  userId = (await createUser(app, key, "importer")).id;
});

afterAll(async () => {
  await app?.close();
  await api?.close();
  await old?.[Symbol.asyncDispose]();
});

interface Tokens {
  access_token: string;
  refresh_token: string;
  id_token: string;
  expires_in: number;
  scope: string;
}

/** A client at the sandbox, a config of it here, and tokens that it obtained elsewhere. */
async function elsewhere(account = "grace") {
  const client = await app.sandbox!.control.createClient({ redirectUris: [CALLBACK] });
  const { issuer } = app.sandbox!;
  const parameters = {
    client_id: client.clientId,
    response_type: "code",
    redirect_uri: CALLBACK,
    scope: SCOPE,
    state: "s",
    nonce: "n",
  };
  const { redirectedTo } = await playUser(
    `${issuer}/auth?${new URLSearchParams(parameters)}`,
    { account },
    { stopAtPrefix: CALLBACK },
  );
  const code = new URL(redirectedTo).searchParams.get("code")!;
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    client_id: client.clientId,
    client_secret: client.clientSecret!,
    code,
    redirect_uri: CALLBACK,
  });
  const tokens = (await (await fetch(`${issuer}/token`, { method: "POST", body })).json()) as Tokens;
  expect(tokens.access_token).toBeTruthy();
  const config = await createConfig(app, key, { clientId: client.clientId, clientSecret: client.clientSecret! });
  return { client, tokens, config, target: { authConfigId: config.id }, fields: fieldsOf(tokens) };
}

function fieldsOf(tokens: Tokens) {
  return {
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    idToken: tokens.id_token,
    scope: tokens.scope,
    expiresAt: new Date(Date.now() + tokens.expires_in * 1000).toISOString(),
  };
}

const bring = (input: object, token = key) => ask(app, token, "importCredential", input);
const count = () => app.services.database.prisma.credential.count();

describe("tokens obtained elsewhere", () => {
  test("are used and refreshed like our own, and their account is known", async () => {
    const { target, fields, tokens } = await elsewhere();
    const credential = await made(bring({ target, user: { id: userId }, fields, label: "Brought along", test: true }));
    expect(credential).toMatchObject({
      status: "ACTIVE",
      label: "Brought along",
      canRefresh: true,
      accessTokenExpiresAt: fields.expiresAt,
      account: { id: "grace", name: "Grace Hopper" },
      scopes: { granted: SCOPE.split(" "), missing: [] },
    });
    expect(credential.history.nodes).toMatchObject([{ kind: "CONNECTED", status: "ACTIVE" }]);
    const { id } = credential;
    const { revealed } = await ask(app, key, "revealCredential", { id });
    expect(revealed).toMatchObject({ accessToken: tokens.access_token, tokenType: "Bearer", fields: {} });
    expect(await refresh(app, key, id)).toMatchObject({ credential: { status: "ACTIVE" } });
    const renewed = (await ask(app, key, "revealCredential", { id })).revealed!.accessToken;
    expect(renewed).not.toBe(tokens.access_token);
    const grant = await app.services.database.prisma.grant.findUniqueOrThrow({
      where: { credentialId: decodeId("Credential", id)! },
    });
    expect(grant).toMatchObject({ tokenOrigin: app.sandbox!.issuer, apiOrigin: app.sandbox!.issuer });
    const query = `query ImportAudit($id: ID!) { auditEvents(filter: { targetId: $id, action: "credential.imported" }) { nodes { details } } }`;
    expect(JSON.stringify(await run(app, key, query, { id }))).toContain('"canRefresh":true');
  });

  test("of another client than the config's can be used but not refreshed", async () => {
    const { client, fields, tokens } = await elsewhere("ada");
    const other = await createConfig(app, key);
    const input = { target: { authConfigId: other.id }, projectOwned: true, clientId: client.clientId, fields };
    const credential = await made(bring({ ...input, test: true }));
    expect(credential).toMatchObject({ status: "ACTIVE", canRefresh: false, account: { id: "ada" } });
    const { id } = credential;
    expect((await ask(app, key, "revealCredential", { id })).revealed).toMatchObject({ accessToken: tokens.access_token });
    const refused = await refresh(app, key, id);
    expect(refused).toMatchObject({ code: "CREDENTIAL_NOT_USABLE" });
    // The provider did give one.
    expect(JSON.stringify(refused)).toContain("or gave it to another client");
    // Its ID token is not one of the config's own client.
    const { clientId: _left, ...asOwn } = input;
    expect(wrong(await bring(asOwn))).toBe("fields.idToken NOT_ALLOWED");
  });

  test("that have run out are EXPIRED, or refreshed when they are needed", async () => {
    const { target, fields } = await elsewhere();
    const past = { ...fields, expiresAt: "2020-01-01T00:00:00Z" };
    const { refreshToken: _none, ...alone } = past;
    const expired = await made(bring({ target, projectOwned: true, fields: alone }));
    expect(expired).toMatchObject({ status: "EXPIRED", canRefresh: false });
    expect(await ask(app, key, "revealCredential", { id: expired.id })).toMatchObject({ code: "CREDENTIAL_NOT_USABLE" });
    const due = await made(bring({ target, projectOwned: true, fields: past }));
    expect(due).toMatchObject({ status: "ACTIVE", canRefresh: true });
    expect((await ask(app, key, "revealCredential", { id: due.id })).revealed!.accessToken).not.toBe(past.accessToken);
  });

  test("that no header could carry are refused where they are brought along, not at each call", async () => {
    const { target, fields } = await elsewhere();
    for (const accessToken of ["€uro", " padded", "padded "])
      expect(wrong(await bring({ target, projectOwned: true, fields: { ...fields, accessToken } }))).toBe(
        "fields.accessToken PATTERN",
      );
  });

  test("that work nowhere are saved all the same, unless a test was asked for", async () => {
    const { target } = await elsewhere();
    const fields = { accessToken: "nobody-gave-me-this" };
    const before = await count();
    expect(await bring({ target, projectOwned: true, fields, test: true })).toMatchObject({
      code: "TEST_FAILED",
      result: { ok: false, code: "INVALID_CREDENTIALS" },
    });
    expect(await count()).toBe(before);
    expect(await made(bring({ target, projectOwned: true, fields }))).toMatchObject({ status: "ACTIVE", account: null });
  });

  test("are checked before anything is asked", async () => {
    const { target, fields } = await elsewhere();
    const before = await count();
    const cases: [object, string][] = [
      [{}, "fields.accessToken REQUIRED"],
      [{ ...fields, expiresAt: "tomorrow" }, "fields.expiresAt PATTERN"],
      [{ ...fields, expiresAt: "2026-02-31T99:00:00Z" }, "fields.expiresAt PATTERN"],
      [{ ...fields, accessToken: "a\nb" }, "fields.accessToken PATTERN"],
      [{ ...fields, idToken: "a.b.c" }, "fields.idToken NOT_ALLOWED"],
      [{ ...fields, idToken: tampered(fields.idToken) }, "fields.idToken NOT_ALLOWED"],
      [{ ...fields, password: "x" }, "fields.password UNKNOWN_FIELD"],
    ];
    for (const [given, expected] of cases)
      expect(wrong(await bring({ target, projectOwned: true, fields: given }))).toBe(expected);
    expect(wrong(await bring({ target, fields }))).toBe("user REQUIRED");
    expect(await count()).toBe(before);
  });

  test("need the values that stand in the provider's hosts", async () => {
    const own = { clientId: "c", clientSecret: "s" };
    const shop = await createConfig(app, key, { connectorSlug: "shopify", ...own });
    const salesforce = await createConfig(app, key, { connectorSlug: "salesforce", ...own });
    const into = (config: { id: string }, fields: object) =>
      bring({ target: { authConfigId: config.id }, projectOwned: true, fields });
    expect(wrong(await into(shop, { accessToken: "t" }))).toBe("fields.subdomain REQUIRED");
    expect(wrong(await into(shop, { accessToken: "t", subdomain: "evil.example/" }))).toBe("fields.subdomain PATTERN");
    expect(wrong(await into(salesforce, { accessToken: "t" }))).toBe("fields.instance REQUIRED");
    expect(wrong(await into(salesforce, { accessToken: "t", instance: "https://evil.example" }))).toBe("fields.instance PATTERN");
    // Told by the user-info call where the account is connected here.
    const mailchimp = await createConfig(app, key, { connectorSlug: "mailchimp", ...own });
    expect(wrong(await into(mailchimp, { accessToken: "t" }))).toBe("fields.dc REQUIRED");
    expect(wrong(await into(mailchimp, { accessToken: "t", dc: "evil.example" }))).toBe("fields.dc PATTERN");
  });

  test("come once under one idempotency key", async () => {
    const { target, fields } = await elsewhere();
    const input = { target, projectOwned: true, fields, idempotencyKey: `import-${target.authConfigId}` };
    const [first, second] = await Promise.all([made(bring(input)), made(bring(input))]);
    expect(first.id).toBe(second.id);
    expect(await bring({ ...input, label: "Another" })).toMatchObject({ code: "IDEMPOTENCY_MISMATCH" });
  });

  test("are no matter of a user session", async () => {
    const { target, fields } = await elsewhere();
    const session = await createSession(app, key, userId);
    expect(await bring({ target, fields }, session)).toMatchObject({ code: "FORBIDDEN" });
  });
});

describe("tokens of OAuth 1.0a", () => {
  /** What a back end is told when the account is connected here: as good as what another system has. */
  async function connected() {
    const config = await createConfig(app, key, { connectorSlug: "old", schemeKey: "sha256", ...old.client });
    const request = await initiate(app, key, { target: { authConfigId: config.id }, projectOwned: true });
    const cookieJar = new CookieJar();
    const page = await browse(request.authorizationUrl!, { cookieJar });
    await press(page, "connect", cookieJar);
    const { credential } = await readRequest(app, key, request.id);
    const { revealed } = await ask(app, key, "revealCredential", { id: credential!.id });
    return { accessToken: revealed!.accessToken, tokenSecret: revealed!.fields.tokenSecret };
  }

  test("sign calls here as they did elsewhere, with the client that obtained them", async () => {
    const fields = await connected();
    const { id: authConfigId } = await createConfig(app, key, { connectorSlug: "old", schemeKey: "sha256", ...old.client });
    const input = { target: { authConfigId }, projectOwned: true };
    expect(wrong(await bring({ ...input, fields: { accessToken: "t" } }))).toBe("fields.tokenSecret REQUIRED");
    expect(wrong(await bring({ ...input, fields, clientId: "another" }))).toBe("clientId NOT_ALLOWED");
    expect(await bring({ ...input, fields: { ...fields, tokenSecret: "wrong" }, test: true })).toMatchObject({
      code: "TEST_FAILED",
    });
    const credential = await made(bring({ ...input, fields, test: true }));
    expect(credential).toMatchObject({ status: "ACTIVE", canRefresh: false, account: { name: "Ada" } });
    expect((await ask(app, key, "testCredential", { id: credential.id })).result).toMatchObject({ ok: true });
  });
});

describe("what was typed elsewhere", () => {
  test("is imported as createCredential takes it", async () => {
    api.accept = keyAt(({ headers }) => headers["x-api-key"]);
    const { target } = await createTypedConfig(app, key, api, { apiKey: { location: "HEADER", name: "X-Api-Key" } });
    expect(wrong(await bring({ target, projectOwned: true, clientId: "c", fields: { apiKey: "good-ada-1" } }))).toBe(
      "clientId NOT_ALLOWED",
    );
    expect(wrong(await bring({ target, projectOwned: true, fields: { accessToken: "x" } }))).toBe(
      "fields.apiKey REQUIRED, fields.accessToken UNKNOWN_FIELD",
    );
    expect(await bring({ target, projectOwned: true, fields: { apiKey: "bad" }, test: true })).toMatchObject({
      code: "TEST_FAILED",
    });
    const { id } = await made(bring({ target, user: { id: userId }, fields: { apiKey: "good-ada-1" }, test: true }));
    expect(await readTyped(app, key, id)).toMatchObject({ status: "ACTIVE", account: { id: "ada" } });
  });
});

/** The same claims of somebody else, under the old signature. */
function tampered(idToken: string): string {
  const [head, payload, signature] = idToken.split(".");
  const claims = JSON.parse(Buffer.from(payload!, "base64url").toString()) as object;
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: "ada" })).toString("base64url");
  return [head, forged, signature].join(".");
}
