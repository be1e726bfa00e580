import type { IncomingMessage } from "node:http";
import { exchangeLink, type IssuedSession, sessionName } from "../domain/hosted/link-session.ts";
import { RequestError } from "../lib/errors.ts";
import { readBody } from "./body.ts";
import { readCookies } from "./cookies.ts";
import type { Cors } from "./cors.ts";
import type { Face } from "./options.ts";
import { sendJson } from "./respond.ts";
import type { Route } from "./router.ts";
import { isSameOrigin, SESSION_HEADER, sessionCookie, sessionToken } from "./session-cookie.ts";

/**
 * What the hosted page does with its link: one POST, on every load, for a session in a cookie. JSON; for our own page alone: without its
 * header, or from elsewhere, 403.
 */
export function linkSessionRoutes(face: Face, cors: Cors): Route[] {
  const { services } = face;
  return [
    {
      path: "/connect/:token/session",
      async POST({ request, response, parameters: { token = "" } }) {
        const name = sessionName(token);
        const honest = isSameOrigin(request, await cors.screen(request)) && request.headers[SESSION_HEADER] === name;
        if (!honest) throw new RequestError("FORBIDDEN", "Only the page behind the link itself may ask for its session.", 403);
        await readBody(request, face.limits.formBytes);
        const exchange = await exchangeLink(services, linkVisit(face, request, token));
        if ("refusal" in exchange) {
          const { message, ...extensions } = exchange.refusal;
          return sendJson(response, extensions.code === "NOT_FOUND" ? 404 : 410, { errors: [{ message, extensions }] });
        }
        const headers = { "set-cookie": linkCookie(face, token, exchange.issued) };
        sendJson(response, 200, { session: name, ...exchange.opened }, headers);
      },
    },
  ];
}

/** A browser with a link, and the session that it was given for it before. */
export function linkVisit(face: Face, request: IncomingMessage, token: string) {
  const present = sessionToken(readCookies(request), face.services.publicUrl, sessionName(token));
  return { token, present, ip: face.clientIp(request) };
}

export function linkCookie({ services }: Face, token: string, issued: IssuedSession): string {
  return sessionCookie(services.publicUrl, sessionName(token), issued.token, issued.maxAgeSeconds);
}
