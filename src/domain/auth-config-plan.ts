import { z } from "zod";
import type { OAuth2SchemeDefinition, SchemeDefinition } from "../catalogue/types.ts";
import type { Prisma } from "../db/database.ts";
import { ConflictError, InvalidInputError } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import { Secret } from "../lib/secret.ts";
import type { RegisteredClient } from "../schemes/oauth2/index.ts";
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
import { clientDocumentUrl, servesDocuments, takesDocument } from "./client-document.ts";
import { findConnector } from "./connector.ts";
import { type ConnectorView, managedAppOf, schemeOf } from "./connector-view.ts";
import { idempotencyKeyField, type JsonObject, parseInput } from "./input.ts";
import type { Context } from "./services.ts";

/** What creating and updating share. */
export interface ConfigInput {
  description?: string | null;
  clientId?: string | null;
  clientSecret?: string | null;
  clientSecretExpiresAt?: Date | null;
  webhookSecret?: string | null;
  scopes?: readonly string[] | null;
  parameters?: unknown;
  presetCredentialFields?: unknown;
  flows?: readonly string[] | null;
}

export interface CreateAuthConfigInput extends ConfigInput {
  connectorSlug: string;
  name: string;
  schemeKey?: string | null;
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
  /** True where the client is known by a document that is served here. */
  describesItself: boolean;
  /** True where the provider is to be asked for a client (RFC 7591) before it is stored. */
  registers: boolean;
  /** Where that has been done, what removes the client again; null: it has not. */
  registered: Pick<RegisteredClient, "management"> | null;
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
  const newClient = assertClient(ctx, connector, scheme, given);
  const describesItself = newClient === "DOCUMENT";
  const id = newId();
  assertWebhookSecret(given.webhookSecret, connector);
  const presets = checkPresets(given.presetCredentialFields ?? {}, scheme, connector);
  const data = {
    id,
    projectId: ctx.caller.projectId,
    connectorSlug: connector.slug,
    schemeKey: scheme.key,
    schemeType: scheme.type,
    name: given.name,
    description: given.description ?? null,
    ownApp: Boolean(given.clientId) || describesItself,
    clientId: describesItself ? clientDocumentUrl(ctx.services, id) : (given.clientId ?? null),
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
  const registers = newClient === "REGISTRATION";
  return { connector, scheme, data, clientSecret, webhookSecret, presets, describesItself, registers, registered: null };
}

function schemeFor(connector: ConnectorView, key: string | null | undefined): SchemeDefinition {
  const scheme = key === null || key === undefined ? connector.schemes[0] : schemeOf(connector, key);
  if (scheme) return scheme;
  const keys = connector.schemes.map((candidate) => candidate.key).join(", ");
  throw InvalidInputError.at(["schemeKey"], "NOT_FOUND", `${connector.name} has no such scheme. It has: ${keys}.`);
}

/** How the config comes by a client that nobody has given; null: one was given, is the operator's, or is not needed. */
type NewClient = "DOCUMENT" | "REGISTRATION" | null;

function assertClient(
  ctx: Context,
  connector: ConnectorView,
  scheme: SchemeDefinition,
  given: z.output<typeof createInput>,
): NewClient {
  const { clientId, clientSecret, clientSecretExpiresAt } = given;
  assertNoClient(given, scheme);
  if (!hasClient(scheme)) return null;
  if (!clientId && clientSecret)
    throw InvalidInputError.at(["clientId"], "REQUIRED", "A client secret belongs to a client id: give both.");
  const newClient = clientId || managedAppOf(ctx.services, connector) ? null : newClientOf(ctx, connector, scheme);
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
  return newClient;
}

/** A document is preferred: nothing of it has to be kept at the provider, or taken back. */
function newClientOf({ services }: Context, connector: ConnectorView, scheme: SchemeDefinition): NewClient {
  if (takesDocument(scheme) && servesDocuments(services)) return "DOCUMENT";
  if (scheme.type === "OAUTH2" && scheme.registrationUrl !== undefined) return "REGISTRATION";
  if (!takesDocument(scheme)) throw noManagedApp(connector);
  throw new ConflictError(
    "NO_MANAGED_APP",
    `${connector.name} knows a client by a document at an https address of its own, which this Moorline does not have. Have the operator set MOORLINE_PUBLIC_URL to one, or give a clientId.`,
  );
}

/** Whether the provider takes clients that nobody has registered there by hand, as its metadata said. */
export function canRegister(scheme: SchemeDefinition): scheme is OAuth2SchemeDefinition {
  return takesDocument(scheme) || (scheme.type === "OAUTH2" && scheme.registrationUrl !== undefined);
}
