import { randomBytes } from "node:crypto";
import type { ClientMetadata, Provider } from "oidc-provider";
import { z } from "zod";
import { HttpError } from "./http.ts";
import { GRANT_TYPES } from "./provider.ts";
import type { RevocationLog, RevocationLogEntry } from "./revocation-endpoint.ts";
import type { Store } from "./store.ts";
import { type Switches, SwitchesSchema } from "./switches.ts";
import type { TokenLog, TokenLogEntry } from "./token-log.ts";

const redirectUris = z.array(z.url().max(2000)).max(100);

export const ClientInputSchema = z.strictObject({
  /** Made up where it is not given. */
  clientId: z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/)
    .optional(),
  /** Made up where it is not given and the authentication method needs one. */
  clientSecret: z
    .string()
    .regex(/^[\x21-\x7e]{1,500}$/)
    .optional(),
  clientName: z.string().min(1).max(200).optional(),
  /** Matched character by character (RFC 9700 section 2.1). Without any, the client can only use other grant types. */
  redirectUris: redirectUris.default([]),
  tokenEndpointAuthMethod: z.enum(["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]).optional(),
  /** Public keys for private_key_jwt (RFC 7517). */
  jwks: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }).optional(),
  switches: SwitchesSchema.optional(),
});

export const ClientPatchSchema = z.strictObject({
  /** Replaces all switches of the client; `{}` switches everything off. */
  switches: SwitchesSchema.optional(),
  redirectUris: redirectUris.optional(),
  /** A disabled client is unknown to the provider until it is enabled again; its grants stay. */
  disabled: z.boolean().optional(),
});

export const RevokeSchema = z.strictObject({ accountId: z.string().optional(), clientId: z.string().optional() });

export type ClientInput = z.input<typeof ClientInputSchema>;
export type ClientPatch = z.input<typeof ClientPatchSchema>;

export interface SandboxClient {
  clientId: string;
  /** Absent where the client has none (none, private_key_jwt). */
  clientSecret?: string;
  redirectUris: string[];
  tokenEndpointAuthMethod: string;
  switches: Switches;
  disabled: boolean;
}

/** What the control routes do, for callers in the same process. Invalid input throws a `z.ZodError`, an unknown client an `HttpError`. */
export interface SandboxControl {
  createClient(input: ClientInput): Promise<SandboxClient>;
  updateClient(clientId: string, patch: ClientPatch): Promise<SandboxClient>;
  clients(): SandboxClient[];
  /** Replaces all switches of a client. */
  setSwitches(clientId: string, switches: Switches): Promise<void>;
  /** Ends the grants of a person, of a client, of a person at a client, or with `{}` all; says how many. */
  revokeGrants(filter: { accountId?: string; clientId?: string }): Promise<number>;
  log(): TokenLogEntry[];
  /** What the revocation endpoint saw, oldest first. */
  revocations(): RevocationLogEntry[];
  /** Both logs. */
  clearLog(): void;
}

export function createControl(
  provider: Provider,
  store: Store,
  tokenLog: TokenLog,
  revocationLog: RevocationLog,
): SandboxControl {
  // By the bare map, because `store.find` hides disabled clients.
  const stored = async (clientId: string): Promise<ClientMetadata> => {
    const disabled = store.disabledClients.delete(clientId);
    const metadata = store.find("Client", clientId);
    if (disabled) store.disabledClients.add(clientId);
    if (!metadata) throw new HttpError(404, "There is no such client.");
    return metadata as ClientMetadata;
  };

  const describe = (metadata: ClientMetadata): SandboxClient => ({
    clientId: metadata.client_id,
    ...(metadata.client_secret ? { clientSecret: metadata.client_secret } : {}),
    redirectUris: [...(metadata.redirect_uris ?? [])],
    tokenEndpointAuthMethod: metadata.token_endpoint_auth_method ?? "client_secret_basic",
    switches: store.clientSwitches.get(metadata.client_id) ?? {},
    disabled: store.disabledClients.has(metadata.client_id),
  });

  async function save(metadata: ClientMetadata): Promise<void> {
    await provider.Client.validate(metadata);
    await store.adapter("Client").upsert(metadata.client_id, metadata);
  }

  function applySwitches(clientId: string, switches: Switches): void {
    store.clientSwitches.set(clientId, structuredClone(switches));
    store.changed();
  }

  const control: SandboxControl = {
    async createClient(given) {
      const input = ClientInputSchema.parse(given);
      const metadata = metadataOf(input);
      await save(metadata);
      if (input.switches) applySwitches(metadata.client_id, input.switches);
      return describe(metadata);
    },
    async updateClient(clientId, given) {
      const patch = ClientPatchSchema.parse(given);
      let metadata = await stored(clientId);
      if (patch.redirectUris) {
        metadata = {
          ...metadata,
          redirect_uris: patch.redirectUris,
          response_types: patch.redirectUris.length > 0 ? ["code"] : [],
        };
        await save(metadata);
      }
      if (patch.switches) applySwitches(clientId, patch.switches);
      if (patch.disabled === true) store.disabledClients.add(clientId);
      if (patch.disabled === false) store.disabledClients.delete(clientId);
      store.changed();
      return describe(metadata);
    },
    clients: () => store.all("Client").map((metadata) => describe(metadata as ClientMetadata)),
    async setSwitches(clientId, switches) {
      await control.updateClient(clientId, { switches });
    },
    async revokeGrants(filter) {
      const { accountId, clientId } = RevokeSchema.parse(filter);
      const ended = store
        .all("Grant")
        .filter((grant) => (!accountId || grant.accountId === accountId) && (!clientId || grant.clientId === clientId));
      for (const grant of ended) store.revokeGrant(String(grant.jti));
      return ended.length;
    },
    log: tokenLog.list,
    revocations: revocationLog.list,
    clearLog() {
      tokenLog.clear();
      revocationLog.clear();
    },
  };
  return control;
}

function metadataOf(input: z.output<typeof ClientInputSchema>): ClientMetadata {
  const method = input.tokenEndpointAuthMethod ?? "client_secret_basic";
  const hasSecret = method.startsWith("client_secret");
  return {
    client_id: input.clientId ?? `client-${randomBytes(8).toString("hex")}`,
    ...(hasSecret ? { client_secret: input.clientSecret ?? randomBytes(32).toString("base64url") } : {}),
    ...(input.clientName ? { client_name: input.clientName } : {}),
    ...(input.jwks ? { jwks: input.jwks as ClientMetadata["jwks"] } : {}),
    redirect_uris: input.redirectUris,
    response_types: input.redirectUris.length > 0 ? ["code"] : [],
    grant_types: GRANT_TYPES.filter((type) => method !== "none" || type !== "client_credentials"),
    token_endpoint_auth_method: method,
    // Not "native": for those oidc-provider lets the port of a loopback address differ.
    application_type: "web",
  };
}
