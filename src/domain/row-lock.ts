import type { Tx } from "../db/database.ts";

/**
 * Holds the project's row until the transaction ends, so that of two that check and then write the same name the second sees the first.
 * Foreign keys to the project do not wait for it.
 */
export async function lockProject(tx: Tx, projectId: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM "Project" WHERE "id" = ${projectId}::uuid FOR NO KEY UPDATE`;
}

/** Holds a config's row: what is read next is what will be changed. */
export async function lockAuthConfig(tx: Tx, projectId: string, id: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM "AuthConfig" WHERE "projectId" = ${projectId}::uuid AND "id" = ${id}::uuid FOR NO KEY UPDATE`;
}

/** Holds whose account it will be, so that of two flows that bring the same account home at once the second finds the first one's credential. */
export async function lockOwner(
  tx: Tx,
  owner: { projectId: string; userId: string | null; authConfigId: string },
): Promise<void> {
  if (!owner.userId) return lockAuthConfig(tx, owner.projectId, owner.authConfigId);
  await tx.$queryRaw`SELECT 1 FROM "User" WHERE "projectId" = ${owner.projectId}::uuid AND "id" = ${owner.userId}::uuid FOR NO KEY UPDATE`;
}

/** Holds a connection request's row. */
export async function lockRequest(tx: Tx, projectId: string, id: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM "ConnectionRequest" WHERE "projectId" = ${projectId}::uuid AND "id" = ${id}::uuid FOR NO KEY UPDATE`;
}
