import type { Prisma, Tx } from "../db/database.ts";
import { transition } from "./connection-request.ts";
import { recordCredentialEvent } from "./credential-event.ts";

/** What a credential says whose grant a change of its config has cut off (FailureCode CONFIG_CHANGED). */
export const CONFIG_CHANGED =
  "CONFIG_CHANGED: the auth config was changed so that this grant can no longer be used. The user must connect again.";

/** Live credentials become INVALID, with the reason, in their history and announced. Their tokens stay sealed and go nowhere. */
export async function invalidateCredentials(
  tx: Tx,
  projectId: string,
  where: Prisma.CredentialWhereInput,
  reason: string,
): Promise<number> {
  const rows = await tx.credential.findMany({
    where: { AND: [{ projectId, deletedAt: null, health: { notIn: ["REVOKED", "INVALID"] } }, where] },
    select: { id: true, projectId: true, health: true },
  });
  for (const row of rows) {
    await tx.credential.update({
      where: { id: row.id },
      data: { health: "INVALID", healthReason: reason, version: { increment: 1 }, updatedAt: tx.now },
      select: { id: true },
    });
    const event = { kind: "STATUS_CHANGED" as const, status: "INVALID", message: reason };
    await recordCredentialEvent(tx, row, event, { kind: "UPDATED", statusBefore: row.health });
  }
  return rows.length;
}

/** A user who is at the provider right now went there for a client or an address that is no more: the code must not be taken to another. */
export async function failFlows(tx: Tx, where: { projectId: string; authConfigId: string | { in: string[] } }): Promise<void> {
  const rows = await tx.connectionRequest.findMany({
    where: { ...where, status: { in: ["AUTHORIZING", "VERIFYING"] }, expiresAt: { gt: tx.now } },
    select: { projectId: true, id: true },
  });
  const failure = {
    code: "CONFIG_CHANGED" as const,
    message: "The connection's settings were changed while you were signing in.",
    remedy: "Start again.",
    retryable: true,
  };
  for (const row of rows) await transition(tx, row, ["AUTHORIZING", "VERIFYING"], "FAILED", { failure });
}
