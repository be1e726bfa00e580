import { NotFoundError, ProviderError } from "../../lib/errors.ts";
import type { Failure } from "../../lib/failure.ts";
import { assertUsable } from "../credential.ts";
import type { StoredTokens } from "../credential-tokens.ts";
import { secondsUntil } from "../refresh-schedule.ts";
import type { Services } from "../services.ts";
import { isFinal, isLost } from "./refresh-failure.ts";
import { claimLease } from "./refresh-lease.ts";
import { load, openTokens } from "./refresh-reads.ts";
import { refreshUnder } from "./refresh-run.ts";
import type { Loaded } from "./renew-tokens.ts";

export interface FreshTokens {
  credential: Loaded;
  tokens: StoredTokens;
}

const flights = new WeakMap<Services, Map<string, Promise<FreshTokens>>>();

/**
 * Newer tokens than those of `loaded`. All callers of this process share one flight, and the flights of all processes one request. Rejects
 * with CredentialNotUsableError, or ProviderError: also where that takes longer than a caller can wait, while it goes on for the others.
 */
export async function renew(services: Services, loaded: Loaded): Promise<FreshTokens> {
  const own = flights.get(services) ?? new Map<string, Promise<FreshTokens>>();
  flights.set(services, own);
  const key = `${loaded.id}:${loaded.grant.generation}`;
  const flight = own.get(key) ?? fly(services, loaded).finally(() => own.delete(key));
  own.set(key, flight);
  return within(services.refreshLimits.waitMs, flight);
}

/** Resolves when every flight of this process has ended, after `ms` at most: an answer that comes when nobody is there any more is lost. */
export async function refreshesEnded(services: Services, ms: number): Promise<void> {
  const running = [...(flights.get(services)?.values() ?? [])];
  if (running.length === 0) return;
  const limit = new AbortController();
  await Promise.race([Promise.allSettled(running), pause(ms, limit.signal)]);
  limit.abort();
}

/** A lost answer is asked for once more in the same flight where it was lost soon; later the grant's own time has it tried again. */
const PROMPT_RETRIES = 1;
const SOON_MS = 5_000;
const RETRY_PAUSE_MS = 200;

async function fly(services: Services, first: Loaded): Promise<FreshTokens> {
  const began = performance.now();
  let { failures } = first.grant;
  let retries = 0;
  for (let present = first; ; present = await reload(services, first)) {
    const now = await services.database.now();
    assertUsable(present, now);
    const { grant } = present;
    if (grant.generation !== first.grant.generation) {
      const tokens = await openTokens(services, present);
      if (tokens) return { credential: present, tokens };
      continue;
    }
    const isLeased = grant.leaseUntil !== null && grant.leaseUntil > now;
    // Another process has just tried for all of us, in vain.
    if (grant.failures > failures && !isLeased) throw await sameAsLast(services, present);
    if (!isLeased && grant.notBefore && grant.notBefore > now) throw await sameAsLast(services, present, grant.notBefore);
    if (performance.now() - began > services.refreshLimits.leaseMs * 2) throw tooLong();
    const claim = isLeased ? "TAKEN" : await claimLease(services, present);
    if (claim === "CHANGED") continue;
    if (claim === "TAKEN") await change(services, present);
    else if ("until" in claim) throw await sameAsLast(services, present, claim.until);
    else {
      const error = await refreshUnder(services, present, claim.lease);
      if (!error || isFinal(error)) continue;
      const again = isLost(error) && retries < PROMPT_RETRIES && performance.now() - began < SOON_MS;
      if (!again) throw providerError(error);
      retries += 1;
      failures = Number.POSITIVE_INFINITY;
      await pause(RETRY_PAUSE_MS * (0.5 + Math.random()));
    }
  }
}

async function reload(services: Services, ref: { projectId: string; id: string }): Promise<Loaded> {
  const loaded = await load(services, ref);
  if (!loaded) throw new NotFoundError("There is no such credential. Check the id.");
  return loaded;
}

const SHORTEST_LOOK_MS = 50;
const LONGEST_LOOK_MS = 500;

/** Until something was announced of the credential, or, because that is a hint and no promise, for half a second. */
async function change({ hub }: Services, { projectId, id }: Loaded): Promise<void> {
  const heard = new AbortController();
  const unsubscribe = hub.subscribe(`credentials:${projectId}`, (signal) => {
    if ("resync" in signal || signal.id === id) heard.abort();
  });
  try {
    // Not at once again in any case: who holds the row at this moment has yet to commit.
    await pause(SHORTEST_LOOK_MS);
    await pause(LONGEST_LOOK_MS - SHORTEST_LOOK_MS, heard.signal);
  } finally {
    unsubscribe();
  }
}

function providerError({ details }: Failure): ProviderError {
  return new ProviderError(
    `${details.message} ${details.remedy}`,
    {
      providerCode: details.providerCode ?? null,
      providerStatus: details.providerStatus ?? null,
      retryable: details.retryable,
      retryAfterSeconds: details.retryAfterSeconds ?? null,
    },
    details.code === "RATE_LIMITED" ? "RATE_LIMITED" : "PROVIDER_ERROR",
  );
}

/** What the last attempt came to, told to somebody for whom the provider is not asked again. `until`: when it may be. */
async function sameAsLast({ database }: Services, { projectId, id, healthReason, authConfig, grant }: Loaded, until?: Date) {
  const last = await database.prisma.refreshAttempt.findFirst({
    where: { projectId, credentialId: id, generation: grant.generation, finishedAt: { not: null } },
    orderBy: { startedAt: "desc" },
  });
  const now = await database.now();
  const again = until ?? grant.notBefore;
  const refused = authConfig.errorReason !== null;
  const details = {
    providerStatus: last?.answerStatus ?? null,
    retryable: !refused,
    retryAfterSeconds: again && again > now && !refused ? secondsUntil(now, again) : null,
  };
  const message = healthReason ?? authConfig.errorReason ?? "The provider could not be reached lately. Try again in a moment.";
  return new ProviderError(message, details, last?.answerStatus === 429 ? "RATE_LIMITED" : "PROVIDER_ERROR");
}

function tooLong(): ProviderError {
  const details = { retryable: true, retryAfterSeconds: 5 };
  return new ProviderError("The refresh of this credential is taking too long. Try again in a moment.", details);
}

async function within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  const limit = new AbortController();
  const late = pause(ms, limit.signal).then(() => {
    if (limit.signal.aborted) return work;
    throw tooLong();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    limit.abort();
  }
}

/** Resolves earlier where `signal` aborts. */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
  });
}
