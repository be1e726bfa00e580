import { fieldsFor, isVisible, validateFields } from "../catalogue/fields.ts";
import type { ConnectionValues, FieldDefinition, SchemeDefinition } from "../catalogue/types.ts";
import type { AuthConfig, Credential } from "../db/generated/client.ts";
import { CredentialNotUsableError } from "../lib/errors.ts";
import { credentialFieldsOf } from "./auth-config-view.ts";
import type { ConnectorView } from "./connector-view.ts";

/** What somebody typed for a scheme, checked, and parted into what is sealed and what may be read. */
export interface TypedFields {
  secrets: Record<string, unknown>;
  /** No secrets: they stand in the row's `parameters`. */
  parameters: Record<string, unknown>;
}

/**
 * What a user has still to type, presets left out. `known` are the config's own values: a condition on one of them is decided already,
 * so that a field either is always asked for or never.
 */
export function fieldsToType(
  authConfig: Pick<AuthConfig, "schemeKey" | "presetFields">,
  connector: ConnectorView,
  known: ConnectionValues,
): FieldDefinition[] {
  const all = credentialFieldsOf(authConfig, connector);
  const isTyped = (name: string) => all.some((field) => field.name === name);
  return all.flatMap(({ visibleWhen = [], ...field }) => {
    const decided = visibleWhen.filter((condition) => !isTyped(condition.field));
    if (!isVisible({ ...field, visibleWhen: decided }, known)) return [];
    const open = visibleWhen.filter((condition) => isTyped(condition.field));
    return [open.length > 0 ? { ...field, visibleWhen: open } : field];
  });
}

/** Throws InvalidInputError with one issue for each fault, each path beginning with `path`. */
export function checkTyped(fields: readonly FieldDefinition[], given: unknown, path: readonly string[]): TypedFields {
  const { values } = validateFields(fields, given, path);
  const typed: TypedFields = { secrets: {}, parameters: {} };
  for (const [name, value] of Object.entries(values)) {
    const isSecret = fields.find((field) => field.name === name)?.secret === true;
    typed[isSecret ? "secrets" : "parameters"][name] = value;
  }
  return typed;
}

/** What stands in a credential's row of what somebody typed: no secrets, and not what the provider told on the way. */
export function typedParameters(
  authConfig: Pick<AuthConfig, "schemeKey" | "presetFields">,
  connector: ConnectorView,
  { parameters }: Pick<Credential, "parameters">,
): Record<string, unknown> {
  const all = parameters as Record<string, unknown>;
  const shown = credentialFieldsOf(authConfig, connector).filter(({ name, secret }) => !secret && all[name] !== undefined);
  return Object.fromEntries(shown.map(({ name }) => [name, all[name]]));
}

/** The names of a scheme's secret credential fields. */
export function secretNames(scheme: SchemeDefinition): string[] {
  return fieldsFor(scheme, "credential")
    .filter((field) => field.secret)
    .map((field) => field.name);
}

/**
 * A field may have become required, or lost its preset, since the credential was saved: a call without it would only be refused.
 * Throws CredentialNotUsableError that names what is missing.
 */
export function assertComplete(scheme: SchemeDefinition, values: ConnectionValues, credential: Credential): void {
  const missing = missingFields(scheme, values);
  if (missing.length === 0) return;
  const labels = missing.map((field) => field.label).join(", ");
  throw new CredentialNotUsableError(
    `This credential lacks a value: ${labels}. Enter it with updateCredential, or preset it on the auth config.`,
    credential,
  );
}

export function missingFields(scheme: SchemeDefinition, values: ConnectionValues): FieldDefinition[] {
  return fieldsFor(scheme, "credential").filter(
    (field) => field.required && field.default === undefined && values[field.name] === undefined && isVisible(field, values),
  );
}
