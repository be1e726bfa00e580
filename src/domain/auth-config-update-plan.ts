import { z } from "zod";
import type { FieldDefinition, SchemeDefinition } from "../catalogue/types.ts";
import type { Prisma } from "../db/database.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { InvalidInputError } from "../lib/errors.ts";
import type { ConfigInput } from "./auth-config-plan.ts";
import {
  assertNoClient,
  assertWebhookSecret,
  checkFlows,
  checkParameters,
  checkScopes,
  configFields,
  defaultScopes,
  hasClient,
  needsSecret,
  noManagedApp,
} from "./auth-config-rules.ts";
import { type ConnectorView, managedAppOf } from "./connector-view.ts";
import { fault, idField, type JsonObject, mergeJson, sameJson } from "./input.ts";
import { presetsOf } from "./oauth-client.ts";
import { lostPresets, movesHost, planPresets } from "./preset-change.ts";
import type { Context } from "./services.ts";

export interface UpdateAuthConfigInput extends ConfigInput {
  id: string;
  version?: number | null;
  name?: string | null;
  /** Null: back to the managed app. */
  clientId?: string | null;
  retireNow?: boolean | null;
  confirm?: boolean | null;
}

export const updateInput = z.object({
  ...configFields,
  id: idField,
  version: z.int("The version is a whole number.").nullish(),
  name: z.union([configFields.name, z.null().refine(() => false, fault("REQUIRED", "The name cannot be cleared."))]).optional(),
  retireNow: z.boolean().nullish(),
  confirm: z.boolean().nullish(),
});

export type UpdateGiven = z.output<typeof updateInput>;

/** What an update comes to, worked out before anything is written. */
export interface UpdatePlan {
  data: Omit<Prisma.AuthConfigUncheckedUpdateInput, "id" | "projectId">;
  /** Undefined: the sealed one stays. Null: there is none any more. */
  clientSecret: string | null | undefined;
  presets: JsonObject | undefined;
  /** Presets that credentials cannot do without, and that are no more. */
  lost: FieldDefinition[];
  clientChanges: boolean;
  originChanges: boolean;
  changed: string[];
}

export async function planUpdate(
  ctx: Context,
  row: AuthConfig,
  given: UpdateGiven,
  connector: ConnectorView,
  scheme: SchemeDefinition,
): Promise<UpdatePlan> {
  assertWebhookSecret(given.webhookSecret, connector);
  const client = planClient(ctx, row, given, connector, scheme);
  const parameters =
    given.parameters === undefined ? undefined : checkParameters(mergeJson(row.parameters, given.parameters), scheme);
  const presetsBefore = await presetsOf(ctx.services, row);
  const presets = planPresets(presetsBefore, given, scheme, connector);
  const data: UpdatePlan["data"] = {
    ...client.data,
    ...(given.name != null && { name: given.name }),
    ...(given.description !== undefined && { description: given.description }),
    ...(given.scopes !== undefined && { scopes: given.scopes ? checkScopes(given.scopes, scheme) : defaultScopes(scheme) }),
    ...(given.flows !== undefined && { flows: checkFlows(given.flows, scheme) }),
    ...(parameters && { parameters: parameters as Prisma.InputJsonObject }),
    ...(presets && { presetFields: Object.keys(presets) }),
    ...(given.webhookSecret !== undefined && { hasWebhookSecret: Boolean(given.webhookSecret) }),
    // Of a client the provider decides when it is well again; what else a config can lack, a preset brings back.
    ...(presets && !hasClient(scheme) && { errorReason: null }),
  };
  const before = row as unknown as Record<string, unknown>;
  const changed = Object.entries(data).flatMap(([key, value]) => (sameJson(before[key], value) ? [] : [key]));
  if (client.clientSecret) changed.push("clientSecret");
  if (given.webhookSecret) changed.push("webhookSecret");
  if (presets && !changed.includes("presetFields")) changed.push("presetFields");
  const originChanges = movesHost(connector, row, parameters, presetsBefore, presets);
  const lost = lostPresets(row, presets, scheme);
  return { data, presets, lost, changed, originChanges, clientSecret: client.clientSecret, clientChanges: client.changes };
}

/** The client after the update: unchanged, another one, or the operator's. */
function planClient(ctx: Context, row: AuthConfig, given: UpdateGiven, connector: ConnectorView, scheme: SchemeDefinition) {
  const { clientId, clientSecret, clientSecretExpiresAt } = given;
  assertNoClient(given, scheme);
  if (!hasClient(scheme)) return { data: {}, changes: false, clientSecret: undefined };
  if (clientId === null && clientSecret)
    throw InvalidInputError.at(["clientSecret"], "NOT_ALLOWED", "The managed app has its own secret: leave clientSecret out.");
  if (clientId === null && !managedAppOf(ctx.services, connector)) throw noManagedApp(connector);
  const ownApp = clientId === undefined ? row.ownApp : clientId !== null;
  const changes = clientId !== undefined && (clientId ?? null) !== (row.ownApp ? row.clientId : null);
  const required = ownApp && needsSecret(scheme);
  if (!ownApp && clientSecret)
    throw InvalidInputError.at(["clientId"], "REQUIRED", "A client secret belongs to a client id: give both.");
  if (required && changes && !clientSecret)
    throw InvalidInputError.at(["clientSecret"], "REQUIRED", "A new client id needs its client secret.");
  if (required && clientSecret === null)
    throw InvalidInputError.at(["clientSecret"], "REQUIRED", `${connector.name} wants a client secret: it cannot be cleared.`);
  const secretAfter = clientSecret ?? (changes || clientSecret === null ? null : undefined);
  const hasClientSecret = secretAfter === undefined ? row.hasClientSecret : secretAfter !== null;
  if (clientSecretExpiresAt && !hasClientSecret) {
    throw InvalidInputError.at(
      ["clientSecretExpiresAt"],
      "NOT_ALLOWED",
      "There is no client secret that could run out: leave clientSecretExpiresAt out.",
    );
  }
  // A new secret has a life of its own, and what the provider said of the old client no longer counts.
  const renewed = secretAfter !== undefined || changes;
  const data = {
    ...(changes && { ownApp, clientId: clientId ?? null }),
    ...(renewed && { hasClientSecret, errorReason: null, clientSecretExpiresAt: clientSecretExpiresAt ?? null }),
    ...(!renewed && clientSecretExpiresAt !== undefined && { clientSecretExpiresAt }),
  };
  return { data, changes, clientSecret: secretAfter };
}
