import type { Project } from "../../db/generated/client.ts";
import type { FailureDetails } from "../../lib/failure.ts";
import { encodeId } from "../../lib/ids.ts";
import { type RequestWithParties, userLabel } from "../connection-parties.ts";
import { type ConnectionStatus, presentRequest } from "../connection-request.ts";
import type { Branding } from "../project.ts";
import { goesOnByItself, isDevice, isForm, isRedirect } from "../request-flow.ts";
import type { Services } from "../services.ts";
import type { FormField } from "./form-values.ts";
import { linksOf, plainLinkOf } from "./request-links.ts";

/** What is said, which http/ has the words for. FAILED: what went wrong and what to do, in English; null: nobody knows. */
export type PageText =
  | {
      key:
        | ("START" | "FORM" | "FORM_AGAIN" | "DEVICE" | "CONFIRM" | "CHOICE" | "CHOICE_GONE")
        | ("WAIT" | "DONE" | "DENIED" | "CANCELED" | "RAN_OUT")
        | ("UNKNOWN_LINK" | "STRANGE" | "BROWSER_MISMATCH" | "FORM_BROWSER_MISMATCH")
        | ("PAGE_RAN_OUT" | "TOOK_TOO_LONG" | "ANSWER_TOO_LATE");
    }
  | { key: "FAILED"; failure: FailureDetails | null };

/** What a person at a browser is told; http/ draws it. WAIT: somebody else has to act, reload later. */
export interface PageModel {
  kind:
    | "START"
    | "CHOICE"
    | "FORM"
    | "DEVICE"
    | "CONFIRM"
    | "WAIT"
    | "DONE"
    | "FAILED"
    | "DENIED"
    | "CANCELED"
    | "EXPIRED"
    | "UNKNOWN_LINK";
  /** HTTP status of the page. */
  status: number;
  productName: string | null;
  connectorName: string | null;
  userLabel: string | null;
  text: PageText;
  /** Language tag (BCP 47) that was chosen for it; null: the browser's. */
  locale: string | null;
  /** The project's own looks; null: it is not known whose page this is. */
  brand: PageBrand | null;
  /** CONFIRM: the sealed answer of the provider, to be posted back. */
  handle?: string;
  /** START: where the button leads. FAILED: the same link, which may work a moment later. */
  authorizationUrl?: string;
  /** DEVICE: what to type where. */
  device?: { userCode: string; verificationUri: string; verificationUriComplete: string | null };
  /** FORM: what is asked for. */
  form?: FormModel;
  /** CHOICE: what can be connected; `action` is the path that one of them is posted to. */
  choice?: { action: string; choices: Choice[] };
  /** The request by its public id: a browser that began it from a link with a choice finds the way back to the list by this. */
  begun?: { id: string; over: boolean };
  /** The path of that list, where the browser has kept it for the server. */
  listUrl?: string;
  /** Where the browser goes at the end, the outcome appended. */
  returnTo?: string | null;
  /** The hosted page, where it can be tried again; absent: nothing is to be tried. */
  againUrl?: string;
  /** What a popup tells its opener, and whom. */
  popup?: { origin: string; connectionRequestId: string; status: ConnectionStatus } | null;
  scopes?: { name: string; description: string | null }[];
}

export interface PageBrand extends Branding {
  /** Public id. */
  projectId: string;
}

export interface Choice {
  authConfigId: string;
  label: string;
}

export interface FormModel {
  /** Path that it is posted to. */
  action: string;
  /** Binds it to this request and browser. */
  handle: string;
  fields: FormField[];
  /** What was wrong with it as a whole when it was sent; null: nothing, or it was not sent yet. */
  error: FormError | null;
}

/** INVALID: it is said beside the fields. NOT_SAVED: a test has failed, in its own words. OTHER: something else, in its own words. */
export type FormError = { key: "INVALID" } | { key: "NOT_SAVED" | "OTHER"; message: string };

export function unknownLink(key: Exclude<PageText["key"], "FAILED"> = "UNKNOWN_LINK"): PageModel {
  const nobody = { productName: null, connectorName: null, userLabel: null, locale: null, brand: null };
  return { kind: "UNKNOWN_LINK", status: 404, ...nobody, text: { key } };
}

/** A callback that belongs to no flow of this browser. Nothing has changed by it. */
export function refusedCallback(key: Exclude<PageText["key"], "FAILED">): PageModel {
  return { ...unknownLink(key), status: 400 };
}

function about({ project, connector, user, request }: RequestWithParties) {
  return {
    ...brandOf(project),
    connectorName: connector.name,
    userLabel: userLabel(user),
    locale: request.locale ?? user?.locale ?? null,
  };
}

/** How a project presents itself. */
export function brandOf(project: Project): { productName: string; brand: PageBrand } {
  const branding = project.branding as Branding;
  return {
    productName: branding.productName ?? project.name,
    brand: { ...branding, projectId: encodeId("Project", project.id) },
  };
}

/** The page that tells of a failure without ending anything. `inWindow`: in a window that the hosted page has opened. */
export function failurePage(
  services: Services,
  parties: RequestWithParties,
  failure: FailureDetails,
  inWindow = false,
): PageModel {
  const { request } = parties;
  const { authorizationUrl } = linksOf(services, request.id);
  const again = { authorizationUrl: inWindow ? `${authorizationUrl}?window=popup` : authorizationUrl };
  return {
    kind: "FAILED",
    status: statusOf(failure),
    ...about(parties),
    text: { key: "FAILED", failure },
    ...(failure.retryable && isRedirect(request) && again),
    ...(inWindow
      ? { popup: openedBy(services.publicUrl, request, presentRequest(request, parties.now).status) }
      : { begun: begun(request, false) }),
  };
}

/** What a request has come to that has just ended so. */
export function endedPage(
  services: Services,
  parties: RequestWithParties,
  failure: FailureDetails,
  inWindow: boolean,
): PageModel {
  return { ...pageOf(services, parties, inWindow), status: statusOf(failure) };
}

function statusOf({ code }: FailureDetails): number {
  return code === "PROVIDER_UNREACHABLE" ? 502 : 400;
}

function begun({ id }: RequestWithParties["request"], over: boolean): { id: string; over: boolean } {
  return { id: encodeId("ConnectionRequest", id), over };
}

export function confirmPage(parties: RequestWithParties, handle: string): PageModel {
  const { request, connector } = parties;
  const known = new Map(
    connector.schemes.flatMap((scheme) => scheme.scopes ?? []).map((scope) => [scope.name, scope.description ?? null]),
  );
  return {
    kind: "CONFIRM",
    status: 200,
    ...about(parties),
    text: { key: "CONFIRM" },
    handle,
    scopes: request.requestedScopes.map((name) => ({ name, description: known.get(name) ?? null })),
  };
}

/** The page of what nobody is sent away for: whose account it will be stands beside what is asked. */
export function formPage(parties: RequestWithParties, form: FormModel): PageModel {
  return {
    kind: "FORM",
    status: form.error === null ? 200 : 422,
    ...about(parties),
    text: { key: parties.request.kind === "REAUTHORIZE" ? "FORM_AGAIN" : "FORM" },
    form,
    begun: begun(parties.request, false),
  };
}

/** The person may have been handed the code by somebody else: only they can tell, so they are told what it would do (RFC 8628 section 5.4). */
function devicePage(parties: RequestWithParties): PageModel {
  const { deviceUserCode, deviceUri, deviceUriComplete } = parties.request;
  if (!deviceUserCode || !deviceUri) return waitPage(parties);
  return {
    kind: "DEVICE",
    status: 200,
    ...about(parties),
    text: { key: "DEVICE" },
    device: { userCode: deviceUserCode, verificationUri: deviceUri, verificationUriComplete: deviceUriComplete },
    begun: begun(parties.request, false),
  };
}

function waitPage(parties: RequestWithParties): PageModel {
  return { kind: "WAIT", status: 200, ...about(parties), text: { key: "WAIT" }, returnTo: null, popup: null };
}

/** What a request has come to. */
export function pageOf(services: Services, parties: RequestWithParties, inWindow = false): PageModel {
  const { request } = parties;
  const { status, failure } = presentRequest(request, parties.now);
  const base = {
    status: 200,
    ...about(parties),
    returnTo: inWindow ? null : returnTo(request, status),
    popup: inWindow ? openedBy(services.publicUrl, request, status) : popupOf(request, status),
  };
  const ended = inWindow ? base : { ...base, begun: begun(request, true) };
  const again = inWindow || request.closed ? {} : { againUrl: linksOf(services, request.id).connectUrl };
  switch (status) {
    case "PENDING":
    case "AUTHORIZING":
      if (isDevice(request)) return devicePage(parties);
      if (goesOnByItself(request)) return waitPage(parties);
      return {
        ...base,
        kind: "START",
        returnTo: null,
        popup: null,
        text: { key: "START" },
        begun: begun(request, false),
        authorizationUrl: isForm(request) ? plainLinkOf(services, request.id) : linksOf(services, request.id).authorizationUrl,
      };
    case "VERIFYING":
    case "EXCHANGING":
      return waitPage(parties);
    case "ACTIVE":
      return { ...ended, kind: "DONE", text: { key: "DONE" } };
    case "DENIED":
    case "CANCELED":
      return { ...ended, ...again, kind: status, text: { key: status } };
    case "EXPIRED":
      return { ...ended, ...again, kind: "EXPIRED", text: { key: "RAN_OUT" } };
    case "FAILED":
      return { ...ended, ...again, kind: "FAILED", text: { key: "FAILED", failure } };
  }
}

/** The registered return URL with the request's id and outcome, and nothing else: never a token or a code. */
function returnTo(request: RequestWithParties["request"], status: ConnectionStatus): string | null {
  if (!request.returnUrl) return null;
  const url = new URL(request.returnUrl);
  url.searchParams.set("connectionRequestId", encodeId("ConnectionRequest", request.id));
  url.searchParams.set("status", status);
  if (request.clientState !== null) url.searchParams.set("clientState", request.clientState);
  return url.href;
}

function popupOf(request: RequestWithParties["request"], status: ConnectionStatus): PageModel["popup"] {
  if (request.display !== "POPUP" || !request.origin) return null;
  return openedBy(request.origin, request, status);
}

function openedBy(origin: string, { id }: RequestWithParties["request"], status: ConnectionStatus): PageModel["popup"] {
  return { origin, connectionRequestId: encodeId("ConnectionRequest", id), status };
}
