import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { ConnectionRequest } from "../../db/generated/client.ts";
import { ConflictError, NotFoundError } from "../../lib/errors.ts";
import { actorOf } from "../audit.ts";
import { assertMayFinish, isUserSession } from "../caller.ts";
import { isMuted, type RequestWithParties, requestWithParties } from "../connection-parties.ts";
import { findRequest, isFinished, presentRequest } from "../connection-request.ts";
import { draftCredential } from "../draft-credential.ts";
import { countAttemptOf } from "../hosted-attempts.ts";
import { fieldsField, parseInput } from "../input.ts";
import { isForm } from "../request-flow.ts";
import type { Context } from "../services.ts";
import { proveForm, RequestOverError, storeForm } from "./form-complete.ts";
import { leaveToProduct, noteOpened } from "./form-request.ts";

const schema = z.object({ id: z.string(), fields: fieldsField });

export interface SubmittedForm {
  connectionRequest: ConnectionRequest;
  /** Where the browser has to go before anything is stored, so that the product says who is at it; null: it is done. */
  verificationUrl: string | null;
}

/**
 * What the script-free form of a request does, for a page that draws its own: checks what was typed, tests it where the connector has a
 * test, stores it. Whatever is wrong leaves the request open. Throws InvalidInputError, TestFailedError, ProviderError, ConflictError.
 */
export async function submitConnectionForm(ctx: Context, raw: { id: string; fields?: unknown }): Promise<SubmittedForm> {
  assertMayFinish(ctx);
  const { id, fields } = parseInput(schema, raw);
  const { services, caller } = ctx;
  const row = await findRequest(ctx, id);
  const parties = row && (await requestWithParties(services, row.id));
  if (!parties) throw new NotFoundError("There is no such connection request. Check the id.");
  const { request, project, connector } = parties;
  if (!isForm(request))
    throw new ConflictError("CONFLICT", `${connector.name} is connected at the provider: send the browser to authorizationUrl.`);
  const muted = isMuted(parties);
  if (muted) throw new ConflictError("CONFLICT", `${muted.message} ${muted.remedy}`);
  // What does not fit is told before anything is touched.
  await draftCredential(services, parties.authConfig, fields);
  const by = actorOf(caller);
  if (!(await noteOpened(services, request, caller.ip, by))) throw await over(ctx, parties);
  countAttemptOf(ctx);
  try {
    if (project.verifyUrl && isUserSession(caller)) return await toProduct(ctx, parties, fields);
    await storeForm(services, request, await proveForm(services, parties, fields), { from: "AUTHORIZING", ip: caller.ip, by });
  } catch (error) {
    throw error instanceof RequestOverError ? await over(ctx, parties) : error;
  }
  return { connectionRequest: await present(ctx, parties), verificationUrl: null };
}

async function toProduct(ctx: Context, parties: RequestWithParties, fields: object): Promise<SubmittedForm> {
  // No form of ours is drawn, so no cookie of one is there to bind it to: the session is what it is bound to.
  const nobodys = randomBytes(32).toString("base64url");
  const outcome = await leaveToProduct(ctx.services, parties, fields, nobodys, ctx.caller.ip);
  const connectionRequest = await present(ctx, parties);
  if (connectionRequest.status !== "VERIFYING" || !("redirectTo" in outcome)) throw await over(ctx, parties);
  return { connectionRequest, verificationUrl: outcome.redirectTo };
}

async function present({ services }: Context, { request }: RequestWithParties): Promise<ConnectionRequest> {
  return (await requestWithParties(services, request.id))!.request;
}

async function over({ services }: Context, { request }: RequestWithParties): Promise<ConflictError> {
  const latest = (await requestWithParties(services, request.id))!;
  const { status } = presentRequest(latest.request, latest.now);
  return isFinished(status)
    ? new ConflictError("ALREADY_FINISHED", `This connection request has already ended with ${status}. Start a new one.`)
    : new ConflictError("CONFLICT", `This connection request is being finished (${status}). Watch connectionRequestUpdated.`);
}
