import type { IncomingMessage, ServerResponse } from "node:http";
import {
  dashboardView,
  endDashboardSession,
  type Proof,
  signIn,
  switchProject,
  type Visitor,
} from "../domain/dashboard-session.ts";
import { RequestError } from "../lib/errors.ts";
import { createRateLimit } from "../lib/rate-limit.ts";
import { mediaType, readBody } from "./body.ts";
import { limitKey } from "./client-address.ts";
import { readCookies } from "./cookies.ts";
import type { Cors } from "./cors.ts";
import type { Face } from "./options.ts";
import { sendJson } from "./respond.ts";
import type { Handler, Route } from "./router.ts";
import { isSameOrigin, SESSION_HEADER, sessionCookie, sessionToken } from "./session-cookie.ts";

const NAME = "dashboard";
const FAILURES_A_MINUTE = 10;

/** How the dashboard signs in, and which projects it may show. JSON; for our own page alone: without its header, or from elsewhere, 403. */
export function dashboardSessionRoutes(face: Face, cors: Cors): Route[] {
  const { services } = face;
  const failures = createRateLimit(FAILURES_A_MINUTE, 60_000, "Too many attempts to sign in have failed. Wait a minute.");

  /** `work` answers with what is sent as JSON. */
  function route(work: (visitor: Visitor, request: IncomingMessage, response: ServerResponse) => Promise<object>): Handler {
    return async ({ request, response }) => {
      await assertOwnPage(cors, request);
      const visitor = { token: sessionToken(readCookies(request), services.publicUrl, NAME), ip: face.clientIp(request) };
      sendJson(response, 200, await work(visitor, request, response));
    };
  }

  function setCookie(response: ServerResponse, token: string, maxAgeSeconds: number): void {
    response.setHeader("set-cookie", sessionCookie(services.publicUrl, NAME, token, maxAgeSeconds));
  }

  return [
    {
      path: "/session",
      GET: route((visitor) => dashboardView(services, visitor)),
      POST: route(async (visitor, request, response) => {
        const proof = proofOf(await readObject(request, face.limits.formBytes));
        const from = limitKey(visitor.ip);
        // Counted before it is tried, so that a hundred at once are no way around it.
        failures.take(from);
        const { token, maxAgeSeconds, ...signedIn } = await signIn(services, proof, visitor);
        failures.giveBack(from);
        setCookie(response, token, maxAgeSeconds);
        return signedIn;
      }),
    },
    {
      path: "/session/switch",
      POST: route(async (visitor, request) => {
        const { key } = await readObject(request, face.limits.formBytes);
        if (typeof key !== "string") throw bad("Send the id of one of the session's API keys as `key`.");
        await switchProject(services, visitor, key);
        return dashboardView(services, visitor);
      }),
    },
    {
      path: "/session/end",
      POST: route(async (visitor, _request, response) => {
        await endDashboardSession(services, visitor);
        setCookie(response, "", 0);
        return { ended: true };
      }),
    },
  ];
}

/** A page of ours, by what its browser says of it, and by a header that no other origin may send. Throws RequestError 403. */
async function assertOwnPage(cors: Cors, request: IncomingMessage): Promise<void> {
  const verdict = await cors.screen(request);
  // A browser that says nothing of where a request comes from sends no Origin with a GET either; that one changes nothing.
  const silent = request.method !== "POST" && verdict.kind === "none" && request.headers["sec-fetch-site"] === undefined;
  if (request.headers[SESSION_HEADER] === NAME && (silent || isSameOrigin(request, verdict))) return;
  const message = "Only the dashboard's own page may ask this, with the header “Moorline-Session: dashboard”.";
  throw new RequestError("FORBIDDEN", message, 403);
}

async function readObject(request: IncomingMessage, limit: number): Promise<Record<string, unknown>> {
  if (mediaType(request.headers["content-type"]) !== "application/json") {
    throw new RequestError("BAD_REQUEST", "Send JSON, with “Content-Type: application/json”.", 415);
  }
  const body = await readBody(request, limit);
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    throw bad("The request body is not JSON.");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad("The request body must be a JSON object.");
  return value as Record<string, unknown>;
}

function proofOf({ apiKey, signInToken }: Record<string, unknown>): Proof {
  if (typeof apiKey === "string" && signInToken === undefined) return { apiKey };
  if (typeof signInToken === "string" && apiKey === undefined) return { signInToken };
  throw bad("Send either `apiKey` or `signInToken`, as text.");
}

function bad(message: string): RequestError {
  return new RequestError("BAD_REQUEST", message, 400);
}
