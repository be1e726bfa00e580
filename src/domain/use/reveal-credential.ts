import { z } from "zod";
import type { ConnectionValues, SchemeDefinition } from "../../catalogue/types.ts";
import type { Credential } from "../../db/generated/client.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../../lib/errors.ts";
import { decodeId } from "../../lib/ids.ts";
import { Secret } from "../../lib/secret.ts";
import { SCHEMES } from "../../schemes/index.ts";
import { assertMay, assertMethodWithin } from "../caller.ts";
import { assertUsable, credentialStatus, visibleCredentials } from "../credential.ts";
import type { StoredTokens } from "../credential-tokens.ts";
import { line, parseInput } from "../input.ts";
import type { Context } from "../services.ts";
import { secretNames } from "../typed-fields.ts";
import { type UserRef, userRefWhere } from "../user-ref.ts";
import { type OpenedRead, openRead, type ReadRequest, type RecordedRead, readFresh, recordFailure } from "./read-recorded.ts";

export interface RevealCredentialInput {
  id?: string | null;
  match?: { user?: UserRef | null; projectOwned?: boolean | null; connectorSlug: string; authConfigId?: string | null } | null;
  minTtlSeconds?: number | null;
  reason?: string | null;
}

/** `type RevealedCredential`: plain texts, the one place where secrets leave. */
export interface RevealedCredential {
  accessToken: string | null;
  tokenType: string | null;
  fields: Record<string, unknown>;
  headers: Record<string, string>;
  query: Record<string, string>;
  expiresAt: Date | null;
}

const schema = z.object({
  id: z.string().nullish(),
  match: z
    .object({
      user: z.custom<UserRef>().nullish(),
      projectOwned: z.boolean().nullish(),
      connectorSlug: z.string(),
      authConfigId: z.string().nullish(),
    })
    .nullish(),
  minTtlSeconds: z
    .int()
    .min(0, "minTtlSeconds must be 0 or more.")
    .max(86_400, "minTtlSeconds must be at most 86,400, which is a day.")
    .nullish(),
  reason: line("The reason", 500).nullish(),
});

const DEFAULT_MIN_TTL_SECONDS = 60;

/**
 * The secret itself, with its audit event committed by the very statement that reads it: what can't be recorded is not revealed.
 * Refreshes first where fewer than `minTtlSeconds` remain.
 */
export async function revealCredential(
  ctx: Context,
  raw: RevealCredentialInput,
): Promise<{ credential: Credential; revealed: RevealedCredential }> {
  assertMay(ctx, "CREDENTIAL_REVEAL");
  assertMethodWithin(ctx, null);
  const input = parseInput(schema, raw);
  if ((input.id == null) === (input.match == null)) {
    throw InvalidInputError.at(["id"], "REQUIRED", "Name the credential by id, or by match: exactly one of them.");
  }
  const id = input.id != null ? decodeId("Credential", input.id) : await matchOne(ctx, input.match!);
  if (!id) throw new NotFoundError("There is no such credential. Check the id.");
  const minTtlSeconds = input.minTtlSeconds ?? DEFAULT_MIN_TTL_SECONDS;
  const details = input.reason == null ? {} : { reason: input.reason };
  const request: ReadRequest = { purpose: "reveal", id, minTtlSeconds, details };
  const read = await readFresh(ctx, request);
  try {
    return { credential: read.credential, revealed: shown(read, openRead(ctx, read)) };
  } catch (error) {
    // It is on record as revealed, and was not: that is on record too.
    await recordFailure(ctx, request);
    throw error;
  }
}

function shown(
  { credential, clientId, authConfig }: RecordedRead,
  { connector, scheme, values, tokens }: OpenedRead,
): RevealedCredential {
  const applied = SCHEMES[scheme.type].apply({
    scheme,
    api: connector.api,
    accessToken: tokens && new Secret(tokens.accessToken),
    values,
    clientId,
    clientSecret: null,
    tokenSecret: tokens?.tokenSecret ? new Secret(tokens.tokenSecret) : null,
  });
  // What a project presets for connecting at the provider is no part of what is connected.
  const isPreset = (name: string) => SCHEMES[scheme.type].redirects && authConfig.presetFields.includes(name);
  const names = shownNames(scheme).filter((name) => values[name] !== undefined && !isPreset(name));
  return {
    ...bearerOf(scheme, values, tokens, credential),
    fields: {
      ...Object.fromEntries(names.map((name) => [name, values[name]])),
      // OAuth 1.0a: whoever signs calls without us needs it beside the token.
      ...(tokens?.tokenSecret && { tokenSecret: tokens.tokenSecret }),
    },
    ...applied,
    expiresAt: credential.accessTokenExpiresAt,
  };
}

/** What a product connects with by itself it needs whole: host and port beside the password. */
function shownNames(scheme: SchemeDefinition): string[] {
  return scheme.type === "NATIVE" ? scheme.fields.map(({ name }) => name) : secretNames(scheme);
}

/** The token by itself: of a grant, or the one that somebody typed. */
function bearerOf(scheme: SchemeDefinition, values: ConnectionValues, tokens: StoredTokens | null, { tokenType }: Credential) {
  if (tokens) return { accessToken: tokens.accessToken, tokenType };
  if (scheme.type !== "BEARER_TOKEN") return { accessToken: null, tokenType: null };
  return { accessToken: String(values.token), tokenType: (scheme.prefix ?? "Bearer ").trim() || null };
}

/** The UUID of the one usable credential that fits. Throws ConflictError AMBIGUOUS_CREDENTIAL, CredentialNotUsableError or NotFoundError. */
async function matchOne(ctx: Context, match: NonNullable<RevealCredentialInput["match"]>): Promise<string> {
  if (Boolean(match.user) === Boolean(match.projectOwned)) {
    throw InvalidInputError.at(["match", "user"], "REQUIRED", "Name the user, or set projectOwned to true: exactly one of them.");
  }
  const authConfigId = match.authConfigId != null ? decodeId("AuthConfig", match.authConfigId) : undefined;
  if (authConfigId === null) throw new NotFoundError("There is no such auth config. Check the id.");
  const rows = await ctx.services.database.prisma.credential.findMany({
    where: {
      AND: [
        visibleCredentials(ctx),
        { connectorSlug: match.connectorSlug, authConfigId, health: { not: "REVOKED" } },
        match.user ? { user: userRefWhere(match.user) } : { userId: null },
      ],
    },
    include: { authConfig: { select: { enabled: true } } },
    take: 100,
  });
  const active = rows.filter((row) => credentialStatus(row, ctx.caller.now) === "ACTIVE");
  const usable = active.filter((row) => row.authConfig.enabled);
  const several = `${usable.length} usable credentials fit. Name one by id, or narrow the match with authConfigId.`;
  if (usable.length > 1) throw new ConflictError("AMBIGUOUS_CREDENTIAL", several);
  // Of one whose auth config is switched off, the reveal says so.
  if (active[0]) return (usable[0] ?? active[0]).id;
  if (rows[0]) assertUsable(rows[0], ctx.caller.now);
  throw new NotFoundError("No credential fits. Connect the account first.");
}
