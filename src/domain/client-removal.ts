import type { Tx } from "../db/database.ts";
import type { AuthConfig, ClientRegistration } from "../db/generated/client.ts";
import { announce } from "../events/announce.ts";
import { newId } from "../lib/ids.ts";
import { Secret } from "../lib/secret.ts";
import { oauth2 } from "../schemes/index.ts";
import type { Deregistration, RegisteredClient } from "../schemes/oauth2/index.ts";
import type { Fetch } from "../schemes/oauth2/types.ts";
import { announceEmptied, nextAttempt } from "./attempt-revocation.ts";
import { moorline, recordAuditAs } from "./audit.ts";
import type { Services } from "./services.ts";

/** Design section 4: at the providers for at most a day. */
const DEADLINE_MS = 86_400_000;
/** Longer than an attempt can take. */
const LEASE_SECONDS = 60;
const CALL_MS = 15_000;
const BATCH = 20;

/** What removes the client again, sealed beside its config. A provider that offers no way has nothing to be kept. */
export async function keepRegistration(
  tx: Tx,
  services: Services,
  { projectId, id: authConfigId, clientId }: AuthConfig,
  { management }: Pick<RegisteredClient, "management">,
): Promise<void> {
  if (!management || !clientId) return;
  const data = { id: newId(), projectId, authConfigId, clientId, createdAt: tx.now };
  const row = await tx.clientRegistration.create({ data });
  const { url, token } = management;
  await services.vault.seal(tx, managementAddress(row), new Secret(JSON.stringify({ url, token: token.reveal() })));
}

function managementAddress({ id, projectId }: ClientRegistration) {
  return { projectId, scope: "project", table: "ClientRegistration", id, column: "management", generation: 1 };
}

/**
 * After what has changed or ended some configs: a client that was registered for one of them, and that neither it nor another config uses
 * any more, is handed over to the job. One that another uses goes on with that one.
 */
export async function removeUnneededClients(
  tx: Tx,
  configs: Pick<AuthConfig, "projectId" | "id" | "connectorSlug">[],
): Promise<void> {
  for (const { projectId, id: authConfigId, connectorSlug } of configs) {
    for (const row of await tx.clientRegistration.findMany({ where: { projectId, authConfigId, nextAttemptAt: null } })) {
      const { clientId } = row;
      const users = await tx.authConfig.findMany({
        where: { projectId, connectorSlug, deletedAt: null, OR: [{ clientId }, { retainedClients: { some: { clientId } } }] },
        select: { id: true },
      });
      if (users.some(({ id }) => id === authConfigId)) continue;
      const [heir] = users;
      if (heir) await tx.clientRegistration.update({ where: { id: row.id }, data: { authConfigId: heir.id } });
      else await queueRemoval(tx, { id: row.id });
    }
  }
}

/** Every one of a project that is deleted. */
export function removeClientsOf(tx: Tx, projectId: string): Promise<void> {
  return queueRemoval(tx, { projectId, nextAttemptAt: null });
}

async function queueRemoval(tx: Tx, where: { id: string } | { projectId: string; nextAttemptAt: null }): Promise<void> {
  const deadline = new Date(tx.now.getTime() + DEADLINE_MS);
  const { count } = await tx.clientRegistration.updateMany({ where, data: { nextAttemptAt: tx.now, deadline } });
  if (count > 0) await announce(tx, "job:deregister-clients");
}

/** In SQL, of `d`: whatever the client has obtained is ended first, for which the provider wants to see it; at the deadline it goes anyway. */
export const REMOVAL_DUE = `d."nextAttemptAt" <= (SELECT moorline_now()) AND (d."deadline" <= (SELECT moorline_now()) OR NOT EXISTS (
        SELECT 1 FROM "Revocation" r
        LEFT JOIN "Credential" c ON c."projectId" = r."projectId" AND c."id" = r."credentialId"
        LEFT JOIN "ConnectionRequest" q ON q."projectId" = r."projectId" AND q."id" = r."requestId"
        WHERE r."projectId" = d."projectId" AND r."status" = 'PENDING' AND d."authConfigId" IN (c."authConfigId", q."authConfigId")))`;

const CLAIM = `
  UPDATE "ClientRegistration" SET "leaseUntil" = (SELECT moorline_now()) + interval '${LEASE_SECONDS} seconds', "attempts" = "attempts" + 1
  WHERE "id" IN (
    SELECT d."id" FROM "ClientRegistration" d
    WHERE ${REMOVAL_DUE} AND (d."leaseUntil" IS NULL OR d."leaseUntil" <= (SELECT moorline_now()))
    ORDER BY d."nextAttemptAt" LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)
  RETURNING *`;

/** Asks the providers for what is due. Safe to run anywhere, any number of times: the lease of each decides. */
export async function removeDue(services: Services, signal: AbortSignal): Promise<void> {
  for (let count = BATCH; count === BATCH && !signal.aborted; ) {
    const due = await services.database.query<ClientRegistration>("registrations_due", CLAIM, []);
    await Promise.all(due.map((row) => attemptOrLog(services, row, signal)));
    count = due.length;
  }
}

/** One that fails for a reason of ours keeps nobody waiting: it is due again when its lease is over. */
async function attemptOrLog(services: Services, row: ClientRegistration, signal: AbortSignal): Promise<void> {
  try {
    await attempt(services, row, signal);
  } catch (error) {
    services.log.error({ err: error, clientRegistrationId: row.id }, "the removal of a client failed and will be tried again");
  }
}

async function attempt(services: Services, row: ClientRegistration, signal: AbortSignal): Promise<void> {
  const sealed = await services.vault.open(services.database, managementAddress(row));
  const { url, token } = JSON.parse(sealed?.reveal() ?? "{}") as { url?: string; token?: string };
  const management = url && token ? { url, token: new Secret(token) } : null;
  const fetch: Fetch = (to, init) => services.egress.fetch(to, { ...init, signal });
  const said = await oauth2.deregisterClient({ management }, { fetch, timeoutMs: CALL_MS });
  // Nothing was learnt: whoever starts next begins where this left off.
  if (signal.aborted && said.status === null) return release(services, row);
  await settle(services, row, said);
}

async function release({ database }: Services, { id, attempts }: ClientRegistration): Promise<void> {
  await database.prisma.clientRegistration.updateMany({ where: { id, attempts }, data: { leaseUntil: null } });
}

/** Nothing of it stays but the word in the audit log, once there is nothing left to try. */
async function settle(services: Services, row: ClientRegistration, said: Deregistration): Promise<void> {
  const { projectId, id, attempts, authConfigId, clientId } = row;
  const deadline = row.deadline!;
  const mine = { id, projectId, attempts };
  await services.database.transact(async (tx) => {
    if (said.retryable && deadline > tx.now) {
      const nextAttemptAt = nextAttempt(tx, { attempts, deadline }, said.retryAfterSeconds);
      await tx.clientRegistration.updateMany({ where: mine, data: { leaseUntil: null, nextAttemptAt } });
      return;
    }
    const { count } = await tx.clientRegistration.deleteMany({ where: mine });
    if (count !== 1) return;
    await services.vault.destroy(tx, { projectId, table: "ClientRegistration", id });
    await announceEmptied(tx, projectId);
    await recordAuditAs(tx, moorline(projectId), {
      action: "auth_config.client_removed",
      outcome: said.removed ? "ALLOWED" : "FAILED",
      targetType: "AuthConfig",
      targetId: authConfigId,
      details: { clientId, providerStatus: said.status },
    });
  });
}
