import { z } from "zod";
import type { OAuth2SchemeDefinition, SchemeDefinition } from "../catalogue/types.ts";
import type { Prisma } from "../db/database.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import { Secret } from "../lib/secret.ts";
import {
  assertNoClient,
  assertWebhookSecret,
  checkFlows,
  checkParameters,
  checkPresets,
  checkScopes,
  configFields,
  defaultScopes,
  hasClient,
  needsSecret,
  noManagedApp,
} from "./auth-config-rules.ts";
import { findConnector } from "./connector.ts";
import { type ConnectorView, managedAppOf, schemeOf } from "./connector-view.ts";
import { idempotencyKeyField, type JsonObject, parseInput } from "./input.ts";
import type { Context } from "./services.ts";

export interface CreateAuthConfigInput {
  connectorSlug: string;
  name: string;
  schemeKey?: string | null;
  clientId?: string | null;
  clientSecret?: string | null;
  clientSecretExpiresAt?: Date | null;
  webhookSecret?: string | null;
  scopes?: readonly string[] | null;
  parameters?: unknown;
  presetCredentialFields?: unknown;
  flows?: readonly string[] | null;
  description?: string | null;
  idempotencyKey?: string | null;
}

const createInput = z.object({
  ...configFields,
  connectorSlug: z.string(),
  schemeKey: z.string().nullish(),
  idempotencyKey: idempotencyKeyField,
});

/** A config as it would be stored: checked, and nothing done yet. */
export interface AuthConfigPlan {
  connector: ConnectorView;
  scheme: SchemeDefinition;
  /** The row. */
  data: Omit<Prisma.AuthConfigUncheckedCreateInput, "createdAt" | "updatedAt"> & PlanColumns;
  clientSecret: Secret | null;
  webhookSecret: Secret | null;
  presets: JsonObject;
  /** True where the provider is to be asked for a client (RFC 7591) before it is stored. */
  registers: boolean;
  /** True where that has been done. */
  isRegistered: boolean;
}

interface PlanColumns {
  id: string;
  flows: string[];
  scopes: string[];
  ownApp: boolean;
  clientId: string | null;
  hasClientSecret: boolean;
  clientSecretExpiresAt: Date | null;
  parameters: Prisma.InputJsonObject;
  presetFields: string[];
}

/** Throws InvalidInputError, or ConflictError NO_MANAGED_APP. */
export async function planAuthConfig(ctx: Context, input: CreateAuthConfigInput): Promise<AuthConfigPlan> {
  const given = parseInput(createInput, input);
  const connector = await findConnector(ctx, given.connectorSlug);
  if (!connector) {
    throw InvalidInputError.at(
      ["connectorSlug"],
      "NOT_FOUND",
      "There is no such connector. Query.connectors lists them; createConnector adds your own.",
    );
  }
  const scheme = schemeFor(connector, given.schemeKey);
  const registers = assertClient(ctx, connector, scheme, given);
  assertWebhookSecret(given.webhookSecret, connector);
  const presets = checkPresets(given.presetCredentialFields ?? {}, scheme, connector);
  const data = {
    id: newId(),
    projectId: ctx.caller.projectId,
    connectorSlug: connector.slug,
    schemeKey: scheme.key,
    schemeType: scheme.type,
    name: given.name,
    description: given.description ?? null,
    ownApp: Boolean(given.clientId),
    clientId: given.clientId ?? null,
    hasClientSecret: Boolean(given.clientSecret),
    clientSecretExpiresAt: given.clientSecretExpiresAt ?? null,
    hasWebhookSecret: Boolean(given.webhookSecret),
    scopes: given.scopes ? checkScopes(given.scopes, scheme) : defaultScopes(scheme),
    flows: checkFlows(given.flows, scheme),
    parameters: checkParameters(given.parameters ?? {}, scheme) as Prisma.InputJsonObject,
    presetFields: Object.keys(presets),
    secretGeneration: 1,
  };
  const clientSecret = given.clientSecret ? new Secret(given.clientSecret) : null;
  const webhookSecret = given.webhookSecret ? new Secret(given.webhookSecret) : null;
  return { connector, scheme, data, clientSecret, webhookSecret, presets, registers, isRegistered: false };
}

function schemeFor(connector: ConnectorView, key: string | null | undefined): SchemeDefinition {
  const scheme = key === null || key === undefined ? connector.schemes[0] : schemeOf(connector, key);
  if (scheme) return scheme;
  const keys = connector.schemes.map((candidate) => candidate.key).join(", ");
  throw InvalidInputError.at(["schemeKey"], "NOT_FOUND", `${connector.name} has no such scheme. It has: ${keys}.`);
}

/** True where a client is still to be registered at the provider. */
function assertClient(
  ctx: Context,
  connector: ConnectorView,
  scheme: SchemeDefinition,
  given: z.output<typeof createInput>,
): boolean {
  const { clientId, clientSecret, clientSecretExpiresAt } = given;
  assertNoClient(given, scheme);
  if (!hasClient(scheme)) return false;
  if (!clientId && clientSecret)
    throw InvalidInputError.at(["clientId"], "REQUIRED", "A client secret belongs to a client id: give both.");
  const registers = !clientId && !managedAppOf(ctx.services, connector);
  if (registers && !canRegister(scheme)) throw noManagedApp(connector);
  if (clientId && !clientSecret && needsSecret(scheme)) {
    throw InvalidInputError.at(["clientSecret"], "REQUIRED", `${connector.name} wants a client secret beside the client id.`);
  }
  if (clientSecretExpiresAt && !clientSecret) {
    throw InvalidInputError.at(
      ["clientSecretExpiresAt"],
      "NOT_ALLOWED",
      "There is no client secret that could run out: leave clientSecretExpiresAt out.",
    );
  }
  return registers;
}

/** Whether the provider lets clients register themselves, as its metadata said. */
export function canRegister(scheme: SchemeDefinition): scheme is OAuth2SchemeDefinition {
  return scheme.type === "OAUTH2" && scheme.registrationUrl !== undefined;
}
