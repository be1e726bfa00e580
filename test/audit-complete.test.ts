import { readFileSync } from "node:fs";
import { buildSchema } from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { JOB_NAMES } from "../src/jobs/index.ts";
import { decodeId, encodeId } from "../src/lib/ids.ts";
import { browse } from "../src/sandbox/play-user.ts";
import { ADMIN_KEY, moveClock, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { run, send } from "./support/graphql.ts";
import { CASES } from "./support/matrix-cases.ts";
import { operation, outcomeOf, rootFields } from "./support/matrix-walk.ts";
import { type Kind, makeWorld, type World } from "./support/matrix-world.ts";
import { begin, cancel, confirm, createProject, goToConfirmPage, refresh, reveal, updateProject } from "./support/oauth.ts";
import { connect, createOwnClientConfig, goThrough, goToCallback } from "./support/seed.ts";

interface Event {
  id: string;
  at: string;
  action: string;
  outcome: string;
  actor: { id: string } | null;
  actorLabel: string;
  targetId: string | null;
  ip: string | null;
  details: Record<string, unknown>;
}

/** Everything that is on record from a moment on, oldest first. */
async function log(app: TestApp, key: string, from: Date = new Date(0)): Promise<Event[]> {
  const events: Event[] = [];
  for (let after: string | null = null; ; ) {
    const query = `query ($after: String, $from: DateTime) { auditEvents(first: 100, after: $after, filter: { from: $from }) {
      nodes { id at action outcome actor { id } actorLabel targetId ip details } pageInfo { hasNextPage endCursor } } }`;
    const page: { nodes: Event[]; pageInfo: { hasNextPage: boolean; endCursor: string } } = (
      await run<{ auditEvents: typeof page }, object>(app, key, query, { after, from: from.toISOString() })
    ).auditEvents;
    events.push(...page.nodes);
    if (!page.pageInfo.hasNextPage) return events.toReversed();
    after = page.pageInfo.endCursor;
  }
}

describe("every mutation that does something", () => {
  /** The event that each leaves, and the kind of what it is about. */
  const EVENTS: Record<string, [action: string, target: string]> = {
    createProject: ["project.created", "proj_"],
    updateProject: ["project.updated", "proj_"],
    deleteProject: ["project.deleted", "proj_"],
    createConnector: ["connector.created", "ccn_"],
    updateConnector: ["connector.updated", "ccn_"],
    deleteConnector: ["connector.deleted", "ccn_"],
    createAuthConfig: ["auth_config.created", "ac_"],
    updateAuthConfig: ["auth_config.updated", "ac_"],
    setAuthConfigEnabled: ["auth_config.disabled", "ac_"],
    deleteAuthConfig: ["auth_config.deleted", "ac_"],
    diagnoseAuthConfig: ["auth_config.diagnosed", "ac_"],
    validateConnector: ["connector.validated", ""],
    upsertUser: ["user.created", "usr_"],
    deleteUser: ["user.deleted", "usr_"],
    createUserSession: ["user_session.created", "usr_"],
    revokeUserSessions: ["user_session.revoked", "usr_"],
    createConnectLink: ["connect_link.created", "usr_"],
    initiateConnection: ["connection_request.created", "req_"],
    submitConnectionForm: ["credential.connected", "cred_"],
    retryConnectionRequest: ["connection_request.retried", "req_"],
    cancelConnectionRequest: ["connection_request.canceled", "req_"],
    createCredential: ["credential.connected", "cred_"],
    tryCredential: ["credential.tried", ""],
    importCredential: ["credential.imported", "cred_"],
    updateCredential: ["credential.updated", "cred_"],
    reauthorizeCredential: ["connection_request.created", "req_"],
    refreshCredential: ["credential.refresh_requested", "cred_"],
    testCredential: ["credential.tested", "cred_"],
    setCredentialEnabled: ["credential.disabled", "cred_"],
    revokeCredential: ["credential.revoked", "cred_"],
    revealCredential: ["credential.revealed", "cred_"],
    callApi: ["credential.used", "cred_"],
    createApiKey: ["api_key.created", "key_"],
    revokeApiKey: ["api_key.revoked", "key_"],
    createWebhook: ["webhook.created", "whk_"],
    updateWebhook: ["webhook.updated", "whk_"],
    deleteWebhook: ["webhook.deleted", "whk_"],
    rotateWebhookSecret: ["webhook.secret_rotated", "whk_"],
    replayWebhookDelivery: ["webhook.delivery_replayed", "whd_"],
    rotateKeys: ["key_rotation.started", "proj_"],
  };
  /** Those whose own test is below, because they need more than arguments. */
  const ELSEWHERE = ["confirmConnection"];
  let rotations = 0;
  /** What changes nothing where it already is as it shall be. */
  const CHANGING: Record<string, () => object> = {
    updateProject: () => ({ name: `Project ${Math.random()}` }),
    updateConnector: () => ({ description: `Changed ${Math.random()}` }),
    updateAuthConfig: () => ({ description: `Changed ${Math.random()}` }),
    updateWebhook: () => ({ url: `https://hooks.example.com/${Math.random()}` }),
    updateCredential: () => ({ label: `Label ${Math.random()}` }),
    upsertUser: () => ({ displayName: `Name ${Math.random()}` }),
    // The same rotation that is under way already is not begun twice.
    rotateKeys() {
      rotations += 1;
      return { dataKeys: rotations % 2 === 1 };
    },
    setAuthConfigEnabled: () => ({ enabled: false }),
    setCredentialEnabled: () => ({ enabled: false }),
  };

  const schema = buildSchema(readFileSync(new URL("../schema.graphql", import.meta.url), "utf8"));
  const mutations = rootFields(schema).flatMap((root) => (root.startsWith("Mutation.") ? [root.slice(9)] : []));
  let world: World;
  beforeAll(async () => {
    // Nothing else shall be at work while states are compared.
    world = await makeWorld(await startTestApp({ MOORLINE_SKIP_JOBS: JOB_NAMES.join() }));
  });
  afterAll(() => world?.app.close());

  test("is named here", () => {
    expect(Object.keys(EVENTS).concat(ELSEWHERE).toSorted()).toEqual(mutations.toSorted());
  });

  /** One call that does something, by a key that may. */
  async function call(name: string): Promise<{ key: string; outcome: string; answer: object }> {
    const { app, home, callers } = world;
    const operators = /Project$/.test(name) && name !== "updateProject";
    const key = operators ? callers["ADMIN of the operator"]! : home.key;
    const { variables = () => ({}) } = CASES[`Mutation.${name}`]!;
    const given = variables(home.ids, false) as { input: object };
    const { query, variables: sent } = operation(schema, `Mutation.${name}`, [
      { input: { ...given.input, ...CHANGING[name]?.() } },
    ]);
    const answer = await send<Record<string, unknown>, object>(app, key, query, sent);
    return { key, outcome: outcomeOf(answer, "a0"), answer };
  }

  const tried = mutations.filter((name) => !ELSEWHERE.includes(name));

  test.each(tried)("%s is on record with who, what, when and from where", async (name) => {
    const { app, home, callers } = world;
    const [action, prefix] = EVENTS[name]!;
    const logKey = /^(create|delete)Project$/.test(name) ? callers["ADMIN of the operator"]! : home.key;
    const from = await app.services.database.now();
    const { key, outcome } = await call(name);
    expect(outcome).toBe("OK");
    const event = (await log(app, logKey, from)).find((candidate) => candidate.action === action);
    const who = await run<{ viewer: { apiKey: { id: string; name: string } } }, object>(
      app,
      key,
      "{ viewer { apiKey { id name } } }",
    );
    const { id, name: label } = who.viewer.apiKey;
    expect(event).toMatchObject({ outcome: "ALLOWED", actor: { id }, actorLabel: label, ip: "127.0.0.1" });
    if (prefix) expect(event!.targetId).toMatch(new RegExp(`^${prefix}`));
    const { consumes } = CASES[`Mutation.${name}`]!;
    if (consumes) await home.renew(consumes as Kind);
    if (name === "setAuthConfigEnabled") await mutate(app, key, name, { id: home.ids.AuthConfig, enabled: true });
    if (name === "setCredentialEnabled") await mutate(app, key, name, { id: home.ids.Credential, enabled: true });
  });

  describe("and cannot be put on record", () => {
    const refuse = (text: string) => world.app.services.database.script(text);
    beforeAll(() =>
      refuse(`CREATE FUNCTION test_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'The disk is full'; END $$;
        CREATE TRIGGER test_refuse BEFORE INSERT ON "AuditEvent" FOR EACH ROW EXECUTE FUNCTION test_refuse()`),
    );
    afterAll(() => refuse(`DROP TRIGGER test_refuse ON "AuditEvent"; DROP FUNCTION test_refuse()`));

    /** What clients can see of the database, and every secret. */
    async function everything(): Promise<Record<string, unknown>> {
      const tables = [
        "Project",
        "ApiKey",
        "User",
        "UserSession",
        "ConnectLink",
        "CustomConnector",
        "AuthConfig",
        "ConnectionRequest",
        "ConnectionEvent",
      ];
      tables.push("Credential", "CredentialEvent", "CredentialChange", "Webhook", "WebhookDelivery", "Revocation", "KeyRotation");
      const counted = tables.map(
        (table) =>
          `(SELECT md5(string_agg(j::text, ',' ORDER BY j::text)) FROM (SELECT to_jsonb(t) - 'lastUsedAt' AS j FROM "${table}" t) r) AS "${table}"`,
      );
      const secrets = `(SELECT md5(string_agg(s::text, ',' ORDER BY s::text)) FROM "SealedSecret" s WHERE "ownerTable" <> 'RefreshAttempt') AS "secrets"`;
      const [row] = await world.app.services.database.query<Record<string, unknown>>(
        "test_everything",
        `SELECT ${[...counted, secrets].join()}`,
        [],
      );
      return row!;
    }

    test.each(tried)("%s does nothing, and says nothing but that it failed", async (name) => {
      const before = await everything();
      const { outcome, answer } = await call(name);
      expect(outcome).toBe("INTERNAL");
      expect(answer).toMatchObject({ data: { a0: null }, errors: [{ message: "Internal error" }] });
      expect(await everything()).toEqual(before);
    });
  });
});

describe("what happens without a mutation", () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp();
  });
  afterAll(() => app?.close());

  /** The actions that a stored step of a request, or an event in a credential's history, may leave. */
  const STEPS: Record<string, string> = { PENDING: "created", AUTHORIZING: "opened", EXCHANGING: "confirmed" };
  const HISTORY: Record<string, string[]> = {
    CONNECTED: ["connected", "imported"],
    REFRESH_FAILED: ["refresh_failed", "invalidated"],
    STATUS_CHANGED: ["enabled", "disabled", "invalidated", "expired"],
    REVOKED: ["revoked", "deleted"],
  };

  /** Each (type, id, actions) of which no event is on record. */
  function missing(events: Event[], wanted: { type: "ConnectionRequest" | "Credential"; id: string; actions: string[] }[]) {
    return wanted.filter(({ type, id, actions }) => {
      const targetId = encodeId(type, id);
      return !events.some((event) => event.targetId === targetId && actions.includes(event.action));
    });
  }

  test("each stored step of each flow: opened, asked about, confirmed, done, denied, refused, failed, canceled, run out", async () => {
    const { key, id } = await createProject(app, ADMIN_KEY);
    const start = (switches: object = {}) => begin(app, { key, switches });
    await goThrough((await start()).url);
    await goThrough((await start()).url, { deny: true });
    const { press: decide } = await goToConfirmPage(app, (await start()).url);
    await decide("refuse");
    await cancel(app, key, (await start()).request.id);
    await goThrough((await start({ tokenError: { status: 400, error: "invalid_client" } })).url);
    await mutate(app, key, "deleteUser", { id: (await start()).user.id, confirm: true });
    const moved = await start();
    await goToCallback(app, moved.url);
    const client = { clientId: "another", clientSecret: "another" };
    await mutate(app, key, "updateAuthConfig", { id: moved.config.id, ...client, confirm: true });
    await updateProject(app, key, { id, verifyUrl: "https://app.test/verify" });
    const asked = await start();
    const { callbackUrl, cookieJar } = await goToCallback(app, asked.url);
    const page = await browse(callbackUrl, { cookieJar, stopAtPrefix: "https://app.test/" });
    await confirm(app, key, new URL(page.redirectedTo!).searchParams.get("verification")!, asked.user.id);
    await start();
    await moveClock(app, 3_600_000);
    await expect
      .poll(async () => (await log(app, key)).filter(({ action }) => action === "connection_request.expired"), {
        timeout: 10_000,
      })
      .toHaveLength(1);
    await moveClock(app, 0);

    const steps = await app.services.database.prisma.connectionEvent.findMany({ where: { projectId: decodeId("Project", id)! } });
    const statuses = ["PENDING", "AUTHORIZING", "VERIFYING", "EXCHANGING", "ACTIVE", "FAILED", "DENIED", "CANCELED", "EXPIRED"];
    expect(new Set(steps.map(({ status }) => status))).toEqual(new Set(statuses));
    const events = await log(app, key);
    const wanted = steps.map(({ requestId, status }) => ({
      type: "ConnectionRequest" as const,
      id: requestId,
      actions: [`connection_request.${STEPS[status] ?? status.toLowerCase()}`],
    }));
    expect(missing(events, wanted)).toEqual([]);
    const atTheBrowser = events.filter(({ action }) => /\.(opened|verifying|confirmed|active|denied|connected)$/.test(action));
    for (const event of atTheBrowser) expect(event, event.action).toMatchObject({ ip: "127.0.0.1" });
    expect(events.filter(({ action }) => action === "auth_config.failed")).toMatchObject([
      { details: { code: "INVALID_CLIENT" } },
    ]);
  }, 120_000);

  test("each event in the history of each credential: renewed, failed, refused, run out, changed, ended", async () => {
    const { key, id } = await createProject(app, ADMIN_KEY);
    const start = async (switches: object = {}) => {
      const config = await createOwnClientConfig(app, key, switches);
      const made = await connect(app, key, { authConfigId: config.id });
      return { ...made, id: made.credential!.id, clientId: config.clientId };
    };
    const renewed = await start();
    await refresh(app, key, renewed.id);
    await reveal(app, key, { id: renewed.id });
    for (const name of ["testCredential", "revokeCredential"]) await mutate(app, key, name, { id: renewed.id });
    const switched = await start();
    await mutate(app, key, "updateCredential", { id: switched.id, label: "Another" });
    for (const enabled of [false, true]) await mutate(app, key, "setCredentialEnabled", { id: switched.id, enabled });
    const again = await initiateAgain(app, key, switched.id);
    await goThrough(again);
    await mutate(app, key, "deleteAuthConfig", { id: switched.authConfigId, confirm: true });
    const refused = await start({ onlyGrantType: "refresh_token", tokenError: { status: 400, error: "invalid_grant" } });
    await refresh(app, key, refused.id);
    const down = await start({ onlyGrantType: "refresh_token", tokenError: { status: 503, error: "temporarily_unavailable" } });
    await refresh(app, key, down.id);
    const cut = await start();
    const client = { clientId: "another", clientSecret: "another" };
    await mutate(app, key, "updateAuthConfig", { id: cut.authConfigId, ...client, retireNow: true, confirm: true });

    const history = await app.services.database.prisma.credentialEvent.findMany({
      where: { projectId: decodeId("Project", id)!, kind: { not: "USED" } },
    });
    const kinds = [
      "CONNECTED",
      "REAUTHORIZED",
      "REFRESHED",
      "REFRESH_FAILED",
      "TESTED",
      "REVEALED",
      "UPDATED",
      "STATUS_CHANGED",
      "REVOKED",
    ];
    expect(kinds.filter((kind) => !history.some((event) => event.kind === kind))).toEqual([]);
    const wanted = history.map(({ credentialId, kind }) => ({
      type: "Credential" as const,
      id: credentialId,
      actions: (HISTORY[kind] ?? [kind.toLowerCase()]).map((action) => `credential.${action}`),
    }));
    expect(missing(await log(app, key), wanted)).toEqual([]);
  }, 120_000);
});

async function initiateAgain(app: TestApp, key: string, id: string): Promise<string> {
  const select = "connectionRequest { authorizationUrl }";
  const { connectionRequest } = await mutate(app, key, "reauthorizeCredential", { id, returnUrl: RETURN_URL }, select);
  return connectionRequest.authorizationUrl as string;
}
