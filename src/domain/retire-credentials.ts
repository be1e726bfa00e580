import type { Prisma, Tx } from "../db/database.ts";
import type { Credential } from "../db/generated/client.ts";
import { recordAudits } from "./audit.ts";
import { cancelOpenRequests } from "./connection-request.ts";
import { credentialStatus, requestsOf } from "./credential.ts";
import { recordCredentialEvents } from "./credential-event.ts";
import type { StoredTokens } from "./credential-tokens.ts";
import { type Queued, queueRevocations, type Subject } from "./revocation.ts";
import { type Unwanted, unwantedOf } from "./revocation-parcel.ts";
import type { Context, Services } from "./services.ts";

const BATCH = 500;

/** For the transaction of a deletion, which may have to do with every credential of a project. */
export const DELETION = { timeoutMs: 900_000 };

/**
 * Hides credentials at once with everything that hangs on them: open requests end, their secrets are destroyed, and their tokens handed
 * over to be ended at the provider.
 */
export async function retireCredentials(tx: Tx, ctx: Context, where: Prisma.CredentialWhereInput): Promise<number> {
  const before = await retireAll(tx, ctx, where);
  await cancelOpenRequests(tx, ctx, { projectId: ctx.caller.projectId, ...requestsOf(where) });
  // Credentials first and their requests then, as a flow that ends does it, so that nobody waits for the other: and once more what such a
  // flow has brought in between.
  return before + (await retireAll(tx, ctx, where));
}

async function retireAll(tx: Tx, ctx: Context, where: Prisma.CredentialWhereInput): Promise<number> {
  const { projectId } = ctx.caller;
  for (let count = 0; ; ) {
    const rows = await tx.credential.findMany({ where: { AND: [{ projectId, deletedAt: null }, where] }, take: BATCH });
    await retire(tx, ctx, rows);
    count += rows.length;
    if (rows.length < BATCH) return count;
  }
}

async function retire(tx: Tx, ctx: Context, rows: Credential[]): Promise<void> {
  if (rows.length === 0) return;
  const { services } = ctx;
  const { projectId } = ctx.caller;
  const ids = rows.map(({ id }) => id);
  // The grants first, as whoever refreshes or re-authorizes does.
  await tx.grant.updateMany({ where: { projectId, credentialId: { in: ids } }, data: { refreshAt: null } });
  await tx.credential.updateMany({
    where: { projectId, id: { in: ids } },
    data: { deletedAt: tx.now, health: "REVOKED", healthReason: "It was deleted.", canRefresh: false, updatedAt: tx.now },
  });
  const ended = await takeSecrets(tx, services, projectId, ids);
  const queued = await queueRevocations(tx, services, projectId, ended);
  const outcomes = new Map(ended.map(({ subject }, index) => [subject.credentialId, queued[index]!]));
  const event = { kind: "REVOKED" as const, status: "REVOKED", message: "Deleted." };
  const told = rows.map((row) => {
    const change = { kind: "DELETED" as const, statusBefore: credentialStatus(row, tx.now) };
    return [row.id, { event, change }] as const;
  });
  await recordCredentialEvents(tx, projectId, new Map(told));
  const entries = ids.map((targetId) => ({
    action: "credential.deleted",
    targetType: "Credential" as const,
    targetId,
    details: detailsOf(outcomes.get(targetId)),
  }));
  await recordAudits(tx, ctx, entries);
}

/** What will become of the tokens, as far as it is known: there is no history any more that would tell. */
function detailsOf(queued: Queued | undefined): Prisma.InputJsonObject {
  return queued ? { tokens: queued.outcomes.map(({ kind, outcome }) => ({ kind, outcome })) } : {};
}

/** Takes the secrets of ended credentials out of the vault; those that are tokens are returned with what it takes to end them elsewhere. */
export async function takeSecrets(
  tx: Tx,
  services: Services,
  projectId: string,
  ids: string[],
): Promise<{ subject: Subject & { credentialId: string }; unwanted: Unwanted }[]> {
  const where = { projectId, id: { in: ids } };
  const rows = await tx.credential.findMany({ where, include: { grant: true, authConfig: true } });
  const granted = rows.flatMap(({ grant, ...row }) => (grant ? [{ ...row, grant }] : []));
  const address = { projectId, table: "Credential" };
  const open = (column: "tokens" | "fields", generations: [string, number][]) =>
    services.vault.openMany(tx, { ...address, column }, new Map(generations));
  const tokens = await open(
    "tokens",
    granted.map(({ id, grant }) => [id, grant.generation]),
  );
  const fields = await open(
    "fields",
    granted.map(({ id, secretGeneration }) => [id, secretGeneration]),
  );
  await services.vault.destroy(tx, { ...address, id: ids });
  await destroyAnswers(tx, services, projectId, ids);
  return granted.flatMap((row) => {
    const sealed = tokens.get(row.id);
    if (!sealed) return [];
    const typed = JSON.parse(fields.get(row.id)?.reveal() ?? "{}") as Record<string, unknown>;
    const unwanted = unwantedOf(row, JSON.parse(sealed.reveal()) as StoredTokens, typed);
    return [{ subject: { credentialId: row.id }, unwanted }];
  });
}

/** Answers of token endpoints that nobody could make sense of were kept for the sake of a credential that is no more. */
async function destroyAnswers(tx: Tx, services: Services, projectId: string, ids: string[]): Promise<void> {
  const attempts = await tx.refreshAttempt.findMany({
    where: { projectId, credentialId: { in: ids }, outcome: { notIn: ["SUCCEEDED", "REFUSED", "REVOKED"] } },
    select: { id: true },
  });
  if (attempts.length > 0) {
    await services.vault.destroy(tx, { projectId, table: "RefreshAttempt", id: attempts.map(({ id }) => id) });
  }
}
