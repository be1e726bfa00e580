import type { Database } from "../src/db/database.ts";
import type { Services } from "../src/domain/services.ts";
import { mintToken } from "../src/domain/tokens.ts";
import { encodeId, newId } from "../src/lib/ids.ts";
import { Secret } from "../src/lib/secret.ts";

export interface Seed {
  projectId: string;
  /** Public ids. */
  credentialIds: string[];
  userIds: string[];
}

const CONFIGS = 5;
/** Two of these and the JSON around them are about 600 bytes: what a provider's tokens usually come to. */
const TOKEN = "t".repeat(280);

type Stores = Pick<Services, "database" | "vault">;

/** Users with a connected account each, as rows: going through the flow a thousand times would take longer than the benchmark. */
export async function seedCredentials(
  { database, vault }: Stores,
  { projectId, count }: { projectId: string; count: number },
): Promise<Seed> {
  const configs = Array.from({ length: CONFIGS }, newId);
  const start = Date.now() - count * 1_000;
  const rows = Array.from({ length: count }, (_, index) => ({
    id: newId(),
    userId: newId(),
    authConfigId: configs[index % configs.length]!,
    createdAt: new Date(start + index * 1_000),
  }));
  await database.transact(async (tx) => {
    await tx.authConfig.createMany({
      data: configs.map((id, index) => configRow(projectId, id, `Config ${index}`)),
    });
    await tx.user.createMany({
      data: rows.map(({ userId, createdAt }, index) => ({
        id: userId,
        projectId,
        externalId: `user-${index}`,
        displayName: `User ${index}`,
        createdAt,
      })),
    });
    await tx.credential.createMany({
      data: rows.map(({ id, userId, authConfigId, createdAt }, index) => ({
        id,
        projectId,
        userId,
        authConfigId,
        connectorSlug: "github",
        schemeType: "OAUTH2",
        label: `Account ${index}`,
        accountId: String(10_000 + index),
        accountName: `Account ${index}`,
        accountEmail: `user-${index}@example.com`,
        requestedScopes: ["repo", "read:user"],
        grantedScopes: ["repo", "read:user"],
        tokenType: "bearer",
        createdAt,
        updatedAt: createdAt,
      })),
    });
    await tx.grant.createMany({
      data: rows.map(({ id }) => ({
        credentialId: id,
        projectId,
        clientId: "bench",
        tokenOrigin: "https://github.com",
        apiOrigin: "https://api.github.com",
      })),
    });
    const tokens = new Secret(JSON.stringify({ accessToken: TOKEN, refreshToken: TOKEN }));
    for (const { id, userId } of rows) {
      await vault.seal(tx, { projectId, scope: userId, table: "Credential", id, column: "tokens", generation: 1 }, tokens);
    }
  });
  await database.script("ANALYZE");
  return {
    projectId,
    credentialIds: rows.map(({ id }) => encodeId("Credential", id)),
    userIds: rows.map(({ userId }) => encodeId("User", userId)),
  };
}

function configRow(projectId: string, id: string, name: string) {
  const scheme = { connectorSlug: "github", schemeKey: "oauth2", schemeType: "OAUTH2" };
  return { id, projectId, name, ...scheme, ownApp: true, clientId: "bench" };
}

export interface Subscriber {
  /** UUID and public id of the connection request. */
  id: string;
  requestId: string;
  /** Of a session of the request's user. */
  token: string;
}

/** Open connection requests that last a day, each of a user of its own with a session. */
export async function seedSubscribers(
  database: Database,
  { projectId, count }: { projectId: string; count: number },
): Promise<Subscriber[]> {
  const authConfigId = newId();
  await database.prisma.authConfig.create({ data: configRow(projectId, authConfigId, "Subscriptions"), select: { id: true } });
  const expiresAt = new Date(Date.now() + 86_400_000);
  const rows = Array.from({ length: count }, () => ({ id: newId(), userId: newId(), session: mintToken("mls_") }));
  for (let at = 0; at < rows.length; at += 1_000) {
    const some = rows.slice(at, at + 1_000);
    await database.transact(async (tx) => {
      await tx.user.createMany({ data: some.map(({ userId }) => ({ id: userId, projectId, externalId: userId })) });
      await tx.userSession.createMany({
        data: some.map(({ userId, session }) => ({ id: newId(), projectId, userId, hash: session.hash, expiresAt })),
      });
      await tx.connectionRequest.createMany({
        data: some.map(({ id, userId }) => ({
          id,
          projectId,
          userId,
          kind: "CONNECT",
          authConfigId,
          connectorSlug: "github",
          flow: "AUTHORIZATION_CODE",
          display: "REDIRECT",
          expiresAt,
        })),
      });
      await tx.connectionEvent.createMany({
        data: some.map(({ id }) => ({ projectId, requestId: id, sequence: 1, status: "PENDING" })),
      });
    });
  }
  await database.script("ANALYZE");
  return rows.map(({ id, session }) => ({ id, requestId: encodeId("ConnectionRequest", id), token: session.token }));
}
