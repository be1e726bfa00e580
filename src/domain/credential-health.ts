import type { Prisma, Tx } from "../db/database.ts";
import { type AuditActor, type AuditEntry, moorline, recordAuditAs, recordAuditsAs } from "./audit.ts";
import { transition } from "./connection-request.ts";
import { credentialStatus, RAN_OUT } from "./credential.ts";
import { recordCredentialEvent } from "./credential-event.ts";
import type { Services } from "./services.ts";

/** What a credential says whose grant a change of its config has cut off (FailureCode CONFIG_CHANGED). */
export const CONFIG_CHANGED =
  "CONFIG_CHANGED: the auth config was changed so that this grant can no longer be used. The user must connect again.";

/** Live credentials become INVALID, with the reason, in their history and announced. Their tokens stay sealed and go nowhere. */
export async function invalidateCredentials(
  tx: Tx,
  by: AuditActor,
  where: Prisma.CredentialWhereInput,
  reason: string,
): Promise<number> {
  const { projectId } = by;
  // One that is INVALID already keeps its reason, but for the one that says that its secrets must not leave at all.
  const known: Prisma.CredentialWhereInput =
    reason === CONFIG_CHANGED ? { health: "INVALID", healthReason: reason } : { health: "INVALID" };
  const rows = await tx.credential.findMany({
    where: { AND: [{ projectId, deletedAt: null, health: { not: "REVOKED" } }, { NOT: known }, where] },
  });
  const ids: string[] = [];
  for (const before of rows) {
    const [row] = await tx.credential.updateManyAndReturn({
      // Somebody may have ended it since it was read, which is final.
      where: { projectId, id: before.id, deletedAt: null, health: { not: "REVOKED" } },
      data: { health: "INVALID", healthReason: reason, version: { increment: 1 }, updatedAt: tx.now },
    });
    if (!row) continue;
    const event = { kind: "STATUS_CHANGED" as const, status: credentialStatus(row, tx.now), message: reason };
    await recordCredentialEvent(tx, row, event, { kind: "UPDATED", statusBefore: credentialStatus(before, tx.now) });
    ids.push(row.id);
  }
  const entry = { action: "credential.invalidated", targetType: "Credential" as const, details: { reason } };
  await recordAuditsAs(
    tx,
    by,
    ids.map((targetId) => ({ ...entry, targetId })),
  );
  return ids.length;
}

/**
 * Writes down that an access token ran out and can't be renewed, which everybody who reads the credential has been told since that moment:
 * once, in its history, announced, to the webhooks. One that is switched off says so still.
 */
export function expireCredential(services: Services, { projectId, id }: { projectId: string; id: string }): Promise<void> {
  return services.database.transact(async (tx) => {
    const [row] = await tx.credential.updateManyAndReturn({
      where: { projectId, id, health: "ACTIVE", canRefresh: false, accessTokenExpiresAt: { lte: tx.now }, deletedAt: null },
      data: { health: "EXPIRED", version: { increment: 1 }, updatedAt: tx.now },
    });
    if (!row) return;
    const status = credentialStatus(row, tx.now);
    const statusBefore = row.enabled ? "ACTIVE" : "DISABLED";
    const event = { kind: "STATUS_CHANGED" as const, status, message: RAN_OUT };
    await recordCredentialEvent(tx, row, event, { kind: "UPDATED", statusBefore });
    await recordAuditAs(tx, moorline(projectId), { action: "credential.expired", targetType: "Credential", targetId: id });
  });
}

/** A user who is at the provider right now went there for a client or an address that is no more: the code must not be taken to another. */
export async function failFlows(tx: Tx, by: AuditActor, authConfigId: string | { in: string[] }): Promise<void> {
  const rows = await tx.connectionRequest.findMany({
    where: { projectId: by.projectId, authConfigId, status: { in: ["AUTHORIZING", "VERIFYING"] }, expiresAt: { gt: tx.now } },
    select: { projectId: true, id: true },
  });
  const failure = {
    code: "CONFIG_CHANGED" as const,
    message: "The connection's settings were changed while you were signing in.",
    remedy: "Start again.",
    retryable: true,
  };
  const failed: AuditEntry[] = [];
  for (const { projectId, id } of rows) {
    if (!(await transition(tx, { projectId, id }, ["AUTHORIZING", "VERIFYING"], "FAILED", { failure }))) continue;
    const details = { code: failure.code };
    failed.push({
      action: "connection_request.failed",
      outcome: "FAILED",
      targetType: "ConnectionRequest",
      targetId: id,
      details,
    });
  }
  await recordAuditsAs(tx, by, failed);
}
