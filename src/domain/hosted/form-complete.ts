import type { Tx } from "../../db/database.ts";
import type { ConnectionRequest, Credential, Opening } from "../../db/generated/client.ts";
import { ConflictError, InvalidInputError, ProviderError, TestFailedError } from "../../lib/errors.ts";
import { Failure, type FailureDetails } from "../../lib/failure.ts";
import { encodeId } from "../../lib/ids.ts";
import { type AuditActor, recordAuditAs } from "../audit.ts";
import type { RequestWithParties } from "../connection-parties.ts";
import { type ConnectionStatus, transition } from "../connection-request.ts";
import { detailsOf } from "../create-credential.ts";
import { canTest, draftCredential, type ProvenDraft, proveDraft } from "../draft-credential.ts";
import { type Claim, endRequest, recordStep, requestActor } from "../fail-request.ts";
import { forgetOpening } from "../opening-secrets.ts";
import { lockOwner } from "../row-lock.ts";
import type { Services } from "../services.ts";
import { accountLabel, fromDraft, holdParties, replaceSecrets, storeCredential } from "../store-credential.ts";
import { assertSameAccount, healthAfter } from "../update-credential.ts";

/** Somebody else ended the request first: nothing of what was typed stays. */
export class RequestOverError extends Error {}

/** What was typed, checked and, where the connector has a call for it, tested. Throws the errors of `createCredential`. */
export async function proveForm(services: Services, { authConfig }: RequestWithParties, values: unknown): Promise<ProvenDraft> {
  // A re-authorization asks for everything anew: nothing that is saved goes along with what somebody types into a page.
  const draft = await draftCredential(services, authConfig, values);
  return proveDraft(services, draft, canTest(draft));
}

/** Credential, history, request, audit and announcement, in one transaction. Throws RequestOverError where the request has ended. */
export async function storeForm(
  services: Services,
  request: ConnectionRequest,
  draft: ProvenDraft,
  { from, ip, by = requestActor(request, ip) }: { from: ConnectionStatus; ip: string | null; by?: AuditActor },
): Promise<void> {
  await services.database.transact(async (tx) => {
    await lockOwner(tx, request);
    await holdParties(tx, draft, request.userId);
    const known = await knownCredential(tx, request, draft);
    const credential = known ? await renew(tx, services, known, draft, request) : await connect(tx, services, draft, request);
    const done = await transition(tx, request, [from], "ACTIVE", { credentialId: credential.id });
    if (!done) throw new RequestOverError();
    await recordAuditAs(tx, by, {
      action: known ? "credential.reauthorized" : "credential.connected",
      targetType: "Credential",
      targetId: credential.id,
      details: { ...detailsOf(draft), connectionRequest: encodeId("ConnectionRequest", request.id) },
    });
    await recordStep(tx, request, "active", ip, by);
  });
}

/** The credential that the request is about, or the user's one of the same account where that is to be updated. Throws ConflictError. */
async function knownCredential(tx: Tx, request: ConnectionRequest, { account }: ProvenDraft): Promise<Credential | null> {
  const alive = { projectId: request.projectId, deletedAt: null, health: { not: "REVOKED" } };
  if (request.kind === "REAUTHORIZE") {
    const row = await tx.credential.findFirst({ where: { ...alive, id: request.credentialId! } });
    if (row) return row;
    throw new ConflictError("CONFLICT", "The credential was revoked or deleted in the meantime. Connect the account anew.");
  }
  if (!account || request.ifAccountExists === "CREATE") return null;
  const { userId, authConfigId } = request;
  const row = await tx.credential.findFirst({
    where: { ...alive, userId, authConfigId, accountId: account.id },
    orderBy: { createdAt: "desc" },
  });
  if (row && request.ifAccountExists === "REFUSE")
    throw new ConflictError(
      "CONFLICT",
      `The account ${accountLabel(account)} is connected already. Enter the values of another one.`,
    );
  return row;
}

function connect(tx: Tx, services: Services, draft: ProvenDraft, { userId, label }: ConnectionRequest): Promise<Credential> {
  return storeCredential(tx, services, { ...fromDraft(tx, draft), userId, label });
}

function renew(tx: Tx, services: Services, before: Credential, draft: ProvenDraft, request: ConnectionRequest) {
  assertSameAccount(before, draft);
  return replaceSecrets(tx, services, {
    before,
    draft,
    kind: "REAUTHORIZED",
    message: "Everything was entered anew.",
    health: healthAfter(before, draft),
    ...(request.label !== null && { label: request.label }),
  });
}

/** After the product has said who is at the browser: whatever happens, the request ends, ACTIVE or FAILED with a reason. */
export async function finishForm(
  services: Services,
  input: { parties: RequestWithParties; opening: Opening; values: unknown; ip: string | null; claim: Claim },
): Promise<void> {
  const { parties, opening, ip } = input;
  const { request } = parties;
  const begun = await services.database.transact(
    async (tx) => (await input.claim(tx)) && (await transition(tx, request, ["VERIFYING"], "EXCHANGING")) !== null,
  );
  if (!begun) return;
  try {
    await storeForm(services, request, await proveForm(services, parties, input.values), { from: "EXCHANGING", ip });
  } catch (error) {
    if (error instanceof RequestOverError) return;
    const failure = failureOf(error);
    if (!failure) services.log.error({ requestId: request.id, err: error }, "what was typed could not be stored");
    await endRequest(services, request, { from: ["EXCHANGING"], to: "FAILED", failure: failure ?? INTERNAL, ip });
  } finally {
    await forgetOpening(services, opening);
  }
}

const INTERNAL: FailureDetails = {
  code: "INTERNAL",
  message: "Something went wrong on our side while the account was being connected.",
  remedy: "Start again. If it happens once more, tell whoever runs this service.",
  retryable: true,
};

/** Null: nobody expected it. */
function failureOf(error: unknown): FailureDetails | null {
  if (error instanceof Failure) return error.details;
  if (error instanceof TestFailedError) {
    const { code, message, remedy } = error.result;
    const refused = code === "INVALID_CREDENTIALS" || code === "PERMISSION_DENIED";
    return {
      code: refused ? "INVALID_CREDENTIALS" : "PROVIDER_ERROR",
      message,
      remedy: remedy ?? "Start again.",
      retryable: true,
    };
  }
  if (error instanceof ProviderError)
    return {
      code: "PROVIDER_ERROR",
      message: error.message,
      remedy: "Start again in a moment.",
      retryable: error.details.retryable,
    };
  if (error instanceof ConflictError || error instanceof InvalidInputError)
    return { code: "CONFIG_CHANGED", message: error.message, remedy: "Start again.", retryable: true };
  return null;
}
