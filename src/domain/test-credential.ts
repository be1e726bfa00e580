import type { Tx } from "../db/database.ts";
import type { Credential } from "../db/generated/client.ts";
import { CredentialNotUsableError, ProviderError } from "../lib/errors.ts";
import { Failure } from "../lib/failure.ts";
import { Secret } from "../lib/secret.ts";
import { SCHEMES, type TestOutcome, verify } from "../schemes/index.ts";
import { recordAudit } from "./audit.ts";
import { assertMay } from "./caller.ts";
import { assertUsable, credentialStatus, getCredential } from "./credential.ts";
import { recordCredentialEvent } from "./credential-event.ts";
import { oauthClientFor } from "./oauth-client.ts";
import { freshTokens } from "./refresh-credential.ts";
import type { Context, Services } from "./services.ts";

export type TestResult = TestOutcome & { at: Date };

/**
 * Asks the third party one harmless question with the credential, refreshed first where that is due, and once more where the answer
 * is that the token is not accepted. Throws CredentialNotUsableError where it is switched off or revoked.
 */
export async function testCredential(
  ctx: Context,
  input: { id: string },
): Promise<{ credential: Credential; result: TestResult }> {
  assertMay(ctx, "CREDENTIAL_CREATE");
  const before = await getCredential(ctx, input.id);
  if (["DISABLED", "REVOKED"].includes(credentialStatus(before, ctx.caller.now))) assertUsable(before, ctx.caller.now);
  const { outcome, asked } = await ask(ctx.services, before);
  return ctx.services.database.transact(async (tx) => {
    await tx.credential.update({ where: { id: before.id }, data: { lastTestedAt: tx.now }, select: { id: true } });
    if (asked && outcome.code === "INVALID_CREDENTIALS") await markRefused(tx, asked);
    await recordAudit(tx, ctx, {
      action: "credential.tested",
      targetType: "Credential",
      targetId: before.id,
      details: { code: outcome.code },
    });
    const row = await tx.credential.findUniqueOrThrow({ where: { id: before.id } });
    const event = { kind: "TESTED" as const, status: credentialStatus(row, tx.now), message: outcome.message };
    const change = { kind: "UPDATED" as const, statusBefore: credentialStatus(before, tx.now) };
    const credential = await recordCredentialEvent(tx, row, event, change);
    return { credential, result: { ...outcome, at: tx.now } };
  });
}

/** ACTIVE is not said of what is known not to work. One that can be refreshed has just been, so there the doubt is about the test call. */
async function markRefused(tx: Tx, { projectId, id, version, canRefresh }: Credential): Promise<void> {
  if (canRefresh) return;
  await tx.credential.updateMany({
    where: { projectId, id, version, health: "ACTIVE" },
    data: {
      health: "INVALID",
      healthReason: "The third party no longer accepts it. The user must connect again.",
      version: { increment: 1 },
      updatedAt: tx.now,
    },
  });
}

interface Asked {
  outcome: TestOutcome;
  /** The credential that the third party was asked with; null where it was not asked. */
  asked: Credential | null;
}

/** What stops a use stops a test too, and says why; it is an outcome and no error. */
async function ask(services: Services, before: Credential): Promise<Asked> {
  try {
    const first = await askOnce(services, before, false);
    return first.outcome.code === "INVALID_CREDENTIALS" && before.canRefresh ? await askOnce(services, before, true) : first;
  } catch (error) {
    if (error instanceof CredentialNotUsableError) return { outcome: await unusable(services, error), asked: null };
    if (error instanceof Failure) {
      const { message, remedy } = error.details;
      return { outcome: { ok: false, code: "PROVIDER_ERROR", message, remedy, latencyMs: 0 }, asked: null };
    }
    if (!(error instanceof ProviderError)) throw error;
    const code = error.code === "RATE_LIMITED" ? "RATE_LIMITED" : "PROVIDER_ERROR";
    return { outcome: { ok: false, code, message: error.message, remedy: null, latencyMs: 0 }, asked: null };
  }
}

async function askOnce(services: Services, before: Credential, force: boolean): Promise<Asked> {
  const { credential, tokens } = await freshTokens(services, before, { force });
  const { grant, authConfig } = credential;
  const { scheme, api, client } = await oauthClientFor(services, authConfig, credential.parameters, grant.clientId);
  const { values, clientId } = client;
  const applied = SCHEMES[scheme.type].apply({ scheme, api, accessToken: new Secret(tokens.accessToken), values, clientId });
  return { outcome: await verify({ api, scheme, applied, values, clientId, fetch: services.egress.fetch }), asked: credential };
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
