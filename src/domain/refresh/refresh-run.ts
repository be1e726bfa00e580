import { isUnavailable } from "../../db/unavailable.ts";
import { Failure } from "../../lib/failure.ts";
import { reach } from "../../lib/fault-points.ts";
import { failure, OAuthFailure } from "../../schemes/oauth2/failures.ts";
import type { Fetch, TokenSet } from "../../schemes/oauth2/types.ts";
import type { StoredTokens } from "../credential-tokens.ts";
import type { Services } from "../services.ts";
import {
  type AttemptOutcome,
  answerAddress,
  type Journal,
  journalAnswer,
  type Lease,
  setAside,
  writeAttempt,
} from "./refresh-attempt.ts";
import { storeFailure } from "./refresh-failure.ts";
import { claimLease, releaseLease } from "./refresh-lease.ts";
import { isLateAnswer, load, openTokens } from "./refresh-reads.ts";
import { storeRefreshed, type Try } from "./refresh-store.ts";
import { type Loaded, renewTokens } from "./renew-tokens.ts";

/**
 * One refresh under a lease: from the answer that an earlier attempt left behind, or else by asking the provider. Null: it is done, or
 * somebody else has done it; what is true now stands in the database. Otherwise what went wrong, which is on record.
 */
export async function refreshUnder(services: Services, loaded: Loaded, lease: Lease): Promise<Failure | null> {
  let old: StoredTokens | null;
  try {
    await reach("claimed", loaded.id);
    old = await openTokens(services, loaded);
  } catch (error) {
    await letGo(services, loaded, lease, null);
    throw error;
  }
  // It was authorized again or revoked since it was loaded: the lease is of no use any more.
  if (!old) return null;
  if (lease.journal) {
    const settled = await takeUp(services, loaded, lease, old, lease.journal);
    if (settled !== "USELESS") return settled;
  }
  return ask(services, loaded, lease, old);
}

/** Renews a grant that is due to be renewed by itself. False: it is not, or somebody else is at it. */
export async function renewDue(services: Services, ref: { projectId: string; id: string }): Promise<boolean> {
  const loaded = await load(services, ref);
  if (!loaded?.enabled || !(loaded.health === "ACTIVE" || (await isLateAnswer(services, loaded)))) return false;
  const claim = await claimLease(services, loaded, { dueOnly: true });
  if (typeof claim === "string" || !("lease" in claim)) return false;
  await refreshUnder(services, loaded, claim.lease);
  return true;
}

/** The answer that is sealed is read as if it had just come. Nobody is asked: a rotated refresh token exists nowhere but there. */
async function takeUp(services: Services, loaded: Loaded, lease: Lease, old: StoredTokens, journal: Journal) {
  const { id: attemptId, generation, status, wasRead } = journal;
  const made: Try = { loaded, lease, attemptId, old };
  try {
    const body = await services.vault.open(services.database, answerAddress(loaded, { id: attemptId, generation }));
    if (!body) return "USELESS" as const;
    const fetch = async () => new Response([204, 205, 304].includes(status) ? null : body.reveal(), { status });
    const kept = { fetch, fetchAfter: services.egress.fetch, onRawAnswer: async () => {} };
    const tokens = await renewTokens(services, loaded, old, { ...limits(services), ...kept });
    return (await keep(services, made, tokens)) === "SUPERSEDED" ? ("USELESS" as const) : null;
  } catch (error) {
    if (wasRead) return "USELESS" as const;
    if (generation === lease.generation) return recordFailure(services, made, asFailure(services, error, { answered: true }));
    // What it says of tokens that have been replaced since is nothing to the present ones: they are asked about themselves.
    await insist(services, () => setAside(services, loaded, attemptId));
    return "USELESS" as const;
  }
}

async function ask(services: Services, loaded: Loaded, lease: Lease, old: StoredTokens): Promise<Failure | null> {
  const attemptId = await writeAttempt(services, loaded, lease);
  if (!attemptId) return null;
  const made: Try = { loaded, lease, attemptId, old };
  const wire = { tooLate: false, sent: false, answered: false };
  try {
    await reach("attemptWritten", loaded.id);
    const tokens = await renewTokens(services, loaded, old, {
      ...limits(services),
      fetch: watched(services, loaded.id, lease, wire),
      async onRawAnswer(body, status) {
        await reach("bodyIn", loaded.id);
        const attempt = { id: attemptId, generation: lease.generation };
        await insist(services, () => journalAnswer(services, loaded, attempt, { body, status }));
        wire.answered = true;
        await reach("journaled", loaded.id);
      },
    });
    await keep(services, made, tokens);
    return null;
  } catch (error) {
    // Nothing has left, or was to leave: for everybody else it is as if this had not been.
    const unsent = wire.tooLate || (!wire.sent && !(error instanceof Failure));
    if (unsent) await letGo(services, loaded, lease, attemptId);
    if (wire.tooLate) return null;
    if (unsent) throw error;
    return recordFailure(services, made, asFailure(services, error, wire));
  }
}

/** The door out, watched. A process that stood still until its lease had all but ended sends nothing any more: another one is at it by then. */
function watched(services: Services, id: string, lease: Lease, wire: { tooLate: boolean; sent: boolean }): Fetch {
  return async (url, init) => {
    if (performance.now() > lease.sendUntil) {
      wire.tooLate = true;
      throw new Error("The lease is about to end.");
    }
    wire.sent = true;
    const answering = services.egress.fetch(url, init);
    // Whoever awaits it hears of its failure; until then nobody does.
    answering.catch(() => {});
    await reach("requestSent", id);
    const answer = await answering;
    await reach("headersIn", id);
    return answer;
  };
}

async function keep(services: Services, made: Try, tokens: TokenSet): Promise<AttemptOutcome> {
  const { loaded } = made;
  const outcome = await insist(services, () => storeRefreshed(services, made, tokens));
  await reach("committed", loaded.id);
  if (outcome === "LATE") await renewDue(services, loaded);
  await reach("announced", loaded.id);
  return outcome;
}

async function recordFailure(services: Services, made: Try, error: Failure): Promise<Failure | null> {
  const outcome = await insist(services, () => storeFailure(services, made, error));
  if (outcome === "IN_DOUBT") await renewDue(services, made.loaded);
  return outcome === "RECORDED" ? error : null;
}

/** What is no Failure is a fault of ours: an answer that is sealed is looked at again by the next attempt, any other one is lost. */
function asFailure({ log }: Services, error: unknown, wire: { answered: boolean }): Failure {
  if (error instanceof Failure) return error;
  log.error({ err: error instanceof Error ? error : undefined }, "a refresh failed");
  const { details } = failure("INTERNAL", {
    retryable: true,
    message: "Something went wrong on our side.",
    remedy: "Try again.",
  });
  return new OAuthFailure(details, !wire.answered);
}

async function letGo(services: Services, loaded: Loaded, lease: Lease, attemptId: string | null): Promise<void> {
  // Where that fails too, the lease ends by itself.
  await releaseLease(services, loaded, lease, attemptId).catch(() => {});
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** Until it is done: what the provider gave must not be lost because the database is away for a moment. */
async function insist<Result>({ refreshLimits, log }: Services, work: () => Promise<Result>): Promise<Result> {
  const giveUpAt = performance.now() + refreshLimits.insistMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isUnavailable(error) || performance.now() > giveUpAt) throw error;
      if (pause === FIRST_PAUSE_MS) log.warn({ err: error }, "the database is away: an answer of a provider waits to be stored");
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function limits({ refreshLimits }: Services): { timeoutMs: number } {
  return { timeoutMs: refreshLimits.requestMs };
}
