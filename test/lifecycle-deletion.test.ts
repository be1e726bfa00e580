import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "../src/lib/secret.ts";
import { moveClock, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { socket, who } from "./support/callers.ts";
import { type Answer, list, mutate } from "./support/entities.ts";
import { run } from "./support/graphql.ts";
import {
  apiStatus,
  ask,
  audited,
  connected,
  dataKeys,
  ownConnector,
  ownProject,
  revocations,
  revoke,
  sealed,
  uuid,
  wake,
} from "./support/lifecycle.ts";
import { connect, createConfig, createOwnClientConfig, createSession, createUser, goThrough, initiate } from "./support/seed.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const DOWN = { revocationError: { status: 503, error: "temporarily_unavailable" } };

let app: TestApp;
let key: string;
let clock = 0;
beforeAll(async () => {
  app = await startTestApp();
  key = app.adminKey;
});
afterAll(() => app?.close());

/** For good: the tests of this file only go forwards. */
async function later(ms: number): Promise<void> {
  clock += ms;
  await moveClock(app, clock);
  await wake(app);
}

const outcome = ({ __typename, code }: Answer) => code ?? __typename;
const turn = (clientId: string, switches: object) => app.sandbox!.control.setSwitches(clientId, switches);

/** A provider that is down when something is deleted, and up again ten minutes later: then it must have been told. */
async function revokedLater(made: { config: { clientId: string }; token: string }): Promise<void> {
  expect(await apiStatus(app, made.token)).toBe(200);
  await turn(made.config.clientId, {});
  await later(10 * MINUTE);
  await expect.poll(() => apiStatus(app, made.token)).toBe(401);
  expect(revocations(app, made.config.clientId).at(-1)?.status).toBe(200);
}

describe("what is deleted is ended at the provider, too, although its own secrets are destroyed at once", () => {
  test("a user", async () => {
    const project = await ownProject(app);
    const made = await connected(app, { key: project.key, switches: DOWN });
    const other = await connected(app, { key: project.key });
    await mutate(app, project.key, "deleteUser", { id: made.userId, confirm: true });
    expect(await dataKeys(app, project.id)).toEqual([uuid("User", other.userId), "project"].toSorted());
    expect(await sealed(app, project.id)).toEqual([
      "AuthConfig.clientSecret",
      "AuthConfig.clientSecret",
      "Credential.tokens",
      "Revocation.tokens",
    ]);
    await revokedLater(made);
    // The provider knows before we have written down that it does.
    const left = ["AuthConfig.clientSecret", "AuthConfig.clientSecret", "Credential.tokens"];
    await expect.poll(() => sealed(app, project.id)).toEqual(left);
    expect(await apiStatus(app, other.token)).toBe(200);
    expect((await audited(app, project.key, "credential.revoked_at_provider", made.id)).map((event) => event.outcome)).toEqual([
      "ALLOWED",
      "ALLOWED",
    ]);
  });

  test("an auth config, whose client secret is destroyed with it", async () => {
    const project = await ownProject(app);
    const made = await connected(app, { key: project.key, switches: DOWN });
    await mutate(app, project.key, "deleteAuthConfig", { id: made.config.id, confirm: true });
    expect(await sealed(app, project.id)).toEqual(["Revocation.tokens"]);
    await revokedLater(made);
    await expect.poll(() => sealed(app, project.id)).toEqual([]);
  });

  test("an auth config with grants of a client that it had left behind", async () => {
    const project = await ownProject(app);
    const made = await connected(app, { key: project.key, switches: DOWN });
    const next = await app.sandbox!.control.createClient({ redirectUris: [`${app.url}/oauth/callback/sandbox`] });
    const client = { clientId: next.clientId, clientSecret: next.clientSecret };
    await mutate(app, project.key, "updateAuthConfig", { id: made.config.id, ...client, confirm: true });
    await mutate(app, project.key, "deleteAuthConfig", { id: made.config.id, confirm: true });
    expect(await sealed(app, project.id)).toEqual(["Revocation.tokens"]);
    await revokedLater(made);
  });

  test("an auth config of the operator's app, whose secret is nowhere copied", async () => {
    const project = await ownProject(app);
    const config = await createConfig(app, project.key);
    const { credential } = await connect(app, project.key, { authConfigId: config.id, choice: { switches: DOWN } });
    const token = (await mutate(app, project.key, "revealCredential", { id: credential!.id }, "revealed { accessToken }"))
      .revealed.accessToken;
    await mutate(app, project.key, "deleteAuthConfig", { id: config.id, confirm: true });
    await expect.poll(() => audited(app, project.key, "credential.revoked_at_provider")).toHaveLength(1);
    const { database, vault } = app.services;
    const row = await database.prisma.revocation.findFirstOrThrow({ where: { projectId: uuid("Project", project.id) } });
    const address = { projectId: row.projectId, table: "Revocation", id: row.id, column: "tokens", generation: 1 };
    const parcel = (await vault.open(database, address))!.reveal();
    expect(parcel).toContain(token);
    expect(parcel).not.toContain(app.sandbox!.defaultClient.clientSecret);
    expect(await apiStatus(app, token)).toBe(200);
    // That one authorization stays broken at the sandbox, so it is given up in the end.
    await later(DAY + 1);
    await expect.poll(() => sealed(app, project.id)).toEqual([]);
    const [last] = await audited(app, project.key, "credential.revoked_at_provider");
    expect(last).toMatchObject({ outcome: "FAILED", details: { tokens: [{ outcome: "FAILED" }, { outcome: "FAILED" }] } });
  });

  test("a connector, whose slug somebody else takes at once", async () => {
    const project = await ownProject(app);
    const { id, input, clientId, config } = await ownConnector(app, project.key, "mine", DOWN);
    const { credential } = await connect(app, project.key, { authConfigId: config.id });
    const reveal = await mutate(app, project.key, "revealCredential", { id: credential!.id }, "revealed { accessToken }");
    expect(outcome(await mutate(app, project.key, "deleteConnector", { id }))).toBe("IN_USE");
    await mutate(app, project.key, "deleteConnector", { id, confirm: true });
    expect(outcome(await mutate(app, project.key, "createConnector", input))).toBe("CreateConnectorPayload");
    await revokedLater({ config: { clientId }, token: reveal.revealed.accessToken });
    await expect.poll(() => sealed(app, project.id)).toEqual([]);
  });
});

describe("what still depends on something is told before it is deleted", () => {
  test("also where nothing of it works any more, or belongs to the project itself", async () => {
    const project = await ownProject(app);
    const config = await createOwnClientConfig(app, project.key);
    const request = await initiate(app, project.key, {
      target: { authConfigId: config.id },
      projectOwned: true,
      returnUrl: RETURN_URL,
    });

    await goThrough(request.authorizationUrl!);
    const ended = await connect(app, project.key, { authConfigId: config.id, choice: { account: "grace" } });
    await app.sandbox!.control.revokeGrants({ clientId: config.clientId });
    await mutate(app, project.key, "refreshCredential", { id: ended.credential!.id });
    const asked = await mutate(app, project.key, "deleteAuthConfig", { id: config.id });
    expect(asked).toMatchObject({
      code: "IN_USE",
      message: expect.stringContaining("Credentials: 2 of 1 user, active ones: 1"),
      impact: { activeCredentialCount: 1, userCount: 1, credentials: { totalCount: 2 } },
    });
    await mutate(app, project.key, "deleteUser", { id: ended.userId, confirm: true });
    // Of the one that is left, the project's own, it comes out only now that its grant has ended.
    const [{ id }] = (await list(app, project.key, "credentials")).nodes as [{ id: string }];
    await mutate(app, project.key, "refreshCredential", { id });
    const still = await mutate(app, project.key, "deleteAuthConfig", { id: config.id });
    const impact = { activeCredentialCount: 0, userCount: 0, credentials: { totalCount: 1 } };
    expect(still).toMatchObject({ code: "IN_USE", impact });
  });

  test("but not what was revoked already", async () => {
    const made = await connected(app);
    await revoke(app, key, made.id);
    expect(outcome(await mutate(app, key, "deleteAuthConfig", { id: made.config.id }))).toBe("DeleteAuthConfigPayload");
  });
});

describe("deleting a project", () => {
  test("is for ADMIN keys of the first project, which itself stays, and asks first", async () => {
    const project = await ownProject(app);
    await createUser(app, project.key);
    const remove = (by: string, input: object) => mutate(app, by, "deleteProject", input, "deletedId");
    expect(outcome(await remove(project.key, { id: project.id, confirm: true }))).toBe("FORBIDDEN");
    const developer = (await mutate(app, key, "createApiKey", { name: "dev", role: "DEVELOPER" }, "key")).key;
    expect(outcome(await remove(developer, { id: project.id, confirm: true }))).toBe("FORBIDDEN");
    const { viewer } = await ask<{ viewer: { project: { id: string } } }>(app, key, "{ viewer { project { id } } }");
    expect(outcome(await remove(key, { id: viewer.project.id, confirm: true }))).toBe("CONFLICT");
    expect(outcome(await remove(key, { id: "proj_nobody" }))).toBe("NOT_FOUND");
    expect(await remove(key, { id: project.id })).toMatchObject({ code: "IN_USE", message: expect.stringContaining("users: 1") });
    expect(await who(app, project.key)).toBe("ADMIN");
    expect((await remove(key, { id: project.id, confirm: true })).deletedId).toBe(project.id);
    expect(outcome(await remove(key, { id: project.id, confirm: true }))).toBe("NOT_FOUND");
    // Nothing in it, nothing to ask.
    expect(outcome(await remove(key, { id: (await ownProject(app)).id }))).toBe("DeleteProjectPayload");
  });

  test("ends keys, sessions, subscriptions and webhooks at once, and its grants within the day; then nothing of it can be opened", async () => {
    const project = await ownProject(app);
    const made = await connected(app, { key: project.key, switches: DOWN });
    const session = await createSession(app, project.key, made.userId);
    const webhook = { url: "https://hooks.example/moorline" };
    await mutate(app, project.key, "createWebhook", webhook, "webhook { id }");
    const other = await connected(app);
    const watching = [socket(app, project.key), socket(app, session)];
    await Promise.all(watching.map(({ connected: open }) => open));
    await mutate(app, key, "deleteProject", { id: project.id, confirm: true });
    expect(await Promise.all(watching.map(({ closed }) => closed))).toEqual([4401, 4401]);
    expect([await who(app, project.key), await who(app, session)]).toEqual(["UNAUTHENTICATED", expect.any(String)]);
    expect(await run(app, key, `{ node(id: "${project.id}") { id } }`)).toEqual({ node: null });
    expect(await sealed(app, project.id)).toEqual(["Revocation.tokens"]);
    expect(await dataKeys(app, project.id)).toEqual(["project"]);
    const left = await app.services.database.query<{ n: number }>(
      "test_left",
      `SELECT (SELECT count(*) FROM "Webhook" WHERE "projectId" = $1::uuid AND "deletedAt" IS NULL)
            + (SELECT count(*) FROM "WebhookDelivery" WHERE "projectId" = $1::uuid)
            + (SELECT count(*) FROM "User" WHERE "projectId" = $1::uuid AND ("deletedAt" IS NULL OR "displayName" IS NOT NULL)) AS "n"`,
      [uuid("Project", project.id)],
    );
    expect(Number(left[0]!.n)).toBe(0);
    await revokedLater(made);
    await expect.poll(() => dataKeys(app, project.id)).toEqual([]);
    expect(await sealed(app, project.id)).toEqual([]);
    expect(await apiStatus(app, other.token)).toBe(200);
    expect(await audited(app, key, "project.deleted", project.id)).toMatchObject([{ outcome: "ALLOWED" }]);
  });

  test("whose providers never answer is over after a day, too", async () => {
    const project = await ownProject(app);
    const made = await connected(app, { key: project.key, switches: DOWN });
    await mutate(app, key, "deleteProject", { id: project.id, confirm: true });
    expect(await dataKeys(app, project.id)).toEqual(["project"]);
    await later(DAY + 1);
    await expect.poll(() => dataKeys(app, project.id)).toEqual([]);
    expect(await sealed(app, project.id)).toEqual([]);
    expect(await apiStatus(app, made.token)).toBe(200);
  });

  test("destroys what somebody who was still at work has sealed for it since", async () => {
    const project = await ownProject(app);
    await mutate(app, key, "deleteProject", { id: project.id, confirm: true });
    const { database, vault } = app.services;

    const address = { projectId: uuid("Project", project.id), scope: "project", table: "RefreshAttempt", column: "answer" };
    const late = { ...address, id: uuid("Project", project.id), generation: 1 };
    await database.transact((tx) => vault.seal(tx, late, new Secret("late")));
    expect(await sealed(app, project.id)).toEqual(["RefreshAttempt.answer"]);
    await wake(app, "destroy-keys");
    await expect.poll(() => sealed(app, project.id)).toEqual([]);
    expect(await dataKeys(app, project.id)).toEqual([]);
  });
});
