import type { AuthConfig, Credential, Grant } from "../db/generated/client.ts";
import { CredentialNotUsableError, NotFoundError, ProviderError } from "../lib/errors.ts";
import { Failure } from "../lib/failure.ts";
import { Secret } from "../lib/secret.ts";
import { oauth2 } from "../schemes/index.ts";
import type { OAuth2Client, TokenSet } from "../schemes/oauth2/types.ts";
import { recordAudit } from "./audit.ts";
import { assertMay } from "./caller.ts";
import { assertUsable, getCredential } from "./credential.ts";
import { type StoredTokens, tokensAddress } from "./credential-tokens.ts";
import { oauthClientFor } from "./oauth-client.ts";
import { claimLease, type Lease, sealAnswer, storeFailure, storeRefreshed } from "./refresh-lease.ts";
import type { Context, Services } from "./services.ts";

/** The provider's answer must be here well before the lease ends. */
const REQUEST_MS = 20_000;
/** How long a caller waits for the refresh that is in flight elsewhere, and how often it looks. */
const WAIT_MS = 25_000;
const LOOK_EVERY_MS = 100;

export interface FreshTokens {
  credential: Loaded;
  tokens: StoredTokens;
}

/** A credential with what a refresh needs. */
export type Loaded = Credential & { grant: Grant; authConfig: AuthConfig };

const inFlight = new WeakMap<Services, Map<string, Promise<void>>>();

export async function refreshCredential(ctx: Context, input: { id: string }): Promise<{ credential: Credential }> {
  assertMay(ctx, "CREDENTIAL_USE");
  const before = await getCredential(ctx, input.id);
  if (!before.canRefresh) {
    assertUsable(before, ctx.caller.now);
    throw new CredentialNotUsableError(
      "The provider gave no refresh token, so this credential can't be refreshed. Use it until it runs out.",
      before,
    );
  }
  const { credential } = await freshTokens(ctx.services, before, { force: true });
  await ctx.services.database.transact((tx) =>
    recordAudit(tx, ctx, { action: "credential.refresh_requested", targetType: "Credential", targetId: before.id }),
  );
  return { credential };
}

/**
 * Tokens that are good for `minTtlSeconds` (default 60), refreshed first where they are not; `force` refreshes in any case. Of any number
 * of callers one asks the provider and the others wait for it, or go on with the old token while it is good.
 * Throws CredentialNotUsableError, or ProviderError where the provider could not be had and the old token has run out.
 */
export async function freshTokens(
  services: Services,
  { projectId, id }: { projectId: string; id: string },
  { minTtlSeconds = 60, force = false }: { minTtlSeconds?: number; force?: boolean } = {},
): Promise<FreshTokens> {
  const first = await load(services, projectId, id);
  const giveUpAt = performance.now() + WAIT_MS;
  let failed: unknown = null;
  for (let loaded = first; ; loaded = await load(services, projectId, id)) {
    const now = await services.database.now();
    assertUsable(loaded, now);
    const renewed = loaded.grant.generation > first.grant.generation;
    const ttl = loaded.accessTokenExpiresAt ? loaded.accessTokenExpiresAt.getTime() - now.getTime() : Number.POSITIVE_INFINITY;
    const good = force ? renewed : renewed || ttl > minTtlSeconds * 1000;
    const over = failed !== null || performance.now() > giveUpAt;
    if (good || (ttl > 0 && !force && over) || (!loaded.canRefresh && ttl > 0)) {
      const tokens = await openTokens(services, loaded);
      if (tokens) return { credential: loaded, tokens };
      // Renewed once more, or revoked, between the two reads.
      failed = null;
      continue;
    }
    if (over) {
      throw (
        failed ??
        new ProviderError("The refresh of this credential is taking too long. Try again in a moment.", {
          retryable: true,
          retryAfterSeconds: 5,
        })
      );
    }
    try {
      await once(services, id, () => refreshOrWait(services, loaded));
    } catch (error) {
      failed = error;
    }
  }
}

/** In one process, callers share the one attempt. */
function once(services: Services, id: string, work: () => Promise<void>): Promise<void> {
  const flights = inFlight.get(services) ?? new Map<string, Promise<void>>();
  inFlight.set(services, flights);
  const flight = flights.get(id) ?? work().finally(() => flights.delete(id));
  flights.set(id, flight);
  return flight;
}

async function refreshOrWait(services: Services, loaded: Loaded): Promise<void> {
  const lease = await claimLease(services, loaded, loaded.grant.generation);
  if (lease) return refreshUnder(services, loaded, lease);
  await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
}

async function refreshUnder(services: Services, loaded: Loaded, lease: Lease): Promise<void> {
  const before = await openTokens(services, loaded);
  // It was authorized again or revoked since the lease was taken, which is no longer ours then.
  if (!before) return;
  try {
    const { client, api } = await oauthClientFor(services, loaded.authConfig, loaded.parameters, loaded.grant.clientId);
    assertSameOrigin(loaded, oauth2.originsOf(client, api).token);
    const tokens = await oauth2.refresh({
      client,
      refreshToken: new Secret(before.refreshToken ?? ""),
      scopes: loaded.grantedScopes,
      fetch: services.egress.fetch,
      timeoutMs: REQUEST_MS,
      onRawAnswer: (body) => sealAnswer(services, loaded, lease, body),
    });
    if ((await storeRefreshed(services, loaded, lease, tokens, before)) === "REVOKED")
      await endAtProvider(services, client, tokens);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    await storeFailure(services, loaded, lease, error);
    throw new ProviderError(
      `${error.details.message} ${error.details.remedy}`,
      {
        providerCode: error.details.providerCode ?? null,
        providerStatus: error.details.providerStatus ?? null,
        retryable: error.details.retryable,
        retryAfterSeconds: error.details.retryAfterSeconds ?? null,
      },
      error.details.code === "RATE_LIMITED" ? "RATE_LIMITED" : "PROVIDER_ERROR",
    );
  }
}

/** It was revoked while the provider renewed it: what came is ended there too. */
async function endAtProvider(services: Services, client: OAuth2Client, tokens: TokenSet): Promise<void> {
  const { accessToken, refreshToken } = tokens;
  await oauth2.revoke({ client, accessToken, refreshToken, fetch: services.egress.fetch });
}

/** A refresh token goes to the origin that issued it, and to no other that a config may name since. Throws Failure CONFIG_CHANGED. */
function assertSameOrigin({ grant }: Loaded, tokenOrigin: string): void {
  if (grant.tokenOrigin === tokenOrigin) return;
  throw new Failure({
    code: "CONFIG_CHANGED",
    message: "The address of the provider's token endpoint was changed since this account was connected.",
    remedy: "The user must connect again.",
    retryable: false,
  });
}

async function load(services: Services, projectId: string, id: string): Promise<Loaded> {
  const row = await services.database.prisma.credential.findFirst({
    where: { id, projectId, deletedAt: null },
    include: { grant: true, authConfig: true },
  });
  if (!row?.grant) throw new NotFoundError("There is no such credential. Check the id.");
  return row as Loaded;
}

/** Null where the grant has moved on since it was read, and its tokens with it. Throws where they are there and do not open. */
async function openTokens(services: Services, { grant, ...credential }: Loaded): Promise<StoredTokens | null> {
  try {
    const secret = await services.vault.open(services.database, tokensAddress(credential, grant.generation));
    if (secret) return JSON.parse(secret.reveal()) as StoredTokens;
  } catch (error) {
    if (!(await hasMovedOn(services, credential, grant))) throw error;
    return null;
  }
  if (await hasMovedOn(services, credential, grant)) return null;
  throw new Error("A credential's tokens are missing from the vault.");
}

async function hasMovedOn(
  services: Services,
  { projectId, id }: { projectId: string; id: string },
  grant: Grant,
): Promise<boolean> {
  const present = await services.database.prisma.credential.findFirst({
    where: { projectId, id, deletedAt: null },
    include: { grant: true },
  });
  return present?.grant?.generation !== grant.generation || present.health === "REVOKED";
}
