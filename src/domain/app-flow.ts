import type { ConnectionRequest } from "../db/generated/client.ts";
import { Failure } from "../lib/failure.ts";
import type { Fetch } from "../schemes/oauth2/types.ts";
import { isMuted, type RequestWithParties } from "./connection-parties.ts";
import { beginExchange } from "./exchange.ts";
import { InterruptedError, keepTokens } from "./keep-tokens.ts";
import { oauthClientFor } from "./oauth-client.ts";
import { obtainForClient } from "./obtain-tokens.ts";
import type { Services } from "./services.ts";

/**
 * Client credentials of the config's own client (RFC 6749 section 4.4): nobody has to consent, so the request ends by itself. One that
 * was EXCHANGING when its process died is gone on with: asking once more takes nothing away.
 */
export async function connectApp(services: Services, parties: RequestWithParties, signal: AbortSignal): Promise<void> {
  const { request, authConfig } = parties;
  const fetch: Fetch = (url, init) => services.egress.fetch(url, { ...init, signal });
  const begun = await services.database.transact((tx) => beginExchange(tx, request, ["PENDING"]));
  if (!begun && request.status !== "EXCHANGING") return;
  await keepTokens(services, { parties, ip: null }, async () => {
    const muted = isMuted(parties);
    if (muted) throw new Failure(muted);
    const { client, connector } = await oauthClientFor(services, authConfig, request.parameters);
    try {
      const obtained = await obtainForClient({ authConfig, connector }, client, { fetch, scopes: request.requestedScopes });
      return { obtained, identify: async () => obtained.account };
    } catch (error) {
      throw signal.aborted ? new InterruptedError() : error;
    }
  });
  if (signal.aborted) await giveBack(services, request);
}

/** Whoever runs next need not wait for the lease to end. */
async function giveBack({ database }: Services, { projectId, id }: ConnectionRequest): Promise<void> {
  const where = { projectId, id, status: "EXCHANGING" };
  await database.prisma.connectionRequest.updateMany({ where, data: { deviceLeaseUntil: null } });
}
