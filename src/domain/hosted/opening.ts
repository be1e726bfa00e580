import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { ConnectionRequest, Opening } from "../../db/generated/client.ts";
import { announce } from "../../events/announce.ts";
import { Failure } from "../../lib/failure.ts";
import { newId } from "../../lib/ids.ts";
import { Secret } from "../../lib/secret.ts";
import { accusesConfig } from "../accusation.ts";
import { isMuted, type RequestWithParties, requestWithParties } from "../connection-parties.ts";
import { presentRequest, transition } from "../connection-request.ts";
import { type Claim, endRequest, recordStep } from "../fail-request.ts";
import { flowAddress } from "../opening-secrets.ts";
import { type FlowSecrets, redirectFlow } from "../redirect-flow.ts";
import { isRedirect } from "../request-flow.ts";
import { firstOf, ofChain } from "../retries.ts";
import type { Services } from "../services.ts";
import { endedPage, failurePage, type PageModel, pageOf, unknownLink } from "./page-model.ts";
import { linksOf } from "./request-links.ts";

/** Each opening of a link has this long, whatever is left of its request. */
const OPENING_SECONDS = 600;

export interface Cookie {
  name: string;
  value: string;
  maxAgeSeconds: number;
}

/** `beside`: what is shown instead to a browser that has something else to go back to. */
export type Outcome = ({ redirectTo: string; beside?: PageModel } | { page: PageModel }) & { setCookie?: Cookie };

export interface LinkOpening {
  token: string;
  ip: string | null;
  /** The hosted page has opened a window for it, and tells the end of it itself. */
  inWindow: boolean;
}

/**
 * Sends a browser on to the provider: state, nonce, verifier and cookie of its own for each opening, so that openings don't shut each
 * other out. Nothing is consumed: a mail scanner that follows the link takes nothing from the person it was meant for.
 */
export async function openLink(services: Services, input: LinkOpening): Promise<Outcome> {
  const parties = await partiesOfLink(services, input.token);
  if (!parties) return { page: unknownLink() };
  const { request } = parties;
  const present = presentRequest(request, parties.now);
  if (!["PENDING", "AUTHORIZING"].includes(present.status)) return { page: pageOf(services, parties) };
  if (!isRedirect(request)) return { redirectTo: linksOf(services, request.id).connectUrl };
  const muted = isMuted(parties);
  if (muted) return { page: failurePage(services, parties, muted, input.inWindow) };
  const minted: FlowSecrets = {
    state: randomBytes(32).toString("base64url"),
    nonce: randomBytes(32).toString("base64url"),
    codeVerifier: randomBytes(48).toString("base64url"),
    scopes: request.requestedScopes,
  };
  try {
    const flow = await redirectFlow(services, parties);
    const { url, secrets } = await flow.begin(minted);
    const cookie = await storeOpening(services, request, secrets, flow.redirectUri, input);
    if (!cookie) return { page: pageOf(services, await refetch(services, request)) };
    return { redirectTo: url, setCookie: cookie };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { details } = error;
    // What may pass leaves the request as it is: the same link works a moment later.
    if (details.retryable) return { page: failurePage(services, parties, details, input.inWindow) };
    await endRequest(services, request, {
      from: ["PENDING", "AUTHORIZING"],
      to: "FAILED",
      failure: details,
      ip: input.ip,
      fromProvider: accusesConfig(parties),
    });
    return { page: endedPage(services, await refetch(services, request), details, input.inWindow) };
  }
}

async function refetch(services: Services, request: ConnectionRequest): Promise<RequestWithParties> {
  return (await requestWithParties(services, request.id))!;
}

/** The request behind a link, with everyone it concerns: the newest, where it was tried again. Null where the link is not one of ours. */
export async function partiesOfLink(services: Services, token: string): Promise<RequestWithParties | null> {
  const id = services.vault.readLinkToken("request", token);
  const parties = id ? await requestWithParties(services, id) : null;
  if (!parties?.request.retriedById) return parties;
  const { projectId } = parties.request;
  const newest = await services.database.prisma.connectionRequest.findFirst({
    where: { projectId, retriedById: null, ...ofChain(firstOf(parties.request)) },
    select: { id: true },
  });
  return newest && requestWithParties(services, newest.id);
}

/** Null where the request ended in the meantime. */
async function storeOpening(
  services: Services,
  request: ConnectionRequest,
  minted: FlowSecrets,
  redirectUri: string,
  { ip, inWindow }: LinkOpening,
): Promise<Cookie | null> {
  const id = newId();
  const browser = randomBytes(32).toString("base64url");
  return services.database.transact(async (tx) => {
    const expiresAt = new Date(tx.now.getTime() + OPENING_SECONDS * 1000);
    const later = request.expiresAt > expiresAt ? request.expiresAt : expiresAt;
    const opened =
      (await transition(tx, request, ["PENDING"], "AUTHORIZING", { expiresAt: later })) ??
      (
        await tx.connectionRequest.updateManyAndReturn({
          where: { projectId: request.projectId, id: request.id, status: "AUTHORIZING", expiresAt: { gt: tx.now } },
          data: { expiresAt: later, updatedAt: tx.now },
        })
      )[0];
    if (!opened) return null;
    await tx.opening.create({
      data: {
        id,
        projectId: request.projectId,
        requestId: request.id,
        connectorSlug: request.connectorSlug,
        stateHash: hash(minted.state),
        browserHash: hash(browser),
        redirectUri,
        inWindow,
        expiresAt,
        createdAt: tx.now,
      },
    });
    await services.vault.seal(tx, flowAddress(opened, id), new Secret(JSON.stringify(minted)));
    await recordStep(tx, opened, "opened", ip);
    await announce(tx, `request:${request.id}`);
    return { name: cookieName(services, minted.state), value: browser, maxAgeSeconds: OPENING_SECONDS };
  });
}

/** The one UPDATE that decides whose answer counts: of a hundred identical callbacks one gets true. */
export function claimOpening(
  opening: Opening,
  more: { verificationHash?: Uint8Array<ArrayBuffer>; verificationExpiresAt?: Date } = {},
): Claim {
  return async (tx) => {
    const { count } = await tx.opening.updateMany({
      where: { projectId: opening.projectId, id: opening.id, consumedAt: null, expiresAt: { gt: tx.now } },
      data: { consumedAt: tx.now, ...more },
    });
    return count === 1;
  };
}

export function hash(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(text).digest());
}

/** `__Host-` (RFC 6265bis 4.1.3.2) needs Secure, which a plain-http loopback cannot have. One name for each opening. */
export function cookieName(services: Services, state: string): string {
  const name = `moorline_${createHash("sha256").update(state).digest("hex").slice(0, 16)}`;
  return services.publicUrl.startsWith("https:") ? `__Host-${name}` : name;
}

/** Whether the browser that comes back is the browser that went. */
export function isSameBrowser(services: Services, opening: Opening, state: string, cookies: Record<string, string>): boolean {
  const value = cookies[cookieName(services, state)];
  return value !== undefined && timingSafeEqual(hash(value), opening.browserHash);
}
