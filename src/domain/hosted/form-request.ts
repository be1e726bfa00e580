import { randomBytes, timingSafeEqual } from "node:crypto";
import type { FieldDefinition } from "../../catalogue/types.ts";
import type { ConnectionRequest, Opening } from "../../db/generated/client.ts";
import { type InputIssue, InvalidInputError, RequestError, TestFailedError, UserError } from "../../lib/errors.ts";
import { Failure } from "../../lib/failure.ts";
import { newId } from "../../lib/ids.ts";
import type { AuditActor } from "../audit.ts";
import { fieldParameters } from "../auth-config-view.ts";
import { isMuted, type RequestWithParties, requestWithParties } from "../connection-parties.ts";
import { presentRequest, transition } from "../connection-request.ts";
import { noteDenial } from "../denials.ts";
import { draftCredential } from "../draft-credential.ts";
import { endRequest, recordStep } from "../fail-request.ts";
import { countAttempt } from "../hosted-attempts.ts";
import { presetsOf } from "../oauth-client.ts";
import { firstOf } from "../retries.ts";
import type { Services } from "../services.ts";
import { fieldsToType } from "../typed-fields.ts";
import { proveForm, RequestOverError, storeForm } from "./form-complete.ts";
import { formFields, readForm } from "./form-values.ts";
import { cookieName, hash, type Outcome } from "./opening.ts";
import { type FormError, failurePage, formPage, type PageModel, pageOf, refusedCallback } from "./page-model.ts";
import { askProduct } from "./person.ts";
import { linksOf } from "./request-links.ts";
import { settled } from "./settled.ts";

/** How long an open page may be filled in; its request lives at least as long from the moment that it is opened. */
const FORM_SECONDS = 600;

interface Visit {
  /** The link's. */
  token: string;
  cookies: Record<string, string>;
  ip: string | null;
}

/** The page that asks for what a user has to type. Looking at it consumes nothing; several browsers may. */
export async function openForm(services: Services, parties: RequestWithParties, visit: Visit): Promise<Outcome> {
  const muted = isMuted(parties);
  if (muted) return { page: failurePage(services, parties, muted) };
  if (!(await noteOpened(services, parties.request, visit.ip)))
    return { page: pageOf(services, (await requestWithParties(services, parties.request.id))!) };
  const name = cookieName(services, visit.token);
  // One for all of this browser's windows, so that the first one's form is good after the second was opened.
  const value = visit.cookies[name]?.match(/^[\w-]{43}$/)?.[0] ?? randomBytes(32).toString("base64url");
  return draw(services, parties, { name, value }, await presentValues(services, parties));
}

/** AUTHORIZING, and ten minutes for it, whatever was left. False where the request is past that. */
export async function noteOpened(
  services: Services,
  request: ConnectionRequest,
  ip: string | null,
  by?: AuditActor,
): Promise<boolean> {
  return services.database.transact(async (tx) => {
    const enough = new Date(tx.now.getTime() + FORM_SECONDS * 1000);
    const expiresAt = request.expiresAt > enough ? request.expiresAt : enough;
    if (await transition(tx, request, ["PENDING"], "AUTHORIZING", { expiresAt })) {
      await recordStep(tx, request, "opened", ip, by);
      return true;
    }
    const { count } = await tx.connectionRequest.updateMany({
      where: { projectId: request.projectId, id: request.id, status: "AUTHORIZING", expiresAt: { gt: tx.now } },
      data: { expiresAt, updatedAt: tx.now },
    });
    return count === 1;
  });
}

/** The button of the form. What is wrong is said beside the fields, with everything but secrets still in them. */
export async function submitForm(
  services: Services,
  parties: RequestWithParties,
  visit: Visit,
  form: URLSearchParams,
): Promise<Outcome> {
  const { request, project } = parties;
  const name = cookieName(services, visit.token);
  const cookie = visit.cookies[name] ?? "";
  const stranger = strangersPage(services, request, { handle: form.get("handle") ?? "", cookie, ip: visit.ip });
  if (stranger) return { page: stranger };
  if (presentRequest(request, parties.now).status !== "AUTHORIZING") return settled(services, request.id);
  const muted = isMuted(parties);
  if (muted) return { page: failurePage(services, parties, muted) };
  if (form.get("decision") === "refuse") {
    await endRequest(services, request, { from: ["AUTHORIZING"], to: "CANCELED", ip: visit.ip });
    return settled(services, request.id);
  }
  const { values, issues } = readForm(await fieldsOfForm(services, parties), form);
  try {
    if (issues.length > 0) throw new InvalidInputError(issues);
    countAttempt({ userId: request.userId, requestId: firstOf(request) });
    if (project.verifyUrl) return await leaveToProduct(services, parties, values, cookie, visit.ip);
    await storeForm(services, request, await proveForm(services, parties, values), { from: "AUTHORIZING", ip: visit.ip });
  } catch (error) {
    if (error instanceof RequestOverError) return settled(services, request.id);
    const wrong = whatIsWrong(error);
    if (!wrong) throw error;
    return draw(services, parties, { name, value: cookie }, values, wrong);
  }
  return settled(services, request.id);
}

/** A page to show instead where the form is not one that this browser was given for this request a short while ago; else null. */
function strangersPage(
  services: Services,
  { projectId, id }: ConnectionRequest,
  { handle, cookie, ip }: { handle: string; cookie: string; ip: string | null },
): PageModel | null {
  const sealed = services.vault.openHandle(handle) as { form?: string; browser?: string } | null;
  if (sealed?.form !== id) return { ...refusedCallback("PAGE_RAN_OUT"), kind: "EXPIRED" };
  const expected = Buffer.from(sealed.browser ?? "", "base64url");
  const given = hash(cookie);
  if (expected.length === given.length && timingSafeEqual(expected, given)) return null;
  const stranger = { projectId, actorType: null, actorId: null, actorLabel: "another browser", ip };
  const target = { targetType: "ConnectionRequest" as const, targetId: id };
  noteDenial(services, id, stranger, { ...target, details: { reason: "BROWSER_MISMATCH" } });
  return refusedCallback("FORM_BROWSER_MISMATCH");
}

/** The values are sealed until the product has said who is at the browser; the third party is not asked before. */
export async function leaveToProduct(
  services: Services,
  parties: RequestWithParties,
  values: object,
  cookie: string,
  ip: string | null,
): Promise<Outcome> {
  const { request, authConfig } = parties;
  await draftCredential(services, authConfig, values);
  const opening = await storeOpening(services, request, cookie);
  return askProduct(services, parties, opening, new URLSearchParams({ fields: JSON.stringify(values) }), ip);
}

function storeOpening(services: Services, request: ConnectionRequest, cookie: string): Promise<Opening> {
  return services.database.transact((tx) =>
    tx.opening.create({
      data: {
        id: newId(),
        projectId: request.projectId,
        requestId: request.id,
        connectorSlug: request.connectorSlug,
        // Nothing comes back with a state here: one that nobody knows.
        stateHash: hash(randomBytes(32).toString("base64url")),
        browserHash: hash(cookie),
        // Nothing comes back to it either; the link itself is nobody's to read here.
        redirectUri: `${services.publicUrl}/connect`,
        expiresAt: new Date(tx.now.getTime() + FORM_SECONDS * 1000),
        createdAt: tx.now,
      },
    }),
  );
}

async function fieldsOfForm(services: Services, { authConfig, connector }: RequestWithParties): Promise<FieldDefinition[]> {
  const known = { ...fieldParameters(authConfig), ...(await presetsOf(services, authConfig)) };
  return fieldsToType(authConfig, connector, known);
}

/** What is no secret of a credential that is entered anew: its owner need not look it up. */
async function presentValues(services: Services, { request }: RequestWithParties): Promise<Record<string, unknown>> {
  if (!request.credentialId) return {};
  const row = await services.database.prisma.credential.findFirst({
    where: { projectId: request.projectId, id: request.credentialId, deletedAt: null },
    select: { parameters: true },
  });
  return (row?.parameters ?? {}) as Record<string, unknown>;
}

interface Wrong {
  error: FormError;
  issues: InputIssue[];
}

/** The form, and the cookie that it is good with for as long as anybody may be at it. */
async function draw(
  services: Services,
  parties: RequestWithParties,
  cookie: { name: string; value: string },
  values: Record<string, unknown>,
  wrong: Wrong | null = null,
): Promise<Outcome> {
  const browser = Buffer.from(hash(cookie.value)).toString("base64url");
  const handle = services.vault.sealHandle({ form: parties.request.id, browser }, FORM_SECONDS);
  const fields = formFields(await fieldsOfForm(services, parties), values, wrong?.issues);
  const action = new URL(linksOf(services, parties.request.id).connectUrl).pathname;
  const page = formPage(parties, { action, handle, fields, error: wrong?.error ?? null });
  return { page, setCookie: { ...cookie, maxAgeSeconds: FORM_SECONDS } };
}

/** What a person can do something about; null: a bug or an outage. */
function whatIsWrong(error: unknown): Wrong | null {
  if (error instanceof InvalidInputError) return { error: { key: "INVALID" }, issues: error.issues };
  if (error instanceof TestFailedError) {
    const { message, remedy } = error.result;
    return { error: { key: "NOT_SAVED", message: `${message}${remedy ? ` ${remedy}` : ""}` }, issues: [] };
  }
  if (error instanceof Failure)
    return { error: { key: "OTHER", message: `${error.details.message} ${error.details.remedy}` }, issues: [] };
  const isPlain = error instanceof UserError || (error instanceof RequestError && error.code === "RATE_LIMITED");
  return isPlain ? { error: { key: "OTHER", message: error.message }, issues: [] } : null;
}
