import type { AuthConfig, ConnectionRequest, Project, User } from "../db/generated/client.ts";
import type { FailureDetails } from "../lib/failure.ts";
import { type ConnectorView, getConnector } from "./connector-view.ts";
import type { Services } from "./services.ts";

/** A connection request with everyone it concerns, and the database's time when they were read. */
export interface RequestWithParties {
  request: ConnectionRequest;
  project: Project;
  user: User | null;
  authConfig: AuthConfig;
  connector: ConnectorView;
  now: Date;
}

/** For the HTTP face, whose authority is a link, a state or a cookie. Null where there is no such request. */
export async function requestWithParties(services: Services, requestId: string): Promise<RequestWithParties | null> {
  const row = await services.database.prisma.connectionRequest.findUnique({
    where: { id: requestId },
    include: { project: true, user: true, authConfig: true },
  });
  if (!row || row.project.deletedAt) return null;
  const { project, user, authConfig, ...request } = row;
  const connector = await getConnector(services, request.projectId, request.connectorSlug);
  return { request, project, user, authConfig, connector, now: await services.database.now() };
}

/** Why nobody may go on with this request although it is open: its config was switched off or deleted. */
export function isMuted({ authConfig }: RequestWithParties): FailureDetails | null {
  if (authConfig.enabled && !authConfig.deletedAt) return null;
  return {
    code: "CONFIG_CHANGED",
    message: "This way to connect has been switched off.",
    remedy: "Ask whoever sent you here; they can switch it on again.",
    retryable: true,
  };
}

/** How a page addresses the user whose account it will be. */
export function userLabel(user: User | null): string | null {
  return user && (user.displayName ?? user.email ?? user.externalId);
}
