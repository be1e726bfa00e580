import { z } from "zod";
import type { Prisma, Tx } from "../db/database.ts";
import type { Revocation } from "../db/generated/client.ts";
import { announce } from "../events/announce.ts";
import { newId } from "../lib/ids.ts";
import { count } from "../lib/metrics.ts";
import { Secret } from "../lib/secret.ts";
import { recordAuditAs } from "./audit.ts";
import { recordCredentialEvent } from "./credential-event.ts";
import { all, newShared, pack, parcelAddress, type RevokedToken, type Unwanted } from "./revocation-parcel.ts";
import type { Services } from "./services.ts";

/** Design section 4: at the providers for at most a day. */
const DEADLINE_MS = 86_400_000;
/** Longer than an attempt can take: four calls at most, each with the time limit that attempts have. */
export const LEASE_SECONDS = 90;

/** Whose tokens they were: a credential's, or those of a request that never became one. */
export type Subject = { credentialId: string } | { requestId: string };

export interface Queued {
  /** Null: there is nothing to ask the provider for, and `outcomes` are final. */
  id: string | null;
  outcomes: RevokedToken[];
}

/**
 * Hands tokens over to be ended at the provider: sealed with all that it takes, they outlive their credential, user and config, for at
 * most a day. The job does the rest, unless `held` says that the caller makes the first attempt itself (`attemptNow`).
 */
export async function queueRevocation(
  tx: Tx,
  services: Services,
  subject: Subject,
  unwanted: Unwanted,
  { held = false }: { held?: boolean } = {},
): Promise<Queued> {
  const { projectId } = unwanted.authConfig;
  const [queued] = await queueRevocations(tx, services, projectId, [{ subject, unwanted }], { held });
  // What the provider need not be asked for is known already.
  if (queued!.id === null) await tell(tx, { projectId, credentialId: null, requestId: null, ...subject }, queued!.outcomes);
  return queued!;
}

/** The same for many of one project, whose history nobody can read any more: what is decided at once is for the caller to note. */
export async function queueRevocations(
  tx: Tx,
  services: Services,
  projectId: string,
  ended: { subject: Subject; unwanted: Unwanted }[],
  { held = false }: { held?: boolean } = {},
): Promise<Queued[]> {
  const shared = newShared();
  const parcels = new Map<string, Secret>();
  const rows: Prisma.RevocationCreateManyInput[] = [];
  const queued: Queued[] = [];
  for (const { subject, unwanted } of ended) {
    const packed = await pack(tx, services, unwanted, shared);
    if (Array.isArray(packed)) {
      queued.push({ id: null, outcomes: packed });
      continue;
    }
    const id = newId();
    const outcomes = all(unwanted.tokens, "PENDING", null);
    parcels.set(id, new Secret(JSON.stringify(packed)));
    rows.push({
      id,
      projectId,
      ...subject,
      outcomes: outcomes as unknown as Prisma.InputJsonArray,
      attempts: held ? 1 : 0,
      nextAttemptAt: tx.now,
      leaseUntil: held ? new Date(tx.now.getTime() + LEASE_SECONDS * 1000) : null,
      deadline: new Date(tx.now.getTime() + DEADLINE_MS),
      createdAt: tx.now,
    });
    queued.push({ id, outcomes });
  }
  if (rows.length === 0) return queued;
  await tx.revocation.createMany({ data: rows });
  const { id: _id, ...column } = parcelAddress({ id: "", projectId });
  await services.vault.sealMany(tx, column, parcels);
  if (!held) await announce(tx, "job:revoke-tokens");
  return queued;
}

/** What the provider said, in the credential's history and in the audit log. */
export async function tell(
  tx: Tx,
  { projectId, credentialId, requestId }: Pick<Revocation, "projectId" | "credentialId" | "requestId">,
  outcomes: RevokedToken[],
): Promise<void> {
  const actor = { projectId, actorType: null, actorId: null, actorLabel: "Moorline", ip: null };
  const outcome = outcomes.some((token) => token.outcome === "FAILED") ? ("FAILED" as const) : ("ALLOWED" as const);
  const details = { tokens: outcomes.map((token) => ({ kind: token.kind, outcome: token.outcome })) };
  tx.afterCommit(() => {
    for (const token of outcomes) count("revocations", { outcome: token.outcome.toLowerCase() });
  });
  if (credentialId === null) {
    const action = "connection_request.tokens_revoked";
    return recordAuditAs(tx, actor, { action, outcome, targetType: "ConnectionRequest", targetId: requestId, details });
  }
  const credential = await tx.credential.findFirst({ where: { projectId, id: credentialId }, select: { deletedAt: true } });
  if (!credential) return;
  const event = { kind: "REVOKED" as const, status: "REVOKED", message: `At the provider: ${summary(outcomes)}.` };
  // Of a deleted credential nobody is told any more.
  const change = credential.deletedAt ? null : { kind: "UPDATED" as const, statusBefore: "REVOKED" };
  await recordCredentialEvent(tx, { projectId, id: credentialId }, event, change);
  if (outcomes.length === 0) return;
  const action = "credential.revoked_at_provider";
  await recordAuditAs(tx, actor, { action, outcome, targetType: "Credential", targetId: credentialId, details });
}

function summary(outcomes: RevokedToken[]): string {
  const said = outcomes.map(({ kind, outcome, message }) => {
    const why = outcome === "REVOKED" || !message ? "" : ` (${message})`;
    return `${kind}: ${outcome}${why}`;
  });
  return said.join(", ") || "no tokens to revoke; a key or password works there until it is changed there";
}

const stored = z.array(
  z.object({
    kind: z.enum(["refresh_token", "access_token"]),
    outcome: z.enum(["REVOKED", "PENDING", "UNSUPPORTED", "FAILED"]),
    message: z.string().nullable(),
  }),
);

export function outcomesOf(row: Pick<Revocation, "outcomes">): RevokedToken[] {
  return stored.parse(row.outcomes);
}
