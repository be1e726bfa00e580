import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { refreshAhead } from "../src/jobs/refresh-ahead.ts";
import { onFaultPoint } from "../src/lib/fault-points.ts";
import { ADMIN_KEY, moveClock, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { auditEvents, readConfig, readCredential, reauthorize, refresh } from "./support/oauth.ts";
import { endProcesses, type StrictServer, startStrictServer } from "./support/processes.ts";
import { goThrough } from "./support/seed.ts";
import type { Behaviour } from "./support/strict-server.ts";
import { attemptsOf, createStrictConnector, expectTruthful, type Grown, grow, growAgain, need } from "./support/strict-world.ts";

/** One server, on PGlite. */
let app: TestApp;
let strict: StrictServer;
let hours = 0;

beforeAll(async () => {
  [app, strict] = await Promise.all([
    // Days go by here, and what was on record of them is counted.
    startTestApp({
      MOORLINE_EGRESS_ALLOW: "127.0.0.1",
      MOORLINE_SANDBOX: "false",
      MOORLINE_SKIP_JOBS: "refresh-ahead,forget-attempts",
    }),
    startStrictServer(),
  ]);
  await createStrictConnector(app, strict);
});
afterEach(() => onFaultPoint(null));
afterAll(async () => {
  endProcesses();
  await app?.close();
});

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

/** Every access token that is out has run out; `more` milliseconds later than that. */
async function later(more = 0): Promise<void> {
  if (more === 0) hours += 2;
  await moveClock(app, hours * HOUR + more);
}

async function expired(mode: Parameters<typeof grow>[1], name: string, behaviour: Behaviour = {}): Promise<Grown> {
  const grown = await grow(app, mode, name);
  await strict.behave(grown.clientId, behaviour);
  await later();
  return grown;
}

const asked = ({ clientId }: Grown) => strict.refreshes(clientId).length;
const read = async ({ id }: Grown) => (await readCredential(app, ADMIN_KEY, id))!;
const usable = { __typename: "RevealCredentialPayload" };
const unreachable = { __typename: "ProviderError", retryable: true };
const UNAVAILABLE: Behaviour = { error: { status: 503, code: "temporarily_unavailable" } };

describe("invalid_grant", () => {
  test("ends the credential at once: nobody asks the provider any more, neither a caller nor the job", async () => {
    const grown = await expired("strict", "withdrawn");
    await strict.end(grown.clientId);
    await Promise.all(Array.from({ length: 20 }, () => need(app, grown)));
    await later();
    await refreshAhead(app.services, new AbortController().signal);
    expect(await refresh(app, ADMIN_KEY, grown.id)).toMatchObject({ __typename: "CredentialNotUsableError" });
    expect(asked(grown)).toBe(1);
    const credential = await read(grown);
    expect(credential).toMatchObject({ status: "INVALID", statusReason: expect.stringContaining("Connect the account again") });
    expect(credential.statusReason).not.toContain("lost on the way");
    await expectTruthful(app, strict, grown);
  });
});

describe("invalid_client", () => {
  test("accuses the auth config; the users stay ACTIVE and are told why; and it is not asked again and again", async () => {
    const refused = { error: { status: 401, code: "invalid_client" } };
    const grown = await expired("none", "refused-client", refused);
    for (let round = 1; round <= 12; round += 1)
      expect(await need(app, grown)).toMatchObject({ __typename: "ProviderError", retryable: false });
    // Three at will, then after pauses; and after five in all the provider is left alone with this client.
    expect(asked(grown)).toBeLessThanOrEqual(5);
    for (let minute = 1; minute <= 5; minute += 1) {
      await later(minute * 60 * SECOND);
      await need(app, grown);
    }
    expect(asked(grown)).toBeGreaterThanOrEqual(5);
    expect(asked(grown)).toBeLessThanOrEqual(7);
    expect(await readConfig(app, ADMIN_KEY, grown.authConfigId)).toMatchObject({
      status: "ERROR",
      statusReason: expect.stringContaining("client id and secret"),
    });
    expect(await read(grown)).toMatchObject({
      status: "ACTIVE",
      statusReason: expect.stringMatching(/can't be used right now.*auth config has to see to it/),
    });
  });

  test("is forgotten at once where the config gets another secret", async () => {
    const grown = await expired("none", "new-secret", { error: { status: 401, code: "invalid_client" }, times: 5 });
    for (let round = 1; round <= 5; round += 1) {
      if (round > 1) await later(round * 35 * SECOND);
      await need(app, grown);
    }
    expect(await need(app, grown)).toMatchObject({ __typename: "ProviderError" });
    expect(asked(grown)).toBe(5);
    const { version } = await readConfig(app, ADMIN_KEY, grown.authConfigId);
    const change = { id: grown.authConfigId, version, clientSecret: "another-secret" };
    await mutate(app, ADMIN_KEY, "updateAuthConfig", change, "authConfig { id }");
    expect(await need(app, grown)).toMatchObject(usable);
    expect(await read(grown)).toMatchObject({ status: "ACTIVE", statusReason: null });
  });
});

describe("a provider that cannot be had", () => {
  test("leaves the credential ACTIVE with the reason, however long, and the reason goes with the first success", async () => {
    const grown = await expired("strict", "outage", UNAVAILABLE);
    for (let day = 1; day <= 12; day += 1) {
      hours += 24;
      await later(1);
      await refreshAhead(app.services, new AbortController().signal);
    }
    const failing = await read(grown);
    expect(failing).toMatchObject({
      status: "ACTIVE",
      statusReason: expect.stringMatching(/^It can't be used right now\..*tried again by itself/),
    });
    expect(failing.history.nodes[0]).toMatchObject({ kind: "REFRESH_FAILED", status: "ACTIVE" });
    expect(asked(grown)).toBeGreaterThanOrEqual(10);
    expect(await auditEvents(app, ADMIN_KEY, { targetId: grown.id, action: "credential.refresh_failed" })).toHaveLength(
      asked(grown),
    );
    await strict.behave(grown.clientId, {});
    await later();
    expect(await need(app, grown)).toMatchObject(usable);
    expect(await read(grown)).toMatchObject({ status: "ACTIVE", statusReason: null });
    await expectTruthful(app, strict, grown);
  });

  test("is left alone after five failures in a row of any credentials; then one asks, and its answer decides for all", async () => {
    const first = await grow(app, "none", "breaker");
    const crowd = [first];
    for (let more = 0; more < 7; more += 1) crowd.push(await growAgain(app, first));
    await strict.behave(first.clientId, UNAVAILABLE);
    await later();
    for (const grown of crowd) expect(await need(app, grown)).toMatchObject(unreachable);
    expect(asked(first)).toBe(5);
    const refusal = await need(app, crowd[7]!);
    expect(refusal).toMatchObject({ __typename: "ProviderError", retryable: true, retryAfterSeconds: expect.any(Number) });
    // The pause is over: of all of them one asks, and opens the next pause.
    await later(90 * SECOND);
    await Promise.all(crowd.map((grown) => need(app, grown)));
    expect(asked(first)).toBe(6);
    await strict.behave(first.clientId, {});
    await later(180 * SECOND);
    await Promise.all(crowd.map((grown) => need(app, grown)));
    for (const grown of crowd) expect(await need(app, grown)).toMatchObject(usable);
    expect(asked(first)).toBe(6 + crowd.length);
  });

  test("does not stop the callers of another client, nor those whose token is still good", async () => {
    const grown = await grow(app, "none", "good-still");
    await strict.behave(grown.clientId, UNAVAILABLE);
    const began = performance.now();
    for (let round = 1; round <= 12; round += 1) await refresh(app, ADMIN_KEY, grown.id);
    // Five, and one more for each pause that is over meanwhile where the machine is slow: the shortest takes five seconds.
    expect(asked(grown)).toBeLessThanOrEqual(5 + Math.floor((performance.now() - began) / (5 * SECOND)));
    await expect
      .poll(() => refresh(app, ADMIN_KEY, grown.id))
      .toMatchObject({ __typename: "ProviderError", retryAfterSeconds: expect.any(Number) });
    expect(await need(app, grown)).toMatchObject(usable);
    const other = await expired("strict", "unconcerned");
    expect(await need(app, other)).toMatchObject(usable);
  });

  test("and says when it may be asked again is not asked before, by nobody", async () => {
    const grown = await expired("none", "retry-after", {
      error: { status: 429, code: "slow_down", retryAfterSeconds: 120 },
      times: 1,
    });
    expect(await need(app, grown)).toMatchObject({ code: "RATE_LIMITED", retryAfterSeconds: 120 });
    await later(110 * SECOND);
    expect(await need(app, grown)).toMatchObject({ code: "RATE_LIMITED", retryAfterSeconds: expect.any(Number) });
    await refreshAhead(app.services, new AbortController().signal);
    expect(asked(grown)).toBe(1);
    await later(160 * SECOND);
    await refreshAhead(app.services, new AbortController().signal);
    expect(asked(grown)).toBe(2);
  });
});

describe("an answer that is lost on its way", () => {
  test("is asked for again at once, and counted", async () => {
    const grown = await expired("grace", "lost-once", { drop: true, times: 1 });
    expect(await need(app, grown)).toMatchObject(usable);
    expect((await attemptsOf(app, grown)).map(({ outcome }) => outcome)).toEqual(["RESPONSE_LOST", "SUCCEEDED"]);
    const lost = (await read(grown)).history.nodes.find(({ kind }) => kind === "REFRESH_FAILED");
    expect(lost?.message).toContain("may have renewed the token without our hearing of it");
    await expectTruthful(app, strict, grown);
  });

  test("again and again is asked for within seconds by the job too, and is nobody's fault", async () => {
    const grown = await expired("grace", "lost-thrice", { drop: true, times: 3 });
    expect(await need(app, grown)).toMatchObject(unreachable);
    expect(asked(grown)).toBe(2);
    for (const seconds of [2, 4]) {
      await later(seconds * SECOND);
      await refreshAhead(app.services, new AbortController().signal);
    }
    expect(asked(grown)).toBe(4);
    expect(await read(grown)).toMatchObject({ status: "ACTIVE", statusReason: null });
  });

  test("and with it the only refresh token, says so: INVALID, because the provider had replaced the token without our hearing of it", async () => {
    const grown = await expired("strict", "lost-for-good", { drop: true, times: 1 });
    expect(await need(app, grown)).toMatchObject({ __typename: "CredentialNotUsableError", credential: { status: "INVALID" } });
    expect(asked(grown)).toBe(2);
    const { statusReason, history } = await read(grown);
    expect(statusReason).toContain("lost on the way");
    expect(statusReason).toContain("Connect the account again");
    expect(history.nodes.slice(0, 2)).toMatchObject([
      { kind: "REFRESH_FAILED", status: "INVALID", providerCode: "invalid_grant" },
      { kind: "REFRESH_FAILED", status: "ACTIVE" },
    ]);
    await expectTruthful(app, strict, grown);
  });

  test("is not lost where it came, and only could not be read: the next one reads it again before the provider is asked", async () => {
    const grown = await expired("none", "page", { html: true, times: 1 });
    expect(await need(app, grown)).toMatchObject({ __typename: "ProviderError" });
    expect(await need(app, grown)).toMatchObject(usable);
    // It was a page, so it did not help.
    expect(asked(grown)).toBe(2);
  });
});

describe("a 401 that many callers meet with one token", () => {
  const testIt = ({ id }: Grown) => mutate(app, ADMIN_KEY, "testCredential", { id }, "result { ok code }");

  test("causes one refresh", async () => {
    const grown = await grow(app, "strict", "storm");
    await strict.end(grown.clientId, { access: true });
    const results = await Promise.all(Array.from({ length: 50 }, () => testIt(grown)));
    expect(results.map((result) => (result as { result?: { ok: boolean } }).result?.ok)).toEqual(results.map(() => true));
    expect(asked(grown)).toBe(1);
    await expectTruthful(app, strict, grown);
  });

  test("is left at that where newer tokens do not help either", async () => {
    const grown = await grow(app, "none", "stubborn");
    for (let round = 1; round <= 6; round += 1) {
      await strict.end(grown.clientId, { access: true });
      await testIt(grown);
    }
    expect(asked(grown)).toBe(3);
  });
});

describe("tokens that come when something else has happened meanwhile", () => {
  /** A refresh that stands still with the provider's answer in its hand, while `meanwhile` happens. */
  async function during(grown: Grown, meanwhile: () => Promise<unknown>) {
    let arrived: () => void = () => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    let proceed: () => void = () => {};
    onFaultPoint((point, subject) => {
      if (point !== "bodyIn" || subject !== grown.uuid) return;
      onFaultPoint(null);
      arrived();
      return new Promise((resolve) => {
        proceed = resolve;
      });
    });
    const caller = need(app, grown);
    await arrival;
    await meanwhile();
    proceed();
    return caller;
  }

  test("do not replace those of a new authorization", async () => {
    const grown = await expired("strict", "authorized-again");
    await during(grown, async () => {
      const answer = await reauthorize(app, ADMIN_KEY, { id: grown.id, allowUnverifiedAccount: true, returnUrl: RETURN_URL });
      await goThrough((answer as { connectionRequest: { authorizationUrl: string } }).connectionRequest.authorizationUrl);
    });
    expect((await attemptsOf(app, grown)).map(({ outcome }) => outcome)).toEqual(["SUPERSEDED"]);
    const { history } = await read(grown);
    expect(history.nodes.map(({ kind }) => kind)).not.toContain("REFRESHED");
    expect(await refresh(app, ADMIN_KEY, grown.id)).toMatchObject({ __typename: "RefreshCredentialPayload" });
  });

  test("are not kept where the credential was revoked", async () => {
    const grown = await expired("strict", "revoked");
    const caller = await during(grown, () => mutate(app, ADMIN_KEY, "revokeCredential", { id: grown.id }, "credential { id }"));
    expect(caller).toMatchObject({ __typename: "CredentialNotUsableError" });
    expect(await read(grown)).toMatchObject({ status: "REVOKED" });
    const sealed = await app.services.database.prisma.sealedSecret.count({ where: { ownerId: grown.uuid } });
    const [attempt] = await attemptsOf(app, grown);
    expect(attempt?.outcome).toBe("REVOKED");
    expect(sealed + (await app.services.database.prisma.sealedSecret.count({ where: { ownerId: attempt!.id } }))).toBe(0);
  });
});
