import type {
  AuthConfigFullFragment,
  ConnectionFlow,
  CreateAuthConfigInput,
  FieldFragment,
  SchemeDetailsFragment,
  UpdateAuthConfigInput,
} from "../../../api/gql.ts";
import { type FormValues, fieldsOf, initialValues } from "../../../forms/values.ts";
import { linesOf, valuesOf } from "../../shell/name-values.ts";

/** An auth config as it is being typed. Secrets are empty where the stored ones are kept. */
export interface Draft {
  name: string;
  description: string;
  /** False: the operator's default app, or one that registers itself at the provider. */
  ownApp: boolean;
  clientId: string;
  clientSecret: string;
  /** `2027-01-31`; empty: it does not run out. */
  secretExpires: string;
  webhookSecret: string;
  dropWebhookSecret: boolean;
  scopes: readonly string[];
  flows: readonly ConnectionFlow[];
  parameters: FormValues;
  /** Of the authorization request, one `name=value` a line. */
  extra: string;
  /** Names of the credential fields that are supplied here for everyone. */
  preset: readonly string[];
  /** Only what was typed: of the stored ones nothing is ever shown. */
  presets: FormValues;
}

const EXTRA = "authorizationParameters";

export function emptyDraft(scheme: SchemeDetailsFragment, managed: boolean, name: string): Draft {
  return {
    name,
    description: "",
    ownApp: scheme.usesClient && !managed && !scheme.selfRegistration,
    clientId: "",
    clientSecret: "",
    secretExpires: "",
    webhookSecret: "",
    dropWebhookSecret: false,
    scopes: scheme.scopes.filter((scope) => scope.default).map((scope) => scope.name),
    flows: scheme.flows.slice(0, 1),
    parameters: initialValues(scheme.authConfigFields),
    extra: "",
    preset: [],
    presets: {},
  };
}

export function draftOf(config: AuthConfigFullFragment, scheme: SchemeDetailsFragment): Draft {
  const { [EXTRA]: extra, ...values } = (config.parameters ?? {}) as Record<string, unknown>;
  const typed = Object.entries(values).map(
    ([name, value]) => [name, typeof value === "boolean" ? value : textOf(value)] as const,
  );
  return {
    ...emptyDraft(scheme, true, config.name),
    description: config.description ?? "",
    ownApp: config.ownApp === true,
    clientId: config.clientId ?? "",
    secretExpires: config.clientSecretExpiresAt?.slice(0, 10) ?? "",
    scopes: config.scopes ?? [],
    flows: config.flows ?? [],
    parameters: { ...initialValues(scheme.authConfigFields), ...Object.fromEntries(typed) },
    extra: linesOf((extra ?? {}) as Record<string, string>),
    preset: config.presetFields ?? [],
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Each can be preset by itself, so their conditions on one another don't count. */
export function presettable(scheme: SchemeDetailsFragment, draft: Draft): FieldFragment[] {
  return scheme.credentialFields
    .filter((field) => draft.preset.includes(field.name))
    .map((field) => ({ ...field, visibleWhen: null, group: null }));
}

export function createInput(draft: Draft, connectorSlug: string, scheme: SchemeDetailsFragment): CreateAuthConfigInput {
  const parameters = { ...fieldsOf(scheme.authConfigFields, draft.parameters), ...extraOf(draft) };
  const presets = fieldsOf(presettable(scheme, draft), draft.presets);
  return {
    connectorSlug,
    schemeKey: scheme.key,
    name: draft.name.trim(),
    description: draft.description.trim() || undefined,
    ...(draft.ownApp && {
      clientId: draft.clientId.trim() || undefined,
      clientSecret: draft.clientSecret || undefined,
      clientSecretExpiresAt: expiryOf(draft) ?? undefined,
    }),
    webhookSecret: draft.webhookSecret || undefined,
    ...(scheme.scopes.length + draft.scopes.length > 0 && { scopes: [...draft.scopes] }),
    ...(scheme.flows.length > 0 && { flows: [...draft.flows] }),
    ...(Object.keys(parameters).length > 0 && { parameters }),
    ...(Object.keys(presets).length > 0 && { presetCredentialFields: presets }),
  };
}

/** Only what has changed: what is absent stays as it is, secrets above all. */
export function updateInput(config: AuthConfigFullFragment, draft: Draft, scheme: SchemeDetailsFragment): UpdateAuthConfigInput {
  const before = draftOf(config, scheme);
  const changed = <Key extends keyof Draft>(key: Key) => JSON.stringify(before[key]) !== JSON.stringify(draft[key]);
  const input: UpdateAuthConfigInput = { id: config.id, version: config.version };
  if (changed("name")) input.name = draft.name.trim();
  if (changed("description")) input.description = draft.description.trim() || null;
  if (scheme.usesClient) Object.assign(input, clientChanges(before, draft));
  if (draft.webhookSecret) input.webhookSecret = draft.webhookSecret;
  else if (draft.dropWebhookSecret) input.webhookSecret = null;
  if (changed("scopes")) input.scopes = [...draft.scopes];
  if (changed("flows")) input.flows = [...draft.flows];
  if (changed("parameters") || changed("extra")) input.parameters = parameterChanges(config, draft, scheme);
  const presets = presetChanges(config, draft, scheme);
  if (Object.keys(presets).length > 0) input.presetCredentialFields = presets;
  return input;
}

function clientChanges(before: Draft, draft: Draft): Partial<UpdateAuthConfigInput> {
  if (!draft.ownApp) return before.ownApp ? { clientId: null } : {};
  const clientId = draft.clientId.trim();
  return {
    ...((!before.ownApp || clientId !== before.clientId) && { clientId }),
    ...(draft.clientSecret && { clientSecret: draft.clientSecret }),
    ...((draft.secretExpires !== before.secretExpires || draft.clientSecret) && { clientSecretExpiresAt: expiryOf(draft) }),
  };
}

/** A merge by key (RFC 7396): what is no longer there is null. */
function parameterChanges(config: AuthConfigFullFragment, draft: Draft, scheme: SchemeDetailsFragment) {
  const gone = Object.fromEntries(Object.keys((config.parameters ?? {}) as object).map((name) => [name, null]));
  return { ...gone, ...fieldsOf(scheme.authConfigFields, draft.parameters), ...extraOf(draft) };
}

function presetChanges(config: AuthConfigFullFragment, draft: Draft, scheme: SchemeDetailsFragment) {
  const gone = (config.presetFields ?? []).filter((name) => !draft.preset.includes(name));
  return { ...Object.fromEntries(gone.map((name) => [name, null])), ...fieldsOf(presettable(scheme, draft), draft.presets) };
}

/** The end of that day, wherever the reader is. */
function expiryOf({ secretExpires }: Draft): string | null {
  return secretExpires === "" ? null : `${secretExpires}T23:59:59.000Z`;
}

function extraOf({ extra }: Draft): Record<string, unknown> {
  const values = valuesOf(extra);
  return values ? { [EXTRA]: values } : {};
}
