import type { Tx } from "../db/database.ts";
import type { ConnectionRequest, Credential } from "../db/generated/client.ts";
import { Failure, type FailureDetails } from "../lib/failure.ts";
import { encodeId, newId } from "../lib/ids.ts";
import type { ProviderIdentity } from "../schemes/oauth2/types.ts";
import { accusesConfig } from "./accusation.ts";
import { recordAuditAs } from "./audit.ts";
import type { RequestWithParties } from "./connection-parties.ts";
import { transition } from "./connection-request.ts";
import { storedTokens, storeNewGrant, updateGrant } from "./credential-tokens.ts";
import { acquitConfig, endRequest, recordStep, requestActor } from "./fail-request.ts";
import type { ObtainedTokens } from "./obtain-tokens.ts";
import { queueRevocation } from "./revocation.ts";
import { lockOwner } from "./row-lock.ts";
import type { Services } from "./services.ts";

export interface Keeping {
  parties: RequestWithParties;
  ip: string | null;
}

/** Tokens that have just come, and how to learn whose account they are for. */
export interface Redeemed {
  obtained: ObtainedTokens;
  /** Throws a Failure where it could not be asked now. */
  identify(): Promise<ProviderIdentity | null>;
}

/** Thrown by what gets tokens where this process ends before the provider has answered, and another one can begin again. */
export class InterruptedError extends Error {}

/** Gets the tokens of a request that is EXCHANGING and stores what comes of them. Whatever happens, it ends: ACTIVE, or FAILED with a reason. */
export async function keepTokens(services: Services, keeping: Keeping, redeem: () => Promise<Redeemed>): Promise<void> {
  const { request } = keeping.parties;
  try {
    await keepOrDiscard(services, keeping, await redeem());
  } catch (error) {
    if (error instanceof InterruptedError) return;
    const known = error instanceof Failure;
    // The log takes name, message and stack only: tokens can hang on an error of the exchange.
    if (!known)
      services.log.error(
        { requestId: request.id, err: error instanceof Error ? error : undefined },
        "the exchange of a code failed",
      );
    const failure = known ? error.details : INTERNAL;
    const fromProvider = accusesConfig(keeping.parties) && !isAboutFlow(request, failure);
    await endRequest(services, request, { from: ["EXCHANGING"], to: "FAILED", failure, ip: keeping.ip, fromProvider });
  }
}

/** RFC 6749 section 5.2: the client is a good one, but this way of asking is not open to it. Others may be. */
export function isAboutFlow({ flow }: Pick<ConnectionRequest, "flow">, failure: FailureDetails): boolean {
  return flow !== "AUTHORIZATION_CODE" && failure.providerCode === "unauthorized_client";
}

export const INTERNAL: FailureDetails = {
  code: "INTERNAL",
  message: "Something went wrong on our side while the account was being connected.",
  remedy: "Start again. If it happens once more, tell whoever runs this service.",
  retryable: true,
};

/** What becomes of nothing is ended at the provider: nobody has those tokens any more, and nobody but us knows that they exist. */
async function keepOrDiscard(services: Services, keeping: Keeping, { obtained, identify }: Redeemed): Promise<void> {
  const got = { ...obtained };
  try {
    got.account = await identify();
    await services.database.transact((tx) => complete(tx, services, keeping, got));
  } catch (error) {
    await discard(services, keeping.parties, got).catch((err) => {
      services.log.error({ requestId: keeping.parties.request.id, err }, "tokens that nobody keeps could not be handed over");
    });
    throw error;
  }
}

/** Hands tokens of a request that came to nothing over to be ended at the provider. */
export async function discard(
  services: Services,
  { request, authConfig }: RequestWithParties,
  obtained: ObtainedTokens,
): Promise<void> {
  const { tokens, account } = obtained;
  const unwanted = {
    tokens: storedTokens(tokens, null),
    authConfig,
    userId: request.userId,
    accountId: account?.id ?? null,
    grantedScopes: tokens.grantedScopes,
    values: { ...(request.parameters as object), ...tokens.discovered },
    grant: obtained,
  };
  const subject = { requestId: request.id };
  await services.database.transact((tx) => queueRevocation(tx, services, subject, unwanted));
}

/** Tokens, credential, history, request, audit and announcement, in one transaction. */
async function complete(tx: Tx, services: Services, { parties, ip }: Keeping, obtained: ObtainedTokens): Promise<void> {
  const { request, authConfig } = parties;
  const { tokens, account } = obtained;
  await lockOwner(tx, request);
  // The config before its credentials and those before the request, as a deletion does it: so that nobody waits for the other.
  await acquitConfig(tx, authConfig);
  const known = request.credentialId ? await presentCredential(tx, request) : await sameAccount(tx, request, account);
  if (request.kind === "REAUTHORIZE") checkAccount(request, known, account, known && (await ownClient(tx, known)));
  if (request.kind === "CONNECT" && known && request.ifAccountExists === "REFUSE") throw new Failure(alreadyConnected(known));
  const reuse = request.kind === "REAUTHORIZE" || request.ifAccountExists === "UPDATE" ? known : null;
  const grant = { request, authConfig, obtained };
  const credential = reuse ? await updateGrant(tx, services, reuse, grant) : await storeNewGrant(tx, services, newId(), grant);
  const done = await transition(tx, request, ["EXCHANGING"], "ACTIVE", { credentialId: credential.id });
  // It was cancelled, or ran out, while the provider answered: then nothing of it stays.
  if (!done)
    throw new Failure({ ...INTERNAL, code: "STATE_MISMATCH", message: "The request had ended before the provider answered." });
  const actor = requestActor(request, ip);
  const action = reuse ? "credential.reauthorized" : "credential.connected";
  await recordAuditAs(tx, actor, {
    action,
    targetType: "Credential",
    targetId: credential.id,
    details: {
      connector: request.connectorSlug,
      scopes: tokens.grantedScopes,
      connectionRequest: encodeId("ConnectionRequest", request.id),
    },
  });
  await recordStep(tx, request, "active", ip);
}

function presentCredential(tx: Tx, request: ConnectionRequest): Promise<Credential | null> {
  return tx.credential.findFirst({
    where: { projectId: request.projectId, id: request.credentialId!, deletedAt: null, health: { not: "REVOKED" } },
  });
}

/** The user's credential of the same account, where the provider tells whose it is. */
async function sameAccount(tx: Tx, request: ConnectionRequest, account: ProviderIdentity | null): Promise<Credential | null> {
  if (!account) return null;
  return tx.credential.findFirst({
    where: {
      projectId: request.projectId,
      userId: request.userId,
      authConfigId: request.authConfigId,
      accountId: account.id,
      deletedAt: null,
      health: { not: "REVOKED" },
    },
    orderBy: { createdAt: "desc" },
  });
}

/** A re-authorization that comes back as another account is refused, never swapped in silently. Throws Failure. */
function checkAccount(
  request: ConnectionRequest,
  known: Credential | null,
  account: ProviderIdentity | null,
  ownClientId: string | null,
): void {
  if (!known) {
    throw new Failure({
      ...INTERNAL,
      code: "CONFIG_CHANGED",
      message: "The credential was revoked or deleted in the meantime.",
      remedy: "Connect the account anew.",
      retryable: false,
    });
  }
  // What belongs to the app itself belongs to it under a new client id, too.
  if (request.flow === "CLIENT_CREDENTIALS" && known.accountId === ownClientId) return;
  if (known.accountId && account && known.accountId !== account.id) {
    throw new Failure({
      code: "ACCOUNT_MISMATCH",
      message: `This credential belongs to ${known.accountName ?? known.accountEmail ?? "another account"}, and you signed in as ${account.name ?? account.email ?? "somebody else"}.`,
      remedy: "Sign in at the provider with the account of this credential, or connect the other one as a credential of its own.",
      retryable: true,
    });
  }
  if (known.accountId !== account?.id && !request.allowUnverified) {
    throw new Failure({
      code: "ACCOUNT_UNVERIFIABLE",
      message: "The provider does not tell whose account this is, so it can't be seen whether it is the same one as before.",
      remedy:
        "Have your back end call reauthorizeCredential with allowUnverifiedAccount, or connect the account as a new credential.",
      retryable: false,
    });
  }
}

function alreadyConnected(known: Credential): FailureDetails {
  return {
    code: "ACCOUNT_ALREADY_CONNECTED",
    message: `The account ${known.accountName ?? known.accountEmail ?? known.accountId} is connected already.`,
    remedy: "Use the present credential, or choose another account at the provider.",
    retryable: true,
  };
}

/** Whose client obtained a credential's tokens. */
async function ownClient(tx: Tx, { projectId, id }: Credential): Promise<string | null> {
  const grant = await tx.grant.findFirst({ where: { projectId, credentialId: id }, select: { clientId: true } });
  return grant?.clientId ?? null;
}
