import type { Tx } from "../db/database.ts";
import type { Credential } from "../db/generated/client.ts";
import { ConflictError } from "../lib/errors.ts";
import { attemptNow } from "./attempt-revocation.ts";
import { recordAudit } from "./audit.ts";
import { assertMay } from "./caller.ts";
import { cancelOpenRequests } from "./connection-request.ts";
import { credentialStatus, getCredential } from "./credential.ts";
import { recordCredentialEvent } from "./credential-event.ts";
import { takeSecrets } from "./retire-credentials.ts";
import { type Queued, queueRevocation, tell } from "./revocation.ts";
import type { RevokedToken } from "./revocation-parcel.ts";
import type { Context } from "./services.ts";

export type { RevokedToken } from "./revocation-parcel.ts";

/**
 * Ends a credential: here at once and for good, so that nothing uses it from this moment on, then at the provider where it has a way. The
 * provider is asked at once, and where it cannot be reached, for a day. The tokens are destroyed whatever it says; what it said of each
 * stands in the payload and in the history.
 */
export async function revokeCredential(
  ctx: Context,
  input: { id: string },
): Promise<{ credential: Credential; tokens: RevokedToken[] }> {
  assertMay(ctx, "CREDENTIAL_DELETE");
  const { services } = ctx;
  const before = await getCredential(ctx, input.id);
  const { projectId, id } = before;
  const queued = await services.database.transact((tx) => endHere(tx, ctx, before));
  const tokens = await attemptNow(services, projectId, queued);
  const credential = await services.database.prisma.credential.findUniqueOrThrow({ where: { projectId_id: { projectId, id } } });
  return { credential, tokens };
}

/** Takes the tokens out of the vault in the transaction that ends the credential: of two calls one has them. */
async function endHere(tx: Tx, ctx: Context, before: Credential): Promise<Queued> {
  const { projectId, id } = before;
  // The grant first, as whoever refreshes or re-authorizes does, so that nobody waits for the other.
  await tx.grant.updateMany({ where: { projectId, credentialId: id }, data: { refreshAt: null } });
  const { count } = await tx.credential.updateMany({
    where: { id, projectId, deletedAt: null, health: { not: "REVOKED" } },
    data: {
      health: "REVOKED",
      healthReason: "It was revoked, which is final. Connect the account anew.",
      canRefresh: false,
      version: { increment: 1 },
      updatedAt: tx.now,
    },
  });
  if (count !== 1) throw new ConflictError("CONFLICT", "This credential was revoked already, which is final.");
  await cancelOpenRequests(tx, ctx, { projectId, credentialId: id });
  await recordAudit(tx, ctx, { action: "credential.revoked", targetType: "Credential", targetId: id });
  const change = { kind: "UPDATED" as const, statusBefore: credentialStatus(before, tx.now) };
  await recordCredentialEvent(tx, before, { kind: "REVOKED", status: "REVOKED", message: "Revoked here." }, change);
  const [ended] = await takeSecrets(tx, ctx.services, projectId, [id]);
  if (ended) return queueRevocation(tx, ctx.services, ended.subject, ended.unwanted, { held: true });
  await tell(tx, { projectId, credentialId: id, requestId: null }, []);
  return { id: null, outcomes: [] };
}
