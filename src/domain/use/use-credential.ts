import type { ApiDefinition, ConnectionValues, SchemeDefinition } from "../../catalogue/types.ts";
import type { AuthConfig, Credential } from "../../db/generated/client.ts";
import { ConflictError, NotFoundError } from "../../lib/errors.ts";
import { Secret } from "../../lib/secret.ts";
import { type AppliedCredential, type OutboundRequest, SCHEMES } from "../../schemes/index.ts";
import { type ConnectorView, getConnector, schemeOf } from "../connector-view.ts";
import { assertUsable } from "../credential.ts";
import { fieldsOf, mergeValues, ReplacedError } from "../credential-fields.ts";
import { CONFIG_CHANGED } from "../credential-health.ts";
import type { StoredTokens } from "../credential-tokens.ts";
import { clientOf, clientOfGrant, presetsOf } from "../oauth-client.ts";
import { type FreshnessOptions, freshTokens } from "../refresh/refresh-credential.ts";
import type { Services } from "../services.ts";
import { assertComplete } from "../typed-fields.ts";

/** A credential with everything that a call to the connector's API needs. Secrets inside: it stays in this process. */
export interface Usable {
  credential: Credential & { authConfig: AuthConfig };
  connector: ConnectorView;
  scheme: SchemeDefinition;
  api: ApiDefinition | undefined;
  /** The config's parameters and presets, the user's fields and what was discovered, in that order. */
  values: ConnectionValues;
  clientId: string | null;
  /** Which set of tokens it is: after a 401 `force: { generation }` renews them once, however many callers met it. Null: there is no grant. */
  generation: number | null;
  /** Null: the scheme holds none. */
  tokens: StoredTokens | null;
  /** The one origin that a grant's token may go to; null: no API was known then. Undefined: there is no grant. */
  apiOrigin: string | null | undefined;
  /** What the call carries; `request` for schemes that sign each one. */
  apply(request?: OutboundRequest): AppliedCredential;
}

export interface UseOptions extends FreshnessOptions {
  /** For a test, which finds out whether typed secrets that were refused are accepted again: an INVALID credential is used too. */
  evenInvalid?: boolean;
}

/** How often a credential is read anew whose secrets were replaced between two reads. */
const ATTEMPTS = 5;

/**
 * A credential ready to use, refreshed first where fewer than `minTtlSeconds` remain. Throws CredentialNotUsableError, ConflictError where
 * its auth config is switched off, or ProviderError where the provider could not be had and the old token has run out.
 */
export async function useCredential(
  services: Services,
  ref: { projectId: string; id: string },
  options: UseOptions = {},
): Promise<Usable> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readUsable(services, ref, options);
    } catch (error) {
      if (!(error instanceof ReplacedError) || attempt >= ATTEMPTS) throw error;
    }
  }
}

async function readUsable(services: Services, ref: { projectId: string; id: string }, options: UseOptions): Promise<Usable> {
  const row = await services.database.prisma.credential.findFirst({
    where: { id: ref.id, projectId: ref.projectId, deletedAt: null },
    include: { grant: true, authConfig: true },
  });
  if (!row) throw new NotFoundError("There is no such credential. Check the id.");
  const connector = await getConnector(services, row.projectId, row.connectorSlug);
  const scheme = schemeOf(connector, row.authConfig.schemeKey);
  if (!scheme) throw new ConflictError("CONFLICT", `${connector.name} no longer has the scheme of this credential.`);
  assertConfigOn(row.authConfig);
  if (row.grant) {
    const { credential, tokens } = await freshTokens(services, { ...row, grant: row.grant }, options);
    const { clientId: grantClientId, apiOrigin, generation } = credential.grant;
    return usable(services, { credential, connector, scheme, tokens, apiOrigin, generation, grantClientId });
  }
  if (!(options.evenInvalid && (await mayBeAskedAbout(services, row)))) assertUsable(row, await services.database.now());
  const none = { tokens: null, apiOrigin: undefined, generation: null, grantClientId: null };
  return usable(services, { credential: row, connector, scheme, ...none });
}

/** Throws ConflictError: what a switched-off config has connected is not used, whatever its own status. */
export function assertConfigOn({ name, enabled }: Pick<AuthConfig, "name" | "enabled">): void {
  if (enabled) return;
  throw new ConflictError(
    "CONFLICT",
    `The auth config “${name}” is switched off, so its credentials are not used. Switch it on with setAuthConfigEnabled.`,
  );
}

/** INVALID for what may be otherwise by now. Where the address was changed, nothing that a user typed must leave (design 5.14). */
async function mayBeAskedAbout(services: Services, credential: Credential): Promise<boolean> {
  const { enabled, health, healthReason } = credential;
  if (!enabled || health !== "INVALID") return false;
  return healthReason !== CONFIG_CHANGED || Object.keys(await fieldsOf(services, credential)).length === 0;
}

interface Parts extends Pick<Usable, "credential" | "connector" | "scheme" | "tokens" | "apiOrigin" | "generation"> {
  grantClientId: string | null;
}

async function usable(services: Services, { grantClientId, ...parts }: Parts): Promise<Usable> {
  const { credential, scheme } = parts;
  const { authConfig } = credential;
  const client =
    grantClientId === null ? await clientOf(services, authConfig) : await clientOfGrant(services, authConfig, grantClientId);
  const values = mergeValues(authConfig, await presetsOf(services, authConfig), credential, await fieldsOf(services, credential));
  if (!SCHEMES[scheme.type].redirects) assertComplete(scheme, values, credential);
  return assembled({ ...parts, values, clientId: client?.clientId ?? grantClientId }, client?.clientSecret ?? null);
}

/** With the way in which its scheme makes a call of all this. */
export function assembled(parts: Omit<Usable, "api" | "apply">, clientSecret: Secret | null): Usable {
  const { connector, scheme, values, clientId, tokens } = parts;
  return {
    ...parts,
    api: connector.api,
    apply: (request) =>
      SCHEMES[scheme.type].apply({
        scheme,
        api: connector.api,
        values,
        clientId,
        clientSecret,
        accessToken: tokens && new Secret(tokens.accessToken),
        tokenSecret: tokens?.tokenSecret ? new Secret(tokens.tokenSecret) : null,
        request,
      }),
  };
}
