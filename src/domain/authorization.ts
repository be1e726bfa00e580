import type { Opening } from "../db/generated/client.ts";
import { Failure } from "../lib/failure.ts";
import { oauth2 } from "../schemes/index.ts";
import { type RequestWithParties, requestWithParties } from "./connection-parties.ts";
import { isFinished, presentRequest } from "./connection-request.ts";
import { exchange } from "./exchange.ts";
import { cancelAtBrowser, denyRequest, failRequest } from "./fail-request.ts";
import { oauthClientFor } from "./oauth-client.ts";
import { hash, isSameBrowser, type Outcome, partiesOfLink } from "./opening.ts";
import { confirmPage, type PageModel, pageOf, refusedCallback, unknownLink } from "./page-model.ts";
import { askProduct } from "./person.ts";
import type { Services } from "./services.ts";

export { type Cookie, type Outcome, openLink } from "./opening.ts";
export type { PageModel } from "./page-model.ts";

export interface CallbackInput {
  /** The last segment of the redirect URI: each connector has its own (RFC 9700 section 4.4.2.2). */
  connectorKey: string;
  parameters: URLSearchParams;
  cookies: Record<string, string>;
  ip: string | null;
}

const STRANGE = "This answer belongs to no connection that was started in this browser.";
const CONFIRM_SECONDS = 600;

/** The page behind `connectUrl`: what will be connected, or what has come of it. */
export async function connectPage(services: Services, input: { token: string }): Promise<PageModel> {
  const parties = await partiesOfLink(services, input.token);
  return parties ? pageOf(services, parties) : unknownLink();
}

/**
 * What the provider sent the browser back with. Whatever is not exactly the answer to a flow of this very browser changes nothing;
 * an answer that came already shows what became of it.
 */
export async function receiveCallback(services: Services, input: CallbackInput): Promise<Outcome> {
  const found = await findOpening(services, input);
  if ("page" in found) return found;
  const { opening, parties } = found;
  if (opening.consumedAt || isFinished(presentRequest(parties.request, parties.now).status)) return settled(services, parties);
  const { request } = parties;
  try {
    const { client } = await oauthClientFor(services, parties.authConfig, request.parameters);
    const check = oauth2.checkCallback({ ...client, redirectUri: opening.redirectUri }, input.parameters);
    if (check.outcome === "DENIED") {
      if (await consume(services, opening)) await denyRequest(services, request, input.ip);
      return settled(services, parties);
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (await consume(services, opening)) await failRequest(services, request, error.details, ["AUTHORIZING"], input.ip);
    return settled(services, parties);
  }
  if (parties.project.verifyUrl) return askProduct(services, parties, opening, input.parameters);
  // The click is the consumption: a reload of this page, or a scanner's GET, takes nothing away.
  const handle = services.vault.sealHandle({ opening: opening.id, parameters: input.parameters.toString() }, CONFIRM_SECONDS);
  return { page: confirmPage(parties, handle) };
}

/** The click on the confirming page: the person at the browser says that it is they who connect this account. */
export async function submitPerson(
  services: Services,
  input: { handle: string; confirm: boolean; cookies: Record<string, string>; ip: string | null },
): Promise<Outcome> {
  const sealed = services.vault.openHandle(input.handle) as { opening: string; parameters: string } | null;
  if (!sealed?.opening) return { page: { ...refusedCallback("This page has run out."), kind: "EXPIRED" } };
  const parameters = new URLSearchParams(sealed.parameters);
  const found = await checkOpening(services, { id: sealed.opening }, parameters, input.cookies);
  if ("page" in found) return found;
  const { opening, parties } = found;
  if (!(await consume(services, opening))) return settled(services, parties);
  if (input.confirm) await exchange(services, { parties, opening, parameters, ip: input.ip });
  else await cancelAtBrowser(services, parties.request, input.ip);
  return settled(services, parties);
}

type Found = { opening: Opening; parties: RequestWithParties };

async function findOpening(services: Services, input: CallbackInput): Promise<Found | { page: PageModel }> {
  const states = input.parameters.getAll("state");
  if (states.length !== 1 || !states[0]) return { page: refusedCallback(STRANGE) };
  const found = await checkOpening(services, { stateHash: hash(states[0]) }, input.parameters, input.cookies);
  if ("page" in found) return found;
  // Another connector's redirect URI: an answer must not be replayed into another provider's flow.
  const expected = new URL(found.opening.redirectUri).pathname.split("/").at(-1);
  return expected === encodeURIComponent(input.connectorKey) ? found : { page: refusedCallback(STRANGE) };
}

async function checkOpening(
  services: Services,
  which: { id: string } | { stateHash: Uint8Array<ArrayBuffer> },
  parameters: URLSearchParams,
  cookies: Record<string, string>,
): Promise<Found | { page: PageModel }> {
  const opening = await services.database.prisma.opening.findUnique({ where: which });
  const parties = opening && (await requestWithParties(services, opening.requestId));
  if (!opening || !parties) return { page: refusedCallback(STRANGE) };
  if (!isSameBrowser(services, opening, parameters.get("state") ?? "", cookies)) {
    return {
      page: refusedCallback(
        `${STRANGE} (BROWSER_MISMATCH: it was started in another browser, or this one does not keep cookies.)`,
      ),
    };
  }
  if (opening.expiresAt <= parties.now && !opening.consumedAt)
    return { page: { ...refusedCallback("This took too long."), kind: "EXPIRED" } };
  return { opening, parties };
}

/** The one UPDATE that decides who redeems: of a hundred identical callbacks one gets true. */
export async function consume(services: Services, opening: Opening): Promise<boolean> {
  return services.database.transact(async (tx) => {
    const { count } = await tx.opening.updateMany({
      where: { projectId: opening.projectId, id: opening.id, consumedAt: null, expiresAt: { gt: tx.now } },
      data: { consumedAt: tx.now },
    });
    return count === 1;
  });
}

/** Where the browser goes with what the request has come to: back to the product, or to a page of ours. */
async function settled(services: Services, before: RequestWithParties): Promise<Outcome> {
  const parties = (await requestWithParties(services, before.request.id))!;
  const page = pageOf(services, parties);
  return page.returnTo && !page.popup ? { redirectTo: page.returnTo } : { page };
}
