import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { payload } from "./support/graphql.ts";
import { auditEvents, readConfig, readCredential, refresh, reveal, tokenRequests } from "./support/oauth.ts";
import { connect, createOwnClientConfig } from "./support/seed.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const HOUR = 3_600_000;

async function connected(switches: object = {}) {
  const config = await createOwnClientConfig(app, app.adminKey, switches);
  const { credential, userId, session } = await connect(app, app.adminKey, { authConfigId: config.id });
  return { config, id: credential!.id, userId, session, refreshes: () => tokenRequests(app, config.clientId, "refresh_token") };
}

async function revealed(id: string, input: object = {}) {
  return payload(await reveal(app, app.adminKey, { id, ...input }), "RevealCredentialPayload");
}

/** Whether the sandbox's API takes a token. */
async function works(token: string | null) {
  return (await fetch(`${app.sandbox!.issuer}/api/me`, { headers: { authorization: `Bearer ${token}` } })).status;
}

describe("a token that ran out", () => {
  test("is renewed when it is needed, once, and the history and the audit log say so", async () => {
    const { id, refreshes } = await connected({ accessTokenTtlSeconds: 30 });
    const first = await revealed(id, { minTtlSeconds: 0 });
    expect(refreshes()).toHaveLength(0);
    const second = await revealed(id);
    expect(second.revealed.accessToken).not.toBe(first.revealed.accessToken);
    expect(refreshes()).toHaveLength(1);
    expect(await works(second.revealed.accessToken)).toBe(200);
    const credential = await readCredential(app, app.adminKey, id);
    expect(credential).toMatchObject({ status: "ACTIVE", canRefresh: true });
    expect(credential!.lastRefreshedAt).not.toBeNull();
    expect(credential!.history.nodes.map((event) => event.kind).slice(-2)).toEqual(["REVEALED", "CONNECTED"]);
    expect(credential!.history.nodes.map((event) => event.kind)).toContain("REFRESHED");
    const actions = (await auditEvents(app, app.adminKey, { targetId: id })).map((event) => event.action);
    expect(actions.filter((action) => action === "credential.refreshed")).toHaveLength(1);
    expect(actions.filter((action) => action === "credential.revealed")).toHaveLength(2);
  });

  test("is renewed by the database's clock", async () => {
    const { id, refreshes } = await connected();
    const first = await revealed(id);
    await moveClock(app, 2 * HOUR);
    try {
      const second = await revealed(id);
      expect(second.revealed.accessToken).not.toBe(first.revealed.accessToken);
      expect(new Date(second.revealed.expiresAt!).getTime()).toBeGreaterThan(Date.now() + 2 * HOUR);
      expect(refreshes()).toHaveLength(1);
    } finally {
      await moveClock(app, 0);
    }
  });

  test("of which fifty ask at once costs one token request, and all get the new one", async () => {
    const { id, config, refreshes } = await connected();
    const { revealed: old } = await revealed(id);
    await app.sandbox!.control.setSwitches(config.clientId, { tokenDelayMs: 200 });
    await moveClock(app, 2 * HOUR);
    try {
      const all = await Promise.all(Array.from({ length: 50 }, () => revealed(id)));
      expect(refreshes()).toHaveLength(1);
      const tokens = new Set(all.map((one) => one.revealed.accessToken));
      expect(tokens.size).toBe(1);
      expect(tokens.has(old.accessToken)).toBe(false);
      expect((await auditEvents(app, app.adminKey, { targetId: id, action: "credential.revealed" })).length).toBe(51);
    } finally {
      await moveClock(app, 0);
    }
  });

  test("is renewed with a refresh token that rotates, stays, or is not sent again", async () => {
    for (const switches of [{ rotation: "strict" }, { rotation: "none" }, { refreshOmitsRefreshToken: true, rotation: "none" }]) {
      const { id, refreshes } = await connected(switches);
      for (let round = 1; round <= 3; round++) {
        expect(payload(await refresh(app, app.adminKey, id), "RefreshCredentialPayload").credential.status).toBe("ACTIVE");
      }
      expect(refreshes().map((entry) => entry.outcome)).toEqual(["ok", "ok", "ok"]);
      expect(new Set(refreshes().map((entry) => entry.refreshTokenHash)).size).toBe(switches.rotation === "strict" ? 3 : 1);
    }
  });

  test("and cannot be renewed makes the credential EXPIRED by the clock, for every use", async () => {
    const { id, session, refreshes } = await connected({ noRefreshToken: true, accessTokenTtlSeconds: 3_600 });
    expect(await readCredential(app, session, id)).toMatchObject({ status: "ACTIVE", canRefresh: false });
    expect((await revealed(id, { minTtlSeconds: 80_000 })).revealed.accessToken).not.toBeNull();
    expect(await refresh(app, app.adminKey, id)).toMatchObject({
      __typename: "CredentialNotUsableError",
      code: "CREDENTIAL_NOT_USABLE",
    });
    await moveClock(app, 2 * HOUR);
    try {
      const expired = await readCredential(app, app.adminKey, id);
      expect(expired!.status).toBe("EXPIRED");
      expect(expired!.statusReason).toContain("connect again");
      expect(await reveal(app, app.adminKey, { id })).toMatchObject({
        __typename: "CredentialNotUsableError",
        credential: { status: "EXPIRED" },
      });
      expect(refreshes()).toHaveLength(0);
    } finally {
      await moveClock(app, 0);
    }
  });
});

describe("a refresh that fails", () => {
  test("with invalid_grant makes the credential INVALID at once, and the provider is asked no more", async () => {
    const { id, config, refreshes } = await connected();
    await app.sandbox!.control.revokeGrants({ clientId: config.clientId });
    expect(await refresh(app, app.adminKey, id)).toMatchObject({ __typename: "CredentialNotUsableError" });
    for (let round = 1; round <= 3; round++) {
      expect(await reveal(app, app.adminKey, { id })).toMatchObject({
        __typename: "CredentialNotUsableError",
        credential: { status: "INVALID" },
      });
      expect(await refresh(app, app.adminKey, id)).toMatchObject({ __typename: "CredentialNotUsableError" });
    }
    expect(refreshes()).toHaveLength(1);
    const credential = await readCredential(app, app.adminKey, id);
    expect(credential!.statusReason).toContain("Connect the account again");
    expect(credential!.history.nodes[0]).toMatchObject({
      kind: "REFRESH_FAILED",
      status: "INVALID",
      providerCode: "invalid_grant",
    });
    expect(await auditEvents(app, app.adminKey, { targetId: id, action: "credential.invalidated" })).toHaveLength(1);
    expect((await readConfig(app, app.adminKey, config.id)).status).toBe("ACTIVE");
  });

  test.each([
    ["503", { status: 503, error: "temporarily_unavailable", retryAfterSeconds: 7 }, "PROVIDER_ERROR"],
    ["429", { status: 429, error: "slow_down", retryAfterSeconds: 7 }, "RATE_LIMITED"],
  ])(
    "with %s is told with its Retry-After, and until the old token has run out that one is given",
    async (_name, tokenError, code) => {
      const { id, config, refreshes } = await connected({ accessTokenTtlSeconds: 30 });
      const { revealed: before } = await revealed(id, { minTtlSeconds: 0 });
      await app.sandbox!.control.setSwitches(config.clientId, { tokenError });
      expect((await revealed(id)).revealed.accessToken).toBe(before.accessToken);
      const expected = {
        __typename: "ProviderError",
        code,
        retryable: true,
        retryAfterSeconds: 7,
        providerStatus: tokenError.status,
      };
      // Whoever comes within these seconds is told what is left of them.
      const left = expect.toSatisfy((seconds: number) => seconds > 0 && seconds <= 7);
      expect(await refresh(app, app.adminKey, id)).toMatchObject({ ...expected, retryAfterSeconds: left });
      await moveClock(app, HOUR);
      try {
        const count = refreshes().length;
        expect(await reveal(app, app.adminKey, { id })).toMatchObject(expected);
        expect(refreshes()).toHaveLength(count + 1);
        expect((await readCredential(app, app.adminKey, id))!.status).toBe("ACTIVE");
        await app.sandbox!.control.setSwitches(config.clientId, {});
        // Not before the provider's Retry-After is over, whoever asks.
        expect(await reveal(app, app.adminKey, { id })).toMatchObject({ ...expected, retryAfterSeconds: left });
        expect(refreshes()).toHaveLength(count + 1);
        await moveClock(app, HOUR + 8_000);
        expect((await revealed(id)).revealed.accessToken).not.toBe(before.accessToken);
      } finally {
        await moveClock(app, 0);
      }
    },
  );

  test("with invalid_client accuses the config and not the user, and a later success cures it", async () => {
    const { id, config } = await connected();
    await app.sandbox!.control.setSwitches(config.clientId, { tokenError: { status: 401, error: "invalid_client" } });
    expect(await refresh(app, app.adminKey, id)).toMatchObject({
      __typename: "ProviderError",
      retryable: false,
      providerCode: "invalid_client",
    });
    expect((await readCredential(app, app.adminKey, id))!.status).toBe("ACTIVE");
    expect(await readConfig(app, app.adminKey, config.id)).toMatchObject({
      status: "ERROR",
      statusReason: expect.stringContaining("client id and secret"),
    });
    await app.sandbox!.control.setSwitches(config.clientId, {});
    payload(await refresh(app, app.adminKey, id), "RefreshCredentialPayload");
    expect(await readConfig(app, app.adminKey, config.id)).toMatchObject({ status: "ACTIVE", statusReason: null });
  });

  test.each([
    ["a page instead of an answer", { html: true }],
    ["half an answer", { truncated: true }],
    ["no answer", { dropAfterCommit: true }],
    ["an error with 200", { errorWith200: true, tokenError: { status: 400, error: "server_error" } }],
  ])("with %s is a ProviderError, and the credential stays ACTIVE", async (_name, switches) => {
    const { id, config } = await connected({ rotation: "none" });
    await app.sandbox!.control.setSwitches(config.clientId, { rotation: "none", ...switches });
    expect(await refresh(app, app.adminKey, id)).toMatchObject({ __typename: "ProviderError" });
    expect((await readCredential(app, app.adminKey, id))!.status).toBe("ACTIVE");
    await app.sandbox!.control.setSwitches(config.clientId, { rotation: "none" });
    payload(await refresh(app, app.adminKey, id), "RefreshCredentialPayload");
  });
});
