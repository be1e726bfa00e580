import type { Prisma, Tx } from "../../db/database.ts";
import type { Credential, Grant, RefreshAttempt } from "../../db/generated/client.ts";
import { reach } from "../../lib/fault-points.ts";
import type { TokenSet } from "../../schemes/oauth2/types.ts";
import { recordAuditAs } from "../audit.ts";
import { credentialStatus } from "../credential.ts";
import { recordCredentialEvent } from "../credential-event.ts";
import { expiryAfter, type StoredTokens, sealTokens, storedTokens } from "../credential-tokens.ts";
import { acquitConfig } from "../fail-request.ts";
import { OURSELVES } from "../grant-origins.ts";
import { clientIdOf } from "../oauth-client.ts";
import { noteAnswer } from "../refresh-breaker.ts";
import { refreshAheadAt } from "../refresh-schedule.ts";
import { lockAuthConfig } from "../row-lock.ts";
import type { Services } from "../services.ts";
import { type AttemptOutcome, finishAttempt, isSettled, type Lease } from "./refresh-attempt.ts";
import { lockGrant } from "./refresh-lease.ts";
import { CAME_LATE } from "./refresh-words.ts";
import { endTokens, type Loaded } from "./renew-tokens.ts";

/** One attempt, as whoever made it or took it over sees it. */
export interface Try {
  loaded: Loaded;
  lease: Lease;
  attemptId: string;
  /** The tokens that it was made with. */
  old: StoredTokens;
}

/**
 * Writes the new tokens where nothing newer is there, and says what became of them. Safe to repeat where nobody knows whether it was
 * committed. REVOKED: the credential ended meanwhile, and the tokens are handed over to be ended, too. LATE: they are kept, and have yet to prove themselves.
 */
export async function storeRefreshed(services: Services, made: Try, tokens: TokenSet): Promise<AttemptOutcome> {
  const { loaded, attemptId } = made;
  const { projectId, id } = loaded;
  return services.database.transact(async (tx) => {
    // Before the grant, as whoever changes a config locks it: in one order nobody waits for another for ever.
    if (loaded.authConfig.errorReason !== null) await lockAuthConfig(tx, projectId, loaded.authConfigId);
    const grant = await lockGrant(tx, loaded);
    const attempt = await tx.refreshAttempt.findUnique({ where: { id: attemptId } });
    if (!grant || !attempt) return "REVOKED";
    if (isSettled(attempt)) return attempt.outcome as AttemptOutcome;
    const row = await tx.credential.findFirst({ where: { id, projectId, deletedAt: null, health: { not: "REVOKED" } } });
    const outcome = !row
      ? "REVOKED"
      : !(await isNewest(tx, grant, attempt))
        ? "SUPERSEDED"
        : (await isLate(tx, loaded, row, attempt))
          ? "LATE"
          : "SUCCEEDED";
    await finishAttempt(tx, services, projectId, attemptId, outcome);
    if (made.lease.troubled) await noteAnswer(tx, grant);
    if (outcome === "REVOKED") await endTokens(tx, services, loaded, tokens);
    if (row && (outcome === "LATE" || outcome === "SUCCEEDED")) {
      await write(tx, services, { made, tokens, grant, row, issuedAt: attempt.answeredAt ?? tx.now, late: outcome === "LATE" });
    }
    await reach("committing", id);
    return outcome;
  });
}

/**
 * A lease that was lost is no reason to throw away a refresh token: what counts is whether a newer one is there. Of two that were got with
 * the same old token the one that was asked for later is the newer, because a lease ends after its request.
 */
async function isNewest(tx: Tx, grant: Grant, attempt: RefreshAttempt): Promise<boolean> {
  const { generation } = attempt;
  if (grant.generation === generation) return true;
  if (grant.generation !== generation + 1) return false;
  const rival = await findOutcome(tx, grant, generation, ["SUCCEEDED", "LATE"]);
  return rival !== null && rival.startedAt < attempt.startedAt;
}

/** The provider has refused a second use of the old token meanwhile, which may have ended these too: only a try can tell. */
async function isLate(tx: Tx, loaded: Loaded, row: Credential, { generation }: RefreshAttempt): Promise<boolean> {
  if (row.health !== "INVALID" || loaded.health === "INVALID") return false;
  return (await findOutcome(tx, loaded.grant, generation, ["REFUSED"])) !== null;
}

/** An attempt with the tokens of `generation` that ended so. */
export function findOutcome(
  tx: Pick<Tx, "refreshAttempt">,
  { projectId, credentialId }: Grant,
  generation: number,
  outcomes: AttemptOutcome[],
): Promise<RefreshAttempt | null> {
  return tx.refreshAttempt.findFirst({
    where: { projectId, credentialId, generation, outcome: { in: outcomes } },
    orderBy: { startedAt: "desc" },
  });
}

interface Renewal {
  made: Try;
  tokens: TokenSet;
  grant: Grant;
  row: Credential;
  /** When the provider's answer came, from which its `expires_in` counts. */
  issuedAt: Date;
  late: boolean;
}

async function write(tx: Tx, services: Services, { made, tokens, grant, row, issuedAt, late }: Renewal): Promise<void> {
  const { loaded } = made;
  const { projectId, id } = row;
  const generation = grant.generation + 1;
  const expiresAt = expiryAfter(issuedAt, tokens);
  // INVALID when it was loaded: a late answer's token, which has just proved that it works.
  const proved = row.health === "INVALID" && loaded.health === "INVALID" && row.healthReason === loaded.healthReason;
  const works = row.health === "ACTIVE" || proved;
  const isAsked = row.canRefresh && grant.tokenOrigin !== OURSELVES;
  await tx.grant.update({
    where: { credentialId: id, projectId },
    data: {
      generation,
      leaseOwner: null,
      leaseUntil: null,
      failures: 0,
      notBefore: null,
      refreshAt: late ? tx.now : works ? refreshAheadAt(issuedAt, expiresAt, isAsked) : null,
      updatedAt: tx.now,
    },
    select: { credentialId: true },
  });
  const renewed = await tx.credential.update({
    where: { id, projectId },
    data: {
      accessTokenExpiresAt: expiresAt,
      tokenType: tokens.tokenType,
      grantedScopes: tokens.grantedScopes,
      parameters: { ...(row.parameters as Prisma.InputJsonObject), ...tokens.discovered },
      lastRefreshedAt: tx.now,
      ...(works && { health: "ACTIVE", healthReason: null }),
      version: { increment: 1 },
      updatedAt: tx.now,
    },
  });
  await sealTokens(tx, services, row, generation, storedTokens(tokens, made.old));
  const { errorReason } = loaded.authConfig;
  if (errorReason !== null && isPresentClient(services, loaded)) await acquitConfig(tx, { projectId, id: loaded.authConfigId });
  await auditRefresh(tx, row, "credential.refreshed");
  await tellRenewed(tx, row, renewed, late);
}

async function tellRenewed(tx: Tx, before: Credential, renewed: Credential, late: boolean): Promise<void> {
  const change = { kind: "UPDATED" as const, statusBefore: credentialStatus(before, tx.now) };
  const status = credentialStatus(renewed, tx.now);
  const event = late
    ? { kind: "UPDATED" as const, status, message: CAME_LATE }
    : { kind: "REFRESHED" as const, status, message: "The access token was renewed." };
  await recordCredentialEvent(tx, renewed, event, change);
  if (before.grantedScopes.join(" ") === renewed.grantedScopes.join(" ")) return;
  const message = `The provider now grants: ${renewed.grantedScopes.join(", ") || "nothing"}.`;
  await recordCredentialEvent(tx, renewed, { kind: "SCOPES_CHANGED", status, message }, change);
}

/** A client that the config has left behind tells nothing about the one it has now. */
export function isPresentClient(services: Services, { authConfig, grant }: Loaded): boolean {
  return clientIdOf(services, authConfig) === grant.clientId;
}

/** By Moorline itself: of those who needed the token one caused it, and who wanted it for its own sake has an event of their own. */
export function auditRefresh(
  tx: Tx,
  { projectId, id }: Pick<Credential, "projectId" | "id">,
  action: string,
  details: Prisma.InputJsonObject | null = null,
): Promise<void> {
  const actor = { projectId, actorType: null, actorId: null, actorLabel: "Moorline", ip: null };
  return recordAuditAs(tx, actor, {
    action,
    outcome: details ? "FAILED" : "ALLOWED",
    targetType: "Credential",
    targetId: id,
    ...(details && { details }),
  });
}
