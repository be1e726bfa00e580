import type { FailureDetails } from "../lib/failure.ts";
import { encodeId } from "../lib/ids.ts";
import { type RequestWithParties, userLabel } from "./connection-parties.ts";
import { type ConnectionStatus, linksOf, presentRequest } from "./connection-request.ts";
import type { FormField } from "./form-values.ts";
import { goesOnByItself, isDevice, isForm } from "./request-flow.ts";
import type { Services } from "./services.ts";

/** What a person at a browser is told; http/ draws it. WAIT: somebody else has to act, reload later. */
export interface PageModel {
  kind: "START" | "FORM" | "DEVICE" | "CONFIRM" | "WAIT" | "DONE" | "FAILED" | "DENIED" | "CANCELED" | "EXPIRED" | "UNKNOWN_LINK";
  /** HTTP status of the page. */
  status: number;
  productName: string | null;
  connectorName: string | null;
  userLabel: string | null;
  message: string;
  remedy: string | null;
  /** CONFIRM: the sealed answer of the provider, to be posted back. */
  handle?: string;
  /** START: where the button leads. */
  authorizationUrl?: string;
  /** DEVICE: what to type where. */
  device?: { userCode: string; verificationUri: string; verificationUriComplete: string | null };
  /** FORM: what is asked for. */
  form?: FormModel;
  /** Where the browser goes at the end, the outcome appended. */
  returnTo?: string | null;
  /** What a popup tells its opener, and whom. */
  popup?: { origin: string; connectionRequestId: string; status: ConnectionStatus } | null;
  scopes?: { name: string; description: string | null }[];
}

export interface FormModel {
  /** Path that it is posted to. */
  action: string;
  /** Binds it to this request and browser. */
  handle: string;
  fields: FormField[];
  /** What was wrong with it as a whole when it was sent; null: nothing, or it was not sent yet. */
  error: string | null;
}

export function unknownLink(
  message = "This link is not known here.",
  remedy = "Go back to where you came from and start again.",
): PageModel {
  return { kind: "UNKNOWN_LINK", status: 404, productName: null, connectorName: null, userLabel: null, message, remedy };
}

/** A callback that belongs to no flow of this browser. Nothing has changed by it. */
export function refusedCallback(message: string): PageModel {
  return { ...unknownLink(message), status: 400 };
}

function about(parties: RequestWithParties) {
  const branding = parties.project.branding as { productName?: string | null };
  return {
    productName: branding.productName ?? parties.project.name,
    connectorName: parties.connector.name,
    userLabel: userLabel(parties.user),
  };
}

/** The page that tells of a failure without ending anything: the caller decides what the request becomes. */
export function failurePage(parties: RequestWithParties, failure: FailureDetails): PageModel {
  return {
    kind: "FAILED",
    status: failure.code === "PROVIDER_UNREACHABLE" ? 502 : 400,
    ...about(parties),
    message: failure.message,
    remedy: failure.remedy,
  };
}

export function confirmPage(parties: RequestWithParties, handle: string): PageModel {
  const { request, connector } = parties;
  const known = new Map(
    connector.schemes.flatMap((scheme) => scheme.scopes ?? []).map((scope) => [scope.name, scope.description ?? null]),
  );
  const who = userLabel(parties.user);
  return {
    kind: "CONFIRM",
    status: 200,
    ...about(parties),
    message: who
      ? `Your ${connector.name} account is about to be connected to ${about(parties).productName}, as the account of ${who}.`
      : `Your ${connector.name} account is about to be connected to ${about(parties).productName}, for everyone who works there.`,
    remedy: "If you did not start this yourself, or are somebody else, choose “This is not me”: nothing will be connected.",
    handle,

    scopes: request.requestedScopes.map((name) => ({ name, description: known.get(name) ?? null })),
  };
}

/** The page of what nobody is sent away for: whose account it will be stands beside what is asked. */
export function formPage(parties: RequestWithParties, form: FormModel): PageModel {
  const { connector, request } = parties;
  const who = userLabel(parties.user);
  const owner = who ? `as the account of ${who}` : "for everyone who works there";
  const again = request.kind === "REAUTHORIZE" ? "again " : "";
  return {
    kind: "FORM",
    status: form.error === null ? 200 : 422,
    ...about(parties),
    message: `Your ${connector.name} account is about to be connected ${again}to ${about(parties).productName}, ${owner}.`,
    remedy: "If you did not start this yourself, or are somebody else, choose “This is not me”: nothing will be connected.",
    form,
  };
}

/** The person may have been handed the code by somebody else: only they can tell, so they are told what it would do (RFC 8628 section 5.4). */
function devicePage(parties: RequestWithParties): PageModel {
  const { request, connector } = parties;
  const { deviceUserCode, deviceUri, deviceUriComplete } = request;
  if (!deviceUserCode || !deviceUri) return waitPage(parties);
  const who = userLabel(parties.user);
  const owner = who ? `as the account of ${who}` : "for everyone who works there";
  return {
    kind: "DEVICE",
    status: 200,
    ...about(parties),
    message: `Enter this code at ${connector.name}, on this or any other device: your account there will then be connected to ${about(parties).productName}, ${owner}.`,
    remedy: "If you did not start this yourself, or somebody sent you here, don’t enter it: the account would be theirs to use.",
    device: { userCode: deviceUserCode, verificationUri: deviceUri, verificationUriComplete: deviceUriComplete },
  };
}

function waitPage(parties: RequestWithParties): PageModel {
  const message = `Your ${parties.connector.name} account is being connected.`;
  return { kind: "WAIT", status: 200, ...about(parties), message, remedy: null, returnTo: null, popup: null };
}

/** What a request has come to. */
export function pageOf(services: Services, parties: RequestWithParties): PageModel {
  const { request, connector } = parties;
  const { status, failure } = presentRequest(request, parties.now);
  const base = {
    status: 200,
    ...about(parties),
    remedy: null,
    returnTo: returnTo(request, status),
    popup: popupOf(request, status),
  };
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
        message: `Connect your ${connector.name} account.`,
        authorizationUrl: linksOf(services, request.id)[isForm(request) ? "connectUrl" : "authorizationUrl"],
      };
    case "VERIFYING":
    case "EXCHANGING":
      return waitPage(parties);
    case "ACTIVE":
      return { ...base, kind: "DONE", message: `Your ${connector.name} account is connected.` };
    case "DENIED":
      return {
        ...base,
        kind: "DENIED",
        message: `You did not allow access to your ${connector.name} account.`,
        remedy: "Nothing was connected. Start again if that was a mistake.",
      };
    case "CANCELED":
      return {
        ...base,
        kind: "CANCELED",
        message: "This connection was cancelled.",
        remedy: "Nothing was connected. Start again if that was a mistake.",
      };
    case "EXPIRED":
      return {
        ...base,
        kind: "EXPIRED",
        message: "This link has run out.",
        remedy: "Go back to where you came from and start again.",
      };
    case "FAILED":
      return { ...base, kind: "FAILED", message: failure?.message ?? "The connection failed.", remedy: failure?.remedy ?? null };
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
  return { origin: request.origin, connectionRequestId: encodeId("ConnectionRequest", request.id), status };
}
