import { z } from "zod";
import { fieldsFor } from "../../catalogue/fields.ts";
import type { SchemeDefinition } from "../../catalogue/types.ts";
import { InvalidInputError, ProviderError } from "../../lib/errors.ts";
import { Secret } from "../../lib/secret.ts";
import { type Check, failed, skipped } from "../../schemes/check.ts";
import { recordAudit } from "../audit.ts";
import { canRegister } from "../auth-config-plan.ts";
import { assertNoClient, checkFlows, configFields, defaultScopes, hasClient } from "../auth-config-rules.ts";
import { assertMay } from "../caller.ts";
import type { CreateConnectorInput } from "../connector-change.ts";
import { assertBaseUrl, assertOwnSlug, defineConnector } from "../connector-define.ts";
import { type ConnectorView, ownView, redirectUri } from "../connector-view.ts";
import { fieldsField, parseInput } from "../input.ts";
import type { Context } from "../services.ts";
import { checkTyped } from "../typed-fields.ts";
import { toldOf, under } from "./diagnose-auth-config.ts";
import type { Subject } from "./diagnose-subject.ts";
import { countDiagnosis, type Diagnosis, diagnose } from "./diagnosis.ts";

/** `input ValidateConnectorInput` of the public schema. */
export interface ValidateConnectorInput {
  connector: CreateConnectorInput;
  clientId?: string | null;
  clientSecret?: string | null;
  fields?: unknown;
}

const schema = z.object({
  connector: z.custom<CreateConnectorInput>(),
  clientId: configFields.clientId,
  clientSecret: configFields.clientSecret,
  fields: fieldsField.nullish(),
});

/**
 * A connector of the project's own before it is saved: its endpoints, its issuer's metadata, a client of it, and with `fields` its
 * verification call. Nothing is stored. Throws what createConnector would, but for an issuer that cannot be read: that is a check.
 */
export async function validateConnector(ctx: Context, raw: ValidateConnectorInput): Promise<{ diagnosis: Diagnosis }> {
  assertMay(ctx, "CONNECTOR_WRITE");
  const input = parseInput(schema, raw);
  await under("connector", () => assertOwnSlug(ctx, input.connector.slug));
  await under("connector", () => assertBaseUrl(input.connector.baseUrl));
  countDiagnosis(ctx);
  const diagnosis = await diagnosisOf(ctx, input);
  await ctx.services.database.transact((tx) =>
    recordAudit(tx, ctx, { action: "connector.validated", details: { slug: input.connector.slug, ...toldOf(diagnosis) } }),
  );
  return { diagnosis };
}

async function diagnosisOf(ctx: Context, input: z.output<typeof schema>): Promise<Diagnosis> {
  try {
    return await diagnose(ctx.services, await subjectOf(ctx, input));
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const [message = error.message, ...remedy] = error.message.split(/(?<=\.) /);
    const told = remedy.join(" ") || "Enter the endpoints by hand.";
    return { ok: false, checks: [failed("DISCOVERY_MATCHES", message, told)] };
  }
}

async function subjectOf(ctx: Context, input: z.output<typeof schema>): Promise<Subject> {
  const definition = await under("connector", () => defineConnector(ctx, input.connector));
  const scheme = definition.schemes[0]!;
  assertNoClient({ clientId: input.clientId, clientSecret: input.clientSecret }, scheme);
  if (input.clientSecret && !input.clientId)
    throw InvalidInputError.at(["clientId"], "REQUIRED", "A client secret belongs to a client id: give both.");
  const saved = await savedConnector(ctx, definition.slug);
  const connector: ConnectorView = saved
    ? { ...definition, id: saved.id, projectId: saved.projectId, uuid: saved.uuid }
    : { ...definition, id: `ccn_${definition.slug}`, projectId: ctx.caller.projectId, uuid: null };
  return {
    connector,
    scheme,
    redirectUri: saved ? redirectUri(ctx, connector) : null,
    client: input.clientId
      ? { clientId: input.clientId, clientSecret: input.clientSecret ? new Secret(input.clientSecret) : null }
      : null,
    noClient: hasClient(scheme) && !input.clientId ? noClient(scheme) : null,
    ownApp: true,
    clientSecretExpiresAt: null,
    scopes: defaultScopes(scheme),
    flows: checkFlows(null, scheme),
    values: typedValues(scheme, input.fields),
    authorizationParameters: {},
  };
}

/** An edit of a connector that is there already has its redirect URI. */
async function savedConnector({ services, caller }: Context, slug: string): Promise<ConnectorView | null> {
  const where = { projectId: caller.projectId, slug, deletedAt: null };
  const row = await services.database.prisma.customConnector.findFirst({ where });
  return row ? ownView(row) : null;
}

function typedValues(scheme: SchemeDefinition, fields: unknown): Record<string, unknown> {
  if (fields === null || fields === undefined) return {};
  const typed = checkTyped(fieldsFor(scheme, "credential"), fields, ["fields"]);
  return { ...typed.parameters, ...typed.secrets };
}

function noClient(scheme: SchemeDefinition): Check {
  return canRegister(scheme)
    ? skipped(
        "CLIENT_AUTHENTICATED",
        "No clientId was given: createAuthConfig registers a client at the provider (RFC 7591), or gives it a document that the provider reads.",
      )
    : skipped(
        "CLIENT_AUTHENTICATED",
        "No clientId was given, so there is no client to prove.",
        "Give clientId and clientSecret.",
      );
}
