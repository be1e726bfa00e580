import type { ConnectionRequest } from "../../db/generated/client.ts";
import { isUserSession, may } from "../caller.ts";
import { presentRequest } from "../connection-request.ts";
import { goesOnByItself, isRedirect } from "../request-flow.ts";
import type { Context, Services } from "../services.ts";

/** The links of a request that can still be opened, for its own user and for keys that may initiate; else nulls. */
export function requestLinks(
  { services, caller }: Context,
  row: ConnectionRequest,
): { authorizationUrl: string | null; connectUrl: string | null } {
  const open = ["PENDING", "AUTHORIZING"].includes(presentRequest(row, caller.now).status);
  const own = isUserSession(caller) ? row.userId === caller.userId : may(caller, "CONNECTION_INITIATE");
  if (!open || !own) return { authorizationUrl: null, connectUrl: null };
  const { authorizationUrl, connectUrl } = linksOf(services, row.id);
  return {
    authorizationUrl: isRedirect(row) ? authorizationUrl : null,
    connectUrl: goesOnByItself(row) ? null : connectUrl,
  };
}

export interface DeviceAuthorization {
  userCode: string;
  verificationUri: string;
  verificationUriComplete: string | null;
  expiresAt: Date;
}

/** What the user of a device flow does elsewhere, while it can be done, for those who see the links; else null. */
export function deviceAuthorizationOf({ caller }: Context, row: ConnectionRequest): DeviceAuthorization | null {
  const own = isUserSession(caller) ? row.userId === caller.userId : may(caller, "CONNECTION_INITIATE");
  const { deviceUserCode, deviceUri, deviceUriComplete, deviceExpiresAt } = row;
  const open = presentRequest(row, caller.now).status === "AUTHORIZING";
  if (!open || !own || !deviceUserCode || !deviceUri || !deviceExpiresAt) return null;
  return {
    userCode: deviceUserCode,
    verificationUri: deviceUri,
    verificationUriComplete: deviceUriComplete,
    expiresAt: deviceExpiresAt,
  };
}

export function linksOf(services: Services, requestId: string): { authorizationUrl: string; connectUrl: string } {
  const connectUrl = `${services.publicUrl}/connect/${services.vault.linkToken("request", requestId)}`;
  return { connectUrl, authorizationUrl: `${connectUrl}/authorize` };
}

/** The hosted page without a script. */
export function plainLinkOf(services: Services, requestId: string): string {
  return `${linksOf(services, requestId).connectUrl}/plain`;
}
