import { validateFields } from "../catalogue/fields.ts";
import { oneToken } from "../catalogue/scheme-fields.ts";
import type { FieldDefinition, SchemeDefinition } from "../catalogue/types.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { ConflictError, InvalidInputError } from "../lib/errors.ts";
import { Failure } from "../lib/failure.ts";
import { Secret } from "../lib/secret.ts";
import { oauth1, oauth2 } from "../schemes/index.ts";
import { verifyIdToken } from "../schemes/oauth2/id-token.ts";
import { discover } from "../schemes/oauth2/token-set.ts";
import type { ProviderIdentity, TokenSet } from "../schemes/oauth2/types.ts";
import { credentialFieldsOf } from "./auth-config-view.ts";
import { getConnector, schemeOf } from "./connector-view.ts";
import type { Draft } from "./draft-credential.ts";
import { type GrantOrigins, originsOf } from "./grant-origins.ts";
import { clientOfGrant, oauth1ClientFor, oauthClientFor } from "./oauth-client.ts";
import type { Services } from "./services.ts";
import type { TypedFields } from "./typed-fields.ts";

/** Tokens that were brought along, ready to be tested and stored. */
export interface TokenDraft extends Draft {
  obtained: NonNullable<Draft["obtained"]>;
  /** For schemes whose every call is signed with it. */
  clientSecret: Secret | null;
  expiresAt: Date | null;
  /** Whose they are; null: nobody can say, or not now, which stops no import. */
  identify(): Promise<ProviderIdentity | null>;
}

/** ISO 8601 with its time zone. */
const INSTANT = "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d{1,9})?)?(?:Z|[+-]\\d{2}:\\d{2})$";

const token = { ...oneToken, type: "STRING", secret: true, maxLength: 16_384, for: "credential" } as const;
const ACCESS_TOKEN: FieldDefinition = { ...token, name: "accessToken", label: "Access token", required: true };

/** What can be brought along of each scheme's tokens. */
const TOKEN_FIELDS: Partial<Record<SchemeDefinition["type"], FieldDefinition[]>> = {
  OAUTH1: [ACCESS_TOKEN, { ...token, name: "tokenSecret", label: "Token secret", required: true }],
  OAUTH2: [
    ACCESS_TOKEN,
    { ...token, name: "refreshToken", label: "Refresh token" },
    { ...token, name: "idToken", label: "ID token" },
    { type: "STRING", name: "scope", label: "Scope", maxLength: 10_000, for: "credential" },
    {
      type: "STRING",
      name: "expiresAt",
      label: "Expiry",
      pattern: INSTANT,
      patternMessage: "The expiry is a time with its zone, as 2026-01-31T12:00:00Z.",
      for: "credential",
    },
  ],
};

/** Checks what was brought along, and says where it belongs. Throws InvalidInputError, or ConflictError where the config has no client. */
export async function draftTokens(
  services: Services,
  authConfig: AuthConfig,
  fields: unknown,
  clientId: string | null,
): Promise<TokenDraft> {
  const connector = await getConnector(services, authConfig.projectId, authConfig.connectorSlug);
  const scheme = schemeOf(connector, authConfig.schemeKey);
  const tokenFields = scheme && TOKEN_FIELDS[scheme.type];
  if (scheme && !tokenFields) {
    const message = `Tokens of ${connector.name} are obtained by the app itself and end soon: there are none to bring along. Use initiateConnection.`;
    throw new ConflictError("CONFLICT", message);
  }
  if (!scheme || !tokenFields)
    throw new ConflictError("CONFLICT", `${connector.name} no longer has the scheme of this auth config. Make a new one.`);
  const connection = credentialFieldsOf(authConfig, connector);
  const { values } = validateFields([...tokenFields, ...connection, ...discoveredFields(scheme)], fields, ["fields"]);
  const typed = typedOf(connection, values);
  const provider = await providerOf(services, authConfig, { ...typed.parameters, ...typed.secrets }, clientId);
  const tokens = await tokenSetOf(provider, authConfig, values, discoveredIn(scheme, values));
  // Of another client's grant the provider would refuse us a refresh (RFC 6749 section 6).
  const isOurs = (await clientOfGrant(services, authConfig, provider.clientId)) !== null;
  const canRefresh = tokens.refreshToken !== null && isOurs;
  return {
    authConfig,
    connector,
    scheme,
    typed,
    values: { ...provider.values, ...tokens.discovered },
    clientSecret: provider.clientSecret,
    expiresAt: expiryIn(values),
    obtained: {
      tokens: canRefresh ? tokens : { ...tokens, refreshToken: null },
      canRefresh,
      account: null,
      ...refusing(["fields"], () => provider.origins(tokens)),
    },
    identify: () =>
      provider.identify(tokens).catch((error: unknown) => {
        if (error instanceof Failure) return null;
        throw error;
      }),
  };
}

/** What the provider tells on the way to tokens, and so must be told here: as the provider writes it. */
function discoveredFields(scheme: SchemeDefinition): FieldDefinition[] {
  return (scheme.discovered ?? []).map(({ name, path, pattern, required }) => {
    const patternMessage = `This must be what the provider says under “${path}”, unchanged.`;
    return { type: "STRING", name, label: name, pattern, patternMessage, required, for: "credential" };
  });
}

/** Held to the same patterns as what comes from the provider: they may become part of a host. Throws InvalidInputError. */
function discoveredIn(scheme: SchemeDefinition, values: Record<string, unknown>): Record<string, string> {
  const said = new Map((scheme.discovered ?? []).map(({ name, path }) => [path, values[name] as string | undefined]));
  const read = (path: string) => said.get(path) ?? null;
  const sources = ["callback", "tokenAnswer", "userinfo"] as const;
  return refusing(["fields"], () => Object.assign({}, ...sources.map((source) => discover(scheme, source, read))));
}

/** The connection's own values among them. */
function typedOf(fields: readonly FieldDefinition[], values: Record<string, unknown>): TypedFields {
  const given = fields.filter(({ name }) => values[name] !== undefined);
  const part = (isSecret: boolean) =>
    Object.fromEntries(given.filter(({ secret = false }) => secret === isSecret).map(({ name }) => [name, values[name]]));
  return { secrets: part(true), parameters: part(false) };
}

function expiryIn({ expiresAt }: Record<string, unknown>): Date | null {
  if (expiresAt === undefined) return null;
  const at = new Date(String(expiresAt));
  if (!Number.isNaN(at.getTime())) return at;
  throw InvalidInputError.at(["fields", "expiresAt"], "PATTERN", "There is no such day or time.");
}

/** The client's side of a scheme. */
interface Provider {
  clientId: string;
  clientSecret: Secret | null;
  values: Record<string, unknown>;
  /** Claims of a genuine ID token; null: there is nothing to check it against. Throws Failure. */
  claims(idToken: string): Promise<Record<string, unknown> | null>;
  /** Throws Failure. */
  origins(tokens: TokenSet): GrantOrigins;
  /** Throws Failure. */
  identify(tokens: TokenSet): Promise<ProviderIdentity | null>;
}

/** The config's client, or another one by its id alone. */
async function providerOf(
  services: Services,
  authConfig: AuthConfig,
  parameters: object,
  clientId: string | null,
): Promise<Provider> {
  try {
    return await (authConfig.schemeType === "OAUTH1" ? oauth1Provider : oauth2Provider)(
      services,
      authConfig,
      parameters,
      clientId,
    );
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new ConflictError("CONFLICT", `${error.details.message} ${error.details.remedy}`);
  }
}

async function oauth2Provider(
  services: Services,
  authConfig: AuthConfig,
  parameters: object,
  clientId: string | null,
): Promise<Provider> {
  const { fetch } = services.egress;
  const party = await oauthClientFor(services, authConfig, parameters);
  const isOther = clientId !== null && clientId !== party.client.clientId;
  const client = isOther ? { ...party.client, clientId, clientSecret: null } : party.client;
  return {
    ...client,
    claims: (idToken) => verifyIdToken(client, idToken, { fetch }),
    origins: (tokens) => originsOf(client, party.api, tokens),
    identify: (tokens) => oauth2.identify({ client, tokens, fetch }),
  };
}

async function oauth1Provider(
  services: Services,
  authConfig: AuthConfig,
  parameters: object,
  clientId: string | null,
): Promise<Provider> {
  const { fetch } = services.egress;
  const { client, api } = await oauth1ClientFor(services, authConfig, parameters);
  if (clientId !== null && clientId !== client.clientId) {
    const message =
      "Every call of OAuth 1.0a is signed with its client's secret: import the tokens into a config of that client.";
    throw InvalidInputError.at(["clientId"], "NOT_ALLOWED", message);
  }
  return {
    ...client,
    claims: async () => null,
    origins: (tokens) => ({ ...oauth1.originsOf(client, api, tokens), revocationOrigin: null }),
    identify: (tokens) => oauth1.identify({ client, tokens, fetch }),
  };
}

async function tokenSetOf(
  provider: Provider,
  authConfig: AuthConfig,
  values: Record<string, unknown>,
  discovered: Record<string, string>,
): Promise<TokenSet> {
  const secret = (name: string) => (values[name] === undefined ? null : new Secret(String(values[name])));
  const { idToken, scope } = values;
  const tokenSecret = secret("tokenSecret");
  return {
    accessToken: secret("accessToken")!,
    ...(tokenSecret && { tokenSecret }),
    tokenType: tokenSecret ? "OAuth" : "Bearer",
    refreshToken: secret("refreshToken"),
    expiresInSeconds: null,
    idTokenClaims: idToken === undefined ? null : await genuineClaims(provider, String(idToken)),
    grantedScopes:
      scope === undefined
        ? [...authConfig.scopes]
        : [
            ...new Set(
              String(scope)
                .split(/[\s,]+/)
                .filter(Boolean),
            ),
          ],
    discovered,
    answer: new Secret("{}"),
  };
}

async function genuineClaims(provider: Provider, idToken: string): Promise<Record<string, unknown> | null> {
  try {
    return await provider.claims(idToken);
  } catch (error) {
    throw asRefusal(["fields", "idToken"], error);
  }
}

function refusing<T>(path: string[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asRefusal(path, error);
  }
}

/** What a scheme finds wrong with what was brought along. */
function asRefusal(path: string[], error: unknown): unknown {
  if (!(error instanceof Failure)) return error;
  return InvalidInputError.at(path, "NOT_ALLOWED", `${error.details.message} ${error.details.remedy}`);
}
