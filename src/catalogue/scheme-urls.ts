/** What a connector's data say of URLs: every template that a scheme has, and what may stand in a host. */
import { type HostRule, type HostRules, hostVariablesOf } from "./templates.ts";
import type { ConnectorDefinition, FieldDefinition, KeptValue, SchemeDefinition, TwoStepSchemeDefinition } from "./types.ts";

/** A connector's rules for host variables, by the variable's full name. */
export function hostRulesOf(
  scheme: Pick<SchemeDefinition, "fields" | "discovered"> & { type?: SchemeDefinition["type"] },
): HostRules {
  const rules = new Map<string, HostRule>();
  for (const field of scheme.fields ?? []) {
    // Whoever names a whole host owns the secrets that go there: where the client is the project's, nobody but the project does.
    const isOwners = field.for === "authConfig" || (scheme.type !== "OAUTH2" && scheme.type !== "OAUTH1");
    rules.set(`connection.${field.name}`, hostRuleOf(isOwners ? field : { ...field, type: "STRING" }));
  }
  for (const { name, options, hostLabels = 1 } of [...(scheme.discovered ?? []), ...keptValuesOf(scheme as SchemeDefinition)]) {
    const variable = `connection.${name}`;
    if (!rules.has(variable)) rules.set(variable, options ? { oneOf: options } : { labels: hostLabels });
  }
  return rules;
}

function hostRuleOf({ options, type, hostLabels = 1 }: FieldDefinition): HostRule {
  if (options) return { oneOf: options.map((option) => option.value) };
  if (type === "HOST") return "WHOLE";
  return type === "URL" ? "BASE_URL" : { labels: hostLabels };
}

/** Every URL template of a connector, the API's among them. */
export function urlTemplatesOf(definition: Pick<ConnectorDefinition, "schemes" | "api">): string[] {
  const urls = definition.schemes.flatMap((scheme) => [
    ...Object.values(endpointsOf(scheme)),
    revocationUrlOf(scheme),
    ...loginUrlsOf(scheme),
    ...longLivedUrlsOf(scheme),
    followUpUrlOf(scheme),
  ]);
  const { baseUrl, verification } = definition.api ?? {};
  return [...urls, baseUrl, verification?.baseUrl].filter((url) => url !== undefined);
}

const ENDPOINTS = [
  "authorizationUrl",
  "tokenUrl",
  "refreshUrl",
  "registrationUrl",
  "revocationUrl",
  "userinfoUrl",
  "jwksUri",
  "deviceAuthorizationUrl",
  "pushedAuthorizationUrl",
  "requestTokenUrl",
  "accessTokenUrl",
  "userTokenUrl",
  "userCheckUrl",
] as const;

/** A scheme's endpoints, whatever its type: those that it has. */
export function endpointsOf(scheme: SchemeDefinition): Partial<Record<(typeof ENDPOINTS)[number], string>> {
  const all = scheme as Partial<Record<(typeof ENDPOINTS)[number], string>>;
  return Object.fromEntries(ENDPOINTS.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])));
}

/** Where a login of the provider's own making sends what was typed. */
export function loginUrlsOf(scheme: SchemeDefinition): string[] {
  return scheme.type === "TWO_STEP" ? [...scheme.login, ...(scheme.refresh ? [scheme.refresh] : [])].map(({ url }) => url) : [];
}

/** What one request of a login tells those after it. */
export function keptValuesOf(scheme: Pick<SchemeDefinition, "type">): KeptValue[] {
  return scheme.type === "TWO_STEP" ? ((scheme as TwoStepSchemeDefinition).login ?? []).flatMap(({ keep = [] }) => keep) : [];
}

/** Where a short-lived token is traded. */
function longLivedUrlsOf(scheme: SchemeDefinition): string[] {
  const own = scheme.type === "OAUTH2" ? scheme.longLived : undefined;
  return own ? [own.url, ...(own.renewal ? [own.renewal.url] : [])] : [];
}

/** Where a new token is taken first. */
function followUpUrlOf(scheme: SchemeDefinition): string | undefined {
  return scheme.type === "OAUTH2" || scheme.type === "OAUTH2_CLIENT_CREDENTIALS" ? scheme.followUp?.url : undefined;
}

/** Where a way to revoke that is not RFC 7009 is. */
export function revocationUrlOf(scheme: SchemeDefinition): string | undefined {
  return scheme.type === "OAUTH2" ? scheme.revocation?.url : undefined;
}

/**
 * True where the operator may set a default app for a connector: no host of it is anybody's choice, so the operator's
 * client secret can go to no other place (design 5.14).
 */
export function managedAppAllowed(definition: ConnectorDefinition): boolean {
  return definition.kind !== "CUSTOM" && urlTemplatesOf(definition).every((url) => hostVariablesOf(url).length === 0);
}
