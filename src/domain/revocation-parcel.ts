import type { ConnectionValues } from "../catalogue/types.ts";
import type { Tx } from "../db/database.ts";
import type { AuthConfig, Credential, Grant, Revocation } from "../db/generated/client.ts";
import { Failure } from "../lib/failure.ts";
import { Secret } from "../lib/secret.ts";
import { oauth2 } from "../schemes/index.ts";
import type { TokenClient, TokenRevocation, TokenScheme } from "../schemes/oauth2/types.ts";
import { fieldParameters } from "./auth-config-view.ts";
import { type ConnectorView, connectorViews, schemeOf } from "./connector-view.ts";
import type { StoredTokens } from "./credential-tokens.ts";
import { type ClientCredentials, clientOfGrant, presetsOf } from "./oauth-client.ts";
import type { Services } from "./services.ts";

export type TokenKind = TokenRevocation["kind"];

/** `type TokenRevocation`: what became of one token. */
export interface RevokedToken {
  kind: TokenKind;
  outcome: "REVOKED" | "PENDING" | "UNSUPPORTED" | "FAILED";
  message: string | null;
}

/** Tokens that are no longer wanted, with all that they hang on at this moment. */
export interface Unwanted {
  tokens: StoredTokens;
  authConfig: AuthConfig;
  userId: string | null;
  accountId: string | null;
  grantedScopes: string[];
  /** The connection's own values, and the secret ones that a user typed. */
  values: ConnectionValues;
  grant: Pick<Grant, "clientId" | "tokenOrigin" | "apiOrigin" | "revocationOrigin">;
}

/** Of a credential as it is, or was a moment ago. `typed`: the secret values that a user typed. */
export function unwantedOf(
  row: Credential & { grant: Grant; authConfig: AuthConfig },
  tokens: StoredTokens,
  typed: Record<string, unknown> = {},
): Unwanted {
  const { authConfig, userId, accountId, grantedScopes, grant } = row;
  const values = { ...(row.parameters as object), ...typed };
  return { tokens, authConfig, userId, accountId, grantedScopes, values, grant };
}

/** All that a revocation needs, whatever is deleted meanwhile: sealed under its Revocation row, with the project's data key. */
export interface Parcel {
  tokens: StoredTokens;
  scheme: TokenScheme;
  values: ConnectionValues;
  clientId: string;
  /** Null: a public client, or the operator's app, whose secret is nobody's to copy. */
  clientSecret: string | null;
  /** Whose operator's app it is; null: the client is the project's, or the user's own. */
  managedSlug: string | null;
  userId: string | null;
  accountId: string | null;
  tokenOrigin: string;
  scopes: string[];
}

/** Of one generation only: whichever parcel is opened here ends the same grant. */
export function parcelAddress({ id, projectId }: Pick<Revocation, "id" | "projectId">) {
  return { projectId, scope: "project", table: "Revocation", id, column: "tokens", generation: 1 };
}

export function kindsOf({ refreshToken }: StoredTokens): TokenKind[] {
  return refreshToken === null ? ["access_token"] : ["refresh_token", "access_token"];
}

/** The same outcome for every token. */
export function all(tokens: StoredTokens, outcome: RevokedToken["outcome"], message: string | null): RevokedToken[] {
  return kindsOf(tokens).map((kind) => ({ kind, outcome, message }));
}

/** What many credentials share is read once. */
export interface Shared {
  connectors: Map<string, ConnectorView | null>;
  presets: Map<string, Record<string, unknown>>;
  clients: Map<string, ClientCredentials | null>;
}

export function newShared(): Shared {
  return { connectors: new Map(), presets: new Map(), clients: new Map() };
}

/** Packs what it takes to end tokens at the provider; or says of each why nobody will be asked. */
export async function pack(tx: Tx, services: Services, unwanted: Unwanted, shared: Shared): Promise<Parcel | RevokedToken[]> {
  const { tokens, authConfig, grant } = unwanted;
  const { projectId, connectorSlug, id: authConfigId } = authConfig;
  const connector = await once(shared.connectors, connectorSlug, async () => {
    return (await connectorViews(services, projectId, [connectorSlug], tx)).get(connectorSlug) ?? null;
  });
  const scheme = connector && schemeOf(connector, authConfig.schemeKey);
  const ends = scheme?.type === "OAUTH2" || scheme?.type === "OAUTH2_CLIENT_CREDENTIALS" ? scheme : null;
  if (!ends) return all(tokens, "UNSUPPORTED", "The provider offers no way to revoke this token.");
  const presets = await once(shared.presets, authConfigId, () => presetsOf(services, authConfig, tx));
  const values = { ...fieldParameters(authConfig), ...presets, ...unwanted.values };
  const known =
    ends.type === "OAUTH2"
      ? await once(shared.clients, `${authConfigId} ${grant.clientId}`, () =>
          clientOfGrant(services, authConfig, grant.clientId, tx),
        )
      : ownClient(values);
  const client = known ?? (needsNoClient(ends) ? { clientId: grant.clientId, clientSecret: null } : null);
  if (!client) return all(tokens, "FAILED", NO_CLIENT);
  const wrong = unfit({ ...client, scheme: ends, values }, grant);
  if (wrong) return all(tokens, wrong.outcome, wrong.message);
  const isManaged = services.managedApps.get(connectorSlug)?.clientId === client.clientId;
  return {
    tokens,
    scheme: ends,
    values,
    clientId: client.clientId,
    clientSecret: isManaged ? null : (client.clientSecret?.reveal() ?? null),
    managedSlug: isManaged ? connectorSlug : null,
    userId: unwanted.userId,
    accountId: unwanted.accountId,
    tokenOrigin: grant.tokenOrigin,
    scopes: unwanted.grantedScopes,
  };
}

export const NO_CLIENT = "The OAuth client that obtained it is not there any more.";

/** Some providers ask for nothing but the token itself. */
function needsNoClient({ revocation }: TokenScheme): boolean {
  return revocation?.authentication === "BEARER" || revocation?.authentication === "NONE";
}

/** Client credentials (RFC 6749 section 4.4): the client is what the user typed. */
function ownClient({ clientId, clientSecret }: ConnectionValues): ClientCredentials {
  return { clientId: String(clientId ?? ""), clientSecret: clientSecret == null ? null : new Secret(String(clientSecret)) };
}

/** Tokens go to the origins that the grant is pinned to, and to no other that a config or connector may name since (design section 4). */
function unfit(client: TokenClient, grant: Unwanted["grant"]): Pick<RevokedToken, "outcome" | "message"> | null {
  try {
    const endpoint = oauth2.revocationEndpoint(client);
    if (!endpoint) return { outcome: "UNSUPPORTED", message: "The provider offers no way to revoke this token." };
    const pinned = grant.revocationOrigin ? [grant.revocationOrigin] : [grant.tokenOrigin, grant.apiOrigin];
    const fits =
      oauth2.originOf(client, client.scheme.tokenUrl) === grant.tokenOrigin && pinned.includes(new URL(endpoint).origin);
    if (fits) return null;
    const message = "The provider's address was changed since this account was connected, and tokens don't go to another one.";
    return { outcome: "FAILED", message };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { outcome: "FAILED", message: error.details.message };
  }
}

/** The client as it was when the tokens were packed; the operator's app as it is now. Null where that one is there no more. */
export function clientOfParcel(services: Services, parcel: Parcel): TokenClient | null {
  const { clientId, scheme, values, managedSlug } = parcel;
  const app = managedSlug === null ? parcel : services.managedApps.get(managedSlug);
  if (app?.clientId !== clientId) return needsNoClient(scheme) ? { clientId, clientSecret: null, scheme, values } : null;
  return { clientId, clientSecret: app.clientSecret === null ? null : new Secret(app.clientSecret), scheme, values };
}

/** Whether another credential that works is of the same account at the same client, or may be: where it is not known, the user's others are. */
export async function isShared(services: Services, { projectId }: Revocation, parcel: Parcel): Promise<boolean> {
  const { clientId, tokenOrigin, accountId, userId, managedSlug } = parcel;
  // The operator's app is one client for all projects, and what an account gave it, it gave for all of them.
  const sameAccount = { accountId, ...(managedSlug === null && { projectId }) };
  const perhaps = { projectId, userId, ...(accountId !== null && { accountId: null }) };
  const found = await services.database.prisma.credential.findFirst({
    where: {
      OR: accountId === null ? [perhaps] : [sameAccount, perhaps],
      deletedAt: null,
      health: "ACTIVE",
      grant: { is: { clientId, tokenOrigin } },
    },
    select: { id: true },
  });
  return found !== null;
}

async function once<Value>(known: Map<string, Value>, key: string, read: () => Promise<Value>): Promise<Value> {
  const found = known.get(key);
  if (found !== undefined) return found;
  const value = await read();
  known.set(key, value);
  return value;
}
