import type { ConnectionValues, SchemeDefinition } from "../../catalogue/types.ts";
import type { Prisma } from "../../db/database.ts";
import type { AuthConfig, Credential, CustomConnector } from "../../db/generated/client.ts";
import { ConflictError, NotFoundError, ProviderError } from "../../lib/errors.ts";
import { encodeId, newId } from "../../lib/ids.ts";
import { SCHEMES } from "../../schemes/index.ts";
import type { Address, SealedRow } from "../../vault/vault.ts";
import { actorOf, recordAudit } from "../audit.ts";
import { assertWithin } from "../caller.ts";
import { builtInView, type ConnectorView, ownView, schemeOf } from "../connector-view.ts";
import { assertUsable, visibleCredentials } from "../credential.ts";
import { fieldsAddress, mergeValues } from "../credential-fields.ts";
import { type StoredTokens, tokensAddress } from "../credential-tokens.ts";
import { authConfigFromJson, credentialFromJson } from "../hot-reads.ts";
import { configPresets } from "../oauth-client.ts";
import { freshTokens } from "../refresh/refresh-credential.ts";
import type { Context, Services } from "../services.ts";
import { assertComplete } from "../typed-fields.ts";
import { assertConfigOn } from "./use-credential.ts";

/** What a secret is read for: handed out, or applied to a call. */
export type Purpose = "reveal" | "use";

const RECORDED_AS = {
  reveal: { action: "credential.revealed", kind: "REVEALED", message: "Revealed to an API key.", details: `$11::jsonb` },
  use: {
    action: "credential.used",
    kind: "USED",
    message: "Used for a call to the API.",
    details: `$11::jsonb || jsonb_build_object('connector', "credential" ->> 'connectorSlug')`,
  },
};

/**
 * One statement that reads a credential with everything its secrets are opened and applied with, and puts that on record: what can't be
 * recorded is not read. The audit log has each time; history and `lastUsedAt` one a minute at most, and none where somebody else is just
 * changing the row: nobody waits for that.
 */
const readAndRecord = ({ action, kind, message, details }: (typeof RECORDED_AS)[Purpose]) => `
  WITH found AS MATERIALIZED (
    SELECT c."id", row_to_json(c) AS "credential", row_to_json(a) AS "authConfig", row_to_json(o) AS "own",
           g."generation", g."clientId", g."apiOrigin", s."blob" AS "tokens", f."blob" AS "fields", p."blob" AS "presets",
           pk."id" AS "presetsKeyId", pk."wrapped" AS "presetsWrapped", pk."kekId" AS "presetsKekId",
           k."id" AS "dataKeyId", k."scope", k."wrapped", k."kekId", t."now",
           c."health" = 'ACTIVE' AND c."enabled" AND a."enabled" AND (c."accessTokenExpiresAt" IS NULL
             OR c."accessTokenExpiresAt" > t."now" + make_interval(secs => $3)
             OR (NOT c."canRefresh" AND c."accessTokenExpiresAt" > t."now")) AS "fresh"
    FROM "Credential" c
    CROSS JOIN (SELECT moorline_now() AS "now") t
    JOIN "AuthConfig" a ON a."projectId" = c."projectId" AND a."id" = c."authConfigId"
    JOIN "DataKey" k ON k."projectId" = c."projectId" AND k."scope" = coalesce(c."userId"::text, 'project')
    LEFT JOIN "Grant" g ON g."credentialId" = c."id"
    LEFT JOIN "SealedSecret" s ON s."projectId" = c."projectId" AND s."ownerTable" = 'Credential' AND s."ownerId" = c."id"
      AND s."column" = 'tokens' AND s."dataKeyId" = k."id"
    LEFT JOIN "SealedSecret" f ON f."projectId" = c."projectId" AND f."ownerTable" = 'Credential' AND f."ownerId" = c."id"
      AND f."column" = 'fields' AND f."dataKeyId" = k."id"
    LEFT JOIN "SealedSecret" p ON p."projectId" = c."projectId" AND p."ownerTable" = 'AuthConfig' AND p."ownerId" = a."id"
      AND p."column" = 'presetFields'
    LEFT JOIN "DataKey" pk ON pk."projectId" = p."projectId" AND pk."id" = p."dataKeyId"
    LEFT JOIN "CustomConnector" o ON o."projectId" = c."projectId" AND o."slug" = c."connectorSlug"
    WHERE c."projectId" = $1::uuid AND c."id" = $2::uuid AND c."deletedAt" IS NULL
      AND (s."blob" IS NOT NULL OR g."credentialId" IS NULL) AND (f."blob" IS NOT NULL OR c."secretGeneration" = 0)
      AND ($4::text[] IS NULL OR c."connectorSlug" = ANY($4)) AND ($5::uuid[] IS NULL OR c."userId" = ANY($5))
  ), audited AS (
    INSERT INTO "AuditEvent" ("id", "projectId", "at", "action", "outcome", "actorType", "actorId", "actorLabel", "targetType", "targetId", "ip", "details")
    SELECT $6::uuid, $1::uuid, "now", '${action}', 'ALLOWED', $7, $8::uuid, $9, 'Credential', $12, $10, ${details} FROM found WHERE "fresh"
  ), used AS (
    UPDATE "Credential" c SET "sequence" = c."sequence" + 1, "lastUsedAt" = f."now" FROM found f
    WHERE f."fresh" AND c."id" = (
      SELECT l."id" FROM "Credential" l
      WHERE l."id" = f."id" AND (l."lastUsedAt" IS NULL OR l."lastUsedAt" < f."now" - interval '1 minute') FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING c."id", c."authConfigId", c."sequence", f."now"
  ), noted AS (
    INSERT INTO "CredentialEvent" ("projectId", "credentialId", "sequence", "kind", "status", "message", "at")
    SELECT $1::uuid, "id", "sequence", '${kind}', 'ACTIVE', '${message}', "now" FROM used
  ), config AS (
    UPDATE "AuthConfig" a SET "lastUsedAt" = u."now" FROM used u
    WHERE a."id" = (
      SELECT l."id" FROM "AuthConfig" l
      WHERE l."id" = u."authConfigId" AND (l."lastUsedAt" IS NULL OR l."lastUsedAt" < u."now" - interval '1 minute')
      FOR NO KEY UPDATE SKIP LOCKED)
  )
  SELECT * FROM found`;

const STATEMENTS = { reveal: readAndRecord(RECORDED_AS.reveal), use: readAndRecord(RECORDED_AS.use) };

interface Common {
  credential: Credential;
  authConfig: AuthConfig;
  own: CustomConnector | null;
  /** Of the grant, as are the next two; null: the scheme holds no tokens. */
  generation: number | null;
  clientId: string | null;
  apiOrigin: string | null;
  /** Sealed; null: there are none. */
  tokens: Uint8Array | null;
  fields: Uint8Array | null;
  now: Date;
}

type DataKeyRow = Omit<SealedRow, "blob">;

export interface RecordedRead extends Common {
  /** Tokens and fields are the secrets of one owner: sealed under the same data key. */
  key: DataKeyRow;
  /** The config's are the project's; null: it has none. */
  presets: SealedRow | null;
  /** False: it is not usable as it is, and nothing was put on record. */
  recorded: boolean;
}

interface Row extends Common, DataKeyRow {
  presets: Uint8Array | null;
  presetsKeyId: string;
  presetsWrapped: Uint8Array;
  presetsKekId: string;
  fresh: boolean;
}

export interface ReadRequest {
  purpose: Purpose;
  /** The credential's UUID. */
  id: string;
  minTtlSeconds: number;
  /** For the audit log. */
  details: Prisma.InputJsonObject;
}

/**
 * A usable credential, on record as read; refreshed first where fewer than `minTtlSeconds` remain. Throws NotFoundError, ForbiddenError where
 * the key is narrowed to others, CredentialNotUsableError, ConflictError where its config is switched off, or ProviderError.
 */
export async function readFresh(ctx: Context, request: ReadRequest): Promise<RecordedRead> {
  const first = await read(ctx, request);
  if (first.recorded) return first;
  try {
    assertConfigOn(first.authConfig);
    assertUsable(first.credential, first.now);
    // Without tokens nothing can be made fresh: it is as the next look will find it.
    if (first.generation !== null) await freshTokens(ctx.services, first.credential, request);
  } catch (error) {
    await recordFailure(ctx, request);
    throw error;
  }
  // The provider may give shorter lives than were asked for: what it has just given is as fresh as it gets.
  const second = await read(ctx, { ...request, minTtlSeconds: 0 });
  if (second.recorded) return second;
  assertUsable(second.credential, second.now);
  throw new ProviderError("The provider gave a token that had run out already. Try again in a moment.", { retryable: true });
}

async function read(ctx: Context, request: ReadRequest): Promise<RecordedRead> {
  const { services, caller } = ctx;
  const { purpose, id, minTtlSeconds, details } = request;
  const actor = actorOf(caller);
  const [row] = await services.database.query<Row>(purpose, STATEMENTS[purpose], [
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
    JSON.stringify(details),
    encodeId("Credential", id),
  ]);
  if (!row) throw await refusal(ctx, request);
  const { own, generation, clientId, apiOrigin, tokens, fields, now, fresh: recorded, dataKeyId, scope, wrapped, kekId } = row;
  const presets = row.presets && {
    blob: row.presets,
    dataKeyId: row.presetsKeyId,
    scope: "project",
    wrapped: row.presetsWrapped,
    kekId: row.presetsKekId,
  };
  const rows = { credential: credentialFromJson(row.credential), authConfig: authConfigFromJson(row.authConfig) };
  const key = { dataKeyId, scope, wrapped, kekId };
  return { ...rows, own, generation, clientId, apiOrigin, tokens, fields, presets, key, now, recorded };
}

/** Why no row came: not there, not within what the key is narrowed to, or its secrets were destroyed with its end. */
async function refusal(ctx: Context, request: ReadRequest): Promise<Error> {
  const where = { AND: [visibleCredentials(ctx), { id: request.id }] };
  const row = await ctx.services.database.prisma.credential.findFirst({ where });
  if (!row) return new NotFoundError("There is no such credential. Check the id.");
  assertWithin(ctx, row);
  await recordFailure(ctx, request);
  assertUsable(row, ctx.caller.now);
  return new Error("A credential's secrets are missing from the vault.");
}

/** A secret that was asked for and not had: that is on record too. */
export function recordFailure(ctx: Context, { purpose, id, details }: ReadRequest): Promise<void> {
  const { action } = RECORDED_AS[purpose];
  return ctx.services.database.transact((tx) =>
    recordAudit(tx, ctx, { action, outcome: "FAILED", targetType: "Credential", targetId: id, details }),
  );
}

/** What a read holds, opened. Secrets inside. */
export interface OpenedRead {
  connector: ConnectorView;
  scheme: SchemeDefinition;
  values: ConnectionValues;
  tokens: StoredTokens | null;
}

/** Throws ConflictError, or CredentialNotUsableError where a value is missing. */
export function openRead({ services }: Context, found: RecordedRead): OpenedRead {
  const { credential, authConfig, own } = found;
  const definition = services.catalogue.get(credential.connectorSlug);
  const connector = own ? ownView(own) : definition && builtInView(definition);
  const scheme = connector && schemeOf(connector, authConfig.schemeKey);
  if (!connector || !scheme)
    throw new ConflictError("CONFLICT", `The connector “${credential.connectorSlug}” is no longer there.`);
  const { tokens, fields, presets } = unseal(services, found);
  const values = mergeValues(authConfig, presets, credential, fields);
  if (!SCHEMES[scheme.type].redirects) assertComplete(scheme, values, credential);
  return { connector, scheme, values, tokens };
}

function unseal({ vault }: Services, { credential, authConfig, generation, key, tokens, fields, presets }: RecordedRead) {
  const open = (row: SealedRow, address: Omit<Address, "scope">) => JSON.parse(vault.openRow(row, address).reveal());
  const values = { fields: {}, presets: {} } as Record<"fields" | "presets", Record<string, unknown>>;
  if (fields) values.fields = open({ ...key, blob: fields }, fieldsAddress(credential));
  if (presets) values.presets = open(presets, configPresets(authConfig));
  const stored: StoredTokens | null = tokens && open({ ...key, blob: tokens }, tokensAddress(credential, generation!));
  return { ...values, tokens: stored };
}
