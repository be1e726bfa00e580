import type { ApiDefinition, OAuth2SchemeDefinition, SchemeDefinition } from "../catalogue/types.ts";
import type { Database, Tx } from "../db/database.ts";
import type { AuthConfig, RetainedClient } from "../db/generated/client.ts";
import { Failure } from "../lib/failure.ts";
import { Secret } from "../lib/secret.ts";
import type { AppClient } from "../schemes/app-installation/index.ts";
import type { OAuth1Client } from "../schemes/oauth1/client.ts";
import type { OAuth2Client } from "../schemes/oauth2/types.ts";
import { fieldParameters } from "./auth-config-view.ts";
import { type ConnectorView, getConnector, redirectUri, schemeOf } from "./connector-view.ts";
import type { Services } from "./services.ts";

/** An OAuth client as a token request needs it. `clientSecret` null: a public client. */
export interface ClientCredentials {
  clientId: string;
  clientSecret: Secret | null;
}

type ConfigColumns = Pick<
  AuthConfig,
  "id" | "projectId" | "connectorSlug" | "ownApp" | "clientId" | "hasClientSecret" | "secretGeneration"
>;

/** The client that a config has now: its own, or the operator's default app. Null where the operator has taken that away. */
export async function clientOf(services: Services, row: ConfigColumns, tx?: Tx): Promise<ClientCredentials | null> {
  if (!row.ownApp) return managedClient(services, row, tx);
  const clientSecret = row.hasClientSecret ? await services.vault.open(tx ?? services.database, configSecret(row)) : null;
  return { clientId: row.clientId ?? "", clientSecret };
}

/**
 * The client that obtained a grant, which alone may refresh and revoke it (RFC 6749 section 6): the config's present one, the
 * operator's, or one that the config has left behind. Null where it has been retired.
 */
export async function clientOfGrant(
  services: Services,
  row: ConfigColumns,
  clientId: string,
  tx?: Tx,
): Promise<ClientCredentials | null> {
  const present = await clientOf(services, row, tx);
  if (present?.clientId === clientId) return present;
  const managed = await managedClient(services, row, tx);
  if (managed?.clientId === clientId) return managed;
  const retained = await (tx ?? services.database.prisma).retainedClient.findUnique({
    where: { projectId_authConfigId_clientId: { projectId: row.projectId, authConfigId: row.id, clientId } },
  });
  if (!retained) return null;
  const clientSecret = retained.hasClientSecret
    ? await services.vault.open(tx ?? services.database, retainedSecret(retained))
    : null;
  return { clientId, clientSecret };
}

/** The id alone: what new grants are made with. Null where there is no managed app any more. */
export function clientIdOf(services: Services, row: Pick<AuthConfig, "ownApp" | "clientId" | "connectorSlug">): string | null {
  return row.ownApp ? row.clientId : (services.managedApps.get(row.connectorSlug)?.clientId ?? null);
}

/** The credential fields that the project supplies for everyone; empty where there are none. Secrets among them: handle with care. */
export async function presetsOf(
  services: Services,
  row: Pick<AuthConfig, "id" | "projectId" | "presetFields" | "secretGeneration">,
  db: Database | Tx = services.database,
): Promise<Record<string, unknown>> {
  if (row.presetFields.length === 0) return {};
  const sealed = await services.vault.open(db, configPresets(row));
  return sealed ? (JSON.parse(sealed.reveal()) as Record<string, unknown>) : {};
}

/** One OAuth client at one provider for one connection, ready for schemes/oauth2, and where its API is. */
export interface OAuthParty {
  client: OAuth2Client;
  connector: ConnectorView;
  scheme: OAuth2SchemeDefinition;
  api: ApiDefinition | undefined;
}

/** The same for schemes/oauth1. */
export interface OAuth1Party {
  client: OAuth1Client & { redirectUri: string };
  api: ApiDefinition | undefined;
}

/**
 * Everything that a flow or a refresh needs. `parameters` are the connection's own values (the request's, or the credential's).
 * `grantClientId`: the client that obtained the grant; absent: the config's present one. Throws a Failure where it is there no more.
 */
export async function oauthClientFor(
  services: Services,
  row: AuthConfig,
  parameters: unknown,
  grantClientId?: string,
): Promise<OAuthParty> {
  return clientFor(services, row, "OAUTH2", parameters, grantClientId);
}

/** Throws a Failure where the config has no client any more. */
export async function oauth1ClientFor(services: Services, row: AuthConfig, parameters: unknown): Promise<OAuth1Party> {
  return clientFor(services, row, "OAUTH1", parameters);
}

/** An app that is installed at the provider: its private key is the client's secret. Throws a Failure where it is there no more. */
export async function appClientFor(
  services: Services,
  row: AuthConfig,
  parameters: unknown,
  grantClientId?: string,
): Promise<{ client: AppClient & { redirectUri: string }; api: ApiDefinition | undefined }> {
  return clientFor(services, row, "APP_INSTALLATION", parameters, grantClientId);
}

async function clientFor<Type extends "OAUTH1" | "OAUTH2" | "APP_INSTALLATION">(
  services: Services,
  row: AuthConfig,
  type: Type,
  parameters: unknown,
  grantClientId?: string,
) {
  const connector = await getConnector(services, row.projectId, row.connectorSlug);
  const named = schemeOf(connector, row.schemeKey);
  const scheme = named?.type === type ? (named as Extract<SchemeDefinition, { type: Type }>) : null;
  const found = grantClientId === undefined ? await clientOf(services, row) : await clientOfGrant(services, row, grantClientId);
  if (!scheme || !found) throw new Failure(clientGone(scheme === null, grantClientId !== undefined));
  const values = { ...fieldParameters(row), ...(await presetsOf(services, row)), ...(parameters as object | null) };
  return {
    client: { scheme, values, ...found, redirectUri: redirectUri({ services }, connector) },
    connector,
    scheme,
    api: connector.api,
  };
}

function clientGone(schemeIsGone: boolean, isGrant: boolean) {
  const message = schemeIsGone
    ? "The connector no longer has this way to authenticate."
    : "The OAuth client that this needs is no longer there.";
  const remedy = isGrant ? "Connect the account again." : "Enter a client of your own on the auth config, or make a new one.";
  return { code: "CONFIG_CHANGED" as const, message, remedy, retryable: false };
}

/** A project's own connector may have taken the slug before an upgrade brought a built-in one: the operator's secret is not for its hosts. */
async function managedClient(
  services: Services,
  { projectId, connectorSlug }: Pick<AuthConfig, "projectId" | "connectorSlug">,
  tx?: Tx,
): Promise<ClientCredentials | null> {
  const app = services.managedApps.get(connectorSlug);
  if (!app) return null;
  const { customConnector } = tx ?? services.database.prisma;
  if (await customConnector.findFirst({ where: { projectId, slug: connectorSlug }, select: { id: true } })) return null;
  return { clientId: app.clientId, clientSecret: app.clientSecret === null ? null : new Secret(app.clientSecret) };
}

type SealedOwner = Pick<AuthConfig, "id" | "projectId" | "secretGeneration">;

export function configSecret(row: SealedOwner) {
  return { ...addressOf(row, "AuthConfig"), column: "clientSecret" };
}

/** What the provider signs its webhooks with. */
export function configWebhookSecret(row: SealedOwner) {
  return { ...addressOf(row, "AuthConfig"), column: "webhookSecret" };
}

export function configPresets(row: SealedOwner) {
  return { ...addressOf(row, "AuthConfig"), column: "presetFields" };
}

export function retainedSecret(row: Pick<RetainedClient, "id" | "projectId" | "secretGeneration">) {
  return { ...addressOf(row, "RetainedClient"), column: "clientSecret" };
}

function addressOf(row: SealedOwner, table: string) {
  return { projectId: row.projectId, scope: "project", table, id: row.id, generation: row.secretGeneration };
}
