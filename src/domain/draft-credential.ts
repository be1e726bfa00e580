import { fieldsFor } from "../catalogue/fields.ts";
import { hostRulesOf, keptValuesOf, urlTemplatesOf } from "../catalogue/scheme-urls.ts";
import { expandUrl, TemplateError } from "../catalogue/templates.ts";
import type { ConnectionValues, FieldDefinition, SchemeDefinition } from "../catalogue/types.ts";
import type { AuthConfig, Credential } from "../db/generated/client.ts";
import { ConflictError, type InputIssue, InvalidInputError, ProviderError, TestFailedError } from "../lib/errors.ts";
import { Failure, type FailureDetails } from "../lib/failure.ts";
import { Secret } from "../lib/secret.ts";
import { SCHEMES, type TestOutcome } from "../schemes/index.ts";
import type { ProviderIdentity } from "../schemes/oauth2/types.ts";
import { askThirdParty, isTestable } from "./ask-third-party.ts";
import { fieldParameters } from "./auth-config-view.ts";
import { type ConnectorView, getConnector, schemeOf } from "./connector-view.ts";
import { fieldsOf } from "./credential-fields.ts";
import { CONFIG_CHANGED } from "./credential-health.ts";
import { OURSELVES } from "./grant-origins.ts";
import { mergeJson } from "./input.ts";
import { presetsOf } from "./oauth-client.ts";
import { type ObtainedTokens, obtainTokens } from "./obtain-tokens.ts";
import type { Services } from "./services.ts";
import { checkTyped, fieldsToType, type TypedFields } from "./typed-fields.ts";

/** A credential that is not there yet, or not yet what it is to be: everything that testing and storing it needs. Secrets inside. */
export interface Draft {
  authConfig: AuthConfig;
  connector: ConnectorView;
  scheme: SchemeDefinition;
  typed: TypedFields;
  /** As `Usable.values`: the config's parameters and presets, what was typed, what the provider told on the way. */
  values: ConnectionValues;
  /** Schemes that hold tokens: what the typed values brought. Null: none, or not asked for yet. */
  obtained: ObtainedTokens | null;
}

/** A draft that the third party has been asked about, as far as that was wanted and possible. */
export interface ProvenDraft extends Draft {
  /** Null: it was not asked. */
  outcome: TestOutcome | null;
  account: ProviderIdentity | null;
}

/**
 * Checks what was typed, before anything leaves or is saved. `before`: the saved credential that it changes; what is absent comes from
 * there. Throws InvalidInputError, each path beginning with `path`, or ConflictError where the scheme takes no typed values.
 */
export async function draftCredential(
  services: Services,
  authConfig: AuthConfig,
  given: unknown,
  before: Credential | null = null,
  path: readonly string[] = ["fields"],
): Promise<Draft> {
  const connector = await getConnector(services, authConfig.projectId, authConfig.connectorSlug);
  const scheme = typedScheme(connector, authConfig);
  const known = { ...fieldParameters(authConfig), ...(await presetsOf(services, authConfig)) };
  const fields = fieldsToType(authConfig, connector, known);
  const present = before ? { ...(before.parameters as object), ...(await fieldsOf(services, before)) } : {};
  const own = Object.fromEntries(Object.entries(present).filter(([name]) => fields.some((field) => field.name === name)));
  const typed = checkTyped(fields, patched(own, given, before), path);
  const values = { ...known, ...typed.parameters, ...typed.secrets };
  const draft: Draft = { authConfig, connector, scheme, typed, values, obtained: null };
  const origins = originsOf(draft, path);
  const originsBefore = () => placesOf(connector, scheme, { ...known, ...present }, () => "");
  const moved = before && (isCutOff(before) || !isSame(origins, originsBefore()));
  if (moved) assertTypedAnew(draft, given, path);
  return draft;
}

/** RFC 7396: what is absent stays, and null in place of the object takes out all of it. Of a new credential there is nothing to stay. */
function patched(own: Record<string, unknown>, given: unknown, before: Credential | null): unknown {
  return isObject(given) || (given === null && before) ? mergeJson(own, given) : given;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Throws ConflictError for what is connected at the provider, in a browser. */
export function typedScheme(connector: ConnectorView, authConfig: Pick<AuthConfig, "schemeKey">): SchemeDefinition {
  const scheme = schemeOf(connector, authConfig.schemeKey);
  if (!scheme)
    throw new ConflictError("CONFLICT", `${connector.name} no longer has the scheme of this auth config. Make a new one.`);
  if (!SCHEMES[scheme.type].redirects) return scheme;
  throw new ConflictError(
    "CONFLICT",
    `${connector.name} (${SCHEMES[scheme.type].name}) is connected at the provider, in a browser. Use initiateConnection.`,
  );
}

/** Whether the address was changed since the credential was connected: its secrets must not go there (design 5.14). */
function isCutOff(before: Credential): boolean {
  return before.health === "INVALID" && before.healthReason === CONFIG_CHANGED;
}

/** Where its secrets would go, every place once. Throws InvalidInputError about a typed value that fits no host or is missing. */
function originsOf({ connector, scheme, values, authConfig }: Draft, path: readonly string[]): string[] {
  return placesOf(connector, scheme, values, (error) => {
    if (isDiscovered(scheme, error)) return "";
    const field = fieldsFor(scheme, "credential").find(({ name }) => error.variable === `connection.${name}`);
    if (field && !authConfig.presetFields.includes(field.name)) throw badHost(field, error.reason, path);
    throw new ConflictError("CONFLICT", `${error.message} Correct the auth config “${authConfig.name}”.`);
  });
}

function badHost(
  { name, label, type }: FieldDefinition,
  reason: TemplateError["reason"],
  path: readonly string[],
): InvalidInputError {
  const at = [...path, name];
  if (reason === "UNFILLED") return InvalidInputError.at(at, "REQUIRED", `${label} is required.`);
  if (type === "URL")
    return InvalidInputError.at(at, "PATTERN", `${label} must begin with https://, without a user name, query or fragment.`);
  return InvalidInputError.at(at, "PATTERN", `${label} is not a name that this connector has a host for.`);
}

/** `unfit`: what stands for a place that the values do not name. */
function placesOf(
  { api }: ConnectorView,
  scheme: SchemeDefinition,
  values: ConnectionValues,
  unfit: (error: TemplateError) => string,
): string[] {
  // Whatever the values mean to the driver: another one is another place.
  if (scheme.type === "NATIVE") return scheme.address.map((name) => JSON.stringify(values[name] ?? null));
  return urlTemplatesOf({ schemes: [scheme], api }).map((template) => {
    try {
      return originOf(template, scheme, values);
    } catch (error) {
      if (error instanceof TemplateError) return unfit(error);
      throw error;
    }
  });
}

/** All of it is filled, the path too: what a call would find missing later is told now. */
function originOf(template: string, scheme: SchemeDefinition, values: ConnectionValues): string {
  return new URL(expandUrl(template, { connection: values }, hostRulesOf(scheme))).origin;
}

/** The provider tells it later, with the tokens or on the way to them. */
function isDiscovered(scheme: SchemeDefinition, { variable, reason }: TemplateError): boolean {
  const told = [...(scheme.discovered ?? []), ...keptValuesOf(scheme)];
  return reason === "UNFILLED" && told.some(({ name }) => variable === `connection.${name}`);
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.every((origin, index) => origin === b[index]);
}

/** No secret goes to a host that somebody has chosen since it was typed: who names the host types the secret with it. */
function assertTypedAnew({ typed }: Draft, given: unknown, path: readonly string[]): void {
  const fresh = isObject(given) ? given : {};
  const issues = Object.keys(typed.secrets)
    .filter((name) => fresh[name] == null)
    .map((name): InputIssue => {
      const message = "The address that this secret is sent to has changed: enter the secret again.";
      return { path: [...path, name], code: "REQUIRED", message };
    });
  if (issues.length > 0) throw new InvalidInputError(issues);
}

/** With its tokens, where the scheme holds any. Throws Failure. */
export async function withTokens(services: Services, draft: Draft): Promise<Draft> {
  const { scheme, authConfig, connector } = draft;
  if (!SCHEMES[scheme.type].holdsTokens) return draft;
  const obtained = await obtainTokens(services, { authConfig, scheme, connector, values: draft.values });
  return { ...draft, obtained, values: { ...draft.values, ...obtained.tokens.discovered } };
}

/** One harmless call with the draft. `clientSecret` is for schemes that sign with it. Never throws for what the third party does. */
export async function testDraft(services: Services, draft: Draft, clientSecret: Secret | null = null): Promise<ProvenDraft> {
  const { connector, scheme, values, obtained } = draft;
  const tokens = obtained?.tokens;
  const { outcome, account } = await askThirdParty(services, {
    api: connector.api,
    scheme,
    values,
    clientId: obtained?.clientId ?? null,
    apply: (request) =>
      SCHEMES[scheme.type].apply({
        scheme,
        api: connector.api,
        values,
        clientId: obtained?.clientId ?? null,
        clientSecret,
        accessToken: tokens?.accessToken ?? null,
        tokenSecret: tokens?.tokenSecret ?? null,
        request,
      }),
  });
  // Of what was typed a token that was given for it says as much, where the connector's data have no call to ask with.
  const isProven = outcome.code === "NOT_TESTABLE" && !SCHEMES[scheme.type].redirects && obtained?.tokenOrigin !== OURSELVES;
  const told = isProven && obtained ? TOKEN_GIVEN : outcome;
  return { ...draft, outcome: told, account: account ?? obtained?.account ?? null };
}

const TOKEN_GIVEN: TestOutcome = {
  ok: true,
  code: "OK",
  message: "The provider accepts what was entered, and has given a token for it.",
  remedy: null,
  latencyMs: 0,
};

/**
 * Tokens are obtained where the scheme has any; then, where `test` says so, the third party is asked. Throws TestFailedError where that
 * was wanted and fails, ProviderError where tokens could not be had.
 */
export async function proveDraft(services: Services, draft: Draft, test: boolean): Promise<ProvenDraft> {
  try {
    const ready = await withTokens(services, draft);
    if (!test) return { ...ready, outcome: null, account: ready.obtained?.account ?? null };
    const proven = await testDraft(services, ready);
    if (proven.outcome?.ok) return proven;
    throw await testFailed(services, proven.outcome!);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw test ? await testFailed(services, outcomeOf(error.details)) : providerError(error.details);
  }
}

export async function testFailed({ database }: Services, outcome: TestOutcome): Promise<TestFailedError> {
  return new TestFailedError({ ...outcome, at: await database.now() });
}

export function canTest({ connector, scheme }: Draft): boolean {
  return isTestable({ scheme, api: connector.api });
}

/** What stopped a test before the third party was asked about it, in a test's own words. */
export function outcomeOf({ code, message, remedy }: FailureDetails): TestOutcome {
  const known = {
    INVALID_CLIENT: "INVALID_CREDENTIALS",
    INVALID_GRANT: "INVALID_CREDENTIALS",
    INVALID_CREDENTIALS: "INVALID_CREDENTIALS",
    INVALID_SCOPE: "PERMISSION_DENIED",
    SCOPE_NOT_APPROVED: "PERMISSION_DENIED",
    RATE_LIMITED: "RATE_LIMITED",
  } as const;
  return { ok: false, code: known[code as keyof typeof known] ?? "PROVIDER_ERROR", message, remedy, latencyMs: 0 };
}

function providerError({ message, remedy, code, ...details }: FailureDetails): ProviderError {
  const { providerCode, providerStatus, retryable, retryAfterSeconds } = details;
  const kind = code === "RATE_LIMITED" ? "RATE_LIMITED" : "PROVIDER_ERROR";
  return new ProviderError(`${message} ${remedy}`, { providerCode, providerStatus, retryable, retryAfterSeconds }, kind);
}

/** The typed secrets as they are sealed: one blob of all of them, so that a user name never stands beside another's password. */
export function sealedFields({ typed }: Draft): Secret {
  return new Secret(JSON.stringify(typed.secrets));
}
