import type { Tx } from "../db/database.ts";
import type { ConnectionRequest } from "../db/generated/client.ts";
import type { FailureDetails } from "../lib/failure.ts";
import { type AuditActor, type AuditEntry, moorline, recordAuditAs } from "./audit.ts";
import { type ConnectionStatus, transition } from "./connection-request.ts";
import { goesOnByItself, isDevice } from "./request-flow.ts";
import type { Services } from "./services.ts";

/** Who acts when a browser comes with a link, a state and a cookie: the request's own user, or the project's; and who does where none comes. */
export function requestActor(request: ConnectionRequest, ip: string | null = null): AuditActor {
  if (goesOnByItself(request)) return moorline(request.projectId);
  const where = isDevice(request) ? "with a device code" : "at the browser";
  return {
    projectId: request.projectId,
    actorType: request.userId ? "User" : null,
    actorId: request.userId,
    actorLabel: request.userId ? `user ${where}` : isDevice(request) ? `somebody ${where}` : "browser",
    ip,
  };
}

/** A step of a flow, in the transaction that takes it: who, from where. `by`: where it is not who is at the browser. */
export function recordStep(
  tx: Tx,
  request: ConnectionRequest,
  step: "opened" | "device_started" | "verifying" | "confirmed" | "active",
  ip: string | null,
  by: AuditActor = requestActor(request, ip),
): Promise<void> {
  const action = `connection_request.${step}`;
  return recordAuditAs(tx, by, { action, targetType: "ConnectionRequest", targetId: request.id });
}

/** What has to be taken in the same transaction (an opening, a verification); false: somebody else was first, and nothing happens. */
export type Claim = (tx: Tx) => Promise<boolean>;

export interface Ending {
  from: ConnectionStatus[];
  to: "FAILED" | "DENIED" | "CANCELED";
  failure?: FailureDetails;
  ip?: string | null;
  claim?: Claim;
  /** The provider said so to us, and not through a browser, which can make up any answer, nor a server that somebody named: only then is its config accused. */
  fromProvider?: boolean;
}

/** Ends a request. Null where it had ended already, or the claim was taken. */
export function endRequest(services: Services, request: ConnectionRequest, ending: Ending): Promise<ConnectionRequest | null> {
  const { from, to, failure, ip = null, claim, fromProvider } = ending;
  return services.database.transact(async (tx) => {
    if (claim && !(await claim(tx))) return null;
    const ended = await transition(tx, request, from, to, failure ? { failure } : {});
    if (!ended) return null;
    if (failure && fromProvider) await accuseConfig(tx, { projectId: request.projectId, id: request.authConfigId }, failure);
    await recordAuditAs(tx, requestActor(request, ip), {
      action: `connection_request.${to.toLowerCase()}`,
      outcome: to === "FAILED" ? "FAILED" : "ALLOWED",
      targetType: "ConnectionRequest",
      targetId: request.id,
      details: failure ? { code: failure.code, providerCode: failure.providerCode ?? null } : {},
    });
    return ended;
  });
}

/** The auth config shows ERROR, with the reason, where the provider refuses the client itself. */
export async function accuseConfig(tx: Tx, config: { projectId: string; id: string }, failure: FailureDetails): Promise<void> {
  if (failure.code !== "INVALID_CLIENT" && failure.code !== "APP_SUSPENDED") return;
  const errorReason = `${failure.message} ${failure.remedy}`;
  const { count } = await tx.authConfig.updateMany({
    where: { projectId: config.projectId, id: config.id, OR: [{ errorReason: null }, { errorReason: { not: errorReason } }] },
    data: { errorReason, updatedAt: tx.now },
  });
  if (count > 0)
    await recordConfig(tx, config, { action: "auth_config.failed", outcome: "FAILED", details: { code: failure.code } });
}

/** A success is the proof that the provider accepts the client again. */
export async function acquitConfig(tx: Tx, config: { projectId: string; id: string }): Promise<void> {
  const { count } = await tx.authConfig.updateMany({
    where: { projectId: config.projectId, id: config.id, errorReason: { not: null } },
    data: { errorReason: null, updatedAt: tx.now },
  });
  if (count > 0) await recordConfig(tx, config, { action: "auth_config.recovered" });
}

function recordConfig(tx: Tx, { projectId, id }: { projectId: string; id: string }, entry: AuditEntry): Promise<void> {
  return recordAuditAs(tx, moorline(projectId), { ...entry, targetType: "AuthConfig", targetId: id });
}
