import { z } from "zod";
import type { AuthConfig, Credential } from "../db/generated/client.ts";
import { ConflictError, InvalidInputError, type TestResult } from "../lib/errors.ts";
import { Failure } from "../lib/failure.ts";
import type { TestOutcome } from "../schemes/index.ts";
import { recordAudit } from "./audit.ts";
import { type ConnectTarget, resolveTarget } from "./auth-config-target.ts";
import { assertMay, assertWithin, isHosted } from "./caller.ts";
import { getCredential } from "./credential.ts";
import { type Draft, draftCredential, outcomeOf, testDraft, withTokens } from "./draft-credential.ts";
import { assertUnderWay, countAttemptOf } from "./hosted-attempts.ts";
import { ownerOf } from "./initiate-connection.ts";
import { fieldsField, parseInput } from "./input.ts";
import type { Context, Services } from "./services.ts";
import type { UserRef } from "./user-ref.ts";

export interface TryCredentialInput {
  target?: ConnectTarget | null;
  user?: UserRef | null;
  credentialId?: string | null;
  fields?: unknown;
}

const schema = z.object({
  target: z.custom<ConnectTarget>().nullish(),
  user: z.custom<UserRef>().nullish(),
  credentialId: z.string().nullish(),
  fields: fieldsField,
});

/** Asks the third party with values that are saved nowhere: those of a new credential, or changes to a saved one. */
export async function tryCredential(ctx: Context, raw: TryCredentialInput): Promise<{ result: TestResult }> {
  // What a link is for can be tried before it is sent; a saved credential's secrets are not the link's to send anywhere.
  if (!isHosted(ctx.caller) || raw.credentialId != null) assertMay(ctx, "CREDENTIAL_CREATE");
  const input = parseInput(schema, raw);
  const { authConfig, before } = await whatToTry(ctx, input);
  const draft = await draftCredential(ctx.services, authConfig, input.fields, before);
  countAttemptOf(ctx);
  const outcome = await outcomeOfDraft(ctx.services, draft);
  // Secrets were sent, saved ones perhaps: that is on record although nothing has changed.
  return ctx.services.database.transact(async (tx) => {
    await recordAudit(tx, ctx, {
      action: "credential.tried",
      targetType: before ? "Credential" : "AuthConfig",
      targetId: before?.id ?? authConfig.id,
      details: { connector: authConfig.connectorSlug, code: outcome.code },
    });
    return { result: { ...outcome, at: tx.now } };
  });
}

async function whatToTry(
  ctx: Context,
  { target, user, credentialId }: z.output<typeof schema>,
): Promise<{ authConfig: AuthConfig; before: Credential | null }> {
  if ((target == null) === (credentialId == null)) {
    throw InvalidInputError.at(
      ["target"],
      "REQUIRED",
      "Name what to try by target, or a saved credential by credentialId: exactly one.",
    );
  }
  if (target != null) {
    if (user) await ownerOf(ctx, { user });
    const authConfig = await resolveTarget(ctx, target);
    await assertUnderWay(ctx);
    return { authConfig, before: null };
  }
  const before = await getCredential(ctx, credentialId!);
  assertWithin(ctx, before);
  if (user) throw InvalidInputError.at(["user"], "NOT_ALLOWED", "A saved credential has its user already: leave user out.");
  if (before.health === "REVOKED") throw new ConflictError("CONFLICT", "This credential was revoked, which is final.");
  return { authConfig: await resolveTarget(ctx, { row: before.authConfigId }), before };
}

async function outcomeOfDraft(services: Services, draft: Draft): Promise<TestOutcome> {
  try {
    const { outcome } = await testDraft(services, await withTokens(services, draft));
    return outcome!;
  } catch (error) {
    if (error instanceof Failure) return outcomeOf(error.details);
    throw error;
  }
}
