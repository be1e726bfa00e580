import type { ConnectionValues, SchemeDefinition } from "../../catalogue/types.ts";
import type { AuthConfig } from "../../db/generated/client.ts";
import { ConflictError } from "../../lib/errors.ts";
import { Secret } from "../../lib/secret.ts";
import { type Check, failed, skipped } from "../../schemes/check.ts";
import type { AuthConfigPlan } from "../auth-config-plan.ts";
import { hasClient } from "../auth-config-rules.ts";
import type { PlannedUpdate } from "../auth-config-update.ts";
import { fieldParameters, stringParameters } from "../auth-config-view.ts";
import { type ConnectorView, getConnector, managedAppOf, redirectUri, schemeOf } from "../connector-view.ts";
import { type ClientCredentials, clientOf, presetsOf } from "../oauth-client.ts";
import type { Context } from "../services.ts";

/** A whole configuration, saved or not. Secrets inside. */
export interface Subject {
  connector: ConnectorView;
  scheme: SchemeDefinition;
  /** Null: it is made when the connector is saved. */
  redirectUri: string | null;
  /** Null: there is none, or none yet; then `noClient` says why. */
  client: ClientCredentials | null;
  noClient: Check | null;
  /** False: the client is the operator's, which every project shares. */
  ownApp: boolean;
  clientSecretExpiresAt: Date | null;
  scopes: readonly string[];
  flows: readonly string[];
  /** The config's parameters and presets, or what was given to be tried. */
  values: ConnectionValues;
  /** Extra parameters of the authorization request. */
  authorizationParameters: Readonly<Record<string, string>>;
}

const CLIENT = "CLIENT_AUTHENTICATED";

/** A config as it is stored. Throws ConflictError where its connector has lost its scheme. */
export async function subjectOfRow(ctx: Context, row: AuthConfig): Promise<Subject> {
  const { services } = ctx;
  const connector = await getConnector(services, row.projectId, row.connectorSlug);
  const scheme = schemeOf(connector, row.schemeKey);
  if (!scheme) throw new ConflictError("CONFLICT", "The connector no longer has this config's scheme. Make a new auth config.");
  const client = hasClient(scheme) ? await clientOf(services, row) : null;
  const remedy = "Enter a client id and secret of your own with updateAuthConfig, or ask the operator of this Moorline.";
  const gone = failed(CLIENT, "The operator's default app for this connector is no longer there.", remedy);
  return {
    connector,
    scheme,
    redirectUri: redirectUri(ctx, connector),
    client,
    noClient: hasClient(scheme) && !client ? gone : null,
    ownApp: row.ownApp,
    clientSecretExpiresAt: row.clientSecretExpiresAt,
    scopes: row.scopes,
    flows: row.flows,
    values: { ...fieldParameters(row), ...(await presetsOf(services, row)) },
    authorizationParameters: stringParameters(row),
  };
}

/** A config as it would be after an update that is not made. */
export async function subjectOfChange(ctx: Context, planned: PlannedUpdate): Promise<Subject> {
  const { clientSecret, presets } = planned.plan;
  const after = changedRow(planned);
  const subject = await subjectOfRow(ctx, after);
  // Of a row only what is sealed already can be opened: a secret that was typed now stands beside it.
  const typed = clientSecret === undefined ? null : { clientSecret: clientSecret === null ? null : new Secret(clientSecret) };
  return {
    ...subject,
    client: subject.client && typed && after.ownApp ? { ...subject.client, ...typed } : subject.client,
    values: presets ? { ...fieldParameters(after), ...presets } : subject.values,
  };
}

/** Its columns, but for those that only a write counts up. */
export function changedRow({ before, plan }: PlannedUpdate): AuthConfig {
  return { ...before, ...(plan.data as Partial<AuthConfig>) };
}

/** A config that is not there yet. */
export function subjectOfPlan(ctx: Context, plan: AuthConfigPlan): Subject {
  const { connector, scheme, data, presets, clientSecret, registers, describesItself } = plan;
  const row = { parameters: data.parameters as AuthConfig["parameters"] };
  return {
    connector,
    scheme,
    redirectUri: redirectUri(ctx, connector),
    client: describesItself ? null : clientOfPlan(ctx, plan),
    noClient: registers
      ? skipped(CLIENT, "There is no client yet: createAuthConfig registers one at the provider (RFC 7591).")
      : describesItself
        ? skipped(CLIENT, "There is no client yet: createAuthConfig gives it a document that the provider reads here.")
        : null,
    ownApp: data.ownApp,
    clientSecretExpiresAt: clientSecret ? data.clientSecretExpiresAt : null,
    scopes: data.scopes,
    flows: data.flows,
    values: { ...fieldParameters(row), ...presets },
    authorizationParameters: stringParameters(row),
  };
}

function clientOfPlan({ services }: Context, { connector, data, clientSecret }: AuthConfigPlan): ClientCredentials | null {
  if (data.clientId !== null) return { clientId: data.clientId, clientSecret };
  const managed = managedAppOf(services, connector);
  if (!managed) return null;
  return { clientId: managed.clientId, clientSecret: managed.clientSecret === null ? null : new Secret(managed.clientSecret) };
}
