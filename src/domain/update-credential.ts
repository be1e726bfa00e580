import { z } from "zod";
import type { Credential } from "../db/generated/client.ts";
import { ConflictError, InvalidInputError } from "../lib/errors.ts";
import { SCHEMES } from "../schemes/index.ts";
import { recordAudit } from "./audit.ts";
import { resolveTarget } from "./auth-config-target.ts";
import { assertMay, assertWithin } from "./caller.ts";
import { credentialStatus, getCredential } from "./credential.ts";
import { recordCredentialEvent } from "./credential-event.ts";
import { canTest, type Draft, draftCredential, type ProvenDraft, proveDraft, testDraft } from "./draft-credential.ts";
import { fieldsField, type JsonObject, line, parseInput } from "./input.ts";
import type { Context, Services } from "./services.ts";
import { accountLabel, holdParties, replaceSecrets } from "./store-credential.ts";

export interface UpdateCredentialInput {
  id: string;
  version?: number | null;
  label?: string | null;
  fields?: unknown;
  test?: boolean | null;
}

const schema = z.object({
  id: z.string(),
  version: z.int().nullish(),
  label: line("The label", 200).nullish(),
  fields: fieldsField.nullish(),
  test: z.boolean().nullish(),
});

type Input = z.output<typeof schema>;

/** Absent is unchanged, null cleared. `fields` replaces what was typed, key by key, under the same credential id. */
export async function updateCredential(ctx: Context, raw: UpdateCredentialInput): Promise<{ credential: Credential }> {
  assertMay(ctx, "CREDENTIAL_CREATE");
  const input = parseInput(schema, raw);
  const before = await getCredential(ctx, input.id);
  // A test sends what is saved beside what is new.
  if (input.test) assertWithin(ctx, before);
  if (input.version != null && input.version !== before.version) throw stale();
  if (changesFields(before, input.fields)) return replaceFields(ctx, before, input, input.fields);
  if (input.test)
    throw InvalidInputError.at(["test"], "NOT_ALLOWED", "There are no new fields to test. testCredential tests what is saved.");
  return rename(ctx, before, input);
}

/** Null takes out all that was typed; of a grant from a browser nothing was. */
function changesFields(before: Credential, fields: Input["fields"]): fields is JsonObject | null {
  if (fields === null) return !SCHEMES[before.schemeType as keyof typeof SCHEMES].redirects;
  return fields !== undefined && Object.keys(fields).length > 0;
}

function stale(): ConflictError {
  return new ConflictError("STALE_VERSION", "The credential was changed in the meantime. Read it again and repeat.");
}

async function rename(ctx: Context, before: Credential, { version, label }: Input): Promise<{ credential: Credential }> {
  // A history that tells of changes which nobody made is none.
  if (label === undefined || label === before.label) return { credential: before };
  const credential = await ctx.services.database.transact(async (tx) => {
    const [row] = await tx.credential.updateManyAndReturn({
      where: { id: before.id, projectId: before.projectId, deletedAt: null, ...(version != null && { version }) },
      data: { ...(label !== undefined && { label }), version: { increment: 1 }, updatedAt: tx.now },
    });
    if (!row) throw stale();
    await recordAudit(tx, ctx, {
      action: "credential.updated",
      targetType: "Credential",
      targetId: before.id,
      details: { fields: ["label"] },
    });
    // As it is now: somebody may have ended it since it was read.
    const status = credentialStatus(row, tx.now);
    const event = { kind: "UPDATED" as const, status, message: "The label was changed." };
    return recordCredentialEvent(tx, row, event, { kind: "UPDATED", statusBefore: status });
  });
  return { credential };
}

async function replaceFields(
  ctx: Context,
  before: Credential,
  input: Input,
  fields: JsonObject | null,
): Promise<{ credential: Credential }> {
  const { services } = ctx;
  if (SCHEMES[before.schemeType as keyof typeof SCHEMES].redirects) {
    throw InvalidInputError.at(
      ["fields"],
      "NOT_ALLOWED",
      "An OAuth credential has no fields to change. Use reauthorizeCredential.",
    );
  }
  if (before.health === "REVOKED") {
    throw new ConflictError("CONFLICT", "This credential was revoked, which is final. Connect anew with createCredential.");
  }
  const authConfig = await resolveTarget(ctx, { row: before.authConfigId });
  const checked = await draftCredential(services, authConfig, fields, before);
  const draft = await prove(services, before, checked, input.test === true);
  assertSameAccount(before, draft);
  const names = fields ? Object.keys(fields).toSorted() : ["fields"];
  const credential = await services.database.transact(async (tx) => {
    await holdParties(tx, draft, before.userId);
    const { label, version } = input;
    const message = fields ? `Replaced: ${names.join(", ")}.` : "What was entered was taken out.";
    const health = healthAfter(before, draft);
    const row = await replaceSecrets(tx, services, { before, draft, version, label, kind: "UPDATED", message, health });
    await recordAudit(tx, ctx, {
      action: "credential.updated",
      targetType: "Credential",
      targetId: row.id,
      details: { fields: [...(label === undefined ? [] : ["label"]), ...names], tested: draft.outcome !== null },
    });
    return row;
  });
  return { credential };
}

/**
 * One that was refused becomes ACTIVE by a test, so that is made whether or not it was asked for; where it was not, and fails, the new
 * secret is saved all the same, and the status says what is known of it.
 */
async function prove(services: Services, before: Credential, draft: Draft, test: boolean): Promise<ProvenDraft> {
  if (test || before.health !== "INVALID" || !canTest(draft)) return proveDraft(services, draft, test);
  const { account: _account, outcome: _outcome, ...ready } = await proveDraft(services, draft, false);
  return testDraft(services, ready);
}

/** What is known after a new secret: a test that went well is the proof, and where there is no test its newness has to do. */
export function healthAfter(before: Credential, { outcome }: ProvenDraft): Pick<Credential, "health" | "healthReason"> {
  if (before.health !== "INVALID") return { health: "ACTIVE", healthReason: null };
  if (!outcome || outcome.ok) return { health: "ACTIVE", healthReason: null };
  return { health: "INVALID", healthReason: `The new secret could not be proved to work: ${outcome.message}` };
}

/** What somebody typed for another account would make this credential somebody else's in silence (design 5.10). Throws ConflictError. */
export function assertSameAccount(before: Credential, { account, obtained }: ProvenDraft): void {
  // Schemes whose tokens are the client's own call what was typed the account: there it is the very thing that is replaced.
  if (!before.accountId || !account || account === obtained?.account || account.id === before.accountId) return;
  const whose = before.accountName ?? before.accountEmail ?? before.accountId;
  throw new ConflictError(
    "CONFLICT",
    `This credential is of the account ${whose}, and the new secret is of ${accountLabel(account)}. Connect that one with createCredential.`,
  );
}
