import { expect } from "vitest";
import { decodeId } from "../../src/lib/ids.ts";
import { ADMIN_KEY, type TestApp } from "./app.ts";
import { mutate } from "./entities.ts";
import { readCredential, refresh, reveal } from "./oauth.ts";
import type { StrictServer } from "./processes.ts";
import { connect, createConfig, createUser } from "./seed.ts";
import type { Mode } from "./strict-server.ts";

/** A connector to the strict server, and credentials there, each of a client of its own. */
export interface Grown {
  id: string;
  uuid: string;
  clientId: string;
  authConfigId: string;
}

const SLUG = "strict";

export async function createStrictConnector(app: TestApp, strict: StrictServer): Promise<void> {
  const oauth2 = {
    authorizationUrl: `${strict.url}/authorize`,
    tokenUrl: `${strict.url}/token`,
    scope: "all",
    tokenAuthMethod: "CLIENT_SECRET_POST",
  };
  const scheme = { oauth2 };
  const verification = { method: "GET", path: "/api/me" };
  const input = { slug: SLUG, name: "Strict", baseUrl: strict.url, scheme, verification };
  await mutate(app, ADMIN_KEY, "createConnector", input, "connector { id }");
}

/** `name` makes the client's id, and so the server's log, tell the one from the other. */
export async function grow(app: TestApp, mode: Mode, name: string, userId?: string): Promise<Grown> {
  const clientId = `${mode}--${name}`;
  const config = await createConfig(app, ADMIN_KEY, { connectorSlug: SLUG, clientId, clientSecret: "not-so-secret" });
  const { credential } = await connect(app, ADMIN_KEY, { authConfigId: config.id, userId });
  expect(credential?.status).toBe("ACTIVE");
  return { id: credential!.id, uuid: decodeId("Credential", credential!.id)!, clientId, authConfigId: config.id };
}

/** One more credential of the same client. */
export async function growAgain(app: TestApp, { clientId, authConfigId }: Grown): Promise<Grown> {
  const { credential } = await connect(app, ADMIN_KEY, { authConfigId });
  return { id: credential!.id, uuid: decodeId("Credential", credential!.id)!, clientId, authConfigId };
}

/** Several at once, of one user. */
export async function growAll(app: TestApp, names: { mode: Mode; name: string }[]): Promise<Grown[]> {
  const { id: userId } = await createUser(app, ADMIN_KEY);
  const grown: Grown[] = [];
  const left = [...names.entries()];
  async function work(): Promise<void> {
    for (let next = left.shift(); next; next = left.shift()) grown[next[0]] = await grow(app, next[1].mode, next[1].name, userId);
  }
  await Promise.all([work(), work(), work(), work()]);
  return grown;
}

/** What a caller gets who needs the access token now. */
export async function need(app: { url: string }, { id }: Grown) {
  return reveal(app as TestApp, ADMIN_KEY, { id });
}

export function attemptsOf(app: TestApp, { uuid }: Grown) {
  return app.services.database.prisma.refreshAttempt.findMany({
    where: { credentialId: uuid },
    orderBy: { startedAt: "asc" },
  });
}

/** Our rows against the server's log, which nothing of what happened to us can have touched. */
export async function expectTruthful(app: TestApp, strict: StrictServer, grown: Grown): Promise<void> {
  const log = strict.refreshes(grown.clientId);
  const attempts = await attemptsOf(app, grown);
  const grant = await app.services.database.prisma.grant.findUniqueOrThrow({ where: { credentialId: grown.uuid } });
  const outcomes = attempts.map(({ outcome }) => outcome);
  const stored = outcomes.filter((outcome) => outcome === "SUCCEEDED" || outcome === "LATE").length;
  const about = `${grown.clientId}: ${outcomes.join(", ")} against ${log.map(({ outcome }) => outcome).join(", ")}`;
  expect(grant.generation, about).toBe(1 + stored);
  expect(grant.leaseOwner, about).toBeNull();
  // Every request was on record before it left, and of none do we think that it is still out.
  expect(attempts.filter(({ outcome }) => outcome !== "NOT_SENT").length, about).toBeGreaterThanOrEqual(log.length);
  expect(outcomes, about).not.toContain("STARTED");
  expect(outcomes.filter((outcome) => outcome === "REFUSED").length, about).toBeLessThanOrEqual(
    log.filter(({ outcome }) => outcome === "invalid_grant").length,
  );
  expect(log.filter(({ outcome }) => outcome === "ok").length, about).toBeGreaterThanOrEqual(stored);
  await expectStatusIsTrue(app, strict, grown, about);
}

/** ACTIVE: its access token is taken and its refresh token works once more. INVALID: the provider takes neither. */
async function expectStatusIsTrue(app: TestApp, strict: StrictServer, grown: Grown, about: string): Promise<void> {
  const credential = await readCredential(app, ADMIN_KEY, grown.id);
  expect(credential?.history.nodes[0]?.status, about).toBe(credential?.status);
  const before = strict.refreshes(grown.clientId).length;
  if (credential?.status === "ACTIVE") {
    const revealed = (await need(app, grown)) as { revealed?: { accessToken: string } };
    expect(await strict.status(revealed.revealed?.accessToken ?? ""), about).toBe(200);
    expect(await refresh(app, ADMIN_KEY, grown.id), about).toMatchObject({ __typename: "RefreshCredentialPayload" });
    const since = strict.refreshes(grown.clientId).slice(before);
    expect(since.length, about).toBeGreaterThan(0);
    expect(
      since.map(({ outcome }) => outcome),
      about,
    ).toEqual(since.map(() => "ok"));
  } else {
    expect(await need(app, grown), about).toMatchObject({ __typename: "CredentialNotUsableError" });
    expect(strict.refreshes(grown.clientId).length, about).toBe(before);
  }
}
