import type { Prisma, Tx } from "../db/database.ts";
import type { Revocation } from "../db/generated/client.ts";
import { announce } from "../events/announce.ts";
import { Secret } from "../lib/secret.ts";
import { oauth2 } from "../schemes/index.ts";
import type { Fetch, TokenClient } from "../schemes/oauth2/types.ts";
import { LEASE_SECONDS, outcomesOf, type Queued, tell } from "./revocation.ts";
import {
  clientOfParcel,
  isShared,
  kindsOf,
  NO_CLIENT,
  type Parcel,
  parcelAddress,
  type RevokedToken,
} from "./revocation-parcel.ts";
import type { Services } from "./services.ts";

const CALL_MS = 15_000;
/** For the attempt that a caller waits for. */
const PATIENCE_MS = 5_000;
const FIRST_RETRY_SECONDS = 5;
const LAST_RETRY_SECONDS = 3_600;
const BATCH = 20;

/** The first attempt at a revocation that was queued as `held`: what the provider says while the caller waits. */
export async function attemptNow(services: Services, projectId: string, queued: Queued): Promise<RevokedToken[]> {
  const { id, outcomes } = queued;
  const row = id && (await services.database.prisma.revocation.findUnique({ where: { projectId_id: { projectId, id } } }));
  return row ? attemptOrLog(services, row, PATIENCE_MS) : outcomes;
}

const CLAIM = `
  UPDATE "Revocation" SET "leaseUntil" = moorline_now() + interval '${LEASE_SECONDS} seconds', "attempts" = "attempts" + 1
  WHERE "id" IN (
    SELECT "id" FROM "Revocation"
    WHERE "status" = 'PENDING' AND "nextAttemptAt" <= moorline_now() AND ("leaseUntil" IS NULL OR "leaseUntil" <= moorline_now())
    ORDER BY "nextAttemptAt" LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)
  RETURNING *`;

/** Asks the providers for what is due. Safe to run anywhere, any number of times: the lease of each decides. */
export async function attemptDue(services: Services, signal: AbortSignal): Promise<number> {
  for (let done = 0; ; ) {
    const due = signal.aborted ? [] : await services.database.query<Revocation>("revocations_due", CLAIM, []);
    await Promise.all(due.map((row) => attemptOrLog(services, row, CALL_MS, signal)));
    done += due.length;
    if (due.length < BATCH) return done;
  }
}

/** One that fails for a reason of ours keeps nobody waiting: it is due again when its lease is over. */
async function attemptOrLog(
  services: Services,
  row: Revocation,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<RevokedToken[]> {
  try {
    return await attempt(services, row, timeoutMs, signal);
  } catch (error) {
    services.log.error({ err: error, revocationId: row.id }, "a revocation failed and will be tried again");
    return outcomesOf(row);
  }
}

async function attempt(services: Services, row: Revocation, timeoutMs: number, signal?: AbortSignal): Promise<RevokedToken[]> {
  const before = outcomesOf(row);
  if (row.deadline <= (await services.database.now())) return settle(services, row, givenUp(before), null);
  const sealed = await services.vault.open(services.database, parcelAddress(row));
  if (!sealed) return settle(services, row, fail(before, "Its tokens were destroyed before the provider was asked."), null);
  const parcel = JSON.parse(sealed.reveal()) as Parcel;
  const client = clientOfParcel(services, parcel);
  if (!client) return settle(services, row, fail(before, NO_CLIENT), null);
  // What nobody kept may be what a present credential goes by: some providers give the same tokens again.
  if ((row.credentialId === null || oauth2.endsAccount(client)) && (await isShared(services, row, parcel))) {
    return settle(services, row, unlessSettled(before, "UNSUPPORTED", STILL_NEEDED), null);
  }
  const results = await oauth2.revoke(revokeInput(services, row, parcel, client, { timeoutMs, signal }));
  // Nothing was learnt: whoever starts next begins where this left off.
  if (signal?.aborted && results.every(({ outcome }) => outcome === "FAILED")) return release(services, row);
  const after = before.map((token): RevokedToken => {
    const said = results.find(({ kind }) => kind === token.kind);
    if (token.outcome !== "PENDING" || !said) return token;
    const { kind, message } = said;
    return { kind, message, outcome: said.outcome === "FAILED" && said.retryable ? "PENDING" : said.outcome };
  });
  const waits = results.flatMap(({ retryAfterSeconds }) => retryAfterSeconds ?? []);
  return settle(services, row, after, waits.length > 0 ? Math.max(...waits) : null);
}

const STILL_NEEDED = "The provider can end it only together with another credential of the same account, which is still in use.";

interface CallOptions {
  timeoutMs: number;
  signal?: AbortSignal;
}

function revokeInput(services: Services, row: Revocation, parcel: Parcel, client: TokenClient, options: CallOptions) {
  const { tokens, scopes } = parcel;
  const { timeoutMs, signal } = options;
  const fetch: Fetch = (url, init) => services.egress.fetch(url, signal ? { ...init, signal } : init);
  const pending = new Set(outcomesOf(row).flatMap(({ kind, outcome }) => (outcome === "PENDING" ? [kind] : [])));
  // Where one token ends the other, both are needed until both have ended.
  const open = client.scheme.revocation?.endsGrant ? new Set(kindsOf(tokens)) : pending;
  const refreshToken = tokens.refreshToken === null ? null : new Secret(tokens.refreshToken);
  return {
    client,
    accessToken: open.has("access_token") ? new Secret(tokens.accessToken) : null,
    refreshToken: open.has("refresh_token") ? refreshToken : null,
    fetch,
    timeoutMs,
    renew: async () => {
      const onRawAnswer = async () => {};
      const renewed = await oauth2.refresh({ client, refreshToken: refreshToken!, scopes, fetch, timeoutMs, onRawAnswer });
      const { accessToken } = renewed;
      const refreshed = { accessToken: accessToken.reveal(), refreshToken: (renewed.refreshToken ?? refreshToken!).reveal() };
      const secret = new Secret(JSON.stringify({ ...parcel, tokens: refreshed }));
      await services.database.transact((tx) => services.vault.seal(tx, parcelAddress(row), secret));
      return accessToken;
    },
  };
}

async function release(services: Services, row: Revocation): Promise<RevokedToken[]> {
  const { projectId, id, attempts } = row;
  await services.database.prisma.revocation.updateMany({ where: { projectId, id, attempts }, data: { leaseUntil: null } });
  return outcomesOf(row);
}

/** Writes down what was learnt, unless somebody else has taken over; when nothing is left to learn, the tokens are destroyed. */
async function settle(
  services: Services,
  row: Revocation,
  outcomes: RevokedToken[],
  retryAfterSeconds: number | null,
): Promise<RevokedToken[]> {
  const { projectId, id, attempts } = row;
  const isPending = outcomes.some(({ outcome }) => outcome === "PENDING");
  await services.database.transact(async (tx) => {
    const isOver = row.deadline <= tx.now;
    const { count } = await tx.revocation.updateMany({
      where: { projectId, id, attempts, status: "PENDING" },
      data: {
        outcomes: outcomes as unknown as Prisma.InputJsonArray,
        leaseUntil: null,
        nextAttemptAt: isPending ? nextAttempt(tx, row, retryAfterSeconds) : null,
        ...(!isPending && { status: isOver ? "GIVEN_UP" : "DONE" }),
      },
    });
    if (count !== 1) return;
    if (!isPending) await services.vault.destroy(tx, { projectId, table: "Revocation", id });
    if (!isPending) await announceEmptied(tx, projectId);
    const before = outcomesOf(row);
    const isNews = row.attempts === 1 || outcomes.some(({ outcome }, index) => outcome !== before[index]?.outcome);
    if (isNews) await tell(tx, row, outcomes);
  });
  return outcomes;
}

/** A deleted project's keys are kept for its revocations only. */
export async function announceEmptied(tx: Tx, projectId: string): Promise<void> {
  const deleted = await tx.project.findFirst({ where: { id: projectId, deletedAt: { not: null } }, select: { id: true } });
  if (deleted) await announce(tx, "job:destroy-keys");
}

/** As the provider says, or ever later with jitter; the last time is the deadline, when it is given up. */
export function nextAttempt(
  tx: Tx,
  { attempts, deadline }: Pick<Revocation, "attempts" | "deadline">,
  retryAfterSeconds: number | null,
): Date {
  const limit = Math.min(FIRST_RETRY_SECONDS * 2 ** (attempts - 1), LAST_RETRY_SECONDS);
  const seconds = Math.max(retryAfterSeconds ?? limit * (0.5 + Math.random() / 2), 1);
  return new Date(Math.min(tx.now.getTime() + seconds * 1000, deadline.getTime()));
}

function givenUp(outcomes: RevokedToken[]): RevokedToken[] {
  return fail(outcomes, "The provider could not be reached within a day. The token was destroyed here and runs out there.");
}

function fail(outcomes: RevokedToken[], message: string): RevokedToken[] {
  return unlessSettled(outcomes, "FAILED", message);
}

function unlessSettled(outcomes: RevokedToken[], outcome: RevokedToken["outcome"], message: string): RevokedToken[] {
  return outcomes.map((token) => (token.outcome === "PENDING" ? { kind: token.kind, outcome, message } : token));
}
