import type { AuthConfig } from "../db/generated/client.ts";
import { createAuthConfig, deleteAuthConfig, setAuthConfigEnabled, updateAuthConfig } from "../domain/auth-config.ts";
import { InUseError, ProviderError } from "../lib/errors.ts";
import { builder } from "./builder.ts";
import { deletedPayload, mutation } from "./mutation.ts";
import { AuthConfigType } from "./refs.ts";
import { ConnectionFlowEnum } from "./statuses.ts";

const authConfigPayload = (name: string) =>
  builder.objectRef<{ authConfig: AuthConfig }>(name).implement({
    description: "The auth config as it now is.",
    fields: (t) => ({
      authConfig: t.field({ type: AuthConfigType, description: "The auth config.", resolve: ({ authConfig }) => authConfig }),
    }),
  });

const FLOWS =
  "Which flows may be used; default AUTHORIZATION_CODE alone. DEVICE: whoever starts it can hand the code to somebody else, whose account they then get, and no `verifyUrl` can tell; name it only where your product has devices without a browser. CLIENT_CREDENTIALS: for a client of your own with a secret.";
const WEBHOOK_SECRET =
  "What the provider signs the webhooks with that it posts to `webhookUrl`; only where it is not the client secret. Stored sealed; never shown again.";
const PRESETS =
  "Credential fields that the project supplies for everyone, so that no user is asked for them; a change reaches all credentials at once.";

export const CreateAuthConfigInput = builder.inputType("CreateAuthConfigInput", {
  description: "A way to connect.",
  fields: (t) => ({
    connectorSlug: t.string({ required: true, description: "The connector's slug." }),
    name: t.string({ required: true, description: "For people; 1 to 200 characters." }),
    schemeKey: t.string({ description: "Absent: the connector's first." }),
    clientId: t.string({
      description:
        "Both absent: the operator's default app, or a client that registers itself at the provider. Given: your own app.",
    }),
    clientSecret: t.string({
      description:
        "Your own app's secret; of an app that is installed (APP_INSTALLATION), its private key (PEM). Stored sealed; never shown again.",
    }),
    clientSecretExpiresAt: t.field({
      type: "DateTime",
      description: "When the provider ends the secret; then the status becomes EXPIRED.",
    }),
    webhookSecret: t.string({ description: WEBHOOK_SECRET }),
    scopes: t.stringList({ description: "Absent: every scope the connector marks as default." }),
    parameters: t.field({ type: "JSON", description: "Values of the scheme's `authConfigFields`: an object." }),
    presetCredentialFields: t.field({ type: "JSON", description: PRESETS }),
    flows: t.field({ type: [ConnectionFlowEnum], description: FLOWS }),
    description: t.string({ description: "More for people; at most 2,000 characters." }),
    idempotencyKey: t.string({ description: "Repeats within a day give the same object." }),
  }),
});

mutation("createAuthConfig", {
  description:
    "Lets the project's users connect accounts with a connector, by its own OAuth app or the operator's. Where there is neither and the provider lets clients register themselves (RFC 7591), one is registered.",
  input: CreateAuthConfigInput,
  payload: authConfigPayload("CreateAuthConfigPayload"),
  errors: [ProviderError],
  run: createAuthConfig,
});

export const UpdateAuthConfigInput = builder.inputType("UpdateAuthConfigInput", {
  description:
    "Changing `clientId` needs `confirm`: grants stay with the client that obtained them (RFC 6749 section 6), which is kept, sealed, for them until they are re-authorized, or until `retireNow`.",
  fields: (t) => ({
    id: t.id({ required: true, description: "`ac_…`" }),
    version: t.int({ description: "As read: where it has moved on, nothing is changed and the answer is STALE_VERSION." }),
    name: t.string({ description: "For people; 1 to 200 characters." }),
    description: t.string({ description: "More for people; at most 2,000 characters." }),
    clientId: t.string({ description: "Another app of your own; null returns to the operator's default app." }),
    clientSecret: t.string({ description: "A new secret. Stored sealed; never shown again." }),
    clientSecretExpiresAt: t.field({ type: "DateTime", description: "When the provider ends the secret." }),
    webhookSecret: t.string({ description: `${WEBHOOK_SECRET} Null takes it away.` }),
    scopes: t.stringList({ description: "Replaces the whole list; null: the connector's defaults." }),
    parameters: t.field({ type: "JSON", description: "Merges by top-level key (RFC 7396)." }),
    presetCredentialFields: t.field({ type: "JSON", description: `Merges by top-level key (RFC 7396). ${PRESETS}` }),
    flows: t.field({ type: [ConnectionFlowEnum], description: FLOWS }),
    retireNow: t.boolean({ description: "True: drop the old client at once; grants that need it become INVALID." }),
    confirm: t.boolean({ description: "True: although credentials are affected." }),
  }),
});

mutation("updateAuthConfig", {
  description:
    "Changes a config. What is changed reaches every credential at once, but for the client that existing grants were made with.",
  input: UpdateAuthConfigInput,
  payload: authConfigPayload("UpdateAuthConfigPayload"),
  errors: [InUseError],
  run: updateAuthConfig,
});

mutation("setAuthConfigEnabled", {
  description: "Switches a config on or off. Off: no new connections, and its credentials are not used.",
  input: builder.inputType("SetAuthConfigEnabledInput", {
    description: "Which config, and which way.",
    fields: (t) => ({
      id: t.id({ required: true, description: "`ac_…`" }),
      enabled: t.boolean({ required: true, description: "True: on." }),
    }),
  }),
  payload: authConfigPayload("SetAuthConfigEnabledPayload"),
  run: setAuthConfigEnabled,
});

mutation("deleteAuthConfig", {
  description:
    "InUseError until `confirm: true`; then its credentials are revoked, or moved to `reassignTo`. A client that was registered for it (RFC 7591) is removed at the provider once those are revoked (RFC 7592), for at most a day.",
  input: builder.inputType("DeleteAuthConfigInput", {
    description: "Which config to delete, and what becomes of its credentials.",
    fields: (t) => ({
      id: t.id({ required: true, description: "`ac_…`" }),
      confirm: t.boolean({ description: "True: although credentials are affected." }),
      reassignTo: t.id({
        description:
          "Another config that takes the credentials over: of the same connector and scheme, with the same values where secrets are sent, and for OAuth grants with the same client id. Absent: they are revoked.",
      }),
    }),
  }),
  payload: deletedPayload("DeleteAuthConfigPayload", "config"),
  errors: [InUseError],
  run: deleteAuthConfig,
});
