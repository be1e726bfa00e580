import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { UserChoice } from "../src/sandbox/play-user.ts";
import { RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { payload } from "./support/graphql.ts";
import { readCredential, reauthorize, reveal } from "./support/oauth.ts";
import { connect, createOwnClientConfig, goThrough, readRequest } from "./support/seed.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

async function reauthorized(token: string, id: string, choice: UserChoice = {}, input: object = {}) {
  const { connectionRequest } = payload(
    await reauthorize(app, token, { id, returnUrl: RETURN_URL, ...input }),
    "ReauthorizeCredentialPayload",
  );
  await goThrough(connectionRequest.authorizationUrl!, choice);
  return readRequest(app, token, connectionRequest.id);
}

async function accessToken(id: string) {
  return payload(await reveal(app, app.adminKey, { id }), "RevealCredentialPayload").revealed.accessToken;
}

describe("what was granted", () => {
  test("is stored beside what was asked for, and what is missing is named", async () => {
    const { credential } = await connect(app, app.adminKey, {
      choice: { scopes: ["profile", "offline_access"] },
      input: { scopes: ["notes:write"] },
    });
    expect(credential!.scopes.requested).toEqual(expect.arrayContaining(["openid", "notes:read", "notes:write"]));
    expect(credential!.scopes.granted.toSorted()).toEqual(["offline_access", "openid", "profile"]);
    expect(credential!.scopes.missing.toSorted()).toEqual(["email", "notes:read", "notes:write"]);
    const [connected] = (await readCredential(app, app.adminKey, credential!.id))!.history.nodes;
    expect(connected).toMatchObject({ kind: "CONNECTED", status: "ACTIVE" });
    expect(connected!.message).toContain("Not granted: email");
  });

  test("comes with whose account it is, from the ID token or else from the provider's user-info", async () => {
    for (const switches of [{}, { noIdToken: true }]) {
      const { credential } = await connect(app, app.adminKey, { choice: { account: "grace", switches } });
      expect(credential!.account).toMatchObject({ id: "grace", name: "Grace Hopper" });
    }
  });
});

describe("an account that is connected for this user already", () => {
  test("keeps its credential id and gets the new tokens, unless the caller says otherwise", async () => {
    const first = await connect(app, app.adminKey);
    const before = await accessToken(first.credential!.id);
    const again = { userId: first.userId, authConfigId: first.authConfigId };
    const second = await connect(app, app.adminKey, again);
    expect(second.credential!.id).toBe(first.credential!.id);
    expect(await accessToken(first.credential!.id)).not.toBe(before);

    const third = await connect(app, app.adminKey, { ...again, input: { ifAccountExists: "CREATE" } });
    expect(third.request.status).toBe("ACTIVE");
    expect(third.credential!.id).not.toBe(first.credential!.id);

    const present = await accessToken(first.credential!.id);
    const refused = await connect(app, app.adminKey, { ...again, input: { ifAccountExists: "REFUSE" } });
    expect(refused.request).toMatchObject({ status: "FAILED", failure: { code: "ACCOUNT_ALREADY_CONNECTED" }, credential: null });
    expect(await accessToken(first.credential!.id)).toBe(present);
  });

  test("is another credential for another user and for another account", async () => {
    const first = await connect(app, app.adminKey);
    const otherUser = await connect(app, app.adminKey, { authConfigId: first.authConfigId });
    const otherAccount = await connect(app, app.adminKey, {
      authConfigId: first.authConfigId,
      userId: first.userId,
      choice: { account: "grace" },
    });
    expect(new Set([first, otherUser, otherAccount].map(({ credential }) => credential!.id)).size).toBe(3);
  });

  test("is connected once by two flows at the same time", async () => {
    const first = await connect(app, app.adminKey, { choice: { account: "alan" } });
    const again = { userId: first.userId, authConfigId: first.authConfigId };
    const both = await Promise.all([1, 2].map(() => connect(app, app.adminKey, again)));
    expect(both[0]!.credential!.id).toBe(both[1]!.credential!.id);
  });
});

describe("a re-authorization", () => {
  test("keeps the id, adds scopes to those requested before, and stays with the same account", async () => {
    const { credential, session } = await connect(app, app.adminKey);
    const request = await reauthorized(session, credential!.id, {}, { scopes: ["notes:write"] });
    expect(request).toMatchObject({ status: "ACTIVE", credential: { id: credential!.id, status: "ACTIVE" } });
    expect(request.credential!.scopes.granted).toEqual(expect.arrayContaining(["notes:read", "notes:write"]));
    expect((await readCredential(app, session, credential!.id))!.history.nodes.map((event) => event.kind)).toEqual([
      "REAUTHORIZED",
      "CONNECTED",
    ]);
  });

  test("as another account is refused, and the present credential stays exactly as it was", async () => {
    const { credential, session } = await connect(app, app.adminKey, { choice: { account: "ada" } });
    const token = await accessToken(credential!.id);
    const before = await readCredential(app, session, credential!.id);
    const request = await reauthorized(session, credential!.id, { account: "grace" }, { scopes: ["notes:write"] });
    expect(request).toMatchObject({ status: "FAILED", failure: { code: "ACCOUNT_MISMATCH" } });
    expect(request.failure!.message).toContain("Grace Hopper");
    expect(await readCredential(app, session, credential!.id)).toEqual(before);
    expect(await accessToken(credential!.id)).toBe(token);
  });

  test("that is pending, denied or failed leaves the present credential as it was, and shows as its open request", async () => {
    const config = await createOwnClientConfig(app, app.adminKey);
    const { credential, session } = await connect(app, app.adminKey, { authConfigId: config.id });
    const token = await accessToken(credential!.id);
    const before = await readCredential(app, session, credential!.id);
    const { connectionRequest } = payload(
      await reauthorize(app, session, { id: credential!.id }),
      "ReauthorizeCredentialPayload",
    );
    const pending = await readCredential(app, session, credential!.id);
    expect(pending).toEqual({ ...before, openRequest: { id: connectionRequest.id } });
    expect((await reauthorized(session, credential!.id, { deny: true })).status).toBe("DENIED");
    expect((await reauthorized(session, credential!.id, { switches: { html: true } })).status).toBe("FAILED");
    expect(await readCredential(app, session, credential!.id)).toEqual(pending);
    expect(await accessToken(credential!.id)).toBe(token);
  });

  test("of somebody else's credential, or of none, is not found; only a key may pass over an unnamed account", async () => {
    const mine = await connect(app, app.adminKey);
    const other = await connect(app, app.adminKey);
    expect(await reauthorize(app, other.session, { id: mine.credential!.id })).toMatchObject({ __typename: "NotFoundError" });
    expect(await reauthorize(app, mine.session, { id: "cred_nonsense" })).toMatchObject({ __typename: "NotFoundError" });
    const refused = await reauthorize(app, mine.session, { id: mine.credential!.id, allowUnverifiedAccount: true });
    expect(refused).toMatchObject({ __typename: "InvalidInputError", issues: [{ path: ["allowUnverifiedAccount"] }] });
  });
});
