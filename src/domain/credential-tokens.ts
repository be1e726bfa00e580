import type { Tx } from "../db/database.ts";
import type { AuthConfig, ConnectionRequest, Credential, Prisma } from "../db/generated/client.ts";
import { Secret } from "../lib/secret.ts";
import type { TokenSet } from "../schemes/oauth2/types.ts";
import { credentialStatus } from "./credential.ts";
import { type CredentialEventKind, recordCredentialEvent } from "./credential-event.ts";
import type { GrantOrigins } from "./grant-origins.ts";
import type { ObtainedTokens } from "./obtain-tokens.ts";
import { refreshAheadAt } from "./refresh-schedule.ts";
import type { Services } from "./services.ts";

/** What is sealed of a grant: one blob, so that an access token never stands beside another grant's refresh token. */
export interface StoredTokens {
  accessToken: string;
  refreshToken: string | null;
  /** OAuth 1.0a (RFC 5849): what a call is signed with beside the client's secret. */
  tokenSecret?: string | null;
}

export interface NewGrant {
  request: ConnectionRequest;
  authConfig: AuthConfig;
  obtained: ObtainedTokens;
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
      ...grantOf(grant.obtained),
      ...renewalOf(tx, fieldsOf(tx, grant)),
      updatedAt: tx.now,
    },
  });
  await sealTokens(
    tx,
    services,
    { projectId: request.projectId, id, userId: request.userId },
    1,
    storedTokens(grant.obtained.tokens, null),
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
      ...grantOf(grant.obtained),
      ...renewalOf(tx, fieldsOf(tx, grant)),
      updatedAt: tx.now,
    },
  });
  const row = await tx.credential.update({
    where: { id: before.id },
    data: {
      authConfigId: grant.authConfig.id,
      ...(grant.request.label !== null && { label: grant.request.label }),
      ...fieldsOf(tx, grant),
      version: { increment: 1 },
    },
  });
  await sealTokens(tx, services, before, generation, storedTokens(grant.obtained.tokens, null));
  // One that is switched off stays so, whatever its tokens.
  const told = { ...event("REAUTHORIZED", grant), status: credentialStatus(row, tx.now) };
  return recordCredentialEvent(tx, row, told, { kind: "UPDATED", statusBefore: credentialStatus(before, tx.now) });
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
    ...(tokens.tokenSecret && { tokenSecret: tokens.tokenSecret.reveal() }),
  };
}

export function expiryOf(tx: Tx, tokens: TokenSet): Date | null {
  return expiryAfter(tx.now, tokens);
}

/** A century: what is given for longer, is given for good. */
const LONGEST_SECONDS = 100 * 365 * 86_400;

export function expiryAfter(issuedAt: Date, { expiresInSeconds }: Pick<TokenSet, "expiresInSeconds">): Date | null {
  if (expiresInSeconds === null || expiresInSeconds > LONGEST_SECONDS) return null;
  return new Date(issuedAt.getTime() + expiresInSeconds * 1000);
}

/** What a grant is given with every new set of tokens: when they are to be renewed, and a clean record. */
export function renewalOf(tx: Tx, tokens: Pick<Credential, "accessTokenExpiresAt" | "canRefresh">) {
  return { refreshAt: refreshAheadAt(tx.now, tokens.accessTokenExpiresAt, tokens.canRefresh), failures: 0, notBefore: null };
}

function fieldsOf(tx: Tx, { request, obtained }: NewGrant) {
  const { tokens, account, canRefresh } = obtained;
  return {
    health: "ACTIVE",
    healthReason: null,
    requestedScopes: request.requestedScopes,
    grantedScopes: tokens.grantedScopes,
    parameters: { ...(request.parameters as Prisma.InputJsonObject), ...tokens.discovered },
    tokenType: tokens.tokenType,
    accessTokenExpiresAt: expiryOf(tx, tokens),
    canRefresh,
    ...(account && {
      accountId: account.id,
      accountName: account.name,
      accountEmail: account.email,
      accountAvatarUrl: account.avatarUrl,
    }),
    updatedAt: tx.now,
  };
}

function grantOf({ clientId, tokenOrigin, apiOrigin, revocationOrigin }: ObtainedTokens): GrantOrigins {
  return { clientId, tokenOrigin, apiOrigin, revocationOrigin };
}

function event(kind: CredentialEventKind, { obtained: { account, tokens }, request }: NewGrant) {
  const missing = request.requestedScopes.filter((scope) => !tokens.grantedScopes.includes(scope));
  const who = account?.name ?? account?.email ?? account?.id;
  const verb = kind === "CONNECTED" ? "Connected" : "Authorized again";
  const note = missing.length > 0 ? ` Not granted: ${missing.join(", ")}.` : "";
  return { kind, status: "ACTIVE", message: `${verb}${who ? ` as ${who}` : ""}.${note}` };
}
