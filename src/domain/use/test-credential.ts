import type { Tx } from "../../db/database.ts";
import type { Credential, Prisma } from "../../db/generated/client.ts";
import { CredentialNotUsableError, ProviderError, type TestResult } from "../../lib/errors.ts";
import { Failure } from "../../lib/failure.ts";
import { SCHEMES, type TestOutcome } from "../../schemes/index.ts";
import { askThirdParty, isTestable } from "../ask-third-party.ts";
import { type AuditActor, recordAudit, recordAuditAs } from "../audit.ts";
import { assertMay, assertWithin } from "../caller.ts";
import { assertUsable, credentialStatus, getCredential } from "../credential.ts";
import { recordCredentialEvent } from "../credential-event.ts";
import { outcomeOf } from "../draft-credential.ts";
import type { Context, Services } from "../services.ts";
import { type Usable, useCredential } from "./use-credential.ts";

/**
 * Asks the third party one harmless question with the credential, refreshed first where that is due, and once more where the answer
 * is that the token is not accepted. Typed secrets that were refused are asked about again: a key can be switched on anew over there.
 * Throws CredentialNotUsableError where it is switched off or revoked.
 */
export async function testCredential(
  ctx: Context,
  input: { id: string },
): Promise<{ credential: Credential; result: TestResult }> {
  assertMay(ctx, "CREDENTIAL_CREATE");
  const before = await getCredential(ctx, input.id);
  assertWithin(ctx, before);
  if (["DISABLED", "REVOKED"].includes(credentialStatus(before, ctx.caller.now))) assertUsable(before, ctx.caller.now);
  const { outcome, asked } = await ask(ctx.services, before);
  return ctx.services.database.transact(async (tx) => {
    const row = await tx.credential.update({ where: { id: before.id }, data: { lastTestedAt: tx.now } });
    await recordAudit(tx, ctx, {
      action: "credential.tested",
      targetType: "Credential",
      targetId: before.id,
      details: { code: outcome.code },
    });
    const status = credentialStatus(row, tx.now);
    const event = { kind: "TESTED" as const, status, message: outcome.message };
    const tested = await recordCredentialEvent(tx, row, event, { kind: "UPDATED", statusBefore: status });
    const settled = asked && (await settle(tx, asked, outcome));
    return { credential: settled ?? tested, result: { ...outcome, at: tx.now } };
  });
}

interface Asked {
  outcome: TestOutcome;
  /** What the third party was asked with; null where it was not asked. */
  asked: Usable | null;
}

/** What stops a use stops a test too, and says why; it is an outcome and no error. */
async function ask(services: Services, before: Credential): Promise<Asked> {
  try {
    const first = await askOnce(services, before);
    const { generation } = first.asked;
    if (first.outcome.code !== "INVALID_CREDENTIALS" || !before.canRefresh || generation === null) return first;
    // Of all who met this answer with this token one refreshes.
    return await askOnce(services, before, { generation });
  } catch (error) {
    if (error instanceof CredentialNotUsableError) return { outcome: await unusable(services, error), asked: null };
    if (error instanceof Failure) return { outcome: outcomeOf(error.details), asked: null };
    if (!(error instanceof ProviderError)) throw error;
    const code = error.code === "RATE_LIMITED" ? "RATE_LIMITED" : "PROVIDER_ERROR";
    return { outcome: { ok: false, code, message: error.message, remedy: null, latencyMs: 0 }, asked: null };
  }
}

async function askOnce(services: Services, before: Credential, force?: { generation: number }) {
  const asked = await useCredential(services, before, { force, evenInvalid: true });
  const { outcome } = await askThirdParty(services, asked);
  return { outcome, asked };
}

async function unusable({ database }: Services, error: CredentialNotUsableError): Promise<TestOutcome> {
  const row = await database.prisma.credential.findUnique({ where: { id: error.credentialId }, select: { health: true } });
  return {
    ok: false,
    code: row?.health === "INVALID" ? "INVALID_CREDENTIALS" : "TOKEN_EXPIRED",
    message: error.message,
    remedy: "Use reauthorizeCredential to have the user connect again.",
    latencyMs: 0,
  };
}

/** How soon a credential is asked about again that a use was refused with: an API that answers 401 to much is not asked twice as much. */
const CONFIRM_EVERY_MS = 60_000;

/**
 * After a use was answered with 401: the verification call tells whether it is the credential that is refused, or just that call, and only
 * then is it INVALID. `used`: what the refused call was made with. True where it is INVALID now.
 */
export async function confirmRefused(services: Services, used: Usable): Promise<boolean> {
  if (!(await claimQuestion(services, used))) return false;
  const outcome = isTestable(used) ? (await askThirdParty(services, used)).outcome : null;
  return services.database.transact(async (tx) => {
    const settled = outcome && (await settle(tx, used, outcome));
    if (settled) return settled.health === "INVALID";
    const row = await tx.credential.findFirst({ where: { id: used.credential.id, deletedAt: null } });
    if (!row) return false;
    const message = outcome
      ? `A call was answered with 401, but the credential itself was tested and stays as it is: ${outcome.message}`
      : "A call was answered with 401. This connector has no call to test with, so whether the credential still works is not known.";
    await recordCredentialEvent(tx, row, { kind: "TESTED", status: credentialStatus(row, tx.now), message }, null);
    return false;
  });
}

/** Of all processes one asks, once a minute at most. */
function claimQuestion({ database }: Services, { credential }: Usable): Promise<boolean> {
  return database.transact(async (tx) => {
    const before = new Date(tx.now.getTime() - CONFIRM_EVERY_MS);
    const { count } = await tx.credential.updateMany({
      where: {
        projectId: credential.projectId,
        id: credential.id,
        health: "ACTIVE",
        OR: [{ lastTestedAt: null }, { lastTestedAt: { lte: before } }],
      },
      data: { lastTestedAt: tx.now },
    });
    return count === 1;
  });
}

/**
 * Writes down what an answer says of the status: ACTIVE is not said of what is known not to work, and not withheld from what works again.
 * Null where nothing changes: the answer tells nothing, or is about secrets that have been replaced since.
 */
async function settle(tx: Tx, asked: Usable, outcome: TestOutcome): Promise<Credential | null> {
  const { credential: before } = asked;
  // One that can be renewed has just been, so there the doubt is about the test call.
  const isRefused = outcome.code === "INVALID_CREDENTIALS" && before.health === "ACTIVE" && !before.canRefresh;
  const isBack = outcome.ok && before.health === "INVALID";
  if (!isRefused && !isBack) return null;
  const reason = isRefused ? refusedReason(asked) : null;
  const { count } = await tx.credential.updateMany({
    where: stillAs(asked),
    data: { health: isRefused ? "INVALID" : "ACTIVE", healthReason: reason, version: { increment: 1 }, updatedAt: tx.now },
  });
  if (count === 0) return null;
  const row = await tx.credential.findUniqueOrThrow({ where: { id: before.id } });
  const message = reason ?? "It was tested, and the third party accepts it again.";
  const action = isRefused ? "credential.invalidated" : "credential.restored";
  await recordAuditAs(tx, moorline(before), { action, targetType: "Credential", targetId: before.id });
  return recordCredentialEvent(
    tx,
    row,
    { kind: "STATUS_CHANGED", status: credentialStatus(row, tx.now), message },
    { kind: "UPDATED", statusBefore: credentialStatus(before, tx.now) },
  );
}

/** The very secrets that were asked with: of the user, of the grant, and those that the config presets. */
function stillAs({ credential, generation }: Usable): Prisma.CredentialWhereInput {
  const { projectId, id, health, secretGeneration, authConfig } = credential;
  return {
    projectId,
    id,
    health,
    secretGeneration,
    deletedAt: null,
    authConfig: { is: { version: authConfig.version } },
    ...(generation !== null && { grant: { is: { generation } } }),
  };
}

function refusedReason({ scheme }: Usable): string {
  return SCHEMES[scheme.type].redirects
    ? "The third party no longer accepts it. The user must connect again."
    : "The third party no longer accepts what was entered. Enter it anew with updateCredential or reauthorizeCredential.";
}

function moorline({ projectId }: Credential): AuditActor {
  return { projectId, actorType: null, actorId: null, actorLabel: "Moorline", ip: null };
}
