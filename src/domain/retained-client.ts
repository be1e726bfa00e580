import type { Tx } from "../db/database.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { newId } from "../lib/ids.ts";
import { configSecret, retainedSecret } from "./oauth-client.ts";
import type { Services } from "./services.ts";

/** Keeps a config's present client, sealed, for the grants that it obtained. The operator's app needs no keeping. */
export async function retainClient(services: Services, tx: Tx, row: AuthConfig): Promise<void> {
  if (!row.ownApp || !row.clientId || !(await hasGrants(tx, row))) return;
  const { projectId, id: authConfigId, clientId, hasClientSecret } = row;
  const secret = hasClientSecret ? await services.vault.open(tx, configSecret(row)) : null;
  const retained = await tx.retainedClient.upsert({
    where: { projectId_authConfigId_clientId: { projectId, authConfigId, clientId } },
    create: { id: newId(), projectId, authConfigId, clientId, hasClientSecret, createdAt: tx.now },
    update: { hasClientSecret, secretGeneration: { increment: 1 } },
  });
  await services.vault.destroy(tx, { projectId, table: "RetainedClient", id: retained.id });
  if (secret) await services.vault.seal(tx, retainedSecret(retained), secret);
}

async function hasGrants(tx: Tx, { projectId, id, clientId }: AuthConfig): Promise<boolean> {
  const where = {
    projectId,
    authConfigId: id,
    deletedAt: null,
    health: { not: "REVOKED" },
    grant: { is: { clientId: clientId ?? "" } },
  };
  return (await tx.credential.findFirst({ where, select: { id: true } })) !== null;
}

/** Forgets every client that a config has left behind. */
export async function destroyRetained(services: Services, tx: Tx, row: Pick<AuthConfig, "id" | "projectId">): Promise<void> {
  const where = { projectId: row.projectId, authConfigId: row.id };
  const retained = await tx.retainedClient.findMany({ where, select: { id: true } });
  for (const { id } of retained) await services.vault.destroy(tx, { projectId: row.projectId, table: "RetainedClient", id });
  await tx.retainedClient.deleteMany({ where });
}

/** Clients that a config has left behind go with the grants they serve to the config that takes those over. */
export async function moveRetained(services: Services, tx: Tx, from: AuthConfig, to: AuthConfig): Promise<void> {
  const { projectId } = from;
  const there = await tx.retainedClient.findMany({ where: { projectId, authConfigId: to.id }, select: { clientId: true } });
  await tx.retainedClient.updateMany({
    where: { projectId, authConfigId: from.id, clientId: { notIn: there.map((row) => row.clientId) } },
    data: { authConfigId: to.id },
  });
  await destroyRetained(services, tx, from);
}
