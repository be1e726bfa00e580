import { z } from "zod";
import type { AuthConfig, Credential, CustomConnector } from "../db/generated/client.ts";
import { ConflictError, ForbiddenError, InvalidInputError, NotFoundError, ProviderError } from "../lib/errors.ts";
import { decodeId, encodeId, newId } from "../lib/ids.ts";
import { Secret } from "../lib/secret.ts";
import { SCHEMES } from "../schemes/index.ts";
import type { SealedRow } from "../vault/vault.ts";
import { actorOf, recordAudit } from "./audit.ts";
import { fieldParameters } from "./auth-config-view.ts";
import { assertMay } from "./caller.ts";
import { builtInView, ownView, schemeOf } from "./connector-view.ts";
import { assertUsable, credentialStatus, visibleCredentials } from "./credential.ts";
import { type StoredTokens, tokensAddress } from "./credential-tokens.ts";
import { credentialFromJson } from "./hot-reads.ts";
import { line, parseInput } from "./input.ts";
import { presetsOf } from "./oauth-client.ts";
import { freshTokens } from "./refresh-credential.ts";
import type { Context } from "./services.ts";
import { type UserRef, userRefWhere } from "./user-ref.ts";

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
      connectorSlug: z.string().max(100),
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
  const input = parseInput(schema, raw);
  if ((input.id == null) === (input.match == null)) {
    throw InvalidInputError.at(["id"], "REQUIRED", "Name the credential by id, or by match: exactly one of them.");
  }
  const id = input.id != null ? decodeId("Credential", input.id) : await matchOne(ctx, input.match!);
  if (!id) throw new NotFoundError("There is no such credential. Check the id.");
  const minTtlSeconds = input.minTtlSeconds ?? DEFAULT_MIN_TTL_SECONDS;
  let read = await readRecorded(ctx, id, minTtlSeconds, input.reason ?? null);
  if (!read.recorded) {
    await renew(ctx, read, minTtlSeconds);
    // The provider may give shorter lives than were asked for: what it has just given is as fresh as it gets.
    read = await readRecorded(ctx, id, 0, input.reason ?? null);
    if (!read.recorded) {
      assertUsable(read.credential, read.now);
      throw new ProviderError("The provider gave a token that had run out already. Try again in a moment.", { retryable: true });
    }
  }
  return { credential: read.credential, revealed: await open(ctx, read) };
}

/** Refreshes; a reveal that fails here is on record too. */
async function renew(ctx: Context, read: Read, minTtlSeconds: number): Promise<void> {
  try {
    assertUsable(read.credential, read.now);
    await freshTokens(ctx.services, read.credential, { minTtlSeconds });
  } catch (error) {
    await recordFailure(ctx, read.credential.id);
    throw error;
  }
}

function recordFailure(ctx: Context, credentialId: string): Promise<void> {
  return ctx.services.database.transact((tx) =>
    recordAudit(tx, ctx, {
      action: "credential.revealed",
      outcome: "FAILED",
      targetType: "Credential",
      targetId: credentialId,
    }),
  );
}

interface Read {
  credential: Credential;
  authConfig: Pick<AuthConfig, "id" | "projectId" | "schemeKey" | "parameters" | "presetFields" | "secretGeneration">;
  own: CustomConnector | null;
  sealed: SealedRow;
  generation: number;
  clientId: string;
  now: Date;
  recorded: boolean;
}

interface Row extends SealedRow {
  credential: Credential;
  authConfig: Read["authConfig"];
  own: CustomConnector | null;
  generation: number;
  clientId: string;
  now: Date;
  fresh: boolean;
}

/** A use is in the history once a minute at most; the audit log has each. */
const READ_AND_RECORD = `
  WITH found AS MATERIALIZED (
    SELECT c."id", row_to_json(c) AS "credential", json_build_object('id', a."id", 'projectId', a."projectId", 'schemeKey', a."schemeKey",
             'parameters', a."parameters", 'presetFields', a."presetFields", 'secretGeneration', a."secretGeneration") AS "authConfig",
           row_to_json(o) AS "own", g."generation", g."clientId", s."blob", k."id" AS "dataKeyId", k."scope", k."wrapped", k."kekId", t."now",
           c."health" = 'ACTIVE' AND c."enabled" AND (c."accessTokenExpiresAt" IS NULL
             OR c."accessTokenExpiresAt" > t."now" + make_interval(secs => $3)
             OR (NOT c."canRefresh" AND c."accessTokenExpiresAt" > t."now")) AS "fresh"
    FROM "Credential" c
    CROSS JOIN (SELECT moorline_now() AS "now") t
    JOIN "AuthConfig" a ON a."projectId" = c."projectId" AND a."id" = c."authConfigId"
    JOIN "Grant" g ON g."credentialId" = c."id"
    JOIN "SealedSecret" s ON s."projectId" = c."projectId" AND s."ownerTable" = 'Credential' AND s."ownerId" = c."id" AND s."column" = 'tokens'
    JOIN "DataKey" k ON k."projectId" = s."projectId" AND k."id" = s."dataKeyId"
    LEFT JOIN "CustomConnector" o ON o."projectId" = c."projectId" AND o."slug" = c."connectorSlug"
    WHERE c."projectId" = $1::uuid AND c."id" = $2::uuid AND c."deletedAt" IS NULL
      AND ($4::text[] IS NULL OR c."connectorSlug" = ANY($4)) AND ($5::uuid[] IS NULL OR c."userId" = ANY($5))
  ), audited AS (
    INSERT INTO "AuditEvent" ("id", "projectId", "at", "action", "outcome", "actorType", "actorId", "actorLabel", "targetType", "targetId", "ip", "details")
    SELECT $6::uuid, $1::uuid, "now", 'credential.revealed', 'ALLOWED', $7, $8::uuid, $9, 'Credential', $12, $10, $11::jsonb FROM found WHERE "fresh"
  ), used AS (
    UPDATE "Credential" c SET "sequence" = c."sequence" + 1, "lastUsedAt" = f."now" FROM found f
    WHERE c."id" = f."id" AND f."fresh" AND (c."lastUsedAt" IS NULL OR c."lastUsedAt" < f."now" - interval '1 minute')
    RETURNING c."id", c."sequence", f."now"
  ), noted AS (
    INSERT INTO "CredentialEvent" ("projectId", "credentialId", "sequence", "kind", "status", "message", "at")
    SELECT $1::uuid, "id", "sequence", 'REVEALED', 'ACTIVE', 'Revealed to an API key.', "now" FROM used
  )
  SELECT * FROM found`;

/** Throws NotFoundError, or ForbiddenError where the key is narrowed to others. */
async function readRecorded(ctx: Context, id: string, minTtlSeconds: number, reason: string | null): Promise<Read> {
  const { services, caller } = ctx;
  const actor = actorOf(caller);
  const [row] = await services.database.query<Row>("reveal", READ_AND_RECORD, [
    caller.projectId,
    id,
    minTtlSeconds,
    caller.connectorSlugs,
    caller.userIds,
    newId(),
    actor.actorType,
    actor.actorId,
    actor.actorLabel,
    actor.ip,
    JSON.stringify(reason === null ? {} : { reason }),
    encodeId("Credential", id),
  ]);
  if (!row) throw await refusal(ctx, id);
  const { credential, authConfig, own, generation, clientId, now, fresh, ...sealed } = row;
  return { credential: credentialFromJson(credential), authConfig, own, generation, clientId, now, sealed, recorded: fresh };
}

/** Why no row came: not there, not within what the key is narrowed to, or its tokens were destroyed with its end. */
async function refusal(ctx: Context, id: string): Promise<Error> {
  const { connectorSlugs, userIds } = ctx.caller;
  const row = await ctx.services.database.prisma.credential.findFirst({ where: { AND: [visibleCredentials(ctx), { id }] } });
  if (!row) return new NotFoundError("There is no such credential. Check the id.");
  const isNarrowed =
    (connectorSlugs && !connectorSlugs.includes(row.connectorSlug)) || (userIds && !userIds.includes(row.userId ?? ""));
  if (isNarrowed)
    return new ForbiddenError("This API key is narrowed to other connectors or users. Use a key that may use this credential.");
  await recordFailure(ctx, id);
  assertUsable(row, ctx.caller.now);
  return new Error("A credential's tokens are missing from the vault.");
}

async function open({ services }: Context, read: Read): Promise<RevealedCredential> {
  const { credential, authConfig } = read;
  const opened = services.vault.openRow(read.sealed, tokensAddress(credential, read.generation));
  const tokens = JSON.parse(opened.reveal()) as StoredTokens;
  const definition = services.catalogue.get(credential.connectorSlug);
  const connector = read.own ? ownView(read.own) : definition && builtInView(definition);
  const scheme = connector && schemeOf(connector, authConfig.schemeKey);
  if (!connector || !scheme)
    throw new ConflictError("CONFLICT", `The connector “${credential.connectorSlug}” is no longer there.`);
  const values = {
    ...fieldParameters(authConfig),
    ...(await presetsOf(services, authConfig)),
    ...(credential.parameters as object),
  };
  const applied = SCHEMES[scheme.type].apply({
    scheme,
    api: connector.api,
    accessToken: new Secret(tokens.accessToken),
    values,
    clientId: read.clientId,
  });
  return {
    accessToken: tokens.accessToken,
    tokenType: credential.tokenType,
    fields: {},
    ...applied,
    expiresAt: credential.accessTokenExpiresAt,
  };
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
    take: 100,
  });
  const usable = rows.filter((row) => credentialStatus(row, ctx.caller.now) === "ACTIVE");
  if (usable.length > 1) {
    throw new ConflictError(
      "AMBIGUOUS_CREDENTIAL",
      `${usable.length} usable credentials fit. Name one by id, or narrow the match with authConfigId.`,
    );
  }
  if (usable[0]) return usable[0].id;
  if (rows[0]) assertUsable(rows[0], ctx.caller.now);
  throw new NotFoundError("No credential fits. Connect the account first.");
}
