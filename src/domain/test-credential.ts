import type { Credential } from "../db/generated/client.ts";
import { CredentialNotUsableError, ProviderError } from "../lib/errors.ts";
import { Secret } from "../lib/secret.ts";
import { SCHEMES, type TestOutcome, verify } from "../schemes/index.ts";
import { recordAudit } from "./audit.ts";
import { assertMay } from "./caller.ts";
import { credentialStatus, getCredential } from "./credential.ts";
import { recordCredentialEvent } from "./credential-event.ts";
import { oauthClientFor } from "./oauth-client.ts";
import { freshTokens } from "./refresh-credential.ts";
import type { Context } from "./services.ts";

export type TestResult = TestOutcome & { at: Date };

/** Asks the third party one harmless question with the credential, refreshed first where that is due. */
export async function testCredential(
  ctx: Context,
  input: { id: string },
): Promise<{ credential: Credential; result: TestResult }> {
  assertMay(ctx, "CREDENTIAL_CREATE");
  const before = await getCredential(ctx, input.id);
  const outcome = await ask(ctx, before);
  return ctx.services.database.transact(async (tx) => {
    await tx.credential.update({ where: { id: before.id }, data: { lastTestedAt: tx.now }, select: { id: true } });
    await recordAudit(tx, ctx, {
      action: "credential.tested",
      targetType: "Credential",
      targetId: before.id,
      details: { code: outcome.code },
    });
    const row = await tx.credential.findUniqueOrThrow({ where: { id: before.id } });
    const event = { kind: "TESTED" as const, status: credentialStatus(row, tx.now), message: outcome.message };
    const credential = await recordCredentialEvent(tx, row, event, { kind: "UPDATED", statusBefore: event.status });
    return { credential, result: { ...outcome, at: tx.now } };
  });
}

/** What stops a use stops a test too, and says why; it is an outcome and no error. */
async function ask(ctx: Context, before: Credential): Promise<TestOutcome> {
  const { services } = ctx;
  try {
    const { credential, tokens } = await freshTokens(services, before);
    const { grant, authConfig } = credential;
    const { scheme, api, client } = await oauthClientFor(services, authConfig, credential.parameters, grant.clientId);
    const { values, clientId } = client;
    const applied = SCHEMES[scheme.type].apply({ scheme, api, accessToken: new Secret(tokens.accessToken), values, clientId });
    return await verify({ api, scheme, applied, values, clientId, fetch: services.egress.fetch });
  } catch (error) {
    if (error instanceof CredentialNotUsableError) {
      return {
        ok: false,
        code: "TOKEN_EXPIRED",
        message: error.message,
        remedy: "Use reauthorizeCredential to have the user connect again.",
        latencyMs: 0,
      };
    }
    if (error instanceof ProviderError) {
      return {
        ok: false,
        code: error.code === "RATE_LIMITED" ? "RATE_LIMITED" : "PROVIDER_ERROR",
        message: error.message,
        remedy: null,
        latencyMs: 0,
      };
    }
    throw error;
  }
}
