import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { moveClock, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { type Answer, faults, list, mutate } from "./support/entities.ts";
import { run } from "./support/graphql.ts";
import { connect, createOwnClientConfig, createUser, goThrough, initiate, readRequest } from "./support/seed.ts";

let app: TestApp;
let key: string;
let developer: string;
beforeAll(async () => {
  app = await startTestApp();
  key = app.adminKey;
  developer = (await mutate(app, key, "createApiKey", { name: "dev", role: "DEVELOPER" }, "key")).key;
});
afterAll(() => app?.close());

const SELECT = `authConfig {
  id version name description status statusReason ownApp clientId hasClientSecret clientSecretExpiresAt scopes redirectUri flows
  parameters presetFields credentialFields { name } initiationFields { name } credentialCount schemeKey scheme
}`;
const OWN = { clientId: "client", clientSecret: "s3cret-of-the-client" };

const create = (input: object = {}, token = key) =>
  mutate(app, token, "createAuthConfig", { connectorSlug: "sandbox", name: `Config ${randomUUID()}`, ...input }, SELECT);
const update = (id: string, input: object, token = key) => mutate(app, token, "updateAuthConfig", { id, ...input }, SELECT);
const outcome = ({ __typename, code }: Answer) => code ?? __typename;

async function credentialOf(id: string) {
  const read = `query One { credential(id: "${id}") { status statusReason canRefresh authConfig { id } } }`;
  return (await run<{ credential: { status: string; authConfig: { id: string } } | null }, object>(app, key, read)).credential;
}

async function newClient() {
  const { clientId, clientSecret } = await app.sandbox!.control.createClient({
    redirectUris: [`${app.url}/oauth/callback/sandbox`],
  });
  return { clientId, clientSecret: clientSecret! };
}

describe("changing an auth config", () => {
  test("leaves what is absent, clears what is null, and counts the version up", async () => {
    const { authConfig } = await create({ description: "First", scopes: ["openid"] });
    const renamed = (await update(authConfig.id, { name: `Renamed ${authConfig.id}` }, developer)).authConfig;
    expect(renamed).toMatchObject({ description: "First", scopes: ["openid"], version: 2 });
    const cleared = (await update(authConfig.id, { description: null, scopes: null })).authConfig;
    expect(cleared).toMatchObject({ name: `Renamed ${authConfig.id}`, description: null, version: 3 });
    expect(cleared.scopes).toHaveLength(5);
    expect(faults(await update(authConfig.id, { name: null }))).toBe("name REQUIRED");
  });

  test("refuses a lost update, also of two at the same time", async () => {
    const { authConfig } = await create();
    expect(outcome(await update(authConfig.id, { version: 1, description: "A" }))).toBe("UpdateAuthConfigPayload");
    expect(outcome(await update(authConfig.id, { version: 1, description: "B" }))).toBe("STALE_VERSION");
    const both = await Promise.all(["C", "D"].map((description) => update(authConfig.id, { version: 2, description })));
    expect(both.map(outcome).toSorted()).toEqual(["STALE_VERSION", "UpdateAuthConfigPayload"]);
  });

  test("merges objects by top-level key (RFC 7396)", async () => {
    const extra = { prompt: "consent", audience: "all" };
    const parameters = { tenant: "contoso.example", authorizationParameters: extra };
    const { authConfig } = await create({ connectorSlug: "microsoft", ...OWN, parameters });
    expect(authConfig.parameters).toEqual(parameters);
    const patched = async (patch: unknown) => (await update(authConfig.id, { parameters: patch })).authConfig.parameters;
    const login = { authorizationParameters: { prompt: "login" } };
    expect(await patched(login)).toEqual({ tenant: "contoso.example", ...login });
    expect(await patched({ authorizationParameters: null })).toEqual({ tenant: "contoso.example" });
    expect(await patched({})).toEqual({ tenant: "contoso.example" });
    expect(await patched({ tenant: "organizations" })).toEqual({ tenant: "organizations" });
    expect(faults(await update(authConfig.id, { parameters: { tenant: "../evil" } }))).toBe("parameters.tenant PATTERN");
  });

  test("lets nobody move a host that secrets go to without ADMIN and the secret typed again", async () => {
    const { authConfig } = await create({ connectorSlug: "shopify", ...OWN, presetCredentialFields: { subdomain: "acme" } });
    const moved = { presetCredentialFields: { subdomain: "another" } };
    expect(outcome(await update(authConfig.id, { ...moved, clientSecret: "again" }, developer))).toBe("FORBIDDEN");
    expect(faults(await update(authConfig.id, moved))).toBe("clientSecret REQUIRED");
    const request = await initiate(app, key, { target: { authConfigId: authConfig.id }, projectOwned: true });
    const opened = await fetch(request.authorizationUrl!, { redirect: "manual" });
    expect(opened.headers.get("location")).toMatch(/^https:\/\/acme\.myshopify\.com\//);
    expect((await update(authConfig.id, { ...moved, clientSecret: "again" })).__typename).toBe("InUseError");
    expect(outcome(await update(authConfig.id, { ...moved, clientSecret: "again", confirm: true }))).toBe(
      "UpdateAuthConfigPayload",
    );
    // A flow that began with the old host cannot end at the new one.
    expect(await readRequest(app, key, request.id)).toMatchObject({ status: "FAILED", failure: { code: "CONFIG_CHANGED" } });
  });

  test("needs a confirmation for another client, and lets grants refresh with the one that obtained them", async () => {
    const config = await createOwnClientConfig(app, key);
    const { credential } = await connect(app, key, { authConfigId: config.id });
    const next = await newClient();
    expect(faults(await update(config.id, { clientId: next.clientId }))).toBe("clientSecret REQUIRED");
    const asked = await update(config.id, next);
    expect(asked).toMatchObject({
      __typename: "InUseError",
      impact: { activeCredentialCount: 1, userCount: 1, pendingRequestCount: 0 },
    });
    expect((await update(config.id, { ...next, confirm: true })).authConfig).toMatchObject({
      clientId: next.clientId,
      hasClientSecret: true,
    });
    app.sandbox!.control.clearLog();
    expect(outcome(await mutate(app, key, "refreshCredential", { id: credential!.id }))).toBe("RefreshCredentialPayload");
    await connect(app, key, { authConfigId: config.id, choice: { account: "grace" } });
    const calls = app.sandbox!.control.log().map(({ clientId, grantType, outcome: said }) => [clientId, grantType, said]);
    expect(calls).toEqual([
      [config.clientId, "refresh_token", "ok"],
      [next.clientId, "authorization_code", "ok"],
    ]);
    // Re-authorized, the credential is the new client's.
    const input = { id: credential!.id, returnUrl: RETURN_URL };
    const again = await mutate(app, key, "reauthorizeCredential", input, "connectionRequest { id authorizationUrl }");
    await goThrough(String(again.connectionRequest.authorizationUrl));
    expect(await readRequest(app, key, again.connectionRequest.id)).toMatchObject({
      status: "ACTIVE",
      credential: { id: credential!.id },
    });
    app.sandbox!.control.clearLog();
    expect(outcome(await mutate(app, key, "refreshCredential", { id: credential!.id }))).toBe("RefreshCredentialPayload");
    expect(app.sandbox!.control.log().map(({ clientId }) => clientId)).toEqual([next.clientId]);
  });

  test("retires the old client at once where that is asked for and confirmed", async () => {
    const config = await createOwnClientConfig(app, key);
    const { credential } = await connect(app, key, { authConfigId: config.id });
    const next = await newClient();
    expect((await update(config.id, { ...next, retireNow: true })).__typename).toBe("InUseError");
    expect(await credentialOf(credential!.id)).toMatchObject({ status: "ACTIVE" });
    expect((await update(config.id, { ...next, retireNow: true, confirm: true })).__typename).toBe("UpdateAuthConfigPayload");
    expect(await credentialOf(credential!.id)).toMatchObject({ status: "INVALID" });
    expect(outcome(await mutate(app, key, "refreshCredential", { id: credential!.id }))).toBe("CREDENTIAL_NOT_USABLE");
  });

  test("returns to the operator's app with a null client id", async () => {
    const config = await createOwnClientConfig(app, key);
    expect((await update(config.id, { clientId: null })).authConfig).toMatchObject({
      ownApp: false,
      clientId: null,
      hasClientSecret: false,
    });
    const github = (await create({ connectorSlug: "github", ...OWN })).authConfig;
    expect(outcome(await update(github.id, { clientId: null }))).toBe("NO_MANAGED_APP");
  });

  test("renews the client secret alone without asking, and it is the new one that is used", async () => {
    const config = await createOwnClientConfig(app, key);
    const { credential } = await connect(app, key, { authConfigId: config.id });
    expect(outcome(await update(config.id, { clientSecret: "not-the-right-one" }))).toBe("UpdateAuthConfigPayload");
    expect(outcome(await mutate(app, key, "refreshCredential", { id: credential!.id }))).not.toBe("RefreshCredentialPayload");
    // The provider refuses the client: that accuses the config, not the user.
    expect(await credentialOf(credential!.id)).toMatchObject({ status: "ACTIVE" });
    const { nodes } = await list(app, key, "authConfigs", "filter: { status: [ERROR] }", "id statusReason");
    expect(nodes.map(({ id }) => id)).toContain(config.id);
  });
});

describe("an auth config's state", () => {
  test("is EXPIRED from the moment that its client secret runs out", async () => {
    const now = await app.services.database.now();
    const clientSecretExpiresAt = new Date(now.getTime() + 3_600_000).toISOString();
    const { authConfig } = await create({ connectorSlug: "github", ...OWN, clientSecretExpiresAt });
    expect(authConfig).toMatchObject({ status: "ACTIVE", clientSecretExpiresAt });
    const read = `query State { authConfig(id: "${authConfig.id}") { status statusReason } }`;
    try {
      await moveClock(app, 3_600_001);
      expect(await run(app, key, read)).toEqual({
        authConfig: { status: "EXPIRED", statusReason: expect.stringContaining("updateAuthConfig") },
      });
      const expired = await list(app, key, "authConfigs", "filter: { status: [EXPIRED] }");
      expect(expired.nodes.map(({ id }) => id)).toEqual([authConfig.id]);
      expect((await update(authConfig.id, { clientSecret: "renewed" })).authConfig).toMatchObject({
        status: "ACTIVE",
        clientSecretExpiresAt: null,
      });
    } finally {
      await moveClock(app, 0);
    }
  });

  test("is DISABLED by choice: then nothing new is connected, and enabling brings back what was", async () => {
    const config = (await create()).authConfig;
    const enable = (enabled: boolean) => mutate(app, developer, "setAuthConfigEnabled", { id: config.id, enabled }, SELECT);
    expect((await enable(false)).authConfig).toMatchObject({ status: "DISABLED", statusReason: expect.any(String) });
    const user = await createUser(app, key);
    const refused = await mutate(app, key, "initiateConnection", { target: { authConfigId: config.id }, user: { id: user.id } });
    expect(outcome(refused)).toBe("CONFLICT");
    expect((await enable(true)).authConfig).toMatchObject({ status: "ACTIVE", statusReason: null });
  });
});

describe("deleting an auth config", () => {
  test("asks first where something hangs on it, then revokes it and cancels what is under way", async () => {
    const config = (await create()).authConfig;
    const { credential, userId } = await connect(app, key, { authConfigId: config.id });
    const open = await initiate(app, key, { target: { authConfigId: config.id }, user: { id: userId } });
    const asked = await mutate(app, key, "deleteAuthConfig", { id: config.id });
    expect(asked).toMatchObject({
      code: "IN_USE",
      impact: { activeCredentialCount: 1, userCount: 1, pendingRequestCount: 1, credentials: { totalCount: 1 } },
    });
    expect(await credentialOf(credential!.id)).toMatchObject({ status: "ACTIVE" });
    const { deletedId } = await mutate(app, key, "deleteAuthConfig", { id: config.id, confirm: true }, "deletedId");
    expect(deletedId).toBe(config.id);
    expect(await credentialOf(credential!.id)).toBeNull();
    const read = `query Gone { authConfig(id: "${config.id}") { id } connectionRequest(id: "${open.id}") { status authConfig { name } } }`;
    expect(await run(app, key, read)).toEqual({
      authConfig: null,
      connectionRequest: { status: "CANCELED", authConfig: { name: config.name } },
    });
    expect(outcome(await mutate(app, key, "deleteAuthConfig", { id: config.id }))).toBe("NOT_FOUND");
    const left = await app.services.database.query(
      "left",
      `SELECT 1 FROM "SealedSecret" WHERE "ownerId" = (SELECT "id" FROM "Credential" WHERE "authConfigId" IN (SELECT "id" FROM "AuthConfig" WHERE "name" = $1))`,
      [config.name],
    );
    expect(left).toEqual([]);
  });

  test("needs no confirmation where nothing hangs on it, and frees its name", async () => {
    const { authConfig } = await create();
    expect(outcome(await mutate(app, key, "deleteAuthConfig", { id: authConfig.id }))).toBe("DeleteAuthConfigPayload");
    expect(outcome(await create({ name: authConfig.name }))).toBe("CreateAuthConfigPayload");
  });

  test("moves its credentials to another one of the same connector and client, which refreshes them", async () => {
    const from = (await create()).authConfig;
    const to = (await create()).authConfig;
    const github = (await create({ connectorSlug: "github", ...OWN })).authConfig;
    const other = await createOwnClientConfig(app, key);
    const { credential } = await connect(app, key, { authConfigId: from.id });
    const remove = (reassignTo: string) => mutate(app, key, "deleteAuthConfig", { id: from.id, confirm: true, reassignTo });
    expect(faults(await remove(github.id))).toBe("reassignTo NOT_ALLOWED");
    expect(faults(await remove(other.id))).toBe("reassignTo NOT_ALLOWED");
    expect(faults(await remove(from.id))).toBe("reassignTo NOT_FOUND");
    // An empty id is a wrong one, not none: otherwise everything would be revoked.
    expect(faults(await remove(""))).toBe("reassignTo NOT_FOUND");
    expect(outcome(await remove(to.id))).toBe("DeleteAuthConfigPayload");
    expect(await credentialOf(credential!.id)).toMatchObject({ status: "ACTIVE", authConfig: { id: to.id } });
    expect(outcome(await mutate(app, key, "refreshCredential", { id: credential!.id }))).toBe("RefreshCredentialPayload");
  });
});
