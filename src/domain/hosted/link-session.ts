import { createHash } from "node:crypto";
import type { Prisma } from "../../db/generated/client.ts";
import { announce } from "../../events/announce.ts";
import { encodeId, newId } from "../../lib/ids.ts";
import { type AuditActor, recordAuditAs } from "../audit.ts";
import { type FoundLink, findConnectLink } from "../connect-link.ts";
import { isMuted, type RequestWithParties } from "../connection-parties.ts";
import { type ConnectionStatus, isFinished, presentRequest } from "../connection-request.ts";
import { requestActor } from "../fail-request.ts";
import type { Branding } from "../project.ts";
import { isForm } from "../request-flow.ts";
import { AFTERMATH_SECONDS, firstOf } from "../retries.ts";
import type { Services } from "../services.ts";
import { hashToken, mintToken, tokenKind } from "../tokens.ts";
import { noteOpened } from "./form-request.ts";
import { partiesOfLink } from "./opening.ts";

/** The longest that a browser keeps what it was given for a link; a session of a request ends with the request, see `authenticate`. */
const SESSION_SECONDS = 86_400;
/** Of a link that is about to run out this is left to whoever has just opened it. */
const CHOICE_SECONDS = 1_800;

interface Visit {
  /** The link's. */
  token: string;
  /** The session token that this browser was given for the link before; null: none. */
  present: string | null;
  ip: string | null;
}

interface Opened {
  locale: string | null;
  expiresAt: Date;
}

export type LinkSession = Opened &
  (
    | {
        kind: "REQUEST";
        /** The newest of the chain of retries. */
        connectionRequestId: string;
        display: "REDIRECT" | "POPUP";
        /** Who may be told of the result by postMessage; null: nobody. */
        origin: string | null;
        /** What the return URL carries back; null: nothing. */
        clientState: string | null;
      }
    | { kind: "CHOICE"; connectorSlugs: string[] | null; returnUrl: string | null }
  );

/** Why a link gives no session. */
export interface LinkRefusal {
  code: "NOT_FOUND" | "LINK_ENDED";
  message: string;
  remedy: string;
  /** What has become of what the link was for; null: it is not known here. */
  status: ConnectionStatus | null;
  productName: string | null;
}

/** The session's token goes into a cookie, and nowhere else. */
export interface IssuedSession {
  token: string;
  maxAgeSeconds: number;
}

export type LinkExchange = { refusal: LinkRefusal } | { opened: LinkSession; issued: IssuedSession };

/** `connect-` and the first eight hex digits of the token's SHA-256: a browser has as many sessions as it has links. */
export function sessionName(token: string): string {
  return `connect-${createHash("sha256").update(token).digest("hex").slice(0, 8)}`;
}

/**
 * What the hosted page's one POST gets: a session that is good for the link's own request or choice alone. The browser that has one
 * already keeps it, so a reload costs nothing.
 */
export async function exchangeLink(services: Services, visit: Visit): Promise<LinkExchange> {
  const parties = await partiesOfLink(services, visit.token);
  if (parties) return exchangeRequest(services, parties, visit);
  const link = await findConnectLink(services, visit.token);
  return link ? exchangeChoice(services, link, visit) : { refusal: UNKNOWN };
}

const UNKNOWN: LinkRefusal = {
  code: "NOT_FOUND",
  message: "This link is not known here.",
  remedy: "Go back to where you came from and start again.",
  status: null,
  productName: null,
};

async function exchangeRequest(services: Services, parties: RequestWithParties, visit: Visit): Promise<LinkExchange> {
  const { request, project, user } = parties;
  const { status } = presentRequest(request, parties.now);
  const endsAt = endOf(parties);
  if (endsAt <= parties.now || user?.deletedAt || request.closed)
    return { refusal: ended(project, isFinished(status) ? status : "CANCELED") };
  const open = status === "PENDING" || status === "AUTHORIZING";
  // The page draws the form at once: that it is open is known, and that there are ten minutes for it.
  if (isForm(request) && open && !isMuted(parties)) await noteOpened(services, request, visit.ip);
  const { projectId, connectorSlug, userId, locale, display, origin, clientState } = request;
  const limits = { requestId: firstOf(request), connectorSlugs: [connectorSlug], allConnectors: false, userId, locale };
  const expiresAt = new Date(parties.now.getTime() + SESSION_SECONDS * 1_000);
  const by = requestActor(request, visit.ip);
  const about = { targetType: "ConnectionRequest" as const, targetId: request.id };
  const known = await knownSession(services, visit, { projectId, ...limits });
  const issued = await issue(services, { projectId, ...limits, expiresAt }, known, { by, about });
  return {
    opened: {
      kind: "REQUEST",
      connectionRequestId: encodeId("ConnectionRequest", request.id),
      display: display as "REDIRECT" | "POPUP",
      origin,
      clientState,
      locale: locale ?? user?.locale ?? null,
      expiresAt: endsAt < expiresAt ? endsAt : expiresAt,
    },
    issued,
  };
}

/** Until when a request can be finished, its result read and tried again from. */
function endOf({ request: { status, updatedAt, expiresAt } }: RequestWithParties): Date {
  // That it has run out may have been written down later than it did.
  const endedAt = isFinished(status) && updatedAt < expiresAt ? updatedAt : expiresAt;
  return new Date(endedAt.getTime() + AFTERMATH_SECONDS * 1_000);
}

async function exchangeChoice(services: Services, link: FoundLink, visit: Visit): Promise<LinkExchange> {
  const { id: linkId, projectId, userId, connectorSlugs, allConnectors, returnUrl, now } = link;
  const revoked = link.revokedAt !== null || link.user.deletedAt !== null;
  const known = revoked ? null : await knownSession(services, visit, { projectId, linkId });
  const over = link.expiresAt <= now;
  if (revoked || (over && !known)) return { refusal: ended(link.project, revoked ? "CANCELED" : "EXPIRED") };
  const least = new Date(now.getTime() + CHOICE_SECONDS * 1_000);
  const most = new Date(now.getTime() + SESSION_SECONDS * 1_000);
  const lasts = link.expiresAt > least ? link.expiresAt : least;
  const expiresAt = over ? known!.expiresAt : lasts < most ? lasts : most;
  const locale = link.locale ?? link.user.locale;
  const limits = { projectId, linkId, userId, connectorSlugs, allConnectors, locale: link.locale, expiresAt };
  const by: AuditActor = { projectId, actorType: "User", actorId: userId, actorLabel: "user at the browser", ip: visit.ip };
  const about = { targetType: "User" as const, targetId: encodeId("User", userId) };
  const issued = await issue(services, limits, known, { by, about });
  const choice = { connectorSlugs: allConnectors ? null : connectorSlugs, returnUrl, locale, expiresAt };
  return { opened: { kind: "CHOICE", ...choice }, issued };
}

type Limits = Omit<Prisma.UserSessionUncheckedCreateInput, "id" | "hash" | "expiresAt"> & { expiresAt: Date };

/** The session that this browser has already, prolonged, or a new one. */
async function issue(
  services: Services,
  { expiresAt, ...limits }: Limits,
  known: KnownSession | null,
  { by, about }: { by: AuditActor; about: { targetType: "User" | "ConnectionRequest"; targetId: string } },
): Promise<IssuedSession> {
  const minted = mintToken("mls_");
  const maxAgeSeconds = await services.database.transact(async (tx) => {
    if (known) {
      await tx.userSession.update({ where: { id: known.id }, data: { expiresAt }, select: { id: true } });
      await announce(tx, `token:${known.id}`);
    } else {
      const row = { ...limits, id: newId(), hash: minted.hash, expiresAt, createdAt: tx.now };
      await tx.userSession.create({ data: row, select: { id: true } });
      const details = { expiresAt: expiresAt.toISOString(), link: limits.requestId ? "request" : "choice" };
      await recordAuditAs(tx, by, { action: "user_session.created", ...about, details });
    }
    return Math.ceil((expiresAt.getTime() - tx.now.getTime()) / 1_000);
  });
  return { token: known?.token ?? minted.token, maxAgeSeconds };
}

interface KnownSession {
  id: string;
  expiresAt: Date;
  token: string;
}

/** The session that this browser has, if it is this link's and holds. */
async function knownSession(
  services: Services,
  visit: Visit,
  limits: { projectId: string; requestId?: string; linkId?: string },
): Promise<KnownSession | null> {
  const token = visit.present ?? "";
  if (tokenKind(token) !== "mls_") return null;
  const { projectId, requestId = null, linkId = null } = limits;
  const row = await services.database.prisma.userSession.findFirst({
    where: {
      projectId,
      requestId,
      linkId,
      hash: hashToken(token),
      revokedAt: null,
      expiresAt: { gt: await services.database.now() },
    },
    select: { id: true, expiresAt: true },
  });
  return row && { ...row, token };
}

function ended({ name, branding }: { name: string; branding: unknown }, status: ConnectionStatus): LinkRefusal {
  const done = status === "ACTIVE";
  return {
    code: "LINK_ENDED",
    message: done ? "This account was connected a while ago." : "This link is over.",
    remedy: done ? "There is nothing left to do here." : "Go back to where you came from and start again.",
    status,
    productName: (branding as Branding).productName ?? name,
  };
}
