import { z } from "zod";
import { fieldsFor, validateFields } from "../catalogue/fields.ts";
import { PROTOCOL_PARAMETERS } from "../catalogue/protocol-parameters.ts";
import { endpointsOf, urlTemplatesOf } from "../catalogue/scheme-urls.ts";
import { hostVariablesOf } from "../catalogue/templates.ts";
import type { FieldDefinition, SchemeDefinition } from "../catalogue/types.ts";
import type { Tx } from "../db/database.ts";
import { ConflictError, type InputIssue, InvalidInputError } from "../lib/errors.ts";
import { AUTHORIZATION_PARAMETERS } from "./auth-config-view.ts";
import type { ConnectorView } from "./connector-view.ts";
import { descriptionField, fault, type JsonObject, jsonObject, line, nameField, parseInput } from "./input.ts";
import { lockProject } from "./row-lock.ts";

/** The inputs that creating and updating share. What they mean together with a connector is checked below. */
export const configFields = {
  name: nameField,
  description: descriptionField.nullish(),
  clientId: line("The client id", 2_000).nullish(),
  // A private key in PEM has line breaks.
  clientSecret: z
    .string()
    .min(1, "The client secret is empty. Leave it out where there is none.")
    .max(16_384, "The client secret must have at most 16,384 characters.")
    .refine(
      (value) => value.isWellFormed() && !value.includes("\0"),
      fault("PATTERN", "The client secret holds characters that cannot be stored."),
    )
    .nullish(),
  clientSecretExpiresAt: z.date().nullish(),
  webhookSecret: line("The webhook secret", 2_000).nullish(),
  scopes: z.array(z.string()).max(200, "At most 200 scopes can be asked for.").nullish(),
  parameters: jsonObject("parameters").nullish(),
  presetCredentialFields: jsonObject("presetCredentialFields").nullish(),
  flows: z
    .array(z.enum(["AUTHORIZATION_CODE", "DEVICE", "CLIENT_CREDENTIALS"]))
    .min(1, "Name one flow at least.")
    .max(3)
    .nullish(),
};

/** Whether the config has a client of its own at the provider. Of the other schemes the credential's fields hold everything. */
export function hasClient(scheme: SchemeDefinition): boolean {
  return scheme.type === "OAUTH2" || scheme.type === "OAUTH1" || scheme.type === "APP_INSTALLATION";
}

/** Throws InvalidInputError where a client is given to a scheme that has no use for one. */
export function assertNoClient(given: Partial<Record<ClientInput, unknown>>, scheme: SchemeDefinition): void {
  if (hasClient(scheme)) return;
  const issues = CLIENT_INPUTS.filter((key) => given[key] != null && given[key] !== false).map((key): InputIssue => {
    const message = `The scheme “${scheme.name}” has no OAuth client on the auth config: leave ${key} out.`;
    return { path: [key], code: "NOT_ALLOWED", message };
  });
  if (issues.length > 0) throw new InvalidInputError(issues);
}

/** Throws InvalidInputError where a webhook secret is given that nothing would be checked with, or that cannot be one. */
export function assertWebhookSecret(secret: string | null | undefined, { name, webhooks }: ConnectorView): void {
  if (!secret) return;
  const refuse = (message: string) => InvalidInputError.at(["webhookSecret"], "NOT_ALLOWED", message);
  if (!webhooks) throw refuse(`Moorline does not know how ${name} signs webhooks: leave webhookSecret out.`);
  if (webhooks.secret === "CLIENT_SECRET")
    throw refuse(`${name} signs its webhooks with the client secret: leave webhookSecret out.`);
  if (webhooks.signature.type === "STANDARD_WEBHOOKS" && !/^(whsec_)?[A-Za-z0-9+/]{4,}={0,2}$/.test(secret))
    throw InvalidInputError.at(
      ["webhookSecret"],
      "PATTERN",
      "This provider's webhook secrets are base64, with “whsec_” before it.",
    );
}

const CLIENT_INPUTS = ["clientId", "clientSecret", "clientSecretExpiresAt", "retireNow"] as const;
type ClientInput = (typeof CLIENT_INPUTS)[number];

function hasScopes(scheme: SchemeDefinition): boolean {
  return scheme.type === "OAUTH2" || scheme.type === "OAUTH2_CLIENT_CREDENTIALS" || (scheme.scopes ?? []).length > 0;
}

/** Custom scopes exist, so unknown names pass; what could not be told from a separator does not (RFC 6749 section 3.3). */
export function checkScopes(scopes: readonly string[], scheme: SchemeDefinition): string[] {
  if (scopes.length > 0 && !hasScopes(scheme))
    throw InvalidInputError.at(["scopes"], "NOT_ALLOWED", `The scheme “${scheme.name}” has no scopes: leave them out.`);
  const separator = scheme.scopeSeparator ?? " ";
  const issues = scopes.flatMap((scope, index): InputIssue[] => {
    const at = { path: ["scopes", String(index)] };
    if (scope === "") return [{ ...at, code: "REQUIRED", message: "A scope is empty. Leave it out." }];
    if (scope.length > 500) return [{ ...at, code: "TOO_LONG", message: "A scope must have at most 500 characters." }];
    if (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope) || scope.includes(separator.trim() || " ")) {
      return [
        { ...at, code: "PATTERN", message: `“${scope.slice(0, 50)}” is not one scope: give each one as an element of the list.` },
      ];
    }
    if (scopes.indexOf(scope) !== index) return [{ ...at, code: "NOT_ALLOWED", message: `The scope “${scope}” is there twice.` }];
    return [];
  });
  if (issues.length > 0) throw new InvalidInputError(issues);
  return [...scopes];
}

export function defaultScopes(scheme: SchemeDefinition): string[] {
  return (scheme.scopes ?? []).filter((scope) => scope.default).map((scope) => scope.name);
}

/** A device code can be handed to a victim, so the device flow is on only where it is asked for and the provider has it. */
export function checkFlows(flows: readonly string[] | null | undefined, scheme: SchemeDefinition): string[] {
  const possible: string[] = flowsOf(scheme);
  if (!flows) return possible.slice(0, 1);
  if (possible.length === 0)
    throw InvalidInputError.at(["flows"], "NOT_ALLOWED", `The scheme “${scheme.name}” has no flows: leave them out.`);
  const issues = flows.flatMap((flow, index): InputIssue[] =>
    possible.includes(flow)
      ? []
      : [
          {
            path: ["flows", String(index)],
            code: "NOT_ALLOWED",
            message: `This connector does not have the flow ${flow}. It has: ${possible.join(", ")}.`,
          },
        ],
  );
  if (issues.length > 0) throw new InvalidInputError(issues);
  return [...new Set(flows)];
}

type Flow = "AUTHORIZATION_CODE" | "DEVICE" | "CLIENT_CREDENTIALS";

/** What `flows` may hold, the default one first; empty: the scheme has none. */
export function flowsOf(scheme: SchemeDefinition): Flow[] {
  if (scheme.type === "OAUTH2_CLIENT_CREDENTIALS") return ["CLIENT_CREDENTIALS"];
  if (!hasClient(scheme)) return [];
  // Whoever knows a public client's id could be it, so it gets no tokens of its own (RFC 6749 section 4.4).
  const isConfidential = scheme.type === "OAUTH2" && scheme.tokenAuthMethod !== "NONE";
  const hasDevice = endpointsOf(scheme).deviceAuthorizationUrl !== undefined;
  const possible: Flow[] = ["AUTHORIZATION_CODE"];
  if (hasDevice) possible.push("DEVICE");
  if (isConfidential) possible.push("CLIENT_CREDENTIALS");
  return possible;
}

/** Beside what the protocol sets: these would change where the answer goes, or whose session is asked. */
const REFUSED_PARAMETERS = new Set([...PROTOCOL_PARAMETERS, "response_mode", "access_token", "id_token_hint", "dpop_jkt"]);

/** The config's non-secret values: the scheme's own fields, and `authorizationParameters` beside them. */
export function checkParameters(parameters: JsonObject, scheme: SchemeDefinition): JsonObject {
  const { [AUTHORIZATION_PARAMETERS]: extra, ...fields } = parameters;
  if (extra != null && !hasClient(scheme)) {
    const message = `The scheme “${scheme.name}” has no authorization request: leave its parameters out.`;
    throw InvalidInputError.at(["parameters", AUTHORIZATION_PARAMETERS], "UNKNOWN_FIELD", message);
  }
  const { values } = validateFields(fieldsFor(scheme, "authConfig"), fields, ["parameters"]);
  const checked = checkExtraParameters(extra);
  const all = checked ? { ...values, [AUTHORIZATION_PARAMETERS]: checked } : values;
  return parseInput(z.object({ parameters: jsonObject("parameters") }), { parameters: all }).parameters;
}

function checkExtraParameters(extra: unknown): Record<string, string> | null {
  if (extra === undefined || extra === null) return null;
  const path = ["parameters", AUTHORIZATION_PARAMETERS];
  if (typeof extra !== "object" || Array.isArray(extra)) {
    throw InvalidInputError.at(path, "WRONG_TYPE", "Authorization parameters are an object of names and texts.");
  }
  const entries = Object.entries(extra);
  if (entries.length > 50) throw InvalidInputError.at(path, "TOO_LONG", "At most 50 authorization parameters can be set.");
  const issues = entries.flatMap(([name, value]): InputIssue[] => {
    const at = { path: [...path, name] };
    if (REFUSED_PARAMETERS.has(name.toLowerCase())) {
      return [{ ...at, code: "NOT_ALLOWED", message: `“${name}” is set by the protocol and cannot be given here.` }];
    }
    if (typeof value !== "string") return [{ ...at, code: "WRONG_TYPE", message: `“${name}” must be a text.` }];
    if (!/^[\x21-\x7e]{1,100}$/.test(name))
      return [{ ...at, code: "PATTERN", message: "A parameter's name is one word of ASCII characters." }];
    return value.length > 2_000 ? [{ ...at, code: "TOO_LONG", message: `“${name}” must have at most 2,000 characters.` }] : [];
  });
  if (issues.length > 0) throw new InvalidInputError(issues);
  return Object.fromEntries(entries) as Record<string, string>;
}

/** Values that the project supplies for everyone: any of the credential fields, each by itself. */
export function checkPresets(presets: JsonObject, scheme: SchemeDefinition, connector: ConnectorView): JsonObject {
  const all = fieldsFor(scheme, "credential");
  const fields = all
    .filter((field) => Object.hasOwn(presets, field.name))
    .map(({ visibleWhen: _whatever, ...field }): FieldDefinition => field);
  const { values } = validateFields(fields, presets, ["presetCredentialFields"]);
  if (scheme.type === "APP_INSTALLATION" && values.userSecret === undefined) {
    // Without it nobody could tell whether an installation that comes back is that of who came back (schemes/app-installation).
    const message = "The app's own client secret is needed beside its private key: preset it as userSecret.";
    throw InvalidInputError.at(["presetCredentialFields", "userSecret"], "REQUIRED", message);
  }
  // A host that a user supplies is never combined with another owner's secret (design 5.14).
  const hosts = hostFields(connector).filter(
    (name) => values[name] === undefined && all.some((field) => field.name === name && !isDecidedHidden(field, values)),
  );
  const secret = fields.find((field) => field.secret && values[field.name] !== undefined);
  if (secret && hosts.length > 0) {
    const message = `${secret.label} would be sent to a host that each user chooses. Preset ${hosts.join(", ")} too.`;
    throw InvalidInputError.at(["presetCredentialFields", secret.name], "NOT_ALLOWED", message);
  }
  return values;
}

/** A preset has decided that nobody is asked for this one. */
function isDecidedHidden({ visibleWhen }: FieldDefinition, presets: JsonObject): boolean {
  return (visibleWhen ?? []).some(({ field, in: values }) => presets[field] !== undefined && !values.includes(presets[field]));
}

/** Names of the values that decide which host secrets are sent to (design 5.14). */
export function hostFields(connector: ConnectorView): string[] {
  const names = urlTemplatesOf(connector).flatMap(hostVariablesOf);
  const inHosts = names.filter((name) => name.startsWith("connection.")).map((name) => name.slice("connection.".length));
  const native = connector.schemes.flatMap((scheme) => (scheme.type === "NATIVE" ? scheme.address : []));
  return [...new Set([...inHosts, ...native])];
}

/** Of two that take a name at once the second sees the first. Throws ConflictError DUPLICATE_NAME. */
export async function assertNameIsFree(
  tx: Tx,
  row: { projectId: string; connectorSlug: string; name: string },
  exceptId?: string,
): Promise<void> {
  await lockProject(tx, row.projectId);
  const { projectId, connectorSlug, name } = row;
  const taken = await tx.authConfig.findFirst({
    where: { projectId, connectorSlug, name, deletedAt: null, ...(exceptId && { id: { not: exceptId } }) },
    select: { id: true },
  });
  if (taken)
    throw new ConflictError("DUPLICATE_NAME", `This connector has an auth config named “${name}” already. Choose another name.`);
}

/** Whether a client of one's own has no use without its secret. */
export function needsSecret(scheme: SchemeDefinition): boolean {
  return (
    scheme.type === "OAUTH1" ||
    scheme.type === "APP_INSTALLATION" ||
    (scheme.type === "OAUTH2" && scheme.tokenAuthMethod !== "NONE")
  );
}

export function noManagedApp(connector: ConnectorView): ConflictError {
  return new ConflictError(
    "NO_MANAGED_APP",
    `This Moorline has no default app for ${connector.name}. Register one at the provider and give its clientId and clientSecret.`,
  );
}
