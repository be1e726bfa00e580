import { randomBytes } from "node:crypto";
import type { Tx } from "../db/database.ts";
import type { ApiKey } from "../db/generated/client.ts";
import { announce } from "../events/announce.ts";
import { RequestError } from "../lib/errors.ts";
import { decodeId, encodeId, newId } from "../lib/ids.ts";
import { recordAuditAs } from "./audit.ts";
import { authenticate } from "./authenticate.ts";
import type { Role } from "./permissions.ts";
import type { Services } from "./services.ts";
import { dashboardLabel } from "./token-rows.ts";
import { hashToken, mintToken, tokenKind } from "./tokens.ts";

/** Half a day: as long as somebody works. */
const SESSION_SECONDS = 43_200;
const LINK_SECONDS = 900;

/** What somebody signs in with: an API key, or the token of a link that a development start has printed. */
export type Proof = { apiKey: string } | { signInToken: string };

/** The browser at the door. `token`: of the session cookie that it has, whether it is good or not. */
export interface Visitor {
  token: string | null;
  ip: string | null;
}

export interface SignedIn {
  /** For the cookie, and nowhere else. */
  token: string;
  maxAgeSeconds: number;
  projectName: string;
  role: Role;
  expiresAt: Date;
}

export interface DashboardView {
  /** The keys that still hold, one for each project; the session acts as the current one, where that still holds. */
  projects: { key: string; projectId: string; projectName: string; role: Role; current: boolean }[];
  expiresAt: Date;
}

/**
 * Begins a session, or adds a key to the one that the browser has: it takes the place of the key that the session had for that project, and
 * becomes the current one. Each time the session gets another token, so that a cookie from before is worth nothing. Throws RequestError 401.
 */
export async function signIn(services: Services, proof: Proof, visitor: Visitor): Promise<SignedIn> {
  const holder = "apiKey" in proof ? await holderOfKey(services, proof.apiKey, visitor.ip) : null;
  return services.database.transact(async (tx) => {
    const keyId = holder ?? (await consumeLink(tx, "signInToken" in proof ? proof.signInToken : ""));
    const key = await tx.apiKey.findFirst({ where: { id: keyId, ...live(tx.now) }, include: { project: true } });
    if (!key) throw new RequestError("UNAUTHENTICATED", "This API key has ended. Use another one.", 401);
    const { token, hash } = mintToken("mld_");
    const session = (await carryOn(tx, visitor.token, hash, key.id)) ?? (await begin(tx, hash, key.id));
    await tx.dashboardSessionKey.upsert({
      where: { sessionId_projectId: { sessionId: session.id, projectId: key.projectId } },
      create: { sessionId: session.id, projectId: key.projectId, apiKeyId: key.id, createdAt: tx.now },
      update: { apiKeyId: key.id },
    });
    await record(tx, key, "dashboard.signed_in", visitor.ip, { by: holder ? "API_KEY" : "LINK" });
    return {
      token,
      maxAgeSeconds: Math.ceil((session.expiresAt.getTime() - tx.now.getTime()) / 1000),
      projectName: key.project.name,
      role: key.role as Role,
      expiresAt: session.expiresAt,
    };
  });
}

/** UUID of the API key. */
async function holderOfKey(services: Services, apiKey: string, ip: string | null): Promise<string> {
  const text = apiKey.trim();
  if (tokenKind(text) !== "mlk_") {
    throw new RequestError("UNAUTHENTICATED", "This is no API key, or it is mistyped. It begins with mlk_: copy it again.", 401);
  }
  const caller = await authenticate(services, { authorization: `Bearer ${text}`, ip, locale: null });
  return caller.apiKeyId!;
}

/** The one UPDATE that decides who a link signs in. UUID of its API key. */
async function consumeLink(tx: Tx, token: string): Promise<string> {
  const [link] = await tx.signInLink.updateManyAndReturn({
    where: { hash: hashToken(token), consumedAt: null, expiresAt: { gt: tx.now } },
    data: { consumedAt: tx.now },
    select: { apiKeyId: true },
  });
  if (link) return link.apiKeyId;
  const message = "This sign-in link has been used, or is older than 15 minutes. Use an API key, or start Moorline again.";
  throw new RequestError("UNAUTHENTICATED", message, 401);
}

const live = (now: Date) => ({
  revokedAt: null,
  OR: [{ expiresAt: null }, { expiresAt: { gt: now } }],
  project: { deletedAt: null },
});

/** The session of a token as it is now; null: it has none, or that is over. */
function openSession(tx: Tx, token: string | null) {
  if (!token || tokenKind(token) !== "mld_") return null;
  return tx.dashboardSession.findFirst({ where: { hash: hashToken(token), revokedAt: null, expiresAt: { gt: tx.now } } });
}

async function carryOn(tx: Tx, token: string | null, hash: Uint8Array<ArrayBuffer>, currentKeyId: string) {
  const session = await openSession(tx, token);
  if (!session) return null;
  // Of two at once the second finds the token changed, and begins a session of its own.
  const { count } = await tx.dashboardSession.updateMany({
    where: { id: session.id, hash: session.hash, revokedAt: null },
    data: { hash, currentKeyId },
  });
  if (count === 0) return null;
  await announce(tx, `token:${session.id}`);
  return session;
}

function begin(tx: Tx, hash: Uint8Array<ArrayBuffer>, currentKeyId: string) {
  const expiresAt = new Date(tx.now.getTime() + SESSION_SECONDS * 1000);
  return tx.dashboardSession.create({ data: { id: newId(), hash, currentKeyId, expiresAt, createdAt: tx.now } });
}

/** Throws RequestError 401 where there is no session, or none of its keys holds any more. */
export async function dashboardView(services: Services, { token }: Pick<Visitor, "token">): Promise<DashboardView> {
  return services.database.transact(async (tx) => {
    const session = await openSession(tx, token);
    const keys = session ? await liveKeys(tx, session.id) : [];
    if (!session || keys.length === 0) throw signedOut();
    return {
      projects: keys.map(({ apiKey }) => ({
        key: encodeId("ApiKey", apiKey.id),
        projectId: encodeId("Project", apiKey.projectId),
        projectName: apiKey.project.name,
        role: apiKey.role as Role,
        current: apiKey.id === session.currentKeyId,
      })),
      expiresAt: session.expiresAt,
    };
  });
}

function liveKeys(tx: Tx, sessionId: string) {
  return tx.dashboardSessionKey.findMany({
    where: { sessionId, apiKey: live(tx.now) },
    include: { apiKey: { include: { project: true } } },
    orderBy: [{ createdAt: "asc" }, { projectId: "asc" }],
  });
}

/** Makes another of its keys the current one; what is open under the one before ends. Throws RequestError 401, 404. */
export async function switchProject(services: Services, visitor: Visitor, publicKeyId: string): Promise<void> {
  const id = decodeId("ApiKey", publicKeyId);
  await services.database.transact(async (tx) => {
    const session = await openSession(tx, visitor.token);
    if (!session) throw signedOut();
    const held = (await liveKeys(tx, session.id)).find(({ apiKey }) => apiKey.id === id);
    if (!held) throw new RequestError("BAD_REQUEST", "This session has no such API key. Sign in with it first.", 404);
    if (session.currentKeyId === held.apiKeyId) return;
    await tx.dashboardSession.update({ where: { id: session.id }, data: { currentKeyId: held.apiKeyId } });
    await announce(tx, `token:${session.id}`);
    await record(tx, held.apiKey, "dashboard.switched", visitor.ip);
  });
}

/** Ends the session, with all that is open under it. Nothing where there is none. */
export async function endDashboardSession(services: Services, visitor: Visitor): Promise<void> {
  await services.database.transact(async (tx) => {
    const session = await openSession(tx, visitor.token);
    if (!session) return;
    await tx.dashboardSession.update({ where: { id: session.id }, data: { revokedAt: tx.now } });
    await announce(tx, `token:${session.id}`);
    const key = await tx.apiKey.findFirst({ where: { id: session.currentKeyId } });
    if (key) await record(tx, key, "dashboard.signed_out", visitor.ip);
  });
}

/**
 * A link's token, good for a quarter of an hour and one browser, that stands for the oldest ADMIN key of a project (the keys themselves are
 * known to nobody any more). Null: there is no such key.
 */
export async function mintSignInToken(services: Services, projectId: string): Promise<string | null> {
  return services.database.transact(async (tx) => {
    const key = await tx.apiKey.findFirst({
      where: { projectId, role: "ADMIN", ...live(tx.now) },
      orderBy: [{ createdAt: "asc" }, { id: "asc" }],
    });
    if (!key) return null;
    const token = randomBytes(32).toString("base64url");
    const expiresAt = new Date(tx.now.getTime() + LINK_SECONDS * 1000);
    await tx.signInLink.create({
      data: { id: newId(), projectId, apiKeyId: key.id, hash: hashToken(token), expiresAt, createdAt: tx.now },
      select: { id: true },
    });
    return token;
  });
}

async function record(
  tx: Tx,
  key: ApiKey,
  action: string,
  ip: string | null,
  details: Record<string, string> = {},
): Promise<void> {
  const actor = {
    projectId: key.projectId,
    actorType: "ApiKey" as const,
    actorId: key.id,
    actorLabel: dashboardLabel(key.name),
    ip,
  };
  await recordAuditAs(tx, actor, { action, targetType: "ApiKey", targetId: key.id, details });
}

function signedOut(): RequestError {
  return new RequestError("SESSION_EXPIRED", "Nobody is signed in here, or the session has ended. Sign in.", 401);
}
