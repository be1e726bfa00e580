import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { connectPage, type Outcome, openLink, submitConnectPage, submitPerson } from "../domain/hosted/authorization.ts";
import { choicePage, startChoice } from "../domain/hosted/choice-page.ts";
import { RequestError } from "../lib/errors.ts";
import { sendBuiltPage } from "./assets.ts";
import { readForm } from "./body.ts";
import { readCookies, serializeCookie } from "./cookies.ts";
import { linkCookie, linkVisit } from "./link-session.ts";
import type { Face } from "./options.ts";
import { connectionPage, onwardPage, type Page } from "./pages.ts";
import { prefersHtml, send } from "./respond.ts";
import type { Handler, Hit, Route } from "./router.ts";
import { wayBack, wayBackCookie } from "./way-back.ts";

/** The hosted page, the link that leads to the provider, and the click that confirms who is there. */
export function connectRoutes(face: Face): Route[] {
  const { services } = face;

  /** The page that needs no script. Looking at it takes nothing away from anybody. */
  async function plain({ request, response, parameters: { token = "" } }: Hit): Promise<void> {
    const choice = await choicePage(services, token);
    const link = { token, cookies: readCookies(request), ip: face.clientIp(request) };
    sendOutcome(face, response, choice ? { page: choice } : await connectPage(services, link));
  }

  return [
    {
      path: "/connect/confirm",
      async POST({ request, response }) {
        assertOwnForm(request, services.publicUrl);
        const form = await readForm(request, face.limits.formBytes);
        // A form that is sent without a button (by Enter in some browsers, by a program) means the first one.
        const confirm = form.get("decision") !== "refuse";
        const handle = form.get("handle") ?? "";
        const outcome = await submitPerson(services, {
          handle,
          confirm,
          cookies: readCookies(request),
          ip: face.clientIp(request),
        });
        sendAnswer(face, request, response, outcome);
      },
    },
    {
      path: "/connect/:token",
      HEAD: acknowledgeHead,
      GET: unlessPrefetched(async (hit) => {
        if (!sendBuiltPage(face, hit.response, "connect")) await plain(hit);
      }),
      async POST({ request, response, parameters: { token = "" } }) {
        assertOwnForm(request, services.publicUrl);
        // Key files are typed in here too.
        const form = await readForm(request, FILES_IN_A_FORM * face.limits.formBytes);
        const link = { token, cookies: readCookies(request), ip: face.clientIp(request) };
        sendAnswer(face, request, response, await submitConnectPage(services, { ...link, form }));
      },
    },
    { path: "/connect/:token/plain", HEAD: acknowledgeHead, GET: unlessPrefetched(plain) },
    {
      path: "/connect/:token/start",
      async POST({ request, response, parameters: { token = "" } }) {
        assertOwnForm(request, services.publicUrl);
        const form = await readForm(request, face.limits.formBytes);
        const visit = linkVisit(face, request, token);
        const started = await startChoice(services, visit, form.get("authConfigId") ?? "");
        const { issued, requestId } = started;
        if (issued) response.appendHeader("set-cookie", linkCookie(face, token, issued));
        if (issued && requestId)
          response.appendHeader("set-cookie", wayBackCookie(services.publicUrl, requestId, token, issued.maxAgeSeconds));
        sendAnswer(face, request, response, started.outcome);
      },
    },
    {
      path: "/connect/:token/authorize",
      HEAD: acknowledgeHead,
      GET: unlessPrefetched(async ({ request, response, parameters: { token = "" }, query }) => {
        const inWindow = query.get("window") === "popup";
        sendOutcome(face, response, await openLink(services, { token, ip: face.clientIp(request), inWindow }));
      }),
    },
  ];
}

const FILES_IN_A_FORM = 4;

/** What answers a form. */
function sendAnswer(face: Face, request: IncomingMessage, response: ServerResponse, answer: Outcome): void {
  const outcome = withWayBack(face, request, answer);
  if ("redirectTo" in outcome && isNavigation(request))
    sendPage(response, onwardPage(outcome.redirectTo, request.headers["accept-language"]));
  else sendOutcome(face, response, outcome);
}

export function sendOutcome(face: Face, response: ServerResponse, answer: Outcome): void {
  const outcome = withWayBack(face, response.req, answer);
  const secure = face.services.publicUrl.startsWith("https:");
  const headers = outcome.setCookie ? { "set-cookie": serializeCookie(outcome.setCookie, secure) } : {};
  if ("page" in outcome) {
    // What has been built is what can try again; the page without scripts cannot.
    const { againUrl, ...page } = outcome.page;
    const model = face.pages && againUrl ? { ...page, againUrl } : page;
    sendPage(response, connectionPage(model, response.req.headers["accept-language"]), headers);
  } else send(response, 303, { location: outcome.redirectTo, ...headers });
}

/** Whoever has come from a list of connectors is led there too, and stays here to choose instead of being sent on. */
function withWayBack(face: Face, request: IncomingMessage, outcome: Outcome): Outcome {
  const page = "page" in outcome ? outcome.page : outcome.beside;
  const listUrl = page?.begun && wayBack(request, face.services.publicUrl, page.begun.id);
  if (!page || !listUrl) return outcome;
  const { setCookie } = outcome;
  return { page: { ...page, listUrl }, ...(setCookie && { setCookie }) };
}

export function sendPage(response: ServerResponse, page: Page, more: OutgoingHttpHeaders = {}): void {
  const headers = { "content-type": "text/html; charset=utf-8", "content-security-policy": page.policy, ...more };
  send(response, page.status, headers, page.body);
}

/** A HEAD begins nothing: mail scanners send it to every link. */
export const acknowledgeHead: Handler = ({ response }) => send(response, 200, { "content-type": "text/html; charset=utf-8" });

/** Nor does a browser that reads ahead: 503 tells it that it has to ask again when the person really follows the link. */
export function unlessPrefetched(handler: Handler): Handler {
  return (hit) => {
    const purpose = hit.request.headers["sec-purpose"] ?? hit.request.headers.purpose ?? hit.request.headers["x-moz"];
    if (!/prefetch|preview|prerender/i.test(String(purpose ?? ""))) return handler(hit);
    send(hit.response, 503, {});
  };
}

/** By a browser's window, which holds our form's policy against the redirect (see `onwardPage`); programs are redirected plainly. */
function isNavigation(request: IncomingMessage): boolean {
  const mode = request.headers["sec-fetch-mode"];
  return mode ? mode === "navigate" : prefersHtml(request);
}

/**
 * Sent by our own page. The cookie and the sealed handle already say so; this is one more lock. `Origin` is "null" in an honest post,
 * because our pages send no referrer.
 */
function assertOwnForm(request: IncomingMessage, publicUrl: string): void {
  const site = request.headers["sec-fetch-site"];
  const origin = request.headers.origin;
  const honest = site ? site === "same-origin" : origin === undefined || origin === "null" || origin === publicUrl;
  if (!honest)
    throw new RequestError(
      "FORBIDDEN",
      "This form was sent from another site. Open the link again and press the button there.",
      403,
    );
}
