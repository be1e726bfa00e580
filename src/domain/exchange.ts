import type { Tx } from "../db/database.ts";
import type { ConnectionRequest, Opening } from "../db/generated/client.ts";
import { Failure } from "../lib/failure.ts";
import { isMuted, type RequestWithParties } from "./connection-parties.ts";
import { type ConnectionStatus, transition } from "./connection-request.ts";
import type { Claim } from "./fail-request.ts";
import { keepTokens, type Redeemed } from "./keep-tokens.ts";
import { flowAddress, flowSecrets, forgetOpening } from "./opening-secrets.ts";
import { redirectFlow } from "./redirect-flow.ts";
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
  const begun = await services.database.transact(
    async (tx) => (await input.claim(tx)) && beginExchange(tx, request, ["AUTHORIZING", "VERIFYING"]),
  );
  if (!begun) return;
  try {
    await keepTokens(services, input, () => redeemCode(services, input));
  } finally {
    await forgetOpening(services, input.opening);
  }
}

const EXCHANGE_SECONDS = 60;

/** False where it has ended. Whoever acted in the last second of the request shall still see the provider's answer. */
export async function beginExchange(tx: Tx, request: ConnectionRequest, from: ConnectionStatus[]): Promise<boolean> {
  const enough = new Date(tx.now.getTime() + EXCHANGE_SECONDS * 1000);
  const present = await tx.connectionRequest.findFirst({
    where: { projectId: request.projectId, id: request.id },
    select: { expiresAt: true },
  });
  const expiresAt = present && present.expiresAt > enough ? present.expiresAt : enough;
  return (await transition(tx, request, from, "EXCHANGING", { expiresAt })) !== null;
}

async function redeemCode(services: Services, { parties, opening, parameters }: ExchangeInput): Promise<Redeemed> {
  const { request } = parties;
  const muted = isMuted(parties);
  if (muted) throw new Failure(muted);
  const secrets = await flowSecrets(services, request, opening);
  const flow = await redirectFlow(services, parties, opening.redirectUri);
  const answerAddress = { ...flowAddress(request, opening.id), column: "answer" };
  return flow.redeem({
    parameters,
    secrets: secrets!,
    // A code can be redeemed once: what came for it is safe before anything looks at it.
    onRawAnswer: (body) => services.database.transact((tx) => services.vault.seal(tx, answerAddress, body)),
  });
}
