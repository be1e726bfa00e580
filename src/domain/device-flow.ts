import type { ConnectionRequest } from "../db/generated/client.ts";
import { Failure, type FailureDetails } from "../lib/failure.ts";
import { oauth2 } from "../schemes/index.ts";
import type { DeviceAuthorization, DevicePoll } from "../schemes/oauth2/device.ts";
import type { TokenSet } from "../schemes/oauth2/types.ts";
import { accusesConfig } from "./accusation.ts";
import { isMuted, type RequestWithParties } from "./connection-parties.ts";
import { transition } from "./connection-request.ts";
import { beginExchange } from "./exchange.ts";
import { endRequest, recordStep } from "./fail-request.ts";
import { originsOf } from "./grant-origins.ts";
import { discard, isAboutFlow, keepTokens } from "./keep-tokens.ts";
import { type OAuthParty, oauthClientFor } from "./oauth-client.ts";
import type { Services } from "./services.ts";

/** RFC 8628 section 3.5: what a `slow_down` adds, for this request and all that follow it. */
const SLOWER_MS = 5_000;
/** How far an outage may spread the requests. */
const SLOWEST_MS = 60_000;
/** A code that is good for longer than this is not asked about any longer. */
const LONGEST_LIFE_MS = 86_400_000;
/** Past the code's end, so that it is told as that and not as the request's. */
const GRACE_MS = 60_000;
const TIMEOUT_MS = 10_000;

/** PENDING to AUTHORIZING: asks the provider for the codes. What goes wrong ends the request, with the reason. */
export async function beginDevice(services: Services, parties: RequestWithParties): Promise<void> {
  const { request, authConfig } = parties;
  try {
    const muted = isMuted(parties);
    if (muted) throw new Failure(muted);
    const { client } = await oauthClientFor(services, authConfig, request.parameters);
    if (!client.scheme.deviceAuthorizationUrl)
      throw oauth2.failure("CONFIG_CHANGED", { message: "The connector has no device flow any more." });
    const { fetch } = services.egress;
    const { allowHttp } = services;
    const scopes = request.requestedScopes;
    await storeCodes(services, request, await oauth2.beginDevice({ client, scopes, fetch, allowHttp, timeoutMs: TIMEOUT_MS }));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    await fail(services, parties, error.details);
  }
}

async function storeCodes(services: Services, request: ConnectionRequest, codes: DeviceAuthorization): Promise<void> {
  await services.database.transact(async (tx) => {
    const later = (ms: number) => new Date(tx.now.getTime() + ms);
    const deviceExpiresAt = later(Math.min(codes.expiresInSeconds * 1000, LONGEST_LIFE_MS));
    const end = new Date(deviceExpiresAt.getTime() + GRACE_MS);
    const opened = await transition(tx, request, ["PENDING"], "AUTHORIZING", {
      deviceUserCode: codes.userCode,
      deviceUri: codes.verificationUri,
      deviceUriComplete: codes.verificationUriComplete,
      deviceIntervalMs: codes.intervalSeconds * 1000,
      deviceExpiresAt,
      devicePollAt: later(codes.intervalSeconds * 1000),
      deviceLeaseUntil: null,
      // Whoever types the code has the time that the provider gives for it.
      expiresAt: request.expiresAt > end ? request.expiresAt : end,
    });
    if (!opened) return;
    await services.vault.seal(tx, secretAddress(request, "deviceCode"), codes.deviceCode);
    await recordStep(tx, request, "device_started", null);
  });
}

/** One token request for a request that is AUTHORIZING, and what follows of its answer. `lease`: as claimed. */
export async function pollDevice(services: Services, parties: RequestWithParties, lease: Date): Promise<void> {
  const { request } = parties;
  const intervalMs = request.deviceIntervalMs ?? SLOWER_MS;
  const isOver = request.deviceExpiresAt !== null && request.deviceExpiresAt <= parties.now;
  // While the config is switched off its client asks nobody; the code runs out meanwhile.
  if (isMuted(parties) && !isOver) return askLater(services, request, lease, { intervalMs });
  try {
    const { party, poll } = await ask(services, parties);
    switch (poll.outcome) {
      case "TOKENS":
        return await take(services, parties, party, poll.tokens);
      case "DENIED":
        return await deny(services, request);
      case "EXPIRED":
        throw expired();
      case "PENDING":
        if (isOver) throw expired();
        return await askLater(services, request, lease, { intervalMs });
      case "SLOW_DOWN": {
        if (isOver) throw expired();
        const said = (poll.intervalSeconds ?? 0) * 1000;
        return await askLater(services, request, lease, { intervalMs: Math.max(intervalMs + SLOWER_MS, said) });
      }
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { details } = error;
    const mayPass = details.retryable && details.code !== "DEVICE_CODE_EXPIRED";
    if (!mayPass) return fail(services, parties, details);
    if (isOver) return fail(services, parties, expired().details);
    // Section 3.5: after a time-out ever less often.
    const slower = Math.max(intervalMs, Math.min(intervalMs * 2, SLOWEST_MS));
    await askLater(services, request, lease, { intervalMs: slower, waitMs: (details.retryAfterSeconds ?? 0) * 1000 });
  }
}

function expired(): Failure {
  return oauth2.failure("DEVICE_CODE_EXPIRED", { retryable: true });
}

async function ask(
  services: Services,
  { request, authConfig }: RequestWithParties,
): Promise<{ party: OAuthParty; poll: DevicePoll }> {
  const deviceCode = await services.vault.open(services.database, secretAddress(request, "deviceCode"));
  const party = await oauthClientFor(services, authConfig, request.parameters);
  // It is destroyed with the request's end, which somebody else has brought about by now.
  if (!deviceCode) throw expired();
  const answer = secretAddress(request, "answer");
  const poll = await oauth2.pollDevice({
    client: party.client,
    deviceCode,
    scopes: request.requestedScopes,
    fetch: services.egress.fetch,
    timeoutMs: TIMEOUT_MS,
    // The code gives tokens once: what came for it is safe before anything looks at it.
    onRawAnswer: async (body, status) => {
      if (status < 300) await services.database.transact((tx) => services.vault.seal(tx, answer, body));
    },
  });
  return { party, poll };
}

/** AUTHORIZING to EXCHANGING to ACTIVE. Of a request that was cancelled meanwhile the tokens are ended at the provider. */
async function take(services: Services, parties: RequestWithParties, party: OAuthParty, tokens: TokenSet): Promise<void> {
  const { client, api } = party;
  const { request } = parties;
  const obtained = { tokens, account: null, canRefresh: tokens.refreshToken !== null, ...originsOf(client, api, tokens) };
  const later = { ...client, values: { ...client.values, ...tokens.discovered } };
  const identify = () => oauth2.identify({ client: later, tokens, fetch: services.egress.fetch });
  const begun = await services.database.transact((tx) => beginExchange(tx, request, ["AUTHORIZING"]));
  if (begun) await keepTokens(services, { parties, ip: null }, async () => ({ obtained, identify }));
  else await discard(services, parties, obtained);
  await forget(services, request);
}

async function deny(services: Services, request: ConnectionRequest): Promise<void> {
  await endRequest(services, request, { from: ["AUTHORIZING"], to: "DENIED" });
  await forget(services, request);
}

async function fail(services: Services, parties: RequestWithParties, failure: FailureDetails): Promise<void> {
  const { request } = parties;
  const fromProvider = accusesConfig(parties) && !isAboutFlow(request, failure);
  await endRequest(services, request, { from: ["PENDING", "AUTHORIZING"], to: "FAILED", failure, fromProvider });
  await forget(services, request);
}

/** Gives the lease back; unless it was lost, or the request has ended. */
async function askLater(
  { database }: Services,
  { projectId, id }: ConnectionRequest,
  lease: Date,
  { intervalMs, waitMs = 0 }: { intervalMs: number; waitMs?: number },
): Promise<void> {
  await database.transact(async (tx) => {
    const devicePollAt = new Date(tx.now.getTime() + Math.max(intervalMs, waitMs));
    await tx.connectionRequest.updateMany({
      where: { projectId, id, status: "AUTHORIZING", deviceLeaseUntil: lease },
      data: { deviceIntervalMs: intervalMs, devicePollAt, deviceLeaseUntil: null },
    });
  });
}

/** The device code, and what came for it, have served. */
async function forget(services: Services, { projectId, id }: ConnectionRequest): Promise<void> {
  await services.database.transact((tx) => services.vault.destroy(tx, { projectId, table: "ConnectionRequest", id }));
}

function secretAddress({ projectId, userId, id }: ConnectionRequest, column: "deviceCode" | "answer") {
  return { projectId, scope: userId ?? "project", table: "ConnectionRequest", id, column, generation: 1 };
}
