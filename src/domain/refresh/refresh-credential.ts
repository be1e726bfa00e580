import type { Credential } from "../../db/generated/client.ts";
import { CredentialNotUsableError, NotFoundError } from "../../lib/errors.ts";
import { SCHEMES } from "../../schemes/index.ts";
import { recordAudit } from "../audit.ts";
import { assertMay, assertWithin } from "../caller.ts";
import { assertUsable, getCredential } from "../credential.ts";
import type { Context, Services } from "../services.ts";
import { type FreshTokens, renew } from "./refresh-flight.ts";
import { load, openTokens } from "./refresh-reads.ts";
import type { Loaded } from "./renew-tokens.ts";

export { type FreshTokens, refreshesEnded } from "./refresh-flight.ts";

export interface FreshnessOptions {
  /** Tokens that hold for fewer seconds are refreshed first; default 60. */
  minTtlSeconds?: number;
  /**
   * True: refreshes in any case. `generation`: refreshes unless the tokens are newer than those of this generation, which the third party
   * did not accept (401): of any number of callers who met that with one token, one refreshes.
   */
  force?: boolean | { generation: number };
}

const NO_REFRESH_TOKEN =
  "There is no refresh token for this credential: the provider gave none, or gave it to another client. Use it until it runs out; then the user must connect again.";
const NOTHING_TO_REFRESH = "What was entered for this credential is good until it is changed, so there is nothing to refresh.";

export async function refreshCredential(ctx: Context, input: { id: string }): Promise<{ credential: Credential }> {
  assertMay(ctx, "CREDENTIAL_USE");
  const before = await getCredential(ctx, input.id);
  assertWithin(ctx, before);
  if (!before.canRefresh) {
    assertUsable(before, ctx.caller.now);
    const { holdsTokens } = SCHEMES[before.schemeType as keyof typeof SCHEMES];
    throw new CredentialNotUsableError(holdsTokens ? NO_REFRESH_TOKEN : NOTHING_TO_REFRESH, before);
  }
  const { credential } = await freshTokens(ctx.services, before, { force: true });
  await ctx.services.database.transact((tx) =>
    recordAudit(tx, ctx, { action: "credential.refresh_requested", targetType: "Credential", targetId: before.id }),
  );
  return { credential };
}

/**
 * Tokens that are good for `minTtlSeconds`, refreshed first where they are not, or as `force` says. Of any number of callers, in any number
 * of processes, one asks the provider; the others wait for it, or go on with the old token while it is good. Throws
 * CredentialNotUsableError, or ProviderError where the provider could not be had and the old token has run out.
 */
export async function freshTokens(
  services: Services,
  ref: { projectId: string; id: string } | Loaded,
  options: FreshnessOptions = {},
): Promise<FreshTokens> {
  for (let loaded = isLoaded(ref) ? ref : await reload(services, ref); ; loaded = await reload(services, ref)) {
    const now = await services.database.now();
    assertUsable(loaded, now);
    const forced = await isForced(services, loaded, options.force);
    const ttl = ttlSeconds(loaded, now);
    if ((!forced && ttl > (options.minTtlSeconds ?? 60)) || (!loaded.canRefresh && ttl > 0)) {
      const tokens = await openTokens(services, loaded);
      if (tokens) return { credential: loaded, tokens };
      // Renewed, or revoked, between the two reads.
      continue;
    }
    try {
      return await renew(services, loaded);
    } catch (error) {
      const isOver = error instanceof CredentialNotUsableError || ttlSeconds(loaded, await services.database.now()) <= 0;
      if (forced || isOver) throw error;
      const tokens = await openTokens(services, loaded);
      if (tokens) return { credential: loaded, tokens };
    }
  }
}

function isLoaded(ref: object): ref is Loaded {
  return "grant" in ref;
}

function ttlSeconds({ accessTokenExpiresAt }: Loaded, now: Date): number {
  return accessTokenExpiresAt ? (accessTokenExpiresAt.getTime() - now.getTime()) / 1000 : Number.POSITIVE_INFINITY;
}

/** Tokens that the third party refuses although they are new are not made better by newer ones: more of these in a minute, and it is left at that. */
const FORCED_A_MINUTE = 3;

async function isForced(services: Services, loaded: Loaded, force: FreshnessOptions["force"]): Promise<boolean> {
  if (typeof force !== "object") return force === true;
  if (loaded.grant.generation > force.generation) return false;
  const [row] = await services.database.query<{ renewals: number }>(
    "refreshed_lately",
    `SELECT count(*)::int AS "renewals" FROM "RefreshAttempt" WHERE "projectId" = $1::uuid AND "credentialId" = $2::uuid
       AND "startedAt" > moorline_now() - interval '1 minute' AND "outcome" = 'SUCCEEDED'`,
    [loaded.projectId, loaded.id],
  );
  return row!.renewals < FORCED_A_MINUTE;
}

async function reload(services: Services, ref: { projectId: string; id: string }): Promise<Loaded> {
  const loaded = await load(services, ref);
  if (!loaded) throw new NotFoundError("There is no such credential. Check the id.");
  return loaded;
}
