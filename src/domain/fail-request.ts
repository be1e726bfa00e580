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

/** Ends a request with DENIED. Null where it had ended already. */
export function denyRequest(
  services: Services,
  request: ConnectionRequest,
  ip: string | null,
): Promise<ConnectionRequest | null> {
  return end(services, request, ["AUTHORIZING"], "DENIED", null, ip);
}

/** Ends a request with FAILED, and accuses the auth config where the provider refuses the client itself. */
export function failRequest(
  services: Services,
  request: ConnectionRequest,
  failure: FailureDetails,
  from: ConnectionStatus[],
  ip: string | null = null,
): Promise<ConnectionRequest | null> {
  return end(services, request, from, "FAILED", failure, ip);
}

export function cancelAtBrowser(
  services: Services,
  request: ConnectionRequest,
  ip: string | null,
): Promise<ConnectionRequest | null> {
  return end(services, request, ["AUTHORIZING"], "CANCELED", null, ip);
}

async function end(
  services: Services,
  request: ConnectionRequest,
  from: ConnectionStatus[],
  to: "FAILED" | "DENIED" | "CANCELED",
  failure: FailureDetails | null,
  ip: string | null,
): Promise<ConnectionRequest | null> {
  return services.database.transact(async (tx) => {
    const ended = await transition(tx, request, from, to, failure ? { failure } : {});
    if (!ended) return null;
    if (failure?.code === "INVALID_CLIENT" || failure?.code === "APP_SUSPENDED") {
      await tx.authConfig.updateMany({
        where: { projectId: request.projectId, id: request.authConfigId },
        data: { errorReason: `${failure.message} ${failure.remedy}`, updatedAt: tx.now },
      });
    }
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
