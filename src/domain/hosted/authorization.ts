import type { OAuth2SchemeDefinition } from "../../catalogue/types.ts";
import type { Opening } from "../../db/generated/client.ts";
import { Failure } from "../../lib/failure.ts";
import { isMuted, type RequestWithParties, requestWithParties } from "../connection-parties.ts";
import { presentRequest } from "../connection-request.ts";
import { builtInConnector } from "../connector-view.ts";
import { noteDenial } from "../denials.ts";
import { exchange } from "../exchange.ts";
import { type Claim, type Ending, endRequest, recordStep } from "../fail-request.ts";
import { flowSecrets, forgetOpening } from "../opening-secrets.ts";
import { redirectFlow } from "../redirect-flow.ts";
import { isForm } from "../request-flow.ts";
import type { Services } from "../services.ts";
import { openForm, submitForm } from "./form-request.ts";
import { claimOpening, hash, isSameBrowser, type Outcome, partiesOfLink } from "./opening.ts";
import { confirmPage, failurePage, type PageModel, pageOf, refusedCallback, unknownLink } from "./page-model.ts";
import { askProduct } from "./person.ts";
import { settled } from "./settled.ts";

export { type Cookie, type Outcome, openLink } from "./opening.ts";
export type { FormModel, PageBrand, PageModel, PageText } from "./page-model.ts";

export interface CallbackInput {
  /** The last segment of the redirect URI: each connector has its own (RFC 9700 section 4.4.2.2). */
  connectorKey: string;
  parameters: URLSearchParams;
  cookies: Record<string, string>;
  ip: string | null;
}

const CONFIRM_SECONDS = 600;

/** The page behind `connectUrl`: what will be connected, the form for it where there is one, or what has come of it. */
export async function connectPage(services: Services, input: Link): Promise<Outcome> {
  const parties = await partiesOfLink(services, input.token);
  if (!parties) return { page: unknownLink() };
  const open = ["PENDING", "AUTHORIZING"].includes(presentRequest(parties.request, parties.now).status);
  return open && isForm(parties.request)
    ? openForm(services, parties, ofNewest(services, parties, input))
    : { page: pageOf(services, parties) };
}

/** What was typed into that form. */
export async function submitConnectPage(services: Services, input: Link & { form: URLSearchParams }): Promise<Outcome> {
  const parties = await partiesOfLink(services, input.token);
  if (!parties) return { page: unknownLink() };
  if (!isForm(parties.request)) return { page: pageOf(services, parties) };
  return submitForm(services, parties, ofNewest(services, parties, input), input.form);
}

/** A form belongs to the request that is open now, whichever of its links it was reached by. */
function ofNewest<Visit extends Link>(services: Services, { request }: RequestWithParties, visit: Visit): Visit {
  return { ...visit, token: services.vault.linkToken("request", request.id) };
}

export interface Link {
  token: string;
  cookies: Record<string, string>;
  ip: string | null;
}

/**
 * What the provider sent the browser back with. Whatever is not exactly the answer to a flow of this very browser changes nothing;
 * an answer that came already shows what became of it.
 */
export async function receiveCallback(services: Services, input: CallbackInput): Promise<Outcome> {
  const found = await findOpening(services, input);
  if ("page" in found) return found;
  const { opening, parties } = found;
  const { request } = parties;
  if (opening.consumedAt || presentRequest(request, parties.now).status !== "AUTHORIZING")
    return settled(services, request.id, opening.inWindow);
  const muted = isMuted(parties);
  if (muted) return { page: failurePage(services, parties, muted, opening.inWindow) };
  const end = async (ending: Pick<Ending, "to" | "failure">): Promise<Outcome> => {
    const claim = claimOpening(opening);
    const ended = await endRequest(services, request, { ...ending, from: ["AUTHORIZING"], ip: input.ip, claim });
    if (ended) await forgetOpening(services, opening);
    return settled(services, request.id, opening.inWindow);
  };
  try {
    const flow = await redirectFlow(services, parties, opening.redirectUri);
    const check = await flow.check(input.parameters, () => flowSecrets(services, request, opening));
    if (check.outcome === "DENIED") return await end({ to: "DENIED" });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return end({ to: "FAILED", failure: error.details });
  }
  if (parties.project.verifyUrl) return askProduct(services, parties, opening, input.parameters, input.ip);
  // The click is the consumption: a reload of this page, or a scanner's GET, takes nothing away.
  const { connectorKey } = input;
  const seen = { opening: opening.id, connectorKey, parameters: input.parameters.toString() };
  const handle = services.vault.sealHandle(seen, CONFIRM_SECONDS);
  return { page: confirmPage(parties, handle) };
}

/** The click on the confirming page: the person at the browser says that it is they who connect this account. */
export async function submitPerson(
  services: Services,
  input: { handle: string; confirm: boolean; cookies: Record<string, string>; ip: string | null },
): Promise<Outcome> {
  const sealed = services.vault.openHandle(input.handle) as { opening: string; connectorKey: string; parameters: string } | null;
  if (!sealed?.opening) return { page: { ...refusedCallback("PAGE_RAN_OUT"), kind: "EXPIRED" } };
  const parameters = new URLSearchParams(sealed.parameters);
  const found = await checkOpening(services, { id: sealed.opening }, { ...input, connectorKey: sealed.connectorKey, parameters });
  if ("page" in found) return found;
  const { opening, parties } = found;
  const { request } = parties;
  const claim = claimOpening(opening);
  const confirm: Claim = async (tx) => {
    if (!(await claim(tx))) return false;
    await recordStep(tx, request, "confirmed", input.ip);
    return true;
  };
  if (input.confirm) await exchange(services, { parties, opening, parameters, ip: input.ip, claim: confirm });
  else if (await endRequest(services, request, { from: ["AUTHORIZING"], to: "CANCELED", ip: input.ip, claim })) {
    await forgetOpening(services, opening);
  }
  return settled(services, request.id, opening.inWindow);
}

type Found = { opening: Opening; parties: RequestWithParties };

async function findOpening(services: Services, input: CallbackInput): Promise<Found | { page: PageModel }> {
  const states = input.parameters.getAll(stateName(services, input.connectorKey));
  if (states.length !== 1 || !states[0]) return { page: refusedCallback("STRANGE") };
  const found = await checkOpening(services, { stateHash: hash(states[0]) }, input);
  if ("page" in found) return found;
  // Another connector's redirect URI: an answer must not be replayed into another provider's flow.
  const expected = new URL(found.opening.redirectUri).pathname.split("/").at(-1);
  return expected === encodeURIComponent(input.connectorKey) ? found : { page: refusedCallback("STRANGE") };
}

/** What the connector's provider calls the state in its answer (RFC 6749 section 4.1.2). */
function stateName(services: Services, connectorKey: string): string {
  const named = builtInConnector(services, connectorKey)?.schemes.find(
    (scheme) => scheme.type === "OAUTH2" && scheme.authorizationParameterNames?.state !== undefined,
  );
  return (named as OAuth2SchemeDefinition | undefined)?.authorizationParameterNames?.state ?? "state";
}

async function checkOpening(
  services: Services,
  which: { id: string } | { stateHash: Uint8Array<ArrayBuffer> },
  { connectorKey, parameters, cookies, ip }: CallbackInput,
): Promise<Found | { page: PageModel }> {
  const opening = await services.database.prisma.opening.findUnique({ where: which });
  const parties = opening && (await requestWithParties(services, opening.requestId));
  if (!opening || !parties) return { page: refusedCallback("STRANGE") };
  if (!isSameBrowser(services, opening, parameters.get(stateName(services, connectorKey)) ?? "", cookies)) {
    const target = { targetType: "ConnectionRequest" as const, targetId: opening.requestId };
    const stranger = { projectId: opening.projectId, actorType: null, actorId: null, actorLabel: "another browser", ip };
    noteDenial(services, opening.id, stranger, { ...target, details: { reason: "BROWSER_MISMATCH" } });
    return { page: refusedCallback("BROWSER_MISMATCH") };
  }
  if (opening.expiresAt <= parties.now && !opening.consumedAt)
    return { page: { ...refusedCallback("TOOK_TOO_LONG"), kind: "EXPIRED" } };
  return { opening, parties };
}
