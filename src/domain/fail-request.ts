import type { Tx } from "../db/database.ts";
import type { ConnectionRequest } from "../db/generated/client.ts";
import type { FailureDetails } from "../lib/failure.ts";
import { type AuditActor, recordAuditAs } from "./audit.ts";
import { type ConnectionStatus, transition } from "./connection-request.ts";
import type { Services } from "./services.ts";

/** Who acts when a browser comes with a link, a state and a cookie: the request's own user, or the project's. */
export function requestActor(request: ConnectionRequest, ip: string | null = null): AuditActor {
  return {
    projectId: request.projectId,
    actorType: request.userId ? "User" : null,
    actorId: request.userId,
    actorLabel: request.userId ? "user at the browser" : "browser",
    ip,
  };
}

/** What has to be taken in the same transaction (an opening, a verification); false: somebody else was first, and nothing happens. */
export type Claim = (tx: Tx) => Promise<boolean>;

export interface Ending {
  from: ConnectionStatus[];
  to: "FAILED" | "DENIED" | "CANCELED";
  failure?: FailureDetails;
  ip?: string | null;
  claim?: Claim;
  /** The provider said so to us, and not through a browser, which can make up any answer: only then is its config accused. */
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
  await tx.authConfig.updateMany({
    where: { projectId: config.projectId, id: config.id },
    data: { errorReason: `${failure.message} ${failure.remedy}`, updatedAt: tx.now },
  });
}

/** A success is the proof that the provider accepts the client again. */
export async function acquitConfig(tx: Tx, config: { projectId: string; id: string }): Promise<void> {
  await tx.authConfig.updateMany({
    where: { projectId: config.projectId, id: config.id, errorReason: { not: null } },
    data: { errorReason: null, updatedAt: tx.now },
  });
}
