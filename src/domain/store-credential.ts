import type { Prisma, Tx } from "../db/database.ts";
import type { AuthConfig, Credential } from "../db/generated/client.ts";
import { ConflictError } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import type { Secret } from "../lib/secret.ts";
import type { ProviderIdentity } from "../schemes/oauth2/types.ts";
import { credentialStatus } from "./credential.ts";
import { type CredentialEventKind, recordCredentialEvent } from "./credential-event.ts";
import { fieldsAddress, ReplacedError } from "./credential-fields.ts";
import { expiryOf, type StoredTokens, sealTokens, storedTokens } from "./credential-tokens.ts";
import { type Draft, type ProvenDraft, sealedFields } from "./draft-credential.ts";
import { type GrantOrigins, OURSELVES } from "./grant-origins.ts";
import { refreshAheadAt } from "./refresh-schedule.ts";
import type { Services } from "./services.ts";

/** Tokens that did not come through a browser, ready to be stored. */
export interface NewTokens extends GrantOrigins {
  stored: StoredTokens;
  tokenType: string;
  grantedScopes: string[];
  expiresAt: Date | null;
  canRefresh: boolean;
}

/** A credential that comes to be without a browser. */
export interface NewCredential {
  userId: string | null;
  label: string | null;
  authConfig: AuthConfig;
  /** No secrets. */
  parameters: Record<string, unknown>;
  /** What was typed; null: nothing ever is. */
  secrets: Secret | null;
  grant: NewTokens | null;
  account: ProviderIdentity | null;
  tested: boolean;
}

/** What a draft comes to. Its lives begin in this transaction. */
export function fromDraft(tx: Tx, draft: ProvenDraft): Omit<NewCredential, "userId" | "label"> {
  const { authConfig, typed, obtained, account, outcome } = draft;
  const { tokens, account: _whose, ...origins } = obtained ?? { tokens: null };
  return {
    authConfig,
    parameters: { ...typed.parameters, ...tokens?.discovered },
    secrets: sealedFields(draft),
    account,
    tested: outcome !== null,
    grant: tokens && {
      ...(origins as GrantOrigins & { canRefresh: boolean }),
      stored: storedTokens(tokens, null),
      tokenType: tokens.tokenType,
      grantedScopes: tokens.grantedScopes,
      expiresAt: expiryOf(tx, tokens),
    },
  };
}

/** Credential, secrets, history and announcement; the caller adds the audit event. The parties must be held (see `holdParties`). */
export async function storeCredential(
  tx: Tx,
  services: Services,
  given: NewCredential,
  message = "Connected.",
): Promise<Credential> {
  const { authConfig, userId, secrets, grant } = given;
  const { projectId } = authConfig;
  const row = await tx.credential.create({
    data: {
      id: newId(),
      projectId,
      userId,
      authConfigId: authConfig.id,
      connectorSlug: authConfig.connectorSlug,
      schemeType: authConfig.schemeType,
      label: given.label,
      requestedScopes: grant ? authConfig.scopes : [],
      secretGeneration: secrets ? 1 : 0,
      createdAt: tx.now,
      ...columnsOf(tx, given),
    },
  });
  if (secrets) await services.vault.seal(tx, fieldsAddress(row), secrets);
  if (grant) await storeGrant(tx, services, row, grant);
  const whose = accountLabel(given.account);
  const text = `${message}${whose ? ` The account is ${whose}.` : ""}${given.tested ? " The third party accepts it." : ""}`;
  const event = { kind: "CONNECTED" as const, status: credentialStatus(row, tx.now), message: text };
  return recordCredentialEvent(tx, row, event, { kind: "CREATED", statusBefore: null });
}

export interface Replacement {
  before: Credential;
  draft: ProvenDraft;
  /** As read when the draft was made; absent: whatever it is now. */
  version?: number | null;
  label?: string | null;
  kind: CredentialEventKind;
  message: string;
  /** What the health becomes, and why. */
  health: Pick<Credential, "health" | "healthReason">;
}

/**
 * The same credential id gets what was typed anew, under the next generation. A change of the status is a second event. Throws ReplacedError
 * where the credential is no longer what the draft was made from.
 */
export async function replaceSecrets(tx: Tx, services: Services, replacement: Replacement): Promise<Credential> {
  const { before, draft, version, label, health } = replacement;
  const given = fromDraft(tx, draft);
  const [row] = await tx.credential.updateManyAndReturn({
    where: {
      id: before.id,
      projectId: before.projectId,
      deletedAt: null,
      health: before.health,
      secretGeneration: before.secretGeneration,
      ...(version != null && { version }),
    },
    data: {
      ...(label !== undefined && { label }),
      secretGeneration: { increment: 1 },
      version: { increment: 1 },
      ...columnsOf(tx, given),
      ...health,
    },
  });
  if (!row) throw new ReplacedError();
  await services.vault.seal(tx, fieldsAddress(row), given.secrets!);
  if (given.grant) await storeGrant(tx, services, row, given.grant);
  const [was, is] = [credentialStatus(before, tx.now), credentialStatus(row, tx.now)];
  const change = { kind: "UPDATED" as const, statusBefore: was };
  const noted = await recordCredentialEvent(
    tx,
    row,
    { kind: replacement.kind, status: was, message: replacement.message },
    change,
  );
  if (was === is) return noted;
  const why = health.healthReason ?? (given.tested ? "The third party accepts it again." : RESTORED_UNTESTED);
  return recordCredentialEvent(tx, row, { kind: "STATUS_CHANGED", status: is, message: why }, change);
}

const RESTORED_UNTESTED = "It has a new secret. This connector has no call to test it with, so its first use will tell.";

function columnsOf(tx: Tx, { parameters, grant, account, tested }: Omit<NewCredential, "userId" | "label">) {
  return {
    parameters: parameters as Prisma.InputJsonObject,
    ...(grant && {
      grantedScopes: grant.grantedScopes,
      tokenType: grant.tokenType,
      accessTokenExpiresAt: grant.expiresAt,
      canRefresh: grant.canRefresh,
    }),
    ...(account && {
      accountId: account.id,
      accountName: account.name,
      accountEmail: account.email,
      accountAvatarUrl: account.avatarUrl,
    }),
    ...(tested && { lastTestedAt: tx.now }),
    updatedAt: tx.now,
  };
}

/** A first grant, or the next generation of one: whoever is renewing the old tokens then lets go. */
async function storeGrant(tx: Tx, services: Services, { projectId, id, userId }: Credential, given: NewTokens): Promise<void> {
  const { stored, tokenType: _type, grantedScopes: _scopes, expiresAt, canRefresh, ...origins } = given;
  const refreshAt = origins.tokenOrigin === OURSELVES ? null : refreshAheadAt(tx.now, expiresAt, canRefresh);
  const data = { ...origins, refreshAt, failures: 0, notBefore: null, leaseOwner: null, leaseUntil: null, updatedAt: tx.now };
  const { generation } = await tx.grant.upsert({
    where: { credentialId: id },
    create: { credentialId: id, projectId, generation: 1, ...data },
    update: { generation: { increment: 1 }, ...data },
  });
  await sealTokens(tx, services, { projectId, id, userId }, generation, stored);
}

/**
 * Holds whom a new credential hangs on, as they were when its draft was made: with the config gone, or pointing elsewhere, what was typed
 * must not be stored under it. Others that connect at the same time are not kept waiting. Throws ConflictError.
 */
export async function holdParties(tx: Tx, { authConfig }: Pick<Draft, "authConfig">, userId: string | null): Promise<void> {
  const { projectId, id, version } = authConfig;
  const [config] = await tx.$queryRaw<{ name: string }[]>`
    SELECT "name" FROM "AuthConfig"
    WHERE "projectId" = ${projectId}::uuid AND "id" = ${id}::uuid AND "version" = ${version} AND "enabled" AND "deletedAt" IS NULL
    FOR SHARE`;
  if (!config)
    throw new ConflictError("CONFLICT", `The auth config “${authConfig.name}” was changed at the same moment. Repeat your call.`);
  if (!userId) return;
  const [user] = await tx.$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "User" WHERE "projectId" = ${projectId}::uuid AND "id" = ${userId}::uuid AND "deletedAt" IS NULL FOR SHARE`;
  if (!user) throw new ConflictError("CONFLICT", "The user was deleted at the same moment, so nothing was connected.");
}

export function accountLabel(account: ProviderIdentity | null): string | null {
  return account && (account.name ?? account.email ?? account.id);
}
