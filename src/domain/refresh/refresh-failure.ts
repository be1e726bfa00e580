import type { Tx } from "../../db/database.ts";
import type { Credential, Grant } from "../../db/generated/client.ts";
import type { Failure, FailureDetails } from "../../lib/failure.ts";
import { OAuthFailure } from "../../schemes/oauth2/failures.ts";
import { credentialStatus } from "../credential.ts";
import { recordCredentialEvent } from "../credential-event.ts";
import { accuseConfig } from "../fail-request.ts";
import { noteAnswer, noteTrouble } from "../refresh-breaker.ts";
import { notBefore, retryAt } from "../refresh-schedule.ts";
import { lockAuthConfig } from "../row-lock.ts";
import type { Services } from "../services.ts";
import { type AttemptOutcome, finishAttempt, isSettled, type Lease } from "./refresh-attempt.ts";
import { lockGrant } from "./refresh-lease.ts";
import { auditRefresh, findOutcome, isPresentClient, type Try } from "./refresh-store.ts";
import { attemptMessage, endedReason, failingReason, isClientRefused } from "./refresh-words.ts";
import type { Loaded } from "./renew-tokens.ts";

/** The request was sent and its answer never fully came. */
export function isLost(error: Failure): boolean {
  return error instanceof OAuthFailure && error.responseLost;
}

/** Lost, or come in a form that says nothing: either way the provider may have replaced the refresh token. */
function isUnheard(error: Failure): boolean {
  const { code, providerStatus } = error.details;
  return isLost(error) || (code === "MALFORMED_RESPONSE" && Number(providerStatus) < 300);
}

/** What it was asked with is refused, or must not be sent any more: nothing that could be tried again. */
export function isFinal({ details }: Failure): boolean {
  return ["INVALID_GRANT", "INVALID_CREDENTIALS", "CONFIG_CHANGED"].includes(details.code);
}

/**
 * RECORDED: the credential and its grant say so now. OVERTAKEN: somebody else is at it, or was quicker, and what is true they write.
 * IN_DOUBT: so too, but the provider has refused our use of a token that theirs came from, which may have ended theirs.
 */
export type FailureOutcome = "RECORDED" | "OVERTAKEN" | "IN_DOUBT";

/**
 * `invalid_grant` ends the credential at once; `invalid_client` accuses the auth config and leaves the users alone; anything else may
 * pass and is tried again, however long that takes.
 */
export function storeFailure(services: Services, made: Try, error: Failure): Promise<FailureOutcome> {
  const { loaded, lease, attemptId } = made;
  const { details } = error;
  return services.database.transact(async (tx) => {
    // Before the grant, as whoever changes a config locks it.
    if (isClientRefused(details.code)) await lockAuthConfig(tx, loaded.projectId, loaded.authConfigId);
    const grant = await lockGrant(tx, loaded);
    const attempt = await tx.refreshAttempt.findUnique({ where: { id: attemptId } });
    if (!grant || !attempt || isSettled(attempt)) return "OVERTAKEN";
    await finishAttempt(tx, services, loaded.projectId, attemptId, outcomeOf(error));
    await noteInBreaker(tx, grant, details);
    if (isPresentClient(services, loaded))
      await accuseConfig(tx, { projectId: loaded.projectId, id: loaded.authConfigId }, details);
    if (grant.generation !== lease.generation || grant.leaseOwner !== lease.owner) {
      return (await castsDoubt(tx, grant, lease, details)) ? "IN_DOUBT" : "OVERTAKEN";
    }
    const row = await tx.credential.findFirst({
      where: { id: loaded.id, projectId: loaded.projectId, deletedAt: null, health: { not: "REVOKED" } },
    });
    await release(tx, grant, error);
    if (row) await (isFinal(error) ? end(tx, row, made, details) : tell(tx, row, made, error));
    return "RECORDED";
  });
}

function outcomeOf(error: Failure): AttemptOutcome {
  if (isFinal(error)) return error.details.code === "CONFIG_CHANGED" ? "NOT_SENT" : "REFUSED";
  return isLost(error) ? "RESPONSE_LOST" : "TRANSIENT";
}

function noteInBreaker(tx: Tx, grant: Grant, { code, retryAfterSeconds }: FailureDetails): Promise<void> | void {
  if (code === "INVALID_GRANT" || code === "INVALID_CREDENTIALS") return noteAnswer(tx, grant);
  // Of our own making: they say nothing about the provider.
  if (code === "CONFIG_CHANGED" || code === "INTERNAL") return;
  return noteTrouble(tx, grant, { clientRefused: isClientRefused(code), retryAfterSeconds: retryAfterSeconds ?? null });
}

/** A provider that detects the reuse of a refresh token ends all that came from it: the present tokens are due to be tried at once. */
async function castsDoubt(tx: Tx, grant: Grant, { generation }: Lease, { code }: FailureDetails): Promise<boolean> {
  if (code !== "INVALID_GRANT" || grant.generation !== generation + 1) return false;
  if (!(await findOutcome(tx, grant, generation, ["SUCCEEDED"]))) return false;
  const { credentialId, projectId } = grant;
  await tx.grant.update({ where: { credentialId, projectId }, data: { refreshAt: tx.now }, select: { credentialId: true } });
  return true;
}

async function release(tx: Tx, grant: Grant, error: Failure): Promise<void> {
  const { credentialId, projectId } = grant;
  const failures = grant.failures + 1;
  const failed = { failures, lost: isUnheard(error), retryAfterSeconds: error.details.retryAfterSeconds ?? null };
  const next = isFinal(error)
    ? { refreshAt: null, notBefore: null }
    : { refreshAt: retryAt(tx.now, failed), notBefore: notBefore(tx.now, failed) };
  await tx.grant.update({
    where: { credentialId, projectId },
    data: { ...next, failures, leaseOwner: null, leaseUntil: null, updatedAt: tx.now },
    select: { credentialId: true },
  });
}

async function end(tx: Tx, before: Credential, { lease, loaded }: Try, details: FailureDetails): Promise<void> {
  const unheard = lease.unheard && details.code === "INVALID_GRANT";
  const row = await tx.credential.update({
    where: { id: before.id, projectId: before.projectId },
    data: {
      health: "INVALID",
      healthReason: endedReason(details, unheard),
      version: { increment: 1 },
      updatedAt: tx.now,
    },
  });
  await auditRefresh(tx, loaded, "credential.invalidated", { code: details.code, providerCode: details.providerCode ?? null });
  await record(tx, before, row, details, attemptMessage(details, { lost: false, unheard }));
}

/** ACTIVE stays ACTIVE, but says what is wrong. */
async function tell(tx: Tx, before: Credential, { loaded }: Try, error: Failure): Promise<void> {
  const { details } = error;
  const row = await tx.credential.update({
    where: { id: before.id, projectId: before.projectId },
    data: { ...(before.health === "ACTIVE" && { healthReason: failingReason(details) }), updatedAt: tx.now },
  });
  await auditRefresh(tx, loaded, "credential.refresh_failed", { code: details.code, providerCode: details.providerCode ?? null });
  await record(tx, before, row, details, attemptMessage(details, { lost: isLost(error), unheard: false }));
}

async function record(tx: Tx, before: Credential, row: Loaded | Credential, details: FailureDetails, message: string) {
  const event = {
    kind: "REFRESH_FAILED" as const,
    status: credentialStatus(row, tx.now),
    message,
    providerCode: details.providerCode ?? null,
  };
  await recordCredentialEvent(tx, row, event, { kind: "UPDATED", statusBefore: credentialStatus(before, tx.now) });
}
