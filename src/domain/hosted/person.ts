import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { ConnectionRequest, Opening } from "../../db/generated/client.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../../lib/errors.ts";
import type { FailureDetails } from "../../lib/failure.ts";
import { Secret } from "../../lib/secret.ts";
import { recordAudit } from "../audit.ts";
import { assertApiKey, assertMay } from "../caller.ts";
import { type RequestWithParties, requestWithParties } from "../connection-parties.ts";
import { transition } from "../connection-request.ts";
import { exchange } from "../exchange.ts";
import { type Claim, endRequest, recordStep } from "../fail-request.ts";
import { parseInput } from "../input.ts";
import { flowAddress, forgetOpening } from "../opening-secrets.ts";
import { isForm } from "../request-flow.ts";
import type { Context, Services } from "../services.ts";
import { findUser, type UserRef } from "../user-ref.ts";
import { finishForm } from "./form-complete.ts";
import { claimOpening, hash, type Outcome } from "./opening.ts";
import { settled } from "./settled.ts";

const VERIFICATION_SECONDS = 300;

const WRONG_PERSON: FailureDetails = {
  code: "USER_MISMATCH",
  message: "Somebody other than the user who started this connection has finished it.",
  remedy: "Nothing was connected. Start again while signed in to the product as the right user, and do not forward the link.",
  retryable: false,
};

/**
 * Keeps the provider's answer sealed and sends the browser to the product, which knows its own signed-in user: its back end calls
 * `confirmConnection` with the one-time `verification`. The code is not redeemed before.
 */
export async function askProduct(
  services: Services,
  parties: RequestWithParties,
  opening: Opening,
  parameters: URLSearchParams,
  ip: string | null,
): Promise<Outcome> {
  const { request, project } = parties;
  const verification = randomBytes(32).toString("base64url");
  const won = await services.database.transact(async (tx) => {
    const verificationExpiresAt = new Date(tx.now.getTime() + VERIFICATION_SECONDS * 1000);
    const claim = claimOpening(opening, { verificationHash: hash(verification), verificationExpiresAt });
    if (!(await claim(tx))) return false;
    // Of a request that was about to run out the verification's five minutes are left.
    const expiresAt = request.expiresAt > verificationExpiresAt ? request.expiresAt : verificationExpiresAt;
    if (!(await transition(tx, request, ["AUTHORIZING"], "VERIFYING", { expiresAt }))) return false;
    await recordStep(tx, request, "verifying", ip);
    await services.vault.seal(tx, { ...flowAddress(request, opening.id), column: "callback" }, new Secret(parameters.toString()));
    return true;
  });
  if (!won) return settled(services, request.id, opening.inWindow);
  const url = new URL(project.verifyUrl!);
  url.searchParams.set("verification", verification);
  return { redirectTo: url.href };
}

const schema = z.object({ verification: z.string(), user: z.custom<UserRef>() });

/** The product's back end says who is at the browser. Another user than the one who started: USER_MISMATCH, and the code is never redeemed. */
export async function confirmConnection(
  ctx: Context,
  raw: { verification: string; user: UserRef },
): Promise<{ connectionRequest: ConnectionRequest }> {
  assertApiKey(ctx);
  assertMay(ctx, "CONNECTION_INITIATE");
  const input = parseInput(schema, raw);
  const { services, caller } = ctx;
  const { prisma } = services.database;
  const opening = await prisma.opening.findFirst({
    where: { projectId: caller.projectId, verificationHash: hash(input.verification) },
  });
  const parties = opening && (await requestWithParties(services, opening.requestId));
  if (!opening || !parties)
    throw new NotFoundError(
      "There is no such verification. It is the `verification` parameter of the request to your verify URL.",
    );
  const user = await findUser(ctx, services.database.prisma, input.user);
  if (!user) throw InvalidInputError.at(["user"], "NOT_FOUND", "There is no such user.");
  const { request } = parties;
  const claim = claimVerification(ctx, opening);
  if (request.userId && request.userId !== user.id) {
    await endRequest(services, request, { from: ["VERIFYING"], to: "FAILED", failure: WRONG_PERSON, ip: caller.ip, claim });
    await forgetOpening(services, opening);
  } else {
    await redeem(services, parties, opening, caller.ip, claim);
  }
  return { connectionRequest: (await requestWithParties(services, opening.requestId))!.request };
}

/** One-time, five minutes: of two calls one goes on. */
function claimVerification(ctx: Context, opening: Opening): Claim {
  return async (tx) => {
    const { count } = await tx.opening.updateMany({
      where: { projectId: opening.projectId, id: opening.id, verifiedAt: null, verificationExpiresAt: { gt: tx.now } },
      data: { verifiedAt: tx.now },
    });
    if (count !== 1)
      throw new ConflictError(
        "CONFLICT",
        "This verification was used already, or its five minutes are over. Let the user start again.",
      );
    await recordAudit(tx, ctx, {
      action: "connection_request.confirmed",
      targetType: "ConnectionRequest",
      targetId: opening.requestId,
    });
    return true;
  };
}

async function redeem(services: Services, parties: RequestWithParties, opening: Opening, ip: string | null, claim: Claim) {
  const sealed = await services.vault.open(services.database, {
    ...flowAddress(parties.request, opening.id),
    column: "callback",
  });
  const parameters = new URLSearchParams(sealed?.reveal() ?? "");
  if (!isForm(parties.request)) return exchange(services, { parties, opening, parameters, ip, claim });
  await finishForm(services, { parties, opening, values: JSON.parse(parameters.get("fields") ?? "{}"), ip, claim });
}
