import type { Tx } from "../db/database.ts";
import type { ConnectionRequest, Credential, Opening } from "../db/generated/client.ts";
import { Failure, type FailureDetails } from "../lib/failure.ts";
import { newId } from "../lib/ids.ts";
import { oauth2 } from "../schemes/index.ts";
import type { ProviderIdentity, TokenSet } from "../schemes/oauth2/types.ts";
import { recordAuditAs } from "./audit.ts";
import { isMuted, type RequestWithParties } from "./connection-parties.ts";
import { transition } from "./connection-request.ts";
import { storeNewGrant, updateGrant } from "./credential-tokens.ts";
import { acquitConfig, type Claim, endRequest, requestActor } from "./fail-request.ts";
import { type OAuthParty, oauthClientFor } from "./oauth-client.ts";
import { type FlowSecrets, flowAddress, forgetOpening } from "./opening.ts";
import { lockOwner } from "./row-lock.ts";
import type { Services } from "./services.ts";

export interface ExchangeInput {
  parties: RequestWithParties;
  opening: Opening;
  /** The provider's answer at the redirect URI. */
  parameters: URLSearchParams;
  ip: string | null;
  /** Decides who redeems, in the transaction that begins it. */
  claim: Claim;
}

/** Redeems the code and stores what comes of it. Whatever happens, the request ends: ACTIVE, or FAILED with a reason. */
export async function exchange(services: Services, input: ExchangeInput): Promise<void> {
  const { request } = input.parties;
  const begun = await services.database.transact(async (tx) => (await input.claim(tx)) && begin(tx, request));
  if (!begun) return;
  try {
    const got = await redeemCode(services, input);
    await services.database.transact((tx) => complete(tx, services, input, got));
  } catch (error) {
    const known = error instanceof Failure;
    // The log takes name, message and stack only: tokens can hang on an error of the exchange.
    if (!known)
      services.log.error(
        { requestId: request.id, err: error instanceof Error ? error : undefined },
        "the exchange of a code failed",
      );
    const failure = known ? error.details : INTERNAL;
    await endRequest(services, request, { from: ["EXCHANGING"], to: "FAILED", failure, ip: input.ip, fromProvider: true });
  } finally {
    await forgetOpening(services, input.opening);
  }
}

/** Whoever pressed the button in the last second of the request shall still see the provider's answer. */
async function begin(tx: Tx, request: ConnectionRequest): Promise<boolean> {
  const enough = new Date(tx.now.getTime() + EXCHANGE_SECONDS * 1000);
  const present = await tx.connectionRequest.findFirst({
    where: { projectId: request.projectId, id: request.id },
    select: { expiresAt: true },
  });
  const expiresAt = present && present.expiresAt > enough ? present.expiresAt : enough;
  return (await transition(tx, request, ["AUTHORIZING", "VERIFYING"], "EXCHANGING", { expiresAt })) !== null;
}

const EXCHANGE_SECONDS = 60;

const INTERNAL: FailureDetails = {
  code: "INTERNAL",
  message: "Something went wrong on our side while the account was being connected.",
  remedy: "Start again. If it happens once more, tell whoever runs this service.",
  retryable: true,
};

interface Exchanged {
  party: OAuthParty;
  tokens: TokenSet;
  account: ProviderIdentity | null;
}

async function redeemCode(services: Services, { parties, opening, parameters }: ExchangeInput): Promise<Exchanged> {
  const { request } = parties;
  const muted = isMuted(parties);
  if (muted) throw new Failure(muted);
  const sealed = await services.vault.open(services.database, flowAddress(request, opening.id));
  const flow = JSON.parse(sealed!.reveal()) as FlowSecrets;
  const party = await oauthClientFor(services, parties.authConfig, request.parameters);
  const client = { ...party.client, redirectUri: opening.redirectUri };
  const { fetch } = services.egress;
  const answerAddress = { ...flowAddress(request, opening.id), column: "answer" };
  const tokens = await oauth2.complete({
    client,
    parameters,
    ...flow,
    fetch,
    // A code can be redeemed once: what came for it is safe before anything looks at it.
    onRawAnswer: (body) => services.database.transact((tx) => services.vault.seal(tx, answerAddress, body)),
  });
  const values = { ...client.values, ...tokens.discovered };
  const account = await oauth2.identify({ client: { ...client, values }, tokens, fetch });
  return { party, tokens, account };
}

/** Tokens, credential, history, request, audit and announcement, in one transaction. */
async function complete(
  tx: Tx,
  services: Services,
  { parties, ip }: ExchangeInput,
  { party, tokens, account }: Exchanged,
): Promise<void> {
  const { request, authConfig } = parties;
  await lockOwner(tx, request);
  const known = request.credentialId ? await presentCredential(tx, request) : await sameAccount(tx, request, account);
  if (request.kind === "REAUTHORIZE") checkAccount(request, known, account);
  if (request.kind === "CONNECT" && known && request.ifAccountExists === "REFUSE") throw new Failure(alreadyConnected(known));
  const reuse = request.kind === "REAUTHORIZE" || request.ifAccountExists === "UPDATE" ? known : null;
  const grant = { request, authConfig, party, tokens, account };
  const credential = reuse ? await updateGrant(tx, services, reuse, grant) : await storeNewGrant(tx, services, newId(), grant);
  const done = await transition(tx, request, ["EXCHANGING"], "ACTIVE", { credentialId: credential.id });
  // It was cancelled, or ran out, while the provider answered: then nothing of it stays.
  if (!done)
    throw new Failure({ ...INTERNAL, code: "STATE_MISMATCH", message: "The request had ended before the provider answered." });
  await acquitConfig(tx, authConfig);
  const actor = requestActor(request, ip);
  const action = reuse ? "credential.reauthorized" : "credential.connected";
  await recordAuditAs(tx, actor, {
    action,
    targetType: "Credential",
    targetId: credential.id,
    details: { connector: request.connectorSlug, scopes: tokens.grantedScopes, connectionRequest: request.id },
  });
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
function checkAccount(request: ConnectionRequest, known: Credential | null, account: ProviderIdentity | null): void {
  if (!known) {
    throw new Failure({
      ...INTERNAL,
      code: "CONFIG_CHANGED",
      message: "The credential was revoked or deleted in the meantime.",
      remedy: "Connect the account anew.",
      retryable: false,
    });
  }
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
