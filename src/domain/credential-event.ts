import type { Tx } from "../db/database.ts";
import type { Credential } from "../db/generated/client.ts";
import { announce } from "../events/announce.ts";
import { newId } from "../lib/ids.ts";

/** `enum CredentialEventKind` of the public schema. */
export type CredentialEventKind =
  | "CONNECTED"
  | "REAUTHORIZED"
  | "REFRESHED"
  | "REFRESH_FAILED"
  | "TESTED"
  | "USED"
  | "REVEALED"
  | "SCOPES_CHANGED"
  | "STATUS_CHANGED"
  | "UPDATED"
  | "REVOKED";

export interface NewCredentialEvent {
  kind: CredentialEventKind;
  status: string;
  message: string;
  providerCode?: string | null;
}

/**
 * Appends to a credential's history under its next sequence and, for what changes the credential, to the project's stream of changes,
 * which it announces. Returns the credential as it is then. Uses and reveals change nothing that a subscriber shows: `change` null.
 */
export async function recordCredentialEvent(
  tx: Tx,
  credential: { projectId: string; id: string },
  event: NewCredentialEvent,
  change: { kind: "CREATED" | "UPDATED" | "DELETED"; statusBefore: string | null } | null,
): Promise<Credential> {
  const { projectId, id: credentialId } = credential;
  const row = await tx.credential.update({ where: { id: credentialId, projectId }, data: { sequence: { increment: 1 } } });
  await tx.credentialEvent.create({
    data: { projectId, credentialId, sequence: row.sequence, at: tx.now, ...event },
    select: { sequence: true },
  });
  if (change) {
    await tx.credentialChange.create({
      data: { id: newId(), projectId, credentialId, ...change, at: tx.now },
      select: { id: true },
    });
    await announce(tx, `credentials:${projectId}:${credentialId}`);
  }
  return row;
}
