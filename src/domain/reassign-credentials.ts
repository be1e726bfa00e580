import type { Tx } from "../db/database.ts";
import type { AuthConfig, Credential } from "../db/generated/client.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { decodeId } from "../lib/ids.ts";
import { hasClient, hostFields } from "./auth-config-rules.ts";
import { fieldParameters, visibleAuthConfigs } from "./auth-config-view.ts";
import { cancelOpenRequests } from "./connection-request.ts";
import { type ConnectorView, getConnector, schemeOf } from "./connector-view.ts";
import { credentialStatus } from "./credential.ts";
import { recordCredentialEvents } from "./credential-event.ts";
import { mergeValues } from "./credential-fields.ts";
import { sameJson } from "./input.ts";
import { clientIdOf, presetsOf } from "./oauth-client.ts";
import { moveRetained } from "./retained-client.ts";
import type { Context } from "./services.ts";
import { missingFields } from "./typed-fields.ts";

const BATCH = 500;

/** A config that may take over the credentials of another one. */
export interface Heir {
  row: AuthConfig;
  connector: ConnectorView;
  presets: Record<string, unknown>;
}

/**
 * Of the same connector and scheme, with the same hosts, and, where a grant belongs to the config's client (RFC 6749 section 6), with the
 * same client. Throws InvalidInputError.
 */
export async function findHeir(ctx: Context, from: AuthConfig, publicId: string, tx?: Tx): Promise<Heir> {
  const { services } = ctx;
  const id = decodeId("AuthConfig", publicId);
  const db = tx ?? services.database.prisma;
  const row = id && id !== from.id ? await db.authConfig.findFirst({ where: { AND: [visibleAuthConfigs(ctx), { id }] } }) : null;
  if (!row) throw refuse("NOT_FOUND", "There is no other auth config of this id in this project.");
  const differs = (what: string) => refuse("NOT_ALLOWED", `Credentials can only move to a config with the same ${what}.`);
  if (row.connectorSlug !== from.connectorSlug) throw differs("connector");
  if (row.schemeKey !== from.schemeKey) throw differs("scheme");
  const connector = await getConnector(services, from.projectId, from.connectorSlug, tx);
  const scheme = schemeOf(connector, from.schemeKey);
  if (scheme && hasClient(scheme) && clientIdOf(services, row) !== clientIdOf(services, from)) throw differs("client id");
  const [before, presets] = await Promise.all([from, row].map((config) => presetsOf(services, config, tx ?? services.database)));
  const [here, there] = [
    { ...fieldParameters(from), ...before },
    { ...fieldParameters(row), ...presets },
  ] as Record<string, unknown>[];
  const other = hostFields(connector).find((name) => !sameJson(here?.[name], there?.[name]));
  if (other) throw differs(`value of “${other}”: it decides where secrets are sent`);
  return { row, connector, presets: presets ?? {} };
}

/** Moves every credential with all that it holds: what is sealed is bound to the credential, and opens as before. Returns how many. */
export async function handOver(ctx: Context, tx: Tx, from: AuthConfig, to: Heir): Promise<number> {
  const moved = await moveAll(ctx, tx, from, to);
  await cancelOpenRequests(tx, ctx, { projectId: from.projectId, authConfigId: from.id });
  await moveRetained(ctx.services, tx, from, to.row);
  // What a flow has brought in before its request could be cancelled.
  return moved + (await moveAll(ctx, tx, from, to));
}

async function moveAll(ctx: Context, tx: Tx, from: AuthConfig, to: Heir): Promise<number> {
  const { projectId } = from;
  for (let count = 0; ; ) {
    // Locked before they are read: whoever ends one of them meanwhile is told of, and not undone, by what is written here.
    const rows = await lockedCredentials(tx, from);
    await assertComplete(ctx, tx, rows, to);
    const data = { authConfigId: to.row.id, version: { increment: 1 }, updatedAt: tx.now };
    await tx.credential.updateMany({ where: { projectId, id: { in: rows.map(({ id }) => id) } }, data });
    const told = rows.map((row) => {
      const status = credentialStatus(row, tx.now);
      const event = { kind: "UPDATED" as const, status, message: `Moved to the auth config “${to.row.name}”.` };
      return [row.id, { event, change: { kind: "UPDATED" as const, statusBefore: status } }] as const;
    });
    await recordCredentialEvents(tx, projectId, new Map(told));
    count += rows.length;
    if (rows.length < BATCH) return count;
  }
}

/** In the order of their ids, as everything that locks several does. */
async function lockedCredentials(tx: Tx, { projectId, id: authConfigId }: AuthConfig): Promise<Credential[]> {
  const locked = await tx.$queryRaw<{ id: string }[]>`
    SELECT "id"::text FROM "Credential" WHERE "projectId" = ${projectId}::uuid AND "authConfigId" = ${authConfigId}::uuid AND "deletedAt" IS NULL
    ORDER BY "id" LIMIT ${BATCH} FOR NO KEY UPDATE`;
  return tx.credential.findMany({ where: { projectId, id: { in: locked.map(({ id }) => id) } } });
}

/** What the old config preset for everyone the new one presets too, or the credential has it itself. Throws InvalidInputError that names it. */
async function assertComplete(
  { services }: Context,
  tx: Tx,
  rows: Credential[],
  { row, connector, presets }: Heir,
): Promise<void> {
  const scheme = schemeOf(connector, row.schemeKey);
  const live = rows.filter(({ health }) => health !== "REVOKED");
  if (!scheme || live.length === 0) return;
  const generations = new Map(live.map(({ id, secretGeneration }) => [id, secretGeneration]));
  const column = { projectId: row.projectId, table: "Credential", column: "fields" };
  const typed = await services.vault.openMany(tx, column, generations);
  for (const credential of live) {
    const fields = JSON.parse(typed.get(credential.id)?.reveal() ?? "{}") as Record<string, unknown>;
    const [missing] = missingFields(scheme, mergeValues(row, presets, credential, fields));
    if (!missing) continue;
    const remedy = "Preset it there (presetCredentialFields), or enter it on each credential, and repeat.";
    throw refuse("NOT_ALLOWED", `“${row.name}” does not preset “${missing.label}”, which a credential lacks. ${remedy}`);
  }
}

function refuse(code: "NOT_FOUND" | "NOT_ALLOWED", message: string): InvalidInputError {
  return InvalidInputError.at(["reassignTo"], code, message);
}
