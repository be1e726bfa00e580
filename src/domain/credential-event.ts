import type { Tx } from "../db/database.ts";
import type { Credential } from "../db/generated/client.ts";
import { encodeId, newId } from "../lib/ids.ts";
import { announceEvents, type HistoryEvent } from "./webhook-outbox.ts";

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

export interface NewCredentialChange {
  kind: "CREATED" | "UPDATED" | "DELETED";
  statusBefore: string | null;
}

/**
 * Appends to a credential's history under its next sequence and, for what changes the credential, to the project's stream of changes
 * and to its webhooks, under the same sequence. Returns the credential as it is then. Uses and reveals change nothing that a subscriber
 * shows: `change` null.
 */
export async function recordCredentialEvent(
  tx: Tx,
  credential: { projectId: string; id: string },
  event: NewCredentialEvent,
  change: NewCredentialChange | null,
): Promise<Credential> {
  const { projectId, id: credentialId } = credential;
  const row = await tx.credential.update({ where: { id: credentialId, projectId }, data: { sequence: { increment: 1 } } });
  await tx.credentialEvent.create({
    data: { projectId, credentialId, sequence: row.sequence, at: tx.now, ...event },
    select: { sequence: true },
  });
  // Somebody may have deleted it while a test or a call was under way: then nobody is told of it any more.
  if (change && (row.deletedAt === null || change.kind === "DELETED")) {
    await tx.credentialChange.create({
      data: { id: newId(), projectId, credentialId, sequence: row.sequence, ...change, at: tx.now },
      select: { id: true },
    });
    await announceEvents(tx, "credential", [historyEvent(row, event, change)], [topicOf(row)]);
  }
  return row;
}

/** The same for many of one project, by id, in a few statements. */
export async function recordCredentialEvents(
  tx: Tx,
  projectId: string,
  events: ReadonlyMap<string, { event: NewCredentialEvent; change: NewCredentialChange }>,
): Promise<void> {
  if (events.size === 0) return;
  const rows = await tx.credential.updateManyAndReturn({
    where: { projectId, id: { in: [...events.keys()] } },
    data: { sequence: { increment: 1 } },
  });
  const noted = rows.map((row) => ({ row, ...events.get(row.id)! }));
  const common = ({ id, sequence }: Credential) => ({ projectId, credentialId: id, sequence, at: tx.now });
  await tx.credentialEvent.createMany({ data: noted.map(({ row, event }) => ({ ...common(row), ...event })) });
  await tx.credentialChange.createMany({ data: noted.map(({ row, change }) => ({ id: newId(), ...common(row), ...change })) });
  const told = noted.map(({ row, event, change }) => historyEvent(row, event, change));
  await announceEvents(tx, "credential", told, rows.map(topicOf));
}

function topicOf({ projectId, id }: Credential) {
  return `credentials:${projectId}:${id}` as const;
}

function historyEvent(row: Credential, event: NewCredentialEvent, change: NewCredentialChange): HistoryEvent {
  const { projectId, id, userId, sequence } = row;
  return {
    name: change.kind === "DELETED" ? change.kind : event.kind,
    projectId,
    subjectId: id,
    sequence,
    userId,
    data: {
      projectId: encodeId("Project", projectId),
      credentialId: encodeId("Credential", id),
      sequence,
      kind: event.kind,
      change: change.kind,
      status: event.status,
      connectorSlug: row.connectorSlug,
      authConfigId: encodeId("AuthConfig", row.authConfigId),
    },
  };
}
