import { fieldsFor } from "../catalogue/fields.ts";
import type { FieldDefinition, SchemeDefinition } from "../catalogue/types.ts";
import type { Prisma, Tx } from "../db/database.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { actorOf } from "./audit.ts";
import { checkPresets, hostFields } from "./auth-config-rules.ts";
import { fieldParameters } from "./auth-config-view.ts";
import type { ConnectorView } from "./connector-view.ts";
import { invalidateCredentials } from "./credential-health.ts";
import { type JsonObject, mergeJson, sameJson } from "./input.ts";
import type { Context } from "./services.ts";

/** What a config presets after an update; undefined: what it does now. Throws InvalidInputError. */
export function planPresets(
  before: JsonObject,
  { presetCredentialFields }: { presetCredentialFields?: JsonObject | null | undefined },
  scheme: SchemeDefinition,
  connector: ConnectorView,
): JsonObject | undefined {
  if (presetCredentialFields === undefined) return undefined;
  return checkPresets(mergeJson(before, presetCredentialFields), scheme, connector);
}

/**
 * Whether a value that stands in a host becomes another one. A preset that is new is not: what is connected has its own value, where it
 * needed one.
 */
export function movesHost(
  connector: ConnectorView,
  row: AuthConfig,
  parameters: JsonObject | undefined,
  presetsBefore: JsonObject,
  presets?: JsonObject,
): boolean {
  const before = fieldParameters(row);
  const after = parameters ? fieldParameters({ parameters: parameters as Prisma.JsonObject }) : before;
  const needed = new Set(connector.schemes.flatMap(neededFields).map(({ name }) => name));
  return hostFields(connector).some(
    (name) =>
      !sameJson(before[name], after[name]) ||
      (presets && (presetsBefore[name] !== undefined || !needed.has(name)) && !sameJson(presetsBefore[name], presets[name])),
  );
}

/** The presets that an update takes away and that no credential can do without. */
export function lostPresets(row: AuthConfig, presets: JsonObject | undefined, scheme: SchemeDefinition): FieldDefinition[] {
  if (!presets) return [];
  return neededFields(scheme).filter(({ name }) => row.presetFields.includes(name) && presets[name] === undefined);
}

function neededFields(scheme: SchemeDefinition): FieldDefinition[] {
  return fieldsFor(scheme, "credential").filter(
    (field) => field.required === true && field.default === undefined && !field.visibleWhen?.length,
  );
}

/** ACTIVE is not said of what is known to lack a value. Who had typed one before it was preset has it still. */
export async function invalidateLacking(
  tx: Tx,
  ctx: Context,
  config: Pick<AuthConfig, "id" | "projectId">,
  fields: readonly FieldDefinition[],
): Promise<number> {
  if (fields.length === 0) return 0;
  const where = {
    projectId: config.projectId,
    authConfigId: config.id,
    deletedAt: null,
    health: { notIn: ["REVOKED", "INVALID"] },
  };
  const rows = await tx.credential.findMany({ where });
  const column = { projectId: config.projectId, table: "Credential", column: "fields" };
  const typed = await ctx.services.vault.openMany(tx, column, new Map(rows.map((row) => [row.id, row.secretGeneration])));
  const lacking = rows.filter((row) => {
    const own = { ...(row.parameters as object), ...(JSON.parse(typed.get(row.id)?.reveal() ?? "{}") as object) };
    return fields.some(({ name }) => !Object.hasOwn(own, name));
  });
  const labels = fields.map((field) => field.label).join(", ");
  const reason = `It lacks a value that its auth config supplied until now: ${labels}. Enter it with updateCredential or reauthorizeCredential.`;
  return invalidateCredentials(tx, actorOf(ctx.caller), { id: { in: lacking.map(({ id }) => id) } }, reason);
}
