import type { Tx } from "../db/database.ts";
import type { AuthConfig, ConnectionRequest, Credential, Prisma } from "../db/generated/client.ts";
import { Secret } from "../lib/secret.ts";
import { oauth2 } from "../schemes/index.ts";
import type { ProviderIdentity, TokenSet } from "../schemes/oauth2/types.ts";
import { type CredentialEventKind, recordCredentialEvent } from "./credential-event.ts";
import type { OAuthParty } from "./oauth-client.ts";
import type { Services } from "./services.ts";

/** What is sealed of a grant: one blob, so that an access token never stands beside another grant's refresh token. */
export interface StoredTokens {
  accessToken: string;
  refreshToken: string | null;
}

export interface NewGrant {
  request: ConnectionRequest;
  authConfig: AuthConfig;
  party: OAuthParty;
  tokens: TokenSet;
  account: ProviderIdentity | null;
}

export function tokensAddress(credential: { projectId: string; id: string; userId: string | null }, generation: number) {
  return {
    projectId: credential.projectId,
    scope: credential.userId ?? "project",
    table: "Credential",
    id: credential.id,
    column: "tokens",
    generation,
  };
}

export async function storeNewGrant(tx: Tx, services: Services, id: string, grant: NewGrant): Promise<Credential> {
  const { request, authConfig } = grant;
  await tx.credential.create({
    data: {
      id,
      projectId: request.projectId,
      userId: request.userId,
      authConfigId: authConfig.id,
      connectorSlug: authConfig.connectorSlug,
      schemeType: authConfig.schemeType,
      label: request.label,
      createdAt: tx.now,
      ...fieldsOf(tx, grant),
    },
    select: { id: true },
  });
  await tx.grant.create({
    data: {
      credentialId: id,
      projectId: request.projectId,
      generation: 1,
      ...originsOf(grant.party, grant.tokens),
      updatedAt: tx.now,
    },
  });
  await sealTokens(
    tx,
    services,
    { projectId: request.projectId, id, userId: request.userId },
    1,
    storedTokens(grant.tokens, null),
  );
  return recordCredentialEvent(tx, { projectId: request.projectId, id }, event("CONNECTED", grant), {
    kind: "CREATED",
    statusBefore: null,
  });
}

/** The same credential id gets the new tokens; whoever is refreshing the old ones finds another generation and lets go. */
export async function updateGrant(tx: Tx, services: Services, before: Credential, grant: NewGrant): Promise<Credential> {
  const { generation } = await tx.grant.update({
    where: { credentialId: before.id },
    data: {
      generation: { increment: 1 },
      leaseOwner: null,
      leaseUntil: null,
      ...originsOf(grant.party, grant.tokens),
      updatedAt: tx.now,
    },
  });
  await tx.credential.update({
    where: { id: before.id },
    data: {
      authConfigId: grant.authConfig.id,
      ...(grant.request.label !== null && { label: grant.request.label }),
      ...fieldsOf(tx, grant),
      version: { increment: 1 },
    },
    select: { id: true },
  });
  await sealTokens(tx, services, before, generation, storedTokens(grant.tokens, null));
  return recordCredentialEvent(tx, before, event("REAUTHORIZED", grant), { kind: "UPDATED", statusBefore: before.health });
}

export async function sealTokens(
  tx: Tx,
  services: Services,
  credential: { projectId: string; id: string; userId: string | null },
  generation: number,
  tokens: StoredTokens,
): Promise<void> {
  await services.vault.seal(tx, tokensAddress(credential, generation), new Secret(JSON.stringify(tokens)));
}

/** A provider that sends no new refresh token means the old one (RFC 6749 section 6). */
export function storedTokens(tokens: TokenSet, before: StoredTokens | null): StoredTokens {
  return {
    accessToken: tokens.accessToken.reveal(),
    refreshToken: tokens.refreshToken?.reveal() ?? before?.refreshToken ?? null,
  };
}

export function expiryOf(tx: Tx, tokens: TokenSet): Date | null {
  return tokens.expiresInSeconds === null ? null : new Date(tx.now.getTime() + tokens.expiresInSeconds * 1000);
}

function fieldsOf(tx: Tx, { request, tokens, account }: NewGrant) {
  return {
    health: "ACTIVE",
    healthReason: null,
    requestedScopes: request.requestedScopes,
    grantedScopes: tokens.grantedScopes,
    parameters: { ...(request.parameters as Prisma.InputJsonObject), ...tokens.discovered },
    tokenType: tokens.tokenType,
    accessTokenExpiresAt: expiryOf(tx, tokens),
    canRefresh: tokens.refreshToken !== null,
    ...(account && {
      accountId: account.id,
      accountName: account.name,
      accountEmail: account.email,
      accountAvatarUrl: account.avatarUrl,
    }),
    updatedAt: tx.now,
  };
}

/** A grant remembers where its tokens may go: a config that later names another origin does not get them sent there. */
function originsOf({ client, api }: OAuthParty, tokens: TokenSet) {
  const values = { ...client.values, ...tokens.discovered };
  const origins = oauth2.originsOf({ ...client, values }, api);
  return { clientId: client.clientId, tokenOrigin: origins.token, apiOrigin: origins.api };
}

function event(kind: CredentialEventKind, { account, tokens, request }: NewGrant) {
  const missing = request.requestedScopes.filter((scope) => !tokens.grantedScopes.includes(scope));
  const who = account?.name ?? account?.email ?? account?.id;
  const verb = kind === "CONNECTED" ? "Connected" : "Authorized again";
  const note = missing.length > 0 ? ` Not granted: ${missing.join(", ")}.` : "";
  return { kind, status: "ACTIVE", message: `${verb}${who ? ` as ${who}` : ""}.${note}` };
}
