import { randomUUID } from "node:crypto";
import type { Prisma, Tx } from "../db/database.ts";
import type { AuthConfig, Credential, Grant } from "../db/generated/client.ts";
import type { Failure } from "../lib/failure.ts";
import { newId } from "../lib/ids.ts";
import type { Secret } from "../lib/secret.ts";
import { OAuthFailure } from "../schemes/oauth2/failures.ts";
import type { TokenSet } from "../schemes/oauth2/types.ts";
import { recordAuditAs } from "./audit.ts";
import { recordCredentialEvent } from "./credential-event.ts";
import { expiryOf, type StoredTokens, sealTokens, storedTokens } from "./credential-tokens.ts";
import { accuseConfig, acquitConfig } from "./fail-request.ts";
import { clientIdOf } from "./oauth-client.ts";
import type { Services } from "./services.ts";

const LEASE_SECONDS = 30;

export interface Lease {
  owner: string;
  generation: number;
  attemptId: string;
}

type Refreshing = Credential & { grant: Grant; authConfig: AuthConfig };

/** One conditional UPDATE by the database's clock decides who refreshes, and the attempt is on record before the request leaves. */
export async function claimLease(services: Services, { projectId, id }: Credential, generation: number): Promise<Lease | null> {
  const lease = { owner: randomUUID(), generation, attemptId: newId() };
  return services.database.transact(async (tx) => {
    const { count } = await tx.grant.updateMany({
      where: { projectId, credentialId: id, generation, OR: [{ leaseUntil: null }, { leaseUntil: { lte: tx.now } }] },
      data: { leaseOwner: lease.owner, leaseUntil: new Date(tx.now.getTime() + LEASE_SECONDS * 1000), updatedAt: tx.now },
    });
    if (count !== 1) return null;
    await tx.refreshAttempt.create({
      data: { id: lease.attemptId, projectId, credentialId: id, generation, leaseOwner: lease.owner, startedAt: tx.now },
      select: { id: true },
    });
    return lease;
  });
}

/** The provider's answer as it came, safe before anything parses it: a rotated refresh token exists nowhere else. */
export function sealAnswer(services: Services, credential: Credential, lease: Lease, body: Secret): Promise<void> {
  return services.database.transact((tx) =>
    services.vault.seal(
      tx,
      {
        projectId: credential.projectId,
        scope: credential.userId ?? "project",
        table: "RefreshAttempt",
        id: lease.attemptId,
        column: "answer",
        generation: lease.generation,
      },
      body,
    ),
  );
}

/**
 * Writes the new tokens only if lease and generation still hold; a re-authorization that came in between is newer and stays. REVOKED:
 * the credential was ended in the meantime, and the new tokens with it.
 */
export async function storeRefreshed(
  services: Services,
  before: Refreshing,
  lease: Lease,
  tokens: TokenSet,
  old: StoredTokens,
): Promise<"STORED" | "SUPERSEDED" | "REVOKED"> {
  return services.database.transact(async (tx) => {
    const generation = lease.generation + 1;
    const held = await release(tx, before, lease, { generation });
    const alive = { id: before.id, projectId: before.projectId, deletedAt: null, health: { not: "REVOKED" } };
    const isAlive = held
      ? (await tx.credential.updateMany({ where: alive, data: renewedFields(tx, before, tokens) })).count === 1
      : (await tx.credential.count({ where: alive })) === 1;
    const outcome = isAlive ? (held ? "STORED" : "SUPERSEDED") : "REVOKED";
    await finishAttempt(tx, services, before, lease, outcome === "STORED" ? "SUCCEEDED" : outcome);
    if (outcome !== "STORED") return outcome;
    await sealTokens(tx, services, before, generation, storedTokens(tokens, old));
    if (isPresentClient(services, before)) await acquitConfig(tx, { projectId: before.projectId, id: before.authConfigId });
    await audit(tx, before, "credential.refreshed");
    const change = { kind: "UPDATED" as const, statusBefore: before.health };
    await recordCredentialEvent(
      tx,
      before,
      { kind: "REFRESHED", status: "ACTIVE", message: "The access token was renewed." },
      change,
    );
    if (before.grantedScopes.join(" ") !== tokens.grantedScopes.join(" ")) {
      const message = `The provider now grants: ${tokens.grantedScopes.join(", ") || "nothing"}.`;
      await recordCredentialEvent(tx, before, { kind: "SCOPES_CHANGED", status: "ACTIVE", message }, change);
    }
    return outcome;
  });
}

function renewedFields(tx: Tx, before: Refreshing, tokens: TokenSet) {
  return {
    accessTokenExpiresAt: expiryOf(tx, tokens),
    tokenType: tokens.tokenType,
    grantedScopes: tokens.grantedScopes,
    parameters: { ...(before.parameters as Record<string, string>), ...tokens.discovered },
    lastRefreshedAt: tx.now,
    version: { increment: 1 },
    updatedAt: tx.now,
  };
}

/** A client that the config has left behind tells nothing about the one it has now. */
function isPresentClient(services: Services, { authConfig, grant }: Refreshing): boolean {
  return clientIdOf(services, authConfig) === grant.clientId;
}

/**
 * `invalid_grant` ends the credential at once; `invalid_client` accuses the auth config and leaves the users alone; anything else
 * may pass, and is told truthfully.
 */
export async function storeFailure(services: Services, before: Refreshing, lease: Lease, error: Failure): Promise<void> {
  const { details } = error;
  const lost = error instanceof OAuthFailure && error.responseLost;
  const dead = details.code === "INVALID_GRANT" || details.code === "CONFIG_CHANGED";
  await services.database.transact(async (tx) => {
    const held = await release(tx, before, lease, {});
    await finishAttempt(tx, services, before, lease, dead ? "REFUSED" : lost ? "RESPONSE_LOST" : "TRANSIENT");
    if (!held) return;
    if (isPresentClient(services, before))
      await accuseConfig(tx, { projectId: before.projectId, id: before.authConfigId }, details);
    const reason = { health: "INVALID", healthReason: `${details.message} ${details.remedy}`, version: { increment: 1 } };
    const { count } = await tx.credential.updateMany({
      where: { id: before.id, projectId: before.projectId, deletedAt: null, health: { not: "REVOKED" } },
      data: { ...(dead && reason), updatedAt: tx.now },
    });
    if (count !== 1) return;
    if (dead)
      await audit(tx, before, "credential.invalidated", { code: details.code, providerCode: details.providerCode ?? null });
    const event = {
      kind: "REFRESH_FAILED" as const,
      status: dead ? "INVALID" : before.health,
      message: lost ? `${details.message} The provider may have renewed the token without our hearing of it.` : details.message,
      providerCode: details.providerCode ?? null,
    };
    await recordCredentialEvent(tx, before, event, { kind: "UPDATED", statusBefore: before.health });
  });
}

/** By Moorline itself: of those who needed the token one caused it, and who wanted it for its own sake has an event of their own. */
function audit(tx: Tx, { projectId, id }: Credential, action: string, details: Prisma.InputJsonObject = {}): Promise<void> {
  const actor = { projectId, actorType: null, actorId: null, actorLabel: "Moorline", ip: null };
  return recordAuditAs(tx, actor, { action, targetType: "Credential", targetId: id, details });
}

/** False where the lease was lost to somebody else, or the grant has moved on. */
async function release(tx: Tx, { projectId, id }: Credential, lease: Lease, data: { generation?: number }): Promise<boolean> {
  const { count } = await tx.grant.updateMany({
    where: { projectId, credentialId: id, generation: lease.generation, leaseOwner: lease.owner },
    data: { ...data, leaseOwner: null, leaseUntil: null, updatedAt: tx.now },
  });
  return count === 1;
}

async function finishAttempt(
  tx: Tx,
  services: Services,
  { projectId }: Credential,
  lease: Lease,
  outcome: string,
): Promise<void> {
  await tx.refreshAttempt.update({ where: { id: lease.attemptId }, data: { outcome, finishedAt: tx.now }, select: { id: true } });
  // What could not be stored, because its answer made no sense, stays sealed for whoever repairs the connector.
  if (["SUCCEEDED", "REFUSED", "REVOKED"].includes(outcome))
    await services.vault.destroy(tx, { projectId, table: "RefreshAttempt", id: lease.attemptId });
}
