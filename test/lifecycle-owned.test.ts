import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { type Answer, faults, list, mutate } from "./support/entities.ts";
import { payload } from "./support/graphql.ts";
import { accessToken, apiStatus, ask, connected, outcomes, ownProject, revoke, sealed } from "./support/lifecycle.ts";
import { readCredential, reauthorize, reveal } from "./support/oauth.ts";
import { connect, createOwnClientConfig, createSession, createUser, goThrough, initiate, readRequest } from "./support/seed.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app?.close());

const outcome = ({ __typename, code }: Answer) => code ?? __typename;

/** A credential of the project itself, in a project of its own. */
async function owned(input: object = {}) {
  const project = await ownProject(app);
  const config = await createOwnClientConfig(app, project.key);
  const request = await initiate(app, project.key, {
    target: { authConfigId: config.id },
    projectOwned: true,
    returnUrl: RETURN_URL,
    ...input,
  });
  await goThrough(request.authorizationUrl!);
  const ended = await readRequest(app, project.key, request.id);
  expect(ended.status).toBe("ACTIVE");
  return { project, key: project.key, config, request, id: ended.credential!.id };
}

describe("a credential of the project itself", () => {
  test("belongs to nobody, and is used, refreshed, authorized again and revoked as any other", async () => {
    const { project, key, config, id } = await owned({ label: "Newsroom" });
    const { credential } = await ask<{ credential: object }>(
      app,
      key,
      `{ credential(id: "${id}") { user { id } label status account { id } } }`,
    );
    expect(credential).toEqual({ user: null, label: "Newsroom", status: "ACTIVE", account: { id: "ada" } });
    expect(await sealed(app, project.id)).toContain("Credential.tokens");
    const token = await accessToken(app, key, id);
    expect(await apiStatus(app, token)).toBe(200);
    expect(outcome(await mutate(app, key, "refreshCredential", { id }))).toBe("RefreshCredentialPayload");
    const again = payload(
      await reauthorize(app, key, { id, scopes: ["notes:write"], returnUrl: RETURN_URL }),
      "ReauthorizeCredentialPayload",
    );
    await goThrough(again.connectionRequest.authorizationUrl!);
    expect(await readRequest(app, key, again.connectionRequest.id)).toMatchObject({ status: "ACTIVE", credential: { id } });
    expect((await readCredential(app, key, id))!.scopes.granted).toContain("notes:write");
    expect(outcomes(await revoke(app, key, id))).toEqual(["refresh_token REVOKED", "access_token REVOKED"]);
    expect((await sealed(app, project.id)).filter((what) => !what.startsWith("Opening"))).toEqual(["AuthConfig.clientSecret"]);
    expect(outcome(await mutate(app, key, "deleteAuthConfig", { id: config.id }))).toBe("DeleteAuthConfigPayload");
  });

  test("is for keys only: no session sees it, its request or what it changes", async () => {
    const { key, config, id, request } = await owned();
    const user = await createUser(app, key);
    const session = await createSession(app, key, user.id);
    expect(await readCredential(app, session, id)).toBeNull();
    expect((await list(app, session, "credentials")).totalCount).toBe(0);
    expect((await list(app, session, "connectionRequests")).totalCount).toBe(0);
    expect(await ask(app, session, `{ node(id: "${request.id}") { id } }`)).toEqual({ node: null });
    const counted = `{ authConfig(id: "${config.id}") { credentialCount } }`;
    expect(await ask(app, session, counted)).toEqual({ authConfig: { credentialCount: 0 } });
    expect(await ask(app, key, counted)).toEqual({ authConfig: { credentialCount: 1 } });
    for (const name of ["revokeCredential", "testCredential", "reauthorizeCredential"]) {
      expect(outcome(await mutate(app, session, name, { id })), name).toBe("NOT_FOUND");
    }
    const input = { target: { authConfigId: config.id }, projectOwned: true };
    expect(faults(await mutate(app, session, "initiateConnection", input))).toBe("projectOwned NOT_ALLOWED");
    const both = { ...input, user: { id: user.id } };
    expect(faults(await mutate(app, key, "initiateConnection", both))).toBe("user REQUIRED");
  });

  test("is revealed by match, and not by a key that is narrowed to users", async () => {
    const { key, id } = await owned();
    const match = { projectOwned: true, connectorSlug: "sandbox" };
    expect(payload(await reveal(app, key, { match }), "RevealCredentialPayload").credential.id).toBe(id);
    const user = await createUser(app, key);
    expect(await reveal(app, key, { match: { user: { id: user.id }, connectorSlug: "sandbox" } })).toMatchObject({
      __typename: "NotFoundError",
    });
    const narrow = { name: "narrow", role: "ADMIN", users: [{ id: user.id }] };
    const narrowed = (await mutate(app, key, "createApiKey", narrow, "key")).key;
    expect(await reveal(app, narrowed, { id })).toMatchObject({ __typename: "ForbiddenError" });
  });

  test("gets the new tokens where its account is connected once more, and stays apart from a user's own of that account", async () => {
    const { key, config, id } = await owned();
    const again = await initiate(app, key, { target: { authConfigId: config.id }, projectOwned: true, returnUrl: RETURN_URL });
    await goThrough(again.authorizationUrl!);
    expect((await readRequest(app, key, again.id)).credential?.id).toBe(id);
    const users = await connect(app, key, { authConfigId: config.id });
    expect(users.credential!.account?.id).toBe("ada");
    expect(users.credential!.id).not.toBe(id);
  });
});

describe("several accounts of one user with one connector", () => {
  test("are told apart by label and account, and changed one by one", async () => {
    const first = await connected(app, { connect: { input: { label: "Work" } } });
    const { key, config, userId, id } = first;
    const more = { authConfigId: config.id, userId };
    const second = await connect(app, key, { ...more, choice: { account: "grace" }, input: { label: "Home" } });
    const twice = await connect(app, key, { ...more, input: { label: "Work again", ifAccountExists: "CREATE" } });
    const read = `{ credentials(filter: { user: { id: "${userId}" } }) { nodes { label account { id name } } } }`;
    expect(await ask(app, key, read)).toEqual({
      credentials: {
        nodes: [
          { label: "Work again", account: { id: "ada", name: "Ada Lovelace" } },
          { label: "Home", account: { id: "grace", name: "Grace Hopper" } },
          { label: "Work", account: { id: "ada", name: "Ada Lovelace" } },
        ],
      },
    });
    // Of two of the same account the newer one is updated; the label only where one is given.
    const updated = await connect(app, key, more);
    expect(updated.credential!.id).toBe(twice.credential!.id);
    expect((await readCredential(app, key, twice.credential!.id))!.label).toBe("Work again");
    expect(await reveal(app, key, { match: { user: { id: userId }, connectorSlug: "sandbox" } })).toMatchObject({
      code: "AMBIGUOUS_CREDENTIAL",
    });
    expect(outcome(await mutate(app, key, "updateCredential", { id: second.credential!.id, label: null }))).toBe(
      "UpdateCredentialPayload",
    );
    await revoke(app, key, id);
    expect((await readCredential(app, key, twice.credential!.id))!.status).toBe("ACTIVE");
    expect((await readCredential(app, key, second.credential!.id))!.status).toBe("ACTIVE");
    // What was revoked is not brought back: the account is connected anew.
    await revoke(app, key, twice.credential!.id);
    const anew = await connect(app, key, more);
    expect([id, twice.credential!.id]).not.toContain(anew.credential!.id);
  });
});

describe("what is switched off", () => {
  const Enable = (by: string, id: string, enabled: boolean) => mutate(app, by, "setAuthConfigEnabled", { id, enabled });

  test("a config: its credentials are not given out, whatever their own status, until it is switched on again", async () => {
    const { key, config, id, userId } = await connected(app);
    await Enable(key, config.id, false);
    const off = { __typename: "ConflictError", code: "CONFLICT", message: expect.stringContaining("setAuthConfigEnabled") };
    expect(await reveal(app, key, { id })).toMatchObject(off);
    expect(await reveal(app, key, { match: { user: { id: userId }, connectorSlug: "sandbox" } })).toMatchObject(off);
    expect(await mutate(app, key, "testCredential", { id })).toMatchObject(off);
    expect(await reauthorize(app, key, { id })).toMatchObject(off);
    const initiated = { target: { authConfigId: config.id }, user: { id: userId } };
    expect(await mutate(app, key, "initiateConnection", initiated)).toMatchObject(off);
    expect((await readCredential(app, key, id))!.status).toBe("ACTIVE");
    // Of two that fit, the one that is given out is the one that is meant.
    const other = await connected(app, { connect: { userId } });
    const { credential } = payload(
      await reveal(app, key, { match: { user: { id: userId }, connectorSlug: "sandbox" } }),
      "RevealCredentialPayload",
    );
    expect(credential.id).toBe(other.id);
    await Enable(key, config.id, true);
    expect(await apiStatus(app, await accessToken(app, key, id))).toBe(200);
  });

  test("a credential: it shows DISABLED, and on again what is true", async () => {
    const { key, config, id } = await connected(app);
    const enable = (enabled: boolean) => mutate(app, key, "setCredentialEnabled", { id, enabled });
    await enable(false);
    expect(await readCredential(app, key, id)).toMatchObject({ status: "DISABLED", enabled: false });
    const refused = { __typename: "CredentialNotUsableError", code: "CREDENTIAL_NOT_USABLE" };
    expect(await reveal(app, key, { id })).toMatchObject(refused);
    expect(await mutate(app, key, "refreshCredential", { id })).toMatchObject(refused);
    expect(await mutate(app, key, "testCredential", { id })).toMatchObject(refused);
    await app.sandbox!.control.revokeGrants({ clientId: config.clientId });
    await enable(true);
    await mutate(app, key, "refreshCredential", { id });
    expect((await readCredential(app, key, id))!.status).toBe("INVALID");
    await enable(false);
    expect((await readCredential(app, key, id))!.status).toBe("DISABLED");
    await enable(true);
    expect((await readCredential(app, key, id))!.status).toBe("INVALID");
    // Revoking is for good, switched off or not.
    await enable(false);
    await revoke(app, key, id);
    expect((await readCredential(app, key, id))!.status).toBe("REVOKED");
  });
});
